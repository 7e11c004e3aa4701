//! Every row of the table by itself, on shapes at the edges of vectors and blocks.

use super::{Case, Rng, check, dims, shape, ty};
use crate::ir::attrs::{Attrs, Const, Contract};
use crate::ir::builder::Val;
use crate::ir::op::{Arity, Domain, Lower, Meaning};
use crate::ir::types::DType;
use crate::ops::{self, contract, movement, reduce};

/// The element types that an elementwise row may take, by trying.
const DTYPES: [DType; 6] = [DType::F32, DType::F64, DType::I32, DType::I64, DType::U8, DType::Bool];

fn attributes(name: &str, shape: &[usize], to: DType) -> Option<Attrs> {
    match name {
        "cast" => Some(Attrs::Cast(to)),
        "iota" => (shape.len() == 1).then(|| Attrs::Iota(shape[0].into())),
        "random_uniform" | "random_normal" => Some(Attrs::Random { stream: 0x8000_0007, shape: dims(shape) }),
        _ => Some(Attrs::None),
    }
}

#[test]
fn elementwise_rows_equal_their_programs() {
    let mut rng = Rng(1);
    let mut seen = 0;
    for op in ops::all().filter(|op| matches!(op.lower, Lower::Elementwise)) {
        assert!(matches!(op.meaning, Meaning::Scalar(_)), "{}", op.name);
        let Arity::Exactly(n) = op.arity else { panic!("{} has any number of operands", op.name) };
        let mut case = Case::new();
        let mut plans = vec![];
        for dtype in DTYPES {
            for to in [DType::F32, DType::F64, DType::I32, DType::I64] {
                if op.name != "cast" && to != DType::F32 {
                    continue;
                }
                for (rank, odd) in [(0, false), (1, true), (1, false), (2, true), (3, false)] {
                    let shape = shape(&mut rng, rank, 2000);
                    let Some(attrs) = attributes(op.name, &shape, to) else { continue };
                    let types: Vec<(DType, Vec<usize>)> = (0..n)
                        .map(|i| match (op.name, i) {
                            ("random_uniform" | "random_normal", _) => (DType::I64, vec![]),
                            ("where", 0) => (DType::Bool, shape.clone()),
                            _ => (dtype, shape.clone()),
                        })
                        .collect();
                    let probe: Vec<_> = types.iter().map(|t| ty(t.0, &t.1)).collect();
                    if (op.infer)(&probe.iter().collect::<Vec<_>>(), &attrs).is_err() {
                        continue;
                    }
                    let ids: Vec<u32> = types
                        .iter()
                        .zip(op.domain.iter().chain(std::iter::repeat(&Domain::Float(-4.0, 4.0))))
                        .map(|(t, domain)| case.input(&mut rng, t.0, &t.1, *domain, odd))
                        .collect();
                    plans.push((attrs, ids));
                }
            }
        }
        for (i, (attrs, ids)) in plans.iter().enumerate() {
            let operands: Vec<Val<'_>> = ids.iter().map(|k| case.read(*k)).collect();
            let value = case.b.add(op, attrs.clone(), &operands);
            case.b.output(format!("{}{i}", op.name), value);
            seen += 1;
        }
        case.check();
    }
    assert!(seen > 100);
}

#[test]
fn reductions_keep_their_order() {
    let mut rng = Rng(2);
    let shapes: Vec<Vec<usize>> = vec![
        vec![1],
        vec![10],
        vec![16],
        vec![2048],
        vec![2049],
        vec![50_000],
        vec![7, 3000],
        vec![64, 10],
        vec![129, 33],
        vec![300, 17],
        vec![400, 3],
        vec![5, 130, 9],
        vec![3, 4, 5, 6],
        vec![2, 300, 4, 2],
        vec![0, 3],
        vec![3, 0],
        vec![17, 1, 65],
    ];
    for (i, shape) in shapes.iter().enumerate() {
        for dtype in [DType::F32, DType::F64] {
            let mut case = Case::new();
            let id = case.input(&mut rng, dtype, shape, Domain::Float(-4.0, 4.0), i % 3 == 1);
            let x = case.read(id);
            let rank = shape.len();
            for mask in 1..1u32 << rank {
                let axes: Vec<usize> = (0..rank).filter(|d| mask >> d & 1 == 1).collect();
                case.b.output(format!("sum{axes:?}"), x.sum(&axes));
                case.b.output(format!("max{axes:?}"), x.maximum(&axes));
            }
            for axis in 0..rank {
                let place = case.b.add(&reduce::ARGMAX, Attrs::Axis(axis), &[x]);
                case.b.output(format!("argmax{axis}"), place);
            }
            case.check();
        }
    }
}

#[test]
fn a_reduction_of_an_operand_that_is_moved() {
    let mut rng = Rng(3);
    let mut case = Case::new();
    let id = case.floats(&mut rng, &[9, 70, 40]);
    let x = case.read(id);
    let turned = x.permute(vec![2, 0, 1]);
    case.b.output("inner", turned.sum(&[1, 2]));
    case.b.output("outer", turned.sum(&[0]));
    case.b.output("middle", turned.sum(&[1]));
    case.b.output("max", turned.maximum(&[1, 2]));
    let part = x.slice(1, 3, 50.into());
    case.b.output("part", part.sum(&[0, 1, 2]));
    case.b.output("spread", part.spread(&[1], dims(&[9, 6, 50, 40])).sum(&[0, 2]));
    case.check();
}

