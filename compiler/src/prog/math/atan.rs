//! The inverse tangent.

use super::twofold::fast_two_sum;
use super::{E, by_type, polynomial, with_sign};

/// p in atan(t) = t + t·z·p(z), z = t², |t| ≤ 1/2: degree 5, relative error 2^-31.43.
const P32: [f64; 6] = [
    -0.33333325386047363,
    0.19999419152736664,
    -0.14270943403244019,
    0.10932701081037521,
    -0.07955958694219589,
    0.03836264833807945,
];

/// The same for double precision: degree 11, 2^-57.69.
const P64: [f64; 12] = [
    -0.33333333333332965,
    0.1999999999989992,
    -0.1428571427615831,
    0.11111110651231114,
    -0.09090896060242337,
    0.07692071328210652,
    -0.06663786657698151,
    0.05858150102818629,
    -0.051213932119463,
    0.04184900807867221,
    -0.027410783579963294,
    0.01010088466665988,
];

/// π/4 as the nearest number of each precision and the rest; twice that is π/2.
const QUARTER: [[f64; 2]; 2] =
    [[0.7853981852531433, -2.1855694143368964e-8], [std::f64::consts::FRAC_PI_4, 3.061616997868383e-17]];

/// atan x, odd to the bit: a polynomial up to ½; π/4 + atan((x − 1) / (x + 1)) up to 2, where x − 1 is exact from ½ on;
/// π/2 + atan(−1 / x) beyond.
pub fn atan<'p>(x: E<'p>) -> E<'p> {
    let magnitude = x.abs();
    let (one, zero) = (x.c(1.0), x.c(0.0));
    let (middle, far) = (magnitude.gt(x.c(0.5)), magnitude.gt(x.c(2.0)));
    let of = |near: E<'p>, between: E<'p>, beyond: E<'p>| far.select(beyond, middle.select(between, near));
    let t = of(magnitude, magnitude - 1.0, -one) / of(one, magnitude + 1.0, magnitude);
    let [high, low] = by_type(x, QUARTER[0], QUARTER[1]);
    let base = of(zero, x.c(high), x.c(2.0 * high));
    let rest = of(zero, x.c(low), x.c(2.0 * low));
    let z = t * t;
    let (sum, error) = fast_two_sum(base, t);
    // What is left of the sum keeps the digits that t loses to the base.
    let tail = (t * z).fma(polynomial(z, by_type(x, &P32, &P64)), error + rest);
    with_sign(sum + tail, x)
}
