//! Elementary functions as programs: built from IEEE arithmetic, fused multiply-add, comparisons, selects and bit operations
//! only, without branches, so they vectorise as they stand and have the same bits everywhere.
//!
//! Each function takes a value of type `F32` or `F64` and looks at the type. `F32` functions stay in 32-bit lanes, except
//! [`sin`] and [`cos`], which work in `F64` inside. Integer work uses only operations that 128-bit vectors have in both
//! widths: no conversion between `I64` and `F64`, no shift by a varying amount, no arithmetic right shift.
//!
//! Polynomials come from `compiler/scripts/minimax.py`; each table says its interval, degree and error. Every function is
//! within 2 ulp of the true value, denormals included; the slope of tanh is within 2.5 up to |x| = 43 (353 in double precision) and
//! 0 beyond. The tests beside this module measure it.

mod atan;
mod erf;
mod exp;
mod log;
mod philox;
mod pow;
mod reduce;
mod tanh;
mod trig;
mod twofold;

pub use atan::atan;
pub use erf::erf;
pub use exp::{exp, expm1};
pub use log::{log, log1p};
pub use philox::{normal, philox4x32_10, uniform_f64};
pub use pow::pow;
pub use tanh::{tanh, tanh_slope};
pub use trig::{cos, sin};

#[cfg(test)]
mod tests;

use super::{E, Ty};

/// The layout of a float type, and the constants that follow from it.
struct Format {
    /// The integer type of the same width.
    int: Ty,
    /// Stored bits of the significand.
    mantissa: i64,
    /// The exponent field of 1.
    bias: i64,
    /// The bits of √½, the lower end of the interval in which a significand is taken.
    sqrt_half: i64,
    /// 1.5·2^mantissa: adding it leaves an integer in the low bits, rounded to nearest even.
    shifter: f64,
    /// The smallest normal number.
    min_normal: f64,
    /// ln 2 in two parts; the first has so many trailing zeros that its products with exponents are exact.
    ln2: [f64; 2],
}

const F32: Format = Format {
    int: Ty::I32,
    mantissa: 23,
    bias: 127,
    sqrt_half: 0x3f35_04f3,
    shifter: 12_582_912.0,
    min_normal: f32::MIN_POSITIVE as f64,
    ln2: [0.693145751953125, 1.428606765330187e-6],
};

const F64: Format = Format {
    int: Ty::I64,
    mantissa: 52,
    bias: 1023,
    sqrt_half: 0x3fe6_a09e_667f_3bcd,
    shifter: 6_755_399_441_055_744.0,
    min_normal: f64::MIN_POSITIVE,
    ln2: [0.6931471805601177, -1.7239444525614835e-13],
};

/// The format of the type of `x`.
///
/// # Panics
/// If `x` is not of a float type.
fn format(x: E<'_>) -> &'static Format {
    match x.ty() {
        Ty::F32 => &F32,
        Ty::F64 => &F64,
        ty => panic!("an elementary function of {ty}"),
    }
}

/// The entry for the type of `x`.
fn by_type<T>(x: E<'_>, f32: T, f64: T) -> T {
    if x.ty() == Ty::F32 { f32 } else { f64 }
}

/// The polynomial with these coefficients, lowest degree first, at `x`: one chain of fused multiply-adds.
fn polynomial<'p>(x: E<'p>, coefficients: &[f64]) -> E<'p> {
    match coefficients {
        [last] => x.c(*last),
        [first, rest @ ..] => polynomial(x, rest).fma(x, x.c(*first)),
        [] => x.c(0.0),
    }
}

/// The magnitude of `magnitude` (not negative) with the sign bit of `sign`.
fn with_sign<'p>(magnitude: E<'p>, sign: E<'p>) -> E<'p> {
    magnitude.bits(format(sign).int).or(sign_of(sign)).bits(sign.ty())
}

/// The bits of `x` but for all below the sign.
fn sign_of<'p>(x: E<'p>) -> E<'p> {
    x.bits(format(x).int).and(x.c(-0.0).bits(format(x).int))
}

/// 2^n for an integer n that was rounded into `shifted` = n + shifter, where n is in the normal range; times `unit`, a
/// power of two. The bits of the shifter itself leave at the top.
fn power_of_two<'p>(shifted: E<'p>, unit: f64) -> E<'p> {
    let format = format(shifted);
    let exponent = shifted.bits(format.int).shl(shifted.builder().int(format.int, format.mantissa));
    (exponent + shifted.c(unit).bits(format.int)).bits(shifted.ty())
}
