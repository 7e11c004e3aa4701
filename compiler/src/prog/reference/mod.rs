//! References: the elementary functions and their derivatives to about 100 bits, independent of [`super::math`].
//!
//! Tests measure programs against these, and the slopes of the operation table against the derivatives. Nothing here runs
//! in a compiled program. Values are [`Dd`], an unevaluated sum of two doubles; results below 2^-960 keep fewer bits, as the
//! second double underflows.

mod dd;
mod elementary;
mod half_pi;

pub use dd::Dd;
pub use elementary::{cos, erf, exp, expm1, log, log1p, pow, sin, tanh};

#[cfg(test)]
mod tests;

/// A function with its partial derivatives, all taking the operands in order.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    /// The name in the operation table.
    pub name: &'static str,
    /// The value.
    pub value: fn(&[Dd]) -> Dd,
    /// One derivative for each operand.
    pub slopes: &'static [fn(&[Dd]) -> Dd],
}

/// The references of the functions in [`super::math`].
///
/// # Panics
/// Value and slopes index their operands: calling them with fewer than `slopes.len()` operands is the caller's bug.
pub const REFERENCES: [Reference; 9] = [
    Reference { name: "exp", value: |x| exp(x[0]), slopes: &[|x| exp(x[0])] },
    Reference { name: "expm1", value: |x| expm1(x[0]), slopes: &[|x| exp(x[0])] },
    Reference { name: "log", value: |x| log(x[0]), slopes: &[|x| Dd::ONE / x[0]] },
    Reference { name: "log1p", value: |x| log1p(x[0]), slopes: &[|x| Dd::ONE / (Dd::ONE + x[0])] },
    // 1 − tanh² = 4 / (eˣ + e⁻ˣ)², without cancellation.
    Reference {
        name: "tanh",
        value: |x| tanh(x[0]),
        slopes: &[|x| {
            let sum = exp(x[0]) + exp(-x[0]);
            Dd::from(4.0) / (sum * sum)
        }],
    },
    Reference { name: "erf", value: |x| erf(x[0]), slopes: &[|x| Dd::TWO_OVER_SQRT_PI * exp(-(x[0] * x[0]))] },
    Reference { name: "sin", value: |x| sin(x[0]), slopes: &[|x| cos(x[0])] },
    Reference { name: "cos", value: |x| cos(x[0]), slopes: &[|x| -sin(x[0])] },
    Reference {
        name: "pow",
        value: |x| pow(x[0], x[1]),
        slopes: &[|x| x[1] * pow(x[0], x[1] - Dd::ONE), |x| pow(x[0], x[1]) * log(x[0])],
    },
];

/// The reference of this name.
pub fn reference(name: &str) -> Option<&'static Reference> {
    const { &REFERENCES }.iter().find(|r| r.name == name)
}

/// The distance from `got` to `want` in units in the last place of `want` as an `f64` (of the smallest denormal where `want`
/// is denormal). 0 for two NaNs or equal infinities; infinite where only one of the two is finite, or a number.
pub fn ulps_f64(got: f64, want: Dd) -> f64 {
    distance(got, want, 53, -1074, f64::MAX)
}

/// [`ulps_f64`] for single precision.
pub fn ulps_f32(got: f32, want: Dd) -> f64 {
    distance(f64::from(got), want, 24, -149, f64::from(f32::MAX))
}

fn distance(got: f64, want: Dd, precision: i32, lowest: i32, largest: f64) -> f64 {
    let target = want.to_f64();
    if got.is_nan() || target.is_nan() {
        return if got.is_nan() && target.is_nan() { 0.0 } else { f64::INFINITY };
    }
    // Beyond the largest number by half a place, the right result is infinite.
    let half_place = power_of_two(exponent(largest) - precision);
    let overflows = target.is_infinite() || (want.abs() - Dd::from(largest)).to_f64() >= half_place;
    if overflows || got.is_infinite() {
        return if overflows && got == f64::INFINITY.copysign(target) { 0.0 } else { f64::INFINITY };
    }
    let place = (exponent(target) - precision + 1).max(lowest);
    // In two steps, because 2^1074 is no double.
    let difference = (Dd::from(got) - want).to_f64().abs();
    difference * power_of_two(-place / 2) * power_of_two(-place - -place / 2)
}

/// 2^e for −1022 ≤ e ≤ 1023.
fn power_of_two(e: i32) -> f64 {
    f64::from_bits(((e + 1023) as u64) << 52)
}

/// e with 2^e ≤ |x| < 2^(e+1), for finite x; −1074 for 0.
fn exponent(x: f64) -> i32 {
    let bits = x.abs().to_bits();
    if bits >> 52 == 0 { -1011 - bits.leading_zeros().min(63) as i32 } else { (bits >> 52) as i32 - 1023 }
}
