//! Reductions over axes, and conversions of whole tensors.

use super::Elab;
use super::primitives::Call;
use super::value::{Axis, AxisSet, Tensor, Value};
use crate::ir::attrs::Attrs;
use crate::ir::dim::Dim;
use crate::ir::op::Op;
use crate::ir::types::DType;
use crate::ops::reduce::ARGMAX;
use crate::ops::source::SIZE;
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;

/// What is made of the elements along axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reduction {
    Sum,
    /// The sum divided by the number of elements.
    Mean,
    Max,
    Min,
}

impl<'a> Elab<'a> {
    /// A tensor argument.
    pub(super) fn tensor(&mut self, (value, span): (Value<'a>, Span)) -> Option<Tensor> {
        match value {
            Value::Tensor(t) => Some(t),
            Value::Num(_) | Value::Size(_) => self.scalar_node(&value, span),
            Value::List(items) => self.table(&items, span, self.float),
            other => {
                self.wrong_kind(&other, span, "a tensor");
                None
            }
        }
    }

    pub(super) fn float_tensor(&mut self, arg: (Value<'a>, Span)) -> Option<Tensor> {
        let span = arg.1;
        let mut t = self.tensor(arg)?;
        if t.dtype == DType::U8 {
            let handle = self.b.clone();
            t.node = handle.val(t.node).cast(self.float).value;
            t.dtype = self.float;
        }
        if t.dtype.is_float() {
            return Some(t);
        }
        self.wrong_kind(&Value::Tensor(t), span, "a float tensor");
        None
    }

    /// Where the largest element lies along one axis, the last unless said, or in each window.
    pub(super) fn argmax(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some(t) = self.float_tensor(call.arg(0)) else { return Value::Invalid };
        if call.named("window").or(call.named("into")).is_some() {
            return self.argmax_of_windows(&t, call);
        }
        let Some(axis) = self.along(&t, call) else { return Value::Invalid };
        if t.axes[axis].size.as_constant() == Some(0) {
            return self.fail(Diagnostic::error(codes::OUT_OF_RANGE, call.span, "an axis of 0 has no largest element"));
        }
        self.here(call.span);
        let handle = self.b.clone();
        let node = handle.add(&ARGMAX, Attrs::Axis(axis), &[handle.val(t.node)]).value;
        let mut axes = t.axes;
        let classes = Some(axes.remove(axis).size);
        Value::Tensor(Tensor { node, dtype: DType::I32, axes, classes, scalar: false })
    }

    /// `max(x, y)` of two, element by element, or `max(x)` over axes.
    pub(super) fn extreme(&mut self, over_axes: Reduction, of_two: Op, call: &Call<'a>) -> Value<'a> {
        match call.args.get(1).cloned().flatten() {
            Some(second) => self.extreme_of_two(of_two, call.arg(0), second, call.span),
            None => self.reduction(over_axes, call),
        }
    }

    /// A reduction over axes, all unless said.
    pub(super) fn reduction(&mut self, kind: Reduction, call: &Call<'a>) -> Value<'a> {
        let Some(mut t) = self.float_tensor(call.arg(0)) else { return Value::Invalid };
        if call.named("window").or(call.named("into")).is_some() {
            return self.over_windows(kind, &t, call).map_or(Value::Invalid, Value::Tensor);
        }
        let (set, at) = call.over.clone().unwrap_or((AxisSet::Rest { before: 0, after: 0 }, call.span));
        let Some(places) = self.resolve(&t.axes, &set, at) else { return Value::Invalid };
        let Some(count) = places.iter().try_fold(Dim::constant(1), |n, &i| n.checked_mul(&t.axes[i].size)) else {
            let d = Diagnostic::error(codes::TOO_LARGE, call.span, "the number of elements leaves 64 bits");
            return self.fail(d);
        };
        self.here(call.span);
        let handle = self.b.clone();
        // Sums in a figure are taken in double precision.
        if matches!(kind, Reduction::Sum | Reduction::Mean) && self.float == DType::F64 {
            t.node = handle.val(t.node).cast(DType::F64).value;
            t.dtype = DType::F64;
        }
        let x = handle.val(t.node);
        let reduced = match kind {
            Reduction::Sum => x.sum(&places),
            Reduction::Mean => {
                let total = x.sum(&places);
                let ty = total.ty();
                let n = handle.add(&SIZE, Attrs::Size(ty.dtype, count), &[]);
                total / n.broadcast(ty.shape, vec![])
            }
            Reduction::Max => x.maximum(&places),
            Reduction::Min => -((-x).maximum(&places)),
        };
        let (node, axes) = if call.keep {
            let axes: Vec<Axis> =
                t.axes
                    .iter()
                    .enumerate()
                    .map(|(i, a)| {
                        if places.contains(&i) {
                            Axis { stretch: true, ..Axis::of(Dim::constant(1)) }
                        } else {
                            a.clone()
                        }
                    })
                    .collect();
            (reduced.reshape(axes.iter().map(|a| a.size.clone()).collect()).value, axes)
        } else {
            let kept = t.axes.iter().enumerate().filter(|(i, _)| !places.contains(i)).map(|(_, a)| a.clone());
            (reduced.value, kept.collect())
        };
        Value::Tensor(Tensor { node, axes, ..t })
    }

    /// A reduction over windows. What lies outside x changes nothing: 0 in a sum, -∞ in a maximum.
    fn over_windows(&mut self, kind: Reduction, t: &Tensor, call: &Call<'a>) -> Option<Tensor> {
        let handle = self.b.clone();
        let negated = || Tensor { node: (-handle.val(t.node)).value, ..t.clone() };
        let w = match kind {
            Reduction::Sum | Reduction::Mean => self.windowed(t, 0.0, call)?,
            Reduction::Max => self.windowed(t, f64::NEG_INFINITY, call)?,
            Reduction::Min => self.windowed(&negated(), f64::NEG_INFINITY, call)?,
        };
        let x = handle.val(w.value.node);
        let node = match kind {
            Reduction::Sum => x.sum(&w.taps).value,
            Reduction::Mean => {
                let counts = self.taps_of(&w).value;
                (x.sum(&w.taps) / handle.val(counts)).value
            }
            Reduction::Max => x.first_maximum(&w.taps).value,
            Reduction::Min => (-x.first_maximum(&w.taps)).value,
        };
        Some(Tensor { node, axes: w.axes, ..w.value })
    }

    /// Floats of whole numbers, bytes or masks.
    pub(super) fn float_call(&mut self, call: &Call<'a>) -> Value<'a> {
        match call.arg(0) {
            (Value::Tensor(t), _) => {
                self.here(call.span);
                let handle = self.b.clone();
                let dtype = if t.scalar { DType::F64 } else { self.float };
                let node = handle.val(t.node).cast(dtype).value;
                Value::Tensor(Tensor { node, dtype, classes: None, ..t })
            }
            (value @ (Value::Num(_) | Value::Size(_)), _) => value,
            (Value::List(items), at) => self.table(&items, at, self.float).map_or(Value::Invalid, Value::Tensor),
            (other, at) => self.wrong_kind(&other, at, "a number or a tensor"),
        }
    }

    /// How many classes class numbers have.
    pub(super) fn classes(&mut self, call: &Call<'a>) -> Value<'a> {
        match call.arg(0) {
            (Value::Tensor(Tensor { classes: Some(n), .. }), _) => super::scope::size_value(&n),
            (other, at) => self.wrong_kind(&other, at, "class numbers, declared as `index(n)`,"),
        }
    }
}
