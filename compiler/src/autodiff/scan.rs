//! The derivative of a loop: a loop over the same positions the other way.
//!
//! With carries h, elements x and captured values w a turn is `h' , y = f(h, x, w)`. The loop back carries the cotangent of h
//! and takes at each position the cotangent of y; a turn applies the derivative of f, which needs values of the turn forward:
//! those are yielded by a longer form of the loop forward, which shares all else with the loop as written.
//!
//! Where a value w that is the same for all turns enters by a product `z = x·w`, its cotangent is one product after the loop,
//! of all x and all cotangents of z, row-major over turns first; other captured values sum theirs up, turn by turn.

use super::{NoGradient, Pull, pull};
use crate::ir::attrs::{Attrs, Const, Contract};
use crate::ir::builder::{Builder, Val};
use crate::ir::graph::{Graph, NodeId, Value};
use crate::ir::op::Lower;
use crate::ir::scan::Scan;
use crate::ir::types::{DType, TensorType, is_float};
use crate::ops::contract::{CONTRACT, grad_a, grad_b};
use crate::ops::scan::{Given, Open, close, splice};
use std::collections::HashSet;

/// A product of the body with an operand that is the same for all turns.
struct Product {
    id: NodeId,
    rule: Contract,
    /// Which operand is the same.
    side: usize,
    /// Both operands.
    operands: [Value; 2],
}

/// The contributions to the operands of a loop from the cotangents of its results.
///
/// # Errors
/// When an operation of the body has no derivative.
pub(super) fn backward<'b>(
    b: &'b Builder,
    attrs: &Attrs,
    args: &[Val<'b>],
    cts: &[Option<Val<'b>>],
) -> Result<Vec<Option<Val<'b>>>, NoGradient> {
    let Attrs::Scan(scan) = attrs else { unreachable!("inference admits no other attributes") };
    let turn = Turn::new(b, scan, args);
    let float = |v: &Val<'b>| is_float(v.ty().dtype);

    // Cotangents that come in: of the next carries, and of the yields.
    let carried: Vec<usize> = (0..scan.carries).filter(|&i| float(&turn.carries[i])).collect();
    let ct_carries: Vec<Val<'b>> = carried.iter().map(|&i| b.local(turn.carries[i].ty())).collect();
    let mut stacks: Vec<Given<'b>> = vec![];
    let mut seeds: Vec<(Value, Val<'b>)> =
        carried.iter().zip(&ct_carries).map(|(&i, ct)| (turn.nexts[i].value, *ct)).collect();
    for (y, ct) in cts[scan.carries..].iter().enumerate() {
        let Some(ct) = *ct else { continue };
        let element = b.local(turn.yields[y].ty());
        seeds.push((turn.yields[y].value, element));
        stacks.push(Given { inside: element.value, outside: ct });
    }

    // The derivative of a turn.
    let products = turn.products(b);
    let wrt: Vec<Value> =
        turn.carries.iter().chain(&turn.elements).chain(turn.captured).filter(|v| float(v)).map(|v| v.value).collect();
    let watched: Vec<Value> = products.iter().map(Product::out).collect();
    let skipped = |id: NodeId, k: usize| products.iter().any(|p| p.id == id && p.side == k);
    let got = pull(b, &seeds, &Pull { wrt: &wrt, watched: &watched, skipped: &skipped })?;

    // What the loop back carries: cotangents of the carries, and running sums of those of captured values.
    let mut carries: Vec<(Given<'b>, Val<'b>)> = carried
        .iter()
        .zip(&ct_carries)
        .map(|(&i, ct)| {
            let first = cts[i].unwrap_or_else(|| zeros(b, &ct.ty()));
            let next = got.get(&turn.carries[i].value).copied().unwrap_or_else(|| zeros(b, &ct.ty()));
            (Given { inside: ct.value, outside: first }, next)
        })
        .collect();
    let summed: Vec<usize> = (0..turn.captured.len()).filter(|&k| got.contains_key(&turn.captured[k].value)).collect();
    for &k in &summed {
        let sum = b.local(turn.captured[k].ty());
        let next = sum + got[&turn.captured[k].value];
        carries.push((Given { inside: sum.value, outside: zeros(b, &sum.ty()) }, next));
    }
    let of_elements: Vec<usize> = (0..scan.stacks).filter(|&j| got.contains_key(&turn.elements[j].value)).collect();
    let used: Vec<&Product> = products.iter().filter(|p| got.contains_key(&p.out())).collect();
    let yields: Vec<Val<'b>> =
        of_elements.iter().map(|&j| got[&turn.elements[j].value]).chain(used.iter().map(|p| got[&p.out()])).collect();

    // Values of the turn forward that the turn back needs, and the factors of the products.
    let roots: Vec<Value> = carries.iter().map(|c| c.1.value).chain(yields.iter().map(|v| v.value)).collect();
    let mut kept = turn.needed(&b.graph(), &roots);
    for p in &used {
        if !kept.contains(&p.factor()) {
            kept.push(p.factor());
        }
    }
    let stack_of = turn.forward(b, scan, &kept);
    stacks.extend(kept.iter().zip(&stack_of).map(|(inside, outside)| Given { inside: *inside, outside: *outside }));
    let back = Open {
        turns: scan.turns.clone(),
        reversed: !scan.reversed,
        position: turn.position.value,
        carries,
        stacks,
        yields,
    };
    let results = closed(b, &back);

    let (sums, stacked) = results[carried.len()..].split_at(summed.len());
    let after: Vec<(Value, Val<'b>)> = used
        .iter()
        .zip(&stacked[of_elements.len()..])
        .map(|(p, ct)| {
            // Every factor was kept above.
            let place = kept.iter().position(|v| *v == p.factor()).unwrap_or_default();
            (p.operands[p.side], p.after_the_loop(b, stack_of[place], *ct))
        })
        .collect();
    let captured: Vec<Value> = turn.captured.iter().filter(|v| float(v)).map(|v| v.value).collect();
    let after = pull(b, &after, &Pull { wrt: &captured, watched: &[], skipped: &|_, _| false })?;
    let of_captured = turn.captured.iter().enumerate().map(|(k, value)| {
        let sum = summed.iter().position(|s| *s == k).map(|place| sums[place]);
        let products = after.get(&value.value).copied();
        sum.zip(products).map(|(x, y)| x + y).or(sum).or(products)
    });
    let mut out: Vec<Option<Val<'b>>> = vec![None; scan.carries + scan.stacks];
    for (&i, ct) in carried.iter().zip(&results) {
        out[i] = Some(*ct);
    }
    for (&j, ct) in of_elements.iter().zip(stacked) {
        out[scan.carries + j] = Some(*ct);
    }
    out.extend(of_captured);
    Ok(out)
}

/// A turn forward, built on locals in the graph around the loop.
struct Turn<'a, 'b> {
    position: Val<'b>,
    firsts: &'a [Val<'b>],
    stacks: &'a [Val<'b>],
    captured: &'a [Val<'b>],
    carries: Vec<Val<'b>>,
    elements: Vec<Val<'b>>,
    nexts: Vec<Val<'b>>,
    yields: Vec<Val<'b>>,
    /// By node: whether it depends on the turn. What was added later is not of the turn forward.
    inside: Vec<bool>,
}

