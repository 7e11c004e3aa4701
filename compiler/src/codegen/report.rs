//! What was made of a graph, for people: the groups, the memory plan, the code.

use super::kernels::{Home, Kernel};
use super::loops::Form;
use super::lower::Lowered;
use super::plan::Plan;
use super::schedule::Schedule;
use super::{CodegenError, Options, jit, table};
use crate::ir::graph::Graph;
use crate::ir::op::Routine;
use crate::passes::fuse::Fusion;
use std::fmt::Write;
use std::time::Duration;

/// How long compiling took.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Grouping, ordering, lowering and planning.
    pub plan: Duration,
    /// Emitting and compiling the functions.
    pub code: Duration,
}

/// A group of nodes that became code together.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupReport {
    /// What its stages are: `map`, `inner reduction`, `product` …
    pub stages: Vec<&'static str>,
    /// Its nodes: number and operation.
    pub nodes: Vec<String>,
    /// The iteration space of its first node.
    pub shape: Vec<usize>,
    /// Bytes read and written, each buffer of a stage counted once.
    pub bytes: usize,
    /// Operations.
    pub flops: f64,
    /// The most parts of a stage.
    pub parts: u32,
    /// What one thread is expected to take, in nanoseconds.
    pub cost: f64,
}

/// Everything there is to say about compiled code.
pub struct Report {
    /// The groups, in the order in which they run; copies into states at the end are a last one.
    pub groups: Vec<GroupReport>,
    /// Bytes of the arena.
    pub arena_bytes: usize,
    /// How long compiling took.
    pub times: Times,
    lowered: Lowered,
    plan: Plan,
    options: Options,
}

impl Report {
    pub(super) fn new(
        graph: &Graph,
        fusion: &Fusion,
        schedule: &Schedule,
        lowered: Lowered,
        plan: Plan,
        times: Times,
        options: Options,
    ) -> Report {
        let mut groups: Vec<GroupReport> = schedule
            .order
            .iter()
            .map(|&g| {
                let group = &fusion.groups[g];
                let nodes = group.nodes.iter().map(|n| format!("%{} {}", n.0, graph.node(*n).op.name)).collect();
                GroupReport { nodes, shape: group.shape.clone(), ..GroupReport::empty() }
            })
            .chain(schedule.late.iter().map(|(state, node)| GroupReport {
                nodes: vec![format!("state {state} = %{}", node.0)],
                shape: fusion.shapes[node.0 as usize].clone(),
                ..GroupReport::empty()
            }))
            .collect();
        for stage in &lowered.stages {
            let Some(group) = groups.get_mut(stage.group) else { continue };
            group.stages.push(name(&stage.kernel));
            let (reads, writes) = stage.kernel.buffers();
            group.bytes += reads.iter().chain(&writes).map(|b| lowered.buffers[b.0].bytes).sum::<usize>();
            group.flops += stage.kernel.flops();
            group.cost += stage.kernel.cost();
            group.parts = group.parts.max(stage.kernel.parts());
        }
        Report { groups, arena_bytes: plan.bytes, times, lowered, plan, options }
    }

    /// The groups, one a line.
    pub fn fused(&self) -> String {
        let mut out = String::new();
        for (i, g) in self.groups.iter().enumerate() {
            let stages = if g.stages.is_empty() { "nothing".to_string() } else { g.stages.join(" + ") };
            // Writing to a string cannot fail.
            let _ = writeln!(
                out,
                "group {i}: {stages} over {:?}, {} bytes, {} operations, {} parts: {}",
                g.shape,
                g.bytes,
                g.flops,
                g.parts,
                g.nodes.join(", ")
            );
        }
        out
    }

    /// The arena, buffer by buffer in order of address, then of time.
    pub fn plan(&self) -> String {
        let mut rows: Vec<(usize, (usize, usize), usize)> =
            self.plan.slots.iter().enumerate().filter_map(|(b, slot)| slot.map(|s| (s.offset, s.live, b))).collect();
        rows.sort_unstable();
        let mut out = format!("arena: {} bytes\n", self.plan.bytes);
        for (offset, live, b) in rows {
            let buffer = &self.lowered.buffers[b];
            let _ = writeln!(
                out,
                "{offset:>10} {:>10} bytes, stages {}..={}: {}",
                buffer.bytes, live.0, live.1, buffer.name
            );
        }
        for buffer in self.lowered.buffers.iter().filter(|b| b.home != Home::Arena) {
            let _ = writeln!(out, "outside    {:>10} bytes: {}", buffer.bytes, buffer.name);
        }
        out
    }

    /// The intermediate code, function by function.
    ///
    /// # Errors
    /// As for compiling.
    pub fn clif(&self) -> Result<String, CodegenError> {
        Ok(jit::texts(&self.lowered, &self.plan, table(&self.options)?, &self.options)?.clif)
    }

    /// The machine code, function by function.
    ///
    /// # Errors
    /// As for compiling.
    pub fn asm(&self) -> Result<String, CodegenError> {
        Ok(jit::texts(&self.lowered, &self.plan, table(&self.options)?, &self.options)?.asm)
    }
}

impl GroupReport {
    fn empty() -> GroupReport {
        GroupReport { stages: vec![], nodes: vec![], shape: vec![], bytes: 0, flops: 0.0, parts: 0, cost: 0.0 }
    }
}

fn name(kernel: &Kernel) -> &'static str {
    match kernel {
        Kernel::Loop(nest) => match nest.form {
            Form::Map => "map",
            Form::Inner => "inner reduction",
            Form::Outer => "outer reduction",
            Form::Search => "search",
        },
        Kernel::Tree(_) => "tree",
        Kernel::Product(_) => "product",
        Kernel::Call(c) => match c.routine {
            Routine::Gather => "gather",
            Routine::ScatterAdd => "scatter",
            Routine::ArgSort => "sort",
            Routine::CumSum => "running sum",
            Routine::Recurrence => "recurrence",
        },
        Kernel::Guard(..) => "guard",
        Kernel::Turns(_) => "turns",
    }
}
