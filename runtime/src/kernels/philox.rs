//! Philox4x32-10 (Salmon et al., *Parallel random numbers: as easy as 1, 2, 3*, 2011): random
//! numbers as a pure function of (seed, stream, step, element), so that any order and any partition
//! of the elements draws the same numbers.
//!
//! The block of an element is `philox(counter, key)` with, as 32-bit words,
//!
//! | word | counter | key |
//! |---|---|---|
//! | 0 | low half of `element` | low half of `seed` |
//! | 1 | high half of `element` | high half of `seed` |
//! | 2 | low half of `step` | |
//! | 3 | `stream` | |
//!
//! Every element has a block of its own; a 64-bit draw is word 0 as its high half and word 1 as its low half. The draws of
//! programs are compiled from the same counter and key.

/// The stream of [`permutation`]; programs number theirs from 0.
pub const PERMUTATION_STREAM: u32 = u32::MAX;

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// The bijection of a counter under a key: ten rounds of Philox4x32.
pub fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut c0, mut c1, mut c2, mut c3], [mut k0, mut k1]) = (counter, key);
    for _ in 0..ROUNDS {
        let p0 = u64::from(MULTIPLIERS[0]) * u64::from(c0);
        let p1 = u64::from(MULTIPLIERS[1]) * u64::from(c2);
        let (high0, low0) = ((p0 >> 32) as u32, p0 as u32);
        let (high1, low1) = ((p1 >> 32) as u32, p1 as u32);
        (c0, c1, c2, c3) = (high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0);
        (k0, k1) = (k0.wrapping_add(WEYL[0]), k1.wrapping_add(WEYL[1]));
    }
    [c0, c1, c2, c3]
}

/// The block of an element.
pub fn block(seed: u64, stream: u32, step: u64, element: u64) -> [u32; 4] {
    let counter = [element as u32, (element >> 32) as u32, step as u32, stream];
    philox(counter, [seed as u32, (seed >> 32) as u32])
}

/// The 64-bit draw of an element.
pub fn bits64(seed: u64, stream: u32, step: u64, element: u64) -> u64 {
    let [high, low, ..] = block(seed, stream, step, element);
    u64::from(high) << 32 | u64::from(low)
}

/// A random order of `0..n`, every one equally likely: the Fisher-Yates shuffle, from the last place
/// down, over the 64-bit draws of [`PERMUTATION_STREAM`] at step `epoch`, elements 0, 1, 2, ….
///
/// The place to swap with is unbiased (Lemire, *Fast random integer generation in an interval*,
/// 2019): the high half of `draw * places`, where draws whose low half falls below
/// `2^64 mod places` are skipped.
pub fn permutation(seed: u64, epoch: u64, n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    let mut draws = (0..).map(|element| bits64(seed, PERMUTATION_STREAM, epoch, element));
    for last in (1..n).rev() {
        let places = last as u64 + 1;
        let rejected = places.wrapping_neg() % places;
        let place = draws.find_map(|draw| {
            let scaled = u128::from(draw) * u128::from(places);
            (scaled as u64 >= rejected).then_some((scaled >> 64) as usize)
        });
        // The draws never end; were they to, the order would still be a permutation.
        order.swap(last, place.unwrap_or(last));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers that the authors published with Random123.
    #[test]
    fn known_answers() {
        let ones = u32::MAX;
        let cases = [
            ([0; 4], [0; 2], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]),
            ([ones; 4], [ones; 2], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]),
            (
                [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
                [0xa4093822, 0x299f31d0],
                [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
            ),
        ];
        for (counter, key, answer) in cases {
            assert_eq!(philox(counter, key), answer, "{counter:08x?} {key:08x?}");
        }
    }

    #[test]
    fn counters_and_keys_are_built_as_documented() {
        let answer = [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1];
        let (seed, element) = (0x299f31d0_a4093822, 0x85a308d3_243f6a88);
        assert_eq!(block(seed, 0x03707344, 0x13198a2e, element), answer);
        assert_eq!(bits64(seed, 0x03707344, 0x13198a2e, element), 0xd16cfe09_94fdcceb);
    }

    #[test]
    fn permutations_hold_every_number_once_and_differ() {
        for n in [0, 1, 2, 3, 1000] {
            let mut order = permutation(5, 1, n);
            assert_eq!(order, permutation(5, 1, n));
            order.sort_unstable();
            assert_eq!(order, (0..n).collect::<Vec<_>>());
        }
        assert_ne!(permutation(5, 1, 100), permutation(5, 2, 100));
        assert_ne!(permutation(5, 1, 100), permutation(6, 1, 100));
    }

    /// All 24 orders of 4 elements come about equally often: chi-squared with 23 degrees of freedom
    /// is below 49.7 with probability 0.999.
    #[test]
    fn permutations_are_uniform() {
        let mut counts = std::collections::HashMap::new();
        let trials = 24_000;
        for epoch in 0..trials {
            *counts.entry(permutation(1, epoch, 4)).or_insert(0u32) += 1;
        }
        let expected = trials as f64 / 24.0;
        let chi: f64 = counts.values().map(|&c| (f64::from(c) - expected).powi(2) / expected).sum();
        assert_eq!(counts.len(), 24);
        assert!(chi < 49.7, "{chi}");
    }
}