#[test]
fn movements_equal_their_meaning() {
    let mut rng = Rng(4);
    for dtype in DTYPES {
        for round in 0..3 {
            let mut case = Case::new();
            let mut list = vec![];
            for rank in 1..=4 {
                let sizes = shape(&mut rng, rank, 3000);
                list.push(case.input(&mut rng, dtype, &sizes, Domain::Float(-9.0, 9.0), round == 1));
                list.push(case.input(&mut rng, dtype, &sizes, Domain::Float(-9.0, 9.0), false));
            }
            for pair in list.chunks(2) {
                let (x, y) = (case.read(pair[0]), case.read(pair[1]));
                let sizes = x.ty().sizes().expect("numbers");
                let rank = sizes.len();
                let b = &case.b;
                let mut perm: Vec<usize> = (0..rank).collect();
                for i in (1..rank).rev() {
                    perm.swap(i, rng.below(i + 1));
                }
                let axis = rng.below(rank);
                let turned = x.permute(perm.clone());
                b.output(format!("permute{perm:?}"), turned);
                let start = rng.below(sizes[axis]);
                let len = 1 + rng.below(sizes[axis] - start);
                let part = x.slice(axis, start, len.into());
                b.output("slice", part);
                b.output("pad", part.pad(axis, 2, 5));
                b.output("pad before", x.pad(rank - 1, 1, 0));
                let back = b.add(&movement::REVERSE, Attrs::Axis(axis), &[x]);
                b.output("reverse", back);
                b.output("concat", b.add(&movement::CONCAT, Attrs::Axis(axis), &[x, y, back, part]));
                b.output("flat", turned.reshape(dims(&[sizes.iter().product()])));
                let mut wide = sizes.clone();
                wide.insert(axis, 3);
                b.output(
                    "broadcast",
                    part.slice(axis, 0, 1.into()).spread(&[axis], {
                        let mut s = wide.clone();
                        s[axis + 1] = 1;
                        dims(&s)
                    }),
                );
                b.output("chain", back.permute(perm).slice(0, 0, 1.into()));
            }
            case.check();
        }
    }
}

#[test]
fn constants_and_sources_can_leave() {
    let mut rng = Rng(5);
    let mut case = Case::new();
    let id = case.floats(&mut rng, &[5, 7]);
    let x = case.read(id);
    case.b.output("x", x);
    case.b.output("again", x.reshape(dims(&[35])));
    for (i, c) in [
        Const::Float(DType::F32, -0.0),
        Const::Float(DType::F64, 0.1),
        Const::Int(DType::I64, -5),
        Const::Int(DType::U8, 200),
        Const::Int(DType::Bool, 1),
        Const::Int(DType::I32, -1),
    ]
    .into_iter()
    .enumerate()
    {
        case.b.output(format!("const{i}"), case.b.constant(c, dims(&[3, 11])));
    }
    case.b.output("scalar", case.b.constant(Const::Float(DType::F32, 2.5), vec![]));
    case.b.output("empty", x.slice(0, 2, 0.into()));
    case.check();
}

#[test]
fn contractions_equal_their_meaning_in_any_layout() {
    let mut rng = Rng(6);
    for dtype in [DType::F32, DType::F64] {
        for round in 0..40 {
            let mut case = Case::new();
            // Axes by role, each operand with its axes in some order.
            let count = |rng: &mut Rng, most: usize| rng.below(most + 1);
            let (n_batch, n_a, n_b, n_sum) =
                (count(&mut rng, 1), count(&mut rng, 2), count(&mut rng, 2), count(&mut rng, 2));
            let size = |rng: &mut Rng| rng.pick(&[1, 2, 3, 5, 8, 9, 17, 20]);
            let sizes: Vec<usize> = (0..n_batch + n_a + n_b + n_sum).map(|_| size(&mut rng)).collect();
            let batch: Vec<usize> = (0..n_batch).collect();
            let free_a: Vec<usize> = (n_batch..n_batch + n_a).collect();
            let free_b: Vec<usize> = (n_batch + n_a..n_batch + n_a + n_b).collect();
            let sum: Vec<usize> = (n_batch + n_a + n_b..sizes.len()).collect();
            let mut order = |list: &[&[usize]]| {
                let mut axes: Vec<usize> = list.concat();
                for i in (1..axes.len()).rev() {
                    axes.swap(i, rng.below(i + 1));
                }
                axes
            };
            let (axes_a, axes_b) = (order(&[&batch, &free_a, &sum]), order(&[&batch, &free_b, &sum]));
            let sizes_of = |axes: &[usize]| axes.iter().map(|&i| sizes[i]).collect::<Vec<_>>();
            let a = case.input(&mut rng, dtype, &sizes_of(&axes_a), Domain::Float(-2.0, 2.0), round % 5 == 4);
            let b = case.input(&mut rng, dtype, &sizes_of(&axes_b), Domain::Float(-2.0, 2.0), false);
            let place = |axes: &[usize], i: usize| axes.iter().position(|&x| x == i).expect("an axis of both");
            let pair = |i: &usize| (place(&axes_a, *i), place(&axes_b, *i));
            let rule = Contract { batch: batch.iter().map(pair).collect(), sum: sum.iter().map(pair).collect() };
            let value = case.read(a).contract(case.read(b), rule);
            case.b.output("product", value);
            case.check();
        }
    }
}