impl<'a, 'b> Turn<'a, 'b> {
    fn new(b: &'b Builder, scan: &Scan, args: &'a [Val<'b>]) -> Turn<'a, 'b> {
        let (firsts, rest) = args.split_at(scan.carries);
        let (stacks, captured) = rest.split_at(scan.stacks);
        let position = b.local(TensorType::scalar(DType::I64));
        let carries: Vec<Val<'b>> = firsts.iter().map(|v| b.local(v.ty())).collect();
        let elements: Vec<Val<'b>> = stacks
            .iter()
            .map(|v| {
                let ty = v.ty();
                b.local(TensorType::new(ty.dtype, ty.shape[1..].to_vec()))
            })
            .collect();
        let inputs: Vec<Val<'b>> = elements.iter().chain(captured).copied().collect();
        let map = splice(b, &scan.body, &carries, &inputs, position);
        let mut updates = scan.body.updates.clone();
        updates.sort_unstable_by_key(|u| u.0);
        let mut nexts: Vec<Val<'b>> = updates.iter().map(|u| map[&u.1]).collect();
        let yields = nexts.split_off(scan.carries);
        let from: Vec<Value> = carries.iter().chain(&elements).chain([&position]).map(|v| v.value).collect();
        let inside = b.graph().reached(&from);
        Turn { position, firsts, stacks, captured, carries, elements, nexts, yields, inside }
    }

    fn is_inside(&self, id: NodeId) -> bool {
        self.inside.get(id.0 as usize).copied().unwrap_or(false)
    }

    /// The products with one operand that is the same for all turns and made from what is captured.
    fn products(&self, b: &Builder) -> Vec<Product> {
        let graph = b.graph();
        let captured: Vec<Value> = self.captured.iter().map(|v| v.value).collect();
        let outside = graph.reached(&captured);
        let mut products = vec![];
        for (id, node) in graph.nodes().take(self.inside.len()) {
            let (true, Attrs::Contract(rule)) = (self.is_inside(id) && std::ptr::eq(node.op, &CONTRACT), &node.attrs)
            else {
                continue;
            };
            let operands = [node.operands[0], node.operands[1]];
            if let Some(side) =
                (0..2).find(|&k| !self.is_inside(operands[k].node) && outside[operands[k].node.0 as usize])
            {
                products.push(Product { id, rule: rule.clone(), side, operands });
            }
        }
        products
    }

    /// The values of this turn that `roots`, nodes of the turn back, are made from. A movement is had again from what it moves.
    fn needed(&self, graph: &Graph, roots: &[Value]) -> Vec<Value> {
        let mut kept: Vec<Value> = vec![];
        let mut seen: HashSet<Value> = HashSet::new();
        let mut open: Vec<Value> = roots.to_vec();
        let later = self.inside.len();
        while let Some(value) = open.pop() {
            if value == self.position.value || !seen.insert(value) {
                continue;
            }
            let node = graph.node(value.node);
            let movement = matches!(node.op.lower, Lower::View | Lower::Affine(_));
            if value.node.0 as usize >= later || (self.is_inside(value.node) && movement) {
                open.extend(&node.operands);
            } else if self.is_inside(value.node) {
                kept.push(value);
            }
        }
        kept.sort_unstable();
        kept
    }

    /// The stacks of some values of the turn: what is a stack already, and for the rest the loop forward that yields them.
    fn forward(&self, b: &'b Builder, scan: &Scan, kept: &[Value]) -> Vec<Val<'b>> {
        let element = |v: &Value| self.elements.iter().position(|e| e.value == *v);
        let more: Vec<Val<'b>> = kept.iter().filter(|v| element(v).is_none()).map(|v| b.val(*v)).collect();
        let given = |inside: &[Val<'b>], outside: &[Val<'b>]| {
            let pairs = inside.iter().zip(outside);
            pairs.map(|(inside, outside)| Given { inside: inside.value, outside: *outside }).collect::<Vec<_>>()
        };
        let results = if more.is_empty() {
            vec![]
        } else {
            let open = Open {
                turns: scan.turns.clone(),
                reversed: scan.reversed,
                position: self.position.value,
                carries: given(&self.carries, self.firsts).into_iter().zip(self.nexts.iter().copied()).collect(),
                stacks: given(&self.elements, self.stacks),
                yields: self.yields.iter().copied().chain(more).collect(),
            };
            closed(b, &open)
        };
        let mut rest = results.into_iter().skip(scan.carries + self.yields.len());
        let stacks = kept.iter().map(|v| match element(v) {
            Some(j) => Some(self.stacks[j]),
            None => rest.next(),
        });
        stacks.flatten().collect()
    }
}

impl Product {
    fn out(&self) -> Value {
        Value { node: self.id, port: 0 }
    }

    /// The operand that differs from turn to turn.
    fn factor(&self) -> Value {
        self.operands[1 - self.side]
    }

    /// The cotangent of the operand that is the same for all turns: the product is one of all turns, whose axis comes first
    /// among the axes of the other operand.
    fn after_the_loop<'b>(&self, b: &'b Builder, factors: Val<'b>, cts: Val<'b>) -> Val<'b> {
        let same = b.val(self.operands[self.side]);
        let moved = |pairs: &[(usize, usize)]| {
            pairs.iter().map(|&(i, j)| if self.side == 1 { (i + 1, j) } else { (i, j + 1) }).collect::<Vec<_>>()
        };
        let rule = Contract { batch: moved(&self.rule.batch), sum: moved(&self.rule.sum) };
        let n_batch = rule.batch.len();
        let before = if self.side == 1 { n_batch } else { n_batch + self.rule.free_a(same.ty().rank()).len() };
        let rank = cts.ty().rank();
        let cts = cts.permute((1..=before).chain([0]).chain(before + 1..rank).collect());
        if self.side == 1 { grad_b(&rule, cts, factors, same) } else { grad_a(&rule, cts, same, factors) }
    }
}

fn zeros<'b>(b: &'b Builder, ty: &TensorType) -> Val<'b> {
    b.constant(Const::Float(ty.dtype, 0.0), ty.shape.clone())
}

fn closed<'b>(b: &'b Builder, open: &Open<'b>) -> Vec<Val<'b>> {
    close(b, open).unwrap_or_else(|e| unreachable!("a cotangent has the type of its value: {}", e.what))
}
