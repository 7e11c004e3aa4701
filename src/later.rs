//! Steps whose code is made while the run goes on: a run begins with the code of its first step alone.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Scope;

use nnc_compiler::interp::Oracle;
use nnc_compiler::ir::dim::Sym;
use nnc_compiler::ir::graph::Graph;
use nnc_compiler::passes::specialise::specialise;
use nnc_compiler::pipeline::CompileError;
use nnc_compiler::program::Program;
use nnc_runtime::step::{Fault, OutputSpec, Step, StepIo};

use crate::compile::{self, Engine};
use crate::console::Console;

/// A step whose code is on its way. It is waited for where the step is first performed; should there be none, by a mistake of
/// the compiler, the interpreter performs the step, with the same bits.
struct Later {
    graph: Graph,
    outputs: Vec<OutputSpec>,
    code: Receiver<Box<dyn Step>>,
    made: Option<Box<dyn Step>>,
}

/// Code that is to be made.
struct Wanted<'a> {
    graph: &'a Graph,
    sizes: Vec<usize>,
    to: Sender<Box<dyn Step>>,
}

/// Code to make on another thread, in this order.
#[derive(Default)]
pub(crate) struct Queue<'a>(Vec<Wanted<'a>>);

impl<'a> Queue<'a> {
    /// The step of `graph` for batches of these free sizes, which `size` gives by name, whose code will be made.
    ///
    /// # Errors
    /// When an operation cannot be had at these sizes.
    pub(crate) fn step(
        &mut self,
        graph: &'a Graph,
        sizes: &[usize],
        size: &dyn Fn(&Sym) -> Option<i64>,
    ) -> Result<Box<dyn Step>, CompileError> {
        let sized = specialise(graph, size)?;
        let spec = |output: &nnc_compiler::ir::graph::Output| {
            let ty = sized.ty(output.value);
            // Sizes are numbers after `specialise`.
            OutputSpec { name: output.name.clone(), dtype: ty.dtype, shape: ty.sizes().unwrap_or_default() }
        };
        let outputs = sized.outputs.iter().map(spec).collect();
        let (to, code) = channel();
        self.0.push(Wanted { graph, sizes: sizes.to_vec(), to });
        Ok(Box::new(Later { graph: sized, outputs, code, made: None }))
    }

    /// Makes all of it on a thread, which ends early when nobody waits any more.
    pub(crate) fn start<'s>(self, scope: &'s Scope<'s, '_>, program: &'s Program, engine: Engine, console: Console)
    where
        'a: 's,
    {
        scope.spawn(move || {
            for Wanted { graph, sizes, to } in self.0 {
                match compile::step(program, graph, &sizes, engine) {
                    Ok(step) => {
                        if to.send(step).is_err() {
                            return;
                        }
                    }
                    Err(error) => {
                        let batches = compile::shown(program, &sizes);
                        console.remark(&format!("no code for batches of {batches}, so the oracle runs: {error}"))
                    }
                }
            }
        });
    }
}

impl Step for Later {
    fn run(&mut self, io: &mut StepIo<'_>) -> Result<(), Fault> {
        let (code, graph) = (&self.code, &self.graph);
        let made = || code.recv().unwrap_or_else(|_| Box::new(Oracle::new(graph.clone())));
        self.made.get_or_insert_with(made).run(io)
    }

    fn outputs(&self) -> &[OutputSpec] {
        &self.outputs
    }

    fn output(&self, index: usize) -> &[u8] {
        // A value is asked for after the step that makes it.
        self.made.as_ref().map_or(&[], |step| step.output(index))
    }

    fn arena_bytes(&self) -> usize {
        self.made.as_ref().map_or(0, |step| step.arena_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nnc_compiler::ir::attrs::Slot;
    use nnc_compiler::ir::builder::Builder;
    use nnc_compiler::ir::dim::Dim;
    use nnc_compiler::ir::types::{DType, TensorType};
    use nnc_runtime::buffer::Buffer;
    use nnc_runtime::kernels::pool::Pool;

    #[test]
    fn a_step_without_code_is_interpreted() {
        let b = Builder::new();
        let x = b.read(Slot::Input(0), TensorType::new(DType::F32, vec![Dim::sym("batch")]));
        b.output("doubled", x + x);
        let graph = b.finish();
        let mut queue = Queue::default();
        let mut step = queue.step(&graph, &[2], &|_| Some(2)).unwrap();
        assert_eq!((step.outputs()[0].name.as_str(), &step.outputs()[0].shape), ("doubled", &vec![2]));
        drop(queue);
        let inputs = [Buffer::from_bytes(&[1.5f32, -2.0].map(f32::to_le_bytes).concat())];
        let pool = Pool::new(1).unwrap();
        let io = &mut StepIo { states: &mut [], inputs: &inputs, seed: 0, step: 0, pool: &pool, threads_always: false };
        step.run(io).unwrap();
        assert_eq!(step.output(0), [3f32, -4.0].map(f32::to_le_bytes).concat());
    }
}
