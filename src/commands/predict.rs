//! `nnc predict`: the outputs of a `predict` block, row by row.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use nnc_compiler::program::{DataPlan, PredictPlan, SourceSpec};
use nnc_compiler::world::Options;
use nnc_grammar::codes;
use nnc_runtime::buffer::Buffer;
use nnc_runtime::checkpoint::Checkpoint;
use nnc_runtime::data::Source;
use nnc_runtime::data::split::{Holdout, Test};
use nnc_runtime::dtype::element_as_f64;
use nnc_runtime::step::{Step, StepIo};
use nnc_runtime::train::{Feed, Order, Value, input_buffers};
use serde::Serialize;

use crate::cli::{WeightsArguments, name_and_value};
use crate::compile::no_step;
use crate::console::{Console, Failed};
use crate::load::{Loaded, load};
use crate::report::Plain;
use crate::show::Outputs;
use crate::{session, weights};

use super::pictures::Pages;

/// Rows of a batch where the program has no train block to say it.
const BATCH: usize = 64;

/// Computes the outputs of a predict block for the test rows, or for the rows of a file.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    given: WeightsArguments,
    /// Data of the same form as the program's: their test part, or all their rows if they have none.
    #[arg(long, value_name = "PATH")]
    input: Option<PathBuf>,
    /// The predict block, where the program has several.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Gives an argument of the block another value than its default.
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    give: Vec<(String, String)>,
    /// The seed of what the block draws; that of the run when left out. Another one draws others.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The folder of pictures; the current one if left out.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct Line<'a> {
    row: u64,
    #[serde(flatten)]
    outputs: Outputs<'a>,
}

/// Predicts.
pub(crate) fn run(arguments: &Arguments, console: &Console) -> Result<(), Failed> {
    let given = &arguments.given;
    let console = &console.quiet(given.json);
    let file = weights::given(given.weights.as_deref())?;
    let options = Options { predict: arguments.name.clone(), give: arguments.give.clone(), ..Options::default() };
    let loaded = load(&given.program, options, console)?;
    weights::check_given(&loaded, given.weights.as_deref())?;
    let block = chosen(&loaded, arguments.name.as_deref())?;
    let Some(data) = &block.data else { return alone(arguments, &loaded, block, &file, console) };
    let data = match &arguments.input {
        // The whole file is asked for, whatever the program holds out of its own.
        Some(path) => DataPlan { source: elsewhere(&data.source, path)?, valid: 0.0, test: 0.0, ..data.clone() },
        None => data.clone(),
    };
    let (seed, order) = weights::split_key(Some(&file)).unwrap_or((0, Order::Shuffled));
    let (inputs, spans) = session::inputs(&loaded.program, &[&block.graph]);
    let source = session::read_source(&loaded, &data, &inputs)();
    let source = source.map_err(|error| session::data_failure(&loaded, data.source.span, &error, console))?;
    let rows = rows(&loaded, &data, &source, (order, seed), console)?;
    let table = source.test.as_ref().unwrap_or(&source.train);
    let axes = session::axes(&loaded.program);
    let feed = Feed::new(table, &inputs, &axes)
        .map_err(|unfed| session::data_failure(&loaded, spans[unfed.input], &unfed.error, console))?;

    let (engine, pool) = (given.machine.engine, session::pool(given.machine.threads())?);
    let specs = session::state_specs(&loaded.program);
    let mut states = session::initial_states(&loaded, &specs, seed, (engine, &pool), console)?;
    weights::check_fitted(&loaded, given.file(), &file)?;
    weights::restore_into(&loaded, given.file(), &file, &specs, &mut states, console)?;
    let batch = NonZeroUsize::new(loaded.program.train.as_ref().map_or(BATCH, |train| train.batch))
        .unwrap_or(NonZeroUsize::MIN);
    let mut buffers = input_buffers(loaded.program.inputs.len(), &inputs, &axes, batch.get())
        .ok_or_else(|| Plain::new(codes::TOO_LARGE, "a batch takes more bytes than can be counted"))?;
    let mut steps = session::steps(&loaded.program, &block.graph, engine);
    let folder = arguments.out.clone().unwrap_or_default();
    let mut pages: Vec<Pages<'_>> = block.pictures.iter().map(|p| Pages::new(p, rows.len(), &folder)).collect();
    let mut sizes = vec![];
    for (index, rows) in rows.chunks(batch.get()).enumerate() {
        feed.fill(rows, &mut buffers, &mut sizes);
        let step = steps.of(&sizes).map_err(|none| no_step(&loaded, console, &none))?;
        let mut io = StepIo {
            states: &mut states,
            inputs: &buffers,
            seed: arguments.seed.unwrap_or(seed).cast_signed(),
            step: index as i64,
            pool: &pool,
            threads_always: given.machine.threads_always,
        };
        step.run(&mut io).map_err(|_| Plain::new(codes::NOT_FINITE, "a checked value is not finite"))?;
        for pages in &mut pages {
            for place in 0..rows.len() {
                let drawn = step.outputs().iter().position(|spec| spec.name == pages.output());
                let values = drawn.map_or_else(Vec::new, |index| value(block, step, index, place).data);
                pages.draw(&values, console)?;
            }
        }
        print(block, step, rows, given.json, console);
    }
    Ok(())
}

