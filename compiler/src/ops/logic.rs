//! Comparisons, masks, selection and conversion, element by element.

use super::infer::{self, wrong_attrs};
use crate::ir::attrs::Attrs;
use crate::ir::op::{Arity, Domain, InferError, Lower, Meaning, OpDef, Reference, ScalarFn, Vjp};
use crate::ir::types::{DType, TensorType, is_float};
use crate::prog::Ty;
use crate::prog::reference::Dd;

const PAIR: &[Domain] = &[Domain::Float(-2.0, 2.0), Domain::Float(-2.0, 2.0)];
const MASKS: &[Domain] = &[Domain::Bool, Domain::Bool];

const fn compare(name: &'static str, doc: &'static str, meaning: ScalarFn, value: fn(&[f64]) -> f64) -> OpDef {
    OpDef {
        name,
        doc,
        arity: Arity::Exactly(2),
        infer: infer::compare,
        meaning: Meaning::Scalar(meaning),
        reference: Reference::Value(value),
        vjp: Vjp::Zero("a mask has no slope"),
        lower: Lower::Elementwise,
        domain: PAIR,
    }
}

const fn logic(
    name: &'static str,
    doc: &'static str,
    arity: usize,
    meaning: ScalarFn,
    value: fn(&[f64]) -> f64,
) -> OpDef {
    OpDef {
        name,
        doc,
        arity: Arity::Exactly(arity),
        infer: infer::mask,
        meaning: Meaning::Scalar(meaning),
        reference: Reference::Value(value),
        vjp: Vjp::Zero("a mask has no slope"),
        lower: Lower::Elementwise,
        domain: MASKS,
    }
}

fn truth(x: bool) -> f64 {
    f64::from(u8::from(x))
}

/// a = b; false where either is NaN.
pub static EQ: OpDef = compare("eq", "a == b", |s| s.args[0].eq(s.args[1]), |x| truth(x[0] == x[1]));
/// a ≠ b; true where either is NaN.
pub static NE: OpDef = compare("ne", "a != b", |s| s.args[0].ne(s.args[1]), |x| truth(x[0] != x[1]));
/// a < b.
pub static LT: OpDef = compare("lt", "a < b", |s| s.args[0].lt(s.args[1]), |x| truth(x[0] < x[1]));
/// a ≤ b.
pub static LE: OpDef = compare("le", "a <= b", |s| s.args[0].le(s.args[1]), |x| truth(x[0] <= x[1]));
/// a > b.
pub static GT: OpDef = compare("gt", "a > b", |s| s.args[0].gt(s.args[1]), |x| truth(x[0] > x[1]));
/// a ≥ b.
pub static GE: OpDef = compare("ge", "a >= b", |s| s.args[0].ge(s.args[1]), |x| truth(x[0] >= x[1]));

/// Both.
pub static AND: OpDef = logic("and", "a and b", 2, |s| s.args[0].and(s.args[1]), |x| truth(x[0] != 0.0 && x[1] != 0.0));
/// Either.
pub static OR: OpDef = logic("or", "a or b", 2, |s| s.args[0].or(s.args[1]), |x| truth(x[0] != 0.0 || x[1] != 0.0));
/// The opposite.
pub static NOT: OpDef = logic("not", "not a", 1, |s| s.args[0].not(), |x| truth(x[0] == 0.0));

/// a where the mask holds, else b.
pub static SELECT: OpDef = OpDef {
    name: "where",
    doc: "a where the condition holds, b elsewhere",
    arity: Arity::Exactly(3),
    infer: infer::select,
    meaning: Meaning::Scalar(|s| s.args[0].select(s.args[1], s.args[2])),
    reference: Reference::Function {
        value: |x| if x[0] == Dd::ZERO { x[2] } else { x[1] },
        slope: |x, i| Dd::from(truth(i > 0 && (x[0] == Dd::ZERO) == (i == 2))),
    },
    vjp: Vjp::Rule(|n| {
        if !is_float(n.out().ty().dtype) {
            return vec![None, None, None];
        }
        let (c, ct) = (n.args[0], n.ct());
        let zero = ct.splat(0.0);
        vec![None, Some(c.select(ct, zero)), Some(c.select(zero, ct))]
    }),
    lower: Lower::Elementwise,
    domain: &[Domain::Bool, Domain::Float(-4.0, 4.0), Domain::Float(-4.0, 4.0)],
};

/// Another element type.
pub static CAST: OpDef = OpDef {
    name: "cast",
    doc: "the same number in another element type: floats to the nearest, ties to even; float to integer truncates and \
          saturates, NaN to 0",
    arity: Arity::Exactly(1),
    infer: |args, attrs| match attrs {
        Attrs::Cast(dtype @ (DType::U8 | DType::Bool)) => {
            Err(InferError::new(format!("nothing converts to {}", dtype.name())))
        }
        Attrs::Cast(dtype) => Ok(vec![TensorType::new(*dtype, args[0].shape.clone())]),
        _ => Err(wrong_attrs()),
    },
    meaning: Meaning::Scalar(|s| s.args[0].to(scalar_type(s.ty.dtype))),
    reference: Reference::Function { value: |x| x[0], slope: |_, _| Dd::ONE },
    vjp: Vjp::Rule(|n| {
        let from = n.args[0].ty().dtype;
        vec![(is_float(from) && is_float(n.out().ty().dtype)).then(|| n.ct().cast(from))]
    }),
    lower: Lower::Elementwise,
    domain: &[Domain::Float(-4.0, 4.0)],
};

/// The type of one element in expression programs.
pub fn scalar_type(dtype: DType) -> Ty {
    match dtype {
        DType::F32 => Ty::F32,
        DType::F64 => Ty::F64,
        DType::I32 => Ty::I32,
        DType::I64 => Ty::I64,
        DType::U8 => Ty::U8,
        DType::Bool => Ty::Bool,
    }
}

/// The rows of this family.
pub(super) const ROWS: &[&OpDef] = &[&EQ, &NE, &LT, &LE, &GT, &GE, &AND, &OR, &NOT, &SELECT, &CAST];
