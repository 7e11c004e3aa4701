//! Primitives over axes: reductions, products, joining and splitting, shapes, draws.

use super::Elab;
use super::num::Num;
use super::primitives::Call;
use super::signature::{agree, explain_axes, merge};
use super::value::{Axis, AxisSet, From, Tensor, Value};
use crate::ir::attrs::{Attrs, Contract, Slot};
use crate::ir::dim::Dim;
use crate::ir::types::{DType, TensorType};
use crate::ops::logic::LT;
use crate::ops::movement::CONCAT;
use crate::ops::reduce::ARGMAX;
use crate::ops::source::{COUNTER, IOTA, NORMAL, SIZE, UNIFORM};
use crate::ops::unary::FLOOR;
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;

/// 2^24: a single-precision number holds whole numbers up to here.
const TOP_BITS: f64 = 16_777_216.0;

impl<'a> Elab<'a> {
    /// A tensor argument.
    fn tensor(&mut self, (value, span): (Value<'a>, Span)) -> Option<Tensor> {
        match value {
            Value::Tensor(t) => Some(t),
            Value::Num(_) | Value::Size(_) => self.scalar_node(&value, span),
            other => {
                self.wrong_kind(&other, span, "a tensor");
                None
            }
        }
    }

    fn float_tensor(&mut self, arg: (Value<'a>, Span)) -> Option<Tensor> {
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
        let Some(t) = self.float_tensor(call.arg(0)) else { return Value::Invalid };
        let all = AxisSet::Rest { before: 0, after: 0 };
        let default = if name == "argmax" { AxisSet::Last } else { all };
        let (set, at) = call.over.clone().unwrap_or((default, call.span));
        let handle = self.b.clone();
        if name == "argmax" {
            let Some(axis) = self.resolve_one(&t, &set, at) else { return Value::Invalid };
            self.here(call.span);
            let node = handle.add(&ARGMAX, Attrs::Axis(axis), &[handle.val(t.node)]).value;
            let mut axes = t.axes;
            let classes = Some(axes.remove(axis).size);
            return Value::Tensor(Tensor { node, dtype: DType::I32, axes, classes, scalar: false });
        }
        let Some(places) = self.resolve(&t, &set, at) else { return Value::Invalid };
        self.here(call.span);
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

    /// How many elements the axes hold.
    pub(super) fn size_call(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some(t) = self.tensor(call.arg(0)) else { return Value::Invalid };
        let (set, at) = call.over.clone().unwrap_or((AxisSet::Rest { before: 0, after: 0 }, call.span));
        let Some(places) = self.resolve(&t, &set, at) else { return Value::Invalid };
        let size = places.iter().try_fold(Dim::constant(1), |n, &i| n.checked_mul(&t.axes[i].size));
        match size {
            Some(size) => super::scope::size_value(&size),
            None => self.fail(Diagnostic::error(codes::TOO_LARGE, call.span, "the number of elements leaves 64 bits")),
        }
    }

    /// The sizes as a list.
    pub(super) fn shape_call(&mut self, call: &Call<'a>) -> Value<'a> {
        match self.tensor(call.arg(0)) {
            Some(t) => Value::List(t.axes.iter().map(|a| super::scope::size_value(&a.size)).collect()),
            None => Value::Invalid,
        }
    }

    /// `a @ b`: the last axis of a with the second to last of b; leading axes of b, if it has more than two, align.
    pub(super) fn matmul(&mut self, a: (Value<'a>, Span), b: (Value<'a>, Span), span: Span) -> Value<'a> {
        let (at_a, at_b) = (a.1, b.1);
        let (Some(x), Some(y)) = (self.float_tensor(a), self.float_tensor(b)) else { return Value::Invalid };
        let ranks = |t: &Tensor, at: Span, what: &str, least: usize| {
            Diagnostic::error(
                codes::WRONG_RANK,
                at,
                format!("the {what} side of `@` needs at least {least} ax{}s", if least == 1 { "i" } else { "e" }),
            )
            .label(format!("this is {}", t.show()))
        };
        if x.rank() == 0 {
            return self.fail(ranks(&x, at_a, "left", 1));
        }
        if y.rank() < 2 {
            return self.fail(ranks(&y, at_b, "right", 2));
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

    /// `dot(a, b, over = k)`: sums k; the other common names align.
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
        let (Some(sum_a), Some(sum_b)) = (self.resolve(&x, &set, at), self.resolve(&y, &set, at)) else {
            return Value::Invalid;
        };
        if sum_a.len() != sum_b.len() {
            return self.fail(Diagnostic::error(codes::SHAPE_MISMATCH, at, "the two sides have different axes to sum"));
        }
        let sum: Vec<(usize, usize)> = match &set {
            // By name: the order in which they are listed.
            AxisSet::Names(names) => {
                let pairs: Option<Vec<_>> =
                    names.iter().map(|n| Some((self.place(&x, n, at)?, self.place(&y, n, at)?))).collect();
                match pairs {
                    Some(pairs) => pairs,
                    None => return Value::Invalid,
                }
            }
            _ => sum_a.into_iter().zip(sum_b).collect(),
        };
        let batch: Vec<(usize, usize)> = x
            .axes
            .iter()
            .enumerate()
            .filter(|(i, axis)| axis.name.is_some() && !sum.iter().any(|p| p.0 == *i))
            .filter_map(|(i, axis)| {
                let j = y.axes.iter().position(|other| other.name == axis.name)?;
                (!sum.iter().any(|p| p.1 == j)).then_some((i, j))
            })
            .collect();
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
        let Some(axis) = self.resolve_one(&first, &set, over_at) else { return Value::Invalid };
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
        let vals: Vec<_> = tensors.iter().map(|t| handle.val(t.node)).collect();
        let node = handle.add(&CONCAT, Attrs::Axis(axis), &vals).value;
        Value::Tensor(Tensor { node, axes, ..first })
    }

    /// `split(x, n)`: n equal parts of the last axis, or of `over`.
    pub(super) fn split(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some(t) = self.tensor(call.arg(0)) else { return Value::Invalid };
        let (value, at) = call.arg(1);
        let Some(n) = self.count(&value, at, "the number of parts", 1) else { return Value::Invalid };
        let (set, over_at) = call.over.clone().unwrap_or((AxisSet::Last, call.span));
        let Some(axis) = self.resolve_one(&t, &set, over_at) else { return Value::Invalid };
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

    /// Floats of whole numbers, bytes or masks.
    pub(super) fn to_float(&mut self, call: &Call<'a>) -> Value<'a> {
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

    /// The axes that a list of sizes writes: `[batch, 64]`.
    fn shape_argument(&mut self, (value, at): (Value<'a>, Span)) -> Option<Vec<Axis>> {
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

    /// A keyed draw. In single precision a uniform number has the top 24 bits of the one in double precision, so that it
    /// stays below 1; a normal one is the double rounded.
    pub(super) fn draw(&mut self, name: &str, call: &Call<'a>) -> Value<'a> {
        let Some(axes) = self.shape_argument(call.arg(0)) else { return Value::Invalid };
        let row = if name == "random_uniform" { &UNIFORM } else { &NORMAL };
        let handle = self.b.clone();
        let mut drawn = handle.val(self.drawn(row, &axes, call.span));
        if name == "random_uniform" && self.float == DType::F32 {
            drawn = (drawn * TOP_BITS).unary(&FLOOR) / TOP_BITS;
        }
        let node = drawn.cast(self.float).value;
        Value::Tensor(Tensor { node, dtype: self.float, axes, classes: None, scalar: false })
    }

    /// `random_mask(shape, share)`: holds with probability `share`. Whole numbers below 2^24 are compared, so that both
    /// precisions draw the same mask.
    pub(super) fn draw_mask(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some(axes) = self.shape_argument(call.arg(0)) else { return Value::Invalid };
        let (share, at) = call.arg(1);
        let Some(share) = self.scalar_node(&share, at) else { return Value::Invalid };
        let handle = self.b.clone();
        let drawn = (handle.val(self.drawn(&UNIFORM, &axes, call.span)) * TOP_BITS).unary(&FLOOR);
        let limit = (handle.val(share.node) * TOP_BITS).broadcast(drawn.ty().shape, vec![]);
        let node = drawn.compare(&LT, limit).value;
        Value::Tensor(Tensor { node, dtype: DType::Bool, axes, classes: None, scalar: false })
    }

    /// A draw in double precision. Its key is the seed, the purpose, the path, its number among the draws of that path, and
    /// the step.
    fn drawn(&mut self, row: crate::ir::op::Op, axes: &[Axis], span: Span) -> crate::ir::graph::Value {
        let path = self.frame().path.clone();
        let draw = self.draws.entry(path.clone()).or_insert(0);
        *draw += 1;
        let key = format!("{} {path} {draw}", self.mode.purpose());
        let stream = self.stream(key);
        self.here(span);
        let handle = self.b.clone();
        let counter = |slot| handle.add(&COUNTER, Attrs::Slot(slot, Box::new(TensorType::scalar(DType::I64))), &[]);
        let shape = axes.iter().map(|a| a.size.clone()).collect();
        handle.add(row, Attrs::Random { stream, shape }, &[counter(Slot::Seed), counter(Slot::Step)]).value
    }

    /// The stream of a key: its FNV-1a hash, moved on where another key has it.
    fn stream(&mut self, key: String) -> u32 {
        let mut hash: u32 = 0x811c_9dc5;
        for byte in key.bytes() {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
        // The permutations of the rows have the last stream for themselves.
        while hash == u32::MAX || self.streams.get(&hash).is_some_and(|known| *known != key) {
            hash = hash.wrapping_add(0x9e37_79b9);
        }
        self.streams.insert(hash, key);
        hash
    }

    /// How many inputs or outputs a weight of this shape joins: the second to last and the last size, each times the sizes
    /// before them (the window of a convolution).
    pub(super) fn fan(&mut self, name: &str, call: &Call<'a>) -> Value<'a> {
        let (Value::List(sizes), at) = call.arg(0) else {
            let (value, at) = call.arg(0);
            return self.wrong_kind(&value, at, "a shape");
        };
        let sizes: Option<Vec<usize>> = sizes.iter().map(|s| self.count(s, at, "a size", 0)).collect();
        let Some(sizes) = sizes else { return Value::Invalid };
        let n = sizes.len();
        let window: usize = sizes[..n.saturating_sub(2)].iter().product();
        let fan = match (n, name) {
            (0, _) => 1,
            (1, _) => sizes[0],
            (_, "fan_in") => window * sizes[n - 2],
            _ => window * sizes[n - 1],
        };
        Value::Num(Num::int(fan as i64))
    }

    /// `expand(x, [time, 64])`: repeats x along new leading axes of these sizes.
    pub(super) fn expand(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some(t) = self.tensor(call.arg(0)) else { return Value::Invalid };
        let Some(mut axes) = self.shape_argument(call.arg(1)) else { return Value::Invalid };
        axes.extend(t.axes.iter().cloned());
        self.here(call.span);
        let handle = self.b.clone();
        let node = super::meet::lift(&handle, &t, &axes).value;
        Value::Tensor(Tensor { node, axes, scalar: false, ..t })
    }
}

fn show_axis(a: &Axis) -> String {
    match &a.name {
        Some(n) if *n.text != a.size.to_string() => format!("`{}` ({})", n.text, a.size),
        Some(n) => format!("`{}`", n.text),
        None => a.size.to_string(),
    }
}
