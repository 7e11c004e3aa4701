//! From a graph whose sizes are numbers to native code.
//!
//! ```text
//! graph ─fuse─▶ groups ─schedule─▶ order ─lower─▶ stages ─plan─▶ arena ─emit─▶ functions ─jit─▶ Executable
//! ```
//!
//! - [`schedule`]: the order of the groups, and states that are written where they lie
//! - [`lower`], `element`, `product`, `conv`, `routine`, `scan`: groups to [`kernels`]: [`loops`], trees and products over buffers
//! - [`plan`]: where buffers lie in one arena; [`memory`]: what that takes, and whether there is so much
//! - `emit`: stages to Cranelift functions; `wide`: rows of maps to AVX-512; `jit`: those to memory. No other file names Cranelift
//! - [`report`]: what was made, for reading
//!
//! Nothing here can change a bit: see the contracts of the parts.

mod conv;
mod element;
mod emit;
mod invariant;
mod jit;
pub mod kernels;
pub mod loops;
pub mod lower;
pub mod memory;
mod parts;
pub mod plan;
mod product;
pub mod report;
mod results;
mod routine;
mod scan;
pub mod schedule;
#[cfg(test)]
mod tests;
mod wide;

use crate::ir::graph::Graph;
use crate::ir::verify::verify;
use crate::passes::fuse::{Fusion, fuse};
use lower::Lowered;
use memory::{Memory, Shortage};
use nnc_runtime::kernels::{Isa, KernelTable, best_kernels, kernels};
use nnc_runtime::step::{Executable, ExecutableParts, OutputSpec};
use plan::Plan;
use report::{Report, Times};
use schedule::Schedule;
use std::borrow::Cow;
use std::fmt;
use std::time::Instant;

/// How to compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Join nodes into groups; without it every node is a group of its own. The bits are the same.
    pub fuse: bool,
    /// The instruction set of the product kernels; the best of this machine when not given. The bits are the same.
    pub isa: Option<Isa>,
    /// Check the graph and the generated code for mistakes of the compiler.
    pub verify: bool,
    /// Use vectors of sixteen lanes where the machine has them. The bits are the same.
    pub wide: bool,
    /// The most bytes that the step may take, states and batch included; no bound when not given.
    pub memory: Option<usize>,
}

impl Default for Options {
    fn default() -> Options {
        Options { fuse: true, isa: None, verify: cfg!(debug_assertions), wide: true, memory: None }
    }
}

/// Why there is no code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodegenError {
    /// The machine lacks instructions that the code needs; says which.
    Machine(String),
    /// This process cannot run the product kernels asked for.
    Isa(Isa),
    /// The step takes more memory than it may.
    Memory(Box<Shortage>),
    /// The graph is not what code generation takes, or the code generator failed: a mistake of the compiler.
    Internal(String),
}

impl fmt::Display for CodegenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CodegenError::Machine(what) => f.write_str(what),
            CodegenError::Isa(isa) => write!(f, "this machine cannot run the {isa:?} kernels"),
            CodegenError::Memory(shortage) => shortage.fmt(f),
            CodegenError::Internal(what) => write!(f, "mistake of the compiler: {what}"),
        }
    }
}

impl std::error::Error for CodegenError {}

/// Native code and what there is to say about it.
pub struct Compiled {
    /// The step.
    pub executable: Executable,
    /// Groups, memory, times, texts.
    pub report: Report,
}

/// Everything but code.
struct Planned<'g> {
    graph: Cow<'g, Graph>,
    fusion: Fusion,
    schedule: Schedule,
    lowered: Lowered,
    plan: Plan,
    memory: Memory,
}

/// From a graph to a plan of its memory.
fn planned<'g>(
    graph: &'g Graph,
    n_states: usize,
    n_inputs: usize,
    options: &Options,
) -> Result<Planned<'g>, CodegenError> {
    if options.verify {
        verify(graph).map_err(CodegenError::Internal)?;
    }
    let graph = results::split(graph);
    let mut fusion = fuse(&graph, options.fuse).map_err(CodegenError::Internal)?;
    let schedule = schedule::schedule(&graph, &mut fusion).map_err(CodegenError::Internal)?;
    let lowered = lower::lower(&graph, &fusion, &schedule).map_err(CodegenError::Internal)?;
    let plan = plan::plan(&lowered);
    let memory = Memory::of(&lowered, &plan, n_states, n_inputs)
        .ok_or_else(|| CodegenError::Internal("the program does not hold what the step reads".into()))?;
    Ok(Planned { graph, fusion, schedule, lowered, plan, memory })
}

/// What the step of a graph would take of memory, with the arguments of [`compile`].
///
/// # Errors
/// By a mistake of the compiler.
pub fn memory(graph: &Graph, n_states: usize, n_inputs: usize, options: &Options) -> Result<Memory, CodegenError> {
    Ok(planned(graph, n_states, n_inputs, options)?.memory)
}

/// Compiles a graph whose sizes are numbers, of a program with `n_states` states and `n_inputs` fields of the batch.
///
/// # Errors
/// When the machine is too old, the step takes more memory than it may, or by a mistake of the compiler.
pub fn compile(graph: &Graph, n_states: usize, n_inputs: usize, options: &Options) -> Result<Compiled, CodegenError> {
    let started = Instant::now();
    let Planned { graph, fusion, schedule, lowered, plan, memory } = planned(graph, n_states, n_inputs, options)?;
    memory::check(&graph, &fusion, &memory, options).map_err(CodegenError::Memory)?;
    let planned = Instant::now();
    let code = jit::compile(&lowered, &plan, table(options)?, options)?;
    let times = Times { plan: planned - started, code: planned.elapsed() };
    let outputs = graph.outputs.iter().zip(&lowered.outputs).map(|(output, buffer)| {
        let ty = graph.ty(output.value);
        let shape = fusion.shapes[output.value.node.0 as usize].clone();
        let offset = plan.slots[buffer.0].map_or(0, |slot| slot.offset);
        (OutputSpec { name: output.name.clone(), dtype: ty.dtype, shape }, offset)
    });
    let parts = ExecutableParts {
        entry: code.entry,
        arena_bytes: plan.bytes,
        outputs: outputs.collect(),
        states: memory.states,
        inputs: memory.inputs,
        code: Box::new(code.memory),
    };
    let report = Report::new(&graph, &fusion, &schedule, lowered, plan, times, *options);
    // SAFETY: the memory of the code lives in `code`. Loops stay within the shapes that the buffers' sizes were computed
    // from; the plan keeps buffers that live at the same time apart and within the arena.
    let executable = unsafe { Executable::new(parts) };
    Ok(Compiled { executable, report })
}

/// The product kernels to call.
fn table(options: &Options) -> Result<&'static KernelTable, CodegenError> {
    match options.isa {
        None => Ok(best_kernels()),
        Some(isa) => kernels(isa).ok_or(CodegenError::Isa(isa)),
    }
}
