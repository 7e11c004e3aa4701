//! What one instruction set offers for one element type: its tile shapes and its block transpose.

use super::tile::{Shape, TileFn};

/// Transposes a `block` x `block` square: rows `ld` apart (elements contiguous) become columns of a
/// destination whose rows are `to_ld` apart.
pub(super) type TransposeFn<T> = unsafe fn(from: *const T, ld: isize, to: *mut T, to_ld: usize);

/// The kernels of one instruction set and element type.
///
/// Invariants: `shapes` goes from the widest to one vector, every table of kernels is non-empty,
/// and at least the shapes of two vectors and fewer serve any number of rows well.
pub(super) struct Family<T: 'static> {
    /// Elements in a vector.
    pub(super) lanes: usize,
    pub(super) shapes: &'static [Shape<T>],
    pub(super) transpose: TransposeFn<T>,
    /// Side of the square that `transpose` handles.
    pub(super) block: usize,
}

/// Neighbouring panels of columns served by one shape.
pub(super) struct Panels<T: 'static> {
    /// First column, counted from the start of the group.
    pub(super) start: usize,
    /// How many panels.
    pub(super) count: usize,
    /// Columns in each panel.
    pub(super) width: usize,
    /// `width` rounded up to whole vectors: the row length of a packed panel.
    pub(super) padded: usize,
    /// Columns in the last vector.
    pub(super) last: usize,
    kernels: &'static [TileFn<T>],
    scattered: &'static [TileFn<T>],
}

impl<T> Panels<T> {
    /// The kernels of rows of A that are `scattered` or evenly apart; entry `m - 1` has `m` rows.
    pub(super) fn kernels(&self, scattered: bool) -> &'static [TileFn<T>] {
        if scattered { self.scattered } else { self.kernels }
    }
}

impl<T> Family<T> {
    /// Cuts `cols` columns of a product with `rows` rows into panels.
    ///
    /// A panel takes the widest shape whose last vector is in use. The widest shapes are for few
    /// rows only: taller products get more rows in a tile from narrower ones.
    pub(super) fn panels(&'static self, rows: usize, cols: usize) -> impl Iterator<Item = Panels<T>> {
        let mut start = 0;
        std::iter::from_fn(move || {
            let left = cols - start;
            let fits = |shape: &&Shape<T>| (shape.vectors - 1) * self.lanes < left;
            let serves = |shape: &&Shape<T>| shape.vectors <= 3 || rows <= shape.full.len();
            // None only when no column is left: one vector serves any rows and any `left` > 0.
            let shape = self.shapes.iter().filter(serves).find(fits).filter(|_| left > 0)?;
            let padded = shape.vectors * self.lanes;
            let whole = left / padded;
            let (count, width, kernels, scattered) = if whole > 0 {
                (whole, padded, shape.full, shape.full_scattered)
            } else {
                (1, left, shape.masked, shape.masked_scattered)
            };
            let last = width - (shape.vectors - 1) * self.lanes;
            let panels = Panels { start, count, width, padded, last, kernels, scattered };
            start += count * width;
            Some(panels)
        })
    }
}
