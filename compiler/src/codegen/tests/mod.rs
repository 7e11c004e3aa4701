//! Compiled code against the oracle, bit for bit: fused and not, on one, two and three threads.

mod fusion;
mod places;
mod rows;
mod states;
mod wide;

use super::{Options, compile};
use crate::interp::Oracle;
use crate::ir::array::Array;
use crate::ir::attrs::Slot;
use crate::ir::builder::{Builder, Val};
use crate::ir::dim::Dim;
use crate::ir::graph::Graph;
use crate::ir::op::Domain;
use crate::ir::types::{DType, TensorType};
use nnc_runtime::buffer::Buffer;
use nnc_runtime::kernels::pool::Pool;
use nnc_runtime::step::{Fault, Step, StepIo};

/// A small generator of numbers, the same in every run.
pub(super) struct Rng(pub(super) u64);

impl Rng {
    /// 64 bits (splitmix64).
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// One of a list.
    pub(super) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    fn uniform(&mut self, lo: f64, hi: f64) -> f64 {
        lo + (hi - lo) * (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Sizes at the edges of vectors, lanes and blocks.
pub(super) const SIZES: [usize; 17] = [1, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 129];

/// A shape of some rank with at most `most` elements.
pub(super) fn shape(rng: &mut Rng, rank: usize, most: usize) -> Vec<usize> {
    loop {
        let shape: Vec<usize> = (0..rank).map(|_| rng.pick(&SIZES)).collect();
        if shape.iter().product::<usize>() <= most {
            return shape;
        }
    }
}

pub(super) fn dims(shape: &[usize]) -> Vec<Dim> {
    shape.iter().map(|&n| Dim::from(n)).collect()
}

pub(super) fn ty(dtype: DType, shape: &[usize]) -> TensorType {
    TensorType::new(dtype, dims(shape))
}

/// Bytes of a tensor with elements of a domain; with `odd`, some are NaN, infinite, denormal, zero of either sign.
pub(super) fn fill(rng: &mut Rng, dtype: DType, count: usize, domain: Domain, odd: bool) -> Buffer {
    const ODD: [f64; 10] =
        [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1e-41, -5e-324, f64::MAX, 2147483648.5, -9.3e18];
    let mut bytes = Vec::with_capacity(count * dtype.size());
    for _ in 0..count {
        let x = match domain {
            _ if odd && rng.below(6) == 0 => rng.pick(&ODD),
            Domain::Float(lo, hi) => rng.uniform(lo, hi),
            Domain::Int(lo, hi) => rng.uniform(lo as f64, hi as f64).floor(),
            Domain::Bool => rng.below(2) as f64,
        };
        match dtype {
            DType::F32 => bytes.extend((x as f32).to_le_bytes()),
            DType::F64 => bytes.extend(x.to_le_bytes()),
            DType::I32 => bytes.extend((if odd { rng.next() as i32 } else { x as i32 }).to_le_bytes()),
            DType::I64 => bytes.extend((if odd { rng.next() as i64 } else { x as i64 }).to_le_bytes()),
            DType::U8 => bytes.push(rng.next() as u8),
            DType::Bool => bytes.push((rng.next() & 1) as u8),
        }
    }
    Buffer::from_bytes(&bytes)
}

/// A graph being made together with what it reads.
pub(super) struct Case {
    pub(super) b: Builder,
    pub(super) states: Vec<Buffer>,
    pub(super) inputs: Vec<Buffer>,
    types: Vec<(DType, Vec<usize>)>,
}

impl Case {
    pub(super) fn new() -> Case {
        Case { b: Builder::new(), states: vec![], inputs: vec![], types: vec![] }
    }

    /// A new input with these bytes.
    pub(super) fn input(&mut self, rng: &mut Rng, dtype: DType, shape: &[usize], domain: Domain, odd: bool) -> u32 {
        self.inputs.push(fill(rng, dtype, shape.iter().product(), domain, odd));
        self.types.push((dtype, shape.to_vec()));
        self.inputs.len() as u32 - 1
    }

    /// The value of an input.
    pub(super) fn read(&self, input: u32) -> Val<'_> {
        let (dtype, shape) = &self.types[input as usize];
        self.b.read(Slot::Input(input), ty(*dtype, shape))
    }

    /// A new input of ordinary f32 numbers.
    pub(super) fn floats(&mut self, rng: &mut Rng, shape: &[usize]) -> u32 {
        self.input(rng, DType::F32, shape, Domain::Float(-2.0, 2.0), false)
    }

    /// Compiles what was built and compares it with the oracle.
    pub(super) fn check(self) {
        check(&self.b.finish(), &self.states, &self.inputs);
    }
}

/// What a step leaves behind.
struct Outcome {
    result: Result<(), Fault>,
    outputs: Vec<Array>,
    states: Vec<Buffer>,
}

fn perform(step: &mut dyn Step, states: &[Buffer], inputs: &[Buffer], pool: &Pool) -> Outcome {
    let mut states = states.to_vec();
    let mut io = StepIo { states: &mut states, inputs, seed: -77, step: 41, pool, threads_always: true };
    let result = step.run(&mut io);
    let outputs = step.outputs().iter().enumerate().map(|(i, spec)| {
        Array::from_bytes(spec.dtype, &spec.shape, step.output(i)).expect("as many bytes as the shape has")
    });
    Outcome { result, outputs: outputs.collect(), states }
}

/// Fails unless compiled code, fused with wide vectors and neither, on one to three threads, does what the oracle does; twice, since a step may not
/// depend on what the last one left in the arena.
pub(super) fn check(graph: &Graph, states: &[Buffer], inputs: &[Buffer]) {
    let alone = Pool::new(1).expect("no thread is started");
    let want = perform(&mut Oracle::new(graph.clone()), states, inputs, &alone);
    for fuse in [false, true] {
        let options = Options { fuse, isa: None, verify: true, wide: fuse, memory: None };
        let mut compiled = compile(graph, states.len(), inputs.len(), &options).unwrap_or_else(|e| panic!("{e}"));
        let about = compiled.report.fused();
        for threads in [1, 2, 3] {
            let pool = Pool::new(threads).expect("the system starts threads");
            let got = perform(&mut compiled.executable, states, inputs, &pool);
            assert_eq!(got.result, want.result, "fuse={fuse} threads={threads}\n{about}");
            if want.result.is_ok() {
                for (i, (got, want)) in got.outputs.iter().zip(&want.outputs).enumerate() {
                    let name = &graph.outputs[i].name;
                    assert!(
                        got.same_bits(want),
                        "`{name}` fuse={fuse} threads={threads}\n{about}\ngot {got:?}\nwant {want:?}"
                    );
                }
            }
            for (i, (got, want)) in got.states.iter().zip(&want.states).enumerate() {
                assert!(same(graph, i, got, want), "state {i} fuse={fuse} threads={threads}\n{about}");
            }
        }
    }
}

/// Equality of a state's bits, all NaNs one value.
fn same(graph: &Graph, state: usize, got: &Buffer, want: &Buffer) -> bool {
    let ty = graph.updates.iter().find(|u| u.0 as usize == state).map(|u| graph.ty(u.1).clone());
    let Some(ty) = ty else { return got.as_slice() == want.as_slice() };
    let shape = ty.sizes().expect("sizes are numbers");
    let array = |b: &Buffer| Array::from_bytes(ty.dtype, &shape, b.as_slice()).expect("a whole state");
    array(got).same_bits(&array(want))
}
