//! Cadences: what a train block does every k steps only. A step in which something rests is code of its own, so that what is not
//! due is not computed; which one a step takes follows from its number alone.

/// The cadences of a train block, and the sets of them that are due together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cadences {
    /// The k of each, ascending.
    every: Vec<u32>,
    /// The sets that occur, as bits of `every`, the full one first.
    sets: Vec<u32>,
}

/// The most cadences there may be: each may double the number of steps that are made.
pub const MOST_CADENCES: usize = 4;

impl Cadences {
    /// The cadences with these k. One that is due at every step is none.
    ///
    /// # Panics
    ///
    /// When there are more than [`MOST_CADENCES`].
    pub fn new(every: impl IntoIterator<Item = u32>) -> Cadences {
        let mut every: Vec<u32> = every.into_iter().filter(|k| *k > 1).collect();
        every.sort_unstable();
        every.dedup();
        assert!(every.len() <= MOST_CADENCES, "{} cadences", every.len());
        let sets = (0..1 << every.len()).rev().filter(|set| occurs(&every, *set)).collect();
        Cadences { every, sets }
    }

    /// How many kinds of steps there are; the first is the one in which everything is due.
    pub fn kinds(&self) -> usize {
        self.sets.len()
    }

    /// The kind of a step by its number, from 1: what happens every k steps is due at k, 2k, 3k, ….
    pub fn kind_of(&self, step: u64) -> usize {
        let due = |(bit, k): (usize, &u32)| u32::from(step.is_multiple_of(u64::from(*k))) << bit;
        let set: u32 = self.every.iter().enumerate().map(due).sum();
        // Every set that is due at some step is listed.
        self.sets.iter().position(|s| *s == set).unwrap_or(0)
    }

    /// Whether what happens every `k` steps is due in a kind of step.
    pub fn is_due(&self, kind: usize, k: u32) -> bool {
        let bit = self.every.iter().position(|known| *known == k);
        bit.is_none_or(|bit| self.sets[kind] >> bit & 1 == 1)
    }
}

impl Default for Cadences {
    fn default() -> Cadences {
        Cadences::new([])
    }
}

/// Whether some step is a multiple of the numbers in the set and of no other: the least common multiple of the set is one, or
/// every multiple of it is one of another number, too.
fn occurs(every: &[u32], set: u32) -> bool {
    let (due, resting): (Vec<_>, Vec<_>) = every.iter().enumerate().partition(|(bit, _)| set >> bit & 1 == 1);
    // Four numbers below 2^32 have a common multiple below 2^128.
    let common = due.into_iter().map(|(_, k)| u128::from(*k)).fold(1, |a, b| a / gcd(a, b) * b);
    resting.into_iter().all(|(_, k)| common % u128::from(*k) != 0)
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_cadences_all_steps_are_alike() {
        let none = Cadences::new([1]);
        assert_eq!(none, Cadences::default());
        assert_eq!((none.kinds(), none.kind_of(7), none.is_due(0, 1)), (1, 0, true));
    }

    #[test]
    fn every_kind_that_is_listed_occurs_and_no_other() {
        let some = Cadences::new([6, 2, 5, 2]);
        // At multiples of 6 those of 2 are due, too.
        assert_eq!(some.kinds(), 6);
        let mut seen = vec![false; some.kinds()];
        for step in 1..=60 {
            let kind = some.kind_of(step);
            seen[kind] = true;
            for k in [2, 5, 6] {
                assert_eq!(some.is_due(kind, k), step % u64::from(k) == 0, "{step} {k}");
            }
        }
        assert!(seen.into_iter().all(|s| s));
        assert_eq!(some.kind_of(60), 0);
    }
}
