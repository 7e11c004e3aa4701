//! Random well-typed graphs over all rows of the table, seeded. They are rich in what passes look for: constants, chains of
//! movements, equal nodes, dead nodes, special floats.

use super::Rng;
use super::cases::{dims, domain, ty};
use super::turns::random_loop;
use nnc_compiler::ir::attrs::{Attrs, Const, Contract, Rows, Slot, Window};
use nnc_compiler::ir::builder::{Builder, Val};
use nnc_compiler::ir::dim::Dim;
use nnc_compiler::ir::graph::{Graph, Node, NodeId, SiteId, Value};
use nnc_compiler::ir::op::{Arity, Domain, Op};
use nnc_compiler::ir::types::{DType, TensorType};
use nnc_compiler::ops;

const SIZES: [usize; 7] = [1, 2, 3, 5, 8, 17, 33];
const SPECIAL: [f64; 12] =
    [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -4.0, 3.0, f64::INFINITY, f64::NAN, 1.401298464324817e-45, 5.877471754111438e-39];
/// No value of a random graph has more elements.
pub const MOST_ELEMENTS: usize = 1200;

/// A random graph with about `n_nodes` nodes, a few outputs and updates of states.
pub fn random_graph(rng: &mut Rng, n_nodes: usize) -> Graph {
    let b = Builder::new();
    let mut pool: Vec<Val<'_>> = vec![];
    sources(rng, &b, &mut pool);
    let rows: Vec<Op> = ops::all().filter(|op| op.arity != Arity::Exactly(0)).collect();
    let n_sources = pool.len();
    for _ in 0..20 * n_nodes {
        if pool.len() >= n_sources + n_nodes {
            break;
        }
        if rng.chance(0.02) {
            pool.extend(random_loop(rng, &b, &pool, &rows));
        }
        let op = *rng.pick(&rows);
        if let Some(value) = random_node(rng, &b, &pool, op) {
            pool.push(value);
        }
    }
    for i in 0..4 {
        // The last values depend on most of the others.
        let value = pool[pool.len() - 1 - rng.below(pool.len().min(12))];
        b.output(format!("y{i}"), value);
    }
    for state in 0..2 {
        let wanted = TensorType::new(DType::F32, state_shape(state));
        let fitting: Vec<Val<'_>> = pool.iter().copied().filter(|v| v.ty() == wanted).collect();
        b.update(state, *rng.pick(&fitting));
    }
    with_copies(&b.finish(), rng)
}

fn state_shape(state: u32) -> Vec<Dim> {
    if state == 0 { dims(&[3, 5]) } else { dims(&[17]) }
}

fn sources<'b>(rng: &mut Rng, b: &'b Builder, pool: &mut Vec<Val<'b>>) {
    for (i, dtype) in (0..).zip([DType::F32, DType::F32, DType::F64, DType::F64, DType::I32, DType::Bool, DType::U8]) {
        let rank = rng.below(4);
        let mut shape: Vec<usize> = (0..rank).map(|_| *rng.pick(&SIZES)).collect();
        while shape.iter().product::<usize>() > 300 {
            shape.pop();
        }
        pool.push(b.read(Slot::Input(i), ty(dtype, &shape)));
    }
    for state in 0..2 {
        pool.push(b.read(Slot::State(state), TensorType::new(DType::F32, state_shape(state))));
    }
    for slot in [Slot::Seed, Slot::Step] {
        pool.push(b.add(&ops::source::COUNTER, Attrs::Slot(slot, Box::new(ty(DType::I64, &[]))), &[]));
    }
    pool.push(b.add(&ops::source::IOTA, Attrs::Iota(Dim::from(*rng.pick(&SIZES))), &[]));
}

