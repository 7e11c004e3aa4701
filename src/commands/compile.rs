//! `nnc compile`: what a program becomes, stage by stage.

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use nnc_compiler::codegen;
use nnc_compiler::codegen::report::Report;
use nnc_compiler::ir::dim::Sym;
use nnc_compiler::ir::graph::Graph;
use nnc_compiler::ir::print::print;
use nnc_compiler::pipeline::{CompileError, PassOptions, code, optimised};
use nnc_compiler::program::Program;
use nnc_compiler::world::Options;
use nnc_grammar::codes;
use nnc_grammar::dump::dump;
use nnc_grammar::parse::parse;
use nnc_grammar::span::Sources;
use nnc_runtime::step::Step as _;
use nnc_runtime::train::input_buffers;

use crate::cli::ProgramArguments;
use crate::compile::{refuse, shown};
use crate::console::{Console, Failed};
use crate::load::{Loaded, load, read};
use crate::report::Plain;
use crate::session;
use crate::show::{bytes, columns, grouped, mathematics};

/// Rows of a batch where the program has no train block to say it.
const BATCH: usize = 64;

/// Which step of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Forward, backward and update.
    Train,
    /// Losses and metrics.
    Evaluate,
    /// The first predict block.
    Predict,
}

/// A stage of the way from text to code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// The syntax tree.
    Ast,
    /// The typed graph, free sizes still in it.
    Graph,
    /// The same graph, the gradient in it, as mathematics.
    Grad,
    /// The graph of one batch size after all passes.
    Optimized,
    /// What became one loop, one product, one copy.
    Fused,
    /// Where every buffer lies in memory.
    Plan,
    /// The code generator's input.
    Clif,
    /// The machine code.
    Asm,
}

/// Checks and compiles a program, and tells what was made.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,
    /// Which step; train where the program has a train block.
    #[arg(long, value_name = "STEP", value_enum)]
    of: Option<Mode>,
    /// Rows of a batch, in place of the program's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,
    /// The machine to compile for: this one (native).
    #[arg(long, value_name = "TARGET", default_value = "native")]
    target: String,
    /// Tells the time of each pass.
    #[arg(long)]
    timings: bool,
    /// Prints a stage in place of the summary.
    #[arg(long, value_name = "STAGE", value_enum)]
    emit: Option<Stage>,
}

/// Compiles.
pub(crate) fn run(arguments: &Arguments, console: &Console) -> Result<(), Failed> {
    check_target(&arguments.target)?;
    if arguments.emit == Some(Stage::Ast) {
        return emit_tree(arguments, console);
    }
    let (begun, mut times) = (Instant::now(), Times::default());
    let batch = arguments.batch.map(|batch| batch as usize);
    let loaded = load(&arguments.program, Options { batch, ..Options::default() }, console)?;
    times.add("check", begun.elapsed());
    let program = &loaded.program;
    let (mode, graph) = chosen(&loaded, arguments.of)?;
    match arguments.emit {
        Some(Stage::Graph) => {
            console.put(&print(graph, program));
            return Ok(());
        }
        Some(Stage::Grad) => {
            console.put(&mathematics(graph, program));
            return Ok(());
        }
        _ => {}
    }
    let rows = batch.or(program.train.as_ref().map(|train| train.batch)).unwrap_or(BATCH);
    let sizes = program.largest(rows);
    let refused = |error: CompileError| refuse(&loaded, console, &sizes, &error.into());
    let size = |sym: &Sym| program.size(&sizes, sym);
    let passed = optimised(graph, &size, &PassOptions::default(), &mut |pass, _, time| times.add(pass, time));
    let optimized = passed.map_err(refused)?;
    if arguments.emit == Some(Stage::Optimized) {
        console.put(&print(&optimized, program));
        return Ok(());
    }
    let compiled = code(program, &optimized, &codegen::Options::default()).map_err(refused)?;
    let report = &compiled.report;
    times.add("plan", report.times.plan);
    times.add("code", report.times.code);
    let text = match arguments.emit {
        Some(Stage::Fused) => report.fused(),
        Some(Stage::Plan) => report.plan(),
        Some(Stage::Clif) => report.clif().map_err(|error| refused(error.into()))?,
        Some(Stage::Asm) => report.asm().map_err(|error| refused(error.into()))?,
        _ => {
            let arena = compiled.executable.arena_bytes();
            let batches = shown(program, &sizes);
            let head =
                format!("{}: {} step for batches of {batches}, {}\n", loaded.name, mode.name(), program.precision);
            head + &graphs(graph, &optimized) + &kernels(report) + &memory(program, graph, rows, arena)
        }
    };
    console.put(&text);
    if arguments.timings {
        console.put(&times.table());
    }
    Ok(())
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Mode::Train => "train",
            Mode::Evaluate => "evaluate",
            Mode::Predict => "predict",
        }
    }
}

