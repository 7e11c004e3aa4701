//! AVX2 with FMA: 6 rows by two vectors (6x16 in f32, 6x8 in f64), 12 accumulators of the 16
//! registers. Narrow panels use 12 rows by one vector, short ones 2 rows by four or 1 by eight, so
//! that the two multiply-add pipes always have enough independent chains.

use std::arch::x86_64::*;

use super::family::Family;
use super::tile::{Lanes, Tile, multiply, shape};

// SAFETY of every block: the trait's callers run on AVX2 with FMA and vouch for the pointers.
impl Lanes for __m256 {
    type Elem = f32;
    type Mask = __m256i;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn zero() -> Self {
        unsafe { _mm256_setzero_ps() }
    }
    #[inline(always)]
    unsafe fn first(count: usize) -> __m256i {
        unsafe {
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lanes)
        }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, mask: __m256i) -> Self {
        unsafe { _mm256_maskload_ps(from, mask) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, self) }
    }
    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self {
        unsafe { _mm256_set1_ps(*from) }
    }
    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        unsafe { _mm256_fmadd_ps(a, b, self) }
    }
}

// SAFETY of every block: the trait's callers run on AVX2 with FMA and vouch for the pointers.
impl Lanes for __m256d {
    type Elem = f64;
    type Mask = __m256i;
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> Self {
        unsafe { _mm256_setzero_pd() }
    }
    #[inline(always)]
    unsafe fn first(count: usize) -> __m256i {
        unsafe {
            let lanes = _mm256_setr_epi64x(0, 1, 2, 3);
            _mm256_cmpgt_epi64(_mm256_set1_epi64x(count as i64), lanes)
        }
    }
    #[inline(always)]
    unsafe fn load(from: *const f64) -> Self {
        unsafe { _mm256_loadu_pd(from) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f64, mask: __m256i) -> Self {
        unsafe { _mm256_maskload_pd(from, mask) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f64) {
        unsafe { _mm256_storeu_pd(to, self) }
    }
    #[inline(always)]
    unsafe fn splat(from: *const f64) -> Self {
        unsafe { _mm256_set1_pd(*from) }
    }
    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        unsafe { _mm256_fmadd_pd(a, b, self) }
    }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn tile_f32<const M: usize, const NV: usize, const FULL: bool, const SCATTERED: bool>(tile: &Tile<f32>) {
    // SAFETY: this function is compiled for AVX2 and FMA; the caller vouches for the tile.
    unsafe { multiply::<__m256, M, NV, FULL, SCATTERED>(tile) }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn tile_f64<const M: usize, const NV: usize, const FULL: bool, const SCATTERED: bool>(tile: &Tile<f64>) {
    // SAFETY: this function is compiled for AVX2 and FMA; the caller vouches for the tile.
    unsafe { multiply::<__m256d, M, NV, FULL, SCATTERED>(tile) }
}

/// Rows `i` of an 8x8 block, `from` apart by `ld`, become columns.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn transpose_f32(from: *const f32, ld: isize, to: *mut f32, to_ld: usize) {
    // SAFETY: the caller vouches for eight rows of eight elements on either side.
    unsafe {
        let row = |i: isize| _mm256_loadu_ps(from.wrapping_offset(i * ld));
        let r = [row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)];
        // Pairs of rows, then quads, then halves of the register.
        let pair = |i: usize| (_mm256_unpacklo_ps(r[i], r[i + 1]), _mm256_unpackhi_ps(r[i], r[i + 1]));
        let ((a0, a1), (b0, b1)) = (pair(0), pair(2));
        let ((c0, c1), (d0, d1)) = (pair(4), pair(6));
        const LOW: i32 = 0b01_00_01_00;
        const HIGH: i32 = 0b11_10_11_10;
        let quad = |x: __m256, y: __m256| (_mm256_shuffle_ps::<LOW>(x, y), _mm256_shuffle_ps::<HIGH>(x, y));
        let ((e0, e1), (e2, e3)) = (quad(a0, b0), quad(a1, b1));
        let ((f0, f1), (f2, f3)) = (quad(c0, d0), quad(c1, d1));
        for (i, (e, f)) in [(e0, f0), (e1, f1), (e2, f2), (e3, f3)].into_iter().enumerate() {
            _mm256_storeu_ps(to.add(i * to_ld), _mm256_permute2f128_ps::<0x20>(e, f));
            _mm256_storeu_ps(to.add((i + 4) * to_ld), _mm256_permute2f128_ps::<0x31>(e, f));
        }
    }
}

/// Rows `i` of a 4x4 block, `from` apart by `ld`, become columns.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn transpose_f64(from: *const f64, ld: isize, to: *mut f64, to_ld: usize) {
    // SAFETY: the caller vouches for four rows of four elements on either side.
    unsafe {
        let row = |i: isize| _mm256_loadu_pd(from.wrapping_offset(i * ld));
        let (r0, r1, r2, r3) = (row(0), row(1), row(2), row(3));
        let (a0, a1) = (_mm256_unpacklo_pd(r0, r1), _mm256_unpackhi_pd(r0, r1));
        let (b0, b1) = (_mm256_unpacklo_pd(r2, r3), _mm256_unpackhi_pd(r2, r3));
        for (i, (a, b)) in [(a0, b0), (a1, b1)].into_iter().enumerate() {
            _mm256_storeu_pd(to.add(i * to_ld), _mm256_permute2f128_pd::<0x20>(a, b));
            _mm256_storeu_pd(to.add((i + 2) * to_ld), _mm256_permute2f128_pd::<0x31>(a, b));
        }
    }
}

pub(super) static F32: Family<f32> = Family {
    lanes: 8,
    shapes: &[
        shape!(tile_f32, 8, [1]),
        shape!(tile_f32, 4, [1 2]),
        shape!(tile_f32, 2, [1 2 3 4 5 6]),
        shape!(tile_f32, 1, [1 2 3 4 5 6 7 8 9 10 11 12]),
    ],
    transpose: transpose_f32,
    block: 8,
};

pub(super) static F64: Family<f64> = Family {
    lanes: 4,
    shapes: &[
        shape!(tile_f64, 8, [1]),
        shape!(tile_f64, 4, [1 2]),
        shape!(tile_f64, 2, [1 2 3 4 5 6]),
        shape!(tile_f64, 1, [1 2 3 4 5 6 7 8 9 10 11 12]),
    ],
    transpose: transpose_f64,
    block: 4,
};
