//! Products: `a @ b` by position, `dot(a, b, over = k)` by name.

use super::Elab;
use super::axes::{agree, explain_axes, merge};
use super::primitives::Call;
use super::value::{Axis, AxisSet, Tensor, Value, show_axis};
use crate::ir::attrs::Contract;
use crate::ir::types::DType;
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;

impl<'a> Elab<'a> {
    /// `a @ b`: the last axis of a with the second to last of b; leading axes of b, if it has more than two, align.
    pub(super) fn matmul(&mut self, a: (Value<'a>, Span), b: (Value<'a>, Span), span: Span) -> Value<'a> {
        let (at_a, at_b) = (a.1, b.1);
        let (kind_a, kind_b) = (a.0.kind(), b.0.kind());
        let (Some(x), Some(y)) = (self.float_tensor(a), self.float_tensor(b)) else { return Value::Invalid };
        let ranks = |kind: &str, at: Span, what: &str, least: usize| {
            Diagnostic::error(
                codes::WRONG_RANK,
                at,
                format!("the {what} side of `@` needs at least {least} ax{}s", if least == 1 { "i" } else { "e" }),
            )
            .label(format!("this is {kind}"))
        };
        if x.rank() == 0 {
            return self.fail(ranks(&kind_a, at_a, "left", 1));
        }
        if y.rank() < 2 {
            return self.fail(ranks(&kind_b, at_b, "right", 2));
        }
        let n_batch = y.rank() - 2;
        if n_batch > 0 && x.rank() != y.rank() {
            let d = Diagnostic::error(codes::WRONG_RANK, span, format!("{} and {} do not align", x.show(), y.show()));
            return self.fail(d.help(
                "a batched product needs as many axes on both sides; `dot(a, b, over = k)` aligns axes by name",
            ));
        }
        let pairs: Vec<(usize, usize)> = (0..n_batch).map(|i| (i, i)).collect();
        let rule = Contract { batch: pairs, sum: vec![(x.rank() - 1, y.rank() - 2)] };
        self.product(
            &x,
            &y,
            rule,
            (at_a, at_b),
            span,
            "`@` joins the last axis of the left with the second to last of the right",
        )
    }

    /// `dot(a, b, over = k)`: sums k; the other common names, and what one `..` stands for, align.
    pub(super) fn dot(&mut self, call: &Call<'a>) -> Value<'a> {
        let (a, b) = (call.arg(0), call.arg(1));
        let (at_a, at_b) = (a.1, b.1);
        let (Some(x), Some(y)) = (self.float_tensor(a), self.float_tensor(b)) else { return Value::Invalid };
        let Some((set, at)) = call.over.clone() else {
            return self.fail(
                Diagnostic::error(codes::MISSING_ARGUMENT, call.span, "`dot` needs the axis that it sums")
                    .help("write `over = NAME`"),
            );
        };
        let (Some(sum_a), Some(sum_b)) = (self.resolve(&x.axes, &set, at), self.resolve(&y.axes, &set, at)) else {
            return Value::Invalid;
        };
        if sum_a.len() != sum_b.len() {
            return self.fail(Diagnostic::error(codes::SHAPE_MISMATCH, at, "the two sides have different axes to sum"));
        }
        let sum: Vec<(usize, usize)> = match &set {
            // By name: the order in which they are listed.
            AxisSet::Names(names) => {
                let pairs: Option<Vec<_>> =
                    names.iter().map(|n| Some((self.place(&x.axes, n, at)?, self.place(&y.axes, n, at)?))).collect();
                match pairs {
                    Some(pairs) => pairs,
                    None => return Value::Invalid,
                }
            }
            _ => sum_a.into_iter().zip(sum_b).collect(),
        };
        // Axes that a `..` of this text stands for, not of one inside a call that made the values.
        let members: Vec<u32> =
            self.frame().rests.values().flat_map(|(axes, _)| axes.iter().filter_map(|axis| axis.member)).collect();
        let mut batch: Vec<(usize, usize)> = vec![];
        for (i, axis) in x.axes.iter().enumerate().filter(|(i, _)| !sum.iter().any(|p| p.0 == *i)) {
            let left = |j: &usize| !sum.iter().chain(&batch).any(|p| p.1 == *j);
            let named = |other: &Axis| axis.name.is_some() && other.name == axis.name;
            // An axis of the same `..` is the same one, whether it has a name or not.
            let same = |other: &Axis| axis.member.is_some_and(|m| members.contains(&m)) && other.member == axis.member;
            let named = y.axes.iter().position(named).or_else(|| y.axes.iter().position(same));
            batch.extend(named.filter(left).map(|j| (i, j)));
        }
        self.product(
            &x,
            &y,
            Contract { batch, sum },
            (at_a, at_b),
            call.span,
            "the summed and the common axes must agree",
        )
    }

    fn product(
        &mut self,
        x: &Tensor,
        y: &Tensor,
        rule: Contract,
        at: (Span, Span),
        span: Span,
        law: &str,
    ) -> Value<'a> {
        for &(i, j) in rule.batch.iter().chain(&rule.sum) {
            let (a, b) = (&x.axes[i], &y.axes[j]);
            if agree(a, b) {
                continue;
            }
            let code = if a.size == b.size { codes::AXIS_MISMATCH } else { codes::SHAPE_MISMATCH };
            let d = Diagnostic::error(code, span, format!("{} meets {} in this product", x.show(), y.show()))
                .label(format!("{} does not meet {}", show_axis(a), show_axis(b)))
                .note(law)
                .origin(Role::Dim, at.0, format!("this is {}", x.show()))
                .origin(Role::Dim, at.1, format!("this is {}", y.show()));
            return self.fail(explain_axes(d, [a, b].into_iter()));
        }
        let batch = rule.batch.iter().map(|&(i, j)| merge(&x.axes[i], &y.axes[j]));
        let free_x = rule.free_a(x.rank()).into_iter().map(|i| x.axes[i].clone());
        let free_y = rule.free_b(y.rank()).into_iter().map(|i| y.axes[i].clone());
        let axes: Vec<Axis> = batch.chain(free_x).chain(free_y).collect();
        let dtype = if x.dtype == DType::F64 || y.dtype == DType::F64 { DType::F64 } else { x.dtype };
        self.here(span);
        let handle = self.b.clone();
        let node = handle.val(x.node).cast(dtype).contract(handle.val(y.node).cast(dtype), rule).value;
        Value::Tensor(Tensor { node, dtype, axes, classes: None, scalar: false })
    }
}
