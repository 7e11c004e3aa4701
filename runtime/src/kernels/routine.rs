//! What a step does to whole rows, one after the other or at places that are known only while it runs: reading and adding rows by
//! number, sorting, running sums, recurrences.
//!
//! A call works on a range of *parts*, which the shape alone fixes and which write disjoint elements, so the number of threads
//! changes no bit. It allocates nothing.

use std::cmp::Ordering;
use std::ffi::c_void;

/// Which one. `a` is `[outer, places, width]` in any strides, everything else lies row-major.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Routine {
    /// Row `i` of the result `[outer, count, width]` is row `index[outer, i]` of `a`, `[outer, size, width]`.
    Gather,
    /// Row `i` of `a`, `[outer, count, width]`, is added to row `index[outer, i]` of the result `[outer, size, width]`: for each
    /// element one chain from +0 by ascending `i`.
    ScatterAdd,
    /// The order of `a`, `[outer, size]`, upwards or downwards: equals as they stand; a NaN is above all numbers.
    ArgSort,
    /// Each element of the result `[outer, size, width]` is the sum of those of `a` up to it: one chain from +0.
    CumSum,
    /// Row 0 of the result `[outer, size, width]` is that of `b`, every other `a · before + b`, rounded twice.
    Recurrence,
}

/// Sizes, strides and parts of a call. Strides count elements.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoutineDesc {
    /// Independent calls.
    pub outer: usize,
    /// Indices of each.
    pub count: usize,
    /// Places of the axis that is indexed, sorted or walked.
    pub size: usize,
    /// Elements of a row.
    pub width: usize,
    /// Of `a`, by outer, place and element of a row.
    pub a: [isize; 3],
    /// 1 to sort downwards, else 0.
    pub descending: usize,
    /// Elements of a row that one unit of work takes, where rows are shared among threads.
    pub columns: usize,
    /// Units of work in a part.
    pub grain: usize,
}

/// Runs of columns are multiples of this: some cache lines, which lie together and which threads do not share.
const LINES: usize = 64;
/// The most parts that rows are cut into.
const CUTS: usize = 16;
/// Elements that make a part worth a thread's while.
const PART: usize = 8192;

impl RoutineDesc {
    /// Shares the work: rows of the result, or runs of columns where every row must be walked in order.
    pub fn new(
        routine: Routine,
        [outer, count, size, width]: [usize; 4],
        a: [isize; 3],
        descending: bool,
    ) -> RoutineDesc {
        let cut = if outer >= CUTS { width } else { width.div_ceil(CUTS).next_multiple_of(LINES) };
        let columns = match routine {
            Routine::ScatterAdd | Routine::CumSum | Routine::Recurrence => cut.clamp(1, width.max(1)),
            Routine::Gather | Routine::ArgSort => width.max(1),
        };
        let mut desc =
            RoutineDesc { outer, count, size, width, a, descending: usize::from(descending), columns, grain: 1 };
        let unit = desc.elements(routine).div_ceil(desc.units(routine).max(1));
        desc.grain = (PART / unit.max(1)).max(desc.units(routine).div_ceil(64)).max(1);
        desc
    }

    fn units(&self, routine: Routine) -> usize {
        match routine {
            Routine::Gather => self.outer * self.count,
            Routine::ArgSort => self.outer,
            Routine::ScatterAdd | Routine::CumSum | Routine::Recurrence => {
                self.outer * self.width.div_ceil(self.columns)
            }
        }
    }

    /// Elements that are looked at.
    pub fn elements(&self, routine: Routine) -> usize {
        let rows = match routine {
            Routine::Gather => self.count,
            Routine::ArgSort | Routine::CumSum | Routine::Recurrence => self.size,
            Routine::ScatterAdd => self.count + self.size,
        };
        self.outer * rows * self.width
    }

    /// Parts that threads share.
    pub fn parts(&self, routine: Routine) -> u32 {
        self.units(routine).div_ceil(self.grain) as u32
    }

    /// The units of parts `begin..end`.
    fn run(&self, routine: Routine, begin: u32, end: u32) -> std::ops::Range<usize> {
        begin as usize * self.grain..(end as usize * self.grain).min(self.units(routine))
    }

    /// Calls `work` with each outer number and the columns of it that the units of parts `begin..end` take: neighbours are
    /// one run, so that a thread goes over the rows once.
    fn for_columns(&self, routine: Routine, begin: u32, end: u32, mut work: impl FnMut(usize, std::ops::Range<usize>)) {
        let cuts = self.width.div_ceil(self.columns);
        let units = self.run(routine, begin, end);
        let mut unit = units.start;
        while unit < units.end {
            let (outer, first) = (unit / cuts, unit % cuts);
            let next = units.end.min((outer + 1) * cuts);
            let last = first + next - unit;
            work(outer, first * self.columns..(last * self.columns).min(self.width));
            unit = next;
        }
    }
}

