//! Functions without axes: the scalar rows by their names, gradients, and their end.

use super::Elab;
use super::args::Given;
use super::primitives::Call;
use super::value::Value;
use crate::ir::op::{Arity, Op};
use crate::ops::{binary, logic, movement, unary};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;

impl<'a> Elab<'a> {
    /// A scalar row by its name.
    pub(super) fn scalar_call(&mut self, op: Op, given: Vec<Given<'a>>, span: Span) -> Value<'a> {
        let mut args = vec![];
        for arg in given {
            args.push(match arg {
                Given::Written(a) => {
                    if let Some(name) = &a.name {
                        let d = Diagnostic::error(
                            codes::UNKNOWN_ARGUMENT,
                            name.span,
                            format!("the arguments of `{}` have no names", op.name),
                        );
                        return self.fail(d);
                    }
                    (self.expr(&a.value), a.value.span)
                }
                Given::Flowing(v, s) => (v, s),
            });
        }
        if args.iter().any(|(v, _)| matches!(v, Value::Invalid)) {
            return Value::Invalid;
        }
        if let Arity::Exactly(n) = op.arity
            && args.len() != n
        {
            let code = if args.len() < n { codes::MISSING_ARGUMENT } else { codes::TOO_MANY_ARGUMENTS };
            let d = Diagnostic::error(
                code,
                span,
                format!("`{}` takes {n} argument{}, not {}", op.name, if n == 1 { "" } else { "s" }, args.len()),
            );
            return self.fail(d.note(op.doc));
        }
        if std::ptr::eq(op, &raw const logic::SELECT)
            && let Value::Bool(taken) = &args[0].0
        {
            return args.swap_remove(if *taken { 1 } else { 2 }).0;
        }
        let numbers: Option<Vec<super::num::Num>> =
            args.iter().map(|(v, _)| if let Value::Num(n) = v { Some(n.clone()) } else { None }).collect();
        if let Some(n) = numbers.and_then(|numbers| exact(op, &numbers).or_else(|| self.fold(op, &numbers))) {
            return Value::Num(n);
        }
        self.elementwise(op, args, span)
    }

    /// `max(a, b)`, `min(a, b)`
    pub(super) fn extreme_of_two(
        &mut self,
        op: Op,
        a: (Value<'a>, Span),
        b: (Value<'a>, Span),
        span: Span,
    ) -> Value<'a> {
        if let (Value::Num(x), Value::Num(y)) = (&a.0, &b.0)
            && let Some(order) = x.compare(y)
        {
            let first = order.is_gt() == std::ptr::eq(op, &raw const binary::MAX);
            return Value::Num(if first { x.clone() } else { y.clone() });
        }
        self.elementwise(op, vec![a, b], span)
    }

    /// `grad(y, x)`: the gradient of the number y by x, a value that y is made of.
    pub(super) fn grad(&mut self, call: &Call<'a>) -> Value<'a> {
        let ((y, at_y), (x, at_x)) = (call.arg(0), call.arg(1));
        let (Value::Tensor(y), Value::Tensor(x)) = (&y, &x) else {
            let (wrong, at) = if matches!(y, Value::Tensor(_)) { (x, at_x) } else { (y, at_y) };
            return self.wrong_kind(&wrong, at, "a value of the step");
        };
        if y.rank() != 0 || !y.dtype.is_float() {
            let d = Diagnostic::error(codes::NOT_SCALAR, at_y, "a gradient is taken of one float");
            return self.fail(d.label(format!("this is {}", Value::Tensor(y.clone()).kind())));
        }
        if !x.dtype.is_float() {
            let d = Diagnostic::error(codes::WRONG_TYPE, at_x, "a gradient is taken by floats");
            return self.fail(d.label(format!("this is {}", Value::Tensor(x.clone()).kind())));
        }
        self.here(call.span);
        let handle = self.b.clone();
        match crate::autodiff::gradient(&handle, handle.val(y.node), &[x.node]) {
            Ok(grads) => {
                let grad = grads.first().copied().flatten().unwrap_or_else(|| handle.val(x.node).splat(0.0));
                Value::Tensor(super::value::Tensor { node: grad.value, ..x.clone() })
            }
            Err(no) => {
                let d =
                    Diagnostic::error(codes::NOT_DIFFERENTIABLE, call.span, format!("`{}` has no derivative", no.op));
                self.fail(d.note(no.reason))
            }
        }
    }

    /// `stop_gradient(x)`
    pub(super) fn stop_gradient(&mut self, call: &Call<'a>) -> Value<'a> {
        match call.arg(0) {
            (Value::Tensor(mut t), _) => {
                self.here(call.span);
                let handle = self.b.clone();
                t.node = handle.val(t.node).unary(&movement::STOP_GRADIENT).value;
                Value::Tensor(t)
            }
            (other @ (Value::Num(_) | Value::Size(_)), _) => other,
            (other, at) => self.wrong_kind(&other, at, "a number or a tensor"),
        }
    }
}

/// What stays exact on constants.
fn exact(op: Op, args: &[super::num::Num]) -> Option<super::num::Num> {
    let is = |row: &'static crate::ir::op::OpDef| std::ptr::eq(op, row);
    match args {
        [x] if is(&unary::FLOOR) => Some(x.floor()),
        [x] if is(&unary::CEIL) => Some(x.ceil()),
        [x] if is(&unary::ABS) => Some(x.abs()),
        [x] if is(&unary::NEG) => Some(x.neg()),
        _ => None,
    }
}
