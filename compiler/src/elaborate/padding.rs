//! Axes whose size differs from batch to batch: `padded: time(16, 32)` in a data block, `mask(time)` and `length(time)` where its
//! fields are used.

use super::Elab;
use super::buckets::buckets;
use super::data::{BATCH, Known};
use super::primitives::Call;
use super::scope::BoundAxis;
use super::value::{Axis, AxisName, AxisSet, From, Tensor, Value};
use crate::ir::attrs::{Attrs, Const, Slot};
use crate::ir::dim::Dim;
use crate::ir::graph::Value as Node;
use crate::ir::types::{DType, TensorType};
use crate::ops::logic::LT;
use crate::ops::movement::REVERSE;
use crate::ops::source::IOTA;
use crate::program::Input;
use nnc_grammar::ast::{DimKind, Expr, ExprKind, Name, Target, TypeKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;
use nnc_runtime::data::Encoding;
use nnc_runtime::train::{Fill, PaddedAxis};
use std::sync::Arc;

/// An axis that a data block declares `padded`.
#[derive(Debug, Clone)]
pub(super) struct Declared<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Where it is declared.
    pub(super) span: Span,
    /// The sizes it may have; chosen from the lengths of rows where none are written.
    pub(super) buckets: Vec<usize>,
}

/// A padded axis that a field has.
#[derive(Debug, Clone)]
pub(super) struct Padded {
    /// The data block.
    data: String,
    /// The free size that it has in graphs.
    pub(super) size: Dim,
    /// What the runtime is told.
    pub(super) axis: PaddedAxis,
    /// Where it is declared.
    pub(super) span: Span,
    /// Whether the buckets are written.
    pub(super) written: bool,
    /// The shortest and the longest row.
    lengths: (usize, usize),
    /// A column that tells the length of each row, and where it is read.
    measure: (String, Option<Arc<Encoding>>, Span),
}

