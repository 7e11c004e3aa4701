//! Reductions over axes, in the orders of [`super::order`].
//!
//! The reduced axes are either the last ones (*inner*) or do not include the last one (*outer*); a reduction of both kinds
//! is two nodes, inner first, made by [`Val::sum`](crate::ir::builder::Val::sum).

use super::infer::wrong_attrs;
use super::logic::EQ;
use super::order;
use super::source::IOTA;
use crate::ir::array::Array;
use crate::ir::attrs::Attrs;
use crate::ir::op::{Arity, Domain, InferError, Lower, Meaning, OpDef, Reducer, Reference, Vjp};
use crate::ir::types::{DType, TensorType, is_float};
use ndarray::{ArrayD, IxDyn};

const REAL: &[Domain] = &[Domain::Float(-4.0, 4.0)];

/// Whether the axes, ascending, are the last ones of a tensor of this rank.
pub fn is_inner(axes: &[usize], rank: usize) -> bool {
    axes.iter().rev().zip((0..rank).rev()).all(|(a, b)| *a == b)
}

fn infer_axes(args: &[&TensorType], attrs: &Attrs) -> Result<Vec<TensorType>, InferError> {
    let Attrs::Axes(axes) = attrs else { return Err(wrong_attrs()) };
    let rank = args[0].rank();
    if axes.windows(2).any(|w| w[0] >= w[1]) || axes.last().is_some_and(|&a| a >= rank) {
        return Err(InferError::new(format!("{axes:?} are no axes of {}", args[0])));
    }
    if !is_float(args[0].dtype) {
        return Err(InferError::new(format!("needs floats, not {}", args[0].dtype.name())));
    }
    if !is_inner(axes, rank) && axes.last() == Some(&(rank - 1)) {
        return Err(InferError::new("inner and outer axes are reduced one after the other"));
    }
    let shape = (0..rank).filter(|i| !axes.contains(i)).map(|i| args[0].shape[i].clone()).collect();
    Ok(vec![TensorType::new(args[0].dtype, shape)])
}

/// Reduces by `join` from `start` in the fixed orders.
fn reduce<T: Copy>(a: &ArrayD<T>, axes: &[usize], start: T, join: impl Fn(T, T) -> T + Copy) -> ArrayD<T> {
    let kept: Vec<usize> = (0..a.ndim()).filter(|i| !axes.contains(i)).collect();
    let shape: Vec<usize> = kept.iter().map(|&i| a.shape()[i]).collect();
    let count: usize = axes.iter().map(|&i| a.shape()[i]).product();
    let rows: usize = shape.iter().product();
    let order: Vec<usize> = kept.iter().chain(axes).copied().collect();
    let flat: Vec<T> = a.view().permuted_axes(IxDyn(&order)).iter().copied().collect();
    let inner = is_inner(axes, a.ndim());
    let values = (0..rows).map(|r| {
        let row = &flat[r * count..(r + 1) * count];
        if inner { order::inner(row, start, join) } else { order::outer(row, start, join) }
    });
    // One value a kept element: the counts agree by construction.
    ArrayD::from_shape_vec(IxDyn(&shape), values.collect()).expect("one value a row")
}

/// Σ over axes.
pub static SUM: OpDef = OpDef {
    name: "sum",
    doc: "the sum over axes",
    arity: Arity::Exactly(1),
    infer: infer_axes,
    meaning: Meaning::Tensor(|args, attrs, _| {
        let Attrs::Axes(axes) = attrs else { unreachable!("inference admits no other attributes") };
        vec![match args[0] {
            Array::F32(a) => Array::F32(reduce(a, axes, 0.0, |x, y| x + y)),
            Array::F64(a) => Array::F64(reduce(a, axes, 0.0, |x, y| x + y)),
            _ => unreachable!("inference admits floats only"),
        }]
    }),
    reference: Reference::None("linear: its gradient is checked by differences"),
    vjp: Vjp::Rule(|n| {
        let Attrs::Axes(axes) = n.attrs else { unreachable!("inference admits no other attributes") };
        vec![Some(n.ct().spread(axes, n.args[0].ty().shape))]
    }),
    lower: Lower::Reduce(Reducer::Sum),
    domain: REAL,
};

/// The larger of two in the order of a maximum: a NaN wins, the first of equals wins.
pub fn larger<T: PartialOrd + Copy>(a: T, b: T) -> T {
    #[expect(clippy::eq_op, reason = "only a NaN differs from itself")]
    if b > a || b != b { b } else { a }
}

fn largest(args: &[&Array], attrs: &Attrs, _: &[TensorType]) -> Vec<Array> {
    let Attrs::Axes(axes) = attrs else { unreachable!("inference admits no other attributes") };
    vec![match args[0] {
        Array::F32(a) => Array::F32(reduce(a, axes, f32::NEG_INFINITY, larger)),
        Array::F64(a) => Array::F64(reduce(a, axes, f64::NEG_INFINITY, larger)),
        _ => unreachable!("inference admits floats only"),
    }]
}

