//! AVX-512: 14 rows by two vectors (14x32 in f32, 14x16 in f64), 28 accumulators of the 32
//! registers; masks make the last columns free. Narrow panels use 16 rows by one vector, short
//! ones 4 rows by four.

use std::arch::x86_64::*;

use super::avx2::{transpose_f32, transpose_f64};
use super::family::Family;
use super::tile::{Lanes, Tile, multiply, shape};

// SAFETY of every block: the trait's callers run on AVX-512 and vouch for the pointers.
impl Lanes for __m512 {
    type Elem = f32;
    type Mask = __mmask16;
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn zero() -> Self {
        unsafe { _mm512_setzero_ps() }
    }
    #[inline(always)]
    unsafe fn first(count: usize) -> __mmask16 {
        u16::MAX >> (Self::LANES - count)
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, mask: __mmask16) -> Self {
        unsafe { _mm512_maskz_loadu_ps(mask, from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self) }
    }
    #[inline(always)]
    unsafe fn store_first<const M: usize>(vector: impl Fn(usize) -> Self, to: *mut f32, rs: isize, count: usize) {
        unsafe {
            let mask = Self::first(count);
            for i in 0..M {
                _mm512_mask_storeu_ps(to.wrapping_offset(i as isize * rs), mask, vector(i));
            }
        }
    }
    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self {
        unsafe { _mm512_set1_ps(*from) }
    }
    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        unsafe { _mm512_fmadd_ps(a, b, self) }
    }
}

// SAFETY of every block: the trait's callers run on AVX-512 and vouch for the pointers.
impl Lanes for __m512d {
    type Elem = f64;
    type Mask = __mmask8;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn zero() -> Self {
        unsafe { _mm512_setzero_pd() }
    }
    #[inline(always)]
    unsafe fn first(count: usize) -> __mmask8 {
        u8::MAX >> (Self::LANES - count)
    }
    #[inline(always)]
    unsafe fn load(from: *const f64) -> Self {
        unsafe { _mm512_loadu_pd(from) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f64, mask: __mmask8) -> Self {
        unsafe { _mm512_maskz_loadu_pd(mask, from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f64) {
        unsafe { _mm512_storeu_pd(to, self) }
    }
    #[inline(always)]
    unsafe fn store_first<const M: usize>(vector: impl Fn(usize) -> Self, to: *mut f64, rs: isize, count: usize) {
        unsafe {
            let mask = Self::first(count);
            for i in 0..M {
                _mm512_mask_storeu_pd(to.wrapping_offset(i as isize * rs), mask, vector(i));
            }
        }
    }
    #[inline(always)]
    unsafe fn splat(from: *const f64) -> Self {
        unsafe { _mm512_set1_pd(*from) }
    }
    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        unsafe { _mm512_fmadd_pd(a, b, self) }
    }
}

#[target_feature(enable = "avx512f")]
unsafe fn tile_f32<const M: usize, const NV: usize, const FULL: bool, const WALKED: bool>(tile: &Tile<f32>) {
    // SAFETY: this function is compiled for AVX-512; the caller vouches for the tile.
    unsafe { multiply::<__m512, M, NV, FULL, WALKED>(tile) }
}

#[target_feature(enable = "avx512f")]
unsafe fn tile_f64<const M: usize, const NV: usize, const FULL: bool, const WALKED: bool>(tile: &Tile<f64>) {
    // SAFETY: this function is compiled for AVX-512; the caller vouches for the tile.
    unsafe { multiply::<__m512d, M, NV, FULL, WALKED>(tile) }
}

pub(super) static F32: Family<f32> = Family {
    lanes: 16,
    shapes: &[
        shape!(tile_f32, 4, [1 2 3 4]),
        shape!(tile_f32, 2, [1 2 3 4 5 6 7 8 9 10 11 12 13] full [14]),
        shape!(tile_f32, 1, [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16]),
    ],
    transpose: transpose_f32,
    block: 8,
};

pub(super) static F64: Family<f64> = Family {
    lanes: 8,
    shapes: &[
        shape!(tile_f64, 4, [1 2 3 4]),
        shape!(tile_f64, 2, [1 2 3 4 5 6 7 8 9 10 11 12 13] full [14]),
        shape!(tile_f64, 1, [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16]),
    ],
    transpose: transpose_f64,
    block: 4,
};
