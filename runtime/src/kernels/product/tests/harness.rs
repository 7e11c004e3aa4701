//! Operands with guarded surroundings, the definition of a product, and their comparison.

use std::fmt::Debug;

use crate::kernels::product::*;
use crate::kernels::{Isa, KernelTable, kernels, philox};

/// A number that depends only on its arguments.
pub(super) fn draw(seed: u64, element: u64) -> u32 {
    philox::block(seed, 0, 0, element)[0]
}

/// The instruction sets that can be tested here.
pub(super) fn isas() -> Vec<Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.available()).collect()
}

/// `desc` as `batch` products, one behind the other.
pub(super) fn batched(desc: ProductDesc, batch: usize) -> ProductDesc {
    let extent =
        |rows: usize, rs: isize, cols: usize, cs: isize| 1 + (rows as isize - 1) * rs + (cols as isize - 1) * cs;
    ProductDesc {
        batch,
        a_bs: extent(desc.m, desc.a_rs, desc.k, desc.a_cs),
        b_bs: extent(desc.k, desc.b_rs, desc.n, desc.b_cs) + 3,
        c_bs: extent(desc.m, desc.c_rs, desc.n, 1) + 2,
        ..desc
    }
}

/// How the parts of a product are called.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    /// All in one call.
    Together,
    /// One by one, the last first.
    Backwards,
    /// In runs of 1, 2, 3, … parts, the last run first.
    Runs,
}

impl Order {
    fn runs(self, parts: u32) -> Vec<(u32, u32)> {
        match self {
            Order::Together => vec![(0, parts)],
            Order::Backwards => (0..parts).rev().map(|part| (part, part + 1)).collect(),
            Order::Runs => {
                let starts = (0..).map(|i| i * (i + 1) / 2).take_while(|&start| start < parts);
                let runs = starts.zip(1..).map(|(start, length)| (start, parts.min(start + length)));
                runs.collect::<Vec<_>>().into_iter().rev().collect()
            }
        }
    }
}

/// An element type as the tests see it.
pub(super) trait Real: Element + Debug + PartialEq + Copy {
    const GUARD: Self;
    fn of(value: f64) -> Self;
    fn zero() -> Self;
    fn fma(self, b: Self, c: Self) -> Self;
    fn plus(self, other: Self) -> Self;
    fn bits(self) -> u64;
    fn product(table: &KernelTable) -> ProductFn<Self>;
    /// NaN, infinities, the smallest and largest numbers, zeros.
    fn special() -> Vec<Self>;
}

macro_rules! real {
    ($type:ident, $bits:ident, $entry:ident) => {
        impl Real for $type {
            const GUARD: $type = -123.456;
            fn of(value: f64) -> $type {
                value as $type
            }
            fn zero() -> $type {
                0.0
            }
            fn fma(self, b: $type, c: $type) -> $type {
                self.mul_add(b, c)
            }
            fn plus(self, other: $type) -> $type {
                self + other
            }
            fn bits(self) -> u64 {
                if self.is_nan() { u64::MAX } else { u64::from(self.to_bits()) }
            }
            fn product(table: &KernelTable) -> ProductFn<$type> {
                table.$entry
            }
            fn special() -> Vec<$type> {
                let small = $type::from_bits(1);
                let (least, most) = ($type::MIN_POSITIVE, $type::MAX);
                vec![$type::NAN, $type::INFINITY, -most, small, -small, least, -least, -0.0, 0.0, most]
            }
        }
    };
}
real!(f32, u32, product_f32);
real!(f64, u64, product_f64);

/// Memory whose used elements lie between `origin + low` and `origin + high`.
struct Extent {
    low: isize,
    high: isize,
}

impl Extent {
    /// Of `axes` of (count, stride, walk); empty if a count is 0.
    fn of(axes: [(usize, isize, Walk); 3]) -> Extent {
        if axes.iter().any(|axis| axis.0 == 0) {
            return Extent { low: 0, high: 0 };
        }
        let reach = axes.map(|(count, stride, walk)| {
            let places = (0..count).map(|i| walk.at(i, stride));
            places.fold((0, 0), |(low, high), place| (low.min(place), high.max(place)))
        });
        Extent { low: reach.iter().map(|r| r.0).sum(), high: 1 + reach.iter().map(|r| r.1).sum::<isize>() }
    }

