//! Values that depend on no operand: constants, what the runtime holds, indices and keyed draws.

use super::infer::wrong_attrs;
use crate::ir::array::Array;
use crate::ir::attrs::{Attrs, Const, Slot};
use crate::ir::dim::Dim;
use crate::ir::op::{Arity, Domain, InferError, Lower, Meaning, OpDef, Reference, Vjp};
use crate::ir::types::{DType, TensorType};
use crate::prog::{Ty, random};
use ndarray::{ArrayD, IxDyn};

const NOTHING: &[Domain] = &[];

/// A constant in every element.
pub static CONST: OpDef = OpDef {
    name: "const",
    doc: "the same constant in every element",
    arity: Arity::Exactly(0),
    infer: |_, attrs| match attrs {
        Attrs::Const(c, shape) => Ok(vec![TensorType::new(c.dtype(), shape.clone())]),
        _ => Err(wrong_attrs()),
    },
    meaning: Meaning::Tensor(|_, attrs, types| {
        let Attrs::Const(c, _) = attrs else { unreachable!("inference admits no other attributes") };
        vec![splat(*c, &types[0].sizes().unwrap_or_default())]
    }),
    reference: Reference::None("a constant has no operand"),
    vjp: Vjp::Rule(|_| vec![]),
    lower: Lower::Const,
    domain: NOTHING,
};

/// A constant whose elements differ.
pub static TABLE: OpDef = OpDef {
    name: "table",
    doc: "numbers that stand in the program",
    arity: Arity::Exactly(0),
    infer: |_, attrs| match attrs {
        Attrs::Table(t) => Ok(vec![TensorType::new(t.dtype, t.shape.iter().map(|n| Dim::from(*n)).collect())]),
        _ => Err(wrong_attrs()),
    },
    meaning: Meaning::Tensor(|_, attrs, _| {
        let Attrs::Table(t) = attrs else { unreachable!("inference admits no other attributes") };
        vec![t.array()]
    }),
    reference: Reference::None("a constant has no operand"),
    vjp: Vjp::Rule(|_| vec![]),
    lower: Lower::Source,
    domain: NOTHING,
};

/// A tensor of this shape with `c` everywhere.
pub fn splat(c: Const, shape: &[usize]) -> Array {
    let shape = IxDyn(shape);
    match c {
        Const::Float(DType::F32, x) => Array::F32(ArrayD::from_elem(shape, x as f32)),
        Const::Float(_, x) => Array::F64(ArrayD::from_elem(shape, x)),
        Const::Int(DType::I32, n) => Array::I32(ArrayD::from_elem(shape, n as i32)),
        Const::Int(DType::U8, n) => Array::U8(ArrayD::from_elem(shape, n as u8)),
        Const::Int(DType::Bool, n) => Array::Bool(ArrayD::from_elem(shape, n != 0)),
        Const::Int(_, n) => Array::I64(ArrayD::from_elem(shape, n)),
    }
}

/// A free size as a number; a constant once the sizes are known.
pub static SIZE: OpDef = OpDef {
    name: "size",
    doc: "the size of an axis that is known when the program is specialised",
    arity: Arity::Exactly(0),
    infer: |_, attrs| match attrs {
        Attrs::Size(dtype, _) => Ok(vec![TensorType::scalar(*dtype)]),
        _ => Err(wrong_attrs()),
    },
    meaning: Meaning::Tensor(|_, attrs, _| {
        let c = size_constant(attrs).expect("sizes are numbers once a graph is specialised");
        vec![splat(c, &[])]
    }),
    reference: Reference::None("has no operand"),
    vjp: Vjp::Rule(|_| vec![]),
    lower: Lower::Const,
    domain: NOTHING,
};

/// The constant that a size is, once it is a number.
pub fn size_constant(attrs: &Attrs) -> Option<Const> {
    let Attrs::Size(dtype, n) = attrs else { return None };
    let n = n.as_constant()?;
    Some(if dtype.is_float() { Const::Float(*dtype, n as f64) } else { Const::Int(*dtype, n) })
}

