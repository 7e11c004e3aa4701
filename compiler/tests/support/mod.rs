//! What the table-driven tests share: a seeded generator of numbers and the environments in which graphs are evaluated.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(unreachable_pub, reason = "a test binary exports nothing")]

pub mod calculus;
pub mod cases;
pub mod graphs;
pub mod shapes;
pub mod steps;
pub mod turns;

use ndarray::{ArrayD, IxDyn};
use nnc_compiler::interp::{self, Env};
use nnc_compiler::ir::array::Array;
use nnc_compiler::ir::attrs::{Attrs, Slot};
use nnc_compiler::ir::graph::Graph;
use nnc_compiler::ir::op::Domain;
use nnc_compiler::ir::types::{DType, TensorType};
use nnc_runtime::buffer::Buffer;

/// SplitMix64: a full-period generator of 64-bit words.
pub struct Rng(pub u64);

impl Rng {
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In `0..n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.word() % n as u64) as usize
    }

    pub fn float(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.word() >> 11) as f64 * 2f64.powi(-53))
    }

    pub fn chance(&mut self, p: f64) -> bool {
        self.float(0.0, 1.0) < p
    }

    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// A tensor with elements of the domain, converted to the element type.
pub fn draw(rng: &mut Rng, ty: &TensorType, domain: Domain) -> Array {
    let shape = IxDyn(&ty.sizes().expect("sizes are numbers"));
    let mut next = || match domain {
        Domain::Float(low, high) => rng.float(low, high),
        Domain::Int(low, high) => (low + rng.below((high - low) as usize) as i64) as f64,
        Domain::Bool => f64::from(u8::from(rng.chance(0.5))),
    };
    match ty.dtype {
        DType::F32 => Array::F32(ArrayD::from_shape_simple_fn(shape, || next() as f32)),
        DType::F64 => Array::F64(ArrayD::from_shape_simple_fn(shape, next)),
        DType::I32 => Array::I32(ArrayD::from_shape_simple_fn(shape, || next() as i32)),
        DType::I64 => Array::I64(ArrayD::from_shape_simple_fn(shape, || next() as i64)),
        DType::U8 => Array::U8(ArrayD::from_shape_simple_fn(shape, || next().abs() as u8)),
        DType::Bool => Array::Bool(ArrayD::from_shape_simple_fn(shape, || next() > 0.0)),
    }
}

/// What a graph reads.
#[derive(Clone)]
pub struct Held {
    pub states: Vec<Buffer>,
    pub inputs: Vec<Buffer>,
}

impl Held {
    /// Inputs only.
    pub fn inputs(arrays: &[Array]) -> Held {
        Held { states: vec![], inputs: arrays.iter().map(|a| Buffer::from_bytes(&a.to_bytes())).collect() }
    }

    /// A value for every slot of the graph, drawn by `value`.
    pub fn draw(graph: &Graph, mut value: impl FnMut(&TensorType) -> Array) -> Held {
        let mut held = Held { states: vec![], inputs: vec![] };
        for (id, slot) in graph.slots() {
            let Attrs::Slot(_, ty) = &graph.node(id).attrs else { unreachable!("a slot") };
            let (list, i) = match slot {
                Slot::Input(i) => (&mut held.inputs, i as usize),
                Slot::State(i) => (&mut held.states, i as usize),
                Slot::Seed | Slot::Step | Slot::Local(_) => continue,
            };
            list.resize_with(list.len().max(i + 1), || Buffer::zeroed(0));
            if list[i].is_empty() {
                list[i] = Buffer::from_bytes(&value(ty).to_bytes());
            }
        }
        held
    }

    pub fn env(&self) -> Env<'_> {
        Env { states: &self.states, inputs: &self.inputs, seed: 7, step: 3 }
    }
}

/// The outputs of a graph by the oracle.
pub fn outputs(graph: &Graph, held: &Held) -> Vec<Array> {
    let values = interp::run(graph, &held.env()).expect("no guard fails");
    graph.outputs.iter().map(|o| values.get(o.value).clone()).collect()
}

/// The elements as doubles.
pub fn doubles(array: &Array) -> Vec<f64> {
    nnc_compiler::each_array!(array, a => a.iter().map(|x| number(*x)).collect())
}

fn number<T: Into<Number>>(x: T) -> f64 {
    x.into().0
}

/// Any element as a double.
pub struct Number(f64);

macro_rules! numbers {
    ($($t:ty => $f:expr;)*) => { $(impl From<$t> for Number { fn from(x: $t) -> Number { let f: fn($t) -> f64 = $f; Number(f(x)) } })* };
}

numbers! {
    f32 => f64::from;
    f64 => |x| x;
    i32 => f64::from;
    i64 => |x| x as f64;
    u8 => f64::from;
    bool => |x| f64::from(u8::from(x));
}
