//! Runs a page's program by the oracle on rows that formulas give: initial values, a step an epoch (always on the first
//! rows), two batches of evaluation, then the predict blocks on the first four rows. Native code, with passes and without,
//! must leave the same bits.

use crate::support::Held;
use crate::support::steps::assert_native_equals_oracle;
use crate::tables;
use nnc_compiler::interp::Oracle;
use nnc_compiler::ir::array::Array;
use nnc_compiler::ir::graph::Graph;
use nnc_compiler::passes::specialise::specialise;
use nnc_compiler::pipeline::{PassOptions, optimise};
use nnc_compiler::program::{Program, Role};
use nnc_runtime::buffer::Buffer;
use nnc_runtime::dtype::{DType, element_as_f64};
use nnc_runtime::kernels::pool::Pool;
use nnc_runtime::step::{Step, StepIo};

/// Rows of a prediction.
const ROWS: usize = 4;
/// States with more elements are not shown.
const MOST_SHOWN: usize = 12;

struct Run<'a> {
    program: &'a Program,
    states: Vec<Buffer>,
    pool: Pool,
}

/// What a program computes, as lines.
pub(crate) fn run(program: &Program) -> Vec<String> {
    let bytes = |s: &nnc_compiler::program::State| {
        s.ty.sizes().expect("sizes of states are numbers").iter().product::<usize>() * s.ty.dtype.size()
    };
    let states = program.states.iter().map(|s| Buffer::zeroed(bytes(s))).collect();
    let mut run = Run { program, states, pool: Pool::new(1).expect("one thread can be had") };
    let mut out = vec![];
    run.perform(&program.initialise, 0, 1, 0);
    let initial = run.states.clone();
    if let Some(train) = &program.train {
        for step in 0..train.epochs {
            let kind = train.cadences.kind_of(step as u64 + 1);
            let graph = train.kinds().nth(kind).expect("as many graphs as kinds");
            let shown = run.perform(graph, 0, train.batch, step as i64);
            out.push(format!("step {}: {}", step + 1, shown.join(", ")));
        }
        for (i, state) in program.states.iter().enumerate().filter(|(_, s)| s.role == Role::Metric) {
            run.states[i].clone_from(&initial[i]);
            assert_eq!(state.ty.dtype, DType::F64, "metrics count in double precision");
        }
        run.perform(&train.evaluate, 0, train.batch, 0);
        let shown = run.perform(&train.evaluate, train.batch, train.batch, 1);
        out.push(format!("evaluate: {}", shown.join(", ")));
        out.extend(run.shown_states());
    }
    for predict in &program.predict {
        out.extend(run.perform(&predict.graph, 0, ROWS, 0));
    }
    out
}

impl Run<'_> {
    /// One step on rows of the data; its outputs as text.
    fn perform(&mut self, graph: &Graph, first: usize, n_rows: usize, step: i64) -> Vec<String> {
        let sizes = self.program.largest(n_rows);
        let graph = specialise(graph, &|sym| self.program.size(&sizes, sym)).expect("the sizes fit");
        let inputs = self
            .program
            .inputs
            .iter()
            .map(|i| Buffer::from_bytes(&tables::rows(i, self.program, first, n_rows).to_bytes()));
        let inputs: Vec<Buffer> = inputs.collect();
        let held = Held { states: self.states.clone(), inputs: inputs.clone() };
        assert_native_equals_oracle(&graph, &held, "passes off");
        let optimised = optimise(&graph, &PassOptions::default(), &mut |_, _, _| {});
        assert_native_equals_oracle(&optimised, &held, "passes on");
        let mut oracle = Oracle::new(graph);
        let mut io = StepIo {
            states: &mut self.states,
            inputs: &inputs,
            seed: 1,
            step,
            pool: &self.pool,
            threads_always: false,
        };
        oracle.run(&mut io).expect("the loss is finite");
        let specs = oracle.outputs().iter().enumerate();
        specs.map(|(i, s)| format!("{} = {}", s.name, tensor(s.dtype, &s.shape, oracle.output(i)))).collect()
    }

    fn shown_states(&self) -> Vec<String> {
        let mut out = vec![];
        for (state, buffer) in self.program.states.iter().zip(&self.states) {
            let shape = state.ty.sizes().expect("sizes of states are numbers");
            if shape.iter().product::<usize>() <= MOST_SHOWN && state.role != Role::Metric {
                out.push(format!("state {} = {}", state.path, tensor(state.ty.dtype, &shape, buffer.as_slice())));
            }
        }
        out
    }
}

/// Nested lists of numbers.
fn tensor(dtype: DType, shape: &[usize], bytes: &[u8]) -> String {
    assert!(Array::from_bytes(dtype, shape, bytes).is_some(), "as many bytes as the type has");
    nested(shape, 0, &|i| number(element_as_f64(dtype, bytes, i)))
}

fn nested(shape: &[usize], first: usize, value: &dyn Fn(usize) -> String) -> String {
    let [n, rest @ ..] = shape else { return value(first) };
    let stride: usize = rest.iter().product();
    let parts: Vec<String> = (0..*n).map(|i| nested(rest, first + i * stride, value)).collect();
    format!("[{}]", parts.join(", "))
}

/// Six significant digits, which both precisions have.
fn number(x: f64) -> String {
    let rounded: f64 = format!("{x:.5e}").parse().expect("a printed number can be read");
    match rounded.abs() {
        size if size != 0.0 && !(1e-4..1e7).contains(&size) && size.is_finite() => format!("{rounded:e}"),
        _ => format!("{rounded}"),
    }
}
