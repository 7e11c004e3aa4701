//! Groups become stages: programs are joined from the rows' meanings, movements become strides, whole-tensor operations
//! become the loops and products that they are made of.

use super::conv::{self, Padded};
use super::element::Body;
use super::kernels::{Buffer, Home, Kernel, Stage};
use super::loops::{BufferId, Place, RawLoop, Reduction, Tree};
use super::product;
use super::routine;
use super::schedule::Schedule;
use crate::ir::attrs::{Attrs, Slot, Table, Window};
use crate::ir::graph::{Graph, NodeId};
use crate::ir::op::{Lower, Reducer};
use crate::ops::logic::scalar_type;
use crate::ops::movement::row_major;
use crate::passes::fuse::access::Access;
use crate::passes::fuse::{Class, Fusion};
use crate::prog::{Builder, E, Id, Lane, Prog, Ty};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The stages of a step and the buffers they work on.
#[derive(Debug, Clone)]
pub struct Lowered {
    /// In order.
    pub stages: Vec<Stage>,
    /// By [`BufferId`].
    pub buffers: Vec<Buffer>,
    /// The constants that lie beside the code, by the number of their home.
    pub tables: Vec<Arc<Table>>,
    /// Where each reported value lies.
    pub outputs: Vec<BufferId>,
}

/// Lowers the groups of a graph in the order of the schedule.
///
/// # Errors
/// When a value is read that nothing writes: a mistake of the grouping.
pub fn lower(graph: &Graph, fusion: &Fusion, schedule: &Schedule) -> Result<Lowered, String> {
    let mut lowering = Lowering::new(graph, fusion);
    lowering.run(schedule)?;
    let outputs = schedule.outputs.iter().map(|&n| lowering.written(n)).collect::<Result<_, _>>()?;
    Ok(Lowered { stages: lowering.stages, buffers: lowering.buffers, tables: lowering.tables, outputs })
}

pub(super) struct Lowering<'g> {
    pub(super) graph: &'g Graph,
    pub(super) fusion: &'g Fusion,
    pub(super) stages: Vec<Stage>,
    pub(super) buffers: Vec<Buffer>,
    pub(super) tables: Vec<Arc<Table>>,
    /// Where each stored value is written, all copies; the first is what others read.
    pub(super) storage: HashMap<NodeId, Vec<BufferId>>,
    pub(super) slots: HashMap<Home, BufferId>,
    /// Values with zeros around them.
    pub(super) padded: Vec<Padded>,
    /// Where values are written as well: their places in concatenations and copies.
    pub(super) parts: HashMap<NodeId, Vec<Place>>,
    /// Concatenations and copies all of whose elements come so.
    pub(super) placed: HashSet<NodeId>,
    group: usize,
}

