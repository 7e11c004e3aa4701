//! Forms groups: what becomes one loop nest, one product, one copy.
//!
//! Contract: every live node that is code belongs to at least one group; a group can run once the groups it reads from have
//! run; no choice made here changes a bit, because a fused loop runs the same programs on the same elements and a reduction
//! keeps its order. Elementwise nodes over one iteration space join when they are linked; a sum or a maximum joins the loop
//! that makes its operand; movements are absorbed by their consumers' strides; what is trivial is computed again where it is
//! read. Matches only the `lower` and `meaning` columns of the rows.

pub mod access;
mod grouping;
pub mod order;

use crate::ir::attrs::Attrs;
use crate::ir::graph::{Graph, Node, NodeId, Value};
use crate::ir::op::{Lower, Meaning, ScalarArgs};
use crate::ops::logic::scalar_type;
use crate::prog::{Inst, Prog};
use access::{Access, coordinates};
use order::Dependencies;

/// What a node is to the grouping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Held by the runtime.
    Source,
    /// A splat constant.
    Const,
    /// A view or a movement, read through by its consumers.
    Movement,
    /// Elementwise and so cheap that each consumer computes it again.
    Trivial,
    /// Elementwise.
    Elementwise,
    /// A reduction.
    Reduce,
    /// A product, a concatenation, a padding, a loop with its results: a group of its own.
    Whole,
}

/// A group of nodes that become code together.
#[derive(Debug, Clone)]
pub struct Group {
    /// What it computes, ascending. A movement, constant or source here is copied into storage of its own.
    pub nodes: Vec<NodeId>,
    /// The nodes among them whose values are stored.
    pub stored: Vec<NodeId>,
    /// The iteration space: the shape of the elementwise nodes and of the reductions' operands.
    pub shape: Vec<usize>,
    /// The axes that its reductions reduce, if it has any.
    pub reduced: Option<Vec<usize>>,
}

/// A read of a group from storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Leaf {
    /// Whose storage.
    pub root: NodeId,
    /// Whether element `i` of the iteration space reads element `i` and no other.
    pub same_element: bool,
}

/// The grouping of a graph.
#[derive(Debug, Clone)]
pub struct Fusion {
    /// What each node is.
    pub class: Vec<Class>,
    /// Where the elements of each node's value lie.
    pub access: Vec<Access>,
    /// For a movement that has storage of its own: where its copy reads from.
    pub via: Vec<Option<Access>>,
    /// All groups; some are empty where groups have merged.
    pub groups: Vec<Group>,
    /// Which group depends on which.
    pub deps: Dependencies,
    /// The group that computes, or copies, each node.
    pub group_of: Vec<Option<usize>>,
    /// The sizes of each node's value; of a node with several results those of the first.
    pub shapes: Vec<Vec<usize>>,
    /// Whether nodes join groups.
    pub join: bool,
}

/// Groups the live nodes of a graph whose sizes are numbers. Without `join` every node is a group of its own.
///
/// # Errors
/// When a size is not a number or a result of a node with several is read by anything but a `result`: the caller's mistake.
pub fn fuse(graph: &Graph, join: bool) -> Result<Fusion, String> {
    let mut shapes = Vec::with_capacity(graph.len());
    for (id, node) in graph.nodes() {
        let Some(ty) = node.types.first() else { return Err(format!("%{} has no result", id.0)) };
        shapes.push(ty.sizes().ok_or_else(|| format!("%{} : {ty} has a free size", id.0))?);
        let several = |v: &Value| graph.node(v.node).op.lower.has_results();
        if !matches!(node.op.lower, Lower::Result) && node.operands.iter().any(several) {
            return Err(format!("%{} reads one of several results", id.0));
        }
    }
    let live = graph.live();
    let n = graph.len();
    let access = graph.nodes().map(|(id, _)| Access::own(id, &shapes[id.0 as usize])).collect();
    let fusion = Fusion {
        class: vec![Class::Source; n],
        access,
        via: vec![None; n],
        groups: vec![],
        deps: Dependencies::default(),
        group_of: vec![None; n],
        shapes,
        join,
    };
    Ok(grouping::group(graph, join, live, fusion))
}

