//! The model table: each parameter with its shape and the multiply-adds it takes part in, for one row of the batch.

use super::data::BATCH;
use crate::ir::attrs::{Attrs, Slot};
use crate::ir::graph::{Graph, NodeId};
use crate::program::{Role, Row, State};

/// One row a parameter, in order of declaration.
pub(super) fn rows(states: &[State], evaluate: Option<&Graph>) -> Vec<Row> {
    let mut rows = vec![];
    for (number, state) in states.iter().enumerate().filter(|(_, s)| s.role == Role::Parameter) {
        let shape = state.ty.sizes().unwrap_or_default();
        let multiply_adds = evaluate.map_or(0, |g| products(g, number as u32));
        rows.push(Row {
            path: state.path.clone(),
            elements: shape.iter().fold(1, |n: usize, &s| n.saturating_mul(s)),
            shape,
            multiply_adds,
        });
    }
    rows
}

/// Multiply-adds of the products that a parameter is an operand of.
fn products(graph: &Graph, state: u32) -> usize {
    let is_parameter = |mut id: NodeId| loop {
        let node = graph.node(id);
        match (&node.attrs, node.operands.as_slice()) {
            (Attrs::Slot(Slot::State(n), _), _) => return *n == state,
            (Attrs::Permute(_) | Attrs::Reshape(_) | Attrs::Cast(_), [one]) => id = one.node,
            _ => return false,
        }
    };
    let mut sum = 0usize;
    for (_, node) in graph.nodes() {
        let Attrs::Contract(rule) = &node.attrs else { continue };
        if !node.operands.iter().any(|v| is_parameter(v.node)) {
            continue;
        }
        let one_row = |d: &crate::ir::dim::Dim| {
            d.eval(&|s| (&*s.0 == BATCH).then_some(1)).and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
        };
        let product = |sizes: &mut dyn Iterator<Item = usize>| sizes.fold(1, usize::saturating_mul);
        let results = product(&mut node.types[0].shape.iter().map(one_row));
        let a = &graph.ty(node.operands[0]).shape;
        let summed = product(&mut rule.sum.iter().map(|p| one_row(&a[p.0])));
        sum = sum.saturating_add(results.saturating_mul(summed));
    }
    sum
}