impl<'g> Lowering<'g> {
    pub(super) fn new(graph: &'g Graph, fusion: &'g Fusion) -> Lowering<'g> {
        Lowering {
            graph,
            fusion,
            stages: vec![],
            buffers: vec![],
            tables: vec![],
            storage: HashMap::new(),
            slots: HashMap::new(),
            padded: vec![],
            parts: HashMap::new(),
            placed: HashSet::new(),
            group: 0,
        }
    }

    /// Lowers all groups in the order of the schedule, then copies the states that could not be written where they lie.
    pub(super) fn run(&mut self, schedule: &Schedule) -> Result<(), String> {
        self.allocate(schedule);
        for (place, &group) in schedule.order.iter().enumerate() {
            self.group = place;
            self.lower_group(group)?;
            if let Some((_, node)) = schedule.guard.filter(|g| g.0 == group) {
                let buffer = self.written(node)?;
                self.push(Kernel::Guard(buffer, self.ty(node)));
            }
        }
        for (i, &(state, node)) in schedule.late.iter().enumerate() {
            self.group = schedule.order.len() + i;
            let (from, to) = (self.written(node)?, self.slot(node, Home::State(state)));
            self.copy(node, from, to);
        }
        Ok(())
    }

    /// Decides where stored values lie: in working memory when something beside a state needs them there.
    fn allocate(&mut self, schedule: &Schedule) {
        for &group in &schedule.order {
            for &node in &self.fusion.groups[group].stored {
                let states = schedule.in_place.get(&node).map_or(&[][..], Vec::as_slice);
                let reported = schedule.outputs.contains(&node) || schedule.late.iter().any(|l| l.1 == node);
                let mut storage = vec![];
                if states.is_empty() || reported {
                    let bytes = self.count(node) * self.ty(node).bytes();
                    let name = format!("%{} {}", node.0, self.graph.node(node).op.name);
                    storage.push(self.buffer(Home::Arena, bytes, name));
                }
                for &state in states {
                    let buffer = self.slot(node, Home::State(state));
                    storage.push(buffer);
                }
                self.storage.insert(node, storage);
            }
        }
        self.place_parts(schedule);
    }

    pub(super) fn buffer(&mut self, home: Home, bytes: usize, name: String) -> BufferId {
        self.buffers.push(Buffer { home, bytes, name });
        BufferId(self.buffers.len() - 1)
    }

    /// The buffer of something that the runtime holds, as large as the value of `node`.
    fn slot(&mut self, node: NodeId, home: Home) -> BufferId {
        if let Some(&buffer) = self.slots.get(&home) {
            return buffer;
        }
        let bytes = self.count(node) * self.ty(node).bytes();
        let name = match home {
            Home::State(i) => format!("state {i}"),
            Home::Input(i) => format!("input {i}"),
            Home::Seed => "seed".into(),
            Home::Step => "step".into(),
            Home::Table(i) => format!("table {i}"),
            Home::Arena | Home::Element { .. } => "arena".into(),
        };
        let buffer = self.buffer(home, bytes, name);
        self.slots.insert(home, buffer);
        buffer
    }

    pub(super) fn ty(&self, node: NodeId) -> Ty {
        scalar_type(self.graph.node(node).types[0].dtype)
    }

    pub(super) fn shape(&self, node: NodeId) -> &'g [usize] {
        &self.fusion.shapes[node.0 as usize]
    }

    fn count(&self, node: NodeId) -> usize {
        self.shape(node).iter().product()
    }

    pub(super) fn push(&mut self, kernel: Kernel) {
        if !kernel.is_empty() {
            self.stages.push(Stage { group: self.group, kernel });
        }
    }

    /// The buffer that a written value is read from.
    fn written(&self, node: NodeId) -> Result<BufferId, String> {
        let buffer = self.storage.get(&node).and_then(|s| s.first());
        buffer.copied().ok_or_else(|| format!("%{} is read and has no storage", node.0))
    }

    /// The buffer that holds a root of an access.
    pub(super) fn held(&mut self, root: NodeId) -> Result<BufferId, String> {
        match &self.graph.node(root).attrs {
            Attrs::Slot(slot, _) => Ok(self.slot(
                root,
                match *slot {
                    Slot::Input(i) => Home::Input(i),
                    Slot::State(i) => Home::State(i),
                    Slot::Seed => Home::Seed,
                    Slot::Step => Home::Step,
                    Slot::Local(_) => return Err("a value of a loop's body is read outside".into()),
                },
            )),
            Attrs::Table(table) => {
                let known = self.tables.iter().position(|t| t == table);
                let number = known.unwrap_or_else(|| {
                    self.tables.push(table.clone());
                    self.tables.len() - 1
                });
                Ok(self.slot(root, Home::Table(number)))
            }
            _ => self.written(root),
        }
    }

    fn lower_group(&mut self, group: usize) -> Result<(), String> {
        let fusion = self.fusion;
        let g = &fusion.groups[group];
        if let [node, ..] = g.nodes.as_slice()
            && fusion.class[node.0 as usize] == Class::Whole
        {
            return match &self.graph.node(*node).attrs {
                Attrs::Scan(scan) => self.scan(*node, scan, &g.nodes[1..]),
                _ => self.whole(*node),
            };
        }
        if let [copy] = g.nodes[..]
            && self.placed.contains(&copy)
        {
            self.copies(copy);
            return Ok(());
        }
        let mut body = Body::new(g.shape.clone());
        let builder = Builder::new();
        let mut raw = RawLoop {
            shape: g.shape.clone(),
            reduced: g.reduced.clone().unwrap_or_default(),
            ports: vec![],
            prog: Prog::build(|_| vec![]),
            stores: vec![],
            reductions: vec![],
        };
        let mut outs: Vec<Id> = vec![];
        let mut copies = vec![];
        let mut made: Vec<(NodeId, E<'_>)> = vec![];
        for &id in &g.nodes {
            let node = self.graph.node(id);
            if let Lower::Reduce(reducer) = node.op.lower {
                let access = &fusion.access[node.operands[0].node.0 as usize];
                let value = self.read(&builder, &mut body, &made, access)?;
                let to = self.written(id)?;
                raw.reductions.push(self.reduction(id, reducer, outs.len(), to, &raw.shape, &raw.reduced));
                outs.push(value.id());
                copies.push(id);
                continue;
            }
            let value = match fusion.class[id.0 as usize] {
                Class::Elementwise => {
                    let at = Access::own(id, self.shape(id));
                    self.compute(&builder, &mut body, &made, id, &at)?
                }
                Class::Movement => {
                    let via = fusion.via[id.0 as usize].as_ref().ok_or("a movement without storage is code")?;
                    self.read(&builder, &mut body, &made, via)?
                }
                _ => self.read(&builder, &mut body, &made, &Access::own(id, self.shape(id)))?,
            };
            made.push((id, value));
            if g.stored.contains(&id) {
                for &buffer in &self.storage[&id] {
                    let place = Place { buffer, ty: self.ty(id), offset: 0, strides: row_major(&raw.shape) };
                    raw.stores.push((outs.len(), place));
                }
                for place in self.parts.get(&id).into_iter().flatten() {
                    raw.stores.push((outs.len(), place.clone()));
                }
                outs.push(value.id());
            }
        }
        drop(made);
        raw.ports = body.ports;
        raw.prog = builder.finish(&outs);
        self.emit_loop(raw);
        copies.into_iter().for_each(|id| self.copies(id));
        Ok(())
    }

    /// Copies a value that is stored several times from the first place to the others.
    pub(super) fn copies(&mut self, id: NodeId) {
        let buffers = self.storage.get(&id).cloned().unwrap_or_default();
        if let [first, others @ ..] = &buffers[..] {
            others.iter().for_each(|&to| self.copy(id, *first, to));
        }
    }

    fn reduction(
        &self,
        id: NodeId,
        reducer: Reducer,
        out: usize,
        buffer: BufferId,
        shape: &[usize],
        reduced: &[usize],
    ) -> Reduction {
        let mut kept = row_major(self.shape(id)).into_iter();
        let strides =
            (0..shape.len()).map(|d| if reduced.contains(&d) { 0 } else { kept.next().unwrap_or(0) }).collect();
        let to = Place { buffer, ty: self.ty(id), offset: 0, strides };
        Reduction { reducer, out, to, block_stride: 0 }
    }

    /// Adds a loop; a reduction of several blocks goes through partial results and a tree.
    pub(super) fn emit_loop(&mut self, raw: RawLoop) {
        let mut nest = raw.into_loop();
        let blocks = nest.blocks();
        let mut trees = vec![];
        if blocks > 1 {
            let columns = nest.rows() * nest.columns();
            for reduction in &mut nest.reductions {
                let ty = reduction.to.ty;
                let name = format!("blocks of {}", self.buffers[reduction.to.buffer.0].name);
                let partial = self.buffer(Home::Arena, blocks * columns * ty.bytes(), name);
                let to = std::mem::replace(&mut reduction.to.buffer, partial);
                reduction.block_stride = columns as isize;
                let grain = (8192 / blocks).clamp(64, 4096).next_multiple_of(64);
                trees.push(Tree { reducer: reduction.reducer, from: partial, to, ty, blocks, columns, grain });
            }
        }
        self.push(Kernel::Loop(nest));
        trees.into_iter().for_each(|tree| self.push(Kernel::Tree(tree)));
    }

    /// Copies a value from one buffer to another.
    pub(super) fn copy(&mut self, node: NodeId, from: BufferId, to: BufferId) {
        let shape = self.shape(node);
        let own = Access::own(node, shape);
        let to = Place { buffer: to, ty: self.ty(node), offset: 0, strides: row_major(shape) };
        self.copy_from(from, &own, self.ty(node), shape, to);
    }

    /// Copies elements of storage to a place, over `shape`.
    pub(super) fn copy_from(&mut self, from: BufferId, access: &Access, ty: Ty, shape: &[usize], to: Place) {
        let port = Place { buffer: from, ty, offset: access.offset, strides: access.strides.clone() };
        let prog = Prog::build(|p| vec![p.port(0, ty)]);
        self.emit_loop(RawLoop {
            shape: shape.to_vec(),
            reduced: vec![],
            ports: vec![port],
            prog,
            stores: vec![(0, to)],
            reductions: vec![],
        });
    }

    /// Writes zeros over `shape`.
    pub(super) fn zero(&mut self, shape: Vec<usize>, to: Place) {
        let zero = Lane::from_bits(to.ty, 0);
        self.emit_loop(RawLoop {
            shape,
            reduced: vec![],
            ports: vec![],
            prog: Prog::build(|p| vec![p.constant(zero)]),
            stores: vec![(0, to)],
            reductions: vec![],
        });
    }

    /// The operations on whole tensors.
    fn whole(&mut self, id: NodeId) -> Result<(), String> {
        let node = self.graph.node(id);
        let buffers = self.storage.get(&id).ok_or("an operation without storage")?.clone();
        let to = |offset: isize, shape: &[usize], ty: Ty| Place {
            buffer: buffers[0],
            ty,
            offset,
            strides: row_major(shape),
        };
        let (ty, shape) = (self.ty(id), self.shape(id));
        match (node.op.lower, &node.attrs) {
            (Lower::Contract, Attrs::Contract(rule)) => product::lower(self, id, rule, buffers[0])?,
            (Lower::Conv, Attrs::Conv(rule)) => conv::lower(self, id, rule, buffers[0])?,
            (Lower::Routine(which), _) => routine::lower(self, id, which, buffers[0])?,
            (Lower::Concat, Attrs::Axis(axis)) => {
                let step = row_major(shape)[*axis];
                let mut start = 0;
                for v in &node.operands {
                    let place = to(start * step, shape, ty);
                    if !self.parts.get(&v.node).is_some_and(|places| places.contains(&place)) {
                        self.place_operand(v.node, place)?;
                    }
                    start += self.shape(v.node)[*axis] as isize;
                }
            }
            (Lower::Overlap, Attrs::Window(rule)) => {
                self.overlap(node.operands[0].node, rule, to(0, shape, ty), shape)?
            }
            (Lower::Pad, Attrs::Pad { axis, before, after }) => {
                let step = row_major(shape)[*axis];
                let len = self.shape(node.operands[0].node)[*axis];
                let (before, after) = (before.places(), after.places());
                for (start, size) in [(0, before), (before + len, after)] {
                    let mut zeros = shape.to_vec();
                    zeros[*axis] = size;
                    self.zero(zeros, to(start as isize * step, shape, ty));
                }
                self.place_operand(node.operands[0].node, to(before as isize * step, shape, ty))?;
            }
            _ => return Err(format!("%{} `{}` has no lowering", id.0, node.op.name)),
        }
        self.copies(id);
        Ok(())
    }

    /// Adds windows to zeros, tap by tap.
    fn overlap(&mut self, operand: NodeId, rule: &Window, to: Place, shape: &[usize]) -> Result<(), String> {
        self.zero(shape.to_vec(), to.clone());
        let mut windows = self.shape(operand).to_vec();
        windows.remove(rule.axis + 1);
        let mut access = self.fusion.access[operand.0 as usize].clone();
        let step = access.strides.remove(rule.axis + 1);
        let mut to = to;
        let tap = to.strides[rule.axis] * rule.dilation as isize;
        to.strides[rule.axis] *= rule.stride as isize;
        for _ in 0..rule.size {
            let mut body = Body::new(windows.clone());
            let builder = Builder::new();
            let sum = builder.port(body.port(to.clone()), to.ty);
            let out = (sum + self.read(&builder, &mut body, &[], &access)?).id();
            self.emit_loop(RawLoop {
                shape: windows.clone(),
                reduced: vec![],
                ports: body.ports,
                prog: builder.finish(&[out]),
                stores: vec![(0, to.clone())],
                reductions: vec![],
            });
            access.offset += step;
            to.offset += tap;
        }
        Ok(())
    }

    /// Writes an operand to part of a result.
    pub(super) fn place_operand(&mut self, operand: NodeId, to: Place) -> Result<(), String> {
        self.place_part(&self.fusion.access[operand.0 as usize], self.shape(operand), to)
    }

    /// Writes what `access` reads over `shape`, computed where it is trivial, to a place.
    pub(super) fn place_part(&mut self, access: &Access, shape: &[usize], to: Place) -> Result<(), String> {
        let mut body = Body::new(shape.to_vec());
        let builder = Builder::new();
        let out = self.read(&builder, &mut body, &[], access)?.id();
        self.emit_loop(RawLoop {
            shape: shape.to_vec(),
            reduced: vec![],
            ports: body.ports,
            prog: builder.finish(&[out]),
            stores: vec![(0, to)],
            reductions: vec![],
        });
        Ok(())
    }
}