impl Fusion {
    /// What a node reads from storage, or from its own loop, when it is computed: trivial operands are looked through.
    pub fn leaves_of(&self, graph: &Graph, id: NodeId) -> Vec<Leaf> {
        let mut leaves = vec![];
        match &self.via[id.0 as usize] {
            Some(via) => self.leaf(graph, via, &self.shapes[id.0 as usize], true, &mut leaves),
            None if self.class[id.0 as usize] == Class::Source => leaves.push(Leaf { root: id, same_element: true }),
            None => {
                for v in &graph.node(id).operands {
                    let o = v.node.0 as usize;
                    self.leaf(graph, &self.access[o], &self.shapes[o], true, &mut leaves);
                }
            }
        }
        leaves
    }

    fn leaf(&self, graph: &Graph, access: &Access, shape: &[usize], same: bool, leaves: &mut Vec<Leaf>) {
        let r = access.root.0 as usize;
        let same = same && access.is_dense(shape) && self.shapes[r] == shape;
        match self.class[r] {
            Class::Const => {}
            Class::Trivial => {
                for v in &graph.node(access.root).operands {
                    let o = v.node.0 as usize;
                    self.leaf(graph, &self.access[o], &self.shapes[o], same, leaves);
                }
            }
            _ => {
                let leaf = Leaf { root: access.root, same_element: same };
                if !leaves.contains(&leaf) {
                    leaves.push(leaf);
                }
            }
        }
    }

    /// The node whose storage holds a root's value in row-major order: itself, or what it is a view of.
    pub fn home(&self, id: NodeId) -> NodeId {
        let access = &self.access[id.0 as usize];
        let count = |n: NodeId| self.shapes[n.0 as usize].iter().product::<usize>();
        let written = self.group_of[access.root.0 as usize].is_some();
        let whole = count(access.root) == count(id) && access.is_dense(&self.shapes[id.0 as usize]);
        if written && whole { access.root } else { id }
    }

    /// Whether a trivial value can be computed at the place that `access` reads: its operands and coordinates are affine there.
    fn computable(&self, graph: &Graph, access: &Access, shape: &[usize]) -> bool {
        let root = &self.shapes[access.root.0 as usize];
        let node = graph.node(access.root);
        let indexed =
            element_program(graph, node).is_none_or(|p| p.insts().iter().any(|i| matches!(i, Inst::Index(_))));
        let placed = !indexed || coordinates(access.offset, &access.strides, shape, root).is_some();
        placed
            && node.operands.iter().all(|v| {
                let operand = &self.access[v.node.0 as usize];
                match operand.through(access.offset, &access.strides, shape, &self.shapes[v.node.0 as usize]) {
                    Some(inner) if self.class[inner.root.0 as usize] == Class::Trivial => {
                        self.computable(graph, &inner, shape)
                    }
                    Some(_) => true,
                    None => self.class[operand.root.0 as usize] == Class::Const,
                }
            })
    }

    /// The groups that are code, ascending by their first node.
    pub fn members(&self) -> Vec<usize> {
        (0..self.groups.len()).filter(|&g| !self.groups[g].nodes.is_empty()).collect()
    }
}

/// The axes that a reduction reduces.
pub fn reduced_axes(node: &Node) -> Vec<usize> {
    match &node.attrs {
        Attrs::Axes(axes) => axes.clone(),
        Attrs::Axis(axis) => vec![*axis],
        _ => unreachable!("inference admits no other attributes of a reduction"),
    }
}

/// The program of one element over a port for each operand; `None` for an operation on whole tensors.
pub fn element_program(graph: &Graph, node: &Node) -> Option<Prog> {
    let Meaning::Scalar(build) = node.op.meaning else { return None };
    let ty = &node.types[0];
    Some(Prog::build(|p| {
        let index: Vec<_> = (0..ty.rank()).map(|d| p.index(d as u8)).collect();
        let types = node.operands.iter().map(|v| scalar_type(graph.ty(*v).dtype));
        let args: Vec<_> = types.enumerate().map(|(k, t)| p.port(k as u16, t)).collect();
        vec![build(&ScalarArgs { p, args: &args, attrs: &node.attrs, ty, index: &index })]
    }))
}
