//! What `run`, `eval` and `predict` share: rows, states, steps.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::thread::Scope;

use nnc_compiler::ir::attrs::Slot;
use nnc_compiler::ir::graph::Graph;
use nnc_compiler::program::{self, DataPlan, Program, TrainPlan};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;
use nnc_runtime::buffer::Buffer;
use nnc_runtime::data::split::{Choice, Holdout, Split, Test, split};
use nnc_runtime::data::{DataError, Source, Wanted};
use nnc_runtime::dtype::byte_count;
use nnc_runtime::kernels::philox::permutation;
use nnc_runtime::kernels::pool::Pool;
use nnc_runtime::step::StepIo;
use nnc_runtime::train::{FigureSpec, Gather, InputSpec, Order, PaddedAxis, Part, Role, StateSpec, Steps, Watch};

use crate::compile::{self, Engine, NoCode};
use crate::console::{Console, Failed};
use crate::later::Queue;
use crate::load::Loaded;
use crate::report::Plain;

/// The program's states in the words of the runtime.
pub(crate) fn state_specs(program: &Program) -> Vec<StateSpec> {
    let spec = |state: &program::State| StateSpec {
        path: state.path.clone(),
        dtype: state.ty.dtype,
        // The sizes of states are numbers.
        shape: state.ty.sizes().unwrap_or_default(),
        role: match state.role {
            program::Role::Parameter => Role::Parameter,
            program::Role::Slot => Role::Slot,
            program::Role::Average => Role::Average,
            program::Role::Statistic => Role::Statistic,
            program::Role::Fitted => Role::Fitted,
            program::Role::Metric => Role::Metric,
        },
    };
    program.states.iter().map(spec).collect()
}

/// The figures of a train block in the words of the runtime.
pub(crate) fn figure_specs(plan: &TrainPlan) -> Vec<FigureSpec> {
    let spec = |figure: &program::Figure| FigureSpec {
        name: figure.name.clone(),
        is_loss: figure.is_loss,
        gather: match figure.gather {
            program::Gather::MeanByRows => Gather::MeanByRows,
            program::Gather::MeanByWeight => Gather::MeanByWeight,
            program::Gather::Last => Gather::Last,
        },
        shape: figure.shape.clone(),
        in_training: figure.in_training,
    };
    plan.figures.iter().map(spec).collect()
}

/// A watched figure in the words of the runtime.
pub(crate) fn watch(watch: &program::Watch) -> Watch {
    let part = match watch.part {
        program::Part::Train => Part::Train,
        program::Part::Valid => Part::Valid,
        program::Part::Test => Part::Test,
    };
    Watch { part, figure: watch.figure.clone(), higher: watch.higher }
}

/// The inputs that some of the graphs read, and where each is declared.
pub(crate) fn inputs(program: &Program, graphs: &[&Graph]) -> (Vec<InputSpec>, Vec<Span>) {
    let read = |number: usize| {
        let slots = || graphs.iter().flat_map(|graph| graph.slots());
        slots().any(|(_, slot)| matches!(slot, Slot::Input(n) if n as usize == number))
    };
    let spec = |(number, input): (usize, &program::Input)| {
        let (wanted, row_shape, classes) = (input.wanted(), input.row_shape.clone(), input.classes.clone());
        (InputSpec { number, wanted, dtype: input.dtype, row_shape, classes, fill: input.fill }, input.span)
    };
    program.inputs.iter().enumerate().filter(|(number, _)| read(*number)).map(spec).unzip()
}

/// Divides the rows of a data block, by its header alone.
pub(crate) fn split_rows(
    loaded: &Loaded,
    data: &DataPlan,
    order: Order,
    seed: u64,
    console: &Console,
) -> Result<Split, Failed> {
    let fail = |what: String| loaded.fail(console, &Diagnostic::error(codes::DATA, data.source.span, what));
    let schema = loaded.schema(&data.source);
    let schema = schema.map_err(|error| data_failure(loaded, data.source.span, &error, console))?;
    let places: Vec<u32> = match order {
        Order::Sequential => vec![],
        // A table has at most u32::MAX rows.
        Order::Shuffled => permutation(seed, 0, schema.train_rows).into_iter().map(|place| place as u32).collect(),
    };
    let choice = if order == Order::Sequential { Choice::Sequential } else { Choice::Shuffled(&places) };
    let holdout = Holdout { valid: data.valid, test: data.test };
    split(schema.train_rows, schema.test_rows, holdout, choice).map_err(|error| fail(error.to_string()))
}

/// The number of rows in the test part.
pub(crate) fn test_rows(split: &Split) -> usize {
    match &split.test {
        Test::Absent => 0,
        Test::Own(rows) => *rows,
        Test::HeldOut(rows) => rows.len(),
    }
}

/// Reads the columns that these inputs name.
pub(crate) fn read_source(
    loaded: &Loaded,
    data: &DataPlan,
    inputs: &[InputSpec],
) -> impl FnOnce() -> Result<Source, DataError> + Send + use<> {
    let request = loaded.request(&data.source);
    let mut wanted: Vec<Wanted> = inputs.iter().map(|input| input.wanted.clone()).collect();
    wanted.sort_by_key(Wanted::name);
    wanted.dedup();
    move || request.load(&wanted)
}

