//! The error function.

use super::exp::exp_normal;
use super::{E, by_type, polynomial, with_sign};

/// p in erf(x) = x + x·p(z), z = x², |x| ≤ 1: degree 6, relative error 2^-29.5.
const NEAR32: [f64; 7] = [
    0.12837916612625122,
    -0.3761262893676758,
    0.11283618211746216,
    -0.026855124160647392,
    0.005190725903958082,
    -0.000803065428044647,
    7.919901690911502e-05,
];

/// The same for double precision: degree 11, 2^-55.8.
const NEAR64: [f64; 12] = [
    0.12837916709551256,
    -0.3761263890318347,
    0.11283791670943219,
    -0.026866170643026575,
    0.005223977605729029,
    -0.000854832591965114,
    0.0001205529346521502,
    -1.4924712509522804e-05,
    1.6447154868122808e-06,
    -1.6206608356867929e-07,
    1.3712628814674872e-08,
    -7.783072047256754e-10,
];

/// −ln(1 − erf x) = p(x − 1), 1 ≤ x ≤ 4: degree 6, error of erf 2^-26.9 (the rounding of the first coefficient). Centred
/// at 1, because rounding errors of p count least where 1 − erf is small.
const TAIL32: [f64; 7] = [
    1.8496055603027344,
    2.638965368270874,
    0.843130350112915,
    0.04146171733736992,
    -0.009833959862589836,
    0.001788819208741188,
    -0.00017669967201072723,
];

/// −ln(1 − erf x) = p(x − 1), 1 ≤ x ≤ 6: degree 18, error of erf 2^-58.7.
const TAIL64: [f64; 19] = [
    1.8496055099332482,
    2.6389675142347904,
    0.8431072563586063,
    0.04156109804289497,
    -0.010033825383799166,
    0.001977902618657484,
    -0.00023732266496094296,
    -2.627741051863451e-05,
    2.7158262973798465e-05,
    -9.607755628773553e-06,
    2.058619048549794e-06,
    -1.4200175830739585e-07,
    -9.80453735355186e-08,
    5.224989461273121e-08,
    -1.4977746320680482e-08,
    2.8788019227907187e-09,
    -3.704614632789884e-10,
    2.9015722152413556e-11,
    -1.0473417435266183e-12,
];

/// From here on erf rounds to 1: the end of the tail's interval.
const ENDS: [f64; 2] = [4.0, 6.0];

/// erf x = 2/√π · ∫₀ˣ e^(−t²) dt, odd to the bit: a polynomial up to 1, beyond it 1 − e^(−p).
pub fn erf<'p>(x: E<'p>) -> E<'p> {
    let magnitude = x.abs();
    let near = magnitude.fma(polynomial(magnitude * magnitude, by_type(x, &NEAR32, &NEAR64)), magnitude);
    let end = x.c(by_type(x, ENDS[0], ENDS[1]));
    let bounded = magnitude.gt(end).select(end, magnitude);
    let far = 1.0 - exp_normal(-polynomial(bounded - 1.0, by_type(x, &TAIL32, &TAIL64)));
    with_sign(magnitude.lt(x.c(1.0)).select(near, far), x)
}
