//! Dead code: nodes that no result, update or guard needs are left out.

use super::rebuild::{Fate, rebuild};
use crate::ir::graph::Graph;

/// The graph without the nodes that no root depends on. Keeps every bit.
pub fn dce(graph: &Graph) -> Graph {
    let live = graph.live();
    rebuild(graph, |visit| if live[visit.id.0 as usize] { Fate::Keep } else { Fate::Drop })
}
