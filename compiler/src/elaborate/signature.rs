//! Signatures and annotations: patterns of axes meet the axes of values. A new name binds, a bound one must agree, and in a
//! result the names that stand for an argument's axes become the caller's again.

use super::Elab;
use super::scope::BoundAxis;
use super::value::{Axis, AxisSet, Bound, From, Tensor, Value, show_axes};
use crate::ir::dim::Dim as Size;
use crate::ir::types::DType;
use nnc_grammar::ast::{Def, Dim, DimKind, Element, Expr, ExprKind, TypeExpr, TypeKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;

impl<'a> Elab<'a> {
    /// Binds the arguments of an application to its parameters; false after a mistake.
    pub(super) fn bind_inputs(&mut self, def: &'a Def, inputs: Vec<Bound<'a>>) -> bool {
        let mut ok = true;
        for (param, bound) in def.inputs.iter().zip(&inputs) {
            if let Value::Axes(set) = &bound.value {
                self.frame().axis_args.insert(param.name.text.clone(), set.clone());
            }
        }
        for (param, bound) in def.inputs.iter().zip(inputs) {
            self.usage.declare(&param.name, "parameter");
            // An axis argument that stands in a shape has become the name of that axis.
            if matches!(bound.value, Value::Axes(_)) && self.frame().dims.contains_key(&param.name.text) {
                self.usage.mark(param.name.span);
                continue;
            }
            let value = match &param.ty {
                Some(ty) => self.bind_type(ty, bound.value, bound.span, &param.name.text),
                None => Some(bound.value),
            };
            match value {
                Some(value) => self.bind(&param.name, value, bound.span),
                None => ok = false,
            }
        }
        ok
    }

    /// Matches a value with a type: its axes take the names of the pattern. `None` after a mistake, which is reported at the
    /// value.
    pub(super) fn bind_type(
        &mut self,
        ty: &'a TypeExpr,
        value: Value<'a>,
        span: Span,
        name: &str,
    ) -> Option<Value<'a>> {
        let (element, dims) = match &ty.kind {
            TypeKind::Tensor { element, dims } => (element.as_ref(), dims.as_slice()),
            TypeKind::Scalar(element) if element.name.text == "index" => (Some(element), [].as_slice()),
            TypeKind::Scalar(_) | TypeKind::Choice(_) => return Some(value),
            TypeKind::Tuple(types) => {
                let Value::Tuple(values) = value else {
                    self.wrong_kind(&value, span, "several values");
                    return None;
                };
                if values.len() != types.len() {
                    let d = Diagnostic::error(
                        codes::WRONG_TYPE,
                        span,
                        format!("{} values are needed, not {}", types.len(), values.len()),
                    );
                    self.report(d);
                    return None;
                }
                let bound: Option<Vec<_>> =
                    types.iter().zip(values).map(|(t, v)| self.bind_type(t, v, span, name)).collect();
                return bound.map(Value::Tuple);
            }
        };
        let tensor = match value {
            Value::Tensor(t) => t,
            Value::Invalid => return None,
            // A scalar fits any float tensor and binds nothing.
            Value::Num(_) | Value::Size(_) if element.is_none() => return Some(value),
            Value::Closure(ref c) if element.is_none() && c.def.kind == nnc_grammar::ast::DefKind::Schedule => {
                return Some(value);
            }
            other => {
                self.wrong_kind(&other, span, &format!("`{name}` wants a tensor; one"));
                return None;
            }
        };
        if tensor.scalar && element.is_none() {
            return Some(Value::Tensor(tensor));
        }
        let tensor = self.bind_element(element, tensor, span, name)?;
        let axes = self.bind_dims(dims, &tensor.axes, span, name, ty.span)?;
        Some(Value::Tensor(Tensor { axes, ..tensor }))
    }

    /// Checks the element type; `index(n)` binds or checks the number of classes.
    fn bind_element(&mut self, element: Option<&'a Element>, tensor: Tensor, span: Span, name: &str) -> Option<Tensor> {
        let word = element.map_or("float", |e| e.name.text.as_str());
        let fits = match word {
            "float" => tensor.dtype.is_float(),
            "bool" => tensor.dtype == DType::Bool,
            "int" => matches!(tensor.dtype, DType::I32 | DType::I64),
            "index" => tensor.dtype == DType::I32,
            _ => {
                let e = element?;
                let d =
                    Diagnostic::error(codes::UNKNOWN_NAME, e.name.span, format!("there is no element type `{word}`"));
                let d = super::suggest::suggest(d, &e.name, ["index", "bool", "int", "float"].into_iter());
                self.report(d);
                return None;
            }
        };
        if !fits {
            let wanted = match word {
                "index" => "class numbers, declared as `index(n)`",
                "bool" => "a mask",
                "int" => "whole numbers",
                _ => "floats",
            };
            let value = Value::Tensor(tensor);
            let d = Diagnostic::error(codes::WRONG_TYPE, span, format!("`{name}` wants {wanted}"));
            let d = d.label(format!("this is {}", value.kind()));
            let d = match (&value, word) {
                (Value::Tensor(t), "float") if t.classes.is_some() => {
                    d.help("a class number is no amount; use a loss for classes, or `one_hot(x)` to make floats of it")
                }
                (_, "float") => d.help("`float(x)` makes floats of whole numbers"),
                _ => d,
            };
            self.report(d);
            return None;
        }
        if let Some(size) = element.and_then(|e| e.size.as_deref())
            && let Some(classes) = tensor.classes.clone()
        {
            let from = Axis { size: classes, name: None, from: None, stretch: false };
            self.bind_size(size, &from, span, name, "classes")?;
        }
        Some(tensor)
    }

    /// A size written as an expression, or a name that it binds.
    fn bind_size(&mut self, e: &'a Expr, axis: &Axis, span: Span, name: &str, what: &str) -> Option<()> {
        if let ExprKind::Name(text) = &e.kind
            && !self.knows(text)
        {
            let bound = BoundAxis { size: axis.size.clone(), span: e.span, outer: None, from: axis.from.clone() };
            self.frame().dims.insert(text.clone(), bound);
            return Some(());
        }
        let size = self.size_of(e)?;
        if size == axis.size {
            return Some(());
        }
        let d = Diagnostic::error(
            codes::SHAPE_MISMATCH,
            span,
            format!("`{name}` has {} {what}, and {size} are needed", axis.size),
        );
        let d = d.label(format!("{} {what} here", axis.size));
        let d = self.explain_size(d, e, &size);
        self.report(d);
        None
    }

    fn knows(&mut self, name: &str) -> bool {
        let source = self.frame().source;
        let frame = self.frame();
        frame.locals.contains_key(name) || frame.dims.contains_key(name) || self.items.lookup(source, name).is_some()
    }

    /// Matches axes with a pattern.
    fn bind_dims(
        &mut self,
        dims: &'a [Dim],
        axes: &[Axis],
        span: Span,
        name: &str,
        pattern: Span,
    ) -> Option<Vec<Axis>> {
        let lengths = self.lengths(dims, axes, span, name, pattern)?;
        let mut out = Vec::with_capacity(axes.len());
        let mut at = 0;
        for (dim, length) in dims.iter().zip(lengths) {
            match &dim.kind {
                DimKind::Rest(group) => {
                    let group_name = group.as_ref().map(|g| g.text.clone());
                    out.extend(self.bind_rest(group_name, &axes[at..at + length], span, name, dim.span)?);
                    if group.is_none() && self.frame().rest == (AxisSet::Rest { before: 0, after: 0 }) {
                        self.frame().rest = AxisSet::Rest { before: at, after: axes.len() - at - length };
                    }
                }
                _ => out.push(self.bind_dim(dim, &axes[at], axes, span, name)?),
            }
            at += length;
        }
        Some(out)
    }

    /// How many axes each dim of a pattern takes: one, or for a rest what is left. Of two unbound rests the place of the axis
    /// argument between them decides: `[..a, k, ..b]` with `over k`.
    fn lengths(&mut self, dims: &'a [Dim], axes: &[Axis], span: Span, name: &str, pattern: Span) -> Option<Vec<usize>> {
        let mut lengths: Vec<Option<usize>> = vec![];
        for dim in dims {
            lengths.push(match &dim.kind {
                DimKind::Rest(group) => self.frame().rests.get(&group.as_ref().map(|g| g.text.clone())).map(Vec::len),
                _ => Some(1),
            });
        }
        if let [first, _] =
            dims.iter().enumerate().filter(|(i, _)| lengths[*i].is_none()).map(|(i, _)| i).collect::<Vec<_>>()[..]
            && let Some(DimKind::Name(k)) = dims.get(first + 1).map(|d| &d.kind)
            && let Some(set) = self.frame().axis_args.get(&k.text).cloned()
        {
            let t = Tensor {
                node: crate::ir::graph::Value { node: crate::ir::graph::NodeId(0), port: 0 },
                dtype: DType::F64,
                axes: axes.to_vec(),
                classes: None,
                scalar: false,
            };
            lengths[first] = Some(self.resolve_one(&t, &set, span)?);
        }
        let known: usize = lengths.iter().flatten().sum();
        let open = lengths.iter().filter(|l| l.is_none()).count();
        let fits = match open {
            0 => known == axes.len(),
            1 => known <= axes.len(),
            _ => {
                let d = Diagnostic::error(
                    codes::UNDETERMINED_SIZE,
                    pattern,
                    "two `..` of unknown length stand in one shape",
                );
                self.report(
                    d.help("an axis argument between them decides: `fn f(x: [..a, k, ..b], over k: axis = last)`"),
                );
                return None;
            }
        };
        if fits {
            return Some(lengths.into_iter().map(|l| l.unwrap_or(axes.len() - known)).collect());
        }
        let wanted = if open == 1 { format!("at least {}", count(known)) } else { count(known) };
        let d = Diagnostic::error(codes::WRONG_RANK, span, format!("`{name}` must have {wanted}, not {}", axes.len()))
            .label(format!("this is {}", show_axes(axes)))
            .origin(Role::Declaration, pattern, "the shape is declared here");
        let d =
            if axes.len() > known && open == 0 { d.help("`flatten` makes one axis of all after the first") } else { d };
        self.report(explain_axes(d, axes.iter()));
        None
    }

    fn bind_rest(
        &mut self,
        group: Option<String>,
        taken: &[Axis],
        span: Span,
        name: &str,
        at: Span,
    ) -> Option<Vec<Axis>> {
        let Some(bound) = self.frame().rests.get(&group).cloned() else {
            self.frame().rests.insert(group, taken.to_vec());
            return Some(taken.to_vec());
        };
        let agree = bound.len() == taken.len() && bound.iter().zip(taken).all(|(a, b)| agree(a, b));
        if agree {
            return Some(bound.iter().zip(taken).map(|(a, b)| merge(a, b)).collect());
        }
        let d = Diagnostic::error(
            codes::SHAPE_MISMATCH,
            span,
            format!("`{name}` does not have the axes of what came before it"),
        )
        .label(format!("{} here, {} before", show_axes(taken), show_axes(&bound)))
        .origin(Role::Declaration, at, "`..` stands for the same axes everywhere in a signature");
        let d = if taken.len() == bound.len() + 1 && taken.last().is_some_and(|a| a.size.is_one()) {
            d.help("drop the axis of size 1: index it, as in `x[.., 0]`")
        } else if bound.len() == taken.len() + 1 && bound.last().is_some_and(|a| a.size.is_one()) {
            d.help("give this one the axis of size 1, too: `x |> rearrange [.., ] -> [.., 1]`, or drop it there by `[.., 0]`")
        } else {
            d
        };
        let d = explain_axes(d, taken.iter().chain(&bound));
        self.report(d);
        None
    }

    /// Matches one axis with one dim of a pattern.
    fn bind_dim(&mut self, dim: &'a Dim, axis: &Axis, axes: &[Axis], span: Span, name: &str) -> Option<Axis> {
        match &dim.kind {
            DimKind::Name(n) => {
                if let Some(bound) = self.frame().dims.get(&n.text).cloned() {
                    self.usage.mark(bound.span);
                    let same_name = match (&axis.name, &bound.outer) {
                        (Some(a), Some(Some(b))) => a == b || a.scope == self.frame().scope,
                        _ => true,
                    };
                    if bound.size != axis.size || !same_name {
                        self.disagree(name, &n.text, &bound, axis, axes, span);
                        return None;
                    }
                    return Some(self.named(axis, &n.text));
                }
                if self.frame().locals.contains_key(&n.text) || self.is_item(&n.text) {
                    // A number in scope: the axis stays as it is called.
                    let wanted = match self.name(&n.text, n.span) {
                        Value::Size(s) => s,
                        value => Size::constant(self.int(&value, n.span, "a size")?),
                    };
                    return self.sized(axis, wanted, self.origin_of(&n.text).unwrap_or(n.span), axes, span, name);
                }
                let bound = BoundAxis {
                    size: axis.size.clone(),
                    span: n.span,
                    outer: Some(axis.name.clone()),
                    from: axis.from.clone(),
                };
                self.usage.declare(n, "axis name");
                // An axis name may stand for a place only.
                self.usage.mark(n.span);
                self.frame().dims.insert(n.text.clone(), bound);
                Some(self.named(axis, &n.text))
            }
            DimKind::Sized(n, size) => {
                let wanted = self.size_of(size)?;
                let axis = self.sized(axis, wanted.clone(), size.span, axes, span, name)?;
                let known = self.frame().dims.get(&n.text).cloned();
                if let Some(bound) = known.filter(|b| b.size != wanted) {
                    self.disagree(name, &n.text, &bound, &axis, axes, span);
                    return None;
                }
                let from = Some(From { span: size.span, text: format!("{wanted} is declared here") });
                let bound = BoundAxis { size: wanted, span: n.span, outer: Some(axis.name.clone()), from };
                self.frame().dims.entry(n.text.clone()).or_insert(bound);
                Some(self.named(&axis, &n.text))
            }
            DimKind::Size(e) => {
                let wanted = self.size_of(e)?;
                self.sized(axis, wanted, e.span, axes, span, name)
            }
            DimKind::Rest(_) => unreachable!("handled by the caller"),
        }
    }

    fn is_item(&mut self, name: &str) -> bool {
        let source = self.frame().source;
        matches!(self.items.lookup(source, name), Some(super::items::Item::Const(..) | super::items::Item::Option(..)))
    }

    fn named(&mut self, axis: &Axis, name: &str) -> Axis {
        Axis { name: Some(self.axis_name(name)), ..axis.clone() }
    }

    fn sized(&mut self, axis: &Axis, wanted: Size, from: Span, axes: &[Axis], span: Span, name: &str) -> Option<Axis> {
        if axis.size == wanted {
            return Some(axis.clone());
        }
        let d = Diagnostic::error(
            codes::SHAPE_MISMATCH,
            span,
            format!("`{name}` has {} where {wanted} is needed", axis.size),
        )
        .label(format!("this is {}", show_axes(axes)))
        .origin(Role::Dim, from, format!("{wanted} is needed here"));
        let d = explain_axes(d, std::iter::once(axis));
        self.report(d);
        None
    }

    fn disagree(&mut self, name: &str, dim: &str, bound: &BoundAxis, axis: &Axis, axes: &[Axis], span: Span) {
        let d = if bound.size == axis.size {
            let here = axis.name.as_ref().map_or("an unnamed axis".to_owned(), |n| format!("`{}`", n.text));
            let there = bound.outer.clone().flatten().map_or("another".to_owned(), |n| format!("`{}`", n.text));
            Diagnostic::error(
                codes::AXIS_MISMATCH,
                span,
                format!("`{dim}` stands for the axis {there}, and `{name}` has {here} in its place"),
            )
            .note("axes with different names are different things, even where their sizes are equal")
        } else {
            Diagnostic::error(
                codes::SHAPE_MISMATCH,
                span,
                format!("`{dim}` is {}, but `{name}` has {} in its place", bound.size, axis.size),
            )
        };
        let d = d.label(format!("this is {}", show_axes(axes))).origin(
            Role::Dim,
            bound.span,
            format!("`{dim}` is bound here"),
        );
        let d = explain_axes(d, std::iter::once(axis));
        let d = match &bound.from {
            Some(from) => d.origin(Role::Dim, from.span, from.text.clone()),
            None => d,
        };
        self.report(d);
    }

    fn explain_size(&self, d: Diagnostic, e: &Expr, size: &Size) -> Diagnostic {
        let at = match &e.kind {
            ExprKind::Name(name) => {
                let bound = self.frames.last().and_then(|f| f.dims.get(name));
                if let Some(from) = bound.and_then(|b| b.from.as_ref()) {
                    return d.origin(Role::Dim, from.span, from.text.clone());
                }
                self.origin_of(name).unwrap_or(e.span)
            }
            _ => e.span,
        };
        d.origin(Role::Dim, at, format!("{size} comes from here"))
    }

    /// The size that an expression gives; names of axes give theirs.
    pub(super) fn size_of(&mut self, e: &'a Expr) -> Option<Size> {
        match self.expr(e) {
            Value::Size(s) => Some(s),
            Value::Invalid => None,
            value => {
                let n = self.int(&value, e.span, "a size")?;
                if !(0..=i64::from(i32::MAX)).contains(&n) {
                    let d = Diagnostic::error(codes::OUT_OF_RANGE, e.span, format!("{n} is no size"))
                        .label("sizes lie in 0 to 2147483647");
                    self.report(d);
                    return None;
                }
                Some(Size::constant(n))
            }
        }
    }

    /// The axes that a type of a parameter or state declares.
    pub(super) fn shape_of(&mut self, ty: &'a TypeExpr) -> Option<Vec<Axis>> {
        let dims = match &ty.kind {
            TypeKind::Tensor { element: None, dims } => dims,
            TypeKind::Scalar(e) if e.name.text == "float" => return Some(vec![]),
            _ => {
                let d = Diagnostic::error(codes::WRONG_TYPE, ty.span, "parameters and states are float tensors");
                self.report(d.help("write its shape: `[n, units]`"));
                return None;
            }
        };
        let mut axes = vec![];
        for dim in dims {
            let (size, name, at) = match &dim.kind {
                DimKind::Rest(group) => {
                    let group = group.as_ref().map(|g| g.text.clone());
                    match self.frame().rests.get(&group).cloned() {
                        Some(rest) => axes.extend(rest),
                        None => {
                            let d =
                                Diagnostic::error(codes::UNDETERMINED_SIZE, dim.span, "`..` stands for nothing here");
                            self.report(d);
                            return None;
                        }
                    }
                    continue;
                }
                DimKind::Name(n) => {
                    let size = match self.name(&n.text, n.span) {
                        Value::Size(s) => s,
                        Value::Invalid => return None,
                        value => Size::from(self.count(&value, n.span, "a size", 0)?),
                    };
                    let axis_name = self.frame().dims.contains_key(&n.text).then(|| n.text.clone());
                    let at = self.origin_of(&n.text).unwrap_or(n.span);
                    (size, axis_name, at)
                }
                DimKind::Sized(n, e) => {
                    let size = self.size_of(e)?;
                    let bound = BoundAxis { size: size.clone(), span: n.span, outer: None, from: None };
                    self.frame().dims.entry(n.text.clone()).or_insert(bound);
                    (size, Some(n.text.clone()), e.span)
                }
                DimKind::Size(e) => (self.size_of(e)?, None, e.span),
            };
            let from =
                (!self.items.is_library(at.source)).then(|| From { span: at, text: format!("{size} comes from here") });
            let name = name.map(|n| self.axis_name(&n));
            axes.push(Axis { size, name, from, stretch: false });
        }
        Some(axes)
    }

    /// Checks a body's value against the declared result, and gives its axes the caller's names.
    pub(super) fn result(&mut self, def: &'a Def, value: Value<'a>) -> Value<'a> {
        if matches!(value, Value::Invalid) {
            return Value::Invalid;
        }
        let at = def.body.stmts.last().map_or(def.body.span, |s| s.span);
        let value = match &def.result {
            Some(_) if matches!(&value, Value::Tuple(v) if v.is_empty()) => {
                let d = Diagnostic::error(codes::WRONG_RESULT, at, format!("`{}` has no value", def.name.text))
                    .label("the last statement is no expression");
                return self.fail(d);
            }
            Some(ty) => match self.bind_type(ty, value, at, &format!("the result of {}", def.name.text)) {
                Some(value) => self.sizes_from_arguments(ty, value),
                None => return Value::Invalid,
            },
            None => value,
        };
        self.outward(value, at)
    }

    /// `[.., units]` in a result: the size comes from where the caller wrote it.
    fn sizes_from_arguments(&mut self, ty: &'a TypeExpr, value: Value<'a>) -> Value<'a> {
        let (TypeKind::Tensor { dims, .. }, Value::Tensor(mut t)) = (&ty.kind, value.clone()) else { return value };
        for (dim, axis) in dims.iter().rev().zip(t.axes.iter_mut().rev()) {
            let name = match &dim.kind {
                DimKind::Rest(_) => break,
                DimKind::Name(n) => n,
                _ => continue,
            };
            if let Some(span) = self.origin_of(&name.text)
                && self.frames.last().is_some_and(|f| f.locals.contains_key(&name.text))
            {
                axis.from = Some(From { span, text: format!("{} is written here", axis.size) });
            }
        }
        Value::Tensor(t)
    }

    /// Names of this frame become the caller's; a stretch axis may not leave.
    fn outward(&mut self, value: Value<'a>, at: Span) -> Value<'a> {
        match value {
            Value::Tuple(values) => Value::Tuple(values.into_iter().map(|v| self.outward(v, at)).collect()),
            Value::Tensor(mut t) => {
                // One that came in through `..` goes back to where it was made.
                let came_in = self.frame().rests.values().flatten().any(|a| a.stretch);
                if t.axes.iter().any(|a| a.stretch) && !came_in {
                    let d = Diagnostic::error(
                        codes::STRETCH_ESCAPES,
                        at,
                        "an axis made by `new` or `keep` may not be returned",
                    )
                    .label(format!("this is {}", t.show()))
                    .help("let it meet another tensor first, or drop it");
                    return self.fail(d);
                }
                let frame = self.frame();
                for axis in &mut t.axes {
                    if let Some(name) = &axis.name
                        && name.scope == frame.scope
                    {
                        axis.name = frame.dims.get(&*name.text).and_then(|b| b.outer.clone()).flatten();
                    }
                }
                Value::Tensor(t)
            }
            other => other,
        }
    }
}

/// Whether two axes may be one: sizes are equal, and so are names where both have one.
pub(super) fn agree(a: &Axis, b: &Axis) -> bool {
    a.size == b.size && (a.name.is_none() || b.name.is_none() || a.name == b.name)
}

/// The axis that two agreeing ones are.
pub(super) fn merge(a: &Axis, b: &Axis) -> Axis {
    Axis {
        name: a.name.clone().or_else(|| b.name.clone()),
        from: a.from.clone().or_else(|| b.from.clone()),
        ..a.clone()
    }
}

/// Adds where the sizes of axes come from.
pub(super) fn explain_axes<'x>(mut d: Diagnostic, axes: impl Iterator<Item = &'x Axis>) -> Diagnostic {
    for from in axes.filter_map(|a| a.from.as_ref()) {
        if d.primary.span != from.span && !d.origins.iter().any(|o| o.span == from.span) {
            d = d.origin(Role::Dim, from.span, from.text.clone());
        }
    }
    d
}

fn count(n: usize) -> String {
    if n == 1 { "one axis".into() } else { format!("{n} axes") }
}
