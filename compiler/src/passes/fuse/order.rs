//! Which group depends on which: ancestor sets that stay closed while groups grow and merge.

/// A directed acyclic graph over group numbers.
#[derive(Debug, Clone, Default)]
pub struct Dependencies {
    /// Bit `b` of row `a`: group `a` depends on group `b`, directly or not.
    ancestors: Vec<Vec<u64>>,
}

impl Dependencies {
    /// Adds a group that depends on nothing.
    pub fn push(&mut self) -> usize {
        self.ancestors.push(vec![]);
        self.ancestors.len() - 1
    }

    /// Whether `a` depends on `b`.
    pub fn reaches(&self, a: usize, b: usize) -> bool {
        self.ancestors[a].get(b / 64).is_some_and(|word| word >> (b % 64) & 1 == 1)
    }

    /// Makes `a`, and all that depend on it, depend on `b` and all it depends on. The caller has made sure that `b` does not
    /// depend on `a`.
    pub fn add(&mut self, a: usize, b: usize) {
        if a == b || self.reaches(a, b) {
            return;
        }
        debug_assert!(!self.reaches(b, a), "a dependency would close a circle");
        let mut new = self.ancestors[b].clone();
        set(&mut new, b);
        for x in 0..self.ancestors.len() {
            if x == a || self.reaches(x, a) {
                join(&mut self.ancestors[x], &new);
            }
        }
    }

    /// Makes `a` and `b`, which do not depend on each other, one group under the number `a`.
    pub fn merge(&mut self, a: usize, b: usize) {
        let mut new = self.ancestors[a].clone();
        join(&mut new, &self.ancestors[b]);
        self.ancestors[a].clone_from(&new);
        set(&mut new, a);
        for x in 0..self.ancestors.len() {
            if self.reaches(x, a) || self.reaches(x, b) {
                join(&mut self.ancestors[x], &new);
            }
        }
    }

    /// The groups of `members` in an order in which they can run; the smallest `rank` first among those that are ready.
    pub fn order(&self, members: &[usize], rank: impl Fn(usize) -> u32) -> Vec<usize> {
        let mut left: Vec<usize> = members.to_vec();
        left.sort_by_key(|&g| rank(g));
        let mut waits: Vec<usize> =
            left.iter().map(|&g| left.iter().filter(|&&h| h != g && self.reaches(g, h)).count()).collect();
        let mut done = vec![false; left.len()];
        let mut out = Vec::with_capacity(left.len());
        // The relation has no circle, so as long as a group is left, one is ready.
        while let Some(next) = (0..left.len()).find(|&i| !done[i] && waits[i] == 0) {
            done[next] = true;
            out.push(left[next]);
            for i in (0..left.len()).filter(|&i| i != next && self.reaches(left[i], left[next])) {
                waits[i] -= 1;
            }
        }
        out
    }
}

fn set(bits: &mut Vec<u64>, b: usize) {
    if bits.len() <= b / 64 {
        bits.resize(b / 64 + 1, 0);
    }
    bits[b / 64] |= 1 << (b % 64);
}

fn join(bits: &mut Vec<u64>, more: &[u64]) {
    if bits.len() < more.len() {
        bits.resize(more.len(), 0);
    }
    for (word, new) in bits.iter_mut().zip(more) {
        *word |= new;
    }
}

#[cfg(test)]
mod tests {
    use super::Dependencies;

    #[test]
    fn ancestors_stay_closed() {
        let mut d = Dependencies::default();
        let [a, b, c, e] = [d.push(), d.push(), d.push(), d.push()];
        d.add(c, b);
        d.add(b, a);
        assert!(d.reaches(c, a) && !d.reaches(a, c));
        d.merge(b, e);
        assert!(d.reaches(c, b) && d.reaches(b, a));
        assert_eq!(d.order(&[c, b, a], |g| 10 - g as u32), [a, b, c]);
    }
}