/// The outputs of a block that computes from its arguments alone: pictures into files, all others printed.
fn alone(
    arguments: &Arguments,
    loaded: &Loaded,
    block: &PredictPlan,
    file: &Checkpoint,
    console: &Console,
) -> Result<(), Failed> {
    let given = &arguments.given;
    if arguments.input.is_some() {
        let headline = format!("the block `{}` reads no data", block.name);
        return Err(Plain::new(codes::MISPLACED, headline).help("leave `--input` out").into());
    }
    let (seed, _) = weights::split_key(Some(file)).unwrap_or((0, Order::Shuffled));
    let (engine, pool) = (given.machine.engine, session::pool(given.machine.threads())?);
    let specs = session::state_specs(&loaded.program);
    let mut states = session::initial_states(loaded, &specs, seed, (engine, &pool), console)?;
    weights::restore_into(loaded, given.file(), file, &specs, &mut states, console)?;
    let mut steps = session::steps(&loaded.program, &block.graph, engine);
    let step = steps.of(&loaded.program.largest(1)).map_err(|none| no_step(loaded, console, &none))?;
    let inputs: Vec<Buffer> = loaded.program.inputs.iter().map(|_| Buffer::zeroed(0)).collect();
    let (seed, threads_always) = (arguments.seed.unwrap_or(seed).cast_signed(), given.machine.threads_always);
    let mut io = StepIo { states: &mut states, inputs: &inputs, seed, step: 0, pool: &pool, threads_always };
    step.run(&mut io).map_err(|_| Plain::new(codes::NOT_FINITE, "a checked value is not finite"))?;
    let mut values = Vec::from_iter((0..step.outputs().len()).map(|i| value(block, step, i, 0)));
    let folder = arguments.out.clone().unwrap_or_default();
    for picture in &block.pictures {
        let Some(place) = values.iter().position(|v| v.name == picture.output) else { continue };
        Pages::new(picture, 1, &folder).draw(&values.remove(place).data, console)?;
    }
    let outputs = Outputs { values: &values, texts: &block.texts };
    if given.json {
        // A map with text keys: serialising it cannot fail.
        console.put(&(serde_json::to_string(&outputs).unwrap_or_default() + "\n"));
    } else {
        console.put(&outputs.lines());
    }
    Ok(())
}

