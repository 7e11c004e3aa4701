//! Steps by batch size, and one pass of evaluation.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};

use super::accumulate::Accumulator;
use super::feed::Feed;
use super::figures::Figures;
use super::plan::{FigureSpec, Role, StateSpec};
use crate::buffer::Buffer;
use crate::kernels::pool::Pool;
use crate::step::{Step, StepIo};

/// The steps of one mode, one for each batch size.
#[derive(Default)]
pub struct Steps {
    by_rows: Vec<ByRows>,
}

/// The step of one batch size.
struct ByRows {
    rows: usize,
    step: Box<dyn Step>,
    /// For each figure that is wanted, which of the step's outputs it is.
    figures: Vec<usize>,
}

impl Steps {
    /// None yet.
    pub fn new() -> Steps {
        Steps::default()
    }

    /// Adds the step for batches of `rows` rows.
    pub fn insert(&mut self, rows: usize, step: Box<dyn Step>) {
        self.by_rows.push(ByRows { rows, step, figures: vec![] });
    }

    /// The step for batches of `rows` rows.
    ///
    /// # Panics
    ///
    /// When it was not made. [`Plan::batch_sizes`](super::Plan::batch_sizes) lists those to make.
    pub fn of(&mut self, rows: usize) -> &mut dyn Step {
        self.reporting(rows).0
    }

    /// The step for batches of `rows` rows, and which of its outputs the figures of [`Steps::report`] are.
    ///
    /// # Panics
    ///
    /// When it was not made.
    pub(crate) fn reporting(&mut self, rows: usize) -> (&mut dyn Step, &[usize]) {
        match self.by_rows.iter_mut().find(|entry| entry.rows == rows) {
            Some(entry) => (entry.step.as_mut(), &entry.figures),
            None => panic!("no step was made for batches of {rows} rows"),
        }
    }

    /// Bytes of working memory of all steps.
    pub fn arena_bytes(&self) -> usize {
        self.by_rows.iter().map(|entry| entry.step.arena_bytes()).sum()
    }

    /// Finds the figures among the outputs of every step.
    ///
    /// # Panics
    ///
    /// When a step does not report one, with its shape: the compiler made figures and steps from different programs.
    pub(crate) fn report(&mut self, figures: &[FigureSpec]) {
        for ByRows { rows, step, figures: places } in &mut self.by_rows {
            let place = |figure: &FigureSpec| {
                let found = step.outputs().iter().position(|o| o.name == figure.name && o.shape == figure.shape);
                match found {
                    Some(place) => place,
                    None => {
                        panic!("the step for {rows} rows does not report `{}` of shape {:?}", figure.name, figure.shape)
                    }
                }
            };
            *places = figures.iter().map(place).collect();
        }
    }
}

/// What a step needs beside states and inputs, the same for all steps of a run.
#[derive(Clone, Copy)]
pub(crate) struct Machine<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) threads_always: bool,
    pub(crate) seed: u64,
    pub(crate) interrupt: &'a AtomicBool,
}

/// Why a pass has no figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The guarded loss of this batch, from 0, is not finite.
    NotFinite(usize),
    /// The run is to end.
    Interrupted,
}

/// Evaluates parts of the data: all figures, in batches, metrics with state reset before each pass.
pub struct Evaluator {
    steps: Steps,
    batch: NonZeroUsize,
    accumulator: Accumulator,
    /// Metric states as they are before a pass.
    initial: Vec<(usize, Buffer)>,
}

impl Evaluator {
    /// An evaluator of these steps. `states` hold initial values, which metrics return to before each pass.
    ///
    /// # Panics
    ///
    /// When a step does not report a figure.
    pub fn new(
        mut steps: Steps,
        batch: NonZeroUsize,
        figures: &[FigureSpec],
        specs: &[StateSpec],
        states: &[Buffer],
    ) -> Evaluator {
        steps.report(figures);
        let metrics = specs.iter().zip(states).enumerate().filter(|(_, (spec, _))| spec.role == Role::Metric);
        let initial = metrics.map(|(number, (_, state))| (number, state.clone())).collect();
        Evaluator { steps, batch, accumulator: Accumulator::new(figures.iter().cloned()), initial }
    }

    /// One pass over `rows`; no figures when there are none.
    pub(crate) fn pass(
        &mut self,
        feed: &Feed<'_>,
        rows: &[u32],
        states: &mut [Buffer],
        inputs: &mut [Buffer],
        machine: Machine<'_>,
    ) -> Result<Figures, Halt> {
        if rows.is_empty() {
            return Ok(Figures::default());
        }
        for (number, initial) in &self.initial {
            states[*number].as_mut_slice().copy_from_slice(initial.as_slice());
        }
        self.accumulator.clear();
        for (index, rows) in rows.chunks(self.batch.get()).enumerate() {
            if machine.interrupt.load(Ordering::Relaxed) {
                return Err(Halt::Interrupted);
            }
            feed.fill(rows, inputs);
            let (step, figures) = self.steps.reporting(rows.len());
            let mut io = StepIo {
                states,
                inputs,
                seed: machine.seed.cast_signed(),
                step: index as i64,
                pool: machine.pool,
                threads_always: machine.threads_always,
            };
            step.run(&mut io).map_err(|_| Halt::NotFinite(index))?;
            self.accumulator.add(step, figures, rows.len());
        }
        Ok(self.accumulator.figures())
    }

    /// Evaluates `rows` outside a run: the figures, or the batch (from 0) whose loss is not finite.
    pub fn evaluate(
        &mut self,
        feed: &Feed<'_>,
        rows: &[u32],
        states: &mut [Buffer],
        inputs: &mut [Buffer],
        (pool, threads_always, seed): (&Pool, bool, u64),
    ) -> Result<Figures, usize> {
        let machine = Machine { pool, threads_always, seed, interrupt: &AtomicBool::new(false) };
        self.pass(feed, rows, states, inputs, machine).map_err(|halt| match halt {
            Halt::NotFinite(batch) => batch,
            Halt::Interrupted => unreachable!("nobody can set the flag"),
        })
    }
}
