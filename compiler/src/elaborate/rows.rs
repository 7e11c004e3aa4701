//! Places that are known only while the program runs: `z[time = i]`, `gather`, `scatter_add`, `index`.
//!
//! A place is a class number of its axis, so its type says that it lies inside.

use super::Elab;
use super::axes::{agree, explain_axes, merge};
use super::primitives::Call;
use super::value::{Axis, AxisSet, Tensor, Value, show_axis};
use crate::ir::attrs::{Attrs, Const};
use crate::ir::builder::Val;
use crate::ir::dim::Dim;
use crate::ir::types::DType;
use crate::ops::logic::{GT, LT};
use crate::ops::source::SIZE;
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;

impl<'a> Elab<'a> {
    /// Places of an axis: class numbers below its size.
    pub(super) fn places(&mut self, axis: &Axis, value: Value<'a>, span: Span) -> Option<Tensor> {
        let size = &axis.size;
        self.has_places(size, span)?;
        match value {
            Value::Tensor(Tensor { classes: Some(n), .. }) if n != *size => {
                let what = format!("class numbers below {n} are no places of {}", show_axis(axis));
                self.report(explain_axes(Diagnostic::error(codes::OUT_OF_RANGE, span, what), std::iter::once(axis)));
                None
            }
            Value::Tensor(t) if t.classes.is_some() => Some(t),
            Value::Tensor(t) => {
                let what = format!("a place of {} must be a class number below {size}", show_axis(axis));
                let d = Diagnostic::error(codes::WRONG_TYPE, span, what);
                let d = d.label(format!("this is {}", Value::Tensor(t).kind()));
                let n = axis.name.as_ref().map_or(size.to_string(), |name| name.text.to_string());
                self.report(d.help(format!("`index(i, {n})` makes one of any number: the nearest place")));
                None
            }
            Value::List(items) => self.class_table(&items, size, span),
            Value::Invalid => None,
            other => {
                self.wrong_kind(&other, span, "class numbers");
                None
            }
        }
    }

    /// Whether an axis has a place at all; one of a free size must have one for each size.
    fn has_places(&mut self, size: &Dim, span: Span) -> Option<()> {
        if size.as_constant() != Some(0) {
            return self.need_element(size, span);
        }
        self.report(Diagnostic::error(codes::OUT_OF_RANGE, span, "an axis of 0 has no place to take or to add to"));
        None
    }

    /// `t[axis = index]`: axes of the index that bear the name of another axis of `t` are that axis; the others take the
    /// place of the one that is indexed.
    pub(super) fn taken(&mut self, t: &Tensor, axis: usize, index: &Tensor, span: Span) -> Option<Tensor> {
        let mut pairs: Vec<(usize, usize)> = vec![];
        for (j, own) in index.axes.iter().enumerate() {
            let Some(name) = &own.name else { continue };
            if (0..t.rank()).any(|i| i != axis && t.axes[i].name.as_ref() == Some(name)) {
                let i = self.place(&t.axes, name, span)?;
                if !agree(&t.axes[i], own) {
                    let what = format!("{} of the index meets {}", show_axis(own), show_axis(&t.axes[i]));
                    let d = Diagnostic::error(codes::SHAPE_MISMATCH, span, what);
                    self.report(explain_axes(d, [own, &t.axes[i]].into_iter()));
                    return None;
                }
                pairs.push((i, j));
            }
        }
        pairs.sort_unstable();
        let free = |n: usize, taken: &dyn Fn(usize) -> bool| (0..n).filter(|i| !taken(*i)).collect::<Vec<_>>();
        let rest = free(t.rank(), &|i| i == axis || pairs.iter().any(|p| p.0 == i));
        let own = free(index.rank(), &|j| pairs.iter().any(|p| p.1 == j));
        self.here(span);
        let handle = self.b.clone();
        let shared = pairs.iter().map(|p| p.0);
        let x = handle.val(t.node).permute(shared.clone().chain([axis]).chain(rest.iter().copied()).collect());
        let numbers = handle
            .val(index.node)
            .cast(DType::I32)
            .permute(pairs.iter().map(|p| p.1).chain(own.iter().copied()).collect());
        let found = x.gather(numbers, pairs.len());
        // The axes of what is found: shared ones, those of the index, the rest; they go to where `t` has them.
        let places: Vec<usize> = shared.chain(own.iter().map(|_| axis)).chain(rest.iter().copied()).collect();
        let mut perm: Vec<usize> = (0..places.len()).collect();
        perm.sort_by_key(|&k| places[k]);
        let mut axes = t.axes.clone();
        axes.splice(axis..=axis, own.iter().map(|&j| index.axes[j].clone()));
        Some(Tensor { node: found.permute(perm).value, axes, scalar: false, ..t.clone() })
    }

    /// The axis that a call works over, the last unless said.
    pub(super) fn along(&mut self, t: &Tensor, call: &Call<'a>) -> Option<usize> {
        let (set, at) = call.over.clone().unwrap_or((AxisSet::Last, call.span));
        self.resolve_one(&t.axes, &set, at)
    }