/// An entry that generated code calls, in the form of the tile kernels, so that one emitter calls both; routines leave the scratch
/// alone.
///
/// # Safety
/// `desc` describes the operands: every element that it reaches in `a`, `b` (the index `[outer, count]`, or `b`
/// `[outer, size, width]`, of the routines that have one) and `c` exists, and `c` overlaps neither `a` nor `b`. `begin <= end <=` [`RoutineDesc::parts`], and no other call
/// works on the same parts at the same time.
pub type RoutineFn = unsafe extern "C" fn(
    desc: *const RoutineDesc,
    a: *const c_void,
    b: *const c_void,
    c: *mut c_void,
    scratch: *mut u8,
    begin: u32,
    end: u32,
);

/// All entries, by routine and bytes of an element; the sums and the order are of floats.
pub const ENTRIES: [(Routine, usize, &str, RoutineFn); 11] = [
    (Routine::Gather, 1, "nnc_gather_1", gather::<u8>),
    (Routine::Gather, 4, "nnc_gather_4", gather::<u32>),
    (Routine::Gather, 8, "nnc_gather_8", gather::<u64>),
    (Routine::ScatterAdd, 4, "nnc_scatter_add_4", scatter_add::<f32>),
    (Routine::ScatterAdd, 8, "nnc_scatter_add_8", scatter_add::<f64>),
    (Routine::ArgSort, 4, "nnc_argsort_4", argsort::<f32>),
    (Routine::ArgSort, 8, "nnc_argsort_8", argsort::<f64>),
    (Routine::CumSum, 4, "nnc_cumsum_4", cumsum::<f32>),
    (Routine::CumSum, 8, "nnc_cumsum_8", cumsum::<f64>),
    (Routine::Recurrence, 4, "nnc_recurrence_4", recurrence::<f32>),
    (Routine::Recurrence, 8, "nnc_recurrence_8", recurrence::<f64>),
];

/// The nearest place of an axis of `size` places.
fn nearest(index: i32, size: usize) -> usize {
    (index.max(0) as usize).min(size - 1)
}

unsafe extern "C" fn gather<T: Copy>(
    desc: *const RoutineDesc,
    a: *const c_void,
    b: *const c_void,
    c: *mut c_void,
    _: *mut u8,
    begin: u32,
    end: u32,
) {
    // SAFETY: the contract of `RoutineFn`; `nearest` keeps every place within the axis.
    unsafe {
        let d = &*desc;
        let (a, index, c) = (a.cast::<T>(), b.cast::<i32>(), c.cast::<T>());
        let units = d.run(Routine::Gather, begin, end);
        let (mut outer, mut i) = (units.start / d.count, units.start % d.count);
        for row in units {
            let place = nearest(*index.add(row), d.size);
            let from = a.offset(outer as isize * d.a[0] + place as isize * d.a[1]);
            let to = c.add(row * d.width);
            match d.width {
                1 => *to = *from,
                width if d.a[2] == 1 => std::ptr::copy_nonoverlapping(from, to, width),
                width => (0..width).for_each(|j| *to.add(j) = *from.offset(j as isize * d.a[2])),
            }
            i += 1;
            if i == d.count {
                (outer, i) = (outer + 1, 0);
            }
        }
    }
}

unsafe extern "C" fn scatter_add<T: Copy + Default + std::ops::Add<Output = T>>(
    desc: *const RoutineDesc,
    a: *const c_void,
    b: *const c_void,
    c: *mut c_void,
    _: *mut u8,
    begin: u32,
    end: u32,
) {
    // SAFETY: the contract of `RoutineFn`; `nearest` keeps every place within the axis, and units have disjoint columns.
    unsafe {
        let d = &*desc;
        let (a, index, c) = (a.cast::<T>(), b.cast::<i32>(), c.cast::<T>());
        d.for_columns(Routine::ScatterAdd, begin, end, |outer, columns| {
            let row = |place: usize| c.add((outer * d.size + place) * d.width + columns.start);
            if columns.len() == d.width {
                std::slice::from_raw_parts_mut(row(0), d.size * d.width).fill(T::default());
            } else {
                (0..d.size)
                    .for_each(|place| std::slice::from_raw_parts_mut(row(place), columns.len()).fill(T::default()));
            }
            for i in 0..d.count {
                let place = nearest(*index.add(outer * d.count + i), d.size);
                let to = std::slice::from_raw_parts_mut(row(place), columns.len());
                let start = outer as isize * d.a[0] + i as isize * d.a[1] + columns.start as isize * d.a[2];
                let from = a.offset(start);
                if d.a[2] == 1 {
                    let from = std::slice::from_raw_parts(from, columns.len());
                    to.iter_mut().zip(from).for_each(|(sum, x)| *sum = *sum + *x);
                } else {
                    for (j, sum) in to.iter_mut().enumerate() {
                        *sum = *sum + *from.offset(j as isize * d.a[2]);
                    }
                }
            }
        });
    }
}

/// The order of two floats, a NaN above all numbers and equal to a NaN.
pub fn order<T: PartialOrd>(x: &T, y: &T) -> Ordering {
    #[expect(clippy::eq_op, reason = "only a NaN differs from itself")]
    x.partial_cmp(y).unwrap_or_else(|| (x != x).cmp(&(y != y)))
}

