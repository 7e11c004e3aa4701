//! The statistics of the training rows, computed before a run begins: `fit m = mean(area)`.

use nnc_compiler::ir::graph::Graph;
use nnc_compiler::program::TrainData;
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;
use nnc_runtime::buffer::Buffer;
use nnc_runtime::checkpoint::Checkpoint;
use nnc_runtime::data::Table;
use nnc_runtime::kernels::pool::Pool;
use nnc_runtime::step::StepIo;
use nnc_runtime::train::{Feed, InputSpec, input_buffers};

use crate::compile::{self, Engine};
use crate::console::{Console, Failed};
use crate::load::Loaded;
use crate::report::Plain;
use crate::{session, weights};

/// Statistics that are to be computed.
pub(super) struct Fit<'a> {
    loaded: &'a Loaded,
    graph: &'a Graph,
    inputs: Vec<InputSpec>,
    spans: Vec<Span>,
}

impl<'a> Fit<'a> {
    /// The statistics of data trained on, if there are any that the file to start from does not hold.
    pub(super) fn of(loaded: &'a Loaded, data: &'a TrainData, file: Option<&Checkpoint>) -> Option<Fit<'a>> {
        let graph = data.fit.as_ref()?;
        if file.is_some_and(|file| weights::unfitted(&loaded.program, file).is_none()) {
            return None;
        }
        let (inputs, spans) = session::inputs(&loaded.program, &[graph]);
        Some(Fit { loaded, graph, inputs, spans })
    }

    /// The columns that they are computed of.
    pub(super) fn inputs(&self) -> &[InputSpec] {
        &self.inputs
    }

    /// Computes them of these rows of a table, as one batch.
    pub(super) fn compute(
        &self,
        table: &Table,
        rows: &[u32],
        states: &mut [Buffer],
        (engine, pool, seed): (Engine, &Pool, u64),
        console: &Console,
    ) -> Result<(), Failed> {
        let (loaded, program) = (self.loaded, &self.loaded.program);
        let axes = session::axes(program);
        let feed = Feed::new(table, &self.inputs, &axes)
            .map_err(|unfed| session::data_failure(loaded, self.spans[unfed.input], &unfed.error, console))?;
        let mut buffers = input_buffers(program.inputs.len(), &self.inputs, &axes, rows.len())
            .ok_or_else(|| Plain::new(codes::TOO_LARGE, "the training rows take more bytes than can be counted"))?;
        let mut sizes = vec![];
        feed.fill(rows, &mut buffers, &mut sizes);
        let step = compile::step(program, self.graph, &sizes, engine);
        let mut step = step.map_err(|error| compile::refuse(loaded, console, &sizes, &error))?;
        let seed = seed.cast_signed();
        let mut io = StepIo { states, inputs: &buffers, seed, step: 0, pool, threads_always: false };
        // Nothing is guarded in this graph.
        step.run(&mut io).map_err(|_| Plain::new(codes::NOT_FINITE, "a statistic is not finite"))?;
        match weights::not_finite(program, states) {
            Some(state) => {
                let headline = format!("the statistic `{}` is not finite", state.path);
                let span = program.sites.get(state.site.0 as usize).map(|site| site.span);
                Err(match span {
                    Some(span) => loaded.fail(console, &Diagnostic::error(codes::NOT_FINITE, span, headline)),
                    None => Plain::new(codes::NOT_FINITE, headline).into(),
                })
            }
            None => Ok(()),
        }
    }
}
