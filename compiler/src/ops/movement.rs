//! Movements: elements change place, never value.

use super::infer::wrong_attrs;
use super::source::splat;
use crate::ir::array::Array;
use crate::ir::attrs::{Attrs, Const};
use crate::ir::builder::Val;
use crate::ir::dim::Dim;
use crate::ir::op::{AffineMap, Arity, Domain, InferError, Lower, Meaning, OpDef, Reference, Vjp};
use crate::ir::types::{DType, TensorType};
use crate::map_array;
use ndarray::{ArrayD, Axis, IxDyn, Slice, concatenate};

const ANY: &[Domain] = &[Domain::Float(-4.0, 4.0)];
const LINEAR: Reference = Reference::None("a movement is linear: its gradient is checked by differences");

/// Row-major strides of a shape, in elements.
pub fn row_major(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![1isize; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i] as isize;
    }
    strides
}

/// The same elements in row-major order under another shape.
pub static RESHAPE: OpDef = OpDef {
    name: "reshape",
    doc: "the same elements, in the same order, under another shape",
    arity: Arity::Exactly(1),
    infer: |args, attrs| {
        let Attrs::Reshape(shape) = attrs else { return Err(wrong_attrs()) };
        let count = |dims: &[Dim]| dims.iter().try_fold(Dim::constant(1), |n, d| n.checked_mul(d));
        match (count(&args[0].shape), count(shape)) {
            (Some(a), Some(b)) if a == b => Ok(vec![TensorType::new(args[0].dtype, shape.clone())]),
            (Some(a), Some(b)) => Err(InferError::new(format!("{a} elements cannot fill {b}"))),
            _ => Err(InferError::new("the number of elements is too large")),
        }
    },
    meaning: Meaning::Tensor(|args, _, types| {
        let shape = types[0].sizes().unwrap_or_default();
        vec![map_array!(args[0], a => refill(&shape, a))]
    }),
    reference: LINEAR,
    vjp: Vjp::Rule(|n| vec![Some(n.ct().reshape(n.args[0].ty().shape))]),
    lower: Lower::View,
    domain: ANY,
};

fn refill<T: Clone>(shape: &[usize], a: &ArrayD<T>) -> ArrayD<T> {
    // Inference has shown that the counts agree.
    ArrayD::from_shape_vec(IxDyn(shape), a.iter().cloned().collect()).expect("equal element counts")
}

/// Axes in another order.
pub static PERMUTE: OpDef = OpDef {
    name: "permute",
    doc: "the axes in another order",
    arity: Arity::Exactly(1),
    infer: |args, attrs| {
        let Attrs::Permute(perm) = attrs else { return Err(wrong_attrs()) };
        let mut sorted = perm.clone();
        sorted.sort_unstable();
        if sorted != (0..args[0].rank()).collect::<Vec<_>>() {
            return Err(InferError::new(format!("{perm:?} is no order of {} axes", args[0].rank())));
        }
        Ok(vec![TensorType::new(args[0].dtype, perm.iter().map(|&i| args[0].shape[i].clone()).collect())])
    },
    meaning: Meaning::Tensor(|args, attrs, _| {
        let Attrs::Permute(perm) = attrs else { unreachable!("inference admits no other attributes") };
        vec![map_array!(args[0], a => a.clone().permuted_axes(IxDyn(perm)).as_standard_layout().into_owned())]
    }),
    reference: LINEAR,
    vjp: Vjp::Rule(|n| {
        let Attrs::Permute(perm) = n.attrs else { unreachable!("inference admits no other attributes") };
        let mut inverse = vec![0; perm.len()];
        for (i, &p) in perm.iter().enumerate() {
            inverse[p] = i;
        }
        vec![Some(n.ct().permute(inverse))]
    }),
    lower: Lower::Affine(|attrs, operand, _| {
        let strides = row_major(operand);
        let Attrs::Permute(perm) = attrs else { unreachable!("inference admits no other attributes") };
        AffineMap { offset: 0, strides: perm.iter().map(|&p| strides[p]).collect() }
    }),
    domain: ANY,
};

