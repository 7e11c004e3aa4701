//! Results: checked against what is declared, with the caller's names; and the shapes that parameters and states declare.

use super::Elab;
use super::axes::Subject;
use super::scope::BoundAxis;
use super::value::{Axis, From, Value};
use crate::ir::dim::Dim as Size;
use nnc_grammar::ast::{Def, DimKind, Expr, TypeExpr, TypeKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;

impl<'a> Elab<'a> {
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

    /// The axes of `..kernel`, a list of sizes.
    fn listed(&mut self, name: &str, at: Span) -> Option<Vec<Axis>> {
        match self.name(name, at) {
            Value::List(items) => {
                items.iter().map(|n| Some(Axis::of(Size::from(self.count(n, at, "a size", 0)?)))).collect()
            }
            other => {
                self.wrong_kind(&other, at, "a list with one size an axis, such as `[3, 3]`,");
                None
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
                        Some((rest, _)) => axes.extend(rest),
                        None if group.is_some() => axes.extend(self.listed(group.as_deref().unwrap_or(""), dim.span)?),
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
                    let bound = BoundAxis::of(size.clone(), n.span);
                    self.frame().dims.entry(n.text.clone()).or_insert(bound);
                    (size, Some(n.text.clone()), e.span)
                }
                DimKind::Size(e) => (self.size_of(e)?, None, e.span),
            };
            let from =
                (!self.items.is_library(at.source)).then(|| From { span: at, text: format!("{size} comes from here") });
            let name = name.map(|n| self.axis_name(&n));
            axes.push(Axis { name, from, ..Axis::of(size) });
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
            Some(ty) => {
                let what = format!("the result of `{}`", def.name.text);
                match self.bind_type(ty, value, Subject { what: &what, span: at, result: true }) {
                    Some(value) => self.sizes_from_arguments(ty, value),
                    None => return Value::Invalid,
                }
            }
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
                let came_in = self.frame().rests.values().flat_map(|(axes, _)| axes).any(|a| a.stretch);
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
