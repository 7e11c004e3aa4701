//! Rates: numbers, schedules, and what is computed from them, as functions of the time t of an optimize line.
//!
//! A schedule is elaborated once for each time that it is asked for, on a local in the place of t; the time is then put in. What a
//! rate was computed to at one time, `2 * r`, is had at another one in the same way.

use super::Elab;
use super::meet::scalar;
use super::value::{Clock, Closure, Rate, Tensor, Value};
use crate::ir::builder::Val;
use crate::ir::graph::{Graph, NodeId, Value as Node};
use crate::ir::types::{DType, TensorType};
use nnc_grammar::ast::{DefKind, IndexItem};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;
use std::collections::{BTreeSet, HashMap};

impl<'a> Elab<'a> {
    /// Rates of this body are taken at this `t` of a run of so many `steps`.
    pub(super) fn set_clock(&mut self, t: &Value<'a>, steps: Option<&Value<'a>>) {
        if let Value::Tensor(t) = t {
            self.frame().clock = Some(Clock { t: t.node, steps: steps.cloned().map(Box::new) });
        }
    }

    /// A rate is the number it is at this step.
    pub(super) fn now(&mut self, value: Value<'a>, span: Span) -> Value<'a> {
        let is_rate = match &value {
            Value::Closure(c) => c.def.kind == DefKind::Schedule,
            value => matches!(value, Value::Rate(_)),
        };
        if !is_rate {
            return value;
        }
        if self.frame().graph != self.graph_number {
            let d =
                Diagnostic::error(codes::NOT_CONSTANT, span, "an initial value cannot depend on a value of the step");
            return self.fail(d.label("a rate is known only while the program runs"));
        }
        match (value, self.frame().clock.clone()) {
            (Value::Closure(schedule), Some(clock)) => self.schedule_at(&schedule, clock.t),
            (Value::Rate(rate), Some(clock)) => self.number_at(&rate, clock.t),
            (Value::Rate(rate), None) => Value::Tensor(rate.number),
            (other, _) => {
                let d = Diagnostic::error(codes::MISPLACED, span, "a schedule has a value only in an optimizer");
                self.fail(d.label(format!("this is {}", other.kind())))
            }
        }
    }

    /// A value for a place that takes numbers: a rate is one where its time is known.
    pub(super) fn as_number(&mut self, value: Value<'a>, span: Span) -> Value<'a> {
        let known = self.frame().clock.is_some() || matches!(value, Value::Rate(_));
        if known { self.now(value, span) } else { value }
    }

    /// What a parameter declared `rate` holds: a number of the step together with the time that it was made from.
    pub(super) fn as_rate(&mut self, value: Value<'a>) -> Value<'a> {
        match (value, &self.frame().clock) {
            (Value::Tensor(number), Some(clock)) => Value::Rate(Rate { number, t: clock.t }),
            (value, _) => value,
        }
    }

    /// `r[e]`: a rate at another time.
    pub(super) fn rate_elsewhere(&mut self, rate: Value<'a>, items: &'a [IndexItem], span: Span) -> Value<'a> {
        let [IndexItem::At(at)] = items else {
            return self.fail(Diagnostic::error(
                codes::WRONG_KIND,
                span,
                "a rate is evaluated at one time: `r[t - n]`",
            ));
        };
        let value = self.expr(at);
        if matches!(value, Value::Invalid) {
            return value;
        }
        let Some(time) = self.scalar_node(&value, at.span) else { return Value::Invalid };
        match self.as_rate(rate) {
            Value::Closure(schedule) if schedule.def.kind == DefKind::Schedule => {
                self.schedule_at(&schedule, time.node)
            }
            Value::Rate(rate) => self.number_at(&rate, time.node),
            // A constant rate is the same at any time.
            number @ (Value::Num(_) | Value::Tensor(_)) => number,
            other => self.wrong_kind(&other, span, "a rate"),
        }
    }

    /// The value of a schedule at a time.
    fn schedule_at(&mut self, schedule: &Closure<'a>, time: Node) -> Value<'a> {
        let def = schedule.def;
        let span = def.name.span;
        let steps = self.frame().clock.as_ref().and_then(|clock| clock.steps.as_deref().cloned());
        let handle = self.b.clone();
        let t = handle.local(TensorType::scalar(DType::F64));
        let number = |v: Val<'_>| Value::Tensor(scalar(v.value, DType::F64));
        let (now, step) = (number(t), number(t + 1.0));
        let (settings, inputs) =
            if def.two_lists { (schedule.settings.clone(), vec![]) } else { (vec![], schedule.settings.clone()) };
        let call = self.frame().call;
        let path = self.frame().path.clone();
        let value = self.instantiate(def, &settings, inputs, call, path, |this| {
            this.set_clock(&now, steps.as_ref());
            this.bind_given("t", now, span);
            this.bind_given("step", step, span);
            if let Some(steps) = steps {
                this.bind_given("steps", steps, span);
            }
        });
        if matches!(value, Value::Invalid) {
            return value;
        }
        match self.scalar_node(&value, span) {
            Some(number) => self.number_at(&Rate { number, t: t.value }, time),
            None => Value::Invalid,
        }
    }

    /// The number that a rate is at a time: all that is made from its t made again from that time.
    fn number_at(&mut self, rate: &Rate, time: Node) -> Value<'a> {
        let handle = self.b.clone();
        let value = rate.number.node;
        let mut again: HashMap<Node, Node> = HashMap::from([(rate.t, time)]);
        let nodes = behind(&handle.graph(), value, rate.t);
        for id in nodes {
            let node = handle.graph().node(id).clone();
            if !node.operands.iter().any(|v| again.contains_key(v)) {
                continue;
            }
            let operands: Vec<_> =
                node.operands.iter().map(|v| handle.val(again.get(v).copied().unwrap_or(*v))).collect();
            // Both times are numbers in f64, so all types stay.
            let new = handle.add(node.op, node.attrs, &operands).value.node;
            let ports = 0..node.types.len() as u16;
            again.extend(ports.map(|port| (Node { node: id, port }, Node { node: new, port })));
        }
        let node = again.get(&value).copied().unwrap_or(value);
        Value::Tensor(Tensor { node, ..rate.number.clone() })
    }
}

/// The nodes that a value is made from and that stand behind `t`, in their order: only these can be made from t.
fn behind(graph: &Graph, value: Node, t: Node) -> BTreeSet<NodeId> {
    let mut found = BTreeSet::new();
    let mut open = vec![value];
    while let Some(v) = open.pop() {
        if v.node > t.node && found.insert(v.node) {
            open.extend(&graph.node(v.node).operands);
        }
    }
    found
}
