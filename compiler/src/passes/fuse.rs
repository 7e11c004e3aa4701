//! Forms groups: what becomes one loop nest, one product, one copy.
//!
//! Contract: every live node that is code belongs to at least one group; a group can run once the groups it reads from have
//! run; no choice made here changes a bit, because a fused loop runs the same programs on the same elements and a reduction
//! keeps its order. Elementwise nodes over one iteration space join when they are linked; a sum or a maximum joins the loop
//! that makes its operand; movements are absorbed by their consumers' strides; what is trivial is computed again where it is
//! read. Matches only the `lower` and `meaning` columns of the rows.

pub mod access;
pub mod order;

use crate::ir::attrs::Attrs;
use crate::ir::graph::{Graph, Node, NodeId};
use crate::ir::op::{Lower, Meaning, Reducer, ScalarArgs};
use crate::ops::logic::scalar_type;
use crate::ops::movement::row_major;
use crate::prog::{Bin, Inst, Prog};
use access::{Access, coordinates};
use order::Dependencies;

/// The most instructions of one loop: beyond, registers and code size cost more than another pass over memory.
const MOST_WORK: usize = 600;
/// The most instructions that are computed again rather than stored.
const TRIVIAL: usize = 2;

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
    /// A product, a concatenation, a padding: a group of its own.
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
    /// The sizes of each node's value.
    pub shapes: Vec<Vec<usize>>,
}

/// Groups the live nodes of a graph whose sizes are numbers. Without `join` every node is a group of its own.
///
/// # Errors
/// When a size is not a number or a node has several results: the caller's mistake.
pub fn fuse(graph: &Graph, join: bool) -> Result<Fusion, String> {
    let mut shapes = Vec::with_capacity(graph.len());
    for (id, node) in graph.nodes() {
        match node.types.as_slice() {
            [ty] => shapes.push(ty.sizes().ok_or_else(|| format!("%{} : {ty} has a free size", id.0))?),
            _ => return Err(format!("%{} has several results", id.0)),
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
    };
    let work = graph.nodes().map(|(id, node)| if live[id.0 as usize] { work(graph, node) } else { 0 }).collect();
    let mut grouping = Grouping { graph, join, live, work, fusion };
    grouping.classify();
    grouping.assign();
    grouping.store();
    Ok(grouping.fusion)
}

struct Grouping<'g> {
    graph: &'g Graph,
    join: bool,
    live: Vec<bool>,
    /// Instructions of each node's program.
    work: Vec<usize>,
    fusion: Fusion,
}