/// `op` on values of the pool; `None` when what was drawn does not fit.
pub fn random_node<'b>(rng: &mut Rng, b: &'b Builder, pool: &[Val<'b>], op: Op) -> Option<Val<'b>> {
    let first = pool[rng.below(pool.len())];
    let count = match op.arity {
        Arity::Exactly(n) => n,
        Arity::Many => 1 + rng.below(3),
    };
    let mut args = vec![first];
    while args.len() < count {
        args.push(partner(rng, b, pool, op, args.len(), *args.last()?)?);
    }
    let attrs = random_attrs(rng, op, &args.iter().map(|v| v.ty()).collect::<Vec<_>>())?;
    let id = b.try_add(op, attrs, &args).ok()?;
    let value = b.val(Value { node: id, port: 0 });
    // A value that is too large stays in the graph as a dead node.
    (value.ty().sizes()?.iter().product::<usize>() <= MOST_ELEMENTS).then_some(value)
}

/// Another operand: of the same type as the one before, most often, and sometimes a constant.
fn partner<'b>(rng: &mut Rng, b: &'b Builder, pool: &[Val<'b>], op: Op, i: usize, before: Val<'b>) -> Option<Val<'b>> {
    let ty = before.ty();
    let as_wanted = |t: &TensorType| match domain(op, i) {
        Domain::Bool => t.dtype == DType::Bool,
        Domain::Float(..) => t.dtype != DType::Bool,
        Domain::Int(..) => t.dtype == DType::I64,
    };
    if op.name == "contract" {
        let fitting: Vec<Val<'b>> = pool.iter().copied().filter(|v| v.ty().dtype == ty.dtype).collect();
        return Some(*rng.pick(&fitting));
    }
    if matches!(op.name, "gather" | "scatter_add") {
        let adds = op.name == "scatter_add";
        let fits = |t: &TensorType| t.dtype == DType::I32 && (!adds || ty.shape.starts_with(&t.shape));
        let fitting: Vec<Val<'b>> = pool.iter().copied().filter(|v| fits(&v.ty())).collect();
        return (!fitting.is_empty()).then(|| *rng.pick(&fitting));
    }
    if rng.chance(0.3) && domain(op, i) != Domain::Bool && matches!(ty.dtype, DType::F32 | DType::F64 | DType::I32) {
        return Some(constant(rng, b, ty.dtype, ty.shape));
    }
    let wanted: Vec<Val<'b>> =
        pool.iter().copied().filter(|v| v.ty().shape == ty.shape && as_wanted(&v.ty())).collect();
    let same: Vec<Val<'b>> = wanted.iter().copied().filter(|v| v.ty() == ty).collect();
    match (same.is_empty(), wanted.is_empty()) {
        (false, _) => Some(*rng.pick(&same)),
        (true, false) => Some(*rng.pick(&wanted)),
        (true, true) => None,
    }
}

fn constant<'b>(rng: &mut Rng, b: &'b Builder, dtype: DType, shape: Vec<Dim>) -> Val<'b> {
    let c = if dtype.is_float() {
        Const::Float(dtype, *rng.pick(&SPECIAL))
    } else {
        Const::Int(dtype, *rng.pick(&[0, 1, -1, 7]))
    };
    b.constant(c, shape)
}

