//! The loop: epochs of batches, evaluation, the rules of the `train` block, files.
//!
//! The order of events is fixed: `start`; then for each epoch its `step`s, `epoch`, perhaps `best`, perhaps `stopped`;
//! then `end`. After an interruption there is no further event.
//!
//! Figures at the end are those of the kept weights when a `keep` line chose some, else those of the last. Rows are in the
//! order of the file, or in a permutation drawn from the seed at the epoch's number (from 1; number 0 is the split's).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::accumulate::Accumulator;
use super::event::{Event, Weights};
use super::figures::Figures;
use super::folder::Folder;
use super::parts::{Companions, Parts};
use super::pass::{Evaluator, Halt, Machine, NoStep, Steps};
use super::plan::{Order, Part, Plan, StateSpec};
use super::progress::Progress;
use super::rules::judge;
use crate::buffer::Buffer;
use crate::checkpoint::CheckpointError;
use crate::data::batch::Epoch;
use crate::kernels::philox::permutation;
use crate::kernels::pool::Pool;
use crate::step::StepIo;

/// Everything that a run works on.
pub struct Job<'a> {
    /// What it is told.
    pub plan: &'a Plan,
    /// The program's states.
    pub specs: &'a [StateSpec],
    /// Their values, by number: initial, or those to go on from.
    pub states: &'a mut [Buffer],
    /// Buffers for the program's inputs, of the full batch.
    pub inputs: &'a mut [Buffer],
    /// The rows.
    pub parts: &'a Parts<'a>,
    /// Train steps, for each kind of step that the plan's cadences make.
    pub steps: Vec<Steps<'a>>,
    /// The evaluator.
    pub evaluator: Evaluator<'a>,
    /// How far the run has come; changed as it goes on, so that it is known after an interruption.
    pub progress: &'a mut Progress,
    /// The weights that the `keep` line chose, as [`weights_of`] gives them; on entry those of an earlier part of the run,
    /// whose epoch `progress` names.
    pub kept: &'a mut Option<Vec<Buffer>>,
    /// Where files go.
    pub folder: Option<&'a mut Folder>,
    /// The threads.
    pub pool: &'a Pool,
    /// Use all of them even where that gains nothing.
    pub threads_always: bool,
    /// Set from outside to end the run at the next step.
    pub interrupt: &'a AtomicBool,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It came to its end.
    Finished,
    /// It was interrupted; states and progress say where it goes on, and the folder, if there is one, holds them.
    Interrupted,
}

/// Why a run failed. The folder holds what was written before.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The loss is not finite. No state has changed in that step.
    NotFinite {
        /// In which part.
        part: Part,
        /// The step that failed, from 1; in an evaluation the steps taken before it.
        step: u64,
        /// Its epoch, from 1.
        epoch: u64,
        /// The rows of the batch, from 0, numbers in the table of the part.
        rows: Vec<u32>,
    },
    /// There is no step for a batch.
    NoStep(NoStep),
    /// A file cannot be written.
    Save(CheckpointError),
}

impl From<CheckpointError> for Failure {
    fn from(error: CheckpointError) -> Failure {
        Failure::Save(error)
    }
}

/// Trains, evaluates and saves; see the module for the order of events.
///
/// # Panics
///
/// When there is no kind of step that occurs, or a step does not report a figure.
pub fn run(job: Job<'_>, sink: &mut dyn FnMut(&Event)) -> Result<Outcome, Failure> {
    Run::new(job, sink).go()
}

/// Why an epoch ended.
enum Ended {
    /// All its batches are done, or the limit of steps is reached.
    Done,
    Interrupted,
}

/// Copies of parameters and statistics by the numbers of their states; the places of other states are empty.
pub fn weights_of(specs: &[StateSpec], states: &[Buffer]) -> Vec<Buffer> {
    let copy =
        |(spec, state): (&StateSpec, &Buffer)| if spec.role.is_weight() { state.clone() } else { Buffer::zeroed(0) };
    specs.iter().zip(states).map(copy).collect()
}

/// Exchanges the weights among `states` with those of [`weights_of`].
fn swap_weights(specs: &[StateSpec], states: &mut [Buffer], weights: &mut [Buffer]) {
    for ((spec, state), weight) in specs.iter().zip(states).zip(weights) {
        if spec.role.is_weight() {
            std::mem::swap(state, weight);
        }
    }
}

/// What was done in this process since a count began.
#[derive(Clone, Copy, Default)]
struct Work {
    rows: u64,
    seconds: f64,
}

struct Run<'a, 'b> {
    job: Job<'a>,
    sink: &'b mut dyn FnMut(&Event),
    machine: Machine<'a>,
    training: Accumulator,
    order: Epoch,
    /// The free sizes of the batch in progress.
    sizes: Vec<usize>,
    companions: Companions,
    /// Of the epoch in progress.
    work: Work,
    /// Seconds in steps of all epochs before.
    seconds: f64,
    /// Figures of the rows held out, after the last epoch.
    valid: Option<Figures>,
}

