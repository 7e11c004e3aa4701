//! Native code and the oracle as two engines of one step.

use super::Held;
use nnc_compiler::codegen::{self, Options};
use nnc_compiler::interp::Oracle;
use nnc_compiler::ir::array::Array;
use nnc_compiler::ir::attrs::{Attrs, Slot};
use nnc_compiler::ir::graph::Graph;
use nnc_compiler::ir::types::DType;
use nnc_runtime::buffer::Buffer;
use nnc_runtime::kernels::pool::Pool;
use nnc_runtime::step::{Fault, Step, StepIo};

/// What a step leaves behind: whether it succeeded, its outputs, the states.
struct Left {
    result: Result<(), Fault>,
    outputs: Vec<Vec<u8>>,
    states: Vec<Buffer>,
}

fn perform(step: &mut dyn Step, held: &Held, threads: usize) -> Left {
    let pool = Pool::new(threads).expect("threads can be had");
    let mut states = held.states.clone();
    let env = held.env();
    let mut io = StepIo {
        states: &mut states,
        inputs: &held.inputs,
        seed: env.seed,
        step: env.step,
        pool: &pool,
        threads_always: threads > 1,
    };
    let result = step.run(&mut io);
    let outputs = (0..step.outputs().len()).map(|i| step.output(i).to_vec()).collect();
    Left { result, outputs, states }
}

/// Panics unless native code, fused with wide vectors and neither, on one, two and three threads, does what the oracle does, to the bit.
pub fn assert_native_equals_oracle(graph: &Graph, held: &Held, what: &str) {
    let want = perform(&mut Oracle::new(graph.clone()), held, 1);
    for (fuse, most_threads) in [(true, 3), (false, 1)] {
        let options = Options { fuse, wide: fuse, ..Options::default() };
        let compiled = codegen::compile(graph, held.states.len(), held.inputs.len(), &options);
        let mut step = compiled.unwrap_or_else(|e| panic!("{what}: {e}")).executable;
        for threads in 1..=most_threads {
            let got = perform(&mut step, held, threads);
            let how = format!("{what}, fused: {fuse}, threads: {threads}");
            assert_same(graph, &step, &got, &want, &how);
        }
    }
}

fn assert_same(graph: &Graph, step: &dyn Step, got: &Left, want: &Left, how: &str) {
    assert_eq!(got.result, want.result, "{how}");
    for (i, spec) in step.outputs().iter().enumerate() {
        let read = |bytes: &[u8]| Array::from_bytes(spec.dtype, &spec.shape, bytes).expect("bytes of the type");
        let (got, want) = (read(&got.outputs[i]), read(&want.outputs[i]));
        assert!(got.same_bits(&want), "{how}: output {i} is {got:?}, not {want:?}");
    }
    for (i, (got, want)) in got.states.iter().zip(&want.states).enumerate() {
        let dtype = state_type(graph, i);
        let shape = [got.len() / dtype.size()];
        let read = |b: &Buffer| Array::from_bytes(dtype, &shape, b.as_slice()).expect("whole elements");
        assert!(read(got).same_bits(&read(want)), "{how}: state {i} differs");
    }
}

/// The element type of a state by the node that reads or updates it; bytes where nothing does.
fn state_type(graph: &Graph, state: usize) -> DType {
    let updated = graph.updates.iter().find(|u| u.0 as usize == state).map(|u| graph.ty(u.1).dtype);
    let read = graph.nodes().find_map(|(_, node)| match &node.attrs {
        Attrs::Slot(Slot::State(i), ty) if *i as usize == state => Some(ty.dtype),
        _ => None,
    });
    updated.or(read).unwrap_or(DType::U8)
}
