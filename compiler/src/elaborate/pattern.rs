//! Patterns of axes: a new name binds an axis, a bound one must agree, `..` stands for the same axes everywhere.

use super::Elab;
use super::axes::{Subject, agree, explain_axes, merge};
use super::scope::BoundAxis;
use super::value::{Axis, AxisSet, From, Value, show_axes};
use crate::ir::dim::Dim as Size;
use nnc_grammar::ast::{Dim, DimKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;

impl<'a> Elab<'a> {
    /// Matches axes with a pattern.
    pub(super) fn bind_dims(
        &mut self,
        dims: &'a [Dim],
        axes: &[Axis],
        subject: Subject<'_>,
        pattern: Span,
    ) -> Option<Vec<Axis>> {
        let lengths = self.lengths(dims, axes, subject, pattern)?;
        let mut out = Vec::with_capacity(axes.len());
        let mut at = 0;
        for (dim, length) in dims.iter().zip(lengths) {
            match &dim.kind {
                DimKind::Rest(group) => {
                    let group_name = group.as_ref().map(|g| g.text.clone());
                    out.extend(self.bind_rest(group_name, &axes[at..at + length], subject, dim.span)?);
                    if group.is_none() && self.frame().rest == (AxisSet::Rest { before: 0, after: 0 }) {
                        self.frame().rest = AxisSet::Rest { before: at, after: axes.len() - at - length };
                    }
                }
                _ => out.push(self.bind_dim(dim, &axes[at], axes, subject)?),
            }
            at += length;
        }
        Some(out)
    }

    /// How many axes each dim of a pattern takes: one, or for a rest what is left. Of two unbound rests the place of the axis
    /// argument between them decides: `[..a, k, ..b]` with `over k`.
    fn lengths(&mut self, dims: &'a [Dim], axes: &[Axis], subject: Subject<'_>, pattern: Span) -> Option<Vec<usize>> {
        let mut lengths: Vec<Option<usize>> = vec![];
        for dim in dims {
            lengths.push(match &dim.kind {
                DimKind::Rest(group) => {
                    self.frame().rests.get(&group.as_ref().map(|g| g.text.clone())).map(|(axes, _)| axes.len())
                }
                _ => Some(1),
            });
        }
        if let [first, _] =
            dims.iter().enumerate().filter(|(i, _)| lengths[*i].is_none()).map(|(i, _)| i).collect::<Vec<_>>()[..]
            && let Some(DimKind::Name(k)) = dims.get(first + 1).map(|d| &d.kind)
            && let Some((set, at)) = self.frame().axis_args.get(&k.text).cloned()
        {
            lengths[first] = Some(self.resolve_one(axes, &set, at)?);
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
        // A `..` that stands for something else is to blame, not the number of axes.
        if let [before @ .., last] = dims
            && let DimKind::Rest(group) = &last.kind
            && before.iter().all(|d| !matches!(d.kind, DimKind::Rest(_)))
            && let Some(taken) = axes.get(before.len()..)
        {
            self.bind_rest(group.as_ref().map(|g| g.text.clone()), taken, subject, last.span)?;
        }
        let wanted = if open == 1 { format!("at least {}", count(known)) } else { count(known) };
        let headline = format!("{} must have {wanted}, not {}", subject.what, axes.len());
        let d = subject.error(codes::WRONG_RANK, headline).label(format!("this is {}", show_axes(axes))).origin(
            Role::Declaration,
            pattern,
            "the shape is declared here",
        );
        let d = if axes.is_empty() && !subject.result {
            d.note(
                "a single number fits any shape, but binds no name: another argument must say what the names stand for",
            )
        } else if axes.len() > 2 && (open, known) == (0, 2) {
            d.help("`flatten` makes one axis of all after the first")
        } else if axes.len() > 1 && axes.len() + 1 == known {
            d.help("`[.., new]` behind a value gives it a last axis of size 1, `images[.., new]`")
        } else {
            d
        };
        self.report(explain_axes(d, axes.iter()));
        None
    }

    fn bind_rest(
        &mut self,
        group: Option<String>,
        taken: &[Axis],
        subject: Subject<'_>,
        at: Span,
    ) -> Option<Vec<Axis>> {
        let Some((bound, first)) = self.frame().rests.get(&group).cloned() else {
            let mut taken = taken.to_vec();
            for axis in taken.iter_mut().filter(|axis| axis.member.is_none()) {
                self.members += 1;
                axis.member = Some(self.members);
            }
            self.frame().rests.insert(group, (taken.clone(), subject.span));
            return Some(taken);
        };
        let agree = bound.len() == taken.len() && bound.iter().zip(taken).all(|(a, b)| agree(a, b));
        if agree {
            let merged =
                bound.iter().zip(taken).map(|(a, b)| Axis { stretch: b.stretch, flipped: b.flipped, ..merge(a, b) });
            return Some(merged.collect());
        }
        let dots = group.map_or_else(|| "..".to_owned(), |g| format!("..{g}"));
        let d = subject
            .error(codes::SHAPE_MISMATCH, format!("{} has other axes than what came before it", subject.what))
            .label(format!("`{dots}` is {} here", show_axes(taken)))
            .origin(Role::Dim, first, format!("`{dots}` is {} here", show_axes(&bound)))
            .origin(Role::Declaration, at, format!("`{dots}` stands for the same axes everywhere in a signature"));
        let d = if taken.len() == bound.len() + 1 && taken.last().is_some_and(|a| a.size.is_one()) {
            d.help("drop its axis of size 1 by an index: `[.., 0]`")
        } else if bound.len() == taken.len() + 1 && bound.last().is_some_and(|a| a.size.is_one()) {
            d.help("drop the axis of size 1 of the other by an index: `[.., 0]`")
        } else {
            d
        };
        let d = explain_axes(d, taken.iter().chain(&bound));
        self.report(d);
        None
    }

    /// Matches one axis with one dim of a pattern.
    fn bind_dim(&mut self, dim: &'a Dim, axis: &Axis, axes: &[Axis], subject: Subject<'_>) -> Option<Axis> {
        match &dim.kind {
            DimKind::Name(n) => {
                if let Some(bound) = self.frame().dims.get(&n.text).cloned() {
                    self.usage.mark(bound.span);
                    let same_name = match (&axis.name, &bound.outer) {
                        (Some(a), Some(Some(b))) => a == b || a.scope == self.frame().scope,
                        _ => true,
                    };
                    if bound.size != axis.size || !same_name {
                        self.disagree(&n.text, &bound, axis, axes, subject);
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
                    let item = self.items.lookup(self.frame().source, &n.text).map(|item| item.span());
                    let bound = self.frame().locals.contains_key(&n.text);
                    return match item.filter(|at| !bound && !self.items.is_library(at.source)) {
                        // A number of the file is no name of an axis, which its author may not have meant.
                        Some(at) => {
                            let text = format!("`{}` is {wanted} by this line, and no new name of an axis", n.text);
                            self.sized(axis, wanted, (at, text), axes, subject)
                        }
                        None => {
                            let from = self.origin_of(&n.text).unwrap_or(n.span);
                            let text = format!("{wanted} is needed here");
                            self.sized(axis, wanted, (from, text), axes, subject)
                        }
                    };
                }
                let bound = BoundAxis {
                    outer: Some(axis.name.clone()),
                    from: axis.from.clone(),
                    flipped: axis.flipped,
                    ..BoundAxis::of(axis.size.clone(), n.span)
                };
                self.usage.declare(n, "axis name");
                // An axis name may stand for a place only.
                self.usage.mark(n.span);
                self.frame().dims.insert(n.text.clone(), bound);
                Some(self.named(axis, &n.text))
            }
            DimKind::Sized(n, size) => {
                let wanted = self.size_of(size)?;
                let text = format!("{wanted} is needed here");
                let axis = self.sized(axis, wanted.clone(), (size.span, text), axes, subject)?;
                let known = self.frame().dims.get(&n.text).cloned();
                if let Some(bound) = known.filter(|b| b.size != wanted) {
                    self.disagree(&n.text, &bound, &axis, axes, subject);
                    return None;
                }
                let from = Some(From { span: size.span, text: format!("{wanted} is declared here") });
                let bound = BoundAxis { outer: Some(axis.name.clone()), from, ..BoundAxis::of(wanted, n.span) };
                self.frame().dims.entry(n.text.clone()).or_insert(bound);
                Some(self.named(&axis, &n.text))
            }
            DimKind::Size(e) => {
                let wanted = self.size_of(e)?;
                let text = format!("{wanted} is needed here");
                self.sized(axis, wanted, (e.span, text), axes, subject)
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

    /// An axis that must have a size, which is said at a place.
    fn sized(
        &mut self,
        axis: &Axis,
        wanted: Size,
        (from, said): (Span, String),
        axes: &[Axis],
        subject: Subject<'_>,
    ) -> Option<Axis> {
        if axis.size == wanted {
            return Some(axis.clone());
        }
        let headline = format!("{} has {} where {wanted} is needed", subject.what, axis.size);
        let d = subject.error(codes::SHAPE_MISMATCH, headline).label(format!("this is {}", show_axes(axes))).origin(
            Role::Dim,
            from,
            said,
        );
        let d = explain_axes(d, std::iter::once(axis));
        self.report(d);
        None
    }

    fn disagree(&mut self, dim: &str, bound: &BoundAxis, axis: &Axis, axes: &[Axis], subject: Subject<'_>) {
        let d = if bound.size == axis.size {
            let here = axis.name.as_ref().map_or("an unnamed axis".to_owned(), |n| format!("`{}`", n.text));
            let there = bound.outer.clone().flatten().map_or("another".to_owned(), |n| format!("`{}`", n.text));
            let headline = format!("`{dim}` stands for the axis {there}, and {} has {here} in its place", subject.what);
            subject
                .error(codes::AXIS_MISMATCH, headline)
                .note("axes with different names are different things, even where their sizes are equal")
        } else {
            let headline = format!("`{dim}` is {}, but {} has {} in its place", bound.size, subject.what, axis.size);
            subject.error(codes::SHAPE_MISMATCH, headline)
        };
        let d = d.label(format!("this is {}", show_axes(axes))).origin(
            Role::Dim,
            bound.span,
            format!("`{dim}` is bound here"),
        );
        let d = explain_axes(d, std::iter::once(axis));
        let d = match &bound.from {
            Some(from) if d.origins.iter().all(|o| o.span != from.span) => {
                d.origin(Role::Dim, from.span, from.text.clone())
            }
            _ => d,
        };
        self.report(d);
    }
}

fn count(n: usize) -> String {
    if n == 1 { "one axis".into() } else { format!("{n} axes") }
}
