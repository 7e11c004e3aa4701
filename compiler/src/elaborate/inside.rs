//! Layers as values: another one like a given one, and what lies inside a layer or a model.

use super::Elab;
use super::value::{Bound, Instance, Value};
use nnc_grammar::ast::{DefKind, Expr, ExprKind, IndexItem, Name};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A setting of another layer of a kind: a layer that the setting's own text makes belongs to whom it is given to, so each has
/// one; a layer that it names is the same for both.
fn own_layer<'a>(bound: &Bound<'a>) -> Bound<'a> {
    let value = match &bound.value {
        Value::Instance(inner) if bound.span.to(inner.span) == bound.span => Value::Instance(Rc::new(Instance {
            def: inner.def,
            settings: inner.settings.iter().map(own_layer).collect(),
            step: RefCell::new(None),
            named: Cell::new(false),
            turn: String::new(),
            path: RefCell::new(None),
            span: inner.span,
        })),
        other => other.clone(),
    };
    Bound { value, span: bound.span }
}

/// Whether a value means the same in every graph: no tensor, of whose graph it would be a node, lies in it.
fn is_constant(value: &Value<'_>) -> bool {
    match value {
        Value::Tensor(_) | Value::Rate(_) => false,
        Value::List(items) | Value::Tuple(items) => items.iter().all(is_constant),
        Value::Instance(i) => i.settings.iter().all(|s| is_constant(&s.value)),
        Value::Closure(c) => c.settings.iter().all(|s| is_constant(&s.value)),
        _ => true,
    }
}

