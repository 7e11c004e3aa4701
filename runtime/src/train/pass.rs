//! Steps by the free sizes of a batch, and one pass of evaluation.

use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::accumulate::{Accumulator, Reported};
use super::figures::Figures;
use super::parts::{Companions, Parts};
use super::plan::{FigureSpec, Gather, Part, Role, StateSpec, weight_of};
use crate::buffer::Buffer;
use crate::kernels::pool::Pool;
use crate::step::{Step, StepIo};

/// Makes the step for these free sizes: rows, then each padded axis of the program.
pub type Make<'a> = dyn Fn(&[usize]) -> Result<Box<dyn Step>, Box<dyn Error + Send + Sync>> + 'a;

/// The steps of one mode, one for each combination of free sizes, made when it first occurs.
pub struct Steps<'a> {
    make: Box<Make<'a>>,
    made: Vec<Made>,
    /// What each of them reports.
    figures: Vec<FigureSpec>,
    /// Whether none of these may be left out.
    all: bool,
}

/// The step of one combination.
struct Made {
    sizes: Vec<usize>,
    step: Box<dyn Step>,
    /// For each figure that is wanted, which of the step's outputs it is, if it is one.
    figures: Vec<Option<Reported>>,
}

/// Why there is no step for a batch.
#[derive(Clone, Debug)]
pub struct NoStep {
    /// The free sizes.
    pub sizes: Vec<usize>,
    /// What who makes steps says.
    pub error: Arc<dyn Error + Send + Sync>,
}

impl PartialEq for NoStep {
    fn eq(&self, other: &NoStep) -> bool {
        self.sizes == other.sizes && self.error.to_string() == other.error.to_string()
    }
}

impl<'a> Steps<'a> {
    /// None yet.
    pub fn new(make: Box<Make<'a>>) -> Steps<'a> {
        Steps { make, made: vec![], figures: vec![], all: false }
    }

    /// Adds a step that is made already.
    pub fn insert(&mut self, sizes: Vec<usize>, step: Box<dyn Step>) {
        let figures = places(step.as_ref(), &self.figures, self.all);
        self.made.push(Made { sizes, step, figures });
    }

    /// The step for these sizes.
    ///
    /// # Errors
    /// When it cannot be made.
    ///
    /// # Panics
    /// When it does not report a figure: see [`Steps::report`].
    pub fn of(&mut self, sizes: &[usize]) -> Result<&mut dyn Step, NoStep> {
        Ok(self.reporting(sizes)?.0)
    }

    /// The step for these sizes, and which of its outputs the figures of [`Steps::report`] are.
    ///
    /// # Errors
    /// When it cannot be made.
    ///
    /// # Panics
    /// When it does not report a figure.
    pub(crate) fn reporting(&mut self, sizes: &[usize]) -> Result<(&mut dyn Step, &[Option<Reported>]), NoStep> {
        let place = match self.made.iter().position(|made| made.sizes == sizes) {
            Some(place) => place,
            None => {
                let step =
                    (self.make)(sizes).map_err(|error| NoStep { sizes: sizes.to_vec(), error: Arc::from(error) })?;
                self.insert(sizes.to_vec(), step);
                self.made.len() - 1
            }
        };
        let made = &mut self.made[place];
        Ok((made.step.as_mut(), &made.figures))
    }

    /// Says which figures are wanted of every step; `all` of them, or those that a step does not leave out.
    ///
    /// # Panics
    ///
    /// When a step should report one and does not, with its shape: the compiler made figures and steps from different programs.
    pub(crate) fn report(&mut self, figures: &[FigureSpec], all: bool) {
        (self.figures, self.all) = (figures.to_vec(), all);
        for made in &mut self.made {
            made.figures = places(made.step.as_ref(), figures, all);
        }
    }
}

/// Where a step reports these figures.
fn places(step: &dyn Step, figures: &[FigureSpec], all: bool) -> Vec<Option<Reported>> {
    let place = |name: &str, shape: &[usize]| step.outputs().iter().position(|o| o.name == name && o.shape == shape);
    let reported = |figure: &FigureSpec| {
        let value = place(&figure.name, &figure.shape);
        assert!(value.is_some() || !all, "a step does not report `{}` of shape {:?}", figure.name, figure.shape);
        let weighed = figure.gather == Gather::MeanByWeight && value.is_some();
        let weight = weighed.then(|| {
            let weight = place(&weight_of(&figure.name), &[]);
            weight.unwrap_or_else(|| panic!("a step does not report what it weighs in `{}`", figure.name))
        });
        value.map(|value| Reported { value, weight })
    };
    figures.iter().map(reported).collect()
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
#[derive(Clone, Debug)]
pub enum Halt {
    /// The guarded loss of this batch, from 0, is not finite.
    NotFinite(usize),
    /// There is no step for a batch.
    NoStep(NoStep),
    /// The run is to end.
    Interrupted,
}

/// Evaluates parts of the data: all figures, in batches, metrics with state reset before each pass.
pub struct Evaluator<'a> {
    steps: Steps<'a>,
    batch: NonZeroUsize,
    accumulator: Accumulator,
    /// Metric states as they are before a pass.
    initial: Vec<(usize, Buffer)>,
    /// The free sizes of the batch in progress.
    sizes: Vec<usize>,
    companions: Companions,
}

impl<'a> Evaluator<'a> {
    /// An evaluator of these steps. `states` hold initial values, which metrics return to before each pass.
    ///
    /// # Panics
    ///
    /// When a step does not report a figure.
    pub fn new(
        mut steps: Steps<'a>,
        batch: NonZeroUsize,
        figures: &[FigureSpec],
        specs: &[StateSpec],
        states: &[Buffer],
    ) -> Evaluator<'a> {
        steps.report(figures, true);
        let metrics = specs.iter().zip(states).enumerate().filter(|(_, (spec, _))| spec.role == Role::Metric);
        let initial = metrics.map(|(number, (_, state))| (number, state.clone())).collect();
        Evaluator {
            steps,
            batch,
            accumulator: Accumulator::new(figures.iter().cloned()),
            initial,
            sizes: vec![],
            companions: Companions::default(),
        }
    }

    /// One pass over the rows of a part; no figures when there are none.
    pub(crate) fn pass(
        &mut self,
        parts: &Parts<'_>,
        part: Part,
        states: &mut [Buffer],
        inputs: &mut [Buffer],
        machine: Machine<'_>,
    ) -> Result<Figures, Halt> {
        let rows = parts.rows(part);
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
            let memory = (&mut self.sizes, &mut self.companions);
            parts.fill(part, rows, ((index * self.batch.get()) as u64, None), inputs, memory);
            let (step, figures) = self.steps.reporting(&self.sizes).map_err(Halt::NoStep)?;
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

    /// Evaluates a part outside a run.
    pub fn evaluate(
        &mut self,
        parts: &Parts<'_>,
        part: Part,
        states: &mut [Buffer],
        inputs: &mut [Buffer],
        (pool, threads_always, seed): (&Pool, bool, u64),
    ) -> Result<Figures, Halt> {
        let machine = Machine { pool, threads_always, seed, interrupt: &AtomicBool::new(false) };
        self.pass(parts, part, states, inputs, machine)
    }
}
