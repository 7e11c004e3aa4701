//! The grouping itself: decides what each node is, which loop it joins, and what is stored.

use super::access::Access;
use super::{Class, Fusion, Group, Leaf, element_program, reduced_axes};
use crate::ir::attrs::Attrs;
use crate::ir::graph::{Graph, Node, NodeId, Value};
use crate::ir::op::{Lower, Reducer};
use crate::ops::conv;
use crate::ops::movement::row_major;
use crate::prog::{Bin, Inst};

/// The most instructions of one loop: beyond, registers and code size cost more than another pass over memory.
const MOST_WORK: usize = 600;
/// The most instructions that are computed again rather than stored.
const TRIVIAL: usize = 2;
/// The most slices of a value that are compared with one another.
const MOST_SLICES: usize = 16;

/// Groups the live nodes; `fusion` has their shapes, everything in its own storage and no group yet.
pub(super) fn group(graph: &Graph, join: bool, live: Vec<bool>, fusion: Fusion) -> Fusion {
    let work = graph.nodes().map(|(id, node)| if live[id.0 as usize] { work(graph, node) } else { 0 }).collect();
    let mut users = vec![vec![]; graph.len()];
    for (id, node) in graph.nodes().filter(|(id, _)| live[id.0 as usize]) {
        for v in &node.operands {
            users[v.node.0 as usize].push(id);
        }
    }
    let mut grouping = Grouping { graph, join, live, users, work, fusion };
    grouping.classify();
    grouping.assign();
    grouping.store();
    grouping.fusion
}

struct Grouping<'g> {
    graph: &'g Graph,
    join: bool,
    live: Vec<bool>,
    /// The live nodes that read each node, one for each operand.
    users: Vec<Vec<NodeId>>,
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
                Lower::Contract
                | Lower::Conv
                | Lower::Overlap
                | Lower::Routine(_)
                | Lower::Concat
                | Lower::Pad
                | Lower::Scan
                | Lower::Result => Class::Whole,
            };
            match self.fusion.class[i] {
                Class::Movement => self.movement(id, node),
                Class::Whole => self.loop_operands(node),
                Class::Elementwise if self.join && !roots.contains(&id) && self.is_trivial(id, node) => {
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

    /// Gives what the body of a loop reads storage in row-major order.
    fn loop_operands(&mut self, node: &Node) {
        let Attrs::Scan(scan) = &node.attrs else { return };
        for v in &node.operands[scan.carries..] {
            if !self.fusion.access[v.node.0 as usize].is_dense(&self.fusion.shapes[v.node.0 as usize]) {
                self.copy(v.node);
            }
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

    /// Whether a node is a couple of light instructions on at most one stored value, found by affine coordinates; on two where
    /// no element is computed twice.
    fn is_trivial(&self, id: NodeId, node: &Node) -> bool {
        let mut leaves = vec![];
        let mut cost = 0;
        self.weigh(node, &mut leaves, &mut cost)
            && cost <= TRIVIAL
            && (leaves.len() <= 1 || leaves.len() == 2 && self.is_read_in_parts(id))
    }

    /// Whether a value is read through slices alone, which have no element in common.
    fn is_read_in_parts(&self, id: NodeId) -> bool {
        let mut parts = vec![];
        let mut along = None;
        for &user in &self.users[id.0 as usize] {
            let Attrs::Slice { axis, start, .. } = &self.graph.node(user).attrs else { return false };
            let (axis, start) = (*axis, start.places());
            if *along.get_or_insert(axis) != axis {
                return false;
            }
            parts.push(start..start + self.fusion.shapes[user.0 as usize][axis]);
        }
        parts.sort_unstable_by_key(|part| part.start);
        (1..=MOST_SLICES).contains(&parts.len()) && parts.windows(2).all(|pair| pair[0].end <= pair[1].start)
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
                Class::Whole if matches!(node.op.lower, Lower::Result) => {
                    // Written by the loop, whose group comes before.
                    if let Some(group) = self.fusion.group_of[node.operands[0].node.0 as usize] {
                        self.fusion.groups[group].nodes.push(id);
                        self.fusion.group_of[id.0 as usize] = Some(group);
                    }
                }
                Class::Whole => {
                    if matches!(node.op.lower, Lower::Scan | Lower::Routine(_)) {
                        for v in &node.operands {
                            self.need(v.node);
                        }
                    }
                    if matches!(node.op.lower, Lower::Contract | Lower::Conv) {
                        for v in self.unpadded(id, node) {
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

    /// The operands of a product that are read where they lie: all but one that gets zeros around it, which can be computed
    /// while it is copied.
    fn unpadded<'n>(&self, id: NodeId, node: &'n Node) -> &'n [Value] {
        let shape = |id: NodeId| self.fusion.shapes[id.0 as usize].as_slice();
        match (&node.attrs, node.operands.as_slice()) {
            (Attrs::Conv(rule), [x, w]) if conv::pads(rule, shape(x.node), shape(w.node), shape(id)) => {
                &node.operands[1..]
            }
            (_, operands) => operands,
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
        let h = home.0 as usize;
        if self.fusion.group_of[h].is_none() {
            // Groups that read the movement have been formed: they go on reading what it moves, not the copy made for the root.
            if self.class(home) == Class::Movement {
                self.fusion.via[h] = Some(self.fusion.access[h].clone());
            }
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
            [leaf] if self.join && leaf.same_element && !matches!(node.op.lower, Lower::Reduce(Reducer::ArgMax)) => {
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
                let whole = matches!(self.class(id), Class::Reduce | Class::Whole);
                if whole && !self.graph.node(id).op.lower.has_results() {
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

/// Instructions that a node adds to a loop.
fn work(graph: &Graph, node: &Node) -> usize {
    match node.op.lower {
        Lower::Elementwise => element_program(graph, node).map_or(0, |prog| prog.insts().len()),
        Lower::Reduce(_) => 1,
        _ => 0,
    }
}
