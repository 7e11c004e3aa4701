//! Sizes and shapes: joining, splitting, flattening, repeating.

use super::Elab;
use super::axes::{agree, explain_axes};
use super::primitives::Call;
use super::value::{Axis, AxisSet, From, Tensor, Value};
use crate::ir::attrs::Attrs;
use crate::ir::dim::Dim;
use crate::ir::types::DType;
use crate::ops::movement::{CONCAT, REVERSE};
use crate::ops::source::IOTA;
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;

/// Parts that one value may be split into.
const MOST_PARTS: usize = 4096;

impl<'a> Elab<'a> {
    /// `concat([a, b], over = k)`; over the last axis unless said.
    pub(super) fn concat(&mut self, call: &Call<'a>) -> Value<'a> {
        let (Value::List(parts) | Value::Tuple(parts), at) = call.arg(0) else {
            let (value, at) = call.arg(0);
            return self.wrong_kind(&value, at, "a list of tensors, `[a, b]`,");
        };
        let tensors: Option<Vec<Tensor>> = parts.into_iter().map(|p| self.float_tensor((p, at))).collect();
        let Some(tensors) = tensors.filter(|t| !t.is_empty()) else { return Value::Invalid };
        let (set, over_at) = call.over.clone().unwrap_or((AxisSet::Last, call.span));
        let first = tensors[0].clone();
        let Some(axis) = self.resolve_one(&first.axes, &set, over_at) else { return Value::Invalid };
        if call.over.is_none() && first.rank() == 1 && first.axes[0].size.as_constant().is_none() {
            return self.rows_joined(&first, at);
        }
        let mut axes = first.axes.clone();
        for t in &tensors[1..] {
            let fits = t.rank() == first.rank()
                && t.axes.iter().zip(&axes).enumerate().all(|(i, (a, b))| i == axis || agree(a, b));
            if !fits {
                let d = Diagnostic::error(
                    codes::SHAPE_MISMATCH,
                    at,
                    format!("{} does not lie next to {}", t.show(), first.show()),
                )
                .note("all axes but the joined one must agree");
                return self.fail(explain_axes(d, t.axes.iter().chain(&first.axes)));
            }
            match axes[axis].size.checked_add(&t.axes[axis].size) {
                Some(size) => axes[axis] = Axis { name: axes[axis].name.clone(), ..Axis::of(size) },
                None => {
                    return self.fail(Diagnostic::error(codes::TOO_LARGE, call.span, "the joined size leaves 64 bits"));
                }
            }
        }
        axes[axis].from = Some(From { span: call.span, text: format!("{} is joined here", axes[axis].size) });
        self.here(call.span);
        let handle = self.b.clone();
        // A metric's doubles may lie next to floats of the step.
        let wide = tensors.iter().any(|t| t.dtype == DType::F64);
        let dtype = if wide { DType::F64 } else { first.dtype };
        let vals: Vec<_> = tensors.iter().map(|t| handle.val(t.node).cast(dtype)).collect();
        let node = handle.add(&CONCAT, Attrs::Axis(axis), &vals).value;
        Value::Tensor(Tensor { node, dtype, axes, scalar: false, ..first })
    }

    /// Values of one number a row have no last axis to lie side by side along; rows below rows are seldom meant.
    fn rows_joined(&mut self, first: &Tensor, at: Span) -> Value<'a> {
        let axis = first.axes[0].name.as_ref().map_or("last", |name| &name.text);
        let d =
            Diagnostic::error(codes::MISSING_ARGUMENT, at, "`concat` of values with one number a row must say `over`")
                .label(format!("the first is {}", first.show()));
        self.fail(
            d.help("to put them side by side, give each a last axis: `a[.., new]`")
                .help(format!("to put rows below rows, write `over = {axis}`")),
        )
    }

    /// `split(x, n)`: n equal parts of the last axis, or of `over`.
    pub(super) fn split(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some(t) = self.tensor(call.arg(0)) else { return Value::Invalid };
        let (value, at) = call.arg(1);
        let Some(n) = self.count(&value, at, "the number of parts", 1) else { return Value::Invalid };
        if n > MOST_PARTS {
            let d = Diagnostic::error(codes::OUT_OF_RANGE, at, format!("at most {MOST_PARTS} parts can be made"));
            return self.fail(
                d.label(format!("this is {n}")).help("each is a value of its own; reduce or index an axis instead"),
            );
        }
        let (set, over_at) = call.over.clone().unwrap_or((AxisSet::Last, call.span));
        let Some(axis) = self.resolve_one(&t.axes, &set, over_at) else { return Value::Invalid };
        let size = t.axes[axis].size.clone();
        let part = size.as_constant().filter(|s| s % n as i64 == 0).map(|s| s / n as i64);
        let Some(part) = part else {
            let d =
                Diagnostic::error(codes::NOT_WHOLE, call.span, format!("{size} does not split into {n} equal parts"));
            return self.fail(explain_axes(d, std::iter::once(&t.axes[axis])));
        };
        self.here(call.span);
        let handle = self.b.clone();
        let parts = (0..n).map(|i| {
            let node = handle.val(t.node).slice(axis, i * part as usize, Dim::constant(part)).value;
            let mut axes = t.axes.clone();
            axes[axis] = Axis {
                size: Dim::constant(part),
                name: if n == 1 { axes[axis].name.clone() } else { None },
                ..axes[axis].clone()
            };
            Value::Tensor(Tensor { node, axes, ..t.clone() })
        });
        Value::Tuple(parts.collect())
    }

