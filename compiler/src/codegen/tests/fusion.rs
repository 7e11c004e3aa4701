//! Groups: chains, values with several users, reductions beside stores, mixed widths, whole layers with gradients.

use super::{Case, Rng, dims, shape};
use crate::autodiff::gradient;
use crate::codegen::{Options, compile};
use crate::ir::attrs::{Const, Contract, Slot};
use crate::ir::builder::Val;
use crate::ir::op::Domain;
use crate::ir::types::{DType, TensorType};
use crate::ops::logic::{GT, LT};
use crate::ops::unary::{EXP, LOG, SQRT, TANH};

/// relu, a NaN staying visible.
fn relu(x: Val<'_>) -> Val<'_> {
    x.compare(&LT, x.splat(0.0)).select(x.splat(0.0), x)
}

#[test]
fn a_chain_becomes_one_loop() {
    let mut rng = Rng(11);
    let mut case = Case::new();
    let (x, bias) = (case.floats(&mut rng, &[33, 65]), case.floats(&mut rng, &[65]));
    let (x, bias) = (case.read(x), case.read(bias));
    let z = x * 3.0 + bias.spread(&[0], dims(&[33, 65]));
    let y = relu(z).unary(&TANH) / 2.0;
    case.b.output("y", y);
    case.b.output("z", z);
    let graph = case.b.finish();
    let compiled = compile(&graph, 0, 2, &Options { verify: true, ..Options::default() }).expect("code");
    assert_eq!(compiled.report.groups.len(), 1, "{}", compiled.report.fused());
    assert!(compiled.report.plan().contains("arena"));
    assert!(compiled.report.clif().expect("texts").contains("function"));
    let asm = compiled.report.asm().expect("texts");
    assert!(asm.contains("mulps"), "{asm}");
    super::check(&graph, &[], &case.inputs);
}

#[test]
fn softmax_and_its_loss() {
    let mut rng = Rng(12);
    for shape in [[64, 10], [7, 33], [3, 2500], [300, 4]] {
        let mut case = Case::new();
        let (x, labels) =
            (case.floats(&mut rng, &shape), case.input(&mut rng, DType::I32, &[shape[0]], Domain::Int(0, 4), false));
        let (x, labels) = (case.read(x), case.read(labels));
        let wide = dims(&shape);
        let top = x.maximum(&[1]).spread(&[1], wide.clone());
        let e = (x - top).unary(&EXP);
        let total = e.sum(&[1]);
        case.b.output("softmax", e / total.spread(&[1], wide.clone()));
        let classes = case.b.add(&crate::ops::source::IOTA, crate::ir::attrs::Attrs::Iota(shape[1].into()), &[]);
        let hit = classes.spread(&[0], wide.clone()).compare(&crate::ops::logic::EQ, labels.spread(&[1], wide.clone()));
        let picked = hit.select(x - top, x.splat(0.0)).sum(&[1]);
        let loss = (total.unary(&LOG) - picked).sum(&[0]) / shape[0] as f64;
        case.b.output("loss", loss);
        case.check();
    }
}

#[test]
fn widths_mix_in_one_loop() {
    let mut rng = Rng(13);
    for n in [1, 5, 64, 1000] {
        let mut case = Case::new();
        let ids = [DType::F32, DType::F64, DType::I32, DType::I64, DType::U8, DType::Bool]
            .map(|t| case.input(&mut rng, t, &[n], Domain::Float(-50.0, 50.0), n > 5));
        let [f, d, i, l, u, m] = ids.map(|k| case.read(k));
        let sum = f.cast(DType::F64) * d + i.cast(DType::F64) + l.cast(DType::F64) * u.cast(DType::F64);
        case.b.output("sum", sum);
        case.b.output("narrow", sum.cast(DType::F32) + u.cast(DType::F32) / 255.0);
        case.b.output("masks", m.select(sum, d).compare(&GT, l.cast(DType::F64)));
        let both = m.compare(&crate::ops::logic::AND, f.compare(&LT, f.splat(0.5)));
        case.b.output("both", both);
        case.b.output("either", both.binary(&crate::ops::logic::OR, sum.compare(&GT, d)));
        case.b.output("ints", both.select(i, sum.cast(DType::I32)) * i + u.cast(DType::I32));
        case.b.output("bytes", both.select(u, u.splat(7.0)));
        case.b.output("long", sum.cast(DType::I64) + i.cast(DType::I64) - m.cast(DType::I64));
        case.check();
    }
}

#[test]
fn random_graphs_of_elementwise_nodes_reductions_and_movements() {
    for seed in 0..60 {
        let mut rng = Rng(1000 + seed);
        let mut case = Case::new();
        let n = 2 + rng.below(2);
        let sizes = shape(&mut rng, n, 4000);
        let ids: Vec<u32> =
            (0..3).map(|_| case.input(&mut rng, DType::F32, &sizes, Domain::Float(-2.0, 2.0), seed % 4 == 0)).collect();
        let mut pool: Vec<Val<'_>> = ids.iter().map(|k| case.read(*k)).collect();
        for _ in 0..14 {
            let (x, y) = (rng.pick(&pool), rng.pick(&pool));
            let axis = rng.below(sizes.len());
            let next = match rng.below(9) {
                0 => x + y,
                1 => x * y,
                2 => x - y * 0.5,
                3 => relu(x),
                4 => (x * x + 1.0).unary(&SQRT),
                5 => x.sum(&[axis]).spread(&[axis], dims(&sizes)),
                6 => x.maximum(&[axis]).spread(&[axis], dims(&sizes)) - y,
                7 => x.compare(&GT, y).select(x, y),
                _ => case.b.add(&crate::ops::movement::REVERSE, crate::ir::attrs::Attrs::Axis(axis), &[x]),
            };
            pool.push(next);
        }
        for (i, v) in pool.iter().rev().take(3).enumerate() {
            case.b.output(format!("out{i}"), *v);
        }
        let all: Vec<usize> = (0..sizes.len()).collect();
        case.b.output("total", pool[pool.len() - 1].sum(&all));
        case.check();
    }
}

#[test]
fn a_dense_network_trains_in_place() {
    let mut rng = Rng(14);
    let (batch, sizes) = (17, [20, 12, 5]);
    let mut case = Case::new();
    let x = case.floats(&mut rng, &[batch, sizes[0]]);
    for w in sizes.windows(2) {
        for shape in [vec![w[0], w[1]], vec![w[1]]] {
            let count = shape.iter().product();
            case.states.push(super::fill(&mut rng, DType::F32, count, Domain::Float(-0.3, 0.3), false));
        }
    }
    let state = |i: u32, shape: &[usize]| case.b.read(Slot::State(i), super::ty(DType::F32, shape));
    let mut h = case.read(x);
    let mut params = vec![];
    for (i, w) in sizes.windows(2).enumerate() {
        let (weight, bias) = (state(2 * i as u32, &[w[0], w[1]]), state(2 * i as u32 + 1, &[w[1]]));
        h = h.contract(weight, Contract { batch: vec![], sum: vec![(1, 0)] });
        h = h + bias.spread(&[0], dims(&[batch, w[1]]));
        if i == 0 {
            h = relu(h);
        }
        params.extend([weight, bias]);
    }
    let loss = (h * h).sum(&[0, 1]) / batch as f64;
    let wrt: Vec<_> = params.iter().map(|p| p.value).collect();
    let grads = gradient(&case.b, loss, &wrt).expect("every row has a derivative");
    let rate = case.b.constant(Const::Float(DType::F64, 0.05), vec![]);
    let step = case.b.read(Slot::Step, TensorType::scalar(DType::I64));
    let step = case.b.read(Slot::Step, step.ty()).cast(DType::F64);
    let rate = (rate / (step + 1.0).unary(&SQRT)).cast(DType::F32);
    for (i, (p, g)) in params.iter().zip(grads).enumerate() {
        let g = g.expect("the loss depends on every parameter");
        let shape = p.ty().shape;
        let all: Vec<usize> = (0..shape.len()).collect();
        case.b.update(i as u32, *p - g * rate.spread(&all, shape));
    }
    case.b.output("loss", loss);
    case.b.guard(loss);
    case.check();
}