/// Reports an error in the data at the place that asks for it.
pub(crate) fn data_failure(loaded: &Loaded, span: Span, error: &DataError, console: &Console) -> Failed {
    let diagnostic = Diagnostic::error(codes::DATA, span, error.to_string());
    let diagnostic = error.help.iter().fold(diagnostic, |d, help| d.help(help.clone()));
    loaded.fail(console, &diagnostic)
}

/// States with their initial values.
pub(crate) fn initial_states(
    loaded: &Loaded,
    specs: &[StateSpec],
    seed: u64,
    (engine, pool): (Engine, &Pool),
    console: &Console,
) -> Result<Vec<Buffer>, Failed> {
    let program = &loaded.program;
    let sizes = program.largest(1);
    let step = compile::step(program, &program.initialise, &sizes, engine);
    let mut step = step.map_err(|error| compile::refuse(loaded, console, &sizes, &error))?;
    let mut states = Vec::with_capacity(specs.len());
    for spec in specs {
        let bytes = byte_count(spec.dtype, &spec.shape);
        let bytes =
            bytes.ok_or_else(|| Plain::new(codes::TOO_LARGE, format!("`{}` has too many elements", spec.path)))?;
        states.push(Buffer::zeroed(bytes));
    }
    let inputs: Vec<Buffer> = program.inputs.iter().map(|_| Buffer::zeroed(0)).collect();
    let mut io =
        StepIo { states: &mut states, inputs: &inputs, seed: seed.cast_signed(), step: 0, pool, threads_always: false };
    let done = step.run(&mut io);
    done.map_err(|_| Plain::new(codes::NOT_FINITE, "an initial value is not finite"))?;
    Ok(states)
}

/// Steps of a graph, made when a batch needs them.
pub(crate) fn steps<'a>(program: &'a Program, graph: &'a Graph, engine: Engine) -> Steps<'a> {
    Steps::new(Box::new(move |sizes| Ok(compile::step(program, graph, sizes, engine)?)))
}

/// Train steps of each kind and evaluation steps. For batches of so many rows, the code of the largest train step of the kind with
/// which a run begins is made now, and all other code on a thread of its own. Where axes are padded, the sizes of a batch are known
/// when it comes, and its code is made then.
pub(crate) fn both_steps<'s>(
    scope: &'s Scope<'s, '_>,
    loaded: &'s Loaded,
    plan: &'s TrainPlan,
    (train, evaluate): (BTreeSet<usize>, BTreeSet<usize>),
    begin: usize,
    engine: Engine,
    console: &Console,
) -> Result<(Vec<Steps<'s>>, Steps<'s>), Failed> {
    let program = &loaded.program;
    let mut kinds: Vec<Steps<'s>> = plan.kinds().map(|graph| steps(program, graph, engine)).collect();
    let mut evaluating = steps(program, &plan.evaluate, engine);
    if !program.padded.is_empty() {
        return Ok((kinds, evaluating));
    }
    let refused = |rows: usize| move |error: NoCode| compile::refuse(loaded, console, &[rows], &error);
    let mut queue = Queue::default();
    let mut later = |graph: &'s Graph, rows: usize| {
        queue.step(graph, &[rows], &|sym| program.size(&[rows], sym)).map_err(|error| refused(rows)(error.into()))
    };
    let first = train.last().copied();
    for (kind, (graph, steps)) in plan.kinds().zip(&mut kinds).enumerate() {
        for &rows in train.iter().rev().filter(|rows| kind != begin || Some(**rows) != first) {
            steps.insert(vec![rows], later(graph, rows)?);
        }
    }
    for rows in evaluate.into_iter().rev() {
        evaluating.insert(vec![rows], later(&plan.evaluate, rows)?);
    }
    if let (Some(rows), Some(graph), Some(steps)) = (first, plan.kinds().nth(begin), kinds.get_mut(begin)) {
        steps.insert(vec![rows], compile::step(program, graph, &[rows], engine).map_err(refused(rows))?);
    }
    queue.start(scope, program, engine, *console);
    Ok((kinds, evaluating))
}

/// The vocabularies of the program's columns of text, as files of weights keep them.
pub(crate) fn vocabularies(program: &Program) -> BTreeMap<String, String> {
    let text = |input: &program::Input| Some((input.wanted().name(), input.encoding.as_ref()?.vocabulary.digest()));
    program.inputs.iter().filter_map(text).collect()
}

/// The padded axes of the program.
pub(crate) fn axes(program: &Program) -> Vec<PaddedAxis> {
    program.padded.iter().map(|(_, axis)| axis.clone()).collect()
}

/// The pool of threads.
pub(crate) fn pool(threads: usize) -> Result<Pool, Plain> {
    Pool::new(threads).map_err(|error| Plain::new(codes::FILE, format!("cannot start {threads} threads: {error}")))
}

/// The train block of the program.
pub(crate) fn train_plan(loaded: &Loaded) -> Result<&TrainPlan, Plain> {
    let missing = || Plain::new(codes::MISSING_SETTING, format!("{} has no `train` block", loaded.name));
    loaded.program.train.as_ref().ok_or_else(missing)
}

/// The rows of a batch as a number that is not zero.
pub(crate) fn batch_of(plan: &TrainPlan) -> Result<NonZeroUsize, Plain> {
    NonZeroUsize::new(plan.batch).ok_or_else(|| Plain::new(codes::OUT_OF_RANGE, "a batch has at least one row"))
}