    /// `reverse(x, over = k)`: the elements of one axis, the last unless said, in the opposite order.
    pub(super) fn reverse(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some(t) = self.tensor(call.arg(0)) else { return Value::Invalid };
        let (set, at) = call.over.clone().unwrap_or((AxisSet::Last, call.span));
        let Some(axis) = self.resolve_one(&t.axes, &set, at) else { return Value::Invalid };
        self.here(call.span);
        let handle = self.b.clone();
        let node = handle.add(&REVERSE, Attrs::Axis(axis), &[handle.val(t.node)]).value;
        let mut axes = t.axes.clone();
        axes[axis].flipped = !axes[axis].flipped;
        Value::Tensor(Tensor { node, axes, ..t })
    }

    /// One axis of all after the first.
    pub(super) fn flatten(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some(t) = self.tensor(call.arg(0)) else { return Value::Invalid };
        if t.rank() < 2 {
            let d = Diagnostic::error(codes::WRONG_RANK, call.span, "there is nothing to flatten")
                .label(format!("this is {}", t.show()));
            return self.fail(d);
        }
        let Some(size) = t.axes[1..].iter().try_fold(Dim::constant(1), |n, a| n.checked_mul(&a.size)) else {
            return self.fail(Diagnostic::error(codes::TOO_LARGE, call.span, "the flattened size leaves 64 bits"));
        };
        let axes = if t.rank() == 2 {
            t.axes.clone()
        } else {
            let factors: Vec<String> = t.axes[1..].iter().map(|a| a.size.to_string()).collect();
            let from = From { span: call.span, text: format!("{size} = {}", factors.join(" × ")) };
            vec![t.axes[0].clone(), Axis { from: Some(from), ..Axis::of(size) }]
        };
        self.here(call.span);
        let handle = self.b.clone();
        let node = handle.val(t.node).reshape(axes.iter().map(|a| a.size.clone()).collect()).value;
        Value::Tensor(Tensor { node, axes, ..t })
    }

    /// `expand(x, [time, 64])`: repeats x along new leading axes of these sizes.
    pub(super) fn expand(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some(mut t) = self.tensor(call.arg(0)) else { return Value::Invalid };
        let Some(mut axes) = self.shape_argument(call.arg(1)) else { return Value::Invalid };
        axes.extend(t.axes.iter().cloned());
        self.here(call.span);
        let handle = self.b.clone();
        // A number that becomes a tensor takes the precision of tensors; as a double it would make doubles of all it meets.
        if t.scalar && t.dtype.is_float() {
            t = Tensor { node: handle.val(t.node).cast(self.float).value, dtype: self.float, ..t };
        }
        let node = super::meet::lift(&handle, &t, &axes).value;
        Value::Tensor(Tensor { node, axes, scalar: false, ..t })
    }

    /// The sizes as a list.
    pub(super) fn shape_call(&mut self, call: &Call<'a>) -> Value<'a> {
        match self.tensor(call.arg(0)) {
            Some(t) => Value::List(t.axes.iter().map(|a| super::scope::size_value(&a.size)).collect()),
            None => Value::Invalid,
        }
    }

    /// How many elements the axes hold, or a list.
    pub(super) fn size_call(&mut self, call: &Call<'a>) -> Value<'a> {
        if let (Value::List(items), _) = call.arg(0) {
            return super::scope::size_value(&Dim::from(items.len()));
        }
        let Some(t) = self.tensor(call.arg(0)) else { return Value::Invalid };
        let (set, at) = call.over.clone().unwrap_or((AxisSet::Rest { before: 0, after: 0 }, call.span));
        let Some(places) = self.resolve(&t.axes, &set, at) else { return Value::Invalid };
        let size = places.iter().try_fold(Dim::constant(1), |n, &i| n.checked_mul(&t.axes[i].size));
        match size {
            Some(size) => super::scope::size_value(&size),
            None => self.fail(Diagnostic::error(codes::TOO_LARGE, call.span, "the number of elements leaves 64 bits")),
        }
    }

    /// The axes that a list of sizes writes: `[batch, 64]`.
    pub(super) fn shape_argument(&mut self, (value, at): (Value<'a>, Span)) -> Option<Vec<Axis>> {
        let Value::List(items) = value else {
            self.wrong_kind(&value, at, "a shape, `[batch, 64]`,");
            return None;
        };
        let mut axes = vec![];
        for item in items {
            axes.push(match item {
                Value::Size(d) => {
                    let text = d.to_string();
                    let named = self.frame().dims.get(&text).is_some_and(|b| b.size == d);
                    let name = named.then(|| self.axis_name(&text));
                    Axis { name, ..Axis::of(d) }
                }
                value => Axis::of(Dim::from(self.count(&value, at, "a size", 0)?)),
            });
        }
        Some(axes)
    }

    /// 0, 1, … n − 1, as class numbers.
    pub(super) fn indices(&mut self, call: &Call<'a>) -> Value<'a> {
        let (value, at) = call.arg(0);
        let size = match value {
            Value::Size(d) => d,
            value => match self.count(&value, at, "how many indices there are", 0) {
                Some(n) => Dim::from(n),
                None => return Value::Invalid,
            },
        };
        self.here(call.span);
        let handle = self.b.clone();
        let node = handle.add(&IOTA, Attrs::Iota(size.clone()), &[]).value;
        Value::Tensor(Tensor {
            node,
            dtype: DType::I32,
            axes: vec![Axis::of(size.clone())],
            classes: Some(size),
            scalar: false,
        })
    }
}
