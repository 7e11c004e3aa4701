//! NEON on aarch64: 8 rows by three vectors (8x12 in f32, 8x6 in f64), 24 accumulators of the 32
//! registers. There are no masked loads, so the last columns of a row pass through a small array.

use std::arch::aarch64::*;

use super::family::Family;
use super::tile::{Lanes, Tile, copy_first, multiply, shape};

// SAFETY of every block: NEON is part of aarch64; the trait's callers vouch for the pointers.
impl Lanes for float32x4_t {
    type Elem = f32;
    type Mask = usize;
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> Self {
        unsafe { vdupq_n_f32(0.0) }
    }
    #[inline(always)]
    unsafe fn first(count: usize) -> usize {
        count
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { vld1q_f32(from) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        let mut lanes = [0.0; 4];
        unsafe {
            let to = lanes.as_mut_ptr();
            copy_first(1, |_| (from, to), count);
            vld1q_f32(lanes.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { vst1q_f32(to, self) }
    }
    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self {
        unsafe { vld1q_dup_f32(from) }
    }
    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        unsafe { vfmaq_f32(self, a, b) }
    }
}

// SAFETY of every block: NEON is part of aarch64; the trait's callers vouch for the pointers.
impl Lanes for float64x2_t {
    type Elem = f64;
    type Mask = usize;
    const LANES: usize = 2;

    #[inline(always)]
    unsafe fn zero() -> Self {
        unsafe { vdupq_n_f64(0.0) }
    }
    #[inline(always)]
    unsafe fn first(count: usize) -> usize {
        count
    }
    #[inline(always)]
    unsafe fn load(from: *const f64) -> Self {
        unsafe { vld1q_f64(from) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f64, count: usize) -> Self {
        let mut lanes = [0.0; 2];
        unsafe {
            let to = lanes.as_mut_ptr();
            copy_first(1, |_| (from, to), count);
            vld1q_f64(lanes.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f64) {
        unsafe { vst1q_f64(to, self) }
    }
    #[inline(always)]
    unsafe fn splat(from: *const f64) -> Self {
        unsafe { vld1q_dup_f64(from) }
    }
    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        unsafe { vfmaq_f64(self, a, b) }
    }
}

#[target_feature(enable = "neon")]
unsafe fn tile_f32<const M: usize, const NV: usize, const FULL: bool, const SCATTERED: bool>(tile: &Tile<f32>) {
    // SAFETY: this function is compiled for NEON; the caller vouches for the tile.
    unsafe { multiply::<float32x4_t, M, NV, FULL, SCATTERED>(tile) }
}

#[target_feature(enable = "neon")]
unsafe fn tile_f64<const M: usize, const NV: usize, const FULL: bool, const SCATTERED: bool>(tile: &Tile<f64>) {
    // SAFETY: this function is compiled for NEON; the caller vouches for the tile.
    unsafe { multiply::<float64x2_t, M, NV, FULL, SCATTERED>(tile) }
}

/// Rows of a 4x4 block, `ld` apart, become columns.
#[target_feature(enable = "neon")]
unsafe fn transpose_f32(from: *const f32, ld: isize, to: *mut f32, to_ld: usize) {
    // SAFETY: the caller vouches for four rows of four elements on either side.
    unsafe {
        let row = |i: isize| vld1q_f32(from.wrapping_offset(i * ld));
        let (r0, r1, r2, r3) = (row(0), row(1), row(2), row(3));
        let (a0, a1) = (vreinterpretq_f64_f32(vtrn1q_f32(r0, r1)), vreinterpretq_f64_f32(vtrn2q_f32(r0, r1)));
        let (b0, b1) = (vreinterpretq_f64_f32(vtrn1q_f32(r2, r3)), vreinterpretq_f64_f32(vtrn2q_f32(r2, r3)));
        for (i, (a, b)) in [(a0, b0), (a1, b1)].into_iter().enumerate() {
            vst1q_f32(to.add(i * to_ld), vreinterpretq_f32_f64(vtrn1q_f64(a, b)));
            vst1q_f32(to.add((i + 2) * to_ld), vreinterpretq_f32_f64(vtrn2q_f64(a, b)));
        }
    }
}

/// Rows of a 2x2 block, `ld` apart, become columns.
#[target_feature(enable = "neon")]
unsafe fn transpose_f64(from: *const f64, ld: isize, to: *mut f64, to_ld: usize) {
    // SAFETY: the caller vouches for two rows of two elements on either side.
    unsafe {
        let (r0, r1) = (vld1q_f64(from), vld1q_f64(from.wrapping_offset(ld)));
        vst1q_f64(to, vtrn1q_f64(r0, r1));
        vst1q_f64(to.add(to_ld), vtrn2q_f64(r0, r1));
    }
}

pub(super) static F32: Family<f32> = Family {
    lanes: 4,
    shapes: &[
        shape!(tile_f32, 3, [1 2 3 4 5 6 7 8]),
        shape!(tile_f32, 2, [1 2 3 4 5 6 7 8]),
        shape!(tile_f32, 1, [1 2 3 4 5 6 7 8]),
    ],
    transpose: transpose_f32,
    block: 4,
};

pub(super) static F64: Family<f64> = Family {
    lanes: 2,
    shapes: &[
        shape!(tile_f64, 3, [1 2 3 4 5 6 7 8]),
        shape!(tile_f64, 2, [1 2 3 4 5 6 7 8]),
        shape!(tile_f64, 1, [1 2 3 4 5 6 7 8]),
    ],
    transpose: transpose_f64,
    block: 2,
};
