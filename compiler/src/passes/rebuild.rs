//! The copy that every pass is: a graph is walked in program order and built anew, node by node, with a map from old values to
//! new ones. Types are inferred again, so a pass cannot make an ill-typed node; places travel with the nodes.

use crate::ir::builder::{Builder, Val};
use crate::ir::graph::{Graph, Node, NodeId, Value};
use std::convert::Infallible;

/// A node of the old graph with its operands in the new one.
#[derive(Clone, Copy)]
pub struct Visit<'a, 'b> {
    /// The new graph; what is added to it comes from where the node comes from.
    pub b: &'b Builder,
    /// Its number in the old graph.
    pub id: NodeId,
    /// The node as it was; its operands are old values.
    pub node: &'a Node,
    /// Its operands in the new graph.
    pub args: &'a [Val<'b>],
}

/// What becomes of a node.
pub enum Fate<'b> {
    /// It is copied.
    Keep,
    /// It is left out, and with it everything that uses it; no root may.
    Drop,
    /// This node takes its place, result by result.
    Node(NodeId),
    /// Its only result is this value.
    Value(Val<'b>),
    /// Its results are these values; those that are none were dropped.
    Results(Vec<Option<Val<'b>>>),
}

/// Copies a graph, asking `fate` at every node.
pub fn rebuild(graph: &Graph, mut fate: impl for<'a, 'b> FnMut(Visit<'a, 'b>) -> Fate<'b>) -> Graph {
    match try_rebuild(graph, |visit| Ok::<_, Infallible>(fate(visit))) {
        Ok(graph) => graph,
        Err(never) => match never {},
    }
}

/// [`rebuild`] with a `fate` that may fail.
///
/// # Errors
/// The first error of `fate`.
///
/// # Panics
/// When `fate` drops a node that a root depends on, or gives one of several results: a mistake of the pass.
pub fn try_rebuild<E>(
    graph: &Graph,
    mut fate: impl for<'a, 'b> FnMut(Visit<'a, 'b>) -> Result<Fate<'b>, E>,
) -> Result<Graph, E> {
    let b = Builder::new();
    let mut map: Vec<Moved> = Vec::with_capacity(graph.len());
    for (id, node) in graph.nodes() {
        // What uses a dropped value goes with it; `moved` finds out when a root does.
        let args: Option<Vec<Val<'_>>> = node.operands.iter().map(|v| Some(b.val(moved(&map, *v)?))).collect();
        let Some(args) = args else {
            map.push(Moved::Gone);
            continue;
        };
        b.set_sites(node.sites.clone());
        let new = match fate(Visit { b: &b, id, node, args: &args })? {
            Fate::Keep => Moved::To(b.add(node.op, node.attrs.clone(), &args).value),
            Fate::Node(id) => Moved::To(Value { node: id, port: 0 }),
            Fate::Value(value) => {
                assert!(node.types.len() == 1, "`{}` has several results", node.op.name);
                Moved::To(value.value)
            }
            Fate::Results(values) => Moved::Apart(values.into_iter().map(|v| v.map(|v| v.value)).collect()),
            Fate::Drop => Moved::Gone,
        };
        map.push(new);
    }
    let root = |old: Value| match moved(&map, old) {
        Some(new) => b.val(new),
        None => panic!("%{} was dropped but is needed", old.node.0),
    };
    for output in &graph.outputs {
        b.output(output.name.clone(), root(output.value));
    }
    for (state, value) in &graph.updates {
        b.update(*state, root(*value));
    }
    if let Some(guard) = graph.guard {
        b.guard(root(guard));
    }
    Ok(b.finish())
}

/// Where the results of an old node are now.
enum Moved {
    /// Nowhere.
    Gone,
    /// The first is this value; the others are results of the same node with their old numbers.
    To(Value),
    /// Each for itself.
    Apart(Vec<Option<Value>>),
}

/// Where an old value is now; `None` when it was dropped.
fn moved(map: &[Moved], old: Value) -> Option<Value> {
    match &map[old.node.0 as usize] {
        Moved::Gone => None,
        Moved::To(new) if old.port == 0 => Some(*new),
        Moved::To(new) => Some(Value { node: new.node, port: old.port }),
        Moved::Apart(values) => values.get(old.port as usize).copied().flatten(),
    }
}
