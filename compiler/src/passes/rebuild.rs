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
    // The new node of each old one, or the value that stands for its only result.
    let mut map: Vec<Option<Value>> = Vec::with_capacity(graph.len());
    for (id, node) in graph.nodes() {
        // What uses a dropped node goes with it; `moved` finds out when a root does.
        if node.operands.iter().any(|v| map[v.node.0 as usize].is_none()) {
            map.push(None);
            continue;
        }
        let args: Option<Vec<Val<'_>>> = node.operands.iter().map(|v| Some(b.val(moved(&map, *v)?))).collect();
        let Some(args) = args else {
            map.push(None);
            continue;
        };
        b.set_sites(node.sites.clone());
        let new = match fate(Visit { b: &b, id, node, args: &args })? {
            Fate::Keep => Some(b.add(node.op, node.attrs.clone(), &args).value),
            Fate::Node(id) => Some(Value { node: id, port: 0 }),
            Fate::Value(value) => {
                assert!(node.types.len() == 1, "`{}` has several results", node.op.name);
                Some(value.value)
            }
            Fate::Drop => None,
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

/// Where an old value is now; `None` when it was dropped. A node of one result may have become any value; the results of
/// others keep their numbers.
fn moved(map: &[Option<Value>], old: Value) -> Option<Value> {
    let new = map[old.node.0 as usize]?;
    Some(if old.port == 0 { new } else { Value { node: new.node, port: old.port } })
}

/// Whether two graphs are the same, node by node, apart from the places they come from.
pub fn same(a: &Graph, b: &Graph) -> bool {
    let same_node = |m: &Node, n: &Node| std::ptr::eq(m.op, n.op) && m.attrs == n.attrs && m.operands == n.operands;
    a.len() == b.len()
        && a.outputs == b.outputs
        && a.updates == b.updates
        && a.guard == b.guard
        && a.nodes().zip(b.nodes()).all(|((_, m), (_, n))| same_node(m, n))
}
