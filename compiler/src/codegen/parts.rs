//! Values are written to their places in concatenations, and in the orders in which their axes are wanted, where they are computed:
//! joining and permuting them moves nothing.

use super::loops::Place;
use super::lower::Lowering;
use super::schedule::Schedule;
use crate::ir::attrs::{Attrs, Slot};
use crate::ir::graph::NodeId;
use crate::ir::op::Lower;
use crate::ops::movement::row_major;
use crate::passes::fuse::Class;
use std::collections::{HashMap, HashSet};

impl Lowering<'_> {
    /// Finds, for values that loops compute, their places in concatenations and permuted copies; a value that nothing else reads
    /// loses its own storage.
    pub(super) fn place_parts(&mut self, schedule: &Schedule) {
        if !self.fusion.join {
            return;
        }
        let guarded = schedule.guard.is_some();
        let groups = || schedule.order.iter().map(|&g| &self.fusion.groups[g]);
        let mut parts: HashMap<NodeId, Vec<Place>> = HashMap::new();
        // Concatenations all of whose parts are placed, and copies.
        let mut whole: HashSet<NodeId> = HashSet::new();
        for &id in groups().flat_map(|g| &g.nodes) {
            let node = self.graph.node(id);
            // A state that is written early must not be read as it was before, nor stay as it was by a guard.
            let old = |s: &u32| guarded || self.graph.slots().any(|(_, slot)| slot == Slot::State(*s));
            let Some(&buffer) = self.storage.get(&id).and_then(|s| s.first()) else { continue };
            if schedule.in_place.get(&id).is_some_and(|states| states.iter().any(old)) {
                continue;
            }
            if let Some((root, strides)) = self.permuted(id) {
                parts.entry(root).or_default().push(Place { buffer, ty: self.ty(root), offset: 0, strides });
                whole.insert(id);
                continue;
            }
            let (Lower::Concat, Attrs::Axis(axis)) = (node.op.lower, &node.attrs) else { continue };
            let strides = row_major(self.shape(id));
            let (mut start, mut placed) = (0, 0);
            for v in &node.operands {
                let part = v.node;
                let offset = start * strides[*axis];
                start += self.shape(part)[*axis] as isize;
                let access = &self.fusion.access[part.0 as usize];
                if access.root == part && access.is_dense(self.shape(part)) && self.is_computed(part) {
                    let place = Place { buffer, ty: self.ty(part), offset, strides: strides.clone() };
                    parts.entry(part).or_default().push(place);
                    placed += 1;
                }
            }
            if placed == node.operands.len() {
                whole.insert(id);
            }
        }
        let mut read: HashSet<NodeId> = HashSet::new();
        for group in groups() {
            for id in group.nodes.iter().filter(|id| !whole.contains(id)) {
                let leaves = self.fusion.leaves_of(self.graph, *id).into_iter().map(|leaf| leaf.root);
                read.extend(leaves.filter(|root| !group.nodes.contains(root)));
            }
        }
        read.extend(&schedule.outputs);
        read.extend(schedule.late.iter().map(|l| l.1));
        read.extend(schedule.guard.map(|g| g.1));
        read.extend(schedule.in_place.keys());
        for part in parts.keys().filter(|part| !read.contains(part)) {
            self.storage.insert(*part, vec![]);
        }
        self.parts = parts;
        self.placed = whole;
    }

    /// Whether a loop computes a value and stores it.
    fn is_computed(&self, id: NodeId) -> bool {
        self.fusion.class[id.0 as usize] == Class::Elementwise && self.storage.contains_key(&id)
    }

    /// The value that a copy permutes as a whole, and where its elements go: one stride an axis.
    fn permuted(&self, copy: NodeId) -> Option<(NodeId, Vec<isize>)> {
        let via = self.fusion.via[copy.0 as usize].as_ref()?;
        let (from, to) = (self.shape(via.root), self.shape(copy));
        let same = from.iter().product::<usize>() == to.iter().product::<usize>();
        if self.fusion.class[copy.0 as usize] != Class::Movement
            || !same
            || !self.is_computed(via.root)
            || via.offset != 0
        {
            return None;
        }
        let mut axes: Vec<(usize, isize, isize)> =
            to.iter().zip(&via.strides).zip(row_major(to)).map(|((&n, &read), written)| (n, read, written)).collect();
        let mut strides = vec![];
        for (&n, step) in from.iter().zip(row_major(from)) {
            // Which of two axes of one element stands for which makes no difference.
            let found = axes.iter().position(|&(size, read, _)| size == n && (n == 1 || read == step))?;
            strides.push(axes.swap_remove(found).2);
        }
        Some((via.root, strides))
    }
}
