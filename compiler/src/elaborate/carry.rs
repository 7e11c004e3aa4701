//! What a loop carries from turn to turn: first values, and the assignments that give the next ones.

use super::Elab;
use super::axes::{Subject, explain_axes};
use super::value::{Tensor, Value, show_axes};
use crate::ir::graph::Value as Node;
use crate::ir::types::DType;
use nnc_grammar::ast::{Expr, Name, Scan, Target};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;

/// A carried value.
pub(super) struct Carry<'a> {
    pub(super) name: &'a Name,
    pub(super) first: Node,
    /// What stands for it in the body.
    pub(super) local: Tensor,
    pub(super) next: Option<(Tensor, Span)>,
}

impl<'a> Elab<'a> {
    /// The carries with their first values.
    pub(super) fn first_carries(&mut self, scan: &'a Scan) -> Option<Vec<Carry<'a>>> {
        let values: Vec<Value<'a>> = scan.carries.iter().map(|(_, first)| self.expr(first)).collect();
        let mut carries: Vec<Carry<'a>> = vec![];
        let mut sound = true;
        for ((target, e), value) in scan.carries.iter().zip(values) {
            if let Some(first) = carries.iter().find(|c| c.name.text == target.name.text) {
                let d = Diagnostic::error(
                    codes::DUPLICATE_NAME,
                    target.name.span,
                    format!("`{}` is carried twice", target.name.text),
                );
                let d = d.origin(Role::Previous, first.name.span, "first carried here");
                self.report(d);
                sound = false;
                continue;
            }
            match self.first_carry(target, e, value) {
                Some(first) => {
                    let handle = self.b.clone();
                    let local = handle.local(first.ty()).value;
                    let (first, local) = (first.node, Tensor { node: local, ..first });
                    carries.push(Carry { name: &target.name, first, local, next: None });
                }
                None => sound = false,
            }
        }
        sound.then_some(carries)
    }

    fn first_carry(&mut self, target: &'a Target, e: &'a Expr, value: Value<'a>) -> Option<Tensor> {
        let what = format!("`{}`", target.name.text);
        let value = self.as_number(value, e.span);
        match (&target.ty, value) {
            (_, Value::Invalid) => None,
            (Some(ty), Value::Tensor(t)) if !t.scalar => {
                match self.bind_type(ty, Value::Tensor(t), Subject::value(&what, e.span))? {
                    Value::Tensor(t) => Some(t),
                    _ => None,
                }
            }
            (Some(ty), value) => {
                let axes = self.shape_of(ty)?;
                self.fill(&value, e.span, &axes, self.float)
            }
            (None, Value::Tensor(t)) if !t.scalar => Some(t),
            (None, value @ (Value::Num(_) | Value::Tensor(_) | Value::Size(_))) => {
                self.fill(&value, e.span, &[], self.float)
            }
            (None, other) => {
                self.wrong_kind(&other, e.span, "a first value");
                None
            }
        }
    }

    /// The loop in whose body `name` is carried, if that is the innermost one and the text is its own.
    fn carry(&mut self, name: &str) -> Option<&mut Carry<'a>> {
        let depth = self.frames.len();
        let open = self.loops.last_mut().filter(|l| l.depth == depth)?;
        open.carries.iter_mut().find(|c| c.name.text == name)
    }

    /// `h = e` of a carried name: its next value. Whether it is one.
    pub(super) fn next_carry(&mut self, target: &'a Target, value: &Value<'a>, at: Span) -> bool {
        let name = &target.name;
        let Some((declared, local, before)) =
            self.carry(&name.text).map(|c| (c.name.span, c.local.clone(), c.next.as_ref().map(|n| n.1)))
        else {
            return false;
        };
        if let Some(before) = before {
            let d =
                Diagnostic::error(codes::DUPLICATE_NAME, name.span, format!("`{}` changes twice in a turn", name.text));
            self.report(d.origin(Role::Previous, before, "it changes here"));
            return true;
        }
        let next = match value {
            Value::Invalid => None,
            Value::Tensor(t) if !t.scalar && !self.same_type(t, &local) => {
                let headline = format!("`{}` begins as {} and becomes {}", name.text, shown(&local), shown(t));
                let d =
                    Diagnostic::error(codes::SHAPE_MISMATCH, at, headline).label("this is its value for the next turn");
                let d = d.origin(Role::Declaration, declared, "it is declared here");
                let d = explain_axes(d, t.axes.iter().chain(&local.axes));
                let d = d.note("a carried value keeps its type from turn to turn");
                self.report(if local.rank() == 0 && t.dtype.is_float() {
                    d.help(format!("declare its type, which a number fills: `{}: {} = 0`", name.text, typed(t)))
                } else {
                    d
                });
                None
            }
            Value::Tensor(t) if !local.dtype.is_float() => Some(t.clone()),
            value => self.fill(value, at, &local.axes, local.dtype),
        };
        let value = match next {
            Some(next) => {
                let next = Tensor { axes: local.axes.clone(), classes: local.classes.clone(), ..next };
                if let Some(carry) = self.carry(&name.text) {
                    carry.next = Some((next.clone(), at));
                }
                Value::Tensor(next)
            }
            None => {
                if let Some(carry) = self.carry(&name.text) {
                    carry.next = Some((local, at));
                }
                Value::Invalid
            }
        };
        if let Some(known) = self.frame().locals.get_mut(&name.text) {
            known.value = value;
        }
        true
    }

    fn same_type(&self, a: &Tensor, b: &Tensor) -> bool {
        let sizes = |t: &Tensor| t.axes.iter().map(|x| x.size.clone()).collect::<Vec<_>>();
        let stretched = a.axes.iter().any(|x| x.stretch);
        let kind = a.dtype.is_float() && b.dtype.is_float() || (a.dtype == b.dtype && a.classes == b.classes);
        kind && (stretched || sizes(a) == sizes(b))
    }
}

/// A type as a program declares it.
fn typed(t: &Tensor) -> String {
    let axes = t.axes.iter().map(|a| a.name.as_ref().map_or(a.size.to_string(), |n| n.text.to_string()));
    format!("[{}]", axes.collect::<Vec<_>>().join(", "))
}

fn shown(t: &Tensor) -> String {
    match (&t.classes, t.dtype) {
        (Some(n), _) => format!("index({n}){}", show_axes(&t.axes)),
        (None, DType::Bool) => format!("bool{}", show_axes(&t.axes)),
        _ => show_axes(&t.axes),
    }
}
