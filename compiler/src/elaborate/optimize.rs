//! `optimize SEL, … [if rank >= 2] [on LOSS] with OPT`: the gradient of the loss by each parameter selected, and the
//! optimizer's update of each; schedules as functions of the line's own count of updates.

use super::Elab;
use super::change::Pending;
use super::meet::scalar;
use super::num::Num;
use super::train::Lines;
use super::value::{Axis, Bound, Closure, Tensor, Value};
use crate::autodiff::gradient;
use crate::ir::attrs::{Attrs, Slot};
use crate::ir::graph::Value as Node;
use crate::ir::types::{DType, TensorType};
use crate::ops::source::COUNTER;
use nnc_grammar::ast::{DefKind, Expr, Name, Selector};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;
use std::rc::Rc;

impl<'a> Elab<'a> {
    /// One optimize line.
    pub(super) fn optimize_line(
        &mut self,
        selectors: &'a [Selector],
        condition: Option<&'a Expr>,
        on: Option<&'a Name>,
        with: &'a Expr,
        span: Span,
        lines: &mut Lines<'a>,
    ) {
        self.here(with.span);
        let (step, t) = self.counts(lines.every);
        let total = Value::Num(Num::int((lines.steps / lines.every as usize) as i64));
        let counts = [step, t, total];
        let optimizer = self.with_counts(&counts, span, |this| this.optimizer(with));
        if let Some(optimizer) = &optimizer
            && self.stale(with, &Value::Closure(optimizer.clone()), lines)
        {
            return;
        }
        let loss = match on {
            Some(name) => match lines.losses.iter().find(|l| l.name == name.text) {
                Some(loss) => loss.clone(),
                // A mistake in a line that was to be it has been reported.
                None if lines.failed.contains(&name.text) => return,
                None => {
                    let d = Diagnostic::error(
                        codes::UNKNOWN_NAME,
                        name.span,
                        format!("there is no loss `{}` before this line", name.text),
                    );
                    let d = super::suggest::suggest(d, name, lines.losses.iter().map(|l| l.name.as_str()));
                    self.report(d);
                    return;
                }
            },
            None => match lines.losses.as_slice() {
                [one] => one.clone(),
                [] => {
                    if !lines.tried {
                        let d = Diagnostic::error(codes::MISPLACED, span, "no loss stands before this line");
                        self.report(d.help("lines are read in order: write `loss = …` first"));
                    }
                    return;
                }
                many => {
                    let names: Vec<String> = many.iter().map(|l| format!("`{}`", l.name)).collect();
                    let d = Diagnostic::error(codes::MISSING_ARGUMENT, span, "which loss is meant?")
                        .label(format!("there are {}", names.join(", ")));
                    self.report(d.help(format!("write `on {}`", many[0].name)));
                    return;
                }
            },
        };
        if self.stale_loss(&loss, on.map_or(span, |name| name.span), lines) {
            return;
        }
        let selected = self.selected(selectors, lines);
        let selected = self.filtered(selected, condition);
        self.optimized_twice(&selected, lines);
        lines.optimized.extend(&selected);
        let Some(optimizer) = optimizer else { return };
        let (read, unread): (Vec<_>, Vec<_>) = selected.into_iter().partition(|(n, _)| self.current.contains_key(n));
        let wrt: Vec<Node> = read.iter().filter_map(|(n, _)| self.current.get(n).map(|t| t.node)).collect();
        let handle = self.b.clone();
        let grads = match gradient(&handle, handle.val(loss.tensor.node), &wrt) {
            Ok(grads) => grads.into_iter().map(|g| g.map(|v| v.value)).collect::<Vec<_>>(),
            Err(no) => {
                let site = handle.graph().node(no.node).sites.first().copied();
                let at = site.map_or(loss.span, |s| self.sites[s.0 as usize].span);
                let d = Diagnostic::error(codes::NOT_DIFFERENTIABLE, at, format!("`{}` has no derivative", no.op))
                    .note(no.reason);
                self.report(d.origin(Role::CallSite, span, "its gradient is asked for here"));
                return;
            }
        };
        let mut unreached = unread;
        let mut gradients = vec![];
        for ((number, at), grad) in read.iter().zip(&grads) {
            match grad {
                Some(grad) => gradients.push((*number, *grad)),
                None => unreached.push((*number, *at)),
            }
        }
        let (loss_node, at) = (loss.tensor.node, with.span);
        lines.pending.push(Pending { gradients, loss: loss_node, optimizer, at, counts });
        self.unreached(&unreached, &loss);
    }

