//! Each result of a node with several becomes a value of its own, so that all that follows can name values by their nodes.

use crate::ir::attrs::Attrs;
use crate::ir::builder::Val;
use crate::ir::graph::Graph;
use crate::ops::scan::RESULT;
use crate::passes::rebuild::{Fate, rebuild};
use std::borrow::Cow;

/// The graph with a `result` for every result of a loop.
pub(super) fn split(graph: &Graph) -> Cow<'_, Graph> {
    if !graph.nodes().any(|(_, node)| node.op.lower.has_results()) {
        return Cow::Borrowed(graph);
    }
    Cow::Owned(rebuild(graph, |visit| {
        if !visit.node.op.lower.has_results() {
            return Fate::Keep;
        }
        let node = visit.b.add(visit.node.op, visit.node.attrs.clone(), visit.args);
        let result = |port: u16| -> Val<'_> { visit.b.add(&RESULT, Attrs::None, &[node.port(port)]) };
        Fate::Results((0..visit.node.types.len() as u16).map(|port| Some(result(port))).collect())
    }))
}
