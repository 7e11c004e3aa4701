//! Values that are written where others want them: in concatenations, in other orders, in panels for all turns of a loop.

use super::{Case, Rng, dims, fill, ty};
use crate::codegen::kernels::{Kernel, Stage};
use crate::codegen::{Options, planned};
use crate::ir::attrs::{Attrs, Contract, Slot};
use crate::ir::builder::Val;
use crate::ir::graph::Graph;
use crate::ir::op::Domain;
use crate::ir::types::{DType, TensorType};
use crate::ops::movement::CONCAT;
use crate::ops::scan::{Given, Open, close};
use crate::ops::unary::{LOG, TANH};

fn stages(graph: &Graph) -> Vec<Stage> {
    planned(graph, 0, 2, &Options::default()).expect("a plan").lowered.stages
}

fn joined<'b>(axis: usize, parts: &[Val<'b>]) -> Val<'b> {
    parts[0].b.add(&CONCAT, Attrs::Axis(axis), parts)
}

#[test]
fn joining_what_one_loop_computes_moves_nothing() {
    let mut rng = Rng(61);
    let mut case = Case::new();
    let x = case.floats(&mut rng, &[5, 33]);
    let x = case.read(x);
    let a = x.unary(&TANH) * x;
    let b = a * x * x;
    case.b.output("y", joined(1, &[a, b, a]));
    case.b.output("z", b.sum(&[0]));
    let graph = case.b.finish();
    let loops = stages(&graph).iter().filter(|s| matches!(s.kernel, Kernel::Loop(_))).count();
    assert_eq!(loops, 1, "the values with their places and the sum");
    super::check(&graph, &[], &case.inputs);
}

#[test]
fn a_part_that_is_no_loops_is_copied_beside_one_that_is() {
    let mut rng = Rng(62);
    let mut case = Case::new();
    let (x, w) = (case.floats(&mut rng, &[7, 20]), case.floats(&mut rng, &[20, 9]));
    let (x, w) = (case.read(x), case.read(w));
    let product = x.contract(w, Contract { batch: vec![], sum: vec![(1, 0)] });
    let part = x.unary(&TANH) + x * x;
    let (row, rest) = (part.slice(0, 2, 1.into()), part.slice(1, 3, 9.into()));
    case.b.output("y", joined(1, &[part, product, x, product + 1.0]));
    case.b.output("z", joined(0, &[row, part]));
    case.b.output("v", joined(0, &[rest, rest, product]));
    case.check();
}

#[test]
fn a_state_is_not_overwritten_before_it_is_read() {
    let mut rng = Rng(63);
    let mut case = Case::new();
    case.states.push(fill(&mut rng, DType::F32, 40, Domain::Float(-2.0, 2.0), false));
    let s = case.b.read(Slot::State(0), ty(DType::F32, &[40]));
    let (head, tail) = (s.slice(0, 0, 15.into()), s.slice(0, 15, 25.into()));
    let (a, b) = (tail * tail + 1.0, head * head.unary(&TANH));
    case.b.update(0, joined(0, &[a, b]));
    case.b.output("sum", (s * s).sum(&[0]));
    case.check();
}

#[test]
fn a_fault_keeps_back_parts_of_states() {
    let mut rng = Rng(66);
    let mut case = Case::new();
    case.states.push(fill(&mut rng, DType::F32, 40, Domain::Float(-2.0, 2.0), false));
    let x = case.floats(&mut rng, &[20]);
    let x = case.read(x);
    case.b.update(0, joined(0, &[x.unary(&TANH) * x, x * x + 1.0]));
    let loss = x.unary(&LOG).sum(&[0]);
    case.b.output("loss", loss);
    case.b.guard(loss);
    case.check();
}

#[test]
fn another_order_is_written_at_once() {
    let mut rng = Rng(64);
    let mut case = Case::new();
    let x = case.floats(&mut rng, &[6, 1, 17, 20]);
    let x = case.read(x);
    let y = x.unary(&TANH) * x + 1.0;
    // Axes that no stride can join ask for a copy.
    case.b.output("y", y.permute(vec![2, 1, 0, 3]).reshape(dims(&[17 * 6, 20])) * 2.0);
    let graph = case.b.finish();
    super::check(&graph, &[], &case.inputs);
    let mut case = Case::new();
    let x = case.floats(&mut rng, &[6, 17, 20]);
    let x = case.read(x);
    let y = x.unary(&TANH) * x + 1.0;
    let turned = y.permute(vec![1, 0, 2]);
    let (sum, element) = (case.b.local(ty(DType::F32, &[6, 20])), case.b.local(ty(DType::F32, &[6, 20])));
    let zero = turned.sum(&[0]) * 0.0;
    let position = case.b.local(TensorType::scalar(DType::I64));
    let open = Open {
        turns: 17.into(),
        reversed: false,
        position: position.value,
        carries: vec![(Given { inside: sum.value, outside: zero }, sum * 0.5 + element)],
        stacks: vec![Given { inside: element.value, outside: turned }],
        yields: vec![],
    };
    case.b.output("last", close(&case.b, &open).expect("a loop")[0]);
    let graph = case.b.finish();
    super::check(&graph, &[], &case.inputs);
    let before = stages(&graph).into_iter().take_while(|s| !matches!(s.kernel, Kernel::Turns(_)));
    let stores: Vec<usize> =
        before.filter_map(|s| if let Kernel::Loop(l) = s.kernel { Some(l.stores.len()) } else { None }).collect();
    assert!(stores.iter().all(|&n| n <= 1) && stores.len() <= 4, "no copy beside the values: {stores:?}");
}

/// A loop whose turns multiply by the same matrix, as it lies or transposed.
fn cell(turned: bool, units: usize) -> Case {
    let mut rng = Rng(65);
    let mut case = Case::new();
    let (first, w) = (case.floats(&mut rng, &[12, units]), case.floats(&mut rng, &[units, units]));
    let (first, w) = (case.read(first), case.read(w));
    let h = case.b.local(first.ty());
    let position = case.b.local(TensorType::scalar(DType::I64));
    let next = h.contract(w, Contract { batch: vec![], sum: vec![(1, usize::from(turned))] }).unary(&TANH);
    let open = Open {
        turns: 5.into(),
        reversed: false,
        position: position.value,
        carries: vec![(Given { inside: h.value, outside: first }, next)],
        stacks: vec![],
        yields: vec![next],
    };
    for (i, result) in close(&case.b, &open).expect("a loop").into_iter().enumerate() {
        case.b.output(format!("y{i}"), result);
    }
    case
}

#[test]
fn a_matrix_that_all_turns_multiply_by_is_copied_into_panels_once() {
    for (turned, units, panels) in [(true, 64, 2), (false, 64, 1), (false, 256, 8), (true, 33, 1)] {
        let case = cell(turned, units);
        let graph = case.b.finish();
        super::check(&graph, &[], &case.inputs);
        let stages = stages(&graph);
        let turns = stages.iter().find_map(|s| if let Kernel::Turns(turns) = &s.kernel { Some(turns) } else { None });
        let products = turns.expect("turns").stages.iter().filter_map(|s| match &s.kernel {
            Kernel::Product(product) => Some(product.shape.batch),
            _ => None,
        });
        assert_eq!(products.collect::<Vec<_>>(), [panels], "turned {turned}, {units} units");
    }
}
