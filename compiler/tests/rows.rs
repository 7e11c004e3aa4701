//! Every row of the operation table: its value against an independent function, its derivative against slopes and
//! differences, its compiled code against the oracle. Driven by the table, so a new row is tested by being there.

mod support;

use ndarray::{ArrayD, IxDyn};
use nnc_compiler::ir::array::Array;
use nnc_compiler::ir::builder::Builder;
use nnc_compiler::ir::graph::Graph;
use nnc_compiler::ir::op::{Arity, Domain, Meaning, Op, Reference, Vjp};
use nnc_compiler::ir::types::DType;
use nnc_compiler::ir::verify::verify;
use nnc_compiler::passes::specialise::specialise;
use nnc_compiler::prog::reference::{Dd, ulps_f32, ulps_f64};
use nnc_compiler::{autodiff, ops};
use support::calculus::{Study, close, dot};
use support::cases::{Case, cases, domain, ty};
use support::steps::assert_native_equals_oracle;
use support::{Held, Rng, doubles, draw, outputs};

/// The cases of a row in f64 that can be differentiated: it has a rule, f64 operands and an f64 result.
fn differentiable(op: Op) -> Vec<Case> {
    if !matches!(op.vjp, Vjp::Rule(_)) {
        return vec![];
    }
    let smooth = |case: &Case| case.is_double(op) && case.operands.iter().any(|t| t.dtype == DType::F64);
    cases(op, DType::F64).into_iter().filter(smooth).collect()
}

#[test]
fn every_row_has_a_case_and_is_found_by_its_name() {
    for op in ops::all() {
        for float in [DType::F32, DType::F64] {
            let cases = cases(op, float);
            assert!(!cases.is_empty(), "the generator of cases does not know `{}`", op.name);
            for case in cases {
                assert_eq!(verify(&case.graph(op)), Ok(()), "`{}` with {case:?}", op.name);
            }
        }
        assert!(ops::lookup(op.name).is_some_and(|found| std::ptr::eq(found, op)), "two rows named `{}`", op.name);
        assert!(!op.doc.is_empty());
        if matches!(op.vjp, Vjp::Rule(_)) && !matches!(op.meaning, Meaning::Source) {
            let has_operands = op.domain.iter().any(|d| matches!(d, Domain::Float(..)));
            assert!(!has_operands || !differentiable(op).is_empty(), "no case of `{}` can be differentiated", op.name);
        }
    }
}

#[test]
fn values_are_those_of_the_references() {
    let mut rng = Rng(1);
    for op in ops::all() {
        let value = |at: &[f64]| match op.reference {
            Reference::Function { value, .. } => Some(value(&at.iter().map(|x| Dd::from(*x)).collect::<Vec<_>>())),
            Reference::Value(value) => Some(Dd::from(value(at))),
            Reference::None(_) => None,
        };
        if matches!(op.reference, Reference::None(_)) {
            continue;
        }
        for float in [DType::F32, DType::F64] {
            let plain = |case: &Case| case.operands.iter().all(|t| t.dtype == float || t.dtype == DType::Bool);
            let Some(mut case) = cases(op, float).into_iter().find(plain) else {
                panic!("`{}` has no case in {float}", op.name)
            };
            for t in &mut case.operands {
                t.shape = ty(float, &[3000]).shape;
            }
            let operands: Vec<Array> =
                (0..).zip(&case.operands).map(|(i, t)| draw(&mut rng, t, domain(op, i))).collect();
            let result = &outputs(&case.graph(op), &Held::inputs(&operands))[0];
            let columns: Vec<Vec<f64>> = operands.iter().map(doubles).collect();
            for (i, got) in doubles(result).iter().enumerate() {
                let at: Vec<f64> = columns.iter().map(|c| c[i]).collect();
                let Some(want) = value(&at) else { continue };
                let single = result.dtype() == DType::F32;
                let distance = if single { ulps_f32(*got as f32, want) } else { ulps_f64(*got, want) };
                assert!(distance <= 2.0, "{float} `{}` at {at:?} gives {got}, {distance} ulp off", op.name);
            }
        }
    }
}

#[test]
fn slopes_are_those_of_the_references() {
    let mut rng = Rng(2);
    for op in ops::all() {
        let Reference::Function { slope, .. } = op.reference else { continue };
        let mut case = differentiable(op).remove(0);
        for t in &mut case.operands {
            t.shape = ty(DType::F64, &[500]).shape;
        }
        let operands: Vec<Array> = (0..).zip(&case.operands).map(|(i, t)| draw(&mut rng, t, domain(op, i))).collect();
        let columns: Vec<Vec<f64>> = operands.iter().map(doubles).collect();
        let b = Builder::new();
        let (args, out) = case.build(&b, op);
        // The gradient of the plain sum is each element's own slope.
        let wrt: Vec<usize> = (0..args.len()).filter(|&i| case.operands[i].dtype == DType::F64).collect();
        let values: Vec<_> = wrt.iter().map(|&i| args[i].value).collect();
        let grads = autodiff::gradient(&b, out.sum(&[0]), &values).expect("the row has a rule");
        for g in grads {
            b.output("slope", g.expect("the row gives each float operand a cotangent"));
        }
        let grads = outputs(&b.finish(), &Held::inputs(&operands));
        for (&operand, grad) in wrt.iter().zip(&grads) {
            for (i, got) in doubles(grad).iter().enumerate() {
                let at: Vec<f64> = columns.iter().map(|c| c[i]).collect();
                let at_precise: Vec<Dd> = at.iter().map(|x| Dd::from(*x)).collect();
                let want = slope(&at_precise, operand).to_f64();
                assert!(
                    (got - want).abs() <= 1e-12 * want.abs().max(1e-3),
                    "the slope of `{}` by operand {operand} at {at:?} is {want}, not {got}",
                    op.name
                );
            }
        }
    }
}

