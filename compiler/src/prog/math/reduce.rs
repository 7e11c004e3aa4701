//! Argument reduction for sine and cosine: x = n·π/2 + r for every finite `F64`, without branches (after Payne and Hanek).
//!
//! Let 2/π = Σ dᵢ·2^(−53·i), i ≥ 1, with digits dᵢ of 53 bits. With k = ⌊(exponent of x − 2) / 53⌋, at least 0, and
//! y = x·2^(−53·k), x·2/π = Σ y·dᵢ·2^(53·(k − i)). As the last place of y is at least 2^-50, terms with i < k are multiples
//! of 4 and drop out; five digits from i = k on give the fraction to 2^-157, and no double is nearer to a multiple of
//! π/2 than 2^-62 (in quarter turns, from continued fractions). Each product is taken with its exact error, reduced modulo 4, and the parts are added without loss.

use super::trig::Precision;
use super::twofold::{fast_two_sum, two_product, two_sum};
use super::{E, Ty};

/// π/2 as the sum of two floats.
const HALF_PI: [f64; 2] = [std::f64::consts::FRAC_PI_2, 6.123233995736766e-17];

/// n quarter turns and high + low, at most π/4 (and a little) in magnitude.
pub(super) struct Rest<'p> {
    pub(super) turns: E<'p>,
    pub(super) high: E<'p>,
    pub(super) low: E<'p>,
}

/// (n + high + low) quarter turns: the fraction times π/2.
pub(super) fn rest_of_turns<'p>(turns: E<'p>, high: E<'p>, low: E<'p>) -> Rest<'p> {
    let (product, error) = two_product(high, high.c(HALF_PI[0]));
    let correction = high.fma(high.c(HALF_PI[1]), low * HALF_PI[0]);
    Rest { turns, high: product, low: error + correction }
}

/// `x` (`F64`) in quarter turns. `Single` serves values that came from `F32`: their exponents need three windows of digits,
/// and no float is nearer to a multiple of π/2 than 2^-30, so four digits do.
pub(super) fn quarter_turns<'p>(x: E<'p>, precision: Precision) -> Rest<'p> {
    let p = x.builder();
    let (windows, count) = match precision {
        Precision::Single => (3, 4),
        Precision::Double => (20, 5),
    };
    let int = |value| p.int(Ty::I64, value);
    let exponent = x.abs().bits(Ty::I64).shr_u(int(52));
    let above = exponent.gt(int(1025)).select(exponent - int(1025), int(0));
    // ⌊e·1237 / 2^16⌋ = ⌊e / 53⌋ for 0 ≤ e < 1024.
    let window = (above * int(1237)).shr_u(int(16));
    let digits = select_digits(p, window, windows, count);
    let scale = (int(1023) - window * int(53)).shl(int(52)).bits(Ty::F64);
    let y = x * scale;

    // Products and their errors, largest first. The first three may exceed 4; from the sixth on they are below 2^-49. The
    // error of the last product is not needed.
    let mut parts = Vec::new();
    for (j, digit) in digits.into_iter().enumerate() {
        let (product, error) = two_product(y * 2f64.powi(-53 * j as i32), digit);
        parts.extend(match j {
            0 => [modulo_4(product), modulo_4(error)],
            1 => [modulo_4(product), error],
            _ => [product, error],
        });
    }
    let (large, small) = parts.split_at(5);
    let (sum, mut rest) = add_without_loss(large);
    rest.extend(&small[..small.len() - 1]);
    let turns = sum.nearest();
    let fraction = sum - turns;
    let (high, low) = match precision {
        // The fraction is exact and at least 2^-30, the others are below 2^-49: plain sums lose nothing that matters.
        Precision::Single => (fraction + plain_sum(&rest), x.c(0.0)),
        Precision::Double => {
            let mut terms = vec![fraction];
            terms.extend(rest);
            let (high, errors) = add_without_loss(&terms);
            fast_two_sum(high, plain_sum(&errors))
        }
    };

    // Within ±π/4 nothing is to be done, and tiny arguments would underflow above.
    let Rest { turns, high, low } = rest_of_turns(turns, high, low);
    let small = x.abs().le(x.c(std::f64::consts::FRAC_PI_4));
    let zero = x.c(0.0);
    Rest { turns: small.select(zero, turns), high: small.select(x, high), low: small.select(zero, low) }
}

/// The sum of the parts (at least one) from left to right, and the error of each addition.
fn add_without_loss<'p>(parts: &[E<'p>]) -> (E<'p>, Vec<E<'p>>) {
    let mut errors = Vec::new();
    let mut sum = parts[0];
    for part in &parts[1..] {
        let (next, error) = two_sum(sum, *part);
        sum = next;
        errors.push(error);
    }
    (sum, errors)
}

/// The sum of the terms (at least one), beginning with the last, which are the smallest.
fn plain_sum<'p>(terms: &[E<'p>]) -> E<'p> {
    let (last, others) = (terms[terms.len() - 1], &terms[..terms.len() - 1]);
    others.iter().rev().fold(last, |sum, term| sum + *term)
}

/// v − 4·nearest(v/4), exact: the result has the last place of v and is at most 2.
fn modulo_4<'p>(v: E<'p>) -> E<'p> {
    (v * 0.25).nearest().fma(v.c(-4.0), v)
}

/// Digits `window .. window + count` of 2/π, for `window < windows`: halving the table by one bit of `window` at a time.
fn select_digits<'p>(p: &'p super::super::Builder, window: E<'p>, windows: usize, count: usize) -> Vec<E<'p>> {
    let mut table: Vec<E<'p>> = TWO_OVER_PI.iter().take(windows + count - 1).map(|d| p.f(Ty::F64, *d)).collect();
    let mut step = windows.next_power_of_two() / 2;
    while step > 0 {
        let bit = window.n(step as i64);
        let set = window.and(bit).eq(bit);
        table = (0..count + step - 1)
            .filter_map(|i| table.get(i).map(|low| table.get(i + step).map_or(*low, |high| set.select(*high, *low))))
            .collect();
        step /= 2;
    }
    table
}

/// d₀ = 0, then the digits of 2/π in base 2^53 (printed by `compiler/scripts/minimax.py two_over_pi`).
const TWO_OVER_PI: [f64; 24] = [
    0.0,
    5734161139222658.0,
    5814151408469972.0,
    7440259586542284.0,
    5563773718881558.0,
    2066796102992750.0,
    2563573915284664.0,
    55291115753100.0,
    5098427330010289.0,
    1465545334474430.0,
    5835026907506289.0,
    6776677510095004.0,
    7069188010357663.0,
    2595984518904818.0,
    2831001892290551.0,
    4552804911380620.0,
    3195225570766134.0,
    4461702110328553.0,
    8190251822055336.0,
    6397593724909042.0,
    8751785341853560.0,
    5811081437509311.0,
    3456741467624832.0,
    7180050975382879.0,
];
