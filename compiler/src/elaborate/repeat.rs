//! `repeat 6 as i { … }`: the compile-time loop. Its body is elaborated once a turn, with weights of its own; `var` names are
//! what it carries.

use super::Elab;
use super::num::Num;
use super::value::Value;
use nnc_grammar::ast::{Block, Expr, Name, Target};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;

/// Turns beyond this many are refused: each is a copy of the body in the graph.
const MOST: usize = 4096;

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

    /// `[2][0]` in the third turn of a loop and the first of one inside it.
    pub(super) fn turn_suffix(&mut self) -> String {
        self.frame().turns.iter().map(|i| format!("[{i}]")).collect()
    }
}
