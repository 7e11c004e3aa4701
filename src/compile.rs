//! From a graph of a program to a step: the only place that knows which engines there are.

use clap::ValueEnum;
use nnc_compiler::codegen;
use nnc_compiler::interp::Oracle;
use nnc_compiler::ir::graph::Graph;
use nnc_compiler::passes::specialise::{Misfit, specialise};
use nnc_compiler::pipeline::{PassOptions, optimise};
use nnc_compiler::program::Program;
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_runtime::step::Step;

use crate::console::{Console, Failed};
use crate::load::Loaded;
use crate::report::Plain;

/// What computes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// Compiled code.
    Native,
    /// Compiled code with every pass and fusion switched off.
    Plain,
    /// The interpreter that defines its results.
    Oracle,
}

/// Why a graph has no step.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// An operation cannot be had at this batch size.
    Size(Misfit),
    /// Code cannot be made of it.
    Code(String),
}

/// The step of `graph` for batches of `rows` rows.
pub(crate) fn step(program: &Program, graph: &Graph, rows: usize, engine: Engine) -> Result<Box<dyn Step>, Unfit> {
    let graph = sized(graph, rows)?;
    match engine {
        Engine::Oracle => Ok(Box::new(Oracle::new(graph))),
        Engine::Plain => native(program, &graph, &codegen::Options { fuse: false, ..codegen::Options::default() }),
        Engine::Native => {
            let graph = optimise(&graph, &PassOptions::default(), &mut |_, _, _| {});
            native(program, &graph, &codegen::Options::default())
        }
    }
}

fn native(program: &Program, graph: &Graph, options: &codegen::Options) -> Result<Box<dyn Step>, Unfit> {
    let compiled = codegen::compile(graph, program.states.len(), program.inputs.len(), options);
    Ok(Box::new(compiled.map_err(|error| Unfit::Code(error.to_string()))?.executable))
}

/// The graph with `rows` for every free size.
pub(crate) fn sized(graph: &Graph, rows: usize) -> Result<Graph, Unfit> {
    // A batch has far fewer rows than 2^63.
    specialise(graph, &|_| i64::try_from(rows).ok()).map_err(Unfit::Size)
}

/// Reports why there is no step for batches of `rows` rows.
pub(crate) fn refuse(loaded: &Loaded, console: &Console, rows: usize, unfit: &Unfit) -> Failed {
    match unfit {
        Unfit::Size(misfit) => {
            let site = misfit.sites.first().and_then(|site| loaded.program.sites.get(site.0 as usize));
            let headline = format!("this cannot be had for batches of {rows}: {misfit}");
            match site {
                Some(site) => loaded.fail(console, &Diagnostic::error(codes::TOO_LARGE, site.span, headline)),
                None => Plain::new(codes::TOO_LARGE, headline).into(),
            }
        }
        Unfit::Code(error) => {
            let plain = Plain::new(codes::UNSUPPORTED, format!("no code can be made of {}: {error}", loaded.name));
            plain.help("`--engine oracle` computes the same, slowly").into()
        }
    }
}
