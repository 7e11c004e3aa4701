//! Invariants of a graph that must hold after every pass; a failure is a mistake of the compiler, never of the user.
//!
//! 1. Operands come before their users and exist.
//! 2. Every node's types are what its row infers from its operands.
//! 3. The loss that is guarded is one float; each state is updated at most once and exists as a value of the graph.

use super::graph::Graph;
use super::types::{TensorType, is_float};

/// Checks the invariants; the error says which node breaks which.
pub fn verify(graph: &Graph) -> Result<(), String> {
    for (id, node) in graph.nodes() {
        for v in &node.operands {
            if v.node >= id {
                return Err(format!("%{} uses %{}, which is not before it", id.0, v.node.0));
            }
            if v.port as usize >= graph.node(v.node).types.len() {
                return Err(format!("%{} uses a result that %{} does not have", id.0, v.node.0));
            }
        }
        let operands: Vec<&TensorType> = node.operands.iter().map(|v| graph.ty(*v)).collect();
        match (node.op.infer)(&operands, &node.attrs) {
            Err(e) => return Err(format!("%{} `{}`: {}", id.0, node.op.name, e.what)),
            Ok(types) if types != node.types => return Err(format!("%{} `{}` has another type", id.0, node.op.name)),
            Ok(_) => {}
        }
    }
    for root in graph.roots() {
        if root.node.0 as usize >= graph.len() || root.port as usize >= graph.node(root.node).types.len() {
            return Err("a root does not exist".into());
        }
    }
    if let Some(guard) = graph.guard {
        let ty = graph.ty(guard);
        if ty.rank() != 0 || !is_float(ty.dtype) {
            return Err("the guard is not one float".into());
        }
    }
    let mut updated: Vec<u32> = graph.updates.iter().map(|u| u.0).collect();
    updated.sort_unstable();
    if updated.windows(2).any(|w| w[0] == w[1]) {
        return Err("a state is updated twice".into());
    }
    Ok(())
}
