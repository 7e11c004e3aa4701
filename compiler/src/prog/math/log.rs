//! The natural logarithm and log(1 + x).
//!
//! x = 2^k·m with √½ ≤ m < √2, f = m − 1, s = f / (2 + f), and log m = 2·atanh(s) = f − f²/2 + s·(f²/2 + z·p(z)), z = s².

use super::{E, by_type, format, polynomial};

/// p in 2·atanh(s) = 2s + s·z·p(z), z = s², |s| ≤ 0.1716: degree 2, relative error 2^-30.1.
const P32: [f64; 3] = [0.6666677594184875, 0.39977574348449707, 0.2987123727798462];

/// The same for double precision: degree 6, 2^-59.4.
const P64: [f64; 7] = [
    0.6666666666666737,
    0.3999999999939863,
    0.28571428745551214,
    0.22222198273544116,
    0.1818357906686337,
    0.1531368752092411,
    0.14799487338447104,
];

/// `k` and `m` of x = 2^k·m, √½ ≤ m < √2, for a positive finite x, `k` as a float.
pub(super) fn decompose<'p>(x: E<'p>) -> (E<'p>, E<'p>) {
    let (p, format, ty) = (x.builder(), format(x), x.ty());
    let int = |value| p.int(format.int, value);
    let denormal = x.lt(x.c(format.min_normal));
    let lift = format.mantissa + 1;
    let normal = denormal.select(x * 2f64.powi(lift as i32), x);
    // Moved up by 1 − √½ (in bits), the exponent field changes at √½ instead of 1.
    let moved = normal.bits(format.int) + int((format.bias << format.mantissa) - format.sqrt_half);
    let fraction = moved.and(int((1 << format.mantissa) - 1));
    let m = (fraction + int(format.sqrt_half)).bits(ty);
    // An integer below 2^mantissa in the low bits of the float 2^mantissa is that float plus the integer.
    let unit = 2f64.powi(format.mantissa as i32);
    let exponent = moved.shr_u(int(format.mantissa)).or(x.c(unit).bits(format.int)).bits(ty);
    let offset = unit + format.bias as f64;
    (exponent - denormal.select(x.c(offset + lift as f64), x.c(offset)), m)
}

/// k·ln 2 + log(1 + f) + correction, for √½ − 1 ≤ f ≤ √2 − 1.
fn assemble<'p>(k: E<'p>, f: E<'p>, correction: Option<E<'p>>) -> E<'p> {
    let ln2 = format(f).ln2;
    let s = f / (f + 2.0);
    let z = s * s;
    let tail = z * polynomial(z, by_type(f, &P32, &P64));
    let half_square = f * 0.5 * f;
    let low = match correction {
        Some(correction) => k.fma(f.c(ln2[1]), correction),
        None => k * ln2[1],
    };
    let low = s.fma(half_square + tail, low);
    k.fma(f.c(ln2[0]), f - (half_square - low))
}

/// ln x: −∞ at ±0, NaN below.
pub fn log<'p>(x: E<'p>) -> E<'p> {
    let (k, m) = decompose(x);
    specials(x, x.c(0.0), assemble(k, m - 1.0, None))
}

/// ln(1 + x), precise near 0: −∞ at −1, NaN below.
///
/// The rounding error e of u = 1 + x comes back as log(u + e) ≈ log u + e/u.
pub fn log1p<'p>(x: E<'p>) -> E<'p> {
    let u = x + 1.0;
    let (k, m) = decompose(u);
    let direct = k.eq(x.c(0.0));
    let x_part = u - 1.0;
    let error = (1.0 - (u - x_part)) + (x - x_part);
    let f = direct.select(x, m - 1.0);
    let correction = direct.select(x.c(0.0), error / u);
    let value = specials(x, x.c(-1.0), assemble(k, f, Some(correction)));
    // x itself where x²/2 is below a quarter of the last place, which also keeps −0.
    let tiny = by_type(x, 2f64.powi(-26), 2f64.powi(-55));
    x.abs().lt(x.c(tiny)).select(x, value)
}

/// `value` where pole < x < ∞; −∞ at the pole, NaN below it, x (∞ or NaN) otherwise.
fn specials<'p>(x: E<'p>, pole: E<'p>, value: E<'p>) -> E<'p> {
    let at_or_below = x.eq(pole).select(x.c(f64::NEG_INFINITY), x.c(f64::NAN));
    let above = x.lt(x.c(f64::INFINITY)).select(value, x);
    x.gt(pole).select(above, at_or_below)
}
