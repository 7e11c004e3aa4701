//! Axes whose elements do not lie evenly in memory: runs of one stride inside a few loops of other strides.
//!
//! The pixels of an image within its padding, the taps of a window, axes that were permuted and joined: all are such
//! walks, so no operand of a product has to be copied into order first.

use std::ops::Range;

/// The most loops around the runs of a walk.
pub const LEVELS: usize = 7;

/// A loop of a walk: so many steps of so many elements.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// How many steps; none only in an empty axis.
    pub size: usize,
    /// Elements from one to the next.
    pub stride: isize,
}

/// Where the elements of an axis lie. Element `i` belongs to run `i / run`, whose start the loops give, and lies
/// `(i % run)` times the stride of the axis behind it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk {
    /// Elements of a run; 0 if the whole axis is one.
    pub run: usize,
    /// The loops around the runs, outermost first; those not needed come first and have one step.
    pub levels: [Level; LEVELS],
}

impl Walk {
    /// One run: the axis has a single stride.
    pub const EVEN: Walk = Walk { run: 0, levels: [Level { size: 1, stride: 0 }; LEVELS] };

    /// Runs of `run` elements inside loops, outermost first; `None` if there are more loops than [`LEVELS`].
    pub fn of(run: usize, loops: &[Level]) -> Option<Walk> {
        let mut walk = Walk { run, ..Walk::EVEN };
        walk.levels[LEVELS.checked_sub(loops.len())?..].copy_from_slice(loops);
        Some(if loops.is_empty() { Walk::EVEN } else { walk })
    }

    /// Whether the axis has a single stride.
    pub fn is_even(&self) -> bool {
        self.run == 0
    }

    /// Where element `i` lies; `stride` is that of the axis.
    pub fn at(&self, i: usize, stride: isize) -> isize {
        self.runs(i..i + 1, stride).map(|(_, start)| start).sum()
    }

    /// The pieces of runs that make up `range`: the length and the place of the first element of each.
    pub(super) fn runs(&self, range: Range<usize>, stride: isize) -> Runs<'_> {
        let run = if self.is_even() { usize::MAX } else { self.run };
        let (mut rest, within) = (range.start / run, range.start % run);
        let mut runs = Runs { walk: self, run, stride, within, left: range.len(), digits: [0; LEVELS], start: 0 };
        for (digit, level) in runs.digits.iter_mut().zip(&self.levels).rev() {
            (*digit, rest) = (rest % level.size.max(1), rest / level.size.max(1));
            runs.start += *digit as isize * level.stride;
        }
        runs
    }

    /// Writes where each element of `range` lies.
    ///
    /// # Safety
    /// `to` is writable for as many elements as the range has.
    pub(super) unsafe fn table(&self, range: Range<usize>, stride: isize, mut to: *mut isize) {
        for (length, start) in self.runs(range, stride) {
            for i in 0..length {
                // SAFETY: the runs together are as long as the range.
                unsafe { *to.add(i) = start + i as isize * stride }
            }
            to = to.wrapping_add(length);
        }
    }
}

/// See [`Walk::runs`].
#[derive(Clone)]
pub(super) struct Runs<'w> {
    walk: &'w Walk,
    run: usize,
    stride: isize,
    within: usize,
    left: usize,
    digits: [usize; LEVELS],
    /// Where the current run starts.
    start: isize,
}

impl Iterator for Runs<'_> {
    type Item = (usize, isize);

    fn next(&mut self) -> Option<(usize, isize)> {
        if self.left == 0 {
            return None;
        }
        let length = self.left.min(self.run - self.within);
        let item = (length, self.start + self.within as isize * self.stride);
        self.left -= length;
        self.within = 0;
        for (digit, level) in self.digits.iter_mut().zip(&self.walk.levels).rev() {
            *digit += 1;
            self.start += level.stride;
            if *digit < level.size {
                break;
            }
            self.start -= level.size as isize * level.stride;
            *digit = 0;
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_is_its_loops() {
        let loops = [Level { size: 2, stride: 100 }, Level { size: 3, stride: -7 }];
        let walk = Walk::of(4, &loops).expect("two loops");
        let wanted: Vec<isize> =
            (0..2).flat_map(|i| (0..3).flat_map(move |j| (0..4).map(move |k| 100 * i - 7 * j + 2 * k))).collect();
        for (i, place) in wanted.iter().enumerate() {
            assert_eq!(walk.at(i, 2), *place);
        }
        for start in 0..wanted.len() {
            let mut table = vec![0; wanted.len() - start];
            // SAFETY: the table has the length of the range.
            unsafe { walk.table(start..wanted.len(), 2, table.as_mut_ptr()) };
            assert_eq!(table, wanted[start..]);
        }
        assert_eq!(walk.runs(2..9, 2).collect::<Vec<_>>(), [(2, 4), (4, -7), (1, -14)]);
    }

    #[test]
    fn one_stride_is_one_run() {
        assert_eq!(Walk::EVEN.at(5, -3), -15);
        assert_eq!(Walk::EVEN.runs(3..10, 2).collect::<Vec<_>>(), [(7, 6)]);
        assert_eq!(Walk::of(9, &[]), Some(Walk::EVEN));
        assert_eq!(Walk::of(1, &[Level { size: 2, stride: 1 }; LEVELS + 1]), None);
    }
}