/// New axes that repeat the operand.
pub static BROADCAST: OpDef = OpDef {
    name: "broadcast",
    doc: "the operand repeated along new axes",
    arity: Arity::Exactly(1),
    infer: |args, attrs| {
        let Attrs::Broadcast { shape, map } = attrs else { return Err(wrong_attrs()) };
        let ascending = map.windows(2).all(|w| w[0] < w[1]) && map.last().is_none_or(|&m| m < shape.len());
        if map.len() != args[0].rank() || !ascending {
            return Err(InferError::new(format!("{map:?} does not place {} axes", args[0].rank())));
        }
        for (i, &m) in map.iter().enumerate() {
            if args[0].shape[i] != shape[m] {
                return Err(InferError::axes(format!("{} meets {}", args[0].shape[i], shape[m]), (0, i), (0, i)));
            }
        }
        Ok(vec![TensorType::new(args[0].dtype, shape.clone())])
    },
    meaning: Meaning::Tensor(|args, attrs, types| {
        let Attrs::Broadcast { map, .. } = attrs else { unreachable!("inference admits no other attributes") };
        let shape = types[0].sizes().unwrap_or_default();
        let mut spread = vec![1; shape.len()];
        for &m in map {
            spread[m] = shape[m];
        }
        vec![
            map_array!(args[0], a => refill(&spread, a).broadcast(IxDyn(&shape)).expect("sizes are 1 or equal").to_owned()),
        ]
    }),
    reference: LINEAR,
    vjp: Vjp::Rule(|n| {
        let Attrs::Broadcast { shape, map } = n.attrs else { unreachable!("inference admits no other attributes") };
        let new: Vec<usize> = (0..shape.len()).filter(|i| !map.contains(i)).collect();
        vec![Some(n.ct().sum(&new))]
    }),
    lower: Lower::Affine(|attrs, operand, result| {
        let Attrs::Broadcast { map, .. } = attrs else { unreachable!("inference admits no other attributes") };
        let from = row_major(operand);
        let mut strides = vec![0; result.len()];
        for (i, &m) in map.iter().enumerate() {
            strides[m] = from[i];
        }
        AffineMap { offset: 0, strides }
    }),
    domain: ANY,
};

/// Part of an axis.
pub static SLICE: OpDef = OpDef {
    name: "slice",
    doc: "consecutive indices of one axis",
    arity: Arity::Exactly(1),
    infer: |args, attrs| {
        let Attrs::Slice { axis, start, len } = attrs else { return Err(wrong_attrs()) };
        let Some(size) = args[0].shape.get(*axis) else { return Err(InferError::new("no such axis")) };
        // Of a free size a part can be had for every value if what is left out is none that may be negative. Sizes so small that
        // less than nothing is left are refused when they are put in.
        let left_out = start.checked_add(len).and_then(|end| size.checked_sub(&end));
        let fits = left_out.is_some_and(|n| n.is_never_negative())
            && [start, len].iter().all(|n| n.as_constant().is_none_or(|n| n >= 0));
        if !fits {
            return Err(InferError::axes(format!("{start}..{start} + {len} leaves {size}"), (0, *axis), (0, *axis)));
        }
        let mut shape = args[0].shape.clone();
        shape[*axis] = len.clone();
        Ok(vec![TensorType::new(args[0].dtype, shape)])
    },
    meaning: Meaning::Tensor(|args, attrs, types| {
        let Attrs::Slice { axis, start, .. } = attrs else { unreachable!("inference admits no other attributes") };
        let (start, len) = (start.places(), types[0].sizes().unwrap_or_default()[*axis]);
        vec![map_array!(args[0], a => a.slice_axis(Axis(*axis), Slice::from(start..start + len)).to_owned())]
    }),
    reference: LINEAR,
    vjp: Vjp::Rule(|n| {
        let Attrs::Slice { axis, start, .. } = n.attrs else { unreachable!("inference admits no other attributes") };
        let (whole, part) = (n.args[0].ty().shape[*axis].clone(), n.out().ty().shape[*axis].clone());
        // Inference has shown that this is how many are left out behind.
        let after = whole.checked_sub(&part).and_then(|rest| rest.checked_sub(start)).unwrap_or(Dim::constant(0));
        vec![Some(n.ct().pad(*axis, start.clone(), after))]
    }),
    lower: Lower::Affine(|attrs, operand, _| {
        let Attrs::Slice { axis, start, .. } = attrs else { unreachable!("inference admits no other attributes") };
        let strides = row_major(operand);
        AffineMap { offset: start.places() as isize * strides[*axis], strides }
    }),
    domain: ANY,
};

