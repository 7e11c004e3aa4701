//! Phases of a step: from `then` on, lines see what the lines before it have made of parameters. The step stays one graph, in
//! which a later phase reads the *value* that an earlier one gave a parameter, as a constant of its own: a gradient ends there.
//!
//! What was bound before and depends on a parameter that has changed since is stale: it belongs to a state of the networks that
//! no longer is. It may be used under `stop_gradient` only.

use super::Elab;
use super::train::{Lines, Loss};
use super::value::{Rate, Tensor, Value};
use crate::ir::graph::Value as Node;
use crate::ops::movement::STOP_GRADIENT;
use nnc_grammar::ast::{Expr, ExprKind, Target};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;

/// A parameter that an earlier phase has changed.
pub(super) struct Changed {
    /// The state.
    number: u32,
    /// What it was before.
    old: Node,
    /// The line that has changed it.
    at: Span,
}

impl<'a> Elab<'a> {
    /// `then`: parameters are from here on what the phase before has made of them.
    pub(super) fn then(&mut self, span: Span, lines: &mut Lines<'a>) {
        if lines.optimized.is_empty() && !self.has_errors() {
            let d = Diagnostic::error(codes::MISPLACED, span, "nothing changes before this `then`");
            let d = d.label("no optimize line stands between this and the phase before");
            self.report(d.help("`then` begins a phase that sees what optimize lines above it have changed"));
        }
        self.change(lines);
        self.end_phase(lines);
        self.here(span);
        let handle = self.b.clone();
        for (number, at) in std::mem::take(&mut lines.optimized) {
            lines.covered.push(number);
            let Some(new) = handle.updated(number) else { continue };
            let Some(old) = self.current.get(&number).cloned() else { continue };
            let node = new.unary(&STOP_GRADIENT).value;
            if node != old.node {
                lines.changed.push(Changed { number, old: old.node, at });
                self.current.insert(number, Tensor { node, ..old });
            }
        }
    }

    /// The first parameter that has changed since a value was made of it.
    fn outdated<'l>(&self, values: &[Node], lines: &'l Lines<'a>) -> Option<&'l Changed> {
        // Mostly nothing is: one walk tells that of all parameters.
        let old: Vec<Node> = lines.changed.iter().map(|changed| changed.old).collect();
        if old.is_empty() || !self.depends(values, &old) {
            return None;
        }
        lines.changed.iter().find(|changed| self.depends(values, &[changed.old]))
    }

    /// Whether one of some values is made of one of others, not under `stop_gradient` alone.
    fn depends(&self, values: &[Node], on: &[Node]) -> bool {
        let graph = self.b.graph();
        let mut reached = vec![false; graph.len()];
        for value in on {
            reached[value.node.0 as usize] = true;
        }
        for (id, node) in graph.nodes() {
            let stops = std::ptr::eq(node.op, &raw const STOP_GRADIENT);
            if !stops && node.operands.iter().any(|v| reached[v.node.0 as usize]) {
                reached[id.0 as usize] = true;
            }
        }
        values.iter().any(|v| reached[v.node.0 as usize])
    }

    /// Reports that a line whose value is this uses something stale; whether it does.
    pub(super) fn stale(&mut self, e: &'a Expr, value: &Value<'a>, lines: &Lines<'a>) -> bool {
        if self.outdated(&nodes(value), lines).is_none() {
            return false;
        }
        let mut stopped: Vec<Span> = vec![];
        let mut names: Vec<(&'a str, Span)> = vec![];
        super::walk::walk(e, &mut |seen| {
            let super::walk::Seen::Expr(e) = seen else { return };
            let stops = |f: &Expr| matches!(&f.kind, ExprKind::Name(name) if name == STOP_GRADIENT.name);
            match &e.kind {
                ExprKind::Call { callee, .. } if stops(callee) => stopped.push(e.span),
                ExprKind::Pipe { input, stage, .. } if stops(stage) => stopped.push(input.span),
                ExprKind::Name(name) if stopped.iter().all(|s| s.to(e.span) != *s) => names.push((name, e.span)),
                _ => {}
            }
        });
        let found = names.into_iter().find_map(|(name, at)| {
            let local = self.frame().locals.get(name).cloned()?;
            let changed = self.outdated(&nodes(&local.value), lines)?;
            Some((format!("`{name}`"), at, Some(local.span), changed))
        });
        let found = found.or_else(|| {
            let changed = self.outdated(&nodes(value), lines)?;
            Some(("this".to_owned(), e.span, None, changed))
        });
        if let Some((what, at, bound, changed)) = found {
            self.report_stale(&what, at, bound, changed);
        }
        true
    }

    /// Reports a loss of an earlier phase that is no longer one of the networks as they are; whether it is not.
    pub(super) fn stale_loss(&mut self, loss: &Loss, at: Span, lines: &Lines<'a>) -> bool {
        let Some(changed) = self.outdated(&[loss.tensor.node], lines) else { return false };
        self.report_stale(&format!("the loss `{}`", loss.name), at, Some(loss.span), changed);
        true
    }

    /// Takes the values of names that were bound to something stale.
    pub(super) fn check_bound(&mut self, targets: &'a [Target], e: &'a Expr, lines: &Lines<'a>) {
        for target in targets {
            let Some(local) = self.frame().locals.get(&target.name.text).cloned() else { continue };
            if self.stale(e, &local.value, lines)
                && let Some(local) = self.frame().locals.get_mut(&target.name.text)
            {
                local.value = Value::Invalid;
            }
        }
    }

    fn report_stale(&mut self, what: &str, at: Span, bound: Option<Span>, changed: &Changed) {
        let path = self.states[changed.number as usize].path.clone();
        let headline = format!("{what} depends on `{path}` as it was before `then`");
        let mut d = Diagnostic::error(codes::STALE_VALUE, at, headline).label("used here");
        if let Some(bound) = bound {
            d = d.origin(Role::Previous, bound, "it is bound here");
        }
        let d = d.origin(Role::Previous, changed.at, format!("`{path}` has changed here"));
        self.report(d.help("bind it again after `then`, or use the old value under `stop_gradient`"));
    }
}

/// The nodes that a value is made of.
fn nodes(value: &Value<'_>) -> Vec<Node> {
    match value {
        Value::Tensor(t) | Value::Rate(Rate { number: t, .. }) => vec![t.node],
        Value::List(items) | Value::Tuple(items) => items.iter().flat_map(nodes).collect(),
        Value::Closure(c) => c.settings.iter().flat_map(|s| nodes(&s.value)).collect(),
        Value::Instance(i) => i.settings.iter().flat_map(|s| nodes(&s.value)).collect(),
        _ => vec![],
    }
}
