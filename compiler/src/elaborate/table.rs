//! The model table: each parameter with its shape and the multiply-adds it takes part in, for one row of the batch, as
//! long as rows may be.

use super::data::BATCH;
use crate::ir::attrs::{Attrs, Slot};
use crate::ir::dim::{Dim, Sym};
use crate::ir::graph::{Graph, Value};
use crate::program::{Role, Row, State};
use nnc_runtime::train::PaddedAxis;
use std::collections::HashMap;

/// One row a parameter, in order of declaration.
pub(super) fn rows(
    states: &[State],
    averages: &HashMap<u32, u32>,
    evaluate: Option<&Graph>,
    padded: &[(Dim, PaddedAxis)],
) -> Vec<Row> {
    let mut rows = vec![];
    // A row of a batch of one, as long as rows may be.
    let size = |s: &Sym| match padded.iter().find(|(size, _)| *size == Dim::sym(&s.0)) {
        Some((_, axis)) => i64::try_from(axis.largest()).ok(),
        None => (&*s.0 == BATCH).then_some(1),
    };
    let one_row = |d: &Dim| d.eval(&size).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    for (number, state) in states.iter().enumerate().filter(|(_, s)| s.role == Role::Parameter) {
        let shape = state.ty.sizes().unwrap_or_default();
        let number = number as u32;
        // Evaluation reads averages where there are some.
        let read = averages.get(&number).copied().unwrap_or(number);
        let multiply_adds = evaluate.map_or(0, |g| products(g, read, &one_row));
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
fn products(graph: &Graph, state: u32, one_row: &dyn Fn(&Dim) -> usize) -> usize {
    let is_parameter =
        |v: Value| matches!(&graph.node(source(graph, v).node).attrs, Attrs::Slot(Slot::State(n), _) if *n == state);
    within(graph, &is_parameter, one_row)
}

/// Multiply-adds of the products of a graph, and of the bodies of its loops, with an operand that is made from this one alone.
fn within(graph: &Graph, is_parameter: &dyn Fn(Value) -> bool, one_row: &dyn Fn(&Dim) -> usize) -> usize {
    let product = |shape: &[Dim]| shape.iter().map(one_row).fold(1, usize::saturating_mul);
    let live = graph.live();
    let mut sum = 0usize;
    for (_, node) in graph.nodes().filter(|(id, _)| live[id.0 as usize]) {
        let more = match &node.attrs {
            Attrs::Contract(rule) if node.operands.iter().any(|v| is_parameter(*v)) => {
                let results = product(&node.types[0].shape);
                let a = &graph.ty(node.operands[0]).shape;
                let summed = rule.sum.iter().map(|p| one_row(&a[p.0])).fold(1, usize::saturating_mul);
                results.saturating_mul(summed)
            }
            Attrs::Conv(c) if node.operands.iter().any(|v| is_parameter(*v)) => {
                let summed = product(&graph.ty(node.operands[1]).shape[..c.axes.len() + 2]);
                product(&node.types[0].shape).saturating_mul(summed)
            }
            Attrs::Scan(scan) => {
                let inside = |v: Value| match scan.body.node(source(&scan.body, v).node).attrs {
                    Attrs::Slot(Slot::Input(j), _) => {
                        node.operands.get(scan.carries + j as usize).is_some_and(|given| is_parameter(*given))
                    }
                    _ => false,
                };
                within(&scan.body, &inside, one_row).saturating_mul(one_row(&scan.turns))
            }
            _ => 0,
        };
        sum = sum.saturating_add(more);
    }
    sum
}

/// What a value is, under other shapes and types.
fn source(graph: &Graph, mut value: Value) -> Value {
    loop {
        let node = graph.node(value.node);
        match (&node.attrs, node.operands.as_slice()) {
            (Attrs::Permute(_) | Attrs::Reshape(_) | Attrs::Cast(_), [one]) => value = *one,
            _ => return value,
        }
    }
}