#[test]
fn gradients_are_those_of_differences() {
    let mut rng = Rng(3);
    let mut tried = 0;
    for op in ops::all() {
        for case in differentiable(op) {
            let study = Study::first(op, &case, &mut rng);
            for _ in 0..3 {
                let (gradient, difference) = study.slopes(&mut rng);
                assert!(close(gradient, difference, 1e-6), "`{}` {case:?}: {gradient}, not {difference}", op.name);
            }
            tried += 1;
        }
    }
    assert!(tried > 100, "only {tried} cases");
}

#[test]
fn second_derivatives_are_those_of_differences_of_gradients() {
    let mut rng = Rng(4);
    let mut curved = vec![];
    for op in ops::all() {
        for case in differentiable(op) {
            let study = Study::second(op, &case, &mut rng);
            let (gradient, difference) = study.slopes(&mut rng);
            assert!(close(gradient, difference, 1e-6), "`{}` {case:?}: {gradient}, not {difference}", op.name);
            if gradient.abs() > 1e-3 && curved.last() != Some(&op.name) {
                curved.push(op.name);
            }
        }
    }
    for name in ["exp", "tanh", "sin", "pow", "mul", "div", "contract", "conv", "sqrt", "log"] {
        assert!(curved.contains(&name), "`{name}` shows no second derivative");
    }
}

/// Whether f(2x − y) = 2f(x) − f(y) in the operands `free`, the others as at `x`, for several y: of a few elements, min and max
/// may all the same choose alike at three points.
fn is_affine(op: Op, case: &Case, free: &[usize], x: &[Array], rng: &mut Rng) -> bool {
    let graph = case.graph(op);
    (0..8).all(|_| is_affine_towards(&graph, op, case, free, x, rng))
}

fn is_affine_towards(graph: &Graph, op: Op, case: &Case, free: &[usize], x: &[Array], rng: &mut Rng) -> bool {
    let (mut y, mut z) = (x.to_vec(), x.to_vec());
    for &i in free {
        y[i] = draw(rng, &case.operands[i], domain(op, i));
        if let (Array::F64(z), Array::F64(y)) = (&mut z[i], &y[i]) {
            *z = &*z * 2.0 - y;
        }
    }
    let f = |point: &[Array]| doubles(&outputs(graph, &Held::inputs(point))[0]);
    let (fx, fy, fz) = (f(x), f(&y), f(&z));
    fz.iter().zip(fx.iter().zip(&fy)).all(|(z, (x, y))| close(*z, 2.0 * x - y, 1e-12))
}

#[test]
fn what_is_linear_and_its_gradient_are_adjoint() {
    let mut rng = Rng(5);
    let mut linear = vec![];
    for op in ops::all() {
        for case in differentiable(op) {
            let study = Study::first(op, &case, &mut rng);
            let operands = &study.point[..case.operands.len()];
            let choices = study.wrt.iter().map(|&i| vec![i]).chain([study.wrt.clone()]);
            for free in choices.filter(|free| is_affine(op, &case, free, operands, &mut Rng(9))) {
                // ⟨J v, w⟩ = ⟨v, Jᵀ w⟩, where J v is the row at v less the row at 0.
                let mut origin = study.point.clone();
                for &i in &free {
                    origin[i] = Array::F64(ArrayD::zeros(IxDyn(study.point[i].shape())));
                }
                let at_point = outputs(&study.graph, &Held::inputs(&study.point));
                let at_origin = outputs(&study.graph, &Held::inputs(&origin));
                let left = doubles(&at_point[0])[0] - doubles(&at_origin[0])[0];
                let place = |i: &usize| study.wrt.iter().position(|j| j == i).expect("a float operand");
                let along = |i: &usize| dot(&doubles(&study.point[*i]), &doubles(&at_point[1 + place(i)]));
                let right: f64 = free.iter().map(along).sum();
                assert!(close(left, right, 1e-12), "`{}` {case:?} by {free:?}: {left}, not {right}", op.name);
                linear.push(op.name);
            }
        }
    }
    let expected = [
        "neg",
        "add",
        "sub",
        "mul",
        "div",
        "where",
        "cast",
        "sum",
        "contract",
        "conv",
        "reshape",
        "permute",
        "broadcast",
        "slice",
        "pad",
        "window",
        "overlap",
        "gather",
        "scatter_add",
        "cumsum",
        "reverse",
        "concat",
    ];
    for name in expected {
        assert!(linear.contains(&name), "`{name}` is linear in some operand");
    }
    assert!(!linear.contains(&"exp") && !linear.contains(&"tanh"));
}

#[test]
fn compiled_code_gives_the_bits_of_the_oracle() {
    let mut rng = Rng(6);
    for op in ops::all() {
        for float in [DType::F32, DType::F64] {
            for case in cases(op, float) {
                let graph = specialise(&case.graph(op), &|_| None).expect("no size is free");
                let operands = (0..).zip(&case.operands).map(|(i, t)| draw(&mut rng, t, domain(op, i)));
                let mut held = Held::inputs(&operands.collect::<Vec<_>>());
                if op.arity == Arity::Exactly(0) {
                    held = Held::draw(&graph, |t| draw(&mut rng, t, Domain::Float(-4.0, 4.0)));
                }
                assert_native_equals_oracle(&graph, &held, &format!("{float} `{}` {case:?}", op.name));
            }
        }
    }
}
