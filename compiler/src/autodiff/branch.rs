//! Values that reach another one element by element on several ways: y = x·Φ(x), say.
//!
//! Carried back node by node, the cotangent of y would take each way by itself, and the way back would need what each of them
//! has computed: for y = x·Φ(x) the values x, Φ(x) and Φ′(x). The slope dy/dx is a function of x alone, made on the way forward or
//! back as it suits the loops, and all that the way back needs of them: the contribution to x is that of y times the slope.

use super::{NoGradient, Walk};
use crate::ir::attrs::{Attrs, Const};
use crate::ir::builder::{Builder, Val};
use crate::ir::graph::{Graph, NodeId, Value};
use crate::ir::op::{Lower, Vjp};
use crate::ops::binary::MUL;
use std::collections::{BTreeSet, HashMap, HashSet};

/// More nodes than any function of one value that people write; the search is given up there, so that it takes no time.
const MOST: usize = 40;

/// A value that all ways from another one lead to, and the nodes of these ways, the last first.
struct Branch {
    root: Value,
    nodes: Vec<NodeId>,
}

/// The value that `y` is a function of on several ways, and the slope; none where there is one way, or where the slope would need no
/// fewer values than the ways by themselves do.
///
/// # Errors
/// When an operation without a derivative lies between.
pub(super) fn slope<'b>(b: &'b Builder, y: NodeId, walk: &Walk<'_>) -> Result<Option<(Value, Val<'b>)>, NoGradient> {
    let found = find(&b.graph(), y, walk);
    let Some(Branch { root, nodes }) = found else { return Ok(None) };
    let ty = b.graph().ty(root).clone();
    let one = b.constant(Const::Float(ty.dtype, 1.0), ty.shape);
    let mut slopes: HashMap<Value, Val<'b>> = HashMap::from([(Value { node: y, port: 0 }, one)]);
    for node in nodes {
        let Some(slope) = slopes.get(&Value { node, port: 0 }).copied() else { continue };
        for (operand, part) in walk.contributions(b, node, &[Some(slope)])? {
            super::add(&mut slopes, operand, without(b, one, part));
        }
    }
    let Some(slope) = slopes.get(&root).copied() else { return Ok(None) };
    Ok((needed(&b.graph(), slope.value, y) > 1).then_some((root, slope)))
}

/// x for 1·x.
fn without<'b>(b: &'b Builder, one: Val<'b>, product: Val<'b>) -> Val<'b> {
    let factor = match b.graph().node(product.value.node) {
        node if std::ptr::eq(node.op, &MUL) && node.operands[0] == one.value => node.operands[1],
        _ => return product,
    };
    b.val(factor)
}

/// Goes back from `y`, the latest node first, until all ways meet in one value.
fn find(graph: &Graph, y: NodeId, walk: &Walk<'_>) -> Option<Branch> {
    let y = Value { node: y, port: 0 };
    let ty = graph.ty(y);
    let mut open = BTreeSet::from([y]);
    let mut nodes = vec![];
    let mut several = false;
    loop {
        let latest = open.pop_last()?;
        if !nodes.is_empty() && open.is_empty() {
            let branch = Branch { root: latest, nodes };
            return (several && branch.nodes.len() > 1 && graph.ty(latest) == ty).then_some(branch);
        }
        let node = graph.node(latest.node);
        let ends = walk.ends.contains(&latest) || (latest != y && walk.how.watched.contains(&latest));
        let elementwise = matches!((&node.op.lower, &node.op.vjp), (Lower::Elementwise, Vjp::Rule(_) | Vjp::Zero(_)));
        if ends || !elementwise || graph.ty(latest) != ty || nodes.len() == MOST {
            return None;
        }
        nodes.push(latest.node);
        for (k, operand) in node.operands.iter().enumerate() {
            if walk.leads_to(graph, latest.node, k, *operand) {
                several |= !open.insert(*operand);
            }
        }
    }
}

/// How many of the values up to `y` a slope is made from, constants aside.
fn needed(graph: &Graph, slope: Value, y: NodeId) -> usize {
    let mut seen: HashSet<Value> = HashSet::new();
    let mut open = vec![slope];
    let mut count = 0;
    while let Some(value) = open.pop() {
        if !seen.insert(value) {
            continue;
        }
        let node = graph.node(value.node);
        if value.node <= y {
            count += usize::from(!matches!(node.attrs, Attrs::Const(..)));
        } else {
            open.extend(&node.operands);
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autodiff::gradient;
    use crate::ir::attrs::Slot;
    use crate::ir::types::{DType, TensorType};
    use crate::ops::binary::ADD;
    use crate::ops::unary::{LOGISTIC, TANH};

    fn input(b: &Builder) -> Val<'_> {
        b.read(Slot::Input(0), TensorType::new(DType::F32, vec![4.into()]))
    }

    /// The gradients of `sum(y)`: the cotangent of y is a value of its own, 1 everywhere.
    fn gradients<'b>(b: &'b Builder, y: Val<'b>, wrt: &[Val<'b>]) -> Vec<Value> {
        let wrt: Vec<Value> = wrt.iter().map(|v| v.value).collect();
        let all = gradient(b, y.sum(&[0]), &wrt).expect("all rows have rules");
        all.into_iter().map(|g| g.expect("y is made from each").value).collect()
    }

    #[test]
    fn several_ways_to_one_value_have_one_slope() {
        let b = Builder::new();
        let x = input(&b);
        let gate = x.unary(&LOGISTIC);
        let [gradient] = gradients(&b, x * gate, &[x])[..] else { panic!("one gradient") };
        // σ + x·σ(1 − σ)
        let slope = gate + x * (gate * (1.0 - gate));
        assert_eq!(b.graph().node(gradient.node).operands[1], slope.value);
    }

    #[test]
    fn ways_are_taken_by_themselves_where_a_slope_saves_nothing_or_passes_a_wanted_value() {
        let b = Builder::new();
        let x = input(&b);
        let [gradient] = gradients(&b, x.unary(&TANH) + x, &[x])[..] else { panic!("one gradient") };
        assert!(std::ptr::eq(b.graph().node(gradient.node).op, &ADD), "the slope of tanh needs x alone");
        let gate = x.unary(&LOGISTIC);
        let [at_x, at_gate] = gradients(&b, x * gate, &[x, gate])[..] else { panic!("two gradients") };
        assert_eq!(b.graph().node(at_x.node).operands[1], gate.value);
        assert_eq!(b.graph().node(at_gate.node).operands[1], x.value);
    }
}
