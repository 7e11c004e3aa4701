//! The end of a phase: gradients that its optimize lines have asked for are added up over batches (`accumulate: k`), shortened (`clip:
//! c`) and handed to the optimizers.
//!
//! - Accumulation: each batch adds rows · g to what is held for a parameter, and its rows to the rows held; at every k-th step the
//!   sum over the rows takes the place of g, and both begin again at 0. So a batch weighs as much as it has rows.
//! - Clipping: with n the norm of all gradients that are taken of one loss, each is multiplied by min(1, c / (n + 10⁻⁶)).

use super::Elab;
use super::data::BATCH;
use super::train::Lines;
use super::value::{Closure, Value};
use crate::ir::attrs::{Attrs, Slot};
use crate::ir::builder::{Builder, Val};
use crate::ir::dim::Dim;
use crate::ir::graph::Value as Node;
use crate::ir::types::TensorType;
use crate::ops::binary::MIN;
use crate::ops::source::SIZE;
use crate::ops::unary::SQRT;
use crate::program::{Role as StateRole, State};
use nnc_grammar::span::Span;
use std::rc::Rc;

/// Where the rows are counted that gradients have been added up over.
const ROWS: &str = "#rows";

/// What keeps the factor of a gradient without length finite.
const SMALLEST_NORM: f64 = 1e-6;

/// The gradients of an optimize line.
pub(super) struct Pending<'a> {
    /// Parameters with their gradients.
    pub(super) gradients: Vec<(u32, Node)>,
    /// Of which loss.
    pub(super) loss: Node,
    /// What changes the parameters.
    pub(super) optimizer: Rc<Closure<'a>>,
    /// Where it is written.
    pub(super) at: Span,
    /// `step`, `t` and `steps` of the line.
    pub(super) counts: [Value<'a>; 3],
}

impl<'a> Elab<'a> {
    /// Changes the parameters of a phase.
    pub(super) fn change(&mut self, lines: &mut Lines<'a>) {
        let mut pending = std::mem::take(&mut lines.pending);
        let due = lines.due.as_ref().is_none_or(|(cadences, kind)| cadences.is_due(*kind, lines.accumulate));
        if lines.accumulate > 1 && !pending.is_empty() {
            self.accumulate(&mut pending, due);
        }
        if !due {
            return;
        }
        if let Some(most) = lines.clip {
            self.clip(&mut pending, most);
        }
        for Pending { gradients, optimizer, at, counts, .. } in pending {
            let rate = lines.average.and_then(|rate| self.average_rate(rate, &counts));
            for (number, gradient) in gradients {
                let path = self.slot_path(number, &optimizer, lines);
                let [step, t, steps] = &counts;
                let new = self.update_parameter(number, gradient, &optimizer, (at, path), [step, t, steps]);
                if let (Some(new), Some(rate)) = (new, rate) {
                    self.average(number, new, rate, at);
                }
            }
        }
    }

    fn accumulate(&mut self, pending: &mut [Pending<'a>], due: bool) {
        let handle = self.b.clone();
        if let Some(first) = pending.first() {
            self.here(first.at);
        }
        let scalar = TensorType::scalar(self.precision);
        let of_batch = handle.add(&SIZE, Attrs::Size(self.precision, Dim::sym(BATCH)), &[]);
        let rows = self.zero_state(&handle, ROWS.to_owned(), scalar);
        let (number, rows) = (rows.0, rows.1 + of_batch);
        handle.update(number, if due { rows.splat(0.0) } else { rows });
        for line in pending {
            self.here(line.at);
            for (parameter, gradient) in &mut line.gradients {
                let g = handle.val(*gradient);
                let ty = g.ty();
                let path = format!("{}#gradient", self.states[*parameter as usize].path);
                let (number, held) = self.zero_state(&handle, path, ty.clone());
                let sum = held + g * of_batch.broadcast(ty.shape.clone(), vec![]);
                handle.update(number, if due { sum.splat(0.0) } else { sum });
                *gradient = (sum / rows.broadcast(ty.shape, vec![])).value;
            }
        }
    }

    fn clip(&mut self, pending: &mut [Pending<'a>], most: f64) {
        let handle = self.b.clone();
        let mut losses: Vec<Node> = pending.iter().map(|line| line.loss).collect();
        losses.sort_unstable();
        losses.dedup();
        for loss in losses {
            let mut lines: Vec<&mut Pending<'a>> = pending.iter_mut().filter(|line| line.loss == loss).collect();
            if let Some(first) = lines.first() {
                self.here(first.at);
            }
            let squares = lines.iter().flat_map(|line| &line.gradients).map(|(_, g)| {
                let g = handle.val(*g);
                (g * g).sum(&Vec::from_iter(0..g.ty().rank()))
            });
            let Some(sum) = squares.reduce(|a, b| a + b) else { continue };
            let factor = most / (sum.unary(&SQRT) + SMALLEST_NORM);
            let factor = factor.binary(&MIN, factor.splat(1.0));
            for (_, gradient) in lines.iter_mut().flat_map(|line| &mut line.gradients) {
                let g = handle.val(*gradient);
                *gradient = (g * factor.broadcast(g.ty().shape, vec![])).value;
            }
        }
    }

    /// A state of the training, 0 at first, with its value in the step.
    fn zero_state<'b>(&mut self, handle: &'b Builder, path: String, ty: TensorType) -> (u32, Val<'b>) {
        let number = match self.state_numbers.get(&path) {
            Some(number) => *number,
            None => {
                let site = self.here(self.frames.last().map_or(Span::new(self.items.main, 0, 0), |f| f.call));
                self.new_zero_state(State { path, ty: ty.clone(), role: StateRole::Slot, site })
            }
        };
        (number, handle.read(Slot::State(number), ty))
    }
}
