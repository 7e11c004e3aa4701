//! Dense products `C[m,n] = Σ_k A[m,k]·B[k,n]` in f32 and f64. A and B may lie in memory with any strides, or be walked by
//! loops along each of their axes: convolution in all its directions is such a product.
//!
//! Every result is one ascending chain of fused multiply-adds over `k` that starts from +0, cut
//! only where [`KSplit`] says so. Therefore all instruction sets, tile shapes, blockings and
//! partitions among threads give the same bits (NaNs count as one value).
//!
//! A call works on a range of *parts*: disjoint regions of C, fixed by the shape alone. It allocates
//! nothing; packed panels and partial sums live in scratch memory of the caller.
//!
//! - `split`: where long contractions are cut
//! - `walk`: axes without a single stride
//! - `plan`: parts, blocking and scratch of a shape
//! - `driver`: the loops around the tile kernels, with `pack` for panels of B
//! - `tile`, `family`: the micro-kernel and its table; one file per instruction set

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod driver;
mod family;
#[cfg(target_arch = "aarch64")]
mod neon;
mod pack;
mod plan;
mod portable;
mod split;
#[cfg(test)]
mod tests;
mod tile;
mod walk;

use std::ffi::c_void;

pub use plan::{COLUMN_UNIT, FAR_ROWS, parts, scratch_bytes};
pub use split::{KSplit, LONGEST_CHAIN, k_split};
pub use walk::{LEVELS, Level, Walk};

// Descriptors are written by generated code, which knows sizes and strides as 64-bit words.
const _: () = assert!(size_of::<usize>() == 8);

/// Called once for every finished block of C, while it is still in cache.
///
/// `c` points at the element (`row`, `col`) of the result with index `batch`; the block has `rows`
/// by `cols` elements, with the row stride of the product. Blocks are disjoint and cover C.
pub type EpilogueFn = unsafe extern "C" fn(
    ctx: *mut c_void,
    c: *mut c_void,
    batch: usize,
    row: usize,
    rows: usize,
    col: usize,
    cols: usize,
);

/// A product, or a batch of products of one shape. Strides count elements and may be negative or
/// (for A and B) zero; the rows of C are contiguous, and no two results share an element. An axis of
/// A or B that has no single stride has a [`Walk`] around its stride.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ProductDesc {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of B and C.
    pub n: usize,
    /// Length of the contraction.
    pub k: usize,
    /// A: from a row to the next.
    pub a_rs: isize,
    /// A: from one `k` to the next.
    pub a_cs: isize,
    /// B: from one `k` to the next.
    pub b_rs: isize,
    /// B: from a column to the next.
    pub b_cs: isize,
    /// C: from a row to the next.
    pub c_rs: isize,
    /// Where the contraction is cut; part of the meaning of the product.
    pub split: KSplit,
    /// How many products; 1 for a single one.
    pub batch: usize,
    /// A: from a product to the next.
    pub a_bs: isize,
    /// B: from a product to the next.
    pub b_bs: isize,
    /// C: from a product to the next.
    pub c_bs: isize,
    /// A: the walk over its rows.
    pub a_rows: Walk,
    /// A: the walk over `k`.
    pub a_ks: Walk,
    /// B: the walk over `k`.
    pub b_ks: Walk,
    /// B: the walk over its columns.
    pub b_cols: Walk,
    /// A: the walk over the products.
    pub a_batch: Walk,
    /// B: the walk over the products.
    pub b_batch: Walk,
    /// Called on finished blocks of C.
    pub epilogue: Option<EpilogueFn>,
    /// Handed to the epilogue.
    pub epilogue_ctx: *mut c_void,
}

impl ProductDesc {
    /// A single product of dense row-major A `[m,k]`, B `[k,n]` and C `[m,n]`, without an epilogue.
    pub fn row_major(m: usize, n: usize, k: usize) -> Self {
        ProductDesc {
            m,
            n,
            k,
            a_rs: k as isize,
            a_cs: 1,
            b_rs: n as isize,
            b_cs: 1,
            c_rs: n as isize,
            split: k_split(m, n, k, 1),
            batch: 1,
            a_bs: (m * k) as isize,
            b_bs: (k * n) as isize,
            c_bs: (m * n) as isize,
            a_rows: Walk::EVEN,
            a_ks: Walk::EVEN,
            b_ks: Walk::EVEN,
            b_cols: Walk::EVEN,
            a_batch: Walk::EVEN,
            b_batch: Walk::EVEN,
            epilogue: None,
            epilogue_ctx: std::ptr::null_mut(),
        }
    }

