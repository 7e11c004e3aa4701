//! Programs run in this process: checked, compiled with passes off and on, and stepped with one and two threads, which must
//! leave the same bits.

use super::tensors::Tensor;
use nnc_compiler::codegen;
use nnc_compiler::elaborate;
use nnc_compiler::ir::graph::Graph;
use nnc_compiler::passes::specialise::specialise;
use nnc_compiler::pipeline::{PassOptions, optimise};
use nnc_compiler::program::{Program, SourceSpec};
use nnc_compiler::world::{Options, World};
use nnc_runtime::buffer::Buffer;
use nnc_runtime::data::{ColumnSchema, DataError, Schema};
use nnc_runtime::dtype::{DType, byte_count, element_as_f64};
use nnc_runtime::kernels::pool::Pool;
use nnc_runtime::step::{Executable, Step, StepIo};
use std::collections::BTreeMap;

/// `csv("rows")`: a hundred rows with one number, `row`. All else comes as states.
struct Rows;

impl World for Rows {
    fn source(&self, _: &str, path: &str) -> Result<(String, String), String> {
        Err(format!("there is no {path}"))
    }

    fn schema(&self, _: &str, _: &SourceSpec) -> Result<Schema, DataError> {
        let column = ColumnSchema::new("row", Ok(DType::F64), vec![]);
        Ok(Schema { columns: vec![column], train_rows: 100, test_rows: None, classes: vec![] })
    }
}

/// Values by name.
pub(crate) type Named = BTreeMap<String, Tensor>;

/// Checks a text in a precision.
///
/// # Errors
/// The reports, one a line.
pub(crate) fn check(text: &str, precision: DType) -> Result<Program, String> {
    let text = format!("precision: {precision}\n{text}");
    let checked = elaborate::check(&Rows, nnc_models::LIBRARY, ("case.nn", &text), &Options::default());
    let reports: Vec<String> = checked
        .diagnostics
        .iter()
        .filter(|d| d.is_error())
        .map(|d| format!("{}: {} [{}]", checked.sources.place(d.primary.span), d.headline, d.primary.text))
        .collect();
    checked.program.ok_or_else(|| format!("{}\n{text}", reports.join("\n")))
}

/// The engines of one step: native code without passes on one thread, and with passes on one and two. Without passes single
/// precision runs node by node, double precision in fused loops, so that both ways are tried.
struct Engines {
    plain: Executable,
    full: Executable,
}

impl Engines {
    fn new(program: &Program, graph: &Graph) -> Result<Engines, String> {
        let graph = specialise(graph, &|_| Some(1)).map_err(|e| e.to_string())?;
        let optimised = optimise(&graph, &PassOptions::default(), &mut |_, _, _| {});
        let compile = |graph: &Graph, fuse| {
            let options = codegen::Options { fuse, wide: fuse, ..codegen::Options::default() };
            let compiled = codegen::compile(graph, program.states.len(), program.inputs.len(), &options);
            compiled.map(|c| c.executable).map_err(|e| e.to_string())
        };
        Ok(Engines { plain: compile(&graph, program.precision == DType::F64)?, full: compile(&optimised, true)? })
    }

    /// One step from `states` by every engine; `states` becomes what all of them leave, and the outputs are given.
    fn step(
        &mut self,
        program: &Program,
        states: &mut Vec<Buffer>,
        inputs: &[Buffer],
        step: i64,
        pools: &Pools,
    ) -> Result<Vec<Vec<u8>>, String> {
        let first = perform(&mut self.plain, states, inputs, step, &pools.one)?;
        let types: Vec<DType> = self.plain.outputs().iter().map(|o| o.dtype).collect();
        for (pool, what) in [(&pools.one, "passes off and on differ"), (&pools.two, "one thread and two differ")] {
            let other = perform(&mut self.full, states, inputs, step, pool)?;
            let mut outputs = first.outputs.iter().zip(&other.outputs).zip(&types);
            if outputs.any(|((a, b), dtype)| !same_bits(*dtype, a, b)) {
                return Err(format!("{what} in an output"));
            }
            let mut kept = first.states.iter().zip(&other.states).zip(&program.states);
            if let Some((_, state)) = kept.find(|((a, b), s)| !same_bits(s.ty.dtype, a.as_slice(), b.as_slice())) {
                return Err(format!("{what} in {}", state.path));
            }
        }
        *states = first.states;
        Ok(first.outputs)
    }
}

/// What a step leaves.
struct Left {
    states: Vec<Buffer>,
    outputs: Vec<Vec<u8>>,
}

fn perform(
    engine: &mut Executable,
    states: &[Buffer],
    inputs: &[Buffer],
    step: i64,
    pool: &Pool,
) -> Result<Left, String> {
    let mut states = states.to_vec();
    let threads_always = pool.threads() > 1;
    let mut io = StepIo { states: &mut states, inputs, seed: 1, step, pool, threads_always };
    engine.run(&mut io).map_err(|fault| format!("{fault:?}"))?;
    let outputs = (0..engine.outputs().len()).map(|i| engine.output(i).to_vec()).collect();
    Ok(Left { states, outputs })
}