impl<'a, 'b> Run<'a, 'b> {
    fn new(mut job: Job<'a>, sink: &'b mut dyn FnMut(&Event)) -> Run<'a, 'b> {
        let reported: Vec<_> = job.plan.figures.iter().filter(|figure| figure.in_training).cloned().collect();
        for (kind, steps) in job.steps.iter_mut().enumerate() {
            steps.report(&reported, kind == 0);
        }
        let mut training = Accumulator::new(reported.into_iter());
        job.progress.recall(&mut training);
        let machine = Machine {
            pool: job.pool,
            threads_always: job.threads_always,
            seed: job.plan.seed,
            interrupt: job.interrupt,
        };
        let order = Epoch::new(job.parts.rows(Part::Train), job.plan.batch);
        Run {
            job,
            sink,
            machine,
            training,
            order,
            sizes: vec![],
            companions: Companions::default(),
            work: Work::default(),
            seconds: 0.0,
            valid: None,
        }
    }

    fn go(mut self) -> Result<Outcome, Failure> {
        self.announce();
        if self.job.kept.is_some() {
            self.write_best()?;
        }
        while !self.is_over() {
            match self.epoch()? {
                Ended::Done if self.close_epoch()? => {}
                _ => {
                    self.write_last()?;
                    return Ok(Outcome::Interrupted);
                }
            }
        }
        if self.valid.is_none() {
            // There was nothing left to train; in all other cases the last epoch was saved.
            self.write_best()?;
            self.write_last()?;
        }
        self.finish()
    }

    /// Writes the weights that the figures at the end will belong to: those kept, else the last.
    fn write_best(&mut self) -> Result<(), Failure> {
        if let Some(folder) = &self.job.folder {
            let weights = self.job.kept.as_deref().unwrap_or(self.job.states);
            folder.write_best(self.job.plan, self.job.specs, weights)?;
        }
        Ok(())
    }

    /// Notes the progress and writes all state.
    fn write_last(&mut self) -> Result<(), Failure> {
        self.job.progress.note(&self.training);
        if let Some(folder) = &self.job.folder {
            let (plan, rows) = (self.job.plan, self.order.rows());
            folder.write_last(plan, rows, self.job.progress, self.job.specs, self.job.states)?;
        }
        Ok(())
    }

    fn announce(&mut self) {
        let (plan, progress, parts) = (self.job.plan, &*self.job.progress, self.job.parts);
        let steps_per_epoch = self.order.batches() as u64;
        let all = plan.epochs.saturating_mul(steps_per_epoch);
        let steps = plan.steps.map_or(all, |steps| steps.min(all));
        (self.sink)(&Event::Start {
            step: progress.step,
            epoch: progress.epoch,
            epochs: plan.epochs.min(steps.div_ceil(steps_per_epoch.max(1))),
            steps_per_epoch,
            steps,
            train_rows: parts.rows(Part::Train).len(),
            valid_rows: parts.rows(Part::Valid).len(),
            test_rows: parts.rows(Part::Test).len(),
        });
    }

    fn step_limit_reached(&self) -> bool {
        self.job.plan.steps.is_some_and(|steps| self.job.progress.step >= steps)
    }

    fn is_over(&self) -> bool {
        let (plan, progress) = (self.job.plan, &*self.job.progress);
        let stopped = plan.stop.as_ref().is_some_and(|(patience, _)| progress.stop_waited >= (*patience).max(1));
        stopped || progress.epoch >= plan.epochs || self.step_limit_reached()
    }

    /// The batches from the cursor on.
    fn epoch(&mut self) -> Result<Ended, Failure> {
        let plan = self.job.plan;
        let number = self.job.progress.epoch + 1;
        let part = self.job.parts.rows(Part::Train);
        if plan.order == Order::Shuffled {
            // A table has at most u32::MAX rows.
            let places: Vec<u32> = permutation(plan.seed, number, part.len()).into_iter().map(|p| p as u32).collect();
            self.order.shuffle(part, &places);
        }
        if self.job.progress.cursor == 0 {
            self.training.clear();
        }
        let shuffled = (plan.order == Order::Shuffled).then_some(plan.seed);
        while let Some(rows) = usize::try_from(self.job.progress.cursor).ok().and_then(|i| self.order.batch(i)) {
            if self.job.interrupt.load(Ordering::Relaxed) {
                return Ok(Ended::Interrupted);
            }
            if self.step_limit_reached() {
                return Ok(Ended::Done);
            }
            let Progress { epoch, cursor, .. } = *self.job.progress;
            let before = epoch * part.len() as u64 + cursor * plan.batch.get() as u64;
            let begin = Instant::now();
            let (parts, memory) = (self.job.parts, (&mut self.sizes, &mut self.companions));
            parts.fill(Part::Train, rows, (before, shuffled), self.job.inputs, memory);
            let kind = plan.cadences.kind_of(self.job.progress.step + 1);
            let (step, figures) = self.job.steps[kind].reporting(&self.sizes).map_err(Failure::NoStep)?;
            let mut io = StepIo {
                states: self.job.states,
                inputs: self.job.inputs,
                seed: plan.seed.cast_signed(),
                step: self.job.progress.step.cast_signed(),
                pool: self.machine.pool,
                threads_always: self.machine.threads_always,
            };
            if step.run(&mut io).is_err() {
                let step = self.job.progress.step + 1;
                return Err(Failure::NotFinite { part: Part::Train, step, epoch: number, rows: rows.to_vec() });
            }
            self.work.seconds += begin.elapsed().as_secs_f64();
            self.work.rows += rows.len() as u64;
            let loss = self.training.add(step, figures, rows.len());
            self.job.progress.step += 1;
            self.job.progress.cursor += 1;
            let step = self.job.progress.step;
            (self.sink)(&Event::Step { step, loss, epoch: number, rows: self.training.rows });
        }
        Ok(Ended::Done)
    }