impl<'a> Elab<'a> {
    /// `time`, `time(16, 32)`, or a list of such.
    pub(super) fn padded_setting(&mut self, value: &'a Expr) -> Option<Vec<Declared<'a>>> {
        let items = match &value.kind {
            ExprKind::List(items) | ExprKind::Tuple(items) => items.as_slice(),
            _ => std::slice::from_ref(value),
        };
        let mut declared: Vec<Declared<'a>> = vec![];
        for item in items {
            let axis = self.padded_item(item)?;
            if let Some(first) = declared.iter().find(|known| known.name == axis.name) {
                let d = Diagnostic::error(codes::DUPLICATE_NAME, axis.span, format!("`{}` is named twice", axis.name));
                self.report(d.origin(Role::Previous, first.span, "first named here"));
                return None;
            }
            declared.push(axis);
        }
        Some(declared)
    }

    fn padded_item(&mut self, item: &'a Expr) -> Option<Declared<'a>> {
        let (name, args) = match &item.kind {
            ExprKind::Name(name) => (Some((name.as_str(), item.span)), [].as_slice()),
            ExprKind::Call { callee, args } => match &callee.kind {
                ExprKind::Name(name) => (Some((name.as_str(), callee.span)), args.as_slice()),
                _ => (None, args.as_slice()),
            },
            _ => (None, [].as_slice()),
        };
        let Some((name, span)) = name else {
            let d = Diagnostic::error(codes::WRONG_KIND, item.span, "the name of an axis is needed here");
            self.report(d.help("write `padded: time`, or `padded: time(16, 32)` with the sizes that it may have"));
            return None;
        };
        if name == BATCH {
            let d = Diagnostic::error(codes::MISPLACED, span, "the rows of a batch are not padded");
            self.report(d.note("the last batch of a pass is smaller, and code is made for it"));
            return None;
        }
        let mut buckets = vec![];
        for arg in args {
            let value = self.expr(&arg.value);
            buckets.push(self.count(&value, arg.value.span, "a size of a padded axis", 1)?);
        }
        if !buckets.is_sorted_by(|a, b| a < b) {
            let d = Diagnostic::error(codes::OUT_OF_RANGE, item.span, "the sizes of a padded axis must ascend");
            self.report(d.help(format!("write `{name}(16, 32)`")));
            return None;
        }
        Some(Declared { name, span, buckets })
    }

    /// Checks that some field has each declared axis.
    pub(super) fn check_padded(&mut self, declared: &[Declared<'a>], fields: &[(&'a Target, &'a Expr)]) -> bool {
        let axes: Vec<&str> = fields
            .iter()
            .filter_map(|(target, _)| target.ty.as_ref())
            .flat_map(super::names::axes_of)
            .map(|name| name.text.as_str())
            .collect();
        let mut sound = true;
        for axis in declared.iter().filter(|axis| !axes.contains(&axis.name)) {
            let d = Diagnostic::error(codes::UNKNOWN_AXIS, axis.span, format!("no field has an axis `{}`", axis.name));
            let name = Name { text: axis.name.to_owned(), span: axis.span };
            let known = axes.iter().copied().filter(|known| *known != BATCH);
            self.report(super::suggest::suggest(d, &name, known));
            sound = false;
        }
        sound
    }

    /// The axis along which rows of the field have these lengths: the second of its type.
    pub(super) fn row_axis(
        &mut self,
        (block, data): (&'a Name, &Known<'a>),
        target: &'a Target,
        (column, encoding, at): (&str, Option<&Arc<Encoding>>, Span),
        lengths: (usize, usize),
    ) -> Option<(Axis, Fill)> {
        let second = match target.ty.as_ref().map(|ty| &ty.kind) {
            Some(TypeKind::Tensor { dims, .. }) => dims.get(1),
            _ => None,
        };
        let named = second.and_then(|dim| if let DimKind::Name(name) = &dim.kind { Some(name) } else { None });
        let declared = named.and_then(|name| data.padded.iter().find(|axis| axis.name == name.text));
        let (shortest, longest) = lengths;
        let text = match shortest == longest {
            true => format!("all rows have {longest}"),
            false => format!("rows have {shortest} to {longest}"),
        };
        let from = Some(From { span: data.plan.source.span, text });
        let Some(declared) = declared else {
            if shortest == longest {
                return Some((Axis { from, ..Axis::of(Dim::from(longest)) }, Fill::Fixed));
            }
            let span = second.map_or(at, |dim| dim.span);
            let headline = format!("rows of `{column}` differ in length: {shortest} to {longest}");
            let d = Diagnostic::error(codes::UNDETERMINED_SIZE, span, headline);
            let d = d.origin(Role::Data, data.plan.source.span, "the source is named here");
            let name = named.map_or("time", |name| name.text.as_str());
            let d = d.help(format!("declare the axis in the data block: `padded: {name}`"));
            self.report(if named.is_none() { d.note(format!("and name it: `[batch, {name}]`")) } else { d });
            return None;
        };
        if let Some(&largest) = declared.buckets.last().filter(|&&largest| largest < longest) {
            let headline =
                format!("the longest row of `{column}` has {longest}, more than `{}` may have", declared.name);
            let d = Diagnostic::error(codes::OUT_OF_RANGE, declared.span, headline);
            let d = d.label(format!("at most {largest}")).origin(Role::CallSite, at, "the column is read here");
            self.report(d.help(format!("add a size of {longest}, or cut the text: `cut = {largest}`")));
            return None;
        }
        let measure = (column.to_owned(), encoding.cloned(), at);
        let number = self.padded_axis(&block.text, declared, measure, lengths);
        let name = Some(self.axis_name(declared.name));
        Some((Axis { name, from, ..Axis::of(self.padded[number].size.clone()) }, Fill::Padded(number)))
    }

    /// The number of a padded axis.
    fn padded_axis(
        &mut self,
        data: &str,
        declared: &Declared<'a>,
        measure: (String, Option<Arc<Encoding>>, Span),
        (shortest, longest): (usize, usize),
    ) -> usize {
        let known = self.padded.iter().position(|p| p.data == data && p.axis.name == declared.name);
        let number = known.unwrap_or_else(|| {
            let size = Dim::sym(declared.name);
            let taken = self.padded.iter().any(|p| p.size == size);
            let size = if taken { Dim::sym(&format!("{data}.{}", declared.name)) } else { size };
            let axis = PaddedAxis { name: declared.name.to_owned(), buckets: declared.buckets.clone() };
            let (written, lengths) = (!declared.buckets.is_empty(), (shortest, longest));
            let (data, span) = (data.to_owned(), declared.span);
            self.padded.push(Padded { data, size, axis, span, written, lengths, measure });
            self.padded.len() - 1
        });
        let padded = &mut self.padded[number];
        padded.lengths = (padded.lengths.0.min(shortest), padded.lengths.1.max(longest));
        if !padded.written {
            padded.axis.buckets = buckets(padded.lengths);
        }
        number
    }

    /// The padded axes and their free sizes, as the program tells them.
    pub(super) fn padded_axes(&self) -> Vec<(Dim, PaddedAxis)> {
        self.padded.iter().map(|p| (p.size.clone(), p.axis.clone())).collect()
    }

    /// `mask(time)`: true where a row has a value, false where it was filled up. `mask(time, of = x)` has the axes of x.
    pub(super) fn mask_call(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some((name, bound)) = self.axis_argument(call) else { return Value::Invalid };
        let (size, flipped) = (bound.size, bound.flipped);
        self.here(call.span);
        let b = self.b.clone();
        let Some(lengths) = self.row_lengths(&size, &name, call.span) else { return Value::Invalid };
        let axis = Axis { name: Some(name), flipped, ..Axis::of(size.clone()) };
        let (node, axes) = match lengths {
            None => (b.constant(Const::Int(DType::Bool, 1), vec![size]).value, vec![axis]),
            Some(lengths) => {
                let batch = self.batch_axis();
                let shape = vec![batch.size.clone(), size.clone()];
                let places = b.add(&IOTA, Attrs::Iota(size), &[]);
                let places = if flipped { b.add(&REVERSE, Attrs::Axis(0), &[places]) } else { places };
                let places = places.broadcast(shape.clone(), vec![1]);
                (places.compare(&LT, b.val(lengths).broadcast(shape, vec![0])).value, vec![batch, axis])
            }
        };
        let mask = Tensor { node, dtype: DType::Bool, axes, classes: None, scalar: false };
        match call.named("of") {
            Some(given) => self.mask_of(&mask, given),
            None => Value::Tensor(mask),
        }
    }

    /// A mask with the axes of a value that has its axes: the padded one by its name, that of rows by its size.
    fn mask_of(&mut self, mask: &Tensor, given: (Value<'a>, Span)) -> Value<'a> {
        let span = given.1;
        let Some(t) = self.tensor(given) else { return Value::Invalid };
        let mut map = vec![];
        for axis in &mask.axes {
            let place = match &axis.name {
                Some(name) if axis.size != Dim::sym(BATCH) => self.place(&t.axes, name, span),
                _ => t.axes.iter().position(|own| own.size == axis.size),
            };
            let Some(place) = place else {
                let d = Diagnostic::error(codes::UNKNOWN_AXIS, span, "this has no axis of rows");
                return self.fail(d.label(format!("this is {}", t.show())));
            };
            map.push(place);
        }
        if !map.is_sorted() {
            let d = Diagnostic::error(codes::AXIS_MISMATCH, span, "the axis of rows comes after the padded one");
            return self.fail(d.label(format!("this is {}", t.show())));
        }
        self.here(span);
        let b = self.b.clone();
        let node = b.val(mask.node).broadcast(t.ty().shape, map).value;
        Value::Tensor(Tensor { node, dtype: DType::Bool, axes: t.axes, classes: None, scalar: false })
    }

    /// `length(time)`: how many values each row has, as a float; on any other axis its size.
    pub(super) fn length_call(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some((name, BoundAxis { size, .. })) = self.axis_argument(call) else { return Value::Invalid };
        self.here(call.span);
        match self.row_lengths(&size, &name, call.span) {
            None => Value::Invalid,
            Some(None) => super::scope::size_value(&size),
            Some(Some(lengths)) => {
                let node = self.b.clone().val(lengths).cast(self.float).value;
                let axes = vec![self.batch_axis()];
                Value::Tensor(Tensor { node, dtype: self.float, axes, classes: None, scalar: false })
            }
        }
    }

    /// The one axis that the call names, and its size here.
    fn axis_argument(&mut self, call: &Call<'a>) -> Option<(AxisName, BoundAxis)> {
        let (value, at) = call.arg(0);
        let name = match value {
            Value::Axes(AxisSet::Names(names)) => <[AxisName; 1]>::try_from(names).ok().map(|[name]| name),
            _ => None,
        };
        let Some(name) = name else {
            let d = Diagnostic::error(codes::WRONG_KIND, at, "the name of one axis is needed here");
            self.report(d.help("write `mask(time)`"));
            return None;
        };
        // `axis_set` gives names that are bound in this frame only.
        let bound = self.frame().dims.get(&*name.text).cloned()?;
        Some((name, bound))
    }

    /// The lengths of the rows along an axis of this size: nothing for one that is the same for all rows.
    #[allow(clippy::option_option, reason = "the outer option is a mistake that was reported")]
    fn row_lengths(&mut self, size: &Dim, name: &AxisName, span: Span) -> Option<Option<Node>> {
        let free = |p: &&Padded| size.syms().any(|sym| p.size.syms().any(|own| own == sym));
        let Some(padded) = self.padded.iter().find(free).cloned() else { return Some(None) };
        if padded.size != *size {
            let own = &padded.axis.name;
            let headline = format!("`{}` is {size}, a part of the padded axis `{own}`", name.text);
            let d = Diagnostic::error(codes::AXIS_MISMATCH, span, headline);
            let d = d.note("which values of a row are filled up is known of the whole axis only");
            let d = d.help(format!("take the part of the mask: `mask({own})[{own} = 1..]`"));
            self.report(d.help(
                "for a text and the same text one place on, cut it twice: with `begin = true` and with `end = true`",
            ));
            return None;
        }
        let (column, encoding, at) = padded.measure;
        let number = self.padded.iter().position(|p| p.size == padded.size).unwrap_or(0);
        let input = Input {
            data: padded.data,
            column,
            encoding,
            dtype: DType::I32,
            row_shape: vec![],
            fill: Fill::Lengths(number),
            classes: None,
            span: at,
        };
        let slot = Slot::Input(self.input(input));
        Some(Some(self.b.clone().read(slot, TensorType::new(DType::I32, vec![Dim::sym(BATCH)])).value))
    }

    /// The axis of rows, under the name that this text has for it.
    fn batch_axis(&mut self) -> Axis {
        let size = Dim::sym(BATCH);
        let frame = self.frame();
        let mut names: Vec<&String> = frame.dims.iter().filter(|(_, b)| b.size == size).map(|(name, _)| name).collect();
        // Tables have no order of their own.
        names.sort_unstable();
        let name = names.first().map(|name| (*name).clone());
        Axis { name: name.map(|name| self.axis_name(&name)), ..Axis::of(size) }
    }
}
