//! Constants of the language: exact rationals as long as arithmetic keeps them so, doubles once a transcendental function
//! has touched them. So `1 - 0.9` is exactly a tenth, and `784 / 2` is a whole number.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};
use std::cmp::Ordering;
use std::fmt;

/// Numerators and denominators beyond this many bits go on as doubles.
const WIDEST: u64 = 4096;
/// Digits and decimal exponents of literals.
const LONGEST: usize = 400;

/// A number known before the program runs.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Num {
    /// Exactly this fraction.
    Exact(BigRational),
    /// A double.
    Float(f64),
}

impl Num {
    /// A whole number.
    pub(super) fn int(n: i64) -> Num {
        Num::Exact(BigRational::from_integer(n.into()))
    }

    /// The number that a literal writes: `12`, `0.5`, `1e-3`, `1_000`. The error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Num, String> {
        let text: String = text.chars().filter(|c| *c != '_').collect();
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((m, e)) => (m, e.parse::<i64>().map_err(|_| format!("`{e}` is no exponent"))?),
            None => (text.as_str(), 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.len() > LONGEST || exponent.unsigned_abs() as usize > LONGEST {
            return Err("more than 400 digits or powers of ten".into());
        }
        let n: BigInt = digits.parse().map_err(|_| format!("`{text}` is no number"))?;
        let power = exponent - fraction.len() as i64;
        let scale = num_traits::pow(BigInt::from(10), power.unsigned_abs() as usize);
        Ok(Num::Exact(if power < 0 { BigRational::new(n, scale) } else { BigRational::from_integer(n * scale) }))
    }

    /// The nearest double.
    pub(super) fn to_f64(&self) -> f64 {
        match self {
            Num::Exact(r) => r.to_f64().unwrap_or(f64::NAN),
            Num::Float(x) => *x,
        }
    }

    /// The whole number it is, if it is one of 64 bits.
    pub(super) fn as_int(&self) -> Option<i64> {
        match self {
            Num::Exact(r) if r.is_integer() => r.to_integer().to_i64(),
            Num::Exact(_) => None,
            // Below 2^53 every whole double is the number it says.
            Num::Float(x) if x.fract() == 0.0 && x.abs() < 9e15 => Some(*x as i64),
            Num::Float(_) => None,
        }
    }

    fn exact(r: BigRational) -> Num {
        if r.numer().bits().max(r.denom().bits()) > WIDEST {
            Num::Float(r.to_f64().unwrap_or(f64::NAN))
        } else {
            Num::Exact(r)
        }
    }

    fn arithmetic(
        &self,
        other: &Num,
        exact: impl Fn(&BigRational, &BigRational) -> BigRational,
        float: impl Fn(f64, f64) -> f64,
    ) -> Num {
        match (self, other) {
            (Num::Exact(a), Num::Exact(b)) => Num::exact(exact(a, b)),
            _ => Num::Float(float(self.to_f64(), other.to_f64())),
        }
    }

    /// The sum.
    pub(super) fn add(&self, other: &Num) -> Num {
        self.arithmetic(other, |a, b| a + b, |a, b| a + b)
    }

    /// The difference.
    pub(super) fn sub(&self, other: &Num) -> Num {
        self.arithmetic(other, |a, b| a - b, |a, b| a - b)
    }

    /// The product.
    pub(super) fn mul(&self, other: &Num) -> Num {
        self.arithmetic(other, |a, b| a * b, |a, b| a * b)
    }

    /// The quotient; `None` for a division of exact numbers by zero.
    pub(super) fn div(&self, other: &Num) -> Option<Num> {
        match other {
            Num::Exact(b) if b.is_zero() => None,
            _ => Some(self.arithmetic(other, |a, b| a / b, |a, b| a / b)),
        }
    }

    /// The remainder with the sign of the divisor, `a - b·floor(a / b)`; `None` for zero.
    pub(super) fn rem(&self, other: &Num) -> Option<Num> {
        Some(self.sub(&other.mul(&self.div(other)?.floor())))
    }

    /// The power: exact for whole exponents of at most 1,000, else a double.
    pub(super) fn pow(&self, other: &Num) -> Option<Num> {
        if let (Num::Exact(a), Some(n)) = (self, other.as_int())
            && n.unsigned_abs() <= 1000
            && a.numer().bits().max(a.denom().bits()) * n.unsigned_abs() <= WIDEST
        {
            let power = num_traits::pow(a.clone(), n.unsigned_abs() as usize);
            return match (n < 0, power.is_zero()) {
                (true, true) => None,
                (true, false) => Some(Num::exact(BigRational::one() / power)),
                (false, _) => Some(Num::exact(power)),
            };
        }
        Some(Num::Float(self.to_f64().powf(other.to_f64())))
    }

    /// The negative.
    pub(super) fn neg(&self) -> Num {
        match self {
            Num::Exact(r) => Num::Exact(-r),
            Num::Float(x) => Num::Float(-x),
        }
    }

    /// The absolute value.
    pub(super) fn abs(&self) -> Num {
        match self {
            Num::Exact(r) => Num::Exact(r.abs()),
            Num::Float(x) => Num::Float(x.abs()),
        }
    }

    /// The largest whole number not above.
    pub(super) fn floor(&self) -> Num {
        match self {
            Num::Exact(r) => Num::Exact(r.floor()),
            Num::Float(x) => Num::Float(x.floor()),
        }
    }

    /// The smallest whole number not below.
    pub(super) fn ceil(&self) -> Num {
        match self {
            Num::Exact(r) => Num::Exact(r.ceil()),
            Num::Float(x) => Num::Float(x.ceil()),
        }
    }

    /// The order of two numbers; `None` with a NaN.
    pub(super) fn compare(&self, other: &Num) -> Option<Ordering> {
        match (self, other) {
            (Num::Exact(a), Num::Exact(b)) => Some(a.cmp(b)),
            _ => self.to_f64().partial_cmp(&other.to_f64()),
        }
    }
}

impl fmt::Display for Num {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Num::Exact(r) if r.is_integer() => write!(f, "{}", r.to_integer()),
            _ => write!(f, "{}", self.to_f64()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Num;

    #[test]
    fn literals_become_the_nearest_double() {
        for text in
            ["0.1", "0.999", "1e-8", "3.14159265358979", "2.5e-3", "1_000", "123456789.123456789", "5e-324", "1e308"]
        {
            let plain: String = text.chars().filter(|c| *c != '_').collect();
            assert_eq!(Num::parse(text).unwrap().to_f64(), plain.parse::<f64>().unwrap(), "{text}");
        }
        assert!(Num::parse("1e999999999").is_err());
    }

    #[test]
    fn arithmetic_is_exact() {
        let n = |s: &str| Num::parse(s).unwrap();
        assert_eq!(n("1").sub(&n("0.9")), n("0.1"));
        assert_eq!(n("784").div(&n("3")).unwrap().mul(&n("3")).as_int(), Some(784));
        assert_eq!(n("7").rem(&n("4")), Some(n("3")));
        assert_eq!(n("-7").rem(&n("4")), Some(n("1")));
        assert_eq!(n("2").pow(&n("-2")), Some(n("0.25")));
        assert_eq!(n("0").pow(&n("-1")), None);
        assert_eq!(n("1").div(&n("0")), None);
    }
}