/// Zeros around an axis.
pub static PAD: OpDef = OpDef {
    name: "pad",
    doc: "the operand with zeros before and after it along one axis",
    arity: Arity::Exactly(1),
    infer: |args, attrs| {
        let Attrs::Pad { axis, before, after } = attrs else { return Err(wrong_attrs()) };
        let mut shape = args[0].shape.clone();
        let Some(size) = shape.get_mut(*axis) else { return Err(InferError::new("no such axis")) };
        if !(before.is_never_negative() && after.is_never_negative()) {
            return Err(InferError::new(format!("{before} and {after} are no places around an axis")));
        }
        match size.checked_add(before).and_then(|s| s.checked_add(after)) {
            Some(sum) => *size = sum,
            None => return Err(InferError::new("the padded size is too large")),
        }
        Ok(vec![TensorType::new(args[0].dtype, shape)])
    },
    meaning: Meaning::Tensor(|args, attrs, types| {
        let Attrs::Pad { axis, before, .. } = attrs else { unreachable!("inference admits no other attributes") };
        let len = args[0].shape()[*axis];
        let mut out = splat(zero(types[0].dtype), &types[0].sizes().unwrap_or_default());
        let window = Slice::from(before.places()..before.places() + len);
        match (&mut out, args[0]) {
            (Array::F32(o), Array::F32(a)) => o.slice_axis_mut(Axis(*axis), window).assign(a),
            (Array::F64(o), Array::F64(a)) => o.slice_axis_mut(Axis(*axis), window).assign(a),
            (Array::I32(o), Array::I32(a)) => o.slice_axis_mut(Axis(*axis), window).assign(a),
            (Array::I64(o), Array::I64(a)) => o.slice_axis_mut(Axis(*axis), window).assign(a),
            (Array::U8(o), Array::U8(a)) => o.slice_axis_mut(Axis(*axis), window).assign(a),
            (Array::Bool(o), Array::Bool(a)) => o.slice_axis_mut(Axis(*axis), window).assign(a),
            _ => unreachable!("the result has the operand's element type"),
        }
        vec![out]
    }),
    reference: LINEAR,
    vjp: Vjp::Rule(|n| {
        let Attrs::Pad { axis, before, .. } = n.attrs else { unreachable!("inference admits no other attributes") };
        let len = n.args[0].ty().shape[*axis].clone();
        vec![Some(n.ct().slice(*axis, before.clone(), len))]
    }),
    lower: Lower::Pad,
    domain: ANY,
};

fn zero(dtype: DType) -> Const {
    if dtype.is_float() { Const::Float(dtype, 0.0) } else { Const::Int(dtype, 0) }
}

