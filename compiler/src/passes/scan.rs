//! Loops: bodies are improved by the passes themselves, loops that do the same become one, and what nothing needs is neither
//! carried nor yielded.

use super::rebuild::{Fate, Visit, rebuild};
use super::{cse, dce, fold, simplify};
use crate::ir::attrs::Attrs;
use crate::ir::builder::{Builder, Val};
use crate::ir::graph::{Graph, Node, NodeId, Value};
use crate::ir::scan::Scan;
use crate::ir::types::{DType, TensorType};
use crate::ops::scan::{Given, Open, close, splice};
use std::collections::{HashMap, HashSet};

/// The graph with every loop improved. Keeps every bit: a turn computes the same values, fewer of them or once.
pub fn scan(graph: &Graph) -> Graph {
    // A loop that nothing needs may lack operands that nothing needs either: no other may be joined with it.
    let live = graph.live();
    let needed = |(id, n): &(NodeId, &Node)| live[id.0 as usize] && matches!(n.attrs, Attrs::Scan(_));
    let loops: Vec<(NodeId, &Node)> = graph.nodes().filter(needed).collect();
    if loops.is_empty() {
        return graph.clone();
    }
    let used = used(graph);
    // Each loop with those after it that do the same from the same operands.
    let mut twins: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    let mut merged: HashSet<NodeId> = HashSet::new();
    for (i, (first, node)) in loops.iter().enumerate() {
        if merged.contains(first) {
            continue;
        }
        for (second, other) in &loops[i + 1..] {
            if !merged.contains(second) && alike(graph, node, other) {
                merged.insert(*second);
                twins.entry(*first).or_default().push(*second);
            }
        }
    }
    let mut results: HashMap<Value, Value> = HashMap::new();
    rebuild(graph, |visit| {
        if !matches!(visit.node.attrs, Attrs::Scan(_)) {
            return Fate::Keep;
        }
        if !live[visit.id.0 as usize] {
            return Fate::Drop;
        }
        let ports = || (0..visit.node.types.len() as u16).map(|port| Value { node: visit.id, port });
        if merged.contains(&visit.id) {
            return Fate::Results(ports().map(|v| results.get(&v).map(|v| visit.b.val(*v))).collect());
        }
        let mut members = vec![(visit.id, visit.node)];
        members.extend(twins.get(&visit.id).into_iter().flatten().map(|id| (*id, graph.node(*id))));
        for (old, new) in joined(&visit, &members, &used) {
            results.insert(old, new.value);
        }
        Fate::Results(ports().map(|v| results.get(&v).map(|v| visit.b.val(*v))).collect())
    })
}

/// The values that something uses.
fn used(graph: &Graph) -> HashSet<Value> {
    let live = graph.live();
    let operands = graph.nodes().filter(|(id, _)| live[id.0 as usize]).flat_map(|(_, n)| n.operands.iter().copied());
    operands.chain(graph.roots()).collect()
}

/// Whether two loops carry the same values over the same positions. The operands of the second may be fewer, so that it can
/// run where the first does.
fn alike(graph: &Graph, a: &Node, b: &Node) -> bool {
    let (Attrs::Scan(x), Attrs::Scan(y)) = (&a.attrs, &b.attrs) else { return false };
    if (&x.turns, x.reversed, x.carries) != (&y.turns, y.reversed, y.carries)
        || a.operands[..x.carries] != b.operands[..y.carries]
        || !b.operands.iter().all(|v| a.operands.contains(v))
    {
        return false;
    }
    let scratch = Builder::new();
    let mut body = Body::new(&scratch, a.operands[..x.carries].iter().map(|v| graph.ty(*v).clone()));
    let mut nexts = |scan: &Scan, node: &Node| {
        let given = |b: &'_ Builder, v: &Value| b.local(graph.ty(*v).clone()).value;
        let all = body.splice(&scratch, scan, &scan.body, node, &mut |v| scratch.val(given(&scratch, v)));
        all[..scan.carries].iter().map(|v| v.value).collect::<Vec<_>>()
    };
    nexts(x, a) == nexts(y, b)
}

/// The body of one loop for several, built on locals.
struct Body<'b> {
    position: Val<'b>,
    carries: Vec<Val<'b>>,
    /// What stands for each operand: the element of a stack, or the operand itself.
    given: HashMap<(Value, bool), Val<'b>>,
    stacks: Vec<Given<'b>>,
}