const fn slot(name: &'static str, doc: &'static str, infer: crate::ir::op::InferFn) -> OpDef {
    OpDef {
        name,
        doc,
        arity: Arity::Exactly(0),
        infer,
        meaning: Meaning::Source,
        reference: Reference::None("given by the runtime"),
        vjp: Vjp::Rule(|_| vec![]),
        lower: Lower::Source,
        domain: NOTHING,
    }
}

/// A field of the batch or a state; its type is the attribute's.
pub static READ: OpDef =
    slot("read", "a tensor that the runtime holds: a field of the batch or a state", |_, attrs| match attrs {
        Attrs::Slot(_, ty) => Ok(vec![(**ty).clone()]),
        _ => Err(wrong_attrs()),
    });

/// The seed or the step.
pub static COUNTER: OpDef =
    slot("counter", "a whole number that the runtime counts: the seed, the steps taken", |_, attrs| match attrs {
        Attrs::Slot(Slot::Seed | Slot::Step, ty) if **ty == TensorType::scalar(DType::I64) => Ok(vec![(**ty).clone()]),
        Attrs::Slot(..) => Err(InferError::new("a counter is one i64")),
        _ => Err(wrong_attrs()),
    });

/// 0, 1, … n − 1.
pub static IOTA: OpDef = OpDef {
    name: "iota",
    doc: "the indices 0, 1, ... n - 1 along one axis",
    arity: Arity::Exactly(0),
    infer: |_, attrs| match attrs {
        Attrs::Iota(n) => Ok(vec![TensorType::new(DType::I32, vec![n.clone()])]),
        _ => Err(wrong_attrs()),
    },
    meaning: Meaning::Scalar(|s| s.index[0]),
    reference: Reference::None("has no operand"),
    vjp: Vjp::Zero("indices have no slope"),
    lower: Lower::Elementwise,
    domain: NOTHING,
};

const fn draw(name: &'static str, doc: &'static str, meaning: crate::ir::op::ScalarFn) -> OpDef {
    OpDef {
        name,
        doc,
        arity: Arity::Exactly(3),
        infer: |args, attrs| match attrs {
            Attrs::Random { shape, .. } if args.iter().all(|t| **t == TensorType::scalar(DType::I64)) => {
                Ok(vec![TensorType::new(DType::F64, shape.clone())])
            }
            Attrs::Random { .. } => Err(InferError::new("the key is three i64 scalars")),
            _ => Err(wrong_attrs()),
        },
        meaning: Meaning::Scalar(meaning),
        reference: Reference::None("a draw is tested against the generator itself"),
        vjp: Vjp::Zero("a draw does not depend on parameters"),
        lower: Lower::Elementwise,
        domain: &[Domain::Int(0, 1000), Domain::Int(0, 1000), Domain::Int(0, 1000)],
    }
}

/// Uniform in [0, 1), from 53 bits; operands are the seed, the step and the turn.
pub static UNIFORM: OpDef = draw("random_uniform", "a keyed draw from [0, 1)", |s| random::uniform(&random_key(s)));

/// Standard normal, by Box and Muller; operands are the seed, the step and the turn.
pub static NORMAL: OpDef =
    draw("random_normal", "a keyed draw from the standard normal", |s| random::normal(&random_key(s)));

/// The counter of one draw: seed, step, the site's stream and the row-major number of the element, the turns of the loops
/// around it being axes before its own.
fn random_key<'p>(s: &crate::ir::op::ScalarArgs<'_, 'p>) -> random::Key<'p> {
    let Attrs::Random { stream, .. } = s.attrs else { unreachable!("inference admits no other attributes") };
    let sizes = s.ty.sizes().unwrap_or_default();
    let mut element = s.args[2];
    for (index, size) in s.index.iter().zip(sizes) {
        element = element * s.p.int(Ty::I64, size as i64) + index.to(Ty::I64);
    }
    random::Key { seed: s.args[0], step: s.args[1], stream: s.p.int(Ty::I64, i64::from(*stream)), element }
}

/// The rows of this family.
pub(super) const ROWS: &[&OpDef] = &[&CONST, &TABLE, &SIZE, &READ, &COUNTER, &IOTA, &UNIFORM, &NORMAL];
