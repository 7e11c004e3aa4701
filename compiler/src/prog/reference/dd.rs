//! [`Dd`]: the unevaluated sum of two doubles, about 104 bits.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// high + low, where low is at most half a last place of high. Not a number or infinite where `high` is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dd {
    high: f64,
    low: f64,
}

impl Dd {
    /// 0.
    pub const ZERO: Dd = Dd { high: 0.0, low: 0.0 };
    /// 1.
    pub const ONE: Dd = Dd { high: 1.0, low: 0.0 };
    /// ln 2.
    pub const LN_2: Dd = Dd { high: std::f64::consts::LN_2, low: 2.3190468138462996e-17 };
    /// 2/√π.
    pub const TWO_OVER_SQRT_PI: Dd = Dd { high: std::f64::consts::FRAC_2_SQRT_PI, low: 1.533545961316588e-17 };

    /// high + low for any two doubles.
    pub fn sum(a: f64, b: f64) -> Dd {
        let high = a + b;
        if !high.is_finite() {
            return Dd { high, low: 0.0 };
        }
        let b_part = high - a;
        Dd { high, low: (a - (high - b_part)) + (b - b_part) }
    }

    /// The nearest double.
    pub fn to_f64(self) -> f64 {
        self.high
    }

    /// The part of the sum that [`Dd::to_f64`] leaves out.
    pub fn low(self) -> f64 {
        self.low
    }

    /// The absolute value.
    pub fn abs(self) -> Dd {
        if self.high.is_sign_negative() { -self } else { self }
    }

    /// The square root; NaN below 0.
    pub fn sqrt(self) -> Dd {
        let root = self.high.sqrt();
        if root == 0.0 || !root.is_finite() {
            return Dd::from(root);
        }
        // One Newton step from a 53-bit root.
        let rest = self - Dd::product(root, root);
        Dd::sum(root, rest.high / (2.0 * root))
    }

    /// self·2^n, in steps that do not overflow before the result does.
    pub fn scaled(self, n: i32) -> Dd {
        let (first, second) = (n / 2, n - n / 2);
        let scale = |v: f64| v * 2f64.powi(first) * 2f64.powi(second);
        let high = scale(self.high);
        Dd { high, low: if high.is_finite() { scale(self.low) } else { 0.0 } }
    }

    fn product(a: f64, b: f64) -> Dd {
        let high = a * b;
        if !high.is_finite() {
            return Dd { high, low: 0.0 };
        }
        Dd { high, low: a.mul_add(b, -high) }
    }
}

impl From<f64> for Dd {
    fn from(high: f64) -> Dd {
        Dd { high, low: 0.0 }
    }
}

impl Neg for Dd {
    type Output = Dd;
    fn neg(self) -> Dd {
        Dd { high: -self.high, low: -self.low }
    }
}

impl Add for Dd {
    type Output = Dd;
    fn add(self, b: Dd) -> Dd {
        let high = Dd::sum(self.high, b.high);
        let low = Dd::sum(self.low, b.low);
        let sum = Dd::sum(high.high, high.low + low.high);
        Dd::sum(sum.high, sum.low + low.low)
    }
}

impl Sub for Dd {
    type Output = Dd;
    fn sub(self, b: Dd) -> Dd {
        self + -b
    }
}

impl Mul for Dd {
    type Output = Dd;
    fn mul(self, b: Dd) -> Dd {
        let product = Dd::product(self.high, b.high);
        if !product.high.is_finite() {
            return product;
        }
        Dd::sum(product.high, product.low + (self.high * b.low + self.low * b.high))
    }
}

impl Div for Dd {
    type Output = Dd;
    /// Three digits of long division in base 2^53.
    fn div(self, b: Dd) -> Dd {
        let first = self.high / b.high;
        if !first.is_finite() || first == 0.0 || b.high.is_infinite() {
            return Dd::from(first);
        }
        let rest = self - b * Dd::from(first);
        let second = rest.high / b.high;
        let rest = rest - b * Dd::from(second);
        Dd::sum(first, second) + Dd::from(rest.high / b.high)
    }
}
