//! The exponential function and exp(x) − 1.
//!
//! x = n·ln 2 + r with |r| ≤ ln 2 / 2, exp(r) = 1 + r + r²·q(r), exp(x) = 2^n·exp(r).

use super::{E, by_type, format, polynomial, power_of_two};

/// q in exp(r) = 1 + r + r²·q(r) for |r| ≤ ln 2 / 2: degree 5, relative error of exp(r) − 1 below 2^-30.9.
const Q32: [f64; 6] =
    [0.5, 0.1666666567325592, 0.04166647791862488, 0.008333567529916763, 0.0013933690497651696, 0.0001974244078155607];

/// The same for double precision: degree 10, 2^-61.5.
const Q64: [f64; 11] = [
    0.5,
    0.16666666666666677,
    0.0416666666666666,
    0.008333333333321468,
    0.0013888888888928326,
    0.0001984126988646235,
    2.4801587227576575e-05,
    2.755724392383305e-06,
    2.7557361928014977e-07,
    2.5109122929206796e-08,
    2.088659436282091e-09,
];

/// Below, exp rounds to 0; above, it overflows.
const LIMITS32: [f64; 2] = [-105.0, 89.0];
const LIMITS64: [f64; 2] = [-746.0, 710.0];

/// An argument taken apart: `x = n·ln 2 + r`.
struct Reduced<'p> {
    /// n + shifter (see [`super::Format::shifter`]).
    shifted: E<'p>,
    n: E<'p>,
    r: E<'p>,
}

/// exp(r) − 1 − r.
fn beyond_linear<'p>(r: E<'p>) -> E<'p> {
    (r * r) * polynomial(r, by_type(r, &Q32, &Q64))
}

/// `low` is a correction of `x`, far smaller than it, that goes into r.
fn reduce<'p>(x: E<'p>, low: Option<E<'p>>) -> Reduced<'p> {
    let format = format(x);
    let shifter = x.c(format.shifter);
    let shifted = x.fma(x.c(std::f64::consts::LOG2_E), shifter);
    let n = shifted - shifter;
    let r = n.fma(x.c(-format.ln2[0]), x);
    let ln2_low = x.c(-format.ln2[1]);
    let r = match low {
        Some(low) => r + n.fma(ln2_low, low),
        None => n.fma(ln2_low, r),
    };
    Reduced { shifted, n, r }
}

/// `x` with everything outside the range of exp moved to its ends; NaN stays.
pub(super) fn clamped<'p>(x: E<'p>) -> E<'p> {
    let [low, high] = by_type(x, LIMITS32, LIMITS64).map(|limit| x.c(limit));
    let x = x.lt(low).select(low, x);
    x.gt(high).select(high, x)
}

/// exp(x + low) for `x` within the limits of [`clamped`], `low` far smaller.
///
/// The scale is two powers of two in turn: 2^n may lie beyond the format where the result does not, and the second product
/// rounds a denormal result once.
pub(super) fn exp_clamped<'p>(x: E<'p>, low: Option<E<'p>>) -> E<'p> {
    let Reduced { shifted, n, r } = reduce(x, low);
    let value = (r + beyond_linear(r)) + 1.0;
    let shifter = x.c(format(x).shifter);
    let half = n.fma(x.c(0.5), shifter);
    let rest = shifted - (half - shifter);
    value * power_of_two(half, 1.0) * power_of_two(rest, 1.0)
}

/// exp(x) where x is so small in magnitude that the result is a normal number.
pub(super) fn exp_normal<'p>(x: E<'p>) -> E<'p> {
    let Reduced { shifted, r, .. } = reduce(x, None);
    ((r + beyond_linear(r)) + 1.0) * power_of_two(shifted, 1.0)
}

/// e^x. A result that vanishes is chosen rather than computed: processors take a hundred times as long over a product that
/// underflows, and half the scores under a causal mask are −∞.
pub fn exp<'p>(x: E<'p>) -> E<'p> {
    let [low, high] = by_type(x, LIMITS32, LIMITS64).map(|limit| x.c(limit));
    let vanishes = x.lt(low);
    let x = vanishes.select(x.c(0.0), x);
    vanishes.select(x.c(0.0), exp_clamped(x.gt(high).select(high, x), None))
}

/// e^x − 1, precise near 0.
///
/// With s = 2^(n−1) it is 2·(s·(r²·q) + (s·r + (s − ½))): the half scale keeps n = 128 (or 1024) in range.
pub fn expm1<'p>(x: E<'p>) -> E<'p> {
    // At −40, e^x is below a quarter of the last place of 1 in both precisions.
    let high = x.c(by_type(x, LIMITS32, LIMITS64)[1]);
    let bounded = x.lt(x.c(-40.0)).select(x.c(-40.0), x);
    let Reduced { shifted, r, .. } = reduce(bounded.gt(high).select(high, bounded), None);
    let scale = power_of_two(shifted, 0.5);
    let linear = scale.fma(r, scale - 0.5);
    let value = scale.fma(beyond_linear(r), linear) * 2.0;
    // x itself where x²/2 is below a quarter of the last place, which also keeps −0 and denormals.
    let tiny = by_type(x, 2f64.powi(-26), 2f64.powi(-55));
    x.abs().lt(x.c(tiny)).select(x, value)
}
