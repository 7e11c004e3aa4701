//! `nnc run`: trains.
//!
//! Reading the data and making the code of the first step go on at the same time; both follow from the headers of the data
//! alone. The other code is made while the run goes on.

use std::path::PathBuf;
use std::thread::Scope;
use std::time::Instant;

use clap::{Args, ValueEnum};
use nnc_compiler::world::Options;
use nnc_grammar::codes;
use nnc_runtime::checkpoint::Checkpoint;
use nnc_runtime::data::split::Split;
use nnc_runtime::data::{DataError, Source};
use nnc_runtime::train::{
    Evaluator, Event, InputSpec, Job, Order, Outcome, Part, Parts, Plan, Progress as RunProgress, StateSpec, Steps,
    input_buffers,
};
use nnc_runtime::{buffer::Buffer, kernels::pool::Pool};

use super::fit::Fit;
use super::run_end::{Finish, conclude, not_finite};
use super::run_folder::{Out, interrupted};
use crate::blocks::{self, Block};
use crate::cli::{MachineArguments, ProgramArguments};
use crate::console::{Console, Failed};
use crate::load::{Loaded, load};
use crate::report::Plain;
use crate::session;
use crate::show::{EndExtras, Events, Progress, model_table};
use crate::signals::Signals;
use crate::{memory, weights};

/// The order of the training rows.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum OrderArgument {
    /// A new permutation for each epoch.
    Shuffled,
    /// As in the file; validation takes the tail of the training part.
    Sequential,
}

/// Trains the program's model, evaluates it and saves it.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) program: ProgramArguments,
    #[command(flatten)]
    pub(crate) machine: MachineArguments,
    /// The seed of initial values, draws, orders and the split; 0, or that of the file of --init.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Passes over the training rows, in place of the program's.
    #[arg(long, value_name = "N")]
    pub(crate) epochs: Option<usize>,
    /// Stops after so many steps in all, then evaluates, saves and ends.
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<usize>,
    /// Rows of a batch, in place of the program's.
    #[arg(long, value_name = "N")]
    pub(crate) batch: Option<usize>,
    /// The order of the training rows; shuffled, or that of the file of --init.
    #[arg(long, value_enum)]
    order: Option<OrderArgument>,
    /// Starts from these weights; goes on with the run if it is a last.safetensors.
    #[arg(long, value_name = "WEIGHTS.safetensors")]
    pub(crate) init: Option<PathBuf>,
    /// The folder for last.safetensors, best.safetensors, curve.csv, source.nn and the files that it uses.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Uses the folder of --out even if it is there, and replaces what an earlier run left in it.
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
    /// Writes one JSON object an event to standard output, everything else to standard error.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Arguments {
    pub(crate) fn order(&self) -> Option<Order> {
        self.order.map(|order| match order {
            OrderArgument::Shuffled => Order::Shuffled,
            OrderArgument::Sequential => Order::Sequential,
        })
    }
}

