//! Plain Rust for any target, and the oracle of the other instruction sets: arrays as vectors,
//! `mul_add` for the fused multiply-add (one instruction where the target has it, an exact library
//! call elsewhere).

use super::Element;
use super::family::Family;
use super::tile::{Lanes, Tile, copy_first, multiply, shape};

/// `N` elements, lane by lane.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Array<T, const N: usize>([T; N]);

// SAFETY of every block: the trait's callers vouch for the pointers; no instruction set is needed.
impl<T: Element, const N: usize> Lanes for Array<T, N> {
    type Elem = T;
    type Mask = usize;
    const LANES: usize = N;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Array([T::ZERO; N])
    }
    #[inline(always)]
    unsafe fn first(count: usize) -> usize {
        count
    }
    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        unsafe { Array(from.cast::<[T; N]>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const T, count: usize) -> Self {
        let mut lanes = [T::ZERO; N];
        let to = lanes.as_mut_ptr();
        unsafe { copy_first(1, |_| (from, to), count) };
        Array(lanes)
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        unsafe { to.cast::<[T; N]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn splat(from: *const T) -> Self {
        unsafe { Array([*from; N]) }
    }
    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        Array(std::array::from_fn(|i| a.0[i].mul_add(b.0[i], self.0[i])))
    }
}

unsafe fn tile_f32<const M: usize, const NV: usize, const FULL: bool, const SCATTERED: bool>(tile: &Tile<f32>) {
    // SAFETY: the caller vouches for the tile.
    unsafe { multiply::<Array<f32, 8>, M, NV, FULL, SCATTERED>(tile) }
}

unsafe fn tile_f64<const M: usize, const NV: usize, const FULL: bool, const SCATTERED: bool>(tile: &Tile<f64>) {
    // SAFETY: the caller vouches for the tile.
    unsafe { multiply::<Array<f64, 4>, M, NV, FULL, SCATTERED>(tile) }
}

/// Rows of a 4x4 block, `ld` apart, become columns.
unsafe fn transpose<T: Element>(from: *const T, ld: isize, to: *mut T, to_ld: usize) {
    for i in 0..4 {
        for j in 0..4 {
            // SAFETY: the caller vouches for four rows of four elements on either side.
            unsafe { *to.add(j * to_ld + i) = *from.wrapping_offset(i as isize * ld).add(j) }
        }
    }
}

pub(super) static F32: Family<f32> = Family {
    lanes: 8,
    shapes: &[shape!(tile_f32, 2, [1 2 3 4]), shape!(tile_f32, 1, [1 2 3 4])],
    transpose: transpose::<f32>,
    block: 4,
};

pub(super) static F64: Family<f64> = Family {
    lanes: 4,
    shapes: &[shape!(tile_f64, 2, [1 2 3 4]), shape!(tile_f64, 1, [1 2 3 4])],
    transpose: transpose::<f64>,
    block: 4,
};
