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
use nnc_runtime::train::NoStep;

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

/// The step of `graph` for batches of these free sizes: rows, then the padded axes of the program.
pub(crate) fn step(
    program: &Program,
    graph: &Graph,
    sizes: &[usize],
    engine: Engine,
) -> Result<Box<dyn Step>, CompileError> {
    let size = |sym: &Sym| program.size(sizes, sym);
    let options = match engine {
        Engine::Oracle => return Ok(Box::new(Oracle::new(specialise(graph, &size)?))),
        Engine::Plain => {
            Options { passes: NO_PASSES, codegen: codegen::Options { fuse: false, ..codegen::Options::default() } }
        }
        Engine::Native => Options::default(),
    };
    Ok(Box::new(pipeline::compile(program, graph, &size, &options)?.executable))
}

/// Reports why there is no step for batches of these free sizes.
pub(crate) fn refuse(loaded: &Loaded, console: &Console, sizes: &[usize], error: &CompileError) -> Failed {
    match error {
        CompileError::Size(misfit) => {
            let site = misfit.sites.first().and_then(|site| loaded.program.sites.get(site.0 as usize));
            let headline = format!("this cannot be had for batches of {}: {misfit}", shown(&loaded.program, sizes));
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

/// Reports why a batch has no step.
pub(crate) fn no_step(loaded: &Loaded, console: &Console, none: &NoStep) -> Failed {
    match none.error.downcast_ref::<CompileError>() {
        Some(error) => refuse(loaded, console, &none.sizes, error),
        None => Plain::new(codes::UNSUPPORTED, none.error.to_string()).into(),
    }
}

/// Free sizes as people read them: `64`, `64, time = 12`.
pub(crate) fn shown(program: &Program, sizes: &[usize]) -> String {
    let rows = sizes.first().map_or(String::new(), usize::to_string);
    let axes = program.padded.iter().zip(sizes.iter().skip(1));
    axes.fold(rows, |text, ((_, axis), size)| format!("{text}, {} = {size}", axis.name))
}
