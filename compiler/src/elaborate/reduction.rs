//! Reductions over axes, and conversions of whole tensors.

use super::Elab;
use super::primitives::Call;
use super::value::{Axis, AxisSet, Tensor, Value};
use crate::ir::attrs::Attrs;
use crate::ir::dim::Dim;
use crate::ir::types::DType;
use crate::ops::reduce::ARGMAX;
use crate::ops::source::SIZE;
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;

impl<'a> Elab<'a> {
    /// A tensor argument.
    pub(super) fn tensor(&mut self, (value, span): (Value<'a>, Span)) -> Option<Tensor> {
        match value {
            Value::Tensor(t) => Some(t),
            Value::Num(_) | Value::Size(_) => self.scalar_node(&value, span),
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

    /// `sum`, `mean`, `max`, `min` over axes (all unless said), `argmax` over one (the last unless said). A mean is the sum
    /// divided by the number of elements.
    pub(super) fn reduction(&mut self, name: &str, call: &Call<'a>) -> Value<'a> {
        let Some(mut t) = self.float_tensor(call.arg(0)) else { return Value::Invalid };
        let all = AxisSet::Rest { before: 0, after: 0 };
        let default = if name == "argmax" { AxisSet::Last } else { all };
        let (set, at) = call.over.clone().unwrap_or((default, call.span));
        let handle = self.b.clone();
        if name == "argmax" {
            let Some(axis) = self.resolve_one(&t.axes, &set, at) else { return Value::Invalid };
            self.here(call.span);
            let node = handle.add(&ARGMAX, Attrs::Axis(axis), &[handle.val(t.node)]).value;
            let mut axes = t.axes;
            let classes = Some(axes.remove(axis).size);
            return Value::Tensor(Tensor { node, dtype: DType::I32, axes, classes, scalar: false });
        }
        let Some(places) = self.resolve(&t.axes, &set, at) else { return Value::Invalid };
        self.here(call.span);
        // Sums in a figure are taken in double precision.
        if matches!(name, "sum" | "mean") && self.float == DType::F64 {
            t.node = handle.val(t.node).cast(DType::F64).value;
            t.dtype = DType::F64;
        }
        let x = handle.val(t.node);
        let reduced = match name {
            "sum" => x.sum(&places),
            "mean" => {
                let count = places.iter().try_fold(Dim::constant(1), |n, &i| n.checked_mul(&t.axes[i].size));
                let Some(count) = count else {
                    return self.fail(Diagnostic::error(
                        codes::TOO_LARGE,
                        call.span,
                        "the number of elements leaves 64 bits",
                    ));
                };
                let total = x.sum(&places);
                let ty = total.ty();
                let n = handle.add(&SIZE, Attrs::Size(ty.dtype, count), &[]);
                total / n.broadcast(ty.shape, vec![])
            }
            "max" => x.maximum(&places),
            _ => -((-x).maximum(&places)),
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