    /// Whether A is walked: some axis of it has no single stride.
    fn walks_a(&self) -> bool {
        !(self.a_rows.is_even() && self.a_ks.is_even())
    }

    /// The same with A stored transposed, as `[k,m]`: the gradient of a weight.
    pub fn a_transposed(m: usize, n: usize, k: usize) -> Self {
        ProductDesc { a_rs: 1, a_cs: m as isize, ..Self::row_major(m, n, k) }
    }

    /// The same with B stored transposed, as `[n,k]`: the gradient of an input.
    pub fn b_transposed(m: usize, n: usize, k: usize) -> Self {
        ProductDesc { b_rs: 1, b_cs: k as isize, ..Self::row_major(m, n, k) }
    }
}

/// The parts `begin..end` of a product.
///
/// # Safety
/// - `desc` is valid; A and B are readable and C is writable wherever the shape and strides reach,
///   and C overlaps neither A nor B.
/// - `scratch` has [`scratch_bytes`] bytes, aligned to 64, which calls for disjoint parts of one
///   product share (they never touch the same bytes); it may be null if that number is 0.
/// - `begin <= end <=` [`parts`]; no other call works on the same parts at the same time.
/// - The instruction set of the kernel is available.
pub type ProductFn<T> = unsafe extern "C" fn(
    desc: *const ProductDesc,
    a: *const T,
    b: *const T,
    c: *mut T,
    scratch: *mut u8,
    begin: u32,
    end: u32,
);

/// The element types of a product.
pub trait Element: sealed::Sealed {}
impl Element for f32 {}
impl Element for f64 {}

mod sealed {
    /// What the driver needs to know of an element type; `f32` and `f64` only.
    pub trait Sealed: Copy + std::ops::Add<Output = Self> + 'static {
        /// +0.
        const ZERO: Self;
        /// A row of +0 as wide as the widest tile.
        const ZEROS: &'static [Self; 64];
        /// `self * b + c`, rounded once.
        fn mul_add(self, b: Self, c: Self) -> Self;
    }
    impl Sealed for f32 {
        const ZERO: f32 = 0.0;
        const ZEROS: &'static [f32; 64] = &[0.0; 64];
        #[inline(always)]
        fn mul_add(self, b: f32, c: f32) -> f32 {
            f32::mul_add(self, b, c)
        }
    }
    impl Sealed for f64 {
        const ZERO: f64 = 0.0;
        const ZEROS: &'static [f64; 64] = &[0.0; 64];
        #[inline(always)]
        fn mul_add(self, b: f64, c: f64) -> f64 {
            f64::mul_add(self, b, c)
        }
    }
}

/// Defines the C-callable entries of one instruction set.
macro_rules! entries {
    ($family:ident: $f32:ident, $f64:ident) => {
        pub(super) unsafe extern "C" fn $f32(
            desc: *const ProductDesc,
            a: *const f32,
            b: *const f32,
            c: *mut f32,
            scratch: *mut u8,
            begin: u32,
            end: u32,
        ) {
            // SAFETY: the conditions of `ProductFn` are those of the driver.
            unsafe { driver::run(&$family::F32, &*desc, a, b, c, scratch, begin, end) }
        }
        pub(super) unsafe extern "C" fn $f64(
            desc: *const ProductDesc,
            a: *const f64,
            b: *const f64,
            c: *mut f64,
            scratch: *mut u8,
            begin: u32,
            end: u32,
        ) {
            // SAFETY: the conditions of `ProductFn` are those of the driver.
            unsafe { driver::run(&$family::F64, &*desc, a, b, c, scratch, begin, end) }
        }
    };
}

#[cfg(target_arch = "x86_64")]
entries!(avx512: avx512_f32, avx512_f64);
#[cfg(target_arch = "x86_64")]
entries!(avx2: avx2_f32, avx2_f64);
#[cfg(target_arch = "aarch64")]
entries!(neon: neon_f32, neon_f64);
entries!(portable: portable_f32, portable_f64);