impl<'a> Elab<'a> {
    /// `fresh f`: another layer like the one given.
    pub(super) fn fresh(&mut self, of: &'a Expr, span: Span) -> Value<'a> {
        match self.expr(of) {
            Value::Instance(like) => {
                let step = match &of.kind {
                    ExprKind::Name(name) => self.fresh_step(name, span),
                    _ => None,
                };
                Value::Instance(Rc::new(Instance {
                    def: like.def,
                    settings: like.settings.iter().map(own_layer).collect(),
                    step: RefCell::new(step),
                    named: Cell::new(true),
                    turn: self.turn_suffix(),
                    path: RefCell::new(None),
                    span,
                }))
            }
            other => self.wrong_kind(&other, of.span, "a layer"),
        }
    }

    /// The step of the layer that `fresh name` makes at this place: the name, later ones in the body numbered, and all of them
    /// behind the layer itself where that is applied, too.
    fn fresh_step(&mut self, name: &str, span: Span) -> Option<String> {
        let def = self.frame().def?;
        let (mut places, mut uses) = (vec![], 0);
        super::walk::walk_block(&def.body, &mut |seen| {
            let super::walk::Seen::Expr(e) = seen else { return };
            match &e.kind {
                ExprKind::Fresh(of) if matches!(&of.kind, ExprKind::Name(n) if n == name) => {
                    places.push(e.span);
                }
                ExprKind::Name(n) if n == name => uses += 1,
                _ => {}
            }
        });
        // The name inside each `fresh` is a use, too.
        let before = usize::from(uses > places.len()) + places.iter().position(|p| *p == span)?;
        Some(if before == 0 { name.to_owned() } else { format!("{name}_{}", before + 1) })
    }

    /// `Encoder.trunk`, `embed.w`: a layer inside a model or a layer, or a tensor that one holds.
    pub(super) fn inside(&mut self, base: Value<'a>, member: &Name, span: Span) -> Value<'a> {
        let path = self.path_of(&base);
        let what = match &base {
            Value::Def(def) if def.kind == DefKind::Model => format!("the model `{}`", def.name.text),
            Value::Closure(model) if path.is_some() => format!("the model `{}`", model.def.name.text),
            Value::Instance(i) => format!("the layer `{}`", i.def.name.text),
            Value::Tensor(t) => {
                let headline = format!("a tensor has no parts by name, and no methods: `{}`", member.text);
                let d = Diagnostic::error(codes::WRONG_KIND, span, headline).label(format!("this is {}", t.show()));
                let called = self.means_something(&member.text);
                let d =
                    if called { d.help(format!("call the function: `{}(x)`, or `x |> {0}`", member.text)) } else { d };
                return self.fail(super::names::also_called(d, &member.text));
            }
            other => return self.wrong_kind(other, span, "a data block, a layer or a model"),
        };
        let known = path.as_ref().map(|path| format!("{path}."));
        if let Some(prefix) = &known {
            let wanted = format!("{prefix}{}", member.text);
            if let Some((graph, instance)) = self.made.get(&wanted).cloned() {
                if graph == self.graph_number || instance.settings.iter().all(|s| is_constant(&s.value)) {
                    return Value::Instance(instance);
                }
                let d =
                    Diagnostic::error(codes::NOT_CONSTANT, span, format!("`{wanted}` is made from a value of {what}"))
                        .label("that value is not known here")
                        .help("apply it before this line");
                return self.fail(d);
            }
            if let Some(number) = self.state_numbers.get(&wanted).copied() {
                let axes = self.states[number as usize].ty.shape.iter().cloned().map(super::value::Axis::of).collect();
                self.here(span);
                let value = self.read_state(number, axes);
                return Value::Tensor(self.held_still(number, value));
            }
        }
        let inside: Vec<String> = match &known {
            Some(prefix) => {
                let paths = self.made.keys().chain(self.state_numbers.keys());
                let mut own: Vec<String> = paths
                    .filter_map(|p| p.strip_prefix(prefix.as_str()))
                    .filter(|p| !p.contains('.'))
                    .map(str::to_owned)
                    .collect();
                own.sort_unstable();
                own
            }
            None => vec![],
        };
        // Without its data no block has applied a model.
        if inside.is_empty() && self.sink.list.iter().any(|d| d.is_error() && d.code == codes::DATA) {
            return Value::Invalid;
        }
        let d = if inside.is_empty() {
            Diagnostic::error(codes::UNKNOWN_NAME, span, format!("{what} has nothing inside yet"))
                .label("parameters come into being at the first application")
                .help("apply it before this line")
        } else {
            let d = Diagnostic::error(codes::UNKNOWN_NAME, member.span, format!("{what} has no `{}`", member.text));
            let d = super::suggest::suggest(d, member, inside.iter().map(String::as_str));
            d.note(format!(
                "it has {}",
                inside.iter().take(12).map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
            ))
        };
        self.fail(d)
    }

    /// `Net.dense[0]`: what a turn of a `repeat` has made inside a model or a layer; `None` where the brackets index a value.
    pub(super) fn turn_inside(&mut self, e: &'a Expr) -> Option<Value<'a>> {
        let (mut of, mut turns) = (e, vec![]);
        while let ExprKind::Index { base, items } = &of.kind {
            let [IndexItem::At(at)] = items.as_slice() else { return None };
            turns.push(at);
            of = base;
        }
        let ExprKind::Member(owner, name) = &of.kind else { return None };
        // Looking at a path makes nothing; a call might.
        let path_alone = |e: &Expr| matches!(e.kind, ExprKind::Name(_) | ExprKind::Member(..) | ExprKind::Index { .. });
        let block = |name: &String| self.data_fields.iter().any(|(data, _)| data == name);
        if !path_alone(owner) || matches!(&owner.kind, ExprKind::Name(name) if block(name)) {
            return None;
        }
        let owner = self.expr(owner);
        if matches!(owner, Value::Invalid) {
            return Some(Value::Invalid);
        }
        let path = self.path_of(&owner)?;
        let made = format!("{path}.{}[", name.text);
        if !self.made.keys().chain(self.state_numbers.keys()).any(|known| known.starts_with(&made)) {
            return None;
        }
        let mut text = name.text.clone();
        for at in turns.into_iter().rev() {
            let value = self.expr(at);
            let Some(turn) = self.count(&value, at.span, "a turn", 0) else { return Some(Value::Invalid) };
            text.push_str(&format!("[{turn}]"));
        }
        let span = Span { end: e.span.end, ..name.span };
        Some(self.inside(owner, &Name { text, span }, e.span))
    }

    /// The path of a model or of a layer that was applied.
    fn path_of(&self, value: &Value<'a>) -> Option<String> {
        match value {
            Value::Def(def) if def.kind == DefKind::Model => Some(def.name.text.clone()),
            Value::Closure(model) if model.def.kind == DefKind::Model => Some(model.def.name.text.clone()),
            Value::Instance(i) => i.path.borrow().clone(),
            _ => None,
        }
    }
}