impl<'b> Body<'b> {
    fn new(b: &'b Builder, carries: impl Iterator<Item = TensorType>) -> Body<'b> {
        let position = b.local(TensorType::scalar(DType::I64));
        Body { position, carries: carries.map(|ty| b.local(ty)).collect(), given: HashMap::new(), stacks: vec![] }
    }

    /// Adds the body of a loop; gives its next carries and its yields. `outside` gives the operands.
    fn splice(
        &mut self,
        b: &'b Builder,
        scan: &Scan,
        body: &Graph,
        node: &Node,
        outside: &mut dyn FnMut(&Value) -> Val<'b>,
    ) -> Vec<Val<'b>> {
        let mut inputs = vec![];
        for (j, operand) in node.operands[scan.carries..].iter().enumerate() {
            let is_stack = j < scan.stacks;
            let known = self.given.get(&(*operand, is_stack)).copied();
            inputs.push(known.unwrap_or_else(|| {
                let whole = outside(operand);
                let given = if is_stack {
                    let ty = whole.ty();
                    let element = b.local(TensorType::new(ty.dtype, ty.shape[1..].to_vec()));
                    self.stacks.push(Given { inside: element.value, outside: whole });
                    element
                } else {
                    whole
                };
                self.given.insert((*operand, is_stack), given);
                given
            }));
        }
        let map = splice(b, body, &self.carries, &inputs, self.position);
        let mut updates = body.updates.clone();
        updates.sort_unstable_by_key(|u| u.0);
        updates.iter().map(|u| map[&u.1]).collect()
    }
}

/// One loop for all members, with no more results than are used: each old result with its new value.
fn joined<'b>(visit: &Visit<'_, 'b>, members: &[(NodeId, &Node)], used: &HashSet<Value>) -> Vec<(Value, Val<'b>)> {
    let (b, Attrs::Scan(scan)) = (visit.b, &visit.node.attrs) else { return vec![] };
    let mut outside = |v: &Value| {
        // The operands of all members are among those of the first.
        let place = visit.node.operands.iter().position(|o| o == v);
        visit.args[place.unwrap_or_default()]
    };
    let firsts = &visit.args[..scan.carries];
    let mut body = Body::new(b, firsts.iter().map(|v| v.ty()));
    let mut nexts: Vec<Val<'b>> = vec![];
    // Results that are used: a carry by its number, or what is yielded.
    let mut wanted: Vec<(Value, Result<usize, Val<'b>>)> = vec![];
    for (id, node) in members {
        let Attrs::Scan(member) = &node.attrs else { continue };
        let all = body.splice(b, member, &improved(&member.body), node, &mut outside);
        for (port, value) in (0..).zip(&all) {
            let (old, i) = (Value { node: *id, port }, port as usize);
            if used.contains(&old) {
                wanted.push((old, if i < member.carries { Ok(i) } else { Err(*value) }));
            }
        }
        if nexts.is_empty() {
            nexts = all[..member.carries].to_vec();
        }
    }
    let yields: Vec<Val<'b>> = {
        let mut seen = HashSet::new();
        wanted.iter().filter_map(|(_, w)| w.err()).filter(|v| seen.insert(v.value)).collect()
    };
    let needed = needed(b, &body.carries, &nexts, &wanted, &yields);
    let carry = |&i: &usize| (Given { inside: body.carries[i].value, outside: firsts[i] }, nexts[i]);
    let open = Open {
        turns: scan.turns.clone(),
        reversed: scan.reversed,
        position: body.position.value,
        carries: needed.iter().map(carry).collect(),
        stacks: body.stacks,
        yields: yields.clone(),
    };
    if wanted.is_empty() {
        return vec![];
    }
    let results =
        close(b, &open).unwrap_or_else(|e| unreachable!("the types are those of the loops joined: {}", e.what));
    let place = |w: &Result<usize, Val<'b>>| match w {
        Ok(i) => needed.iter().position(|n| n == i),
        Err(value) => yields.iter().position(|y| y.value == value.value).map(|y| needed.len() + y),
    };
    wanted.iter().filter_map(|(old, w)| Some((*old, results[place(w)?]))).collect()
}

/// The carries whose last value is wanted, or that something wanted depends on, turn by turn.
fn needed(
    b: &Builder,
    carries: &[Val<'_>],
    nexts: &[Val<'_>],
    wanted: &[(Value, Result<usize, Val<'_>>)],
    yields: &[Val<'_>],
) -> Vec<usize> {
    let graph = b.graph();
    let depends: Vec<Vec<bool>> = carries.iter().map(|c| graph.reached(&[c.value])).collect();
    let on = |v: &Val<'_>, i: usize| depends[i][v.value.node.0 as usize];
    let mut needed: Vec<bool> = (0..carries.len())
        .map(|i| wanted.iter().any(|w| matches!(w.1, Ok(k) if k == i)) || yields.iter().any(|y| on(y, i)))
        .collect();
    loop {
        let more: Vec<usize> = (0..carries.len())
            .filter(|&i| !needed[i] && (0..carries.len()).any(|k| needed[k] && on(&nexts[k], i)))
            .collect();
        if more.is_empty() {
            return (0..carries.len()).filter(|&i| needed[i]).collect();
        }
        more.into_iter().for_each(|i| needed[i] = true);
    }
}

/// A body after one round of all passes; the next round of the graph around it is its next.
fn improved(body: &Graph) -> Graph {
    dce::dce(&scan(&cse::cse(&simplify::simplify(&fold::fold(body)))))
}
