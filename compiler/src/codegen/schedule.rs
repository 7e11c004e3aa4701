//! The order of the groups, and which of them may write a state where it lies.
//!
//! All reads of a step see states as they were at its start. A group writes the new value of a state straight into the
//! state's buffer when every other reader of the old value can run before it, when it reads the old value only at the element
//! that it is about to write, and when the guarded value is checked before it. Otherwise the value is made in working memory
//! and copied when all else is done: so two states can swap.

use crate::ir::attrs::{Attrs, Slot};
use crate::ir::graph::{Graph, NodeId};
use crate::passes::fuse::{Class, Fusion};
use std::collections::HashMap;

/// When groups run and where their values go.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The groups in order.
    pub order: Vec<usize>,
    /// States that a node's value is written to directly.
    pub in_place: HashMap<NodeId, Vec<u32>>,
    /// States that are copied at the end from a node's value in working memory.
    pub late: Vec<(u32, NodeId)>,
    /// The group whose end makes the guarded value known, and the node that holds it.
    pub guard: Option<(usize, NodeId)>,
    /// Where each reported value lies.
    pub outputs: Vec<NodeId>,
}

/// Orders the groups of a graph.
///
/// # Errors
/// When a root is not written by any group: a mistake of the grouping.
pub fn schedule(graph: &Graph, fusion: &mut Fusion) -> Result<Schedule, String> {
    let home = |fusion: &Fusion, node: NodeId| {
        let home = fusion.home(node);
        match fusion.group_of[home.0 as usize] {
            Some(group) => Ok((group, home)),
            None => Err(format!("nothing writes %{}", node.0)),
        }
    };
    let outputs =
        graph.outputs.iter().map(|o| Ok(home(fusion, o.value.node)?.1)).collect::<Result<Vec<_>, String>>()?;
    let guard = graph.guard.map(|v| home(fusion, v.node)).transpose()?;
    let reads = state_reads(graph, fusion);
    let mut in_place: HashMap<NodeId, Vec<u32>> = HashMap::new();
    let mut late = vec![];
    for &(state, value) in &graph.updates {
        let (group, node) = home(fusion, value.node)?;
        let readers = reads.get(&state).map_or(&[][..], Vec::as_slice);
        let own = readers.iter().filter(|r| r.group == group);
        let reduces = matches!(fusion.class[node.0 as usize], Class::Reduce | Class::Whole);
        let before: Vec<usize> =
            readers.iter().map(|r| r.group).filter(|g| *g != group).chain(guard.map(|g| g.0)).collect();
        let same = own.clone().all(|r| r.same_element) && (own.count() == 0 || !reduces);
        let after_all = before.iter().all(|&g| g != group && !fusion.deps.reaches(g, group));
        if same && after_all {
            for g in before {
                fusion.deps.add(group, g);
            }
            in_place.entry(node).or_default().push(state);
        } else {
            late.push((state, node));
        }
    }
    let order =
        fusion.deps.order(&fusion.members(), |g| fusion.groups[g].nodes.iter().map(|n| n.0).max().unwrap_or_default());
    Ok(Schedule { order, in_place, late, guard, outputs })
}

#[derive(Clone, Copy)]
struct Reader {
    group: usize,
    same_element: bool,
}

/// The groups that read each state.
fn state_reads(graph: &Graph, fusion: &Fusion) -> HashMap<u32, Vec<Reader>> {
    let mut reads: HashMap<u32, Vec<Reader>> = HashMap::new();
    for group in fusion.members() {
        for &id in &fusion.groups[group].nodes {
            let whole = fusion.class[id.0 as usize] == Class::Whole;
            for leaf in fusion.leaves_of(graph, id) {
                if let Attrs::Slot(Slot::State(state), _) = graph.node(leaf.root).attrs {
                    let same_element = leaf.same_element && !whole;
                    reads.entry(state).or_default().push(Reader { group, same_element });
                }
            }
        }
    }
    reads
}