    /// Evaluates, judges and saves after the last batch of an epoch or of the run; false when interrupted meanwhile.
    fn close_epoch(&mut self) -> Result<bool, Failure> {
        let epoch = self.job.progress.epoch + 1;
        let Some(valid) = self.evaluate(Part::Valid)? else { return Ok(false) };
        let train = self.training.figures();
        if self.job.progress.cursor >= self.order.batches() as u64 {
            self.job.progress.epoch = epoch;
            self.job.progress.cursor = 0;
            self.training.clear();
        }
        let verdict = judge(self.job.plan, self.job.progress, epoch, &train, &valid);
        let step = self.job.progress.step;
        if verdict.keep.is_some() {
            *self.job.kept = Some(weights_of(self.job.specs, self.job.states));
        }
        if verdict.keep.is_some() || self.job.kept.is_none() {
            self.write_best()?;
        }
        if let Some(folder) = &mut self.job.folder {
            folder.write_curve(epoch, step, &train, &valid)?;
        }
        self.write_last()?;
        self.valid = Some(valid.clone());
        let Work { rows, seconds } = std::mem::take(&mut self.work);
        self.seconds += seconds;
        (self.sink)(&Event::Epoch { epoch, step, train, valid, seconds, rows_per_second: rows as f64 / seconds });
        if let (Some(value), Some(watch)) = (verdict.keep, &self.job.plan.keep) {
            (self.sink)(&Event::Best { epoch, figure: watch.to_string(), value });
        }
        if let (Some(epochs), Some((_, watch))) = (verdict.stop, &self.job.plan.stop) {
            let best = self.job.progress.stop_best;
            (self.sink)(&Event::Stopped { epoch, figure: watch.to_string(), epochs, best });
        }
        Ok(true)
    }

    /// Figures of a part; `None` when interrupted.
    fn evaluate(&mut self, part: Part) -> Result<Option<Figures>, Failure> {
        let (parts, job) = (self.job.parts, &mut self.job);
        let rows = parts.rows(part);
        match job.evaluator.pass(parts, part, job.states, job.inputs, self.machine) {
            Ok(figures) => Ok(Some(figures)),
            Err(Halt::Interrupted) => Ok(None),
            Err(Halt::NoStep(none)) => Err(Failure::NoStep(none)),
            Err(Halt::NotFinite(batch)) => {
                let rows = rows.chunks(job.plan.batch.get()).nth(batch).unwrap_or(&[]).to_vec();
                let progress = &job.progress;
                Err(Failure::NotFinite { part, step: progress.step, epoch: progress.epoch.max(1), rows })
            }
        }
    }

    /// Evaluates the weights that the run ends with: those kept, where there are some.
    fn finish(mut self) -> Result<Outcome, Failure> {
        let weights = if self.job.kept.is_some() { Weights::Best } else { Weights::Last };
        self.swap_kept();
        let figures = self.final_figures(weights);
        self.swap_kept();
        let Some((valid, test)) = figures? else { return Ok(Outcome::Interrupted) };
        let (steps, epochs, train_seconds) = (self.job.progress.step, self.job.progress.epoch, self.seconds);
        (self.sink)(&Event::End { steps, epochs, weights, valid, test, train_seconds });
        Ok(Outcome::Finished)
    }

    fn swap_kept(&mut self) {
        if let Some(kept) = &mut *self.job.kept {
            swap_weights(self.job.specs, self.job.states, kept);
        }
    }

    fn final_figures(&mut self, weights: Weights) -> Result<Option<(Figures, Figures)>, Failure> {
        let valid = match (weights, self.valid.take()) {
            (Weights::Last, Some(valid)) => valid,
            _ => match self.evaluate(Part::Valid)? {
                Some(valid) => valid,
                None => return Ok(None),
            },
        };
        Ok(self.evaluate(Part::Test)?.map(|test| (valid, test)))
    }
}
