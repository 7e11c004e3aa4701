//! Sizes of axes: integer polynomials in the free sizes and in whole quotients, in normal form, so that two sizes without
//! quotients are equal exactly when their normal forms are, and any two are if their normal forms are. Almost every size is a
//! number; `batch` is the usual free one, and windows some places apart along a free axis make a quotient.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A free size: an axis whose length is known only when the program is specialised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sym(pub Arc<str>);

/// What polynomials are made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Atom {
    Free(Sym),
    /// The whole quotient of a size by a number above 1, rounded down. The size's coefficients and its number lie below the
    /// divisor, none is negative, and it is no quotient plus a number.
    Floor(Arc<Dim>, i64),
}

/// A product of atoms with their powers, sorted.
type Monomial = Vec<(Atom, u32)>;

/// An integer polynomial in the free sizes and in whole quotients.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dim {
    /// Coefficients by monomial, none of which is empty; no coefficient is zero.
    terms: BTreeMap<Monomial, i64>,
    /// The constant term. Apart, so that a number takes no memory of its own.
    number: i64,
}

impl Dim {
    /// The number `n`.
    pub const fn constant(n: i64) -> Dim {
        Dim { terms: BTreeMap::new(), number: n }
    }

    /// The free size `name`.
    pub fn sym(name: &str) -> Dim {
        Dim::atom(Atom::Free(Sym(name.into())))
    }

    fn atom(atom: Atom) -> Dim {
        Dim { terms: BTreeMap::from([(vec![(atom, 1)], 1)]), number: 0 }
    }

    /// The number it is, if no free size occurs.
    pub fn as_constant(&self) -> Option<i64> {
        self.terms.is_empty().then_some(self.number)
    }

    /// Whether it is the number 1.
    pub fn is_one(&self) -> bool {
        self.as_constant() == Some(1)
    }

    /// Whether it is one free size, as it stands.
    pub fn is_sym(&self) -> bool {
        let one = |(m, &factor): (&Monomial, &i64)| factor == 1 && matches!(m.as_slice(), [(Atom::Free(_), 1)]);
        self.number == 0 && self.terms.len() == 1 && self.terms.iter().all(one)
    }

    /// The sum; `None` when a coefficient leaves 64 bits.
    pub fn checked_add(&self, other: &Dim) -> Option<Dim> {
        let number = self.number.checked_add(other.number)?;
        let mut terms = self.terms.clone();
        for (monomial, c) in &other.terms {
            let sum = terms.get(monomial).copied().unwrap_or(0).checked_add(*c)?;
            if sum == 0 {
                terms.remove(monomial);
            } else {
                terms.insert(monomial.clone(), sum);
            }
        }
        Some(Dim { terms, number })
    }

    /// The difference; `None` on overflow.
    pub fn checked_sub(&self, other: &Dim) -> Option<Dim> {
        self.checked_add(&other.checked_mul(&Dim::constant(-1))?)
    }

    /// The product; `None` on overflow.
    pub fn checked_mul(&self, other: &Dim) -> Option<Dim> {
        let mut res = self.times(other.number)?.checked_add(&other.without_number().times(self.number)?)?;
        for (m1, c1) in &self.terms {
            for (m2, c2) in &other.terms {
                let mut powers: BTreeMap<Atom, u32> = m1.iter().cloned().collect();
                for (s, p) in m2 {
                    let power = powers.entry(s.clone()).or_insert(0);
                    *power = power.checked_add(*p)?;
                }
                let terms = BTreeMap::from([(powers.into_iter().collect(), c1.checked_mul(*c2)?)]);
                res = res.checked_add(&Dim { terms, number: 0 })?;
            }
        }
        Some(res)
    }

    fn without_number(&self) -> Dim {
        Dim { terms: self.terms.clone(), number: 0 }
    }

    /// The product with a number; `None` on overflow.
    fn times(&self, n: i64) -> Option<Dim> {
        self.each(|c| c.checked_mul(n))
    }

    /// The exact quotient by a number: `None` unless it divides every coefficient.
    pub fn div_exact(&self, n: i64) -> Option<Dim> {
        self.each(|c| (c.checked_rem(n)? == 0).then(|| c / n))
    }

    /// The whole quotient by a number of at least 1, rounded down; `None` on overflow.
    ///
    /// With `self = n·q + r` it is `q + floor(r / n)`, and `floor((floor(a / m) + c) / n) = floor((a + m·c) / (m·n))`.
    pub fn div_floor(&self, n: i64) -> Option<Dim> {
        if n < 1 {
            return None;
        }
        let (whole, rest) = (self.each(|c| Some(c.div_euclid(n)))?, self.each(|c| Some(c.rem_euclid(n)))?);
        if rest.terms.is_empty() {
            return Some(whole);
        }
        let quotient =
            rest.terms.iter().next().filter(|_| rest.terms.len() == 1).and_then(|(m, c)| match m.as_slice() {
                [(Atom::Floor(size, by), 1)] if *c == 1 => Some((size, *by)),
                _ => None,
            });
        let rounded = match quotient {
            Some((size, by)) => {
                size.checked_add(&Dim::constant(rest.number.checked_mul(by)?))?.div_floor(by.checked_mul(n)?)?
            }
            None => Dim::atom(Atom::Floor(Arc::new(rest), n)),
        };
        whole.checked_add(&rounded)
    }

    /// `f` of every coefficient.
    fn each(&self, f: impl Fn(i64) -> Option<i64>) -> Option<Dim> {
        let number = f(self.number)?;
        let mut terms = BTreeMap::new();
        for (monomial, c) in &self.terms {
            let c = f(*c)?;
            if c != 0 {
                terms.insert(monomial.clone(), c);
            }
        }
        Some(Dim { terms, number })
    }

