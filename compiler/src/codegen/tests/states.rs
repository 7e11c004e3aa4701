//! States: simultaneous updates, swaps, values that are read after they are written, the guard.

use super::{Case, Rng, dims, fill, ty};
use crate::codegen::{Options, compile};
use crate::ir::attrs::{Const, Slot};
use crate::ir::builder::Val;
use crate::ir::op::Domain;
use crate::ir::types::DType;
use crate::ops::unary::LOG;

fn case(rng: &mut Rng, shapes: &[&[usize]]) -> Case {
    let mut case = Case::new();
    for shape in shapes {
        case.states.push(fill(rng, DType::F32, shape.iter().product(), Domain::Float(-2.0, 2.0), false));
    }
    case
}

fn state<'b>(case: &'b Case, i: u32, shape: &[usize]) -> Val<'b> {
    case.b.read(Slot::State(i), ty(DType::F32, shape))
}

#[test]
fn states_swap() {
    let mut rng = Rng(21);
    let case = case(&mut rng, &[&[9, 5], &[9, 5]]);
    let (a, b) = (state(&case, 0, &[9, 5]), state(&case, 1, &[9, 5]));
    case.b.update(0, b);
    case.b.update(1, a);
    case.check();
}

#[test]
fn states_rotate_with_arithmetic() {
    let mut rng = Rng(22);
    let case = case(&mut rng, &[&[70], &[70], &[70]]);
    let [a, b, c] = [0, 1, 2].map(|i| state(&case, i, &[70]));
    case.b.update(0, b + c);
    case.b.update(1, c * a);
    case.b.update(2, a - b);
    case.b.output("sum", (a + b + c).sum(&[0]));
    case.check();
}

#[test]
fn an_update_that_reads_other_elements_of_its_state() {
    let mut rng = Rng(23);
    let case = case(&mut rng, &[&[12, 12], &[12], &[12, 12]]);
    let a = state(&case, 0, &[12, 12]);
    let v = state(&case, 1, &[12]);
    let c = state(&case, 2, &[12, 12]);
    case.b.update(0, a.permute(vec![1, 0]) + a);
    case.b.update(1, (v.spread(&[0], dims(&[12, 12])) * a).sum(&[0]));
    case.b.update(2, c.sum(&[1]).spread(&[1], dims(&[12, 12])) - c);
    case.check();
}

#[test]
fn a_new_value_is_reported_and_read_again() {
    let mut rng = Rng(24);
    let case = case(&mut rng, &[&[40], &[40], &[40], &[]]);
    let (a, b) = (state(&case, 0, &[40]), state(&case, 1, &[40]));
    let new = a * 0.9 + b;
    case.b.update(0, new);
    case.b.update(1, new);
    case.b.update(2, case.b.constant(Const::Float(DType::F32, 1.5), dims(&[40])));
    case.b.update(3, new.sum(&[0]));
    case.b.output("new", new);
    case.b.output("later", (new * b).sum(&[0]));
    case.check();
}

#[test]
fn unchanged_states_and_views_of_states() {
    let mut rng = Rng(25);
    let case = case(&mut rng, &[&[6, 4], &[24], &[6, 4]]);
    let a = state(&case, 0, &[6, 4]);
    case.b.update(0, a);
    case.b.update(1, a.reshape(dims(&[24])));
    case.b.update(2, a.slice(0, 1, 2.into()).pad(0, 4, 0));
    case.check();
}

#[test]
fn a_fault_changes_no_state() {
    let mut rng = Rng(26);
    for (low, fails) in [(-2.0, true), (0.5, false)] {
        let mut case = case(&mut rng, &[&[33], &[33], &[]]);
        let x = case.input(&mut rng, DType::F32, &[33], Domain::Float(low, 2.0), false);
        let (a, b) = (state(&case, 0, &[33]), state(&case, 1, &[33]));
        // The new value of the first state needs nothing of the loss, so only the guard keeps it back.
        case.b.update(0, a + 1.0);
        case.b.update(1, b * case.read(x));
        let loss = case.read(x).unary(&LOG).sum(&[0]);
        case.b.update(2, loss);
        case.b.output("loss", loss);
        case.b.guard(loss);
        let before: Vec<Vec<u8>> = case.states.iter().map(|s| s.as_slice().to_vec()).collect();
        let graph = case.b.finish();
        super::check(&graph, &case.states, &case.inputs);
        let mut compiled = compile(&graph, 3, 1, &Options::default()).expect("code");
        let pool = nnc_runtime::kernels::pool::Pool::new(1).expect("no thread is started");
        let got = super::perform(&mut compiled.executable, &case.states, &case.inputs, &pool);
        assert_eq!(got.result.is_err(), fails);
        assert_eq!(got.states.iter().zip(&before).all(|(s, b)| s.as_slice() == b.as_slice()), fails);
    }
}

#[test]
fn a_guard_that_is_an_updated_state_holds_back_its_own_update() {
    let mut rng = Rng(27);
    let case = case(&mut rng, &[&[]]);
    let a = state(&case, 0, &[]);
    let new = a / 0.0;
    case.b.update(0, new);
    case.b.guard(new);
    case.check();
}

/// The guarded value is made of a movement that also becomes a state: the guard comes before the state is written, so the
/// loss must read what is moved, not the state.
#[test]
fn a_moved_value_is_a_state_and_part_of_the_guarded_loss() {
    let mut rng = Rng(25);
    let mut case = Case::new();
    let (x, y) = (case.floats(&mut rng, &[2, 4, 3]), case.floats(&mut rng, &[2, 3, 4]));
    case.states.push(super::fill(&mut rng, DType::F32, 24, Domain::Float(-2.0, 2.0), false));
    let moved = (case.read(x) * case.read(x)).permute(vec![0, 2, 1]);
    let loss = (moved * case.read(y)).sum(&[0, 1, 2]);
    case.b.update(0, moved);
    case.b.output("loss", loss);
    case.b.guard(loss);
    case.check();
}