    fn len(&self) -> usize {
        (self.high - self.low) as usize
    }
}

/// A product with its operands.
pub(super) struct Case<T> {
    desc: ProductDesc,
    a: Vec<T>,
    b: Vec<T>,
    extents: [Extent; 3],
    /// The results by definition, dense.
    wanted: Vec<T>,
}

impl<T: Real> Case<T> {
    /// Random operands in [-1, 1), with special values among them if `special`.
    pub(super) fn new(desc: ProductDesc, seed: u64, special: bool) -> Self {
        let d = &desc;
        let extents = [
            Extent::of([(d.batch, d.a_bs, d.a_batch), (d.m, d.a_rs, d.a_rows), (d.k, d.a_cs, d.a_ks)]),
            Extent::of([(d.batch, d.b_bs, d.b_batch), (d.k, d.b_rs, d.b_ks), (d.n, d.b_cs, d.b_cols)]),
            Extent::of([(d.batch, d.c_bs, Walk::EVEN), (d.m, d.c_rs, Walk::EVEN), (d.n, 1, Walk::EVEN)]),
        ];
        let values = |stream: u32, count: usize| {
            let value = |element: u64| {
                let choice = philox::block(seed, stream, 1, element)[0] as usize;
                let specials = T::special();
                if special && choice.is_multiple_of(7) {
                    return specials[choice / 7 % specials.len()];
                }
                T::of((philox::bits64(seed, stream, 0, element) >> 11) as f64 * 2f64.powi(-52) - 1.0)
            };
            (0..count as u64).map(value).collect::<Vec<T>>()
        };
        let (a, b) = (values(1, extents[0].len()), values(2, extents[1].len()));
        let mut case = Case { desc, a, b, extents, wanted: Vec::new() };
        let ks: Vec<(isize, isize)> = (0..d.k).map(|k| (d.a_ks.at(k, d.a_cs), d.b_ks.at(k, d.b_rs))).collect();
        let results = case.indices().map(|(batch, i, j)| case.result(batch, i, j, &ks)).collect();
        case.wanted = results;
        case
    }

    /// The results in order: product, row, column.
    fn indices(&self) -> impl Iterator<Item = (usize, usize, usize)> + use<T> {
        let ProductDesc { batch, m, n, .. } = self.desc;
        (0..batch).flat_map(move |b| (0..m).flat_map(move |i| (0..n).map(move |j| (b, i, j))))
    }

    fn origins(&self) -> [usize; 3] {
        self.extents.each_ref().map(|extent| -extent.low as usize)
    }

    /// One result, by the words of `KSplit`; `ks` is where each `k` lies in A and in B.
    fn result(&self, batch: usize, i: usize, j: usize, ks: &[(isize, isize)]) -> T {
        let d = &self.desc;
        let [a_origin, b_origin, _] = self.origins();
        let at = |origin: usize, offset: isize| (origin as isize + offset) as usize;
        let row = d.a_batch.at(batch, d.a_bs) + d.a_rows.at(i, d.a_rs);
        let column = d.b_batch.at(batch, d.b_bs) + d.b_cols.at(j, d.b_cs);
        let a = |k: usize| self.a[at(a_origin, row + ks[k].0)];
        let b = |k: usize| self.b[at(b_origin, column + ks[k].1)];
        let chain = |block: usize| {
            let end = d.k.min((block + 1) * d.split.block);
            (block * d.split.block..end).fold(T::zero(), |sum, k| a(k).fma(b(k), sum))
        };
        let (count, segments) = (d.k.div_ceil(d.split.block).max(1), d.split.segments);
        let mut sums: Vec<T> = (0..segments)
            .map(|s| {
                let blocks = s * count / segments..(s + 1) * count / segments;
                blocks.map(chain).reduce(T::plus).unwrap_or(T::zero())
            })
            .collect();
        for stride in [1, 2, 4, 8] {
            for s in (0..segments.saturating_sub(stride)).step_by(2 * stride) {
                sums[s] = sums[s].plus(sums[s + stride]);
            }
        }
        sums[0]
    }

