//! A program in every engine: the oracle leads, native code does each step from the same states on the same rows.

use crate::program::Draft;
use crate::support::Rng;
use crate::world::{Columns, batch};
use nnc_compiler::codegen::{self, Options};
use nnc_compiler::elaborate;
use nnc_compiler::interp::Oracle;
use nnc_compiler::ir::array::Array;
use nnc_compiler::ir::graph::Graph;
use nnc_compiler::passes::specialise::specialise;
use nnc_compiler::pipeline::{PassOptions, optimise};
use nnc_compiler::program::Program;
use nnc_compiler::world;
use nnc_grammar::diagnostic::{Diagnostic, Severity};
use nnc_runtime::buffer::Buffer;
use nnc_runtime::kernels::pool::Pool;
use nnc_runtime::step::{Executable, Step, StepIo};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Steps of training.
const STEPS: i64 = 3;

/// Pools of one, two and three threads.
pub(crate) struct Pools([Pool; 3]);

impl Pools {
    pub(crate) fn new() -> Pools {
        Pools([1, 2, 3].map(|n| Pool::new(n).expect("threads can be had")))
    }
}

/// What a step leaves: whether it went well, its outputs, the states.
type Left = (Result<(), String>, Vec<Vec<u8>>, Vec<Buffer>);

struct Runner<'a> {
    program: &'a Program,
    pools: &'a Pools,
    states: Vec<Buffer>,
    rng: Rng,
}

/// Whether all steps had finite losses; or what was wrong with the program or differed.
pub(crate) fn try_out(draft: &Draft, pools: &Pools) -> Result<bool, String> {
    catch_unwind(AssertUnwindSafe(|| run(draft, pools))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(format!("panic: {}", text.or(panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default()))
    })
}

/// The program of a draft; the reports about it, where it is refused.
pub(crate) fn check(draft: &Draft) -> Result<Program, String> {
    let world = Columns(draft);
    let file = ("random.nn", &*draft.text());
    let checked = elaborate::check(&world, nnc_models::LIBRARY, file, &world::Options::default());
    let errors = checked.diagnostics.iter().filter(|d| d.severity == Severity::Error);
    let report = |d: &Diagnostic| {
        let at = checked.sources.line_column(d.primary.span);
        let text = checked.sources.text(d.primary.span);
        format!("error[{}] in line {}: {}; `{text}` {}", d.code.name, at.line, d.headline, d.primary.text)
    };
    let reports: Vec<String> = errors.map(report).collect();
    checked.program.ok_or_else(|| format!("refused: {}", reports.join("; ")))
}

fn run(draft: &Draft, pools: &Pools) -> Result<bool, String> {
    let program = check(draft)?;
    let bytes = |s: &nnc_compiler::program::State| {
        s.ty.sizes().expect("sizes of states are numbers").iter().product::<usize>() * s.ty.dtype.size()
    };
    let states = program.states.iter().map(|s| Buffer::zeroed(bytes(s))).collect();
    let mut runner = Runner { program: &program, pools, states, rng: Rng(7) };
    let train = program.train.as_ref().expect("the program trains");
    let mut initialise = runner.engines("initialise", &program.initialise, 1)?;
    runner.perform(&mut initialise, 0)?;
    let mut finite = true;
    let mut kinds: Vec<Option<Engines>> = train.kinds().map(|_| None).collect();
    for step in 0..STEPS {
        let kind = train.cadences.kind_of(step as u64 + 1);
        let engines = match &mut kinds[kind] {
            Some(engines) => engines,
            empty => {
                let graph = train.kinds().nth(kind).expect("as many graphs as kinds");
                empty.insert(runner.engines("step", graph, train.batch)?)
            }
        };
        finite &= runner.perform(engines, step)?;
    }
    let fewer = 1 + runner.rng.below(train.batch);
    let mut evaluate = runner.engines("evaluate", &train.evaluate, fewer)?;
    runner.perform(&mut evaluate, 0)?;
    for predict in &program.predict {
        let mut predict = runner.engines("predict", &predict.graph, train.batch)?;
        runner.perform(&mut predict, 0)?;
    }
    Ok(finite)
}

/// A graph for batches of some rows in every engine.
struct Engines {
    what: &'static str,
    n_rows: usize,
    oracle: Oracle,
    native: [(&'static str, Executable); 2],
}

impl Runner<'_> {
    fn engines(&self, what: &'static str, graph: &Graph, n_rows: usize) -> Result<Engines, String> {
        let sizes = self.program.largest(n_rows);
        let graph = specialise(graph, &|sym| self.program.size(&sizes, sym)).map_err(|e| format!("{what}: {e:?}"))?;
        let optimised = optimise(&graph, &PassOptions::default(), &mut |_, _, _| {});
        let compile = |graph: &Graph, fuse: bool| {
            let options = Options { fuse, wide: fuse, ..Options::default() };
            let compiled = codegen::compile(graph, self.program.states.len(), self.program.inputs.len(), &options);
            compiled.map(|c| c.executable).map_err(|e| format!("{what}, passes {fuse}: {e}"))
        };
        let native = [("off", compile(&graph, false)?), ("on", compile(&optimised, true)?)];
        Ok(Engines { what, n_rows, oracle: Oracle::new(graph), native })
    }

    /// A step in every engine; false where the oracle reports a fault.
    fn perform(&mut self, engines: &mut Engines, step: i64) -> Result<bool, String> {
        let inputs = batch(self.program, engines.n_rows, &mut self.rng);
        let want = self.step(&mut engines.oracle, &inputs, step, &self.pools.0[0], false);
        for (passes, engine) in &mut engines.native {
            for (threads, pool) in (1..).zip(&self.pools.0) {
                let got = self.step(engine, &inputs, step, pool, threads > 1);
                let how = format!("{} {step}, passes {passes}, {threads} threads", engines.what);
                self.compare(engine, &got, &want).map_err(|e| format!("{how}: {e}"))?;
            }
        }
        self.states = want.2;
        Ok(want.0.is_ok())
    }

    fn step(&self, engine: &mut dyn Step, inputs: &[Buffer], step: i64, pool: &Pool, threads_always: bool) -> Left {
        let mut states = self.states.clone();
        let mut io = StepIo { states: &mut states, inputs, seed: 5, step, pool, threads_always };
        let result = engine.run(&mut io).map_err(|fault| format!("{fault:?}"));
        let outputs = (0..engine.outputs().len()).map(|i| engine.output(i).to_vec()).collect();
        (result, outputs, states)
    }

    fn compare(&self, engine: &dyn Step, got: &Left, want: &Left) -> Result<(), String> {
        if got.0 != want.0 {
            return Err(format!("{:?}, not {:?}", got.0, want.0));
        }
        for (i, spec) in engine.outputs().iter().enumerate() {
            let read = |bytes: &[u8]| Array::from_bytes(spec.dtype, &spec.shape, bytes).expect("bytes of the type");
            let (got, want) = (read(&got.1[i]), read(&want.1[i]));
            if !got.same_bits(&want) {
                return Err(format!("{} is {got:?}, not {want:?}", spec.name));
            }
        }
        for (state, (got, want)) in self.program.states.iter().zip(got.2.iter().zip(&want.2)) {
            let shape = state.ty.sizes().expect("sizes of states are numbers");
            let read = |b: &Buffer| Array::from_bytes(state.ty.dtype, &shape, b.as_slice()).expect("whole elements");
            if !read(got).same_bits(&read(want)) {
                return Err(format!("`{}` is {:?}, not {:?}", state.path, read(got), read(want)));
            }
        }
        Ok(())
    }
}
