//! From a graph of a program to a step: the only place that knows which engines there are.

use std::fmt;

use clap::ValueEnum;
use nnc_compiler::codegen::memory::Large;
use nnc_compiler::codegen::{self, CodegenError};
use nnc_compiler::interp::Oracle;
use nnc_compiler::ir::dim::Sym;
use nnc_compiler::ir::graph::{Graph, SiteId};
use nnc_compiler::passes::specialise::specialise;
use nnc_compiler::pipeline::{self, CompileError, NO_PASSES, Options};
use nnc_compiler::program::Program;
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_runtime::step::Step;
use nnc_runtime::train::NoStep;

use crate::console::{Console, Failed};
use crate::load::Loaded;
use crate::memory::free_at_first;
use crate::report::Plain;
use crate::show::{bytes, grouped};

/// What computes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// Compiled code.
    Native,
    /// Compiled code with every pass, fusion and wide vectors switched off.
    Plain,
    /// The interpreter that defines its results.
    Oracle,
}

/// Why there is no step.
#[derive(Debug)]
pub(crate) struct NoCode {
    /// What the compiler says.
    error: CompileError,
    /// Where memory is short: the rows of the largest batch whose step would fit; `None` if there is none.
    fits: Option<usize>,
}

impl fmt::Display for NoCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for NoCode {}

impl<E: Into<CompileError>> From<E> for NoCode {
    fn from(error: E) -> NoCode {
        NoCode { error: error.into(), fits: None }
    }
}

/// The step of `graph` for batches of these free sizes: rows, then the padded axes of the program.
pub(crate) fn step(program: &Program, graph: &Graph, sizes: &[usize], engine: Engine) -> Result<Box<dyn Step>, NoCode> {
    let size = |sym: &Sym| program.size(sizes, sym);
    let mut options = match engine {
        Engine::Oracle => return Ok(Box::new(Oracle::new(specialise(graph, &size)?))),
        Engine::Plain => Options {
            passes: NO_PASSES,
            codegen: codegen::Options { fuse: false, wide: false, ..codegen::Options::default() },
        },
        Engine::Native => Options::default(),
    };
    // What a step takes is counted with all states, which may be there already: so against what was free before them. More than
    // can be addressed is no bound.
    options.codegen.memory = free_at_first().and_then(|bytes| usize::try_from(bytes).ok());
    match pipeline::compile(program, graph, &size, &options) {
        Ok(compiled) => Ok(Box::new(compiled.executable)),
        Err(CompileError::Code(CodegenError::Memory(shortage))) => {
            let fits = largest_batch(program, graph, sizes, &options, shortage.limit);
            Err(NoCode { error: CodegenError::Memory(shortage).into(), fits })
        }
        Err(error) => Err(error.into()),
    }
}

/// The rows of the largest batch below these sizes whose step fits into `limit` bytes.
fn largest_batch(
    program: &Program,
    graph: &Graph,
    sizes: &[usize],
    options: &Options<'_>,
    limit: usize,
) -> Option<usize> {
    let (&rows, others) = sizes.split_first()?;
    let fits = |rows: usize| {
        let sizes: Vec<usize> = [rows].into_iter().chain(others.iter().copied()).collect();
        let memory = pipeline::memory(program, graph, &|sym| program.size(&sizes, sym), options);
        memory.is_ok_and(|memory| memory.total() <= limit)
    };
    // More rows never take less: bisection.
    let (mut fit, mut unfit) = (0, rows);
    while unfit - fit > 1 {
        let middle = fit + (unfit - fit) / 2;
        if fits(middle) { fit = middle } else { unfit = middle }
    }
    (fit > 0).then_some(fit)
}

/// Reports why there is no step for batches of these free sizes.
pub(crate) fn refuse(loaded: &Loaded, console: &Console, sizes: &[usize], none: &NoCode) -> Failed {
    let program = &loaded.program;
    let place = |sites: &[SiteId]| sites.first().and_then(|site| program.sites.get(site.0 as usize)).map(|s| s.span);
    match &none.error {
        CompileError::Size(misfit) => {
            let headline = format!("this cannot be had for batches of {}: {misfit}", shown(program, sizes));
            match place(&misfit.sites) {
                Some(span) => loaded.fail(console, &Diagnostic::error(codes::TOO_LARGE, span, headline)),
                None => Plain::new(codes::TOO_LARGE, headline).into(),
            }
        }
        CompileError::Code(CodegenError::Memory(shortage)) => {
            let headline = format!(
                "a step for batches of {} takes {} of memory, and {} are free",
                shown(program, sizes),
                bytes(shortage.memory.total() as u64),
                bytes(shortage.limit as u64)
            );
            let help = match none.fits {
                Some(rows) => format!("batches of {} rows fit", grouped(rows as u64)),
                None => "not even a batch of one row fits: make layers smaller".to_owned(),
            };
            let states = shortage.memory.states.iter().fold(0, |sum, bytes| sum + *bytes as u64);
            let note = format!(
                "{} are working memory, {} parameters and other states",
                bytes(shortage.memory.arena as u64),
                bytes(states)
            );
            let value = |large: &Large| format!("{} takes {}", large.ty, bytes(large.bytes as u64));
            let mut placed = shortage.largest.iter().filter_map(|large| Some((place(&large.sites)?, value(large))));
            let Some((span, label)) = placed.next() else {
                return Plain::new(codes::TOO_LARGE, headline).help(help).into();
            };
            let diagnostic = Diagnostic::error(codes::TOO_LARGE, span, headline).label(label);
            let diagnostic = placed.fold(diagnostic, |d, (span, text)| d.origin(Role::Share, span, text));
            loaded.fail(console, &diagnostic.note(note).help(help))
        }
        CompileError::Code(error) => {
            let plain = Plain::new(codes::UNSUPPORTED, format!("no code can be made of {}: {error}", loaded.name));
            plain.help("`--engine oracle` computes the same, slowly").into()
        }
    }
}

/// Reports why a batch has no step.
pub(crate) fn no_step(loaded: &Loaded, console: &Console, none: &NoStep) -> Failed {
    match none.error.downcast_ref::<NoCode>() {
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