    /// Runs the kernel and compares; returns the results, dense.
    pub(super) fn check(&self, isa: Isa, order: Order) -> Vec<T> {
        const MARGIN: usize = 70;
        let mut c = vec![T::GUARD; self.extents[2].len() + 2 * MARGIN];
        let origin = MARGIN + self.origins()[2];
        self.call(isa, order, self.a.as_ptr(), self.b.as_ptr(), &mut c[MARGIN..]);
        self.compare(isa, &mut c, origin)
    }

    /// Calls the kernel with scratch memory of exactly the size asked for, guarded on either side.
    fn call(&self, isa: Isa, order: Order, a: *const T, b: *const T, c: &mut [T]) {
        let table = kernels(isa).unwrap();
        let bytes = scratch_bytes::<T>(&self.desc);
        let mut scratch = vec![0xA5u8; bytes + 256];
        let start = 64 + scratch.as_ptr().wrapping_add(64).align_offset(64);
        let [a_origin, b_origin, c_origin] = self.origins();
        for (begin, end) in order.runs(parts(&self.desc)) {
            // SAFETY: the operands have the extents of the product.
            unsafe {
                T::product(table)(
                    &self.desc,
                    a.add(a_origin),
                    b.add(b_origin),
                    c.as_mut_ptr().add(c_origin),
                    scratch.as_mut_ptr().add(start),
                    begin,
                    end,
                );
            }
        }
        let outside = scratch[..start].iter().chain(&scratch[start + bytes..]);
        assert!(outside.copied().all(|byte| byte == 0xA5), "{isa:?} {:?}: scratch", self.desc);
    }

    /// Compares every result and takes it away: what is left must be guards.
    fn compare(&self, isa: Isa, c: &mut [T], origin: usize) -> Vec<T> {
        let d = &self.desc;
        let mut results = Vec::new();
        for ((batch, i, j), wanted) in self.indices().zip(&self.wanted) {
            let offset = batch as isize * d.c_bs + i as isize * d.c_rs + j as isize;
            let found = &mut c[(origin as isize + offset) as usize];
            assert_eq!(found.bits(), wanted.bits(), "{isa:?} [{batch},{i},{j}] of {d:?}");
            results.push(std::mem::replace(found, T::GUARD));
        }
        assert!(c.iter().all(|value| *value == T::GUARD), "{isa:?} {d:?}: written outside C");
        results
    }

    /// As `check`, with A, B and C each right before a page that cannot be touched.
    #[cfg(unix)]
    pub(super) fn check_at_guard_page(&self, isa: Isa) {
        let (a, b) = (Guarded::new(self.a.len()), Guarded::new(self.b.len()));
        let c = Guarded::new(self.extents[2].len());
        // SAFETY: the guarded memory has room for as many elements, and `c` is used only here.
        let c = unsafe {
            std::ptr::copy_nonoverlapping(self.a.as_ptr(), a.data, self.a.len());
            std::ptr::copy_nonoverlapping(self.b.as_ptr(), b.data, self.b.len());
            std::slice::from_raw_parts_mut(c.data, self.extents[2].len())
        };
        c.fill(T::GUARD);
        self.call(isa, Order::Together, a.data, b.data, c);
        self.compare(isa, c, self.origins()[2]);
    }
}

/// Elements right before a page without access.
#[cfg(unix)]
struct Guarded<T> {
    base: *mut libc::c_void,
    bytes: usize,
    data: *mut T,
}

#[cfg(unix)]
impl<T> Guarded<T> {
    fn new(count: usize) -> Self {
        // SAFETY: a fresh anonymous mapping; its last page loses access before any use.
        unsafe {
            let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
            let used = (count * size_of::<T>()).next_multiple_of(page);
            let bytes = used + page;
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let base = libc::mmap(std::ptr::null_mut(), bytes, access, flags, -1, 0);
            assert_ne!(base, libc::MAP_FAILED);
            assert_eq!(libc::mprotect(base.add(used), page, libc::PROT_NONE), 0);
            Guarded { base, bytes, data: base.add(used).cast::<T>().sub(count) }
        }
    }
}

#[cfg(unix)]
impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nothing refers to it any more.
        unsafe { libc::munmap(self.base, self.bytes) };
    }
}
