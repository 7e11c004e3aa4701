//! The memory plan: one arena, in which buffers share bytes when they are never needed at the same time.
//!
//! Greedy by size: the largest buffer first, each at the lowest offset where it overlaps none that lives at the same time.

use super::kernels::{Buffer, Home, Kernel, Stage};
use super::loops::BufferId;
use super::lower::Lowered;

/// Alignment of every buffer: a cache line.
pub const ALIGN: usize = 64;

/// Where a buffer lies and when it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// From the start of the arena, in bytes.
    pub offset: usize,
    /// The first and the last stage that touch it; outputs live to the end.
    pub live: (usize, usize),
}

/// The layout of the arena.
#[derive(Debug, Clone)]
pub struct Plan {
    /// By buffer; `None` for what the runtime holds and for what nothing touches.
    pub slots: Vec<Option<Slot>>,
    /// Bytes of the arena.
    pub bytes: usize,
}

/// Plans the arena of lowered stages.
pub fn plan(lowered: &Lowered) -> Plan {
    let mut live: Vec<Option<(usize, usize)>> = vec![None; lowered.buffers.len()];
    let end = walk(&lowered.stages, 0, &mut live);
    for b in &lowered.outputs {
        let begin = live[b.0].map_or(0, |range| range.0);
        touch(&mut live, *b, (begin, end));
    }
    let mut order: Vec<usize> =
        (0..live.len()).filter(|&b| live[b].is_some() && lowered.buffers[b].home == Home::Arena).collect();
    order.sort_by_key(|&b| std::cmp::Reverse(lowered.buffers[b].bytes));
    let mut plan = Plan { slots: vec![None; live.len()], bytes: 0 };
    let mut placed: Vec<usize> = vec![];
    for b in order {
        let Some(range) = live[b] else { continue };
        let size = rounded(&lowered.buffers[b]);
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .filter_map(|&p| plan.slots[p].map(|s| (s, rounded(&lowered.buffers[p]))))
            .filter(|(s, _)| s.live.0 <= range.1 && range.0 <= s.live.1)
            .map(|(s, bytes)| (s.offset, s.offset + bytes))
            .collect();
        taken.sort_unstable();
        let mut offset = 0;
        for (start, stop) in taken {
            if offset + size <= start {
                break;
            }
            offset = offset.max(stop);
        }
        plan.slots[b] = Some(Slot { offset, live: range });
        plan.bytes = plan.bytes.max(offset + size);
        placed.push(b);
    }
    plan
}

/// Notes when buffers are touched, the stages being numbered from `at`; gives the number behind the last. What turns share
/// with what is around them is needed from their first stage to their last, since the next turn looks at it again.
fn walk(stages: &[Stage], at: usize, live: &mut [Option<(usize, usize)>]) -> usize {
    let mut at = at;
    for stage in stages {
        let begin = at;
        at = match &stage.kernel {
            Kernel::Turns(turns) => walk(&turns.stages, at, live).max(at + 1),
            _ => at + 1,
        };
        let (reads, writes) = stage.kernel.buffers();
        for b in reads.into_iter().chain(writes) {
            touch(live, b, (begin, at - 1));
        }
    }
    at
}

fn touch(live: &mut [Option<(usize, usize)>], b: BufferId, (begin, end): (usize, usize)) {
    let range = live[b.0].get_or_insert((begin, end));
    *range = (range.0.min(begin), range.1.max(end));
}

/// Every buffer takes at least one line, so that two never share an address.
fn rounded(buffer: &Buffer) -> usize {
    buffer.bytes.max(1).next_multiple_of(ALIGN)
}
