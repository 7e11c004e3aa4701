//! A loop becomes turns of the stages of its body. Carries lie where the last ones are wanted and are replaced turn by turn; the
//! elements of stacks are parts of them, so nothing is gathered or stacked.

use super::kernels::{Home, Kernel, Turns};
use super::loops::{BufferId, Place};
use super::lower::Lowering;
use super::schedule::schedule;
use crate::ir::graph::{Graph, NodeId};
use crate::ir::scan::Scan;
use crate::ops::logic::scalar_type;
use crate::ops::movement::row_major;
use crate::passes::fuse::fuse;

/// Turns that pay for a copy of what is the same for all of them.
const FEW_TURNS: usize = 4;

impl Lowering<'_> {
    /// Adds the stages of a loop; `results` are the nodes of its results that are wanted.
    pub(super) fn scan(&mut self, id: NodeId, scan: &Scan, results: &[NodeId]) -> Result<(), String> {
        let node = self.graph.node(id);
        let mut homes: Vec<BufferId> = vec![];
        for (port, ty) in node.types.iter().enumerate() {
            let wanted = results.iter().find(|r| self.graph.node(**r).operands[0].port as usize == port);
            let buffer = wanted.and_then(|r| self.storage.get(r)).and_then(|buffers| buffers.first().copied());
            let sizes = ty.sizes().ok_or("a loop has a free size")?;
            let bytes = sizes.iter().product::<usize>() * ty.dtype.size();
            homes
                .push(buffer.unwrap_or_else(|| self.buffer(Home::Arena, bytes, format!("%{}.{port} of a loop", id.0))));
            if port < scan.carries {
                let strides = row_major(&sizes);
                let to = Place { buffer: homes[port], ty: scalar_type(ty.dtype), offset: 0, strides };
                self.place_operand(node.operands[port].node, to)?;
            }
        }
        let mut given: Vec<BufferId> = vec![];
        for v in &node.operands[scan.carries..] {
            given.push(self.held(self.fusion.access[v.node.0 as usize].root)?);
        }
        let turns = self.turns(scan, id, &homes, &given)?;
        self.push(Kernel::Turns(turns));
        results.iter().for_each(|&result| self.copies(result));
        Ok(())
    }

    /// Lowers the body on buffers of its own and those it shares.
    fn turns(&mut self, scan: &Scan, id: NodeId, homes: &[BufferId], given: &[BufferId]) -> Result<Turns, String> {
        let position = self.buffer(Home::Arena, size_of::<i64>(), format!("position of %{}", id.0));
        let body: &Graph = &super::results::split(&scan.body);
        let mut fusion = fuse(body, self.fusion.join)?;
        let order = schedule(body, &mut fusion)?;
        let mut inner = Lowering::new(body, &fusion);
        std::mem::swap(&mut inner.buffers, &mut self.buffers);
        std::mem::swap(&mut inner.tables, &mut self.tables);
        inner.slots.insert(Home::Step, position);
        for (i, &home) in homes.iter().enumerate() {
            let buffer = if i < scan.carries {
                home
            } else {
                let bytes = scan.next_type(i).and_then(bytes).ok_or("a yield has a free size")?;
                inner.element(home, bytes, position)
            };
            inner.slots.insert(Home::State(i as u32), buffer);
        }
        for (slot_node, slot) in body.slots() {
            let crate::ir::attrs::Slot::Input(j) = slot else { continue };
            let whole = *given.get(j as usize).ok_or("a body reads more than it is given")?;
            let bytes = bytes(&body.node(slot_node).types[0]).ok_or("an element has a free size")?;
            let buffer = if (j as usize) < scan.stacks { inner.element(whole, bytes, position) } else { whole };
            inner.slots.insert(Home::Input(j), buffer);
        }
        let ran = inner.run(&order);
        let mut stages = inner.stages;
        (self.buffers, self.tables) = (inner.buffers, inner.tables);
        ran?;
        let count = scan
            .turns
            .as_constant()
            .and_then(|n| usize::try_from(n).ok())
            .ok_or("a loop has a free number of turns")?;
        let panels =
            if count >= FEW_TURNS { self.pack_invariant(id, &mut stages, &given[scan.stacks..]) } else { vec![] };
        let shared = homes.iter().chain(given).copied().chain(panels).collect();
        Ok(Turns { count, reversed: scan.reversed, position, stages, shared })
    }

    fn element(&mut self, stack: BufferId, stride: usize, position: BufferId) -> BufferId {
        let name = format!("element of {}", self.buffers[stack.0].name);
        self.buffer(Home::Element { stack, stride, position }, stride, name)
    }
}

fn bytes(ty: &crate::ir::types::TensorType) -> Option<usize> {
    Some(ty.sizes()?.iter().product::<usize>() * ty.dtype.size())
}