/// The largest element over axes; equals share the gradient evenly.
pub static MAXIMUM: OpDef = OpDef {
    name: "maximum",
    doc: "the largest element over axes; a NaN wins, and equals share the gradient evenly",
    arity: Arity::Exactly(1),
    infer: infer_axes,
    meaning: Meaning::Tensor(largest),
    reference: Reference::None("its gradient is checked by differences"),
    vjp: Vjp::Rule(|n| {
        let Attrs::Axes(axes) = n.attrs else { unreachable!("inference admits no other attributes") };
        let (x, shape) = (n.args[0], n.args[0].ty().shape);
        let hit = x.compare(&EQ, n.out().spread(axes, shape.clone()));
        let hit = hit.select(x.splat(1.0), x.splat(0.0));
        let share = n.ct() / hit.sum(axes);
        vec![Some(hit * share.spread(axes, shape))]
    }),
    lower: Lower::Reduce(Reducer::Max),
    domain: REAL,
};

/// The largest element over axes; the first of equals takes all of the gradient, as pooling wants it.
pub static FIRST_MAXIMUM: OpDef = OpDef {
    name: "first_maximum",
    doc: "the largest element over axes; a NaN wins, and the first of equals takes the gradient",
    infer: |args, attrs| {
        let Attrs::Axes(axes) = attrs else { return Err(wrong_attrs()) };
        match axes.iter().filter_map(|&a| args[0].shape.get(a)).any(|n| n.as_constant().is_none()) {
            true => Err(InferError::new("the first of a free number of elements")),
            false => infer_axes(args, attrs),
        }
    },
    vjp: Vjp::Rule(|n| {
        let Attrs::Axes(axes) = n.attrs else { unreachable!("inference admits no other attributes") };
        let (x, shape) = (n.args[0], n.args[0].ty().shape);
        // Each place has a number of its own, the largest first: the first of equals is where it is largest.
        let size = |a: usize| shape[a].as_constant().unwrap_or(1) as f64;
        let mut number = x.splat(axes.iter().map(|&a| size(a)).product());
        let mut step = 1.0;
        for &a in axes.iter().rev() {
            let place = n.b.add(&IOTA, Attrs::Iota(shape[a].clone()), &[]).cast(x.ty().dtype);
            number = number - place.broadcast(shape.clone(), vec![a]) * step;
            step *= size(a);
        }
        let hit = x.compare(&EQ, n.out().spread(axes, shape.clone()));
        let number = hit.select(number, x.splat(0.0));
        let first = number.compare(&EQ, number.maximum(axes).spread(axes, shape.clone()));
        // Where a NaN has won there is no hit.
        let share = first.select(n.ct().spread(axes, shape), x.splat(0.0));
        vec![Some(hit.select(share, x.splat(0.0)))]
    }),
    arity: Arity::Exactly(1),
    meaning: Meaning::Tensor(largest),
    reference: Reference::None("its gradient is checked by differences"),
    lower: Lower::Reduce(Reducer::Max),
    domain: REAL,
};

/// Where the largest element lies along one axis: a scan from the start, the first of equals; the first NaN wins.
pub static ARGMAX: OpDef = OpDef {
    name: "argmax",
    doc: "where the largest element lies along one axis: the first among equals; a NaN wins",
    arity: Arity::Exactly(1),
    infer: |args, attrs| {
        let Attrs::Axis(axis) = attrs else { return Err(wrong_attrs()) };
        if *axis >= args[0].rank() || !is_float(args[0].dtype) {
            return Err(InferError::new(format!("no place of a largest element in {}", args[0])));
        }
        let mut shape = args[0].shape.clone();
        shape.remove(*axis);
        Ok(vec![TensorType::new(DType::I32, shape)])
    },
    meaning: Meaning::Tensor(|args, attrs, _| {
        fn place<T: PartialOrd + Copy>(a: &ArrayD<T>, axis: usize) -> ArrayD<i32> {
            a.map_axis(ndarray::Axis(axis), |lane| {
                let mut best = 0;
                for (i, x) in lane.iter().enumerate().skip(1) {
                    let held = lane[best];
                    #[expect(clippy::eq_op, reason = "only a NaN differs from itself")]
                    if *x > held || (x != x && held == held) {
                        best = i;
                    }
                }
                best as i32
            })
        }
        let Attrs::Axis(axis) = attrs else { unreachable!("inference admits no other attributes") };
        vec![Array::I32(match args[0] {
            Array::F32(a) => place(a, *axis),
            Array::F64(a) => place(a, *axis),
            _ => unreachable!("inference admits floats only"),
        })]
    }),
    reference: Reference::None("has no slope"),
    vjp: Vjp::Zero("a place has no slope"),
    lower: Lower::Reduce(Reducer::ArgMax),
    domain: REAL,
};

/// The rows of this family.
pub(super) const ROWS: &[&OpDef] = &[&SUM, &MAXIMUM, &FIRST_MAXIMUM, &ARGMAX];
