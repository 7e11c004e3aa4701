//! `average: rate`: beside each parameter w that the block optimises, an average ā of the values that it has had,
//! ā ← ā + r · (w − ā) after every update, with r the rate at that update. It begins as the parameter does.
//!
//! Evaluation and prediction read averages in place of parameters, so that they are what is watched, kept and used.

use super::value::{Axis, Tensor, Value};
use super::{Elab, Mode};
use crate::ir::graph::Value as Node;
use crate::program::{Role as StateRole, State};
use nnc_grammar::ast::Expr;
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;
use nnc_runtime::train::AVERAGE;

impl<'a> Elab<'a> {
    /// The rate of the averages at an update of a line with these `step`, `t` and `steps`.
    pub(super) fn average_rate(&mut self, rate: &'a Expr, counts: &[Value<'a>; 3]) -> Option<Node> {
        let number = self.with_counts(counts, rate.span, |this| this.rate_of_average(rate));
        let handle = self.b.clone();
        number.map(|rate| handle.val(rate.node).cast(self.precision).value)
    }

    fn rate_of_average(&mut self, rate: &'a Expr) -> Option<Tensor> {
        match self.expr(rate) {
            Value::Num(ref n) if !(0.0..=1.0).contains(&n.to_f64()) => {
                let d =
                    Diagnostic::error(codes::OUT_OF_RANGE, rate.span, "the rate of an average lies between 0 and 1");
                let d = d.label(format!("this is {}", n.to_f64()));
                self.report(d.help("`ema(0.999)` and `swa()` are schedules of the library for it"));
                None
            }
            Value::Invalid => None,
            value => self.scalar_node(&value, rate.span),
        }
    }

    /// Moves the average of a parameter towards its new value.
    pub(super) fn average(&mut self, parameter: u32, new: Node, rate: Node, at: Span) {
        let number = match self.averages.get(&parameter) {
            Some(number) => *number,
            None => self.begin_average(parameter, at),
        };
        self.here(at);
        let handle = self.b.clone();
        let axes: Vec<Axis> = handle.graph().ty(new).shape.iter().cloned().map(Axis::of).collect();
        let old = self.read_state(number, axes);
        let (average, new, rate) = (handle.val(old.node), handle.val(new), handle.val(rate));
        let next = average + (new - average) * rate.broadcast(average.ty().shape, vec![]);
        let stored = self.store(number, next.value);
        self.current.insert(number, Tensor { node: stored, ..old });
    }

    fn begin_average(&mut self, parameter: u32, at: Span) -> u32 {
        let State { path, ty, .. } = self.states[parameter as usize].clone();
        let site = self.here(at);
        let number = self.new_state(State { path: path + AVERAGE, ty, role: StateRole::Average, site });
        let initialise = self.initialise.clone();
        if let Some(first) = initialise.updated(parameter) {
            initialise.update(number, first);
        }
        self.averages.insert(parameter, number);
        number
    }

    /// The state that holds a parameter's value in the mode being elaborated.
    pub(super) fn holder(&self, number: u32) -> u32 {
        match self.mode {
            Mode::Evaluate | Mode::Predict => self.averages.get(&number).copied().unwrap_or(number),
            Mode::Initialise | Mode::Train => number,
        }
    }
}
