//! What depends on the order of elements along an axis: sorting, running sums, recurrences.

use super::infer::wrong_attrs;
use super::movement::REVERSE;
use crate::ir::array::Array;
use crate::ir::attrs::Attrs;
use crate::ir::builder::Val;
use crate::ir::dim::Dim;
use crate::ir::op::{Arity, Domain, InferError, Lower, Meaning, OpDef, Reference, Routine, Vjp};
use crate::ir::types::{DType, TensorType, is_float};
use ndarray::{ArrayD, Axis};
use nnc_runtime::kernels::routine::order;

const REAL: &[Domain] = &[Domain::Float(-4.0, 4.0)];

/// The places of the elements of the last axis in ascending or descending order. Equals stay as they stand, and a NaN is above
/// all numbers.
pub static ARGSORT: OpDef = OpDef {
    name: "argsort",
    doc: "the places of the last axis in the order of their elements: equals as they stand, a NaN above all numbers",
    arity: Arity::Exactly(1),
    infer: |args, attrs| match attrs {
        Attrs::Descending(_) if args[0].rank() == 0 || !is_float(args[0].dtype) => {
            Err(InferError::new(format!("there is no order in {}", args[0])))
        }
        Attrs::Descending(_) => Ok(vec![TensorType::new(DType::I32, args[0].shape.clone())]),
        _ => Err(wrong_attrs()),
    },
    meaning: Meaning::Tensor(|args, attrs, _| {
        fn places<T: PartialOrd + Copy>(a: &ArrayD<T>, descending: bool) -> ArrayD<i32> {
            let mut out = ArrayD::zeros(a.raw_dim());
            let last = Axis(a.ndim() - 1);
            for (row, mut to) in a.lanes(last).into_iter().zip(out.lanes_mut(last)) {
                let mut places: Vec<i32> = (0..row.len() as i32).collect();
                places.sort_by(|&i, &j| {
                    let by_value = order(&row[i as usize], &row[j as usize]);
                    if descending { by_value.reverse() } else { by_value }
                });
                to.iter_mut().zip(places).for_each(|(to, place)| *to = place);
            }
            out
        }
        let Attrs::Descending(descending) = attrs else { unreachable!("inference admits no other attributes") };
        vec![Array::I32(match args[0] {
            Array::F32(a) => places(a, *descending),
            Array::F64(a) => places(a, *descending),
            _ => unreachable!("inference admits floats only"),
        })]
    }),
    reference: Reference::None("has no slope"),
    vjp: Vjp::Zero("a place has no slope"),
    lower: Lower::Routine(Routine::ArgSort),
    domain: REAL,
};

/// The sum of the elements of one axis up to each: one chain from +0.
pub static CUMSUM: OpDef = OpDef {
    name: "cumsum",
    doc: "the sum of the elements of one axis up to each, in order",
    arity: Arity::Exactly(1),
    infer: |args, attrs| match attrs {
        Attrs::Axis(axis) if *axis >= args[0].rank() || !is_float(args[0].dtype) => {
            Err(InferError::new(format!("there are no sums along axis {axis} of {}", args[0])))
        }
        Attrs::Axis(_) => Ok(vec![args[0].clone()]),
        _ => Err(wrong_attrs()),
    },
    meaning: Meaning::Tensor(|args, attrs, _| {
        fn sums<T: Copy + Default + std::ops::Add<Output = T>>(a: &ArrayD<T>, axis: usize) -> ArrayD<T> {
            let mut out = a.clone();
            for mut lane in out.lanes_mut(Axis(axis)) {
                let mut sum = T::default();
                for x in &mut lane {
                    sum = sum + *x;
                    *x = sum;
                }
            }
            out
        }
        let Attrs::Axis(axis) = attrs else { unreachable!("inference admits no other attributes") };
        vec![match args[0] {
            Array::F32(a) => Array::F32(sums(a, *axis)),
            Array::F64(a) => Array::F64(sums(a, *axis)),
            _ => unreachable!("inference admits floats only"),
        }]
    }),
    reference: Reference::None("linear: its gradient is checked by differences"),
    vjp: Vjp::Rule(|n| {
        let along = |op, x| n.b.add(op, n.attrs.clone(), &[x]);
        vec![Some(along(&REVERSE, along(&CUMSUM, along(&REVERSE, n.ct()))))]
    }),
    lower: Lower::Routine(Routine::CumSum),
    domain: REAL,
};

/// The value before each place of an axis; 0 before the first. An axis of none has nothing before.
fn before(x: Val<'_>, axis: usize) -> Val<'_> {
    match x.ty().shape[axis].checked_sub(&Dim::constant(1)) {
        Some(rest) if rest.as_constant() != Some(-1) => x.slice(axis, 0, rest).pad(axis, 1, 0),
        _ => x,
    }
}

/// The values of a linear recurrence along one axis: `h[0] = b[0]`, `h[i] = a[i]·h[i-1] + b[i]`. Products up to each element are
/// one, and its derivative is one that runs the other way: `s[i] = ct[i] + a[i+1]·s[i+1]` is the cotangent of `b`, and
/// `s[i]·h[i-1]` that of `a`.
pub static RECURRENCE: OpDef = OpDef {
    name: "recurrence",
    doc: "along one axis a times the value before plus b; the first value is the first b",
    arity: Arity::Exactly(2),
    infer: |args, attrs| {
        let Attrs::Axis(axis) = attrs else { return Err(wrong_attrs()) };
        let types = super::infer::float(args, attrs)?;
        match args[0].shape.get(*axis) {
            None => Err(InferError::new(format!("there is no axis {axis} in {}", args[0]))),
            Some(_) => Ok(types),
        }
    },
    meaning: Meaning::Tensor(|args, attrs, _| {
        fn turns<T: Copy + std::ops::Add<Output = T> + std::ops::Mul<Output = T>>(
            a: &ArrayD<T>,
            b: &ArrayD<T>,
            axis: usize,
        ) -> ArrayD<T> {
            let mut out = b.clone();
            for (a, mut lane) in a.lanes(Axis(axis)).into_iter().zip(out.lanes_mut(Axis(axis))) {
                for i in 1..lane.len() {
                    lane[i] = a[i] * lane[i - 1] + lane[i];
                }
            }
            out
        }
        let Attrs::Axis(axis) = attrs else { unreachable!("inference admits no other attributes") };
        vec![match (args[0], args[1]) {
            (Array::F32(a), Array::F32(b)) => Array::F32(turns(a, b, *axis)),
            (Array::F64(a), Array::F64(b)) => Array::F64(turns(a, b, *axis)),
            _ => unreachable!("inference admits floats of one type only"),
        }]
    }),
    reference: Reference::None("its gradient is checked by differences"),
    vjp: Vjp::Rule(|n| {
        let Attrs::Axis(axis) = n.attrs else { unreachable!("inference admits no other attributes") };
        let reverse = |x| n.b.add(&REVERSE, n.attrs.clone(), &[x]);
        let (a, ct) = (reverse(n.args[0]), reverse(n.ct()));
        let s = reverse(n.b.add(&RECURRENCE, n.attrs.clone(), &[before(a, *axis), ct]));
        vec![Some(s * before(n.out(), *axis)), Some(s)]
    }),
    lower: Lower::Routine(Routine::Recurrence),
    domain: &[Domain::Float(-1.5, 1.5), Domain::Float(-4.0, 4.0)],
};

/// The rows of this family.
pub(super) const ROWS: &[&OpDef] = &[&ARGSORT, &CUMSUM, &RECURRENCE];
