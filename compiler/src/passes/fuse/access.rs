//! Where the elements of a value lie: an affine function from the place of an element to the storage of another value.
//!
//! Movements are never code of their own where their consumer can read through strides. Every function here works on the
//! row-major number of an element, because that is what storage is addressed by.

use crate::ir::graph::NodeId;
use crate::ops::movement::row_major;

/// Element `i` of a value is element `offset + Σ strides[d]·i[d]` of the row-major storage of `root`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Whose storage.
    pub root: NodeId,
    /// The element at the origin.
    pub offset: isize,
    /// One an axis of the value, in elements.
    pub strides: Vec<isize>,
}

/// A coordinate as an affine function of other coordinates: `start + Σ steps[d]·i[d]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coordinate {
    /// At the origin.
    pub start: isize,
    /// One an axis of the loop.
    pub steps: Vec<isize>,
}

impl Access {
    /// A value in its own storage.
    pub fn own(node: NodeId, shape: &[usize]) -> Access {
        Access { root: node, offset: 0, strides: row_major(shape) }
    }

    /// Whether the elements lie in row-major order from the start of the storage.
    pub fn is_dense(&self, shape: &[usize]) -> bool {
        self.offset == 0 && self.strides.iter().zip(row_major(shape)).zip(shape).all(|((s, r), n)| *n <= 1 || *s == r)
    }

    /// The access of a value whose element `i` (over `shape`) is element `offset + Σ strides·i` of the row-major order of a
    /// value of shape `operand`, which itself is read through `self`. `None` when that is not affine.
    pub fn through(&self, offset: isize, strides: &[isize], shape: &[usize], operand: &[usize]) -> Option<Access> {
        if self.is_dense(operand) {
            return Some(Access { root: self.root, offset, strides: strides.to_vec() });
        }
        let axes = coordinates(offset, strides, shape, operand)?;
        let mut out = Access { root: self.root, offset: self.offset, strides: vec![0; shape.len()] };
        for (axis, stride) in axes.iter().zip(&self.strides) {
            out.offset += axis.start * stride;
            for (sum, step) in out.strides.iter_mut().zip(&axis.steps) {
                *sum += step * stride;
            }
        }
        Some(out)
    }
}

/// Splits the row-major number `offset + Σ strides[d]·i[d]`, `i` running over `shape`, into the coordinates of a tensor of
/// shape `operand`; `None` when some coordinate is not affine in `i`.
///
/// Every stride is a multiple of the largest row-major stride of `operand` below it, so it moves along that axis alone; the
/// split is right exactly when no coordinate leaves its axis, since row-major numbers are unique.
pub fn coordinates(offset: isize, strides: &[isize], shape: &[usize], operand: &[usize]) -> Option<Vec<Coordinate>> {
    let mut axes: Vec<Coordinate> =
        operand.iter().map(|_| Coordinate { start: 0, steps: vec![0; shape.len()] }).collect();
    if shape.contains(&0) {
        return Some(axes);
    }
    let widths = row_major(operand);
    let real: Vec<usize> = (0..operand.len()).filter(|&a| operand[a] > 1).collect();
    let last = |d: usize| shape[d] as isize - 1;
    let mut lowest = offset + (0..shape.len()).filter(|&d| strides[d] < 0).map(|d| strides[d] * last(d)).sum::<isize>();
    for &a in &real {
        axes[a].start = lowest.div_euclid(widths[a]);
        lowest = lowest.rem_euclid(widths[a]);
    }
    if lowest != 0 {
        return None;
    }
    let mut highest: Vec<isize> = axes.iter().map(|axis| axis.start).collect();
    for d in (0..shape.len()).filter(|&d| shape[d] > 1 && strides[d] != 0) {
        let a = *real.iter().find(|&&a| widths[a] <= strides[d].abs())?;
        if strides[d] % widths[a] != 0 {
            return None;
        }
        let step = strides[d] / widths[a];
        axes[a].steps[d] = step;
        highest[a] += step.abs() * last(d);
        if step < 0 {
            axes[a].start -= step * last(d);
        }
    }
    let inside = real.iter().all(|&a| highest[a] < operand[a] as isize);
    (inside && axes.iter().all(|axis| axis.start >= 0)).then_some(axes)
}

#[cfg(test)]
mod tests {
    use super::{Access, coordinates};
    use crate::ir::graph::NodeId;

    #[test]
    fn a_transposed_slice_of_a_broadcast_is_one_access() {
        // x[3, 4] in its own storage; y = x transposed: [4, 3]; z = y[1.., :] reversed along its last axis.
        let x = Access::own(NodeId(0), &[3, 4]);
        let y = x.through(0, &[1, 4], &[4, 3], &[3, 4]).expect("a transposition is affine");
        let z = y.through(3 + 2, &[3, -1], &[3, 3], &[4, 3]).expect("a reversed slice is affine");
        assert_eq!((z.offset, z.strides), (1 + 8, vec![1, -4]));
    }

    #[test]
    fn joining_axes_that_do_not_lie_together_is_refused() {
        let y = Access { root: NodeId(0), offset: 0, strides: vec![1, 4] };
        assert_eq!(y.through(0, &[1], &[12], &[4, 3]), None);
        assert!(coordinates(0, &[1], &[6], &[2, 3]).is_none());
        let halves = coordinates(0, &[3, 1], &[2, 3], &[2, 3]).expect("the same axes");
        assert_eq!((halves[0].steps.as_slice(), halves[1].steps.as_slice()), ([1, 0].as_slice(), [0, 1].as_slice()));
    }

    #[test]
    fn axes_of_size_one_and_empty_shapes_do_not_matter() {
        let x = Access::own(NodeId(0), &[2, 1, 3]);
        assert!(x.is_dense(&[2, 1, 3]));
        assert!(coordinates(0, &[3, 1], &[2, 3], &[2, 1, 3]).is_some());
        assert!(coordinates(0, &[7, 5], &[0, 3], &[0, 3]).is_some());
    }
}
