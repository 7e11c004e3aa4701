//! Copies a panel of B into a contiguous one, when its columns are not contiguous or its rows lie
//! so far apart that they evict one another from the cache.

use super::Element;
use super::family::Family;

/// Copies `k` rows of `width` columns to `to`, whose rows are `ld` apart. What lies between the rows is
/// left as it is: kernels of partial panels never read it.
///
/// # Safety
/// `from` must be readable for the panel with the strides `rs` (between `k`) and `cs` (between
/// columns), `to` writable for its copy, and the family's instruction set available.
pub(super) unsafe fn pack<T: Element>(
    family: &Family<T>,
    (k, width): (usize, usize),
    from: *const T,
    (rs, cs): (isize, isize),
    to: *mut T,
    ld: usize,
) {
    // SAFETY: every access is to an element (row < k, column < width) of the panel or its copy.
    unsafe {
        if cs == 1 {
            for row in 0..k {
                let from = from.wrapping_offset(row as isize * rs);
                std::ptr::copy_nonoverlapping(from, to.add(row * ld), width);
            }
            return;
        }
        let side = family.block;
        let (rows, cols) = match rs {
            1 => (k - k % side, width - width % side),
            _ => (0, 0),
        };
        for row in (0..rows).step_by(side) {
            for col in (0..cols).step_by(side) {
                let from = from.wrapping_offset(row as isize + col as isize * cs);
                (family.transpose)(from, cs, to.add(row * ld + col), ld);
            }
        }
        // What whole squares leave: the columns on the right, then the rows below.
        for row in 0..k {
            let first = if row < rows { cols } else { 0 };
            for col in first..width {
                let from = from.wrapping_offset(row as isize * rs + col as isize * cs);
                *to.add(row * ld + col) = *from;
            }
        }
    }
}