unsafe extern "C" fn argsort<T: PartialOrd>(
    desc: *const RoutineDesc,
    a: *const c_void,
    _: *const c_void,
    c: *mut c_void,
    _: *mut u8,
    begin: u32,
    end: u32,
) {
    // SAFETY: the contract of `RoutineFn`; units have disjoint rows, and places are those of the axis.
    unsafe {
        let d = &*desc;
        for outer in d.run(Routine::ArgSort, begin, end) {
            let row = a.cast::<T>().offset(outer as isize * d.a[0]);
            let places = std::slice::from_raw_parts_mut(c.cast::<i32>().add(outer * d.size), d.size);
            (0..).zip(&mut *places).for_each(|(i, place)| *place = i);
            let at = |place: i32| &*row.offset(place as isize * d.a[1]);
            // Places tell equals apart, so that a sort that needs no memory is as good as a stable one.
            places.sort_unstable_by(|&i, &j| {
                let by_value = order(at(i), at(j));
                (if d.descending == 1 { by_value.reverse() } else { by_value }).then(i.cmp(&j))
            });
        }
    }
}

unsafe extern "C" fn cumsum<T: Copy + Default + std::ops::Add<Output = T>>(
    desc: *const RoutineDesc,
    a: *const c_void,
    _: *const c_void,
    c: *mut c_void,
    _: *mut u8,
    begin: u32,
    end: u32,
) {
    // SAFETY: the contract of `RoutineFn`; units have disjoint columns.
    unsafe {
        let d = &*desc;
        let (a, c) = (a.cast::<T>(), c.cast::<T>());
        d.for_columns(Routine::CumSum, begin, end, |outer, columns| {
            for place in 0..d.size {
                let to = c.add((outer * d.size + place) * d.width);
                let from = a.offset(outer as isize * d.a[0] + place as isize * d.a[1]);
                for j in columns.clone() {
                    let before = if place == 0 { T::default() } else { *to.add(j).sub(d.width) };
                    *to.add(j) = before + *from.offset(j as isize * d.a[2]);
                }
            }
        });
    }
}

unsafe extern "C" fn recurrence<T: Copy + std::ops::Add<Output = T> + std::ops::Mul<Output = T>>(
    desc: *const RoutineDesc,
    a: *const c_void,
    b: *const c_void,
    c: *mut c_void,
    _: *mut u8,
    begin: u32,
    end: u32,
) {
    // SAFETY: the contract of `RoutineFn`; units have disjoint columns.
    unsafe {
        let d = &*desc;
        let (a, b, c) = (a.cast::<T>(), b.cast::<T>(), c.cast::<T>());
        d.for_columns(Routine::Recurrence, begin, end, |outer, columns| {
            for place in 0..d.size {
                let row = (outer * d.size + place) * d.width;
                let from = a.offset(outer as isize * d.a[0] + place as isize * d.a[1]);
                for j in columns.clone() {
                    let more = *b.add(row + j);
                    *c.add(row + j) = match place {
                        0 => more,
                        _ => *from.offset(j as isize * d.a[2]) * *c.add(row + j - d.width) + more,
                    };
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{Routine, RoutineDesc, order};

    #[test]
    fn every_unit_is_in_one_part() {
        for routine in [Routine::Gather, Routine::ScatterAdd, Routine::ArgSort, Routine::Recurrence] {
            for shape in [[1, 5, 3, 1], [1, 300, 50, 768], [40, 3, 9, 5], [3, 2, 2, 200], [20_000, 1, 4, 1]] {
                let d = RoutineDesc::new(routine, shape, [1, 1, 1], false);
                let parts = d.parts(routine);
                let units: Vec<usize> = (0..parts).flat_map(|p| d.run(routine, p, p + 1)).collect();
                assert_eq!(units, (0..d.units(routine)).collect::<Vec<_>>(), "{routine:?} {shape:?}");
                assert!(parts <= 64, "{routine:?} {shape:?}: {parts} parts");
            }
        }
    }

    #[test]
    fn columns_are_disjoint_and_whole() {
        let d = RoutineDesc::new(Routine::CumSum, [2, 0, 70, 1500], [1, 1, 1], false);
        let parts = d.parts(Routine::CumSum);
        assert!(parts > 4, "{parts} parts");
        for step in [1, 3, parts] {
            let mut columns: Vec<(usize, usize)> = vec![];
            for begin in (0..parts).step_by(step as usize) {
                let end = (begin + step).min(parts);
                d.for_columns(Routine::CumSum, begin, end, |outer, run| columns.extend(run.map(|c| (outer, c))));
            }
            assert_eq!(columns, (0..2).flat_map(|o| (0..1500).map(move |c| (o, c))).collect::<Vec<_>>(), "by {step}");
        }
    }

    #[test]
    fn a_nan_is_above_all() {
        let mut x = [2.0, f64::NAN, -0.0, f64::INFINITY, 0.0];
        x.sort_by(order);
        assert_eq!(format!("{x:?}"), "[-0.0, 0.0, 2.0, inf, NaN]");
    }
}