/// The block of that name, or the only one.
fn chosen<'a>(loaded: &'a Loaded, name: Option<&str>) -> Result<&'a PredictPlan, Plain> {
    let blocks = &loaded.program.predict;
    let names = || blocks.iter().map(|block| format!("`{}`", block.name)).collect::<Vec<_>>().join(", ");
    match (name, blocks.as_slice()) {
        (_, []) => Err(Plain::new(codes::MISSING_SETTING, format!("{} has no `predict` block", loaded.name))),
        (None, [block]) => Ok(block),
        (None, _) => {
            let plain = Plain::new(codes::MISSING_ARGUMENT, format!("{} has several `predict` blocks", loaded.name));
            Err(plain.help(format!("choose one with `--name`: {}", names())))
        }
        (Some(name), _) => blocks.iter().find(|block| block.name == name).ok_or_else(|| {
            let headline = format!("{} has no `predict` block `{}`", loaded.name, name.escape_debug());
            Plain::new(codes::UNKNOWN_NAME, headline).help(format!("it has {}", names()))
        }),
    }
}

/// The source of the program, at another path.
fn elsewhere(source: &SourceSpec, path: &std::path::Path) -> Result<SourceSpec, Plain> {
    if !path.exists() {
        let plain = Plain::new(codes::FILE, format!("{} is not there", path.display()));
        return Err(
            plain.help("`--input` names a file or a folder of the form of the program's, seen from the current folder")
        );
    }
    // Made absolute, since it is relative to the current folder rather than to the program's.
    let absolute =
        std::path::absolute(path).map_err(|error| Plain::new(codes::FILE, format!("{}: {error}", path.display())))?;
    Ok(SourceSpec { path: absolute.display().to_string(), ..source.clone() })
}

/// The rows to predict: the source's own test part, else those that the split holds out for it, else all.
fn rows(
    loaded: &Loaded,
    data: &DataPlan,
    source: &Source,
    (order, seed): (Order, u64),
    console: &Console,
) -> Result<Vec<u32>, Failed> {
    // A table has at most u32::MAX rows.
    let all = |rows: usize| (0..rows as u32).collect();
    if let Some(test) = &source.test {
        return Ok(all(test.rows()));
    }
    if (Holdout { valid: data.valid, test: data.test }) == Holdout::default() {
        return Ok(all(source.train.rows()));
    }
    Ok(match session::split_rows(loaded, data, order, seed, console)?.test {
        Test::HeldOut(rows) => rows,
        _ => all(source.train.rows()),
    })
}

/// Prints the outputs of a batch that are no pictures: those with an axis of rows row by row, all others as they are.
fn print(block: &PredictPlan, step: &dyn Step, rows: &[u32], json: bool, console: &Console) {
    let told = |i: &usize| block.pictures.iter().all(|picture| picture.output != step.outputs()[*i].name);
    let told: Vec<usize> = (0..step.outputs().len()).filter(told).collect();
    if told.is_empty() {
        return;
    }
    let mut text = String::new();
    for (place, row) in rows.iter().enumerate() {
        let values = Vec::from_iter(told.iter().map(|i| value(block, step, *i, place)));
        let outputs = Outputs { values: &values, texts: &block.texts };
        // Rows are counted from 1, as in every message about data.
        let row = u64::from(*row) + 1;
        if json {
            // Maps with text keys: serialising them cannot fail.
            text.push_str(&serde_json::to_string(&Line { row, outputs }).unwrap_or_default());
            text.push('\n');
        } else {
            text.push_str(&outputs.row(row));
        }
    }
    console.put(&text);
}

/// Output `index` for the row at `place` of the batch.
fn value(block: &PredictPlan, step: &dyn Step, index: usize, place: usize) -> Value {
    let (spec, bytes) = (&step.outputs()[index], step.output(index));
    let by_rows = block.graph.outputs.iter().find(|output| output.name == spec.name).is_some_and(|output| {
        block.graph.ty(output.value).shape.first().is_some_and(|dim| dim.as_constant().is_none())
    });
    let shape = if by_rows { spec.shape[1..].to_vec() } else { spec.shape.clone() };
    let count: usize = shape.iter().product();
    let first = if by_rows { place * count } else { 0 };
    let data = (first..first + count).map(|element| element_as_f64(spec.dtype, bytes, element)).collect();
    Value { name: spec.name.clone(), shape, data }
}