/// Trains.
pub(crate) fn run(arguments: &Arguments, console: &Console, start: Instant) -> Result<(), Failed> {
    let console = &console.quiet(arguments.json);
    let out = Out::new(arguments)?;
    let file = arguments.init.as_deref().map(weights::read).transpose()?;
    let options =
        Options { epochs: arguments.epochs, steps: arguments.steps, batch: arguments.batch, ..Options::default() };
    let loaded = load(&arguments.program, options, console)?;
    let plan = plan(arguments, &loaded, file.as_ref())?;
    warn_of_silent_rules(&loaded, console)?;
    let train = session::train_plan(&loaded)?;
    let graphs = [&train.step, &train.evaluate];
    let blocks = Block::all(&loaded, train, &graphs, (plan.order, plan.seed), console)?;
    let missing = || Plain::new(codes::MISSING_SETTING, "the train block names no data");
    let first = blocks.first().ok_or_else(missing)?;
    let fits: Vec<Option<Fit<'_>>> = train.blocks().map(|data| Fit::of(&loaded, data, file.as_ref())).collect();
    let pool = session::pool(arguments.machine.threads())?;
    let read = blocks.iter().zip(&fits).map(|(block, fit)| block.read(&loaded, fit.as_ref().map_or(&[], Fit::inputs)));
    let read: Vec<_> = read.collect();
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| read.into_iter().map(|read| read()).collect::<Vec<_>>());
        let ready = Ready::new(scope, arguments, &loaded, &plan, &first.split, file.as_ref(), &pool, console);
        let sources = reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let sound = |(source, block): (Result<Source, DataError>, &Block<'_>)| {
            source.map_err(|error| block.failure(&loaded, &error, console))
        };
        let sources = sources.into_iter().zip(&blocks).map(sound).collect::<Result<Vec<Source>, Failed>>()?;
        let mut ready = ready?;
        for ((fit, block), source) in fits.iter().zip(&blocks).zip(&sources) {
            if let Some(fit) = fit {
                let machine = (arguments.machine.engine, &pool, plan.seed);
                fit.compute(&source.train, &block.split.train, &mut ready.states, machine, console)?;
            }
        }
        let (parts, inputs) = (blocks::parts(&loaded, &blocks, &sources, console)?, blocks::inputs(&blocks));
        let run =
            Running { arguments, loaded: &loaded, console, plan: &plan, inputs: &inputs, sources: &sources, start };
        run.train(&parts, ready, &pool, out)
    })
}

/// What the arguments, the file to start from and the program say together.
fn plan(arguments: &Arguments, loaded: &Loaded, file: Option<&Checkpoint>) -> Result<Plan, Plain> {
    let train = session::train_plan(loaded)?;
    let (seed, order) = weights::split_key(file).unwrap_or((0, Order::Shuffled));
    Ok(Plan {
        batch: session::batch_of(train)?,
        // A limit of steps alone is not cut short by the program's epochs.
        epochs: if arguments.steps.is_some() && arguments.epochs.is_none() { u64::MAX } else { train.epochs as u64 },
        steps: arguments.steps.map(|steps| steps as u64),
        order: arguments.order().unwrap_or(order),
        seed: arguments.seed.unwrap_or(seed),
        cadences: train.cadences.clone(),
        vocabularies: session::vocabularies(&loaded.program),
        figures: session::figure_specs(train),
        keep: train.keep.as_ref().map(session::watch),
        stop: train.stop.as_ref().map(|(epochs, watch)| (*epochs as u64, session::watch(watch))),
    })
}

/// Says that rules which watch held-out rows do nothing where none are held out.
fn warn_of_silent_rules(loaded: &Loaded, console: &Console) -> Result<(), Plain> {
    let train = session::train_plan(loaded)?;
    let watches = train.keep.iter().chain(train.stop.iter().map(|(_, watch)| watch));
    if train.data.plan.valid == 0.0 && watches.map(session::watch).any(|watch| watch.part == Part::Valid) {
        console.remark("no rows are held out, so the lines that watch them (`keep`, `stop`) do nothing");
    }
    Ok(())
}

/// What does not need the rows: code and states.
struct Ready<'a> {
    specs: Vec<StateSpec>,
    states: Vec<Buffer>,
    steps: Vec<Steps<'a>>,
    evaluator: Evaluator<'a>,
    progress: RunProgress,
    kept: Option<Vec<Buffer>>,
}