#[test]
fn long_empty_and_sliced_contractions() {
    let mut rng = Rng(7);
    let mut case = Case::new();
    let shapes: [(&[usize], &[usize]); 4] =
        [(&[5, 9000], &[9000, 4]), (&[3, 0], &[0, 4]), (&[0, 3], &[3, 4]), (&[70, 40], &[40, 50])];
    let ids: Vec<(u32, u32)> =
        shapes.iter().map(|(a, b)| (case.floats(&mut rng, a), case.floats(&mut rng, b))).collect();
    let rule = || Contract { batch: vec![], sum: vec![(1, 0)] };
    for (i, (a, b)) in ids.iter().enumerate() {
        let (a, b) = (case.read(*a), case.read(*b));
        case.b.output(format!("product{i}"), a.contract(b, rule()));
        if i == 3 {
            let sliced = a.slice(0, 3, 31.into()).slice(1, 5, 20.into());
            let turned = b.permute(vec![1, 0]).slice(1, 2, 20.into()).slice(0, 1, 17.into()).permute(vec![1, 0]);
            case.b.output("sliced", sliced.contract(turned, rule()));
            let row = b.slice(1, 3, 1.into()).reshape(dims(&[40])).spread(&[1], dims(&[40, 6]));
            case.b.output("repeated", a.contract(row, rule()));
            let ones = case.b.constant(Const::Float(DType::F32, 0.5), dims(&[40, 3]));
            case.b.output("constant", a.contract(ones, rule()));
            let back = case.b.add(&movement::REVERSE, Attrs::Axis(1), &[a]);
            case.b.output("reversed", back.contract(b, rule()));
        }
    }
    case.check();
    assert!(matches!(contract::CONTRACT.lower, Lower::Contract));
}

#[test]
fn many_parts_give_the_same_bits() {
    let mut rng = Rng(8);
    let mut case = Case::new();
    let ids = [vec![700, 310], vec![61, 40, 90], vec![300_001]].map(|s| (case.floats(&mut rng, &s), s));
    for (id, sizes) in &ids {
        let x = case.read(*id);
        let rank = sizes.len();
        let y = (x * x).unary(&ops::unary::EXP) / 3.0;
        case.b.output("map", y);
        case.b.output("inner", y.sum(&[rank - 1]));
        case.b.output("first", y.sum(&[0]));
        case.b.output("all", y.sum(&(0..rank).collect::<Vec<_>>()));
        case.b.output("turned", x.permute((0..rank).rev().collect()));
        case.b.output("argmax", case.b.add(&reduce::ARGMAX, Attrs::Axis(0), &[x]));
        case.b.output("places", case.b.add(&reduce::ARGMAX, Attrs::Axis(rank - 1), &[x]));
    }
    case.check();
}

#[test]
fn every_kernel_family_gives_the_same_bits() {
    let mut rng = Rng(9);
    let mut case = Case::new();
    let (a, b) = (case.floats(&mut rng, &[33, 70]), case.floats(&mut rng, &[70, 19]));
    let rule = Contract { batch: vec![], sum: vec![(1, 0)] };
    let product = case.read(a).contract(case.read(b), rule);
    case.b.output("product", product);
    let graph = case.b.finish();
    let pool = nnc_runtime::kernels::pool::Pool::new(1).expect("no thread is started");
    let mut seen: Option<Vec<u8>> = None;
    for isa in nnc_runtime::kernels::Isa::ALL {
        let options = super::Options { isa: Some(isa), verify: true, fuse: true, wide: true, memory: None };
        match super::compile(&graph, 0, 2, &options) {
            Ok(mut compiled) => {
                let outcome = super::perform(&mut compiled.executable, &[], &case.inputs, &pool);
                let bytes = outcome.outputs[0].to_bytes();
                assert_eq!(*seen.get_or_insert(bytes.clone()), bytes, "{isa:?}");
            }
            Err(e) => assert!(!isa.available(), "{e}"),
        }
    }
    assert!(seen.is_some());
}

#[test]
fn what_the_graph_may_not_be_is_an_error() {
    let b = crate::ir::builder::Builder::new();
    let x = b.read(crate::ir::attrs::Slot::Input(0), ty(DType::F32, &[2]));
    b.output("x", x + 1.0);
    let graph = b.finish();
    assert!(super::compile(&graph, 0, 0, &super::Options::default()).is_err());
    check(&graph, &[], &[super::fill(&mut Rng(1), DType::F32, 2, Domain::Float(0.0, 1.0), false)]);
}
