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

/// tanh x, odd to the bit: a polynomial near 0, else 1 − 2 / (e^(2|x|) + 1).
pub fn tanh<'p>(x: E<'p>) -> E<'p> {
    let magnitude = x.abs();
    let z = magnitude * magnitude;
    let near = (magnitude * z).fma(polynomial(z, by_type(x, &P32, &P64)), magnitude);
    // From 20 on the result is 1 in both precisions.
    let bounded = magnitude.gt(x.c(20.0)).select(x.c(20.0), magnitude);
    let far = 1.0 - 2.0 / (exp_normal(bounded + bounded) + 1.0);
    with_sign(magnitude.lt(x.c(0.5625)).select(near, far), x)
}