impl<'a> Ready<'a> {
    #[allow(clippy::too_many_arguments, reason = "all that a run has before its rows")]
    fn new(
        scope: &'a Scope<'a, '_>,
        arguments: &Arguments,
        loaded: &'a Loaded,
        plan: &Plan,
        split: &Split,
        file: Option<&Checkpoint>,
        pool: &Pool,
        console: &Console,
    ) -> Result<Ready<'a>, Failed> {
        let train = session::train_plan(loaded)?;
        let engine = arguments.machine.engine;
        let specs = session::state_specs(&loaded.program);
        let mut states = session::initial_states(loaded, &specs, plan.seed, (engine, pool), console)?;
        let held_out = plan.batch_sizes(&[split.valid.len(), session::test_rows(split)]);
        let sizes = (plan.batch_sizes(&[split.train.len()]), held_out);
        let (steps, evaluate) =
            session::both_steps(scope, loaded, train, sizes, plan.cadences.kind_of(1), engine, console)?;
        let evaluator = Evaluator::new(evaluate, plan.batch, &plan.figures, &specs, &states);
        let (mut progress, mut kept) = (RunProgress::default(), None);
        if file.is_none() {
            weights::initialise(loaded, &train.init, &specs, &mut states, console)?;
        }
        if let (Some(path), Some(file)) = (&arguments.init, file)
            && let Some((found, key)) = weights::restore_into(loaded, path, file, &specs, &mut states, console)?
        {
            weights::check_key(path, &key, plan, split.train.len())?;
            if found.best.is_some() {
                kept = Some(weights::kept(loaded, path, &specs, &states, console)?);
            }
            progress = found;
        }
        Ok(Ready { specs, states, steps, evaluator, progress, kept })
    }
}

/// A run that is about to begin.
pub(super) struct Running<'a> {
    pub(super) arguments: &'a Arguments,
    pub(super) loaded: &'a Loaded,
    pub(super) console: &'a Console,
    pub(super) plan: &'a Plan,
    inputs: &'a [InputSpec],
    /// Of the data blocks in order.
    pub(super) sources: &'a [Source],
    start: Instant,
}

impl Running<'_> {
    fn train(&self, parts: &Parts<'_>, ready: Ready<'_>, pool: &Pool, mut out: Out) -> Result<(), Failed> {
        let Ready { specs, mut states, steps, evaluator, mut progress, mut kept } = ready;
        let count = self.loaded.program.inputs.len();
        let axes = session::axes(&self.loaded.program);
        let mut inputs = input_buffers(count, self.inputs, &axes, self.plan.batch.get())
            .ok_or_else(|| Plain::new(codes::TOO_LARGE, "a batch takes more bytes than can be counted"))?;
        let signals = Signals::listen()
            .map_err(|error| Plain::new(codes::FILE, format!("cannot listen for signals: {error}")))?;
        out.open(self, progress.epoch)?;
        self.console.say(&model_table(&self.loaded.program.table));
        let mut events = self.arguments.json.then(Events::new);
        let mut display = Progress::new(self.console);
        let (mut first_step, mut last) = (None, None);
        let job = Job {
            plan: self.plan,
            specs: &specs,
            states: &mut states,
            inputs: &mut inputs,
            parts,
            steps,
            evaluator,
            progress: &mut progress,
            kept: &mut kept,
            folder: out.folder.as_mut(),
            pool,
            threads_always: self.arguments.machine.threads_always,
            interrupt: signals.asked(),
        };
        let outcome = nnc_runtime::train::run(job, &mut |event| {
            if first_step.is_none() && matches!(event, Event::Step { .. }) {
                first_step = Some(self.start.elapsed().as_secs_f64());
            }
            let extras = || EndExtras { first_step_seconds: first_step, peak_bytes: memory::peak_bytes() };
            if events.as_mut().is_some_and(|events| events.write(event, extras).is_err()) {
                // The reader of the events is gone: save and end, as after Ctrl-C.
                signals.ask();
            }
            display.show(event);
            if let Event::End { .. } = event {
                last = Some(event.clone());
            }
        });
        display.finish();
        if let Some(events) = &mut events {
            // A reader who has gone away is no reason to complain.
            let _ = events.flush();
        }
        match outcome {
            Ok(Outcome::Finished) => {
                conclude(
                    self,
                    &Finish { last: last.as_ref(), whole: self.start.elapsed(), folder: out.folder.as_ref() },
                );
                Ok(())
            }
            Ok(Outcome::Interrupted) => {
                let rows = parts.rows(Part::Train).len();
                let event = interrupted(self, out, rows, &progress, (&specs, &states), kept.as_deref())?;
                if let Some(events) = &mut events {
                    let _ = events.interrupted(&event);
                }
                Err(Failed::Signal(signals.number()))
            }
            Err(failure) => Err(not_finite(self, failure, out.folder.as_ref())),
        }
    }
}
