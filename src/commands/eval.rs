//! `nnc eval`: the figures of given weights.

use clap::Args;
use nnc_compiler::world::Options;
use nnc_grammar::codes;
use nnc_runtime::data::Source;
use nnc_runtime::train::{Cadences, Evaluator, Figures, Halt, Order, Part, Plan, input_buffers};
use serde::Serialize;

use crate::blocks::{self, Block};
use crate::cli::WeightsArguments;
use crate::compile::no_step;
use crate::console::{Console, Failed};
use crate::load::load;
use crate::report::Plain;
use crate::show::{brief, matrices};
use crate::{session, weights};

/// Evaluates weights on the rows held out and on the test.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    given: WeightsArguments,
    /// The seed that the rows were divided by; that of the weights file when left out.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Rows of a batch, in place of the program's.
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
}

#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    valid: &'a Figures,
    test: &'a Figures,
}

/// Evaluates.
pub(crate) fn run(arguments: &Arguments, console: &Console) -> Result<(), Failed> {
    let given = &arguments.given;
    let console = &console.quiet(given.json);
    let file = weights::given(given.weights.as_deref())?;
    let options = Options { batch: arguments.batch, ..Options::default() };
    let loaded = load(&given.program, options, console)?;
    weights::check_given(&loaded, given.weights.as_deref())?;
    let train = session::train_plan(&loaded)?;
    let (seed, order) = weights::split_key(Some(&file)).unwrap_or((0, Order::Shuffled));
    let seed = arguments.seed.unwrap_or(seed);
    let batch = session::batch_of(train)?;
    let blocks = Block::all(&loaded, train, &[&train.evaluate], (order, seed), console)?;
    let read = |block: &Block<'_>| block.read(&loaded, &[])().map_err(|error| block.failure(&loaded, &error, console));
    let sources = blocks.iter().map(read).collect::<Result<Vec<Source>, Failed>>()?;
    let parts = blocks::parts(&loaded, &blocks, &sources, console)?;

    let (engine, pool) = (given.machine.engine, session::pool(given.machine.threads())?);
    let specs = session::state_specs(&loaded.program);
    let mut states = session::initial_states(&loaded, &specs, seed, (engine, &pool), console)?;
    let figures = session::figure_specs(train);
    let plan = Plan {
        batch,
        epochs: 0,
        steps: None,
        order,
        seed,
        cadences: Cadences::default(),
        vocabularies: session::vocabularies(&loaded.program),
        figures,
        keep: None,
        stop: None,
    };
    let steps = session::steps(&loaded.program, &train.evaluate, engine);
    let mut evaluator = Evaluator::new(steps, batch, &plan.figures, &specs, &states);
    weights::check_fitted(&loaded, given.file(), &file)?;
    weights::restore_into(&loaded, given.file(), &file, &specs, &mut states, console)?;
    let (inputs, axes) = (blocks::inputs(&blocks), session::axes(&loaded.program));
    let mut buffers = input_buffers(loaded.program.inputs.len(), &inputs, &axes, batch.get())
        .ok_or_else(|| Plain::new(codes::TOO_LARGE, "a batch takes more bytes than can be counted"))?;

    let machine = (&pool, given.machine.threads_always, seed);
    let mut evaluate = |part: Part| {
        evaluator.evaluate(&parts, part, &mut states, &mut buffers, machine).map_err(|halt| match halt {
            Halt::NoStep(none) => no_step(&loaded, console, &none),
            Halt::NotFinite(batch) => {
                let headline = format!("the loss of the {part} rows is not finite in batch {}", batch + 1);
                Plain::new(codes::NOT_FINITE, headline).into()
            }
            // Nobody can ask for it.
            Halt::Interrupted => Failed::Reported,
        })
    };
    let (valid, test) = (evaluate(Part::Valid)?, evaluate(Part::Test)?);
    if given.json {
        // Maps with text keys: serialising them cannot fail.
        console.put(&serde_json::to_string(&Line { event: "eval", valid: &valid, test: &test }).unwrap_or_default());
        return Ok(());
    }
    for (part, figures) in [("valid", &valid), ("test", &test)] {
        if !figures.0.is_empty() {
            console.say(&format!("{part:<5}  {}", brief(figures)));
        }
    }
    console.say(&matrices(if test.0.is_empty() { &valid } else { &test }, &train.figures));
    Ok(())
}
