//! x to the power y.
//!
//! |x|^y = exp(y·log|x|) with the logarithm as an unevaluated sum of two floats, good to about 2^-66 (`F64`) or 2^-36
//! (`F32`), because y·log|x| may be as large as 745 and its absolute error becomes the relative error of the result.

use super::exp::{clamped, exp_clamped};
use super::log::decompose;
use super::twofold::{fast_two_sum, two_product};
use super::{E, by_type, format, polynomial, sign_of};

/// p in atanh(s)/s = 1 + z/3 + z²·p(z), z = s², |s| ≤ 0.1716: degree 2, relative error 2^-36.6.
const P32: [f64; 3] = [0.2000007927417755, 0.1427328735589981, 0.11715216189622879];

/// The same for double precision: degree 7, 2^-73.2.
const P64: [f64; 8] = [
    0.19999999999999987,
    0.14285714285723347,
    0.1111111110860554,
    0.09090909452507559,
    0.07692277385673668,
    0.06668195091933483,
    0.05836735780160468,
    0.05999672317624725,
];

/// 1/3 as the sum of two floats.
const THIRD32: [f64; 2] = [0.3333333432674408, -9.934107758624577e-09];
const THIRD64: [f64; 2] = [0.3333333333333333, 1.850371707708594e-17];

/// ln x for a positive finite x as high + low.
fn log_twofold<'p>(x: E<'p>) -> (E<'p>, E<'p>) {
    let (k, m) = decompose(x);
    let [ln2_high, ln2_low] = format(x).ln2;
    let [third_high, third_low] = by_type(x, THIRD32, THIRD64);
    // s = f / (2 + f), the remainder of the division giving the low part.
    let f = m - 1.0;
    let (divisor, divisor_low) = fast_two_sum(x.c(2.0), f);
    let s = f / divisor;
    let s_low = (s.fma(-divisor, f) - s * divisor_low) / divisor;
    let (z, z_error) = two_product(s, s);
    let z_low = (s + s).fma(s_low, z_error);
    // v = z/3 + z²·p(z) as z·t.
    let (t, t_error) = fast_two_sum(x.c(third_high), z * polynomial(z, by_type(x, &P32, &P64)));
    let t_low = t_error + third_low;
    let (v, v_error) = two_product(z, t);
    let v_low = v_error + z.fma(t_low, z_low * t);
    // 2·atanh(s) = 2s + 2s·v, then k·ln 2 = k·(high + low), the first product exact.
    let (double, double_low) = (s + s, s_low + s_low);
    let (w, w_error) = two_product(double, v);
    let w_low = w_error + double.fma(v_low, double_low * v);
    let (sum, error_1) = fast_two_sum(k * ln2_high, double);
    let (sum, error_2) = fast_two_sum(sum, w);
    let low = (error_1 + error_2) + k.fma(x.c(ln2_low), w_low + double_low);
    fast_two_sum(sum, low)
}

/// x^y. 1 where y = 0 or x = 1, whatever the other; NaN for a negative finite x and a y that is not an integer; signs of
/// zeros and infinities as in C (Annex F).
pub fn pow<'p>(x: E<'p>, y: E<'p>) -> E<'p> {
    let (ty, int) = (x.ty(), format(x).int);
    let (zero, one, infinity) = (x.c(0.0), x.c(1.0), x.c(f64::INFINITY));
    let magnitude = x.abs();

    let (log, log_low) = log_twofold(magnitude);
    let (product, product_error) = two_product(y, log);
    let bounded = clamped(product);
    let low = bounded.eq(product).select(y.fma(log_low, product_error), zero);
    let value = exp_clamped(bounded, Some(low));

    let is_zero = magnitude.eq(zero);
    let at_end = is_zero.or(magnitude.eq(infinity));
    let grows = is_zero.xor(y.gt(zero));
    let value = at_end.select(grows.select(infinity, zero), value);
    let value = magnitude.eq(one).select(one, value);

    let whole = y.trunc().eq(y);
    let half = y * 0.5;
    let odd = whole.and(half.trunc().ne(half));
    let sign = odd.select(sign_of(x), x.builder().int(int, 0));
    let value = value.bits(int).xor(sign).bits(ty);

    let undefined = x.lt(zero).and(magnitude.lt(infinity)).and(whole.not());
    let undefined = undefined.or(x.is_nan()).or(y.is_nan());
    let value = undefined.select(x.c(f64::NAN), value);
    y.eq(zero).or(x.eq(one)).select(one, value)
}
