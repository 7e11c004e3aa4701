//! The oracle: evaluates a graph node by node with the meanings of the rows, in plain Rust. It knows neither code generation
//! nor fusion, so that equality with native code says something. Constant folding uses it too.
//!
//! Every array that an evaluation holds is row-major and contiguous.

mod node;
mod oracle;
mod scan;

pub use node::{Prepared, evaluate, prepare, uniform};
pub use oracle::Oracle;

use crate::ir::array::Array;
use crate::ir::attrs::{Attrs, Slot};
use crate::ir::graph::{Graph, Node, Value};
use crate::ir::op::Meaning;
use nnc_runtime::buffer::Buffer;
use nnc_runtime::step::Fault;
use std::collections::HashMap;

/// What the runtime holds while a graph is evaluated.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// The program's states at the start of the step, by number; those that the graph does not read may be empty.
    pub states: &'a [Buffer],
    /// The batch, by the program's input numbers; those that the graph does not read may be empty.
    pub inputs: &'a [Buffer],
    /// The seed of the run.
    pub seed: i64,
    /// Steps taken before this one.
    pub step: i64,
}

/// The values that leave a graph: results, updates and the guard.
#[derive(Debug)]
pub struct Values {
    roots: HashMap<Value, Array>,
}

impl Values {
    /// The value of a root of the graph.
    ///
    /// # Panics
    /// When `value` is no root: the others are gone.
    pub fn get(&self, value: Value) -> &Array {
        &self.roots[&value]
    }
}

/// Evaluates a graph whose sizes are numbers: the values of its roots, or the fault that its guard finds.
///
/// # Errors
/// When the guarded value is not finite.
///
/// # Panics
/// When a free size is left, or the environment lacks a tensor that the graph reads or holds too few bytes of it.
pub fn run(graph: &Graph, env: &Env<'_>) -> Result<Values, Fault> {
    let values = evaluate_all(graph, &prepare_all(graph), &|node| source(node, env));
    check(graph, &values)?;
    Ok(values)
}

/// Prepares every node of a graph.
fn prepare_all(graph: &Graph) -> Vec<Prepared> {
    graph.nodes().map(|(_, node)| prepare(graph, node)).collect()
}

/// The values of all roots; `prepared` holds one entry a node, `source` gives what is held outside.
fn evaluate_all(graph: &Graph, prepared: &[Prepared], source: &dyn Fn(&Node) -> Array) -> Values {
    let live = graph.live();
    let last_use = last_uses(graph);
    let mut values: HashMap<Value, Array> = HashMap::new();
    for (id, node) in graph.nodes().filter(|(id, _)| live[id.0 as usize]) {
        let results = match node.op.meaning {
            Meaning::Source => vec![source(node)],
            _ => {
                let operands: Vec<&Array> = node.operands.iter().map(|v| &values[v]).collect();
                evaluate(node, &prepared[id.0 as usize], &operands)
            }
        };
        for (port, array) in (0..).zip(results) {
            values.insert(Value { node: id, port }, array);
        }
        for operand in &node.operands {
            if last_use[operand.node.0 as usize] == Some(id.0) {
                values.remove(operand);
            }
        }
    }
    Values { roots: values }
}

/// The fault that the guard of the graph finds.
fn check(graph: &Graph, values: &Values) -> Result<(), Fault> {
    match graph.guard.map(|guard| is_finite(values.get(guard))) {
        Some(false) => Err(Fault::NotFinite),
        _ => Ok(()),
    }
}

/// For each node, the last node that uses it; `None` for one that leaves the graph, which is kept to the end.
fn last_uses(graph: &Graph) -> Vec<Option<u32>> {
    let mut last: Vec<Option<u32>> = vec![None; graph.len()];
    for (id, node) in graph.nodes() {
        for operand in &node.operands {
            last[operand.node.0 as usize] = Some(id.0);
        }
    }
    for root in graph.roots() {
        last[root.node.0 as usize] = None;
    }
    last
}

/// What the runtime holds under the slot of a source.
fn source(node: &Node, env: &Env<'_>) -> Array {
    let Attrs::Slot(slot, ty) = &node.attrs else { unreachable!("a source names its slot") };
    let bytes = match slot {
        Slot::Input(i) => env.inputs.get(*i as usize).map(Buffer::as_slice),
        Slot::State(i) => env.states.get(*i as usize).map(Buffer::as_slice),
        Slot::Seed => Some(&env.seed.to_le_bytes()[..]),
        Slot::Step => Some(&env.step.to_le_bytes()[..]),
        Slot::Local(_) => unreachable!("nothing outside a loop depends on a value of its body"),
    };
    let shape = ty.sizes().unwrap_or_else(|| panic!("{ty} of {slot:?} has a free size"));
    let length = shape.iter().product::<usize>() * ty.dtype.size();
    let bytes = bytes.and_then(|b| b.get(..length)).unwrap_or_else(|| panic!("{slot:?} does not hold {ty}"));
    Array::from_bytes(ty.dtype, &shape, bytes).unwrap_or_else(|| unreachable!("as many bytes as the type has"))
}

fn is_finite(value: &Array) -> bool {
    match value {
        Array::F32(a) => a.iter().all(|x| x.is_finite()),
        Array::F64(a) => a.iter().all(|x| x.is_finite()),
        Array::I32(_) | Array::I64(_) | Array::U8(_) | Array::Bool(_) => true,
    }
}

#[cfg(test)]
mod tests;
