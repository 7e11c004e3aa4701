//! Windows as a movement, and its adjoint: what pooling, unfolding and folding are made of.

use super::infer::wrong_attrs;
use super::movement::row_major;
use crate::ir::array::Array;
use crate::ir::attrs::{Attrs, ConvAxis, Window};
use crate::ir::builder::Val;
use crate::ir::dim::Dim;
use crate::ir::op::{AffineMap, Arity, Domain, InferError, Lower, Meaning, OpDef, Reference, Vjp};
use crate::ir::types::{TensorType, is_float};
use crate::map_array;
use ndarray::{ArrayD, Axis, IxDyn};

const ANY: &[Domain] = &[Domain::Float(-4.0, 4.0)];
const LINEAR: Reference = Reference::None("a movement is linear: its gradient is checked by differences");

fn rule(attrs: &Attrs) -> &Window {
    match attrs {
        Attrs::Window(window) => window,
        _ => unreachable!("inference admits no other attributes"),
    }
}

/// How many windows there are.
fn windows(w: &Window) -> Option<Dim> {
    let axis = ConvAxis { stride: w.stride, dilation: w.dilation, ..ConvAxis::PLAIN };
    axis.results(&w.len, &Dim::from(w.size))
}

/// An axis becomes two: the windows and their taps.
pub static WINDOW: OpDef = OpDef {
    name: "window",
    doc: "an axis as windows and their taps: element (o, k) is element o·stride + k·dilation",
    arity: Arity::Exactly(1),
    infer: |args, attrs| {
        let Attrs::Window(w) = attrs else { return Err(wrong_attrs()) };
        let Some(size) = args[0].shape.get(w.axis) else { return Err(InferError::new("no such axis")) };
        let Some(n) = windows(w).filter(|_| *size == w.len) else {
            let what = format!("a window of {} does not fit into {size}", w.size);
            return Err(InferError::axes(what, (0, w.axis), (0, w.axis)));
        };
        let mut shape = args[0].shape.clone();
        shape.splice(w.axis..=w.axis, [n, Dim::from(w.size)]);
        Ok(vec![TensorType::new(args[0].dtype, shape)])
    },
    meaning: Meaning::Tensor(|args, attrs, types| {
        let w = rule(attrs);
        let shape = types[0].sizes().unwrap_or_default();
        vec![map_array!(args[0], a => ArrayD::from_shape_fn(IxDyn(&shape), |at| {
            let mut from: Vec<usize> = (0..shape.len()).filter(|&i| i != w.axis + 1).map(|i| at[i]).collect();
            from[w.axis] = at[w.axis] * w.stride + at[w.axis + 1] * w.dilation;
            a[IxDyn(&from)]
        }))]
    }),
    reference: LINEAR,
    vjp: Vjp::Rule(|n| vec![Some(n.b.add(&OVERLAP, n.attrs.clone(), &[n.ct()]))]),
    lower: Lower::Affine(|attrs, operand, _| {
        let w = rule(attrs);
        let mut strides = row_major(operand);
        let step = strides[w.axis];
        strides[w.axis] *= w.stride as isize;
        strides.insert(w.axis + 1, step * w.dilation as isize);
        AffineMap { offset: 0, strides }
    }),
    domain: ANY,
};

/// Windows laid over each other and added.
pub static OVERLAP: OpDef = OpDef {
    name: "overlap",
    doc: "windows laid over each other: each element is the sum, by ascending tap, of what windows have in its place",
    arity: Arity::Exactly(1),
    infer: |args, attrs| {
        let Attrs::Window(w) = attrs else { return Err(wrong_attrs()) };
        let (Some(n), Some(taps)) = (args[0].shape.get(w.axis), args[0].shape.get(w.axis + 1)) else {
            return Err(InferError::new("no such axis"));
        };
        let fits = windows(w).is_some_and(|m| *n == m);
        if !fits || *taps != Dim::from(w.size) || !is_float(args[0].dtype) {
            return Err(InferError::new(format!("{} is no {} elements in windows of {}", args[0], w.len, w.size)));
        }
        let mut shape = args[0].shape.clone();
        shape.splice(w.axis..w.axis + 2, [w.len.clone()]);
        Ok(vec![TensorType::new(args[0].dtype, shape)])
    },
    meaning: Meaning::Tensor(|args, attrs, types| {
        fn overlap<T: Copy + Default + std::ops::Add<Output = T>>(a: &ArrayD<T>, w: &Window, n: &[usize]) -> ArrayD<T> {
            let mut out = ArrayD::from_elem(IxDyn(n), T::default());
            for k in 0..w.size {
                for o in 0..a.shape()[w.axis] {
                    let part = a.index_axis(Axis(w.axis + 1), k);
                    let mut to = out.index_axis_mut(Axis(w.axis), o * w.stride + k * w.dilation);
                    to.zip_mut_with(&part.index_axis(Axis(w.axis), o), |sum, x| *sum = *sum + *x);
                }
            }
            out
        }
        let (w, shape) = (rule(attrs), types[0].sizes().unwrap_or_default());
        vec![match args[0] {
            Array::F32(a) => Array::F32(overlap(a, w, &shape)),
            Array::F64(a) => Array::F64(overlap(a, w, &shape)),
            _ => unreachable!("inference admits floats only"),
        }]
    }),
    reference: LINEAR,
    vjp: Vjp::Rule(|n| vec![Some(n.b.add(&WINDOW, n.attrs.clone(), &[n.ct()]))]),
    lower: Lower::Overlap,
    domain: ANY,
};

impl<'b> Val<'b> {
    /// Axis `axis` as windows and their taps. Windows side by side are a reshape, whose gradient is one.
    pub fn window(self, axis: usize, size: usize, stride: usize, dilation: usize) -> Val<'b> {
        let mut shape = self.ty().shape;
        let len = shape[axis].clone();
        let count = len.div_floor(size as i64).filter(|n| n.as_constant() != Some(0));
        let whole = count.as_ref().and_then(|n| n.checked_mul(&Dim::from(size)));
        // Of a free axis a part can be taken that leaves out a number of places.
        let left_out = whole.as_ref().and_then(|whole| len.checked_sub(whole)?.as_constant());
        if let (true, Some(count), Some(whole), Some(_)) = (stride == size && dilation == 1, count, whole, left_out) {
            shape.splice(axis..=axis, [count, Dim::from(size)]);
            return self.slice(axis, 0, whole).reshape(shape);
        }
        self.b.add(&WINDOW, Attrs::Window(Window { axis, len, size, stride, dilation }), &[self])
    }
}

/// The rows of this family.
pub(super) const ROWS: &[&OpDef] = &[&WINDOW, &OVERLAP];
