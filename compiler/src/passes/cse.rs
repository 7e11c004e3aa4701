//! Common subexpressions: nodes with equal rows, attributes and operands become one, which comes from all their places.

use super::rebuild::{Fate, rebuild};
use crate::ir::graph::Graph;

/// The graph with equal nodes shared. The builder shares equal nodes as they are added, and operands are shared before their
/// users, so a copy is enough: two trees that compute the same thing fall together from the leaves up. Keeps every bit.
pub fn cse(graph: &Graph) -> Graph {
    rebuild(graph, |_| Fate::Keep)
}
