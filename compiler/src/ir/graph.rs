//! The graph of a program: nodes in an order in which operands come before users, with named results and state updates.
//! The only file that names petgraph, which holds the nodes and the edges from each operand to its users.
//!
//! A step is a pure function of states and a batch, so one list of updates is enough: within the graph a later phase reads
//! the *value* that an earlier one gave a parameter, and all updates take effect at the end.

use super::attrs::{Attrs, Slot};
use super::op::Op;
use super::types::TensorType;
use petgraph::graph::{DiGraph, NodeIndex};

/// Names a node. Ids ascend in program order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// One result of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value {
    /// The node.
    pub node: NodeId,
    /// Which of its results.
    pub port: u16,
}

/// Names a place in the program text together with the layer path it was reached by; a row of the program's site table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteId(pub u32);

/// One operation applied to operands.
#[derive(Clone)]
pub struct Node {
    /// The row.
    pub op: Op,
    /// Its attributes.
    pub attrs: Attrs,
    /// Its operands, all from earlier nodes.
    pub operands: Vec<Value>,
    /// The types of its results.
    pub types: Vec<TensorType>,
    /// Where it comes from; several places once expressions have been shared.
    pub sites: Vec<SiteId>,
}

/// A value that leaves the graph under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// `loss`, `accuracy`, …
    pub name: String,
    /// The value.
    pub value: Value,
}

/// Nodes, results and updates.
#[derive(Clone, Default)]
pub struct Graph {
    dag: DiGraph<Node, ()>,
    /// Named results.
    pub outputs: Vec<Output>,
    /// New values of states, by number, at the end of the step.
    pub updates: Vec<(u32, Value)>,
    /// The value whose finiteness is checked before any state is written.
    pub guard: Option<Value>,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Graph {
        Graph::default()
    }

    /// Adds a node behind all others.
    pub fn push(&mut self, node: Node) -> NodeId {
        let operands: Vec<NodeIndex> = node.operands.iter().map(|v| NodeIndex::new(v.node.0 as usize)).collect();
        let id = self.dag.add_node(node);
        for operand in operands {
            self.dag.update_edge(operand, id, ());
        }
        NodeId(id.index() as u32)
    }

    /// The node of an id of this graph.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.dag[NodeIndex::new(id.0 as usize)]
    }

    /// Adds a place that a node comes from.
    pub fn add_sites(&mut self, id: NodeId, sites: &[SiteId]) {
        let node = &mut self.dag[NodeIndex::new(id.0 as usize)];
        for site in sites {
            if !node.sites.contains(site) {
                node.sites.push(*site);
            }
        }
    }

    /// The type of a value of this graph.
    pub fn ty(&self, value: Value) -> &TensorType {
        &self.node(value.node).types[value.port as usize]
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.dag.node_count()
    }

    /// Whether it has no node.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All nodes, operands before users.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Node)> {
        self.dag.node_indices().map(|i| (NodeId(i.index() as u32), &self.dag[i]))
    }

    /// The distinct nodes that use a result of `id`, ascending.
    pub fn users(&self, id: NodeId) -> Vec<NodeId> {
        let mut users: Vec<NodeId> =
            self.dag.neighbors(NodeIndex::new(id.0 as usize)).map(|i| NodeId(i.index() as u32)).collect();
        users.sort_unstable();
        users
    }

    /// Every value that leaves the graph: results, updates and the guard.
    pub fn roots(&self) -> impl Iterator<Item = Value> + '_ {
        self.outputs.iter().map(|o| o.value).chain(self.updates.iter().map(|u| u.1)).chain(self.guard)
    }

    /// For each node, whether a root depends on it.
    pub fn live(&self) -> Vec<bool> {
        let mut live = vec![false; self.len()];
        for root in self.roots() {
            live[root.node.0 as usize] = true;
        }
        for (id, node) in self.nodes().rev() {
            if live[id.0 as usize] {
                for operand in &node.operands {
                    live[operand.node.0 as usize] = true;
                }
            }
        }
        live
    }

    /// For each node, whether it depends on one of `from`.
    pub fn reached(&self, from: &[Value]) -> Vec<bool> {
        let mut reached = vec![false; self.len()];
        for value in from {
            reached[value.node.0 as usize] = true;
        }
        for (id, node) in self.nodes() {
            if node.operands.iter().any(|v| reached[v.node.0 as usize]) {
                reached[id.0 as usize] = true;
            }
        }
        reached
    }

    /// Whether two graphs are the same, node by node, apart from the places they come from.
    pub fn same(&self, other: &Graph) -> bool {
        let same_node = |m: &Node, n: &Node| std::ptr::eq(m.op, n.op) && m.attrs == n.attrs && m.operands == n.operands;
        self.len() == other.len()
            && self.outputs == other.outputs
            && self.updates == other.updates
            && self.guard == other.guard
            && self.nodes().zip(other.nodes()).all(|((_, m), (_, n))| same_node(m, n))
    }

    /// The nodes that read a slot of the runtime.
    pub fn slots(&self) -> impl Iterator<Item = (NodeId, Slot)> + '_ {
        self.nodes().filter_map(|(id, n)| if let Attrs::Slot(slot, _) = n.attrs { Some((id, slot)) } else { None })
    }
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a graph of {} nodes", self.len())
    }
}
