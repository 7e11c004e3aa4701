//! References: the elementary functions to about 100 bits, independent of [`super::math`].
//!
//! Tests measure programs against these; the reference columns of the operation table are written with them. Nothing here
//! runs in a compiled program. Values are [`Dd`], an unevaluated sum of two doubles; results below 2^-960 keep fewer bits, as the
//! second double underflows.

mod dd;
mod elementary;
mod half_pi;

pub use dd::Dd;
pub use elementary::{atan, cos, erf, exp, expm1, log, log1p, pow, sin, tanh};

#[cfg(test)]
mod tests;

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