    /// `gather(x, index, over = k)`: elements of one axis by their places, which the other axes have each for themselves, or of
    /// one row of places for all of them.
    pub(super) fn gather(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some(t) = self.tensor(call.arg(0)) else { return Value::Invalid };
        let Some(axis) = self.along(&t, call) else { return Value::Invalid };
        let (index, at) = call.arg(1);
        let Some(index) = self.places(&t.axes[axis], index, at) else { return Value::Invalid };
        if index.rank() == 1 && t.rank() > 1 {
            let index = Tensor { axes: vec![Axis { name: None, ..index.axes[0].clone() }], ..index };
            return self.taken(&t, axis, &index, call.span).map_or(Value::Invalid, Value::Tensor);
        }
        let Some(mut axes) = self.beside(&t, axis, &index, at) else { return Value::Invalid };
        axes[axis] = index.axes[axis].clone();
        self.here(call.span);
        let handle = self.b.clone();
        let x = last(handle.val(t.node), axis);
        let found = x.gather(last(handle.val(index.node).cast(DType::I32), axis), t.rank() - 1);
        Value::Tensor(Tensor { node: from_last(found, axis).value, axes, scalar: false, ..t })
    }

    /// `scatter_add(x, index, over = k)`: elements of one axis added to places of an axis that has as many as the index has
    /// classes.
    pub(super) fn scatter_add(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some(t) = self.float_tensor(call.arg(0)) else { return Value::Invalid };
        let Some(axis) = self.along(&t, call) else { return Value::Invalid };
        let index = match call.arg(1) {
            (Value::Tensor(index), _) if index.classes.is_some() => index,
            (other, at) => return self.wrong_kind(&other, at, "class numbers"),
        };
        let (at, rows) = (call.arg(1).1, index.rank() == 1 && t.rank() > 1);
        let fits = if rows {
            agree(&t.axes[axis], &index.axes[0]).then(|| t.axes.clone())
        } else {
            self.beside(&t, axis, &index, at).filter(|_| index.axes[axis].size == t.axes[axis].size)
        };
        let Some(mut axes) = fits else {
            if rows || index.rank() == t.rank() {
                let what = format!("{} has not a class number for each of {}", index.show(), show_axis(&t.axes[axis]));
                self.report(explain_axes(Diagnostic::error(codes::SHAPE_MISMATCH, at, what), t.axes.iter()));
            }
            return Value::Invalid;
        };
        let Some(size) = index.classes.filter(|size| self.has_places(size, at).is_some()) else {
            return Value::Invalid;
        };
        axes[axis] = Axis::of(size.clone());
        self.here(call.span);
        let handle = self.b.clone();
        let (x, numbers) = (handle.val(t.node), handle.val(index.node).cast(DType::I32));
        let sums = if rows {
            let mut perm: Vec<usize> = (0..t.rank()).filter(|&i| i != axis).collect();
            perm.insert(0, axis);
            let sums = x.permute(perm).scatter_add(numbers, 0, size);
            let mut back: Vec<usize> = (1..t.rank()).collect();
            back.insert(axis, 0);
            sums.permute(back)
        } else {
            from_last(last(x, axis).scatter_add(last(numbers, axis), t.rank() - 1, size), axis)
        };
        Value::Tensor(Tensor { node: sums.value, axes, scalar: false, ..t })
    }

    /// The axes of a tensor and of an index that has the same, but for one.
    fn beside(&mut self, t: &Tensor, axis: usize, index: &Tensor, at: Span) -> Option<Vec<Axis>> {
        let fits = index.rank() == t.rank()
            && t.axes.iter().zip(&index.axes).enumerate().all(|(i, (a, b))| i == axis || agree(a, b));
        if fits {
            return Some(t.axes.iter().zip(&index.axes).map(|(a, b)| merge(a, b)).collect());
        }
        let what = format!("an index {} does not lie beside {}", index.show(), t.show());
        let d = Diagnostic::error(codes::SHAPE_MISMATCH, at, what)
            .note("an index has the axes of the value, of which one may have another size, or that one alone");
        self.report(explain_axes(d, t.axes.iter().chain(&index.axes)));
        None
    }

    /// `index(x, n)`: class numbers below n of numbers without their fractions, the nearest ones of those outside.
    pub(super) fn index_call(&mut self, call: &Call<'a>) -> Value<'a> {
        let t = match call.arg(0) {
            (Value::Tensor(t), _) => t,
            (Value::List(items), at) => match self.table(&items, at, DType::F64) {
                Some(t) => t,
                None => return Value::Invalid,
            },
            (other, at) => match self.scalar_node(&other, at) {
                Some(t) => t,
                None => return Value::Invalid,
            },
        };
        let (n, at) = call.arg(1);
        let size = match n {
            Value::Size(d) => d,
            n => match self.count(&n, at, "the number of classes", 1) {
                Some(n) => Dim::from(n),
                None => return Value::Invalid,
            },
        };
        self.here(call.span);
        let handle = self.b.clone();
        let x = handle.val(t.node).cast(DType::I32);
        let shape = x.ty().shape;
        let zero = handle.constant(Const::Int(DType::I32, 0), shape.clone());
        let one = handle.constant(Const::Int(DType::I32, 1), shape.clone());
        let n = handle.add(&SIZE, Attrs::Size(DType::I32, size.clone()), &[]).broadcast(shape, vec![]);
        let x = x.compare(&LT, zero).select(zero, x);
        let top = n - one;
        let node = x.compare(&GT, top).select(top, x).value;
        Value::Tensor(Tensor { node, dtype: DType::I32, classes: Some(size), scalar: false, ..t })
    }
}

/// The axis goes to the end.
pub(super) fn last(x: Val<'_>, axis: usize) -> Val<'_> {
    let rank = x.ty().rank();
    x.permute((0..rank).filter(|&i| i != axis).chain([axis]).collect())
}

/// The last axis goes to this place.
pub(super) fn from_last(x: Val<'_>, axis: usize) -> Val<'_> {
    let rank = x.ty().rank();
    let mut perm: Vec<usize> = (0..rank - 1).collect();
    perm.insert(axis, rank - 1);
    x.permute(perm)
}