    /// Its value where `size` gives the free sizes; `None` for an unknown size or on overflow.
    pub fn eval(&self, size: &dyn Fn(&Sym) -> Option<i64>) -> Option<i64> {
        let mut sum = self.number;
        for (monomial, c) in &self.terms {
            let mut product = *c;
            for (atom, power) in monomial {
                let value = match atom {
                    Atom::Free(sym) => size(sym)?,
                    Atom::Floor(of, by) => of.eval(size)?.div_euclid(*by),
                };
                product = product.checked_mul(value.checked_pow(*power)?)?;
            }
            sum = sum.checked_add(product)?;
        }
        Some(sum)
    }

    /// Whether it is no negative number whatever the free sizes are; a size of which this holds without showing it is not found.
    pub fn is_never_negative(&self) -> bool {
        self.number >= 0 && self.terms.values().all(|c| *c >= 0)
    }

    /// The number of places that it is, once sizes are numbers; 0 before.
    pub fn places(&self) -> usize {
        self.as_constant().and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
    }

    /// The free sizes that occur.
    pub fn syms(&self) -> Box<dyn Iterator<Item = &Sym> + '_> {
        Box::new(self.terms.keys().flatten().flat_map(|(atom, _)| match atom {
            Atom::Free(sym) => Box::new(std::iter::once(sym)),
            Atom::Floor(of, _) => of.syms(),
        }))
    }
}

impl From<usize> for Dim {
    /// Sizes in memory are far below 2^63.
    fn from(n: usize) -> Dim {
        Dim::constant(i64::try_from(n).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Terms with free sizes first, the constant last: `batch + 1`.
        let number = (self.number != 0 || self.terms.is_empty()).then_some((&[][..], self.number));
        let terms = self.terms.iter().rev().map(|(monomial, c)| (&monomial[..], *c));
        for (i, (monomial, c)) in terms.chain(number).enumerate() {
            match (i, c < 0) {
                (0, true) => f.write_str("-")?,
                (0, false) => {}
                (_, true) => f.write_str(" - ")?,
                (_, false) => f.write_str(" + ")?,
            }
            let c = c.unsigned_abs();
            if c != 1 || monomial.is_empty() {
                write!(f, "{c}")?;
                if !monomial.is_empty() {
                    f.write_str("*")?;
                }
            }
            for (j, (s, power)) in monomial.iter().enumerate() {
                if j > 0 {
                    f.write_str("*")?;
                }
                match s {
                    Atom::Free(sym) => f.write_str(&sym.0)?,
                    Atom::Floor(of, by) if of.is_sym() => write!(f, "floor({of} / {by})")?,
                    Atom::Floor(of, by) => write!(f, "floor(({of}) / {by})")?,
                }
                if *power != 1 {
                    write!(f, "^{power}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Dim;

    #[test]
    fn whole_quotients_have_a_normal_form() {
        let number = Dim::constant;
        let t = Dim::sym("time");
        let add = |d: &Dim, n: i64| d.checked_add(&number(n)).unwrap();
        let half = t.div_floor(2).unwrap();
        assert_eq!(add(&t, 5).div_floor(2).unwrap().to_string(), "floor((time + 1) / 2) + 2");
        assert_eq!(add(&t.checked_mul(&number(4)).unwrap(), -3).div_floor(2).unwrap().to_string(), "2*time - 2");
        assert_eq!(add(&half, 3).div_floor(3), add(&t, 6).div_floor(6));
        assert_eq!(add(&half, 3).div_floor(3).unwrap().to_string(), "floor(time / 6) + 1");
        assert!(half.syms().eq(t.syms()) && !half.is_sym());
        assert_eq!((number(-7).div_floor(2), number(7).div_floor(0)), (Some(number(-4)), None));
        for n in 0..50 {
            let size = |_: &_| Some(n);
            for (by, more) in [(2, -3), (3, 1), (5, 12)] {
                let once = add(&t.checked_mul(&number(7)).unwrap(), more);
                let twice = add(&once.div_floor(by).unwrap(), more).div_floor(4).unwrap();
                let want = ((7 * n + more).div_euclid(by) + more).div_euclid(4);
                assert_eq!(twice.eval(&size), Some(want), "{twice} at {n}");
            }
        }
    }

    #[test]
    fn equal_polynomials_have_equal_normal_forms() {
        let (b, two) = (Dim::sym("batch"), Dim::constant(2));
        let left = b.checked_add(&two).unwrap().checked_mul(&b.checked_sub(&two).unwrap()).unwrap();
        let right = b.checked_mul(&b).unwrap().checked_sub(&Dim::constant(4)).unwrap();
        assert_eq!(left, right);
        assert_eq!(left.to_string(), "batch^2 - 4");
        assert_eq!(left.eval(&|_| Some(5)), Some(21));
        assert_eq!(b.checked_sub(&b).unwrap().as_constant(), Some(0));
        assert_eq!(b.checked_mul(&Dim::constant(0)).unwrap(), Dim::constant(0));
        assert_eq!(left.div_exact(2), None);
        assert_eq!(left.checked_mul(&Dim::constant(-3)).unwrap().to_string(), "-3*batch^2 + 12");
        assert_eq!([0, -7].map(|n| Dim::constant(n).to_string()), ["0", "-7"]);
        assert_eq!(b.checked_mul(&Dim::constant(6)).unwrap().div_exact(4), None);
        assert_eq!(Dim::constant(i64::MIN).div_exact(-1), None);
        assert_eq!(Dim::constant(i64::MAX).checked_add(&Dim::constant(1)), None);
    }
}
