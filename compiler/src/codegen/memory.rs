//! What a step takes of memory, known before there is code, and the refusal of one that takes too much.

use super::Options;
use super::kernels::Home;
use super::lower::Lowered;
use super::plan::Plan;
use crate::ir::graph::{Graph, NodeId, SiteId};
use crate::ir::types::TensorType;
use crate::passes::fuse::Fusion;
use std::cmp::Reverse;
use std::fmt;

/// Bytes of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// The working memory.
    pub arena: usize,
    /// Each state of the program; 0 for those that the step does not touch.
    pub states: Vec<usize>,
    /// Each field of the batch; 0 for those that the step does not read.
    pub inputs: Vec<usize>,
}

impl Memory {
    /// Of a planned step; `None` if it holds a state or a field that the program does not have.
    pub(super) fn of(lowered: &Lowered, plan: &Plan, n_states: usize, n_inputs: usize) -> Option<Memory> {
        let mut memory = Memory { arena: plan.bytes, states: vec![0; n_states], inputs: vec![0; n_inputs] };
        for buffer in &lowered.buffers {
            let size = match buffer.home {
                Home::State(i) => memory.states.get_mut(i as usize)?,
                Home::Input(i) => memory.inputs.get_mut(i as usize)?,
                Home::Arena | Home::Seed | Home::Step | Home::Table(_) | Home::Element { .. } => continue,
            };
            *size = buffer.bytes;
        }
        Some(memory)
    }

    /// All of it.
    pub fn total(&self) -> usize {
        self.states.iter().chain(&self.inputs).fold(self.arena, |sum, bytes| sum.saturating_add(*bytes))
    }
}

/// A value that takes much memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Large {
    /// The operation that makes it.
    pub op: &'static str,
    /// Its type.
    pub ty: TensorType,
    /// What it takes.
    pub bytes: usize,
    /// Where it comes from.
    pub sites: Vec<SiteId>,
}

/// Why a step cannot run in the memory that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// What it takes.
    pub memory: Memory,
    /// What it may take, in bytes.
    pub limit: usize,
    /// The largest values in its working memory, at most [`NAMED`].
    pub largest: Vec<Large>,
}

/// How many values a shortage names.
pub const NAMED: usize = 3;

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it takes {} bytes of memory, and {} are free", self.memory.total(), self.limit)
    }
}

/// Refuses a step that takes more than the options allow.
pub(super) fn check(graph: &Graph, fusion: &Fusion, memory: &Memory, options: &Options) -> Result<(), Box<Shortage>> {
    let Some(limit) = options.memory.filter(|limit| memory.total() > *limit) else { return Ok(()) };
    let mut stored: Vec<NodeId> = fusion.groups.iter().flat_map(|group| group.stored.iter().copied()).collect();
    let large = |id: NodeId| {
        let (node, shape) = (graph.node(id), &fusion.shapes[id.0 as usize]);
        let ty = node.types[0].clone();
        let bytes = shape.iter().fold(ty.dtype.size(), |bytes, n| bytes.saturating_mul(*n));
        Large { op: node.op.name, ty, bytes, sites: node.sites.clone() }
    };
    stored.sort_by_key(|id| (Reverse(large(*id).bytes), *id));
    stored.dedup();
    let largest = stored.into_iter().take(NAMED).map(large).collect();
    Err(Box::new(Shortage { memory: memory.clone(), limit, largest }))
}
