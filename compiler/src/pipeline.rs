//! The pipeline: which passes run, in which order, and the way from a checked program to native code.

use crate::codegen::memory::Memory;
use crate::codegen::{self, CodegenError, Compiled};
use crate::ir::dim::Sym;
use crate::ir::graph::Graph;
use crate::passes::specialise::{Misfit, specialise};
use crate::passes::{cse, dce, fold, scan, simplify};
use crate::program::Program;
use std::fmt;
use std::time::{Duration, Instant};

/// A pass over a graph. Every pass keeps the bits of all roots.
#[derive(Debug, Clone, Copy)]
pub struct Pass {
    /// Its name, by which it is printed and switched off.
    pub name: &'static str,
    /// What it guarantees, in a sentence.
    pub contract: &'static str,
    /// The pass.
    pub run: fn(&Graph) -> Graph,
}

/// What runs, in this order, again and again until nothing changes.
pub const PIPELINE: &[Pass] = &[
    Pass {
        name: "fold",
        contract: "what depends on constants alone and is the same everywhere is a constant",
        run: fold::fold,
    },
    Pass { name: "simplify", contract: "no exact rewrite of the rule tables applies", run: simplify::simplify },
    Pass { name: "cse", contract: "no two nodes compute the same thing from the same operands", run: cse::cse },
    Pass {
        name: "scan",
        contract: "loops that do the same are one, and carry and yield only what is needed; so within their bodies",
        run: scan::scan,
    },
    Pass { name: "dce", contract: "every node is needed by a result, an update or the guard", run: dce::dce },
];

/// Rounds after which the pipeline stops even if something still changes. Each round but the last makes the graph smaller
/// or simpler; real programs take two or three.
const MOST_ROUNDS: usize = 8;

/// No pass at all.
pub const NO_PASSES: PassOptions<'static> = PassOptions { disabled: NAMES };

/// The names of all passes.
const NAMES: &[&str] = &{
    let mut names = [""; PIPELINE.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = PIPELINE[i].name;
        i += 1;
    }
    names
};

/// How passes run.
#[derive(Debug, Clone, Copy, Default)]
pub struct PassOptions<'a> {
    /// Names of passes that are left out.
    pub disabled: &'a [&'a str],
}

/// Runs the pipeline. `on_pass` sees each pass's name, the graph it leaves and the time it took.
///
/// # Panics
/// In debug builds, when a pass breaks an invariant of graphs: a mistake of the pass.
pub fn optimise(
    graph: &Graph,
    options: &PassOptions<'_>,
    on_pass: &mut dyn FnMut(&'static str, &Graph, Duration),
) -> Graph {
    let mut graph = graph.clone();
    for _ in 0..MOST_ROUNDS {
        let before = graph.clone();
        for pass in PIPELINE.iter().filter(|pass| !options.disabled.contains(&pass.name)) {
            let start = Instant::now();
            graph = (pass.run)(&graph);
            on_pass(pass.name, &graph, start.elapsed());
            debug_assert_eq!(crate::ir::verify::verify(&graph), Ok(()), "after `{}`", pass.name);
        }
        if before.same(&graph) {
            break;
        }
    }
    graph
}

/// How a graph is compiled.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// Which passes run.
    pub passes: PassOptions<'a>,
    /// How code is made.
    pub codegen: codegen::Options,
}

/// Why a graph has no code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompileError {
    /// An operation cannot be had at these sizes.
    Size(Misfit),
    /// Code cannot be made.
    Code(CodegenError),
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompileError::Size(misfit) => misfit.fmt(f),
            CompileError::Code(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CompileError {}

impl From<Misfit> for CompileError {
    fn from(misfit: Misfit) -> CompileError {
        CompileError::Size(misfit)
    }
}

impl From<CodegenError> for CompileError {
    fn from(error: CodegenError) -> CompileError {
        CompileError::Code(error)
    }
}

/// The graph for these sizes after all passes. `on_pass` sees them as [`optimise`] tells them, `specialise` before all.
///
/// # Errors
/// When an operation cannot be had at the sizes.
pub fn optimised(
    graph: &Graph,
    size: &dyn Fn(&Sym) -> Option<i64>,
    options: &PassOptions<'_>,
    on_pass: &mut dyn FnMut(&'static str, &Graph, Duration),
) -> Result<Graph, CompileError> {
    let start = Instant::now();
    let graph = specialise(graph, size)?;
    on_pass("specialise", &graph, start.elapsed());
    Ok(optimise(&graph, options, on_pass))
}

/// From a graph of `program` whose sizes are numbers to native code.
///
/// # Errors
/// When the machine lacks what the code needs.
pub fn code(program: &Program, graph: &Graph, options: &codegen::Options) -> Result<Compiled, CompileError> {
    Ok(codegen::compile(graph, program.states.len(), program.inputs.len(), options)?)
}

/// What the step of a graph of `program` would take of memory for these sizes.
///
/// # Errors
/// As for [`compile`].
pub fn memory(
    program: &Program,
    graph: &Graph,
    size: &dyn Fn(&Sym) -> Option<i64>,
    options: &Options<'_>,
) -> Result<Memory, CompileError> {
    let graph = optimised(graph, size, &options.passes, &mut |_, _, _| {})?;
    Ok(codegen::memory(&graph, program.states.len(), program.inputs.len(), &options.codegen)?)
}

/// From a graph of `program` to native code for these sizes.
///
/// # Errors
/// When an operation cannot be had at the sizes, or the machine lacks what the code needs.
pub fn compile(
    program: &Program,
    graph: &Graph,
    size: &dyn Fn(&Sym) -> Option<i64>,
    options: &Options<'_>,
) -> Result<Compiled, CompileError> {
    code(program, &optimised(graph, size, &options.passes, &mut |_, _, _| {})?, &options.codegen)
}
