//! Random numbers: the counter-based generator Philox4x32-10 (Salmon, Moraes, Dror and Shaw, 2011) and draws from its words.
//!
//! Words are `I32` values read as unsigned.

use super::log::log;
use super::reduce::{Rest, rest_of_turns};
use super::trig::{Precision, sine_of_rest};
use super::{E, Ty};

const MULTIPLIERS: [i64; 2] = [0xD251_1F53, 0xCD9E_8D57];
const KEY_STEPS: [i64; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// Four random words from a counter and a key, all `I32`.
pub fn philox4x32_10<'p>(counter: [E<'p>; 4], key: [E<'p>; 2]) -> [E<'p>; 4] {
    let p = counter[0].builder();
    let product = |word: E<'p>, multiplier: i64| {
        let wide = word.zero_extend() * p.int(Ty::I64, multiplier);
        (wide.shr_u(wide.n(32)).to(Ty::I32), wide.to(Ty::I32))
    };
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for round in 0..ROUNDS {
        if round > 0 {
            k0 = k0 + p.int(Ty::I32, KEY_STEPS[0]);
            k1 = k1 + p.int(Ty::I32, KEY_STEPS[1]);
        }
        let (high_0, low_0) = product(c0, MULTIPLIERS[0]);
        let (high_1, low_1) = product(c2, MULTIPLIERS[1]);
        [c0, c1, c2, c3] = [high_1.xor(c1).xor(k0), low_1, high_0.xor(c3).xor(k1), low_0];
    }
    [c0, c1, c2, c3]
}

/// A uniform draw from [0, 1) in `F64`: 53 bits, 27 from the top of the first word, then 26 from the top of the second.
pub fn uniform_f64<'p>(first: E<'p>, second: E<'p>) -> E<'p> {
    let high = first.shr_u(first.n(5)).to(Ty::F64);
    let low = second.shr_u(second.n(6)).to(Ty::F64);
    (high * 2f64.powi(26) + low) * 2f64.powi(-53)
}

/// A draw from the standard normal distribution in `F64`, from four words, after Box and Muller: √(−2 ln u)·cos(2πv). A
/// single-precision draw is this one rounded.
pub fn normal<'p>(words: [E<'p>; 4]) -> E<'p> {
    // 1 − u is in (0, 1], so the logarithm is finite.
    let u = 1.0 - uniform_f64(words[0], words[1]);
    let v = uniform_f64(words[2], words[3]);
    let radius = (log(u) * -2.0).sqrt();
    let quarters = v * 4.0;
    let turns = quarters.nearest();
    // The difference is exact, so no reduction is needed.
    let rest: Rest<'p> = rest_of_turns(turns, quarters - turns, v.c(0.0));
    radius * sine_of_rest(rest, 1, Precision::Double)
}