/// Attributes of the family of `op` that are likely to fit the operands.
fn random_attrs(rng: &mut Rng, op: Op, types: &[TensorType]) -> Option<Attrs> {
    let t = types[0].clone();
    let rank = t.rank();
    let axis = |rng: &mut Rng| (rank > 0).then(|| rng.below(rank));
    Some(match op.name {
        "cast" => Attrs::Cast(*rng.pick(&[DType::F32, DType::F64, DType::I32, DType::I64])),
        "reshape" => Attrs::Reshape(match rng.below(3) {
            0 => t.shape,
            1 => dims(&[t.sizes()?.iter().product()]),
            _ => t.shape.iter().rev().cloned().chain([Dim::from(1)]).collect(),
        }),
        "permute" => {
            let mut perm: Vec<usize> = (0..rank).collect();
            for i in (1..rank).rev() {
                perm.swap(i, rng.below(i + 1));
            }
            Attrs::Permute(perm)
        }
        "broadcast" => {
            let (mut shape, mut map) = (vec![], vec![]);
            for d in t.shape {
                if rng.chance(0.3) && shape.len() < 4 {
                    shape.push(Dim::from(*rng.pick(&SIZES[..4])));
                }
                map.push(shape.len());
                shape.push(d);
            }
            if rng.chance(0.4) {
                shape.push(Dim::from(*rng.pick(&SIZES[..4])));
            }
            Attrs::Broadcast { shape, map }
        }
        "slice" => {
            let axis = axis(rng)?;
            let size = t.sizes()?[axis];
            let start = if rng.chance(0.3) { 0 } else { rng.below(size) };
            let len = if rng.chance(0.4) { size - start } else { 1 + rng.below(size - start) };
            Attrs::Slice { axis, start: Dim::from(start), len: Dim::from(len) }
        }
        "window" => {
            let axis = axis(rng)?;
            let len = t.sizes()?[axis];
            let (size, stride, dilation) = (1 + rng.below(3), 1 + rng.below(3), 1 + rng.below(2));
            Attrs::Window(Window { axis, len: Dim::from(len), size, stride, dilation })
        }
        "pad" => Attrs::Pad { axis: axis(rng)?, before: rng.below(3).into(), after: rng.below(3).into() },
        "gather" | "scatter_add" => {
            let index = &types[1].shape;
            let common = t.shape.iter().zip(index).take_while(|(x, i)| x == i).count();
            let batch = rng.below(common + 1);
            let size = if op.name == "gather" { t.shape.get(batch)?.clone() } else { Dim::from(1 + rng.below(5)) };
            Attrs::Rows(Rows { batch, size })
        }
        "argsort" => Attrs::Descending(rng.chance(0.5)),
        "reverse" | "concat" | "argmax" | "cumsum" | "recurrence" => Attrs::Axis(axis(rng)?),
        "sum" | "maximum" => Attrs::Axes((0..rank).filter(|_| rng.chance(0.5)).collect()),
        "contract" => contraction(rng, &types[0], &types[1]),
        "random_uniform" | "random_normal" => {
            Attrs::Random { stream: rng.below(3) as u32, shape: dims(&[*rng.pick(&SIZES), *rng.pick(&SIZES)]) }
        }
        _ => Attrs::None,
    })
}

/// Pairs some axes of equal size, each as a batch axis or as a summed one.
fn contraction(rng: &mut Rng, a: &TensorType, b: &TensorType) -> Attrs {
    let mut rule = Contract { batch: vec![], sum: vec![] };
    let mut taken = vec![false; b.rank()];
    for i in 0..a.rank() {
        let j = (0..b.rank()).find(|&j| !taken[j] && a.shape[i] == b.shape[j]);
        if let Some(j) = j.filter(|_| rng.chance(0.8)) {
            taken[j] = true;
            if rng.chance(0.25) { rule.batch.push((i, j)) } else { rule.sum.push((i, j)) }
        }
    }
    if rng.chance(0.5) {
        rule.sum.reverse();
    }
    Attrs::Contract(rule)
}

/// The same graph with some nodes repeated, users choosing among the copies; every node has a place of its own.
fn with_copies(graph: &Graph, rng: &mut Rng) -> Graph {
    let mut out = Graph::new();
    let mut copies: Vec<Vec<NodeId>> = vec![];
    for (id, node) in graph.nodes() {
        let n_copies = if rng.chance(0.25) { 2 } else { 1 };
        let mut mine = vec![];
        for _ in 0..n_copies {
            let operands = node.operands.iter().map(|v| copy(rng, &copies, *v)).collect();
            mine.push(out.push(Node { operands, sites: vec![SiteId(id.0)], ..node.clone() }));
        }
        copies.push(mine);
    }
    out.outputs = graph.outputs.clone();
    for output in &mut out.outputs {
        output.value = copy(rng, &copies, output.value);
    }
    out.updates = graph.updates.iter().map(|(state, v)| (*state, copy(rng, &copies, *v))).collect();
    out
}

fn copy(rng: &mut Rng, copies: &[Vec<NodeId>], v: Value) -> Value {
    Value { node: *rng.pick(&copies[v.node.0 as usize]), port: v.port }
}
