//! Which axes of a tensor are meant (names, `last`, `..`, `all but`), and when two axes are one.

use super::Elab;
use super::scope::Local;
use super::value::{Axis, AxisName, AxisSet, Value, show_axes};
use nnc_grammar::ast::{Expr, ExprKind, Name};
use nnc_grammar::codes;
use nnc_grammar::codes::Code;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;

impl<'a> Elab<'a> {
    /// The axes that an expression names.
    pub(super) fn axis_set(&mut self, e: &'a Expr) -> Option<AxisSet> {
        match &e.kind {
            ExprKind::Rest => Some(self.frame().rest.clone()),
            ExprKind::AllBut(names) => {
                let names: Vec<_> = names.iter().map(|n| (n.text.as_str(), n.span)).collect();
                self.known_axes(&names).map(AxisSet::AllBut)
            }
            ExprKind::Name(name) => {
                let frame = self.frame();
                match frame.locals.get(name) {
                    Some(Local { value: Value::Axes(set), span, .. }) => {
                        let (set, span) = (set.clone(), *span);
                        self.usage.mark(span);
                        Some(set)
                    }
                    // What a mistake has left is no axis that could be unknown.
                    Some(Local { value: Value::Invalid, .. }) => None,
                    None if name == "last" && !frame.dims.contains_key(name) => Some(AxisSet::Last),
                    _ => self.known_axis(name, e.span).map(|n| AxisSet::Names(vec![n])),
                }
            }
            ExprKind::List(items) => {
                let mut names = vec![];
                for item in items {
                    match &item.kind {
                        ExprKind::Name(name) => names.push((name.as_str(), item.span)),
                        _ => return self.no_axis(item),
                    }
                }
                self.known_axes(&names).map(AxisSet::Names)
            }
            _ => self.no_axis(e),
        }
    }

    fn no_axis(&mut self, e: &'a Expr) -> Option<AxisSet> {
        let d = Diagnostic::error(codes::WRONG_KIND, e.span, "the name of an axis is needed here");
        self.report(d.help("write a name, a list of names, `last`, `..` or `all but NAME`"));
        None
    }

    /// Axis names that are bound here, each once.
    fn known_axes(&mut self, names: &[(&str, Span)]) -> Option<Vec<AxisName>> {
        for (i, (name, at)) in names.iter().enumerate() {
            if let Some((_, first)) = names[..i].iter().find(|(earlier, _)| earlier == name) {
                let headline = format!("the axis `{name}` is given twice");
                let d = Diagnostic::error(codes::DUPLICATE_ARGUMENT, *at, headline);
                self.report(d.origin(Role::Previous, *first, "first given here"));
                return None;
            }
        }
        names.iter().map(|(name, at)| self.known_axis(name, *at)).collect()
    }

    /// An axis name that is bound here.
    fn known_axis(&mut self, name: &str, span: Span) -> Option<AxisName> {
        let frame = self.frame();
        if let Some(bound) = frame.dims.get(name) {
            let at = bound.span;
            self.usage.mark(at);
            return Some(self.axis_name(name));
        }
        let in_block = frame.def.is_none();
        let lost = frame.locals.iter().filter(|(_, local)| matches!(local.value, Value::Invalid));
        let lost: Vec<String> = lost.map(|(name, _)| name.clone()).collect();
        let mut known: Vec<String> = frame.dims.keys().cloned().collect();
        known.sort_unstable();
        let d = Diagnostic::error(codes::UNKNOWN_AXIS, span, format!("no axis is called `{name}` here"));
        let name = Name { text: name.to_owned(), span };
        let d = super::suggest::suggest(d, &name, known.iter().map(String::as_str));
        let d = if d.fixes.is_empty() && !known.is_empty() {
            d.note(format!("axes named here: {}", known.join(", ")))
        } else {
            d
        };
        // A field that an error has left nothing of may have named it.
        let excused = in_block && d.fixes.is_empty() && lost.iter().any(|name| self.is_field(None, name));
        if !excused {
            self.report(d);
        }
        None
    }

    /// The places of the axes meant, ascending.
    pub(super) fn resolve(&mut self, axes: &[Axis], set: &AxisSet, span: Span) -> Option<Vec<usize>> {
        match set {
            AxisSet::Rest { before, after } => {
                if before + after > axes.len() {
                    let d = Diagnostic::error(
                        codes::WRONG_RANK,
                        span,
                        "`..` stands for axes that this value does not have",
                    );
                    self.report(d.label(format!("the value is {}", show_axes(axes))));
                    return None;
                }
                Some((*before..axes.len() - after).collect())
            }
            AxisSet::Last => match axes.len() {
                0 => {
                    self.report(Diagnostic::error(codes::WRONG_RANK, span, "a single number has no last axis"));
                    None
                }
                n => Some(vec![n - 1]),
            },
            AxisSet::Names(names) => {
                let places: Option<Vec<usize>> = names.iter().map(|n| self.place(axes, n, span)).collect();
                let mut places = places?;
                places.sort_unstable();
                places.dedup();
                Some(places)
            }
            AxisSet::AllBut(names) => {
                let kept: Option<Vec<usize>> = names.iter().map(|n| self.place(axes, n, span)).collect();
                let kept = kept?;
                Some((0..axes.len()).filter(|i| !kept.contains(i)).collect())
            }
        }
    }

    /// The one axis meant.
    pub(super) fn resolve_one(&mut self, axes: &[Axis], set: &AxisSet, span: Span) -> Option<usize> {
        match self.resolve(axes, set, span)?.as_slice() {
            [one] => Some(*one),
            many => {
                let d =
                    Diagnostic::error(codes::WRONG_RANK, span, format!("one axis is needed here, not {}", many.len()));
                self.report(d.label(format!("the value is {}", show_axes(axes))));
                None
            }
        }
    }

    /// Where a tensor has the axis of a name.
    pub(super) fn place(&mut self, axes: &[Axis], name: &AxisName, span: Span) -> Option<usize> {
        let mut places = axes.iter().enumerate().filter(|(_, a)| a.name.as_ref() == Some(name)).map(|(i, _)| i);
        let d = match (places.next(), places.next()) {
            (Some(place), None) => return Some(place),
            (Some(_), Some(_)) => {
                Diagnostic::error(codes::AMBIGUOUS_AXIS, span, format!("two axes are called `{}`", name.text))
                    .help("rename them by an annotation first: `s: [i, j] = …`")
            }
            (None, _) => {
                let d = Diagnostic::error(codes::UNKNOWN_AXIS, span, format!("there is no axis `{}`", name.text));
                let written = Name { text: name.text.to_string(), span };
                let known = axes.iter().filter_map(|a| a.name.as_ref()).filter(|n| n.scope == name.scope);
                super::suggest::suggest(d, &written, known.map(|n| &*n.text))
            }
        };
        self.report(d.label(format!("the value is {}", show_axes(axes))));
        None
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
        member: a.member.or(b.member),
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

/// A value that meets a type, as reports speak of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'s> {
    /// `` `target` ``, ``the result of `f` ``
    pub(super) what: &'s str,
    /// Where the value is written.
    pub(super) span: Span,
    /// Whether it is the value of a definition, whose mistakes have a code of their own.
    pub(super) result: bool,
}

impl<'s> Subject<'s> {
    /// A value that is given to a name.
    pub(super) fn value(what: &'s str, span: Span) -> Subject<'s> {
        Subject { what, span, result: false }
    }

    /// An error about it.
    pub(super) fn error(self, code: Code, headline: String) -> Diagnostic {
        Diagnostic::error(if self.result { codes::WRONG_RESULT } else { code }, self.span, headline)
    }
}
