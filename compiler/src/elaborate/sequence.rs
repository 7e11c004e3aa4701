//! What depends on the order of elements along an axis: orders, running sums and products, recurrences.

use super::Elab;
use super::axes::{agree, explain_axes, merge};
use super::primitives::Call;
use super::rows::{from_last, last};
use super::value::{Axis, AxisSet, Tensor, Value, show_axis};
use crate::ir::attrs::{Attrs, Const};
use crate::ir::builder::Val;
use crate::ir::dim::Dim;
use crate::ir::types::{DType, TensorType};
use crate::ops::logic::EQ;
use crate::ops::sequence::{ARGSORT, CUMSUM, RECURRENCE};
use crate::ops::source::IOTA;
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;

impl<'a> Elab<'a> {
    /// `argsort(x, over = k)`: the places of an axis in the order of its elements.
    pub(super) fn argsort(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some(t) = self.float_tensor(call.arg(0)) else { return Value::Invalid };
        let Some(axis) = self.along(&t, call) else { return Value::Invalid };
        let descending = match call.named("descending") {
            None => false,
            Some((Value::Bool(down), _)) => down,
            Some((other, at)) => return self.wrong_kind(&other, at, "`true` or `false`"),
        };
        self.here(call.span);
        let handle = self.b.clone();
        let order = handle.add(&ARGSORT, Attrs::Descending(descending), &[last(handle.val(t.node), axis)]);
        let classes = Some(t.axes[axis].size.clone());
        let node = from_last(order, axis).value;
        Value::Tensor(Tensor { node, dtype: DType::I32, axes: t.axes, classes, scalar: false })
    }

    /// `cumsum(x, over = k)`: the sum of the elements of an axis up to each.
    pub(super) fn cumsum(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some(t) = self.float_tensor(call.arg(0)) else { return Value::Invalid };
        let Some(axis) = self.along(&t, call) else { return Value::Invalid };
        self.here(call.span);
        let handle = self.b.clone();
        let node = handle.add(&CUMSUM, Attrs::Axis(axis), &[handle.val(t.node)]).value;
        Value::Tensor(Tensor { node, ..t })
    }

    /// `recurrence(a, b, over = k)`: h[0] = b[0], h[i] = a[i] · h[i - 1] + b[i].
    pub(super) fn recurrence(&mut self, call: &Call<'a>) -> Value<'a> {
        let (a, b) = (self.float_tensor(call.arg(0)), self.float_tensor(call.arg(1)));
        let (Some(a), Some(b)) = (a, b) else { return Value::Invalid };
        if a.rank() != b.rank() || !a.axes.iter().zip(&b.axes).all(|(x, y)| agree(x, y)) {
            let what = format!("factors {} do not lie beside {}", a.show(), b.show());
            let d = Diagnostic::error(codes::SHAPE_MISMATCH, call.span, what);
            return self.fail(explain_axes(d, a.axes.iter().chain(&b.axes)));
        }
        let Some(axis) = self.along(&b, call) else { return Value::Invalid };
        self.here(call.span);
        let handle = self.b.clone();
        let wide = if a.dtype == DType::F64 { a.dtype } else { b.dtype };
        let operands = [a.node, b.node].map(|node| handle.val(node).cast(wide));
        let node = handle.add(&RECURRENCE, Attrs::Axis(axis), &operands).value;
        let axes = a.axes.iter().zip(&b.axes).map(|(x, y)| merge(x, y)).collect();
        Value::Tensor(Tensor { node, dtype: wide, axes, classes: None, scalar: false })
    }

    /// `cumprod(x, over = k)`: the product of the elements of an axis up to each.
    pub(super) fn cumprod(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some(t) = self.float_tensor(call.arg(0)) else { return Value::Invalid };
        let Some(axis) = self.along(&t, call) else { return Value::Invalid };
        self.here(call.span);
        let handle = self.b.clone();
        let node = products(handle.val(t.node), axis).value;
        Value::Tensor(Tensor { node, ..t })
    }

    /// `prod(x, over = k)`: the product of all elements of axes, all unless said.
    pub(super) fn prod(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some(t) = self.float_tensor(call.arg(0)) else { return Value::Invalid };
        let (set, at) = call.over.clone().unwrap_or((AxisSet::Rest { before: 0, after: 0 }, call.span));
        let Some(places) = self.resolve(&t.axes, &set, at) else { return Value::Invalid };
        if !places.iter().all(|&i| self.is_counted(&t.axes[i], call)) {
            return Value::Invalid;
        }
        let Some(count) = places.iter().try_fold(Dim::constant(1), |n, &i| n.checked_mul(&t.axes[i].size)) else {
            let d = Diagnostic::error(codes::TOO_LARGE, call.span, "the number of elements leaves 64 bits");
            return self.fail(d);
        };
        self.here(call.span);
        let handle = self.b.clone();
        let kept: Vec<usize> = (0..t.rank()).filter(|i| !places.contains(i)).collect();
        let axes: Vec<Axis> = kept.iter().map(|&i| t.axes[i].clone()).collect();
        let shape = |more: &[Dim]| axes.iter().map(|a| a.size.clone()).chain(more.iter().cloned()).collect();
        let order = kept.iter().copied().chain(places).collect();
        let flat = handle.val(t.node).permute(order).reshape(shape(std::slice::from_ref(&count)));
        let node = match count.as_constant().and_then(|n| usize::try_from(n).ok()) {
            // The product of nothing.
            Some(0) | None => flat.sum(&[kept.len()]).splat(1.0),
            Some(n) => products(flat, kept.len()).slice(kept.len(), n - 1, Dim::constant(1)).reshape(shape(&[])),
        };
        Value::Tensor(Tensor { node: node.value, axes, ..t })
    }

    /// Whether the size of an axis that `prod` goes over is known while compiling: places that were filled up would be factors.
    fn is_counted(&mut self, axis: &Axis, call: &Call<'a>) -> bool {
        let counted = axis.size.as_constant().is_some();
        if !counted {
            let what = "`prod` is built for axes whose size is known before the program runs";
            let d = Diagnostic::error(codes::UNSUPPORTED, call.span, what);
            let d = d.label(format!("{} is known only then", show_axis(axis)));
            self.report(explain_axes(d, std::iter::once(axis)));
        }
        counted
    }
}

/// Products up to each element of an axis: a recurrence that starts from the first element.
fn products(x: Val<'_>, axis: usize) -> Val<'_> {
    let TensorType { dtype, shape } = x.ty();
    let first = match shape[axis].as_constant() {
        Some(..=1) => return x,
        Some(n) => x.slice(axis, 0, Dim::constant(1)).pad(axis, 0, Dim::constant(n - 1)),
        None => {
            let places = x.b.add(&IOTA, Attrs::Iota(shape[axis].clone()), &[]).broadcast(shape.clone(), vec![axis]);
            let start = x.b.constant(Const::Int(DType::I32, 0), shape.clone());
            let nothing = x.b.constant(Const::Float(dtype, 0.0), shape);
            places.compare(&EQ, start).select(x, nothing)
        }
    };
    x.b.add(&RECURRENCE, Attrs::Axis(axis), &[x, first])
}
