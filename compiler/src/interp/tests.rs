//! What a step promises: reads before writes, the guard before both, sources from where they belong.

use super::{Env, Oracle, run};
use crate::ir::array::Array;
use crate::ir::attrs::{Attrs, Const, Slot};
use crate::ir::builder::{Builder, Val};
use crate::ir::dim::Dim;
use crate::ir::graph::Graph;
use crate::ir::types::{DType, TensorType};
use crate::ops::movement::REVERSE;
use crate::ops::source::{COUNTER, IOTA, UNIFORM};
use crate::ops::unary::LOG;
use ndarray::{ArrayD, IxDyn};
use nnc_runtime::buffer::Buffer;
use nnc_runtime::kernels::pool::Pool;
use nnc_runtime::step::{Fault, Step, StepIo};

fn floats(values: &[f32]) -> Buffer {
    Buffer::from_bytes(&values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())
}

fn read_floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|c| f32::from_le_bytes(*c)).collect()
}

fn vector(n: usize) -> TensorType {
    TensorType::new(DType::F32, vec![Dim::from(n)])
}

fn state(b: &Builder, i: u32, n: usize) -> Val<'_> {
    b.read(Slot::State(i), vector(n))
}

/// Runs a step once; gives its result and the states after it.
fn step(oracle: &mut Oracle, states: &[Buffer], step: i64) -> (Result<(), Fault>, Vec<Vec<f32>>) {
    let mut states = states.to_vec();
    let pool = Pool::new(1).expect("one thread can be had");
    let mut io = StepIo { states: &mut states, inputs: &[], seed: 5, step, pool: &pool, threads_always: false };
    let result = oracle.run(&mut io);
    (result, states.iter().map(|s| read_floats(s.as_slice())).collect())
}

#[test]
fn updates_are_simultaneous() {
    let b = Builder::new();
    let (x, y) = (state(&b, 0, 2), state(&b, 1, 2));
    b.update(0, y);
    b.update(1, x + y);
    b.output("sum", (x + y).sum(&[0]));
    let mut oracle = Oracle::new(b.finish());
    assert_eq!(read_floats(oracle.output(0)), [0.0]);
    let (result, states) = step(&mut oracle, &[floats(&[1.0, 2.0]), floats(&[10.0, 20.0])], 0);
    assert_eq!(result, Ok(()));
    assert_eq!(states, [vec![10.0, 20.0], vec![11.0, 22.0]]);
    assert_eq!(read_floats(oracle.output(0)), [33.0]);
    assert_eq!((oracle.outputs()[0].name.as_str(), oracle.outputs()[0].dtype), ("sum", DType::F32));
}

#[test]
fn a_loss_that_is_not_finite_leaves_every_state_as_it_was() {
    let b = Builder::new();
    let x = state(&b, 0, 1);
    let loss = x.unary(&LOG).sum(&[0]);
    b.guard(loss);
    b.output("loss", loss);
    b.update(0, x + 1.0);
    let mut oracle = Oracle::new(b.finish());
    for (bad, reported) in [(0.0, f32::NEG_INFINITY), (f32::INFINITY, f32::INFINITY)] {
        assert_eq!(step(&mut oracle, &[floats(&[bad])], 0), (Err(Fault::NotFinite), vec![vec![bad]]));
        assert_eq!(read_floats(oracle.output(0)), [reported], "what is reported tells what went wrong");
    }
    assert_eq!(step(&mut oracle, &[floats(&[-1.0])], 0).0, Err(Fault::NotFinite), "a NaN");
    assert_eq!(step(&mut oracle, &[floats(&[1.0])], 0), (Ok(()), vec![vec![2.0]]));
}

#[test]
fn a_state_may_be_longer_than_what_is_read_and_is_written_from_its_start() {
    let b = Builder::new();
    b.update(0, state(&b, 0, 2) * 2.0);
    let (_, states) = step(&mut Oracle::new(b.finish()), &[floats(&[1.0, 2.0, 3.0])], 0);
    assert_eq!(states, [vec![2.0, 4.0, 3.0]]);
}

/// The only output of a graph without states and inputs.
fn output(graph: &Graph, seed: i64, step: i64) -> Array {
    let values = run(graph, &Env { states: &[], inputs: &[], seed, step }).expect("there is no guard");
    values.get(graph.outputs[0].value).clone()
}

#[test]
fn draws_depend_on_seed_step_and_element() {
    let b = Builder::new();
    let counter = |slot| b.add(&COUNTER, Attrs::Slot(slot, Box::new(TensorType::scalar(DType::I64))), &[]);
    let shape = vec![Dim::from(3), Dim::from(4)];
    let zero = b.constant(Const::Int(DType::I64, 0), vec![]);
    let key = [counter(Slot::Seed), counter(Slot::Step), zero];
    b.output("u", b.add(&UNIFORM, Attrs::Random { stream: 1, shape }, &key));
    let graph = b.finish();
    let Array::F64(first) = output(&graph, 1, 1) else { panic!("draws are f64") };
    assert_eq!(output(&graph, 1, 1), Array::F64(first.clone()));
    for (seed, step) in [(2, 1), (1, 2)] {
        assert_ne!(output(&graph, seed, step), Array::F64(first.clone()));
    }
    let mut elements: Vec<u64> = first.iter().map(|x| x.to_bits()).collect();
    elements.sort_unstable();
    elements.dedup();
    assert_eq!(elements.len(), 12, "every element has a draw of its own");
}

#[test]
fn what_a_movement_leaves_is_row_major_again() {
    let b = Builder::new();
    let iota = b.add(&IOTA, Attrs::Iota(Dim::from(5)), &[]);
    let turned = b.add(&REVERSE, Attrs::Axis(0), &[iota]);
    b.output("y", turned + turned);
    let want = ArrayD::from_shape_vec(IxDyn(&[5]), vec![8, 6, 4, 2, 0]).expect("five elements");
    assert_eq!(output(&b.finish(), 0, 0), Array::I32(want));
}
