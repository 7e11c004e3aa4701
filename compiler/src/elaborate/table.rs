//! The model table: each parameter with its shape and the multiply-adds it takes part in, for one row of the batch, as
//! long as rows may be.

use super::data::BATCH;
use crate::ir::attrs::{Attrs, Slot};
use crate::ir::dim::{Dim, Sym};
use crate::ir::graph::{Graph, Value};
use crate::ops::movement::REVERSE;
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
    let mut sums = HashMap::new();
    if let Some(graph) = evaluate {
        products(graph, &|v| state_of(graph, v), &one_row, 1, &mut sums);
    }
    for (number, state) in states.iter().enumerate().filter(|(_, s)| s.role == Role::Parameter) {
        let shape = state.ty.sizes().unwrap_or_default();
        let number = number as u32;
        // Evaluation reads averages where there are some.
        let read = averages.get(&number).copied().unwrap_or(number);
        let multiply_adds = sums.get(&read).copied().unwrap_or(0);
        rows.push(Row {
            path: state.path.clone(),
            elements: shape.iter().fold(1, |n: usize, &s| n.saturating_mul(s)),
            shape,
            multiply_adds,
        });
    }
    rows
}

/// Adds to each state the multiply-adds of the products, also in the bodies of loops, with an operand that is made from it alone;
/// `state` says which state a value is. A turn of a loop counts `turns` times.
fn products(
    graph: &Graph,
    state: &dyn Fn(Value) -> Option<u32>,
    one_row: &dyn Fn(&Dim) -> usize,
    turns: usize,
    sums: &mut HashMap<u32, usize>,
) {
    let product = |shape: &[Dim]| shape.iter().map(one_row).fold(1, usize::saturating_mul);
    let live = graph.live();
    for (_, node) in graph.nodes().filter(|(id, _)| live[id.0 as usize]) {
        let more = match &node.attrs {
            Attrs::Contract(rule) => {
                let a = &graph.ty(node.operands[0]).shape;
                let summed = rule.sum.iter().map(|p| one_row(&a[p.0])).fold(1, usize::saturating_mul);
                product(&node.types[0].shape).saturating_mul(summed)
            }
            Attrs::Conv(c) => {
                let (x, out) = (&graph.ty(node.operands[0]).shape, &node.types[0].shape);
                let summed = product(&graph.ty(node.operands[1]).shape[..c.axes.len() + 2]);
                // Of x spaced out, as a transpose in steps has it, each element meets each tap once.
                let walked = c.axes.iter().enumerate().map(|(i, axis)| match axis.spacing {
                    1 => one_row(&out[i + 1]),
                    _ => one_row(&x[i + 2]),
                });
                let around = one_row(&out[0]).saturating_mul(product(&out[c.axes.len() + 1..]));
                walked.fold(around, usize::saturating_mul).saturating_mul(summed)
            }
            Attrs::Scan(scan) => {
                let inside = |v: Value| match scan.body.node(source(&scan.body, v).node).attrs {
                    Attrs::Slot(Slot::Input(j), _) => {
                        node.operands.get(scan.carries + j as usize).and_then(|given| state(*given))
                    }
                    _ => None,
                };
                products(&scan.body, &inside, one_row, turns.saturating_mul(one_row(&scan.turns)), sums);
                continue;
            }
            _ => continue,
        };
        let mut states: Vec<u32> = node.operands.iter().filter_map(|v| state(*v)).collect();
        states.dedup();
        for state in states {
            let sum = sums.entry(state).or_insert(0);
            *sum = sum.saturating_add(more.saturating_mul(turns));
        }
    }
}

/// The state that a value is, under other shapes, orders and types.
fn state_of(graph: &Graph, value: Value) -> Option<u32> {
    match graph.node(source(graph, value).node).attrs {
        Attrs::Slot(Slot::State(number), _) => Some(number),
        _ => None,
    }
}

/// What a value is, under other shapes, orders and types.
fn source(graph: &Graph, mut value: Value) -> Value {
    loop {
        let node = graph.node(value.node);
        match (&node.attrs, node.operands.as_slice()) {
            (Attrs::Permute(_) | Attrs::Reshape(_) | Attrs::Cast(_), [one]) => value = *one,
            // The taps of a transposed convolution run backwards.
            (Attrs::Axis(_), [one]) if std::ptr::eq(node.op, &raw const REVERSE) => value = *one,
            _ => return value,
        }
    }
}