    /// Reports the parameters of a line that an earlier line of the phase has: one report a selector.
    fn optimized_twice(&mut self, selected: &[(u32, Span)], lines: &Lines<'a>) {
        let earlier = |number: u32| lines.optimized.iter().find(|(n, _)| *n == number).map(|(_, at)| *at);
        let twice: Vec<(u32, Span, Span)> =
            selected.iter().filter_map(|(number, at)| Some((*number, *at, earlier(*number)?))).collect();
        for (i, (number, at, first)) in twice.iter().enumerate() {
            if twice[..i].iter().any(|(_, before, _)| before == at) {
                continue;
            }
            let path = &self.states[*number as usize].path;
            let more = twice.iter().filter(|(_, other, _)| other == at).count() - 1;
            let headline = match more {
                0 => format!("`{path}` is optimised by two lines"),
                n => format!("`{path}` and {n} more are optimised by two lines"),
            };
            let d = Diagnostic::error(codes::OPTIMIZED_TWICE, *at, headline)
                .origin(Role::Previous, *first, "it is already optimised here")
                .help("`rest` stands for all that no earlier line names");
            self.report(d);
        }
    }

    /// `step`, from 1, and `t = step − 1`, both of the f64 world, of a line that is due every so many steps: at its n-th time the
    /// run is at step n · every, so no count of its own has to be kept.
    fn counts(&mut self, every: u32) -> (Value<'a>, Value<'a>) {
        let handle = self.b.clone();
        let ty = Box::new(TensorType::scalar(DType::I64));
        let t = handle.add(&COUNTER, Attrs::Slot(Slot::Step, ty), &[]).cast(DType::F64);
        let t = if every > 1 { (t + 1.0) / f64::from(every) - 1.0 } else { t };
        let value = |node: Node| Value::Tensor(scalar(node, DType::F64));
        (value((t + 1.0).value), value(t.value))
    }

    /// What `body` makes where the `step`, `t` and `steps` of a line are known.
    pub(super) fn with_counts<T>(
        &mut self,
        counts: &[Value<'a>; 3],
        span: Span,
        body: impl FnOnce(&mut Self) -> T,
    ) -> T {
        const NAMES: [&str; 3] = ["step", "t", "steps"];
        for (name, count) in NAMES.iter().zip(counts) {
            self.bind_given(name, count.clone(), span);
        }
        let [_, t, steps] = counts;
        self.set_clock(t, Some(steps));
        let made = body(self);
        self.frame().clock = None;
        for name in NAMES {
            self.frame().locals.remove(name);
        }
        made
    }

    fn optimizer(&mut self, with: &'a Expr) -> Option<Rc<Closure<'a>>> {
        let value = match self.expr(with) {
            Value::Def(def) if def.kind == DefKind::Optimizer => {
                let settings = self.bind_args(&super::call::callee_of(def), &def.settings, vec![], with.span)?;
                Value::Closure(Rc::new(Closure { def, settings }))
            }
            value => value,
        };
        match value {
            Value::Closure(c) if c.def.kind == DefKind::Optimizer => Some(c),
            other => {
                self.wrong_kind(&other, with.span, "an optimizer");
                None
            }
        }
    }

    /// What the states of an optimizer for a parameter are called after: `Net.w#Adam`, the second time `Net.w#Adam_2`.
    pub(super) fn slot_path(&self, number: u32, optimizer: &Closure<'a>, lines: &mut Lines<'a>) -> String {
        let path = format!("{}#{}", self.states[number as usize].path, optimizer.def.name.text);
        let times = lines.slots.entry(path.clone()).or_insert(0);
        *times += 1;
        if *times == 1 { path } else { format!("{path}_{times}") }
    }

    /// Runs the optimizer's body for one parameter; gives what is stored.
    pub(super) fn update_parameter(
        &mut self,
        number: u32,
        grad: Node,
        optimizer: &Closure<'a>,
        (call, path): (Span, String),
        counts: [&Value<'a>; 3],
    ) -> Option<Node> {
        let current = self.current.get(&number).cloned()?;
        let axes: Vec<Axis> = current.axes.iter().map(|a| Axis::of(a.size.clone())).collect();
        let w = Tensor { axes: axes.clone(), ..current };
        let g = Tensor { node: grad, ..w.clone() };
        let def = optimizer.def;
        if def.inputs.len() != 2 {
            let d =
                Diagnostic::error(codes::WRONG_TYPE, def.name.span, "an optimizer takes a parameter and its gradient");
            self.report(d.help(format!("write `optimizer {}(…)(w: [..], g: [..]) -> [..]`", def.name.text)));
            return None;
        }
        let inputs = vec![Bound { value: Value::Tensor(w), span: call }, Bound { value: Value::Tensor(g), span: call }];
        let [step, t, steps] = counts.map(Clone::clone);
        let rank = Value::Num(Num::int(axes.len() as i64));
        let value = self.instantiate(def, &optimizer.settings, inputs, call, path, |this| {
            this.bind_given("rank", rank, call);
            this.bind_given("step", step, call);
            this.set_clock(&t, Some(&steps));
            this.bind_given("t", t, call);
            this.bind_given("steps", steps, call);
        });
        let new = self.fill(&value, call, &axes, self.precision)?;
        Some(self.store(number, new.node))
    }
}
