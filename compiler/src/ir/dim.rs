//! Sizes of axes: integer polynomials in the free sizes, in normal form, so that two sizes are equal exactly when their
//! normal forms are. Almost every size is a number; `batch` is the usual free one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A free size: an axis whose length is known only when the program is specialised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sym(pub Arc<str>);

/// A product of free sizes with their powers, sorted by name.
type Monomial = Vec<(Sym, u32)>;

/// An integer polynomial in the free sizes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dim {
    /// Coefficients by monomial, none of which is empty; no coefficient is zero.
    terms: BTreeMap<Monomial, i64>,
    /// The constant term. Apart, so that a number takes no memory of its own.
    number: i64,
}

impl Dim {
    /// The number `n`.
    pub fn constant(n: i64) -> Dim {
        Dim { terms: BTreeMap::new(), number: n }
    }

    /// The free size `name`.
    pub fn sym(name: &str) -> Dim {
        Dim { terms: BTreeMap::from([(vec![(Sym(name.into()), 1)], 1)]), number: 0 }
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
        let one = |(m, &factor): (&Monomial, &i64)| factor == 1 && matches!(m.as_slice(), [(_, 1)]);
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
                let mut powers: BTreeMap<Sym, u32> = m1.iter().cloned().collect();
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
            for (s, power) in monomial {
                product = product.checked_mul(size(s)?.checked_pow(*power)?)?;
            }
            sum = sum.checked_add(product)?;
        }
        Some(sum)
    }

    /// The free sizes that occur.
    pub fn syms(&self) -> impl Iterator<Item = &Sym> {
        self.terms.keys().flatten().map(|(s, _)| s)
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
                f.write_str(&s.0)?;
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