/// One axis from its end to its start.
pub static REVERSE: OpDef = OpDef {
    name: "reverse",
    doc: "one axis from its end to its start",
    arity: Arity::Exactly(1),
    infer: |args, attrs| match attrs {
        Attrs::Axis(axis) if *axis < args[0].rank() => Ok(vec![args[0].clone()]),
        Attrs::Axis(_) => Err(InferError::new("no such axis")),
        _ => Err(wrong_attrs()),
    },
    meaning: Meaning::Tensor(|args, attrs, _| {
        let Attrs::Axis(axis) = attrs else { unreachable!("inference admits no other attributes") };
        vec![map_array!(args[0], a => a.slice_axis(Axis(*axis), Slice::new(0, None, -1)).to_owned())]
    }),
    reference: LINEAR,
    vjp: Vjp::Rule(|n| vec![Some(n.b.add(&REVERSE, n.attrs.clone(), &[n.ct()]))]),
    lower: Lower::Affine(|attrs, operand, _| {
        let Attrs::Axis(axis) = attrs else { unreachable!("inference admits no other attributes") };
        let mut strides = row_major(operand);
        let offset = (operand[*axis] as isize - 1).max(0) * strides[*axis];
        strides[*axis] = -strides[*axis];
        AffineMap { offset, strides }
    }),
    domain: ANY,
};

/// Operands next to each other along an axis.
pub static CONCAT: OpDef = OpDef {
    name: "concat",
    doc: "the operands next to each other along one axis",
    arity: Arity::Many,
    infer: |args, attrs| {
        let Attrs::Axis(axis) = attrs else { return Err(wrong_attrs()) };
        let mut res = (*args.first().ok_or_else(|| InferError::new("needs an operand"))?).clone();
        if *axis >= res.rank() {
            return Err(InferError::new("no such axis"));
        }
        for (i, t) in args.iter().enumerate().skip(1) {
            if t.dtype != res.dtype || t.rank() != res.rank() {
                return Err(InferError::new(format!("{t} does not lie next to {}", args[0])));
            }
            for d in 0..t.rank() {
                if d != *axis && t.shape[d] != res.shape[d] {
                    let what = format!("{} meets {}", t.shape[d], res.shape[d]);
                    return Err(InferError::axes(what, (i, d), (0, d)));
                }
            }
            let sum = res.shape[*axis].checked_add(&t.shape[*axis]);
            res.shape[*axis] = sum.ok_or_else(|| InferError::new("the joined size is too large"))?;
        }
        Ok(vec![res])
    },
    meaning: Meaning::Tensor(|args, attrs, _| {
        let Attrs::Axis(axis) = attrs else { unreachable!("inference admits no other attributes") };
        macro_rules! join {
            ($($v:ident)*) => {
                match args[0] {
                    $(Array::$v(_) => {
                        let views: Vec<_> = args
                            .iter()
                            .filter_map(|a| if let Array::$v(a) = a { Some(a.view()) } else { None })
                            .collect();
                        Array::$v(concatenate(Axis(*axis), &views).expect("inference has shown that the shapes fit"))
                    })*
                }
            };
        }
        vec![join!(F32 F64 I32 I64 U8 Bool)]
    }),
    reference: LINEAR,
    vjp: Vjp::Rule(|n| {
        let Attrs::Axis(axis) = n.attrs else { unreachable!("inference admits no other attributes") };
        let mut start = Dim::constant(0);
        let part = |a: &Val<'_>| {
            let len = a.ty().shape[*axis].clone();
            // The whole axis did not leave 64 bits.
            let end = start.checked_add(&len).unwrap_or(Dim::constant(0));
            Some(n.ct().slice(*axis, std::mem::replace(&mut start, end), len))
        };
        n.args.iter().map(part).collect()
    }),
    lower: Lower::Concat,
    domain: ANY,
};

/// The value without its gradient.
pub static STOP_GRADIENT: OpDef = OpDef {
    name: "stop_gradient",
    doc: "the same value, a constant to every gradient",
    arity: Arity::Exactly(1),
    infer: |args, _| Ok(vec![args[0].clone()]),
    meaning: Meaning::Tensor(|args, _, _| vec![args[0].clone()]),
    reference: Reference::None("tested by the gradient that does not flow"),
    vjp: Vjp::Zero("the gradient is stopped here"),
    lower: Lower::View,
    domain: ANY,
};

/// The rows of this family.
pub(super) const ROWS: &[&OpDef] = &[&RESHAPE, &PERMUTE, &BROADCAST, &SLICE, &PAD, &REVERSE, &CONCAT, &STOP_GRADIENT];
