//! Keyed draws: the numbers that belong to a seed, a stream, a step and an element. No draw depends on another one.

use super::math::{normal as normal_of_words, philox4x32_10, uniform_f64};
use super::{E, Ty};

/// What a draw belongs to; all four are `I64`.
#[derive(Clone, Copy, Debug)]
pub struct Key<'p> {
    /// The seed of the run: 64 bits, the key of the generator.
    pub seed: E<'p>,
    /// The step, counted in 32 bits.
    pub step: E<'p>,
    /// The number of the place in the program that draws, in 32 bits.
    pub stream: E<'p>,
    /// The row-major number of the element in its tensor: 64 bits.
    pub element: E<'p>,
}

/// The four words of a key, as `I32`: Philox4x32-10 with the seed as key (low word first) and the counter
/// (element low, element high, step, stream).
pub fn words<'p>(key: &Key<'p>) -> [E<'p>; 4] {
    let low = |v: E<'p>| v.to(Ty::I32);
    let high = |v: E<'p>| v.shr_u(v.n(32)).to(Ty::I32);
    let counter = [low(key.element), high(key.element), low(key.step), low(key.stream)];
    philox4x32_10(counter, [low(key.seed), high(key.seed)])
}

/// Uniform in [0, 1), an `F64` of 53 random bits, from the first two words.
pub fn uniform<'p>(key: &Key<'p>) -> E<'p> {
    let [first, second, ..] = words(key);
    uniform_f64(first, second)
}

/// Standard normal, an `F64`, from all four words.
pub fn normal<'p>(key: &Key<'p>) -> E<'p> {
    normal_of_words(words(key))
}

#[cfg(test)]
mod tests {
    use super::super::interp::eval;
    use super::super::{Lane, Prog};
    use super::*;

    fn draw(body: impl for<'p> FnOnce(&Key<'p>) -> Vec<E<'p>>, key: [i64; 4]) -> Vec<Lane> {
        let prog = Prog::build(|p| {
            let [seed, step, stream, element] = [0, 1, 2, 3].map(|k| p.port(k, Ty::I64));
            body(&Key { seed, step, stream, element })
        });
        eval(&prog, &key.map(Lane::I64), &[])
    }

    #[test]
    fn a_key_is_the_key_and_counter_of_the_generator() {
        // The published answer for counter (243f6a88, 85a308d3, 13198a2e, 03707344) and key (a4093822, 299f31d0).
        let got = draw(
            |key| words(key).to_vec(),
            [0x299f_31d0_a409_3822, 0x1319_8a2e, 0x0370_7344, 0x85a3_08d3_243f_6a88_u64 as i64],
        );
        let want = [0xd16c_fe09u32, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1].map(|w| Lane::I32(w as i32));
        assert_eq!(got, want);
    }

    #[test]
    fn every_part_of_the_key_changes_the_draw() {
        let all = |key: [i64; 4]| draw(|key| vec![uniform(key), normal(key)], key);
        let base = all([1, 2, 3, 4]);
        for key in
            [[2, 2, 3, 4], [1, 3, 3, 4], [1, 2, 4, 4], [1, 2, 3, 5], [1 << 32 | 1, 2, 3, 4], [1, 2, 3, 1 << 32 | 4]]
        {
            assert!(all(key).iter().zip(&base).all(|(a, b)| a != b), "{key:?}");
        }
    }
}