/// Equal bits, all NaNs counting as one value.
fn same_bits(dtype: DType, a: &[u8], b: &[u8]) -> bool {
    let equal = |i: usize| {
        let bytes = i * dtype.size()..(i + 1) * dtype.size();
        a[bytes.clone()] == b[bytes] || (element_as_f64(dtype, a, i).is_nan() && element_as_f64(dtype, b, i).is_nan())
    };
    a == b || (a.len() == b.len() && (0..a.len() / dtype.size()).all(equal))
}

/// One pool of each size that is tried.
pub(crate) struct Pools {
    one: Pool,
    two: Pool,
}

impl Pools {
    /// Starts the threads.
    pub(crate) fn new() -> Pools {
        Pools { one: Pool::new(1).expect("one thread can be had"), two: Pool::new(2).expect("two threads can be had") }
    }
}

/// A program with the values of its states.
pub(crate) struct Machine<'a> {
    program: &'a Program,
    states: Vec<Buffer>,
    inputs: Vec<Buffer>,
    pools: &'a Pools,
}

impl<'a> Machine<'a> {
    /// Initial values as the program gives them, those under the path of a name in `given` replaced.
    ///
    /// # Errors
    /// When a name has no state or another shape, or initial values cannot be computed.
    pub(crate) fn new(program: &'a Program, given: &Named, pools: &'a Pools) -> Result<Machine<'a>, String> {
        let bytes = |s: &nnc_compiler::program::State| {
            s.ty.sizes().and_then(|shape| byte_count(s.ty.dtype, &shape)).ok_or("a state without sizes")
        };
        let sizes: Result<Vec<usize>, &str> = program.states.iter().map(bytes).collect();
        let mut states: Vec<Buffer> = sizes?.into_iter().map(Buffer::zeroed).collect();
        let inputs: Vec<Buffer> = program.inputs.iter().map(|i| Buffer::zeroed(i.dtype.size())).collect();
        if program.states.iter().any(|s| !given.contains_key(&s.path)) {
            Engines::new(program, &program.initialise)?.step(program, &mut states, &inputs, 0, pools)?;
        }
        for (name, tensor) in given {
            let found = program.states.iter().position(|s| s.path == *name);
            let number = found.ok_or_else(|| format!("the program has no state {name}"))?;
            let state = &program.states[number];
            if state.ty.sizes().as_ref() != Some(&tensor.shape) {
                return Err(format!("{name} has the shape {:?}", tensor.shape));
            }
            states[number] = Buffer::from_bytes(&tensor.bytes(state.ty.dtype));
        }
        Ok(Machine { program, states, inputs, pools })
    }

    /// The outputs of the first predict block, by name.
    ///
    /// # Errors
    /// When it has no code, or engines differ.
    pub(crate) fn predict(&mut self) -> Result<Named, String> {
        let plan = self.program.predict.first().ok_or("the program does not predict")?;
        self.outputs(&plan.graph, 0)
    }

    /// One step of training and its outputs; states go on from there.
    ///
    /// # Errors
    /// When it has no code, or engines differ.
    pub(crate) fn train(&mut self, steps: i64, each: &mut dyn FnMut(i64, &Named, &Machine<'_>)) -> Result<(), String> {
        let plan = self.program.train.as_ref().ok_or("the program does not train")?;
        let mut engines = Engines::new(self.program, &plan.step)?;
        for step in 0..steps {
            let outputs = engines.step(self.program, &mut self.states, &self.inputs, step, self.pools)?;
            let named = named(&engines.full, &outputs);
            each(step + 1, &named, self);
        }
        Ok(())
    }

    fn outputs(&mut self, graph: &Graph, step: i64) -> Result<Named, String> {
        let mut engines = Engines::new(self.program, graph)?;
        let outputs = engines.step(self.program, &mut self.states, &self.inputs, step, self.pools)?;
        Ok(named(&engines.full, &outputs))
    }

    /// The value of a state by its path.
    pub(crate) fn state(&self, path: &str) -> Option<Tensor> {
        let number = self.program.states.iter().position(|s| s.path == path)?;
        let ty = &self.program.states[number].ty;
        Some(tensor(ty.dtype, ty.sizes()?, self.states[number].as_slice()))
    }
}

fn named(engine: &Executable, outputs: &[Vec<u8>]) -> Named {
    let specs = engine.outputs().iter().zip(outputs);
    specs.map(|(s, bytes)| (s.name.clone(), tensor(s.dtype, s.shape.clone(), bytes))).collect()
}

fn tensor(dtype: DType, shape: Vec<usize>, bytes: &[u8]) -> Tensor {
    let count = bytes.len() / dtype.size();
    Tensor { shape, dtype, values: (0..count).map(|i| element_as_f64(dtype, bytes, i)).collect() }
}