/// This machine is the only target.
fn check_target(target: &str) -> Result<(), Plain> {
    let (arch, system) = (std::env::consts::ARCH, std::env::consts::OS);
    if target == "native" || (target.starts_with(&format!("{arch}-")) && target.contains(system)) {
        return Ok(());
    }
    let headline = format!("code for `{}` cannot be made yet", target.escape_debug());
    Err(Plain::new(codes::UNSUPPORTED, headline).help(format!("leave `--target` out: this machine is {arch}-{system}")))
}

fn emit_tree(arguments: &Arguments, console: &Console) -> Result<(), Failed> {
    let text = read(&arguments.program.file)?;
    let mut sources = Sources::new();
    let id = sources.add(arguments.program.file.display().to_string(), text);
    let (file, diagnostics) = parse(&sources, id);
    console.diagnose(&sources, &diagnostics, arguments.program.all);
    console.put(&dump(&file));
    if diagnostics.iter().any(|d| d.is_error()) { Err(Failed::Reported) } else { Ok(()) }
}

/// The graph of a step.
fn chosen(loaded: &Loaded, of: Option<Mode>) -> Result<(Mode, &Graph), Plain> {
    let program = &loaded.program;
    let mode = of.unwrap_or(if program.train.is_some() { Mode::Train } else { Mode::Predict });
    let graph = match mode {
        Mode::Train => program.train.as_ref().map(|train| &train.step),
        Mode::Evaluate => program.train.as_ref().map(|train| &train.evaluate),
        Mode::Predict => program.predict.first().map(|block| &block.graph),
    };
    let block = if mode == Mode::Predict { "predict" } else { "train" };
    let missing = || Plain::new(codes::MISSING_SETTING, format!("{} has no `{block}` block", loaded.name));
    Ok((mode, graph.ok_or_else(missing)?))
}

fn graphs(graph: &Graph, optimized: &Graph) -> String {
    let nodes = |graph: &Graph| grouped(graph.len() as u64);
    let (results, updates) = (graph.outputs.len(), graph.updates.len());
    format!(
        "graph: {} nodes, {} after all passes; {results} results, {updates} state updates\n",
        nodes(graph),
        nodes(optimized)
    )
}

fn kernels(report: &Report) -> String {
    let mut rows = vec![["kernel", "over", "bytes", "operations", "parts"].map(str::to_owned).to_vec()];
    for group in &report.groups {
        let stages = if group.stages.is_empty() { "nothing".to_owned() } else { group.stages.join(" + ") };
        rows.push(vec![
            stages,
            format!("{:?}", group.shape),
            grouped(group.bytes as u64),
            // A count of operations, far below 2^64.
            grouped(group.flops as u64),
            group.parts.to_string(),
        ]);
    }
    columns(&rows)
}

fn memory(program: &Program, graph: &Graph, rows: usize, arena: usize) -> String {
    let states = program
        .states
        .iter()
        .map(|state| state.ty.sizes().unwrap_or_default().iter().product::<usize>() * state.ty.dtype.size());
    let (inputs, _) = session::inputs(program, &[graph]);
    let buffers = input_buffers(program.inputs.len(), &inputs, &session::axes(program), rows).unwrap_or_default();
    let batch: usize = buffers.iter().map(|buffer| buffer.len()).sum();
    let states: usize = states.sum();
    format!("arena: {}, states: {}, batch: {}\n", bytes(arena as u64), bytes(states as u64), bytes(batch as u64))
}

/// What took how long.
#[derive(Default)]
struct Times {
    passes: Vec<(&'static str, Duration)>,
}

impl Times {
    /// Passes that run several times are added up.
    fn add(&mut self, name: &'static str, time: Duration) {
        match self.passes.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += time,
            None => self.passes.push((name, time)),
        }
    }

    fn table(&self) -> String {
        let row =
            |(name, time): &(&str, Duration)| vec![(*name).to_owned(), format!("{:.3} ms", time.as_secs_f64() * 1e3)];
        let total = ("total", self.passes.iter().map(|(_, time)| *time).sum());
        columns(&self.passes.iter().chain([&total]).map(row).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_the_only_target() {
        assert!(check_target("native").is_ok());
        let here = format!("{}-unknown-{}-gnu", std::env::consts::ARCH, std::env::consts::OS);
        assert!(check_target(&here).is_ok());
        let error = check_target("riscv64-unknown-none").unwrap_err();
        assert!(error.headline.contains("riscv64") && error.help.is_some());
    }

    #[test]
    fn passes_that_run_several_times_are_added_up() {
        let mut times = Times::default();
        for time in [1, 2, 3] {
            times.add("fold", Duration::from_millis(time));
        }
        assert_eq!(times.table(), "fold   6.000 ms\ntotal  6.000 ms\n");
    }
}
