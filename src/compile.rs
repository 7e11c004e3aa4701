//! From a graph of a program to a step: the only place that knows which engines there are.

use clap::ValueEnum;
use nnc_compiler::codegen;
use nnc_compiler::interp::Oracle;
use nnc_compiler::ir::dim::Sym;
use nnc_compiler::ir::graph::Graph;
use nnc_compiler::passes::specialise::specialise;
use nnc_compiler::pipeline::{self, CompileError, NO_PASSES, Options};
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

/// The step of `graph` for batches of `rows` rows.
pub(crate) fn step(
    program: &Program,
    graph: &Graph,
    rows: usize,
    engine: Engine,
) -> Result<Box<dyn Step>, CompileError> {
    let options = match engine {
        Engine::Oracle => return Ok(Box::new(Oracle::new(specialise(graph, &size(rows))?))),
        Engine::Plain => {
            Options { passes: NO_PASSES, codegen: codegen::Options { fuse: false, ..codegen::Options::default() } }
        }
        Engine::Native => Options::default(),
    };
    Ok(Box::new(pipeline::compile(program, graph, &size(rows), &options)?.executable))
}

/// `rows` for every free size.
pub(crate) fn size(rows: usize) -> impl Fn(&Sym) -> Option<i64> {
    // A batch has far fewer rows than 2^63.
    move |_| i64::try_from(rows).ok()
}

/// Reports why there is no step for batches of `rows` rows.
pub(crate) fn refuse(loaded: &Loaded, console: &Console, rows: usize, error: &CompileError) -> Failed {
    match error {
        CompileError::Size(misfit) => {
            let site = misfit.sites.first().and_then(|site| loaded.program.sites.get(site.0 as usize));
            let headline = format!("this cannot be had for batches of {rows}: {misfit}");
            match site {
                Some(site) => loaded.fail(console, &Diagnostic::error(codes::TOO_LARGE, site.span, headline)),
                None => Plain::new(codes::TOO_LARGE, headline).into(),
            }
        }
        CompileError::Code(error) => {
            let plain = Plain::new(codes::UNSUPPORTED, format!("no code can be made of {}: {error}", loaded.name));
            plain.help("`--engine oracle` computes the same, slowly").into()
        }
    }
}
