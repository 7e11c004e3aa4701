//! `repeat 6 as i { … }`: the compile-time loop. Its body is elaborated once a turn, with weights of its own; `var` names are
//! what it carries.

use super::Elab;
use super::num::Num;
use super::value::{Bound, Instance, Value};
use nnc_grammar::ast::{Block, Expr, ExprKind, Name, Target};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Turns beyond this many are refused: each is a copy of the body in the graph.
const MOST: usize = 4096;

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

impl<'a> Elab<'a> {
    /// The body for each turn; it has no value.
    pub(super) fn repeat(&mut self, turns: &'a Expr, name: Option<&'a Name>, body: &'a Block, span: Span) -> Value<'a> {
        let value = self.expr(turns);
        let Some(n) = self.count(&value, turns.span, "the number of turns", 0) else { return Value::Invalid };
        if n > MOST {
            let d = Diagnostic::error(codes::TOO_LARGE, turns.span, format!("{n} turns are more than {MOST}"));
            let d = d.note("each turn of `repeat` is a copy of its body, with weights of its own");
            return self.fail(d.help("`scan t over axis = n { … }` is a loop with one set of weights"));
        }
        if let Some(name) = name {
            self.usage.declare(name, "turn");
            if n == 0 {
                self.usage.mark(name.span);
            }
        }
        for i in 0..n {
            let shadowed = name.and_then(|name| {
                let index =
                    super::scope::Local { value: Value::Num(Num::int(i as i64)), span: name.span, from: name.span };
                self.frame().locals.insert(name.text.clone(), index)
            });
            if let (Some(name), Some(local), 0) = (name, &shadowed, i) {
                let d = Diagnostic::error(codes::DUPLICATE_NAME, name.span, format!("`{}` is bound twice", name.text));
                self.report(d.origin(Role::Previous, local.span, "first bound here"));
            }
            self.frame().turns.push(i);
            let last = self.inner_block(body);
            self.frame().turns.pop();
            if let Some(name) = name {
                match shadowed {
                    Some(local) => self.frame().locals.insert(name.text.clone(), local),
                    None => self.frame().locals.remove(&name.text),
                };
            }
            match last {
                Value::Invalid => return Value::Invalid,
                Value::Tuple(values) if values.is_empty() => {}
                // Not the last statement of a block: it has been reported as a value that nothing uses.
                _ if self.has_errors() => return Value::Invalid,
                _ => {
                    let at = body.stmts.last().map_or(span, |s| s.span);
                    let d = Diagnostic::error(codes::MISPLACED, at, "the value of a turn goes nowhere");
                    return self.fail(d.help("carry it: `var x = …` before the loop, and `x = …` in it"));
                }
            }
        }
        Value::Tuple(vec![])
    }

    /// `var x = e`
    pub(super) fn var(&mut self, target: &'a Target, e: &'a Expr) {
        self.bind_targets(std::slice::from_ref(target), e);
        let loops = self.loops.len();
        self.frame().vars.insert(target.name.text.clone(), loops);
    }

    /// `x = e` of a variable: its value from here on. Whether it is one.
    pub(super) fn next_var(&mut self, target: &'a Target, value: &Value<'a>, at: Span) -> bool {
        let name = &target.name;
        let Some(loops) = self.frame().vars.get(&name.text).copied() else { return false };
        if loops < self.loops.len() {
            let d = Diagnostic::error(
                codes::MISPLACED,
                name.span,
                format!("`{}` is a variable of the text around the loop", name.text),
            );
            self.report(d.help(format!("carry it: `scan … with {0} = {0}`, under another name", name.text)));
            return true;
        }
        match self.frame().locals.get_mut(&name.text) {
            Some(local) => {
                local.value = value.clone();
                local.from = at;
                true
            }
            // It was declared in a block that has ended.
            None => {
                self.frame().vars.remove(&name.text);
                false
            }
        }
    }

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
        let (mut places, mut fresh, mut uses) = (vec![], 0, 0);
        super::walk::walk_block(&def.body, &mut |seen| {
            let super::walk::Seen::Expr(e) = seen else { return };
            match &e.kind {
                ExprKind::Fresh(of) if matches!(&of.kind, ExprKind::Name(n) if n == name) => {
                    places.push(e.span);
                    fresh += 1;
                }
                ExprKind::Name(n) if n == name => uses += 1,
                _ => {}
            }
        });
        // The name inside each `fresh` is a use, too.
        let before = usize::from(uses > fresh) + places.iter().position(|p| *p == span)?;
        Some(if before == 0 { name.to_owned() } else { format!("{name}_{}", before + 1) })
    }

    /// `[2][0]` in the third turn of a loop and the first of one inside it.
    pub(super) fn turn_suffix(&mut self) -> String {
        self.frame().turns.iter().map(|i| format!("[{i}]")).collect()
    }

    /// `Encoder.trunk`, `embed.w`: a layer inside a model or a layer, or a tensor that one holds.
    pub(super) fn inside(&mut self, base: Value<'a>, member: &Name, span: Span) -> Value<'a> {
        let (path, what) = match &base {
            Value::Def(def) if def.kind == nnc_grammar::ast::DefKind::Model => {
                (Some(def.name.text.clone()), format!("the model `{}`", def.name.text))
            }
            Value::Instance(i) => (i.path.borrow().clone(), format!("the layer `{}`", i.def.name.text)),
            other => return self.wrong_kind(other, span, "a data block, a layer or a model"),
        };
        let known = path.as_ref().map(|path| format!("{path}."));
        if let Some(prefix) = &known {
            let wanted = format!("{prefix}{}", member.text);
            if let Some(instance) = self.made.get(&wanted).cloned() {
                return Value::Instance(instance);
            }
            if let Some(number) = self.state_numbers.get(&wanted).copied() {
                let axes = self.states[number as usize].ty.shape.iter().cloned().map(super::value::Axis::of).collect();
                self.here(span);
                return Value::Tensor(self.read_state(number, axes));
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
}