impl Grouping<'_> {
    fn is_live(&self, id: NodeId) -> bool {
        self.live[id.0 as usize]
    }

    /// Decides what each node is and through which storage movements are read.
    fn classify(&mut self) {
        let roots: Vec<NodeId> = self.graph.roots().map(|v| v.node).collect();
        let graph = self.graph;
        for (id, node) in graph.nodes() {
            if !self.is_live(id) {
                continue;
            }
            let i = id.0 as usize;
            self.fusion.class[i] = match node.op.lower {
                Lower::Source => Class::Source,
                Lower::Const => Class::Const,
                Lower::View | Lower::Affine(_) => Class::Movement,
                Lower::Elementwise => Class::Elementwise,
                Lower::Reduce(_) => Class::Reduce,
                Lower::Contract | Lower::Concat | Lower::Pad => Class::Whole,
            };
            match self.fusion.class[i] {
                Class::Movement => self.movement(id, node),
                Class::Elementwise if self.join && !roots.contains(&id) && self.is_trivial(node) => {
                    self.fusion.class[i] = Class::Trivial;
                }
                _ => {}
            }
        }
    }

    /// Reads a movement through its operand's storage, or gives the operand storage of its own where that is not affine.
    fn movement(&mut self, id: NodeId, node: &Node) {
        let (i, operand) = (id.0 as usize, node.operands[0].node);
        let o = operand.0 as usize;
        let (shape, from) = (&self.fusion.shapes[i].clone(), &self.fusion.shapes[o].clone());
        let (offset, strides) = match node.op.lower {
            Lower::Affine(place) => {
                let place = place(&node.attrs, from, shape);
                (place.offset, place.strides)
            }
            _ => (0, row_major(shape)),
        };
        let access = match self.fusion.access[o].through(offset, &strides, shape, from) {
            Some(access) => access,
            None => {
                self.copy(operand);
                Access { root: operand, offset, strides }
            }
        };
        if self.fusion.class[access.root.0 as usize] == Class::Trivial
            && !self.fusion.computable(self.graph, &access, shape)
        {
            self.fusion.class[access.root.0 as usize] = Class::Elementwise;
        }
        if matches!(node.op.lower, Lower::Affine(_)) && !self.join {
            self.fusion.via[i] = Some(access);
        } else {
            self.fusion.access[i] = access;
        }
    }

    /// Gives a movement storage of its own.
    fn copy(&mut self, id: NodeId) {
        let i = id.0 as usize;
        if self.fusion.class[i] == Class::Movement && self.fusion.via[i].is_none() {
            let own = Access::own(id, &self.fusion.shapes[i]);
            self.fusion.via[i] = Some(std::mem::replace(&mut self.fusion.access[i], own));
        }
    }

    /// Whether a node is a couple of light instructions on at most one stored value, found by affine coordinates.
    fn is_trivial(&self, node: &Node) -> bool {
        let mut leaves = vec![];
        let mut cost = 0;
        self.weigh(node, &mut leaves, &mut cost) && cost <= TRIVIAL && leaves.len() <= 1
    }

    fn weigh(&self, node: &Node, leaves: &mut Vec<NodeId>, cost: &mut usize) -> bool {
        let Some(prog) = element_program(self.graph, node) else { return false };
        let light = |inst: &Inst| match inst {
            Inst::Port(_) | Inst::Const(..) | Inst::Index(_) => Some(0),
            Inst::Unary(..) | Inst::Convert(..) | Inst::Compare(..) | Inst::Select(..) => Some(1),
            Inst::Binary(op, ..) if *op != Bin::Div => Some(1),
            _ => None,
        };
        for inst in prog.insts() {
            match light(inst) {
                Some(c) => *cost += c,
                None => return false,
            }
        }
        node.operands.iter().all(|v| {
            let access = &self.fusion.access[v.node.0 as usize];
            let root = self.graph.node(access.root);
            let shape = &self.fusion.shapes[v.node.0 as usize];
            match self.fusion.class[access.root.0 as usize] {
                Class::Const => true,
                Class::Source | Class::Reduce | Class::Whole => {
                    if !leaves.contains(&access.root) {
                        leaves.push(access.root);
                    }
                    true
                }
                // Its own operands must be found at the same place.
                Class::Trivial => access.is_dense(shape) && self.weigh(root, leaves, cost),
                Class::Movement | Class::Elementwise => false,
            }
        })
    }

    /// Puts every node that is code into a group.
    fn assign(&mut self) {
        for (id, node) in self.graph.nodes() {
            if !self.is_live(id) {
                continue;
            }
            match self.fusion.class[id.0 as usize] {
                Class::Elementwise => self.elementwise(id),
                Class::Reduce => self.reduction(id, node),
                Class::Whole => {
                    if node.op.lower == Lower::Contract {
                        for v in &node.operands {
                            self.need(v.node);
                        }
                    }
                    let shape = self.fusion.shapes[id.0 as usize].clone();
                    let group = self.group(id, shape, None);
                    self.depend(group, id);
                }
                Class::Movement if self.fusion.via[id.0 as usize].is_some() => {
                    self.own_group(id);
                }
                Class::Source | Class::Const | Class::Movement | Class::Trivial => {}
            }
        }
        let roots: Vec<NodeId> = self.graph.roots().map(|v| v.node).collect();
        for root in roots {
            self.root(root);
        }
    }

    fn group(&mut self, id: NodeId, shape: Vec<usize>, reduced: Option<Vec<usize>>) -> usize {
        self.fusion.groups.push(Group { nodes: vec![id], stored: vec![], shape, reduced });
        let group = self.fusion.deps.push();
        self.fusion.group_of[id.0 as usize] = Some(group);
        group
    }

    /// A group that stores this node alone.
    fn own_group(&mut self, id: NodeId) -> usize {
        let shape = self.fusion.shapes[id.0 as usize].clone();
        let group = self.group(id, shape, None);
        self.fusion.groups[group].stored.push(id);
        self.depend(group, id);
        group
    }

    /// Makes a group depend on the groups that the operands of one of its nodes come from.
    fn depend(&mut self, group: usize, id: NodeId) {
        for leaf in self.fusion.leaves_of(self.graph, id) {
            if let Some(from) = self.fusion.group_of[leaf.root.0 as usize] {
                self.fusion.deps.add(group, from);
            }
        }
    }

    /// Makes sure that a value can be read from storage by something that cannot compute it.
    fn need(&mut self, id: NodeId) {
        let root = self.fusion.access[id.0 as usize].root;
        let r = root.0 as usize;
        if matches!(self.fusion.class[r], Class::Const | Class::Trivial) && self.fusion.group_of[r].is_none() {
            self.own_group(root);
        }
    }

    /// Makes sure that a value that leaves the graph lies in row-major storage that the step writes.
    fn root(&mut self, id: NodeId) {
        let home = self.fusion.home(id);
        if self.fusion.group_of[home.0 as usize].is_none() {
            self.copy(home);
            self.own_group(home);
        }
    }

    fn elementwise(&mut self, id: NodeId) {
        let shape = self.fusion.shapes[id.0 as usize].clone();
        let leaves = self.fusion.leaves_of(self.graph, id);
        let mut joined: Option<usize> = None;
        if self.join {
            for candidate in leaves.iter().filter(|l| l.same_element) {
                let Some(group) = self.fusion.group_of[candidate.root.0 as usize] else { continue };
                if Some(group) == joined || !self.may_join(group, &leaves, &shape) {
                    continue;
                }
                joined = Some(match joined {
                    None => group,
                    Some(other) if self.may_merge(other, group) => self.merge(other, group),
                    // The one that depends on the other can take the node and read the other's value.
                    Some(other) if self.fusion.deps.reaches(group, other) => group,
                    Some(other) => other,
                });
            }
        }
        let group = match joined {
            Some(group) => {
                self.fusion.groups[group].nodes.push(id);
                self.fusion.group_of[id.0 as usize] = Some(group);
                group
            }
            None => self.group(id, shape, None),
        };
        self.depend(group, id);
    }

    /// Whether a node that reads `leaves` can be computed in the loop of `group`.
    fn may_join(&self, group: usize, leaves: &[Leaf], shape: &[usize]) -> bool {
        let g = &self.fusion.groups[group];
        let elementwise = g.nodes.iter().all(|&n| matches!(self.class(n), Class::Elementwise | Class::Reduce));
        g.shape == shape
            && elementwise
            && self.group_work(group) < MOST_WORK
            && leaves.iter().all(|leaf| match self.fusion.group_of[leaf.root.0 as usize] {
                // Within the loop only what it has just computed for this element can be read.
                Some(from) if from == group => leaf.same_element && self.class(leaf.root) == Class::Elementwise,
                Some(from) => !self.fusion.deps.reaches(from, group),
                None => true,
            })
    }

    fn group_work(&self, group: usize) -> usize {
        self.fusion.groups[group].nodes.iter().map(|n| self.work[n.0 as usize]).sum()
    }

    fn may_merge(&self, a: usize, b: usize) -> bool {
        let (x, y) = (&self.fusion.groups[a], &self.fusion.groups[b]);
        !self.fusion.deps.reaches(a, b)
            && !self.fusion.deps.reaches(b, a)
            && self.group_work(a) + self.group_work(b) < MOST_WORK
            && (x.reduced.is_none() || y.reduced.is_none() || x.reduced == y.reduced)
    }

    fn merge(&mut self, a: usize, b: usize) -> usize {
        let (a, b) = (a.min(b), a.max(b));
        self.fusion.deps.merge(a, b);
        let gone = std::mem::take(&mut self.fusion.groups[b].nodes);
        for &node in &gone {
            self.fusion.group_of[node.0 as usize] = Some(a);
        }
        let reduced = self.fusion.groups[b].reduced.take();
        let group = &mut self.fusion.groups[a];
        group.nodes.extend(gone);
        group.nodes.sort_unstable();
        group.reduced = group.reduced.take().or(reduced);
        a
    }

    fn class(&self, id: NodeId) -> Class {
        self.fusion.class[id.0 as usize]
    }

    fn reduction(&mut self, id: NodeId, node: &Node) {
        let axes = reduced_axes(node);
        let operand = node.operands[0].node;
        let shape = self.fusion.shapes[operand.0 as usize].clone();
        let leaves = self.fusion.leaves_of(self.graph, id);
        let group = match leaves.as_slice() {
            [leaf] if self.join && leaf.same_element && node.op.lower != Lower::Reduce(Reducer::ArgMax) => {
                self.fusion.group_of[leaf.root.0 as usize].filter(|&g| {
                    let group = &self.fusion.groups[g];
                    let first = group.reduced.is_none() || group.reduced.as_ref() == Some(&axes);
                    self.class(leaf.root) == Class::Elementwise && first && self.may_join(g, &leaves, &shape)
                })
            }
            _ => None,
        };
        let group = match group {
            Some(group) => {
                self.fusion.groups[group].nodes.push(id);
                self.fusion.groups[group].reduced = Some(axes);
                self.fusion.group_of[id.0 as usize] = Some(group);
                group
            }
            None => self.group(id, shape, Some(axes)),
        };
        self.depend(group, id);
    }

    /// Marks the values that are read outside the loop that computes them.
    fn store(&mut self) {
        let mut stored = vec![false; self.graph.len()];
        for root in self.graph.roots() {
            stored[self.fusion.access[root.node.0 as usize].root.0 as usize] = true;
        }
        for g in 0..self.fusion.groups.len() {
            for &id in &self.fusion.groups[g].nodes {
                if matches!(self.class(id), Class::Reduce | Class::Whole) {
                    stored[id.0 as usize] = true;
                }
                for leaf in self.fusion.leaves_of(self.graph, id) {
                    if self.fusion.group_of[leaf.root.0 as usize] != Some(g) {
                        stored[leaf.root.0 as usize] = true;
                    }
                }
            }
        }
        for group in &mut self.fusion.groups {
            for &id in &group.nodes {
                if stored[id.0 as usize] && !group.stored.contains(&id) {
                    group.stored.push(id);
                }
            }
            group.stored.sort_unstable();
        }
    }
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

/// Instructions that a node adds to a loop.
fn work(graph: &Graph, node: &Node) -> usize {
    match node.op.lower {
        Lower::Elementwise => element_program(graph, node).map_or(0, |prog| prog.insts().len()),
        Lower::Reduce(_) => 1,
        _ => 0,
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
