//! The register tile: one generic micro-kernel that every instruction set but AVX-512 instantiates.
//!
//! A tile of `M` rows and `NV` vectors of columns lives in registers while `k` runs once over the
//! whole block, so each element of C is one ascending chain of fused multiply-adds. The chain
//! starts from `init`: a row of zeros for the first block of `k`, C itself for later ones. Storing
//! and reloading a partial sum in its own type keeps the chain, so tile shapes, blocking of `k` and
//! instruction sets cannot change a bit of the result.
//!
//! Every choice inside the kernel is a const generic: one run-time branch in the store loop makes
//! LLVM keep the accumulators in memory, at less than half the speed.

use std::hint::black_box;

/// A vector of one instruction set.
///
/// Every method is called only inside functions compiled for that instruction set, and every
/// pointer must be good for the elements that the method touches (no alignment is needed).
pub(super) trait Lanes: Copy {
    /// The element type, `f32` or `f64`.
    type Elem: Copy;
    /// Selects the first few elements of a vector.
    type Mask: Copy;
    /// Elements in a vector.
    const LANES: usize;

    /// All elements +0.
    unsafe fn zero() -> Self;
    /// The mask of the first `count` elements, `count` in 1..=LANES.
    unsafe fn first(count: usize) -> Self::Mask;
    /// Reads LANES elements.
    unsafe fn load(from: *const Self::Elem) -> Self;
    /// Reads only the elements in the mask; the rest are +0.
    unsafe fn load_first(from: *const Self::Elem, mask: Self::Mask) -> Self;
    /// Writes LANES elements.
    unsafe fn store(self, to: *mut Self::Elem);
    /// Writes the first `count` elements of `vector(0)` to `vector(M - 1)`, `rs` apart.
    ///
    /// By default the vectors go through memory: masked stores of 256 bits are microcode on some
    /// machines, dozens of operations each.
    #[inline(always)]
    unsafe fn store_first<const M: usize>(
        vector: impl Fn(usize) -> Self,
        to: *mut Self::Elem,
        rs: isize,
        count: usize,
    ) {
        // SAFETY: a vector is LANES elements in order; the caller vouches for the rest.
        unsafe {
            let mut column = [Self::zero(); M];
            for (i, row) in column.iter_mut().enumerate() {
                *row = vector(i);
            }
            let from = std::ptr::from_ref(black_box(&column)).cast::<Self::Elem>();
            let row = |i: usize| (from.add(i * Self::LANES), to.wrapping_offset(i as isize * rs));
            copy_first(M, row, count);
        }
    }
    /// One element of memory in every lane.
    unsafe fn splat(from: *const Self::Elem) -> Self;
    /// `a * b + self`, rounded once.
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
}

/// Copies `count` elements, less than 16, of each of `rows` rows by powers of two. `row` gives the
/// source and the destination of a row.
///
/// # Safety
/// Sources are readable and destinations writable for `count` elements; they do not overlap.
#[inline(always)]
pub(super) unsafe fn copy_first<T: Copy>(rows: usize, row: impl Fn(usize) -> (*const T, *mut T), count: usize) {
    let mut done = 0;
    macro_rules! step {
        ($($size:literal)*) => {$(
            if count & $size != 0 {
                for (from, to) in (0..rows).map(&row) {
                    // SAFETY: the powers of two in `count` sum to `count`.
                    unsafe { std::ptr::copy_nonoverlapping(from.add(done), to.add(done), $size) };
                }
                done += $size;
            }
        )*};
    }
    step!(8 4 2 1);
    debug_assert_eq!(done, count);
}

/// The operands of one tile. Strides count elements.
#[repr(C)]
pub(super) struct Tile<T> {
    /// The block of `k` is so many runs of so many elements.
    pub(super) runs: usize,
    pub(super) k: usize,
    /// Where each run of A starts, from `a`.
    pub(super) starts: *const isize,
    /// A at the tile's first row and the block's first `k`, with its row and `k` strides.
    pub(super) a: *const T,
    pub(super) a_rs: isize,
    pub(super) a_cs: isize,
    /// For kernels of scattered rows: where each lies, from the start of a run.
    pub(super) rows: *const isize,
    /// B at the block's first `k` and the tile's first column, with its `k` stride; columns are
    /// contiguous.
    pub(super) b: *const T,
    pub(super) b_ks: isize,
    /// Where the chains start, with its row stride.
    pub(super) init: *const T,
    pub(super) init_rs: isize,
    /// Where they go, with its row stride.
    pub(super) c: *mut T,
    pub(super) c_rs: isize,
    /// Columns in the last vector, 1..=LANES; kernels of full tiles ignore it.
    pub(super) last: usize,
}

/// A micro-kernel. Its tile must describe memory that is good for the kernel's rows and columns.
pub(super) type TileFn<T> = unsafe fn(&Tile<T>);

