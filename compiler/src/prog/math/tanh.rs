//! The hyperbolic tangent.

use super::exp::exp_normal;
use super::{E, by_type, polynomial, with_sign};

/// p in tanh(x) = x + x·z·p(z), z = x², |x| ≤ 0.5625: degree 4, relative error 2^-29.4.
const P32: [f64; 5] =
    [-0.3333331346511841, 0.13332442939281464, -0.05383672937750816, 0.02100527100265026, -0.006177370902150869];

/// The same for double precision: degree 10, 2^-59.7.
const P64: [f64; 11] = [
    -0.33333333333333276,
    0.13333333333322941,
    -0.053968253961650434,
    0.021869488325792552,
    -0.008863231619573116,
    0.003592082118269243,
    -0.0014554790041281847,
    0.0005881816581234656,
    -0.0002327123595132919,
    8.235671500087626e-05,
    -1.890199039270639e-05,
];

/// tanh x, odd to the bit: a polynomial near 0, else 1 − 2r, r = 1 / (e^(2|x|) + 1).
pub fn tanh<'p>(x: E<'p>) -> E<'p> {
    let magnitude = x.abs();
    let z = magnitude * magnitude;
    let near = (magnitude * z).fma(polynomial(z, by_type(x, &P32, &P64)), magnitude);
    let far = 1.0 - 2.0 * rest(magnitude);
    with_sign(magnitude.lt(x.c(0.5625)).select(near, far), x)
}

/// The slope of tanh x, 1 − tanh² x = 4r − 4r²: r keeps the digits that tanh x has lost where it is close to 1. Shares r with
/// [`tanh`] where both are wanted.
pub fn tanh_slope<'p>(x: E<'p>) -> E<'p> {
    let magnitude = x.abs();
    let r = rest(magnitude);
    let slope = (-r).fma(r * 4.0, r * 4.0);
    magnitude.gt(x.c(by_type(x, LIMIT32, LIMIT64))).select(x.c(0.0), slope)
}

/// Where e^(2x) is no longer taken: it is finite still, and its inverse a normal number.
const LIMIT32: f64 = 43.0;
const LIMIT64: f64 = 353.0;

/// r = 1 / (e^(2x) + 1) for x from 0 on, held from the limit on.
fn rest<'p>(x: E<'p>) -> E<'p> {
    let limit = x.c(by_type(x, LIMIT32, LIMIT64));
    let bounded = x.gt(limit).select(limit, x);
    1.0 / (exp_normal(bounded + bounded) + 1.0)
}
