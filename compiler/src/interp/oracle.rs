//! A graph as a step of the training loop: the slow, plain twin of native code.

use super::{Env, Prepared, check, evaluate_all, prepare_all, source};
use crate::ir::graph::{Graph, Output};
use nnc_runtime::step::{Fault, OutputSpec, Step, StepIo};

/// Performs a step by evaluating its graph. All reads see the states as they were at the start; the guard is checked before
/// any state is written; outputs are there after a fault too.
#[derive(Debug)]
pub struct Oracle {
    graph: Graph,
    prepared: Vec<Prepared>,
    specs: Vec<OutputSpec>,
    outputs: Vec<Vec<u8>>,
}

impl Oracle {
    /// A step that evaluates `graph`.
    ///
    /// # Panics
    /// When a free size is left in the graph.
    pub fn new(graph: Graph) -> Oracle {
        let prepared = prepare_all(&graph);
        let specs: Vec<OutputSpec> = graph.outputs.iter().map(|o| spec(&graph, o)).collect();
        let outputs = specs.iter().map(|s| vec![0; s.shape.iter().product::<usize>() * s.dtype.size()]).collect();
        Oracle { graph, prepared, specs, outputs }
    }
}

fn spec(graph: &Graph, output: &Output) -> OutputSpec {
    let ty = graph.ty(output.value);
    let shape = ty.sizes().unwrap_or_else(|| panic!("`{}` of type {ty} has a free size", output.name));
    OutputSpec { name: output.name.clone(), dtype: ty.dtype, shape }
}

impl Step for Oracle {
    fn run(&mut self, io: &mut StepIo<'_>) -> Result<(), Fault> {
        let env = Env { states: io.states, inputs: io.inputs, seed: io.seed, step: io.step };
        let values = evaluate_all(&self.graph, &self.prepared, &|node| source(node, &env));
        for (bytes, output) in self.outputs.iter_mut().zip(&self.graph.outputs) {
            *bytes = values.get(output.value).to_bytes();
        }
        check(&self.graph, &values)?;
        for (state, value) in &self.graph.updates {
            let bytes = values.get(*value).to_bytes();
            io.states[*state as usize].as_mut_slice()[..bytes.len()].copy_from_slice(&bytes);
        }
        Ok(())
    }

    fn outputs(&self) -> &[OutputSpec] {
        &self.specs
    }

    fn output(&self, index: usize) -> &[u8] {
        &self.outputs[index]
    }

    fn arena_bytes(&self) -> usize {
        0
    }
}