/// The micro-kernels with `vectors` vectors of columns; entry `m - 1` has `m` rows.
pub(super) struct Shape<T: 'static> {
    pub(super) vectors: usize,
    /// All columns present.
    pub(super) full: &'static [TileFn<T>],
    /// The last vector has `Tile::last` columns.
    pub(super) masked: &'static [TileFn<T>],
    /// The same for rows of A that are not evenly apart.
    pub(super) full_scattered: &'static [TileFn<T>],
    pub(super) masked_scattered: &'static [TileFn<T>],
}

/// Writes a `Shape` for a kernel function generic over rows, vectors, fullness and whether rows are scattered.
macro_rules! shape {
    ($kernel:ident, $vectors:literal, [$($rows:literal)*]) => {
        $crate::kernels::product::tile::Shape {
            vectors: $vectors,
            full: &[$($kernel::<$rows, $vectors, true, false>),*],
            masked: &[$($kernel::<$rows, $vectors, false, false>),*],
            full_scattered: &[$($kernel::<$rows, $vectors, true, true>),*],
            masked_scattered: &[$($kernel::<$rows, $vectors, false, true>),*],
        }
    };
}
pub(super) use shape;

/// Multiplies one tile of `M` rows and `NV` vectors. `FULL` promises that the last vector has all
/// its columns; `SCATTERED` says that the rows of A are found by the table of the tile, not by their stride.
///
/// # Safety
/// Every element that the tile describes must be readable (A, B, init) or writable (C), and the
/// calling function must be compiled for the vector's instruction set.
#[inline(always)]
pub(super) unsafe fn multiply<V: Lanes, const M: usize, const NV: usize, const FULL: bool, const SCATTERED: bool>(
    tile: &Tile<V::Elem>,
) {
    // SAFETY: the caller vouches for every element of the tile. Pointers advance with wrapping
    // arithmetic, since one past the last `k` of a strided operand may lie outside its allocation;
    // such a pointer is never read.
    unsafe {
        let mask = V::first(if FULL { V::LANES } else { tile.last });
        let partial = |j: usize| !FULL && j == NV - 1;
        let mut sum = [[V::zero(); NV]; M];
        for (i, row) in sum.iter_mut().enumerate() {
            let from = tile.init.wrapping_offset(i as isize * tile.init_rs);
            for (j, s) in row.iter_mut().enumerate() {
                let from = from.wrapping_add(j * V::LANES);
                *s = if partial(j) { V::load_first(from, mask) } else { V::load(from) };
            }
        }
        let mut rows = [0; M];
        if SCATTERED {
            for (i, row) in rows.iter_mut().enumerate() {
                *row = *tile.rows.add(i);
            }
        }
        let mut b = tile.b;
        for run in 0..tile.runs {
            let mut start = tile.a.wrapping_offset(*tile.starts.add(run));
            // Rows of A in threes, each with a pointer of its own whose relation to the others is
            // hidden: the compiler would step one pointer down all rows, a chain of additions as long
            // as the multiply-adds themselves.
            let mut a: [*const V::Elem; M] = [start; M];
            for (i, a) in a.iter_mut().enumerate() {
                if i % 3 == 0 && !SCATTERED {
                    *a = black_box(start.wrapping_offset(i as isize * tile.a_rs));
                }
            }
            for _ in 0..tile.k {
                let mut columns = [V::zero(); NV];
                for (j, column) in columns.iter_mut().enumerate() {
                    let from = b.wrapping_add(j * V::LANES);
                    *column = if partial(j) { V::load_first(from, mask) } else { V::load(from) };
                }
                for (i, row) in sum.iter_mut().enumerate() {
                    let scale = V::splat(if SCATTERED {
                        start.wrapping_offset(rows[i])
                    } else {
                        a[i - i % 3].wrapping_offset((i % 3) as isize * tile.a_rs)
                    });
                    for (s, column) in row.iter_mut().zip(columns) {
                        *s = s.add_product(scale, column);
                    }
                }
                for (i, a) in a.iter_mut().enumerate() {
                    if i % 3 == 0 && !SCATTERED {
                        *a = a.wrapping_offset(tile.a_cs);
                    }
                }
                if SCATTERED {
                    start = start.wrapping_offset(tile.a_cs);
                }
                b = b.wrapping_offset(tile.b_ks);
            }
        }
        let whole = if FULL { NV } else { NV - 1 };
        for (i, row) in sum.iter().enumerate() {
            let to = tile.c.wrapping_offset(i as isize * tile.c_rs);
            for (j, s) in row[..whole].iter().enumerate() {
                s.store(to.wrapping_add(j * V::LANES));
            }
        }
        if !FULL {
            let to = tile.c.wrapping_add((NV - 1) * V::LANES);
            V::store_first::<M>(|i| sum[i][NV - 1], to, tile.c_rs, tile.last);
        }
    }
}
