//! `rearrange [b, t, (h k)] -> [b, h, t, k] with h = heads`: axes taken apart, put in another order and joined again.

use super::Elab;
use super::value::{Axis, From, Tensor, Value, show_axes};
use crate::ir::dim::Dim;
use nnc_grammar::ast::{Group, Name, Rearrange};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;

/// What a pattern makes of axes.
pub(super) struct Moved {
    /// The sizes of the elementary axes, in the order in which they are found.
    pub(super) apart: Vec<Dim>,
    /// Which of them follow one another.
    pub(super) order: Vec<usize>,
    /// Those that they make, joined.
    pub(super) axes: Vec<Axis>,
}

impl<'a> Elab<'a> {
    /// Applies a pattern to a value.
    pub(super) fn rearrange(&mut self, value: Value<'a>, at: Span, pattern: &'a Rearrange, span: Span) -> Value<'a> {
        let t = match value {
            Value::Tensor(t) => t,
            other => return self.wrong_kind(&other, at, "a tensor"),
        };
        match self.rearranged(&t, at, pattern, span) {
            Some(t) => Value::Tensor(t),
            None => Value::Invalid,
        }
    }

    fn rearranged(&mut self, t: &Tensor, at: Span, pattern: &'a Rearrange, span: Span) -> Option<Tensor> {
        let Moved { apart, order, axes } = self.moved(&t.axes, at, pattern, span)?;
        self.here(span);
        let handle = self.b.clone();
        let node = handle.val(t.node).reshape(apart).permute(order);
        let node = node.reshape(axes.iter().map(|a| a.size.clone()).collect()).value;
        Some(Tensor { node, axes, ..t.clone() })
    }

    /// What a pattern makes of the axes of the value at `at`.
    pub(super) fn moved(&mut self, axes: &[Axis], at: Span, pattern: &'a Rearrange, span: Span) -> Option<Moved> {
        let (whole, rank) = (axes, axes.len());
        let mut given: Vec<(&'a str, Dim)> = vec![];
        for (name, size) in &pattern.with {
            given.push((&name.text, self.size_of(size)?));
        }
        for (name, _) in &pattern.with {
            let used = pattern
                .from
                .iter()
                .any(|g| matches!(g, Group::Many(names) if names.iter().any(|n| n.text == name.text)));
            if !used {
                let d = Diagnostic::error(
                    codes::UNKNOWN_NAME,
                    name.span,
                    format!("no group on the left has a part `{}`", name.text),
                );
                self.report(d);
                return None;
            }
        }
        // Elementary axes by name; those of `..` have none.
        let mut parts: Vec<(Option<&'a str>, Axis)> = vec![];
        let rests = pattern.from.iter().filter(|g| matches!(g, Group::Rest)).count();
        let fixed = pattern.from.len() - rests;
        if rests > 1 || fixed > rank || (rests == 0 && fixed != rank) {
            let d = Diagnostic::error(
                codes::WRONG_RANK,
                at,
                format!("the pattern takes {fixed} axes, and this has {rank}"),
            );
            self.report(d.label(format!("this is {}", show_axes(whole))));
            return None;
        }
        let mut axis = 0;
        for group in &pattern.from {
            match group {
                Group::Rest => {
                    for _ in 0..rank - fixed {
                        parts.push((None, whole[axis].clone()));
                        axis += 1;
                    }
                    continue;
                }
                Group::One(name) => parts.push((Some(&name.text), whole[axis].clone())),
                Group::Many(names) => parts.extend(self.apart(&whole[axis], names, &given)?),
                Group::Unit(at) => {
                    if !whole[axis].size.is_one() {
                        let d = Diagnostic::error(
                            codes::SHAPE_MISMATCH,
                            *at,
                            format!("1 stands for an axis of {}", whole[axis].size),
                        );
                        self.report(d);
                        return None;
                    }
                }
            }
            axis += 1;
        }
        for (i, (name, _)) in parts.iter().enumerate() {
            if name.is_some() && parts[..i].iter().any(|p| p.0 == *name) {
                self.report(Diagnostic::error(
                    codes::DUPLICATE_NAME,
                    span,
                    format!("`{}` stands twice on the left", name.unwrap_or("")),
                ));
                return None;
            }
        }
        let mut order: Vec<usize> = vec![];
        let mut axes: Vec<Axis> = vec![];
        for group in &pattern.to {
            match group {
                Group::Rest => {
                    for (i, part) in parts.iter().enumerate().filter(|(_, p)| p.0.is_none()) {
                        order.push(i);
                        axes.push(part.1.clone());
                    }
                }
                Group::One(name) => {
                    let i = self.part(&parts, name)?;
                    order.push(i);
                    axes.push(parts[i].1.clone());
                }
                Group::Many(names) => {
                    let places: Option<Vec<usize>> = names.iter().map(|n| self.part(&parts, n)).collect();
                    let places = places?;
                    let Some(size) = places.iter().try_fold(Dim::constant(1), |n, &i| n.checked_mul(&parts[i].1.size))
                    else {
                        self.report(Diagnostic::error(codes::TOO_LARGE, span, "the joined size leaves 64 bits"));
                        return None;
                    };
                    let factors: Vec<String> = places.iter().map(|&i| parts[i].1.size.to_string()).collect();
                    let from = From { span, text: format!("{size} = {}", factors.join(" × ")) };
                    order.extend(places);
                    axes.push(Axis { from: Some(from), ..Axis::of(size) });
                }
                Group::Unit(_) => axes.push(Axis::of(Dim::constant(1))),
            }
        }
        if let Some((_, (name, _))) = parts.iter().enumerate().find(|(i, _)| !order.contains(i)) {
            let d = Diagnostic::error(
                codes::SHAPE_MISMATCH,
                span,
                format!("`{}` is missing on the right", name.unwrap_or("..")),
            );
            self.report(d.help("rearranging keeps every element; reduce or index an axis to drop it"));
            return None;
        }
        if order.len() != parts.len() {
            self.report(Diagnostic::error(codes::DUPLICATE_NAME, span, "an axis stands twice on the right"));
            return None;
        }
        Some(Moved { apart: parts.into_iter().map(|part| part.1.size).collect(), order, axes })
    }

    fn part(&mut self, parts: &[(Option<&'a str>, Axis)], name: &'a Name) -> Option<usize> {
        let place = parts.iter().position(|p| p.0 == Some(&name.text));
        if place.is_none() {
            let d = Diagnostic::error(
                codes::UNKNOWN_NAME,
                name.span,
                format!("`{}` does not stand on the left", name.text),
            );
            let d = super::suggest::suggest(d, name, parts.iter().filter_map(|p| p.0));
            self.report(d);
        }
        place
    }

    /// Takes one axis apart into named ones, of which at most one has no size of its own.
    fn apart(
        &mut self,
        axis: &Axis,
        names: &'a [Name],
        given: &[(&'a str, Dim)],
    ) -> Option<Vec<(Option<&'a str>, Axis)>> {
        let span = names.first().map(|n| n.span).zip(names.last().map(|n| n.span)).map(|(a, b)| a.to(b))?;
        let mut known = Dim::constant(1);
        let mut open: Vec<&Name> = vec![];
        let mut sizes: Vec<Option<Dim>> = vec![];
        for name in names {
            let size = given.iter().find(|g| g.0 == name.text).map(|g| g.1.clone());
            let size = size.or_else(|| self.frame().dims.get(&name.text).map(|b| b.size.clone()));
            match &size {
                Some(size) => known = known.checked_mul(size)?,
                None => open.push(name),
            }
            sizes.push(size);
        }
        let rest = match open.as_slice() {
            [] if known == axis.size => Dim::constant(1),
            [_] => match known.as_constant().and_then(|k| axis.size.div_exact(k)) {
                Some(rest) => rest,
                None => {
                    let d =
                        Diagnostic::error(codes::NOT_WHOLE, span, format!("{} does not divide by {known}", axis.size));
                    self.report(super::axes::explain_axes(d, std::iter::once(axis)));
                    return None;
                }
            },
            [] => {
                let d = Diagnostic::error(
                    codes::SHAPE_MISMATCH,
                    span,
                    format!("the parts make {known}, and the axis is {}", axis.size),
                );
                self.report(super::axes::explain_axes(d, std::iter::once(axis)));
                return None;
            }
            [first, second, ..] => {
                let d = Diagnostic::error(
                    codes::UNDETERMINED_SIZE,
                    second.span,
                    format!("the size of `{}` is not given", second.text),
                )
                .origin(Role::Dim, first.span, format!("nor is that of `{}`", first.text))
                .help(format!("give it: `with {} = …`", second.text));
                self.report(d);
                return None;
            }
        };
        let part = |(name, size): (&'a Name, Option<Dim>)| {
            (Some(name.text.as_str()), Axis::of(size.unwrap_or_else(|| rest.clone())))
        };
        Some(names.iter().zip(sizes).map(part).collect())
    }
}
