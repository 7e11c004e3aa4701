//! The data blocks of a train block: which columns of each are read, how its rows are divided, and the rows themselves.

use nnc_compiler::ir::graph::Graph;
use nnc_compiler::program::{TrainData, TrainPlan};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;
use nnc_runtime::data::split::Split;
use nnc_runtime::data::{DataError, Source};
use nnc_runtime::train::{InputSpec, Order, Parts};

use crate::console::{Console, Failed};
use crate::load::Loaded;
use crate::session;

/// A data block whose columns some graphs read.
pub(crate) struct Block<'a> {
    pub(crate) data: &'a TrainData,
    pub(crate) split: Split,
    inputs: Vec<InputSpec>,
    spans: Vec<Span>,
}

impl<'a> Block<'a> {
    /// The blocks of a train block with what of them these graphs read, the one whose rows make an epoch first.
    pub(crate) fn all(
        loaded: &Loaded,
        train: &'a TrainPlan,
        graphs: &[&Graph],
        (order, seed): (Order, u64),
        console: &Console,
    ) -> Result<Vec<Block<'a>>, Failed> {
        let (inputs, spans) = session::inputs(&loaded.program, graphs);
        let mut blocks: Vec<Block<'a>> = vec![];
        for data in train.blocks() {
            // Inputs are numbered by the program.
            let own = |(input, _): &(&InputSpec, &Span)| loaded.program.inputs[input.number].data == data.plan.name;
            let (inputs, spans) = inputs.iter().zip(&spans).filter(own).map(|(i, s)| (i.clone(), *s)).unzip();
            let split = session::split_rows(loaded, &data.plan, order, seed, console)?;
            blocks.push(Block { data, split, inputs, spans });
        }
        if let Some((first, others)) = blocks.split_first() {
            for other in others {
                first.has_company(other, loaded, console)?;
            }
        }
        Ok(blocks)
    }

    /// Whether another block has rows in each part in which this one has some.
    fn has_company(&self, other: &Block<'_>, loaded: &Loaded, console: &Console) -> Result<(), Failed> {
        let rows = |split: &Split| [split.train.len(), split.valid.len(), session::test_rows(split)];
        let parts = ["training", "validation", "the test"].into_iter().zip(rows(&self.split)).zip(rows(&other.split));
        for ((part, own), theirs) in parts {
            if own > 0 && theirs == 0 {
                let (name, wanting) = (&self.data.plan.name, &other.data.plan);
                let headline = format!("`{}` has no rows for {part}, and `{name}` has", wanting.name);
                let d = Diagnostic::error(codes::DATA, wanting.source.span, headline);
                let d = d.note("each batch takes as many rows of one as of the other");
                return Err(loaded.fail(console, &d.help("hold a share out of both: `split: holdout(valid = 0.1)`")));
            }
        }
        Ok(())
    }

    /// Reads its columns, and `more` of them.
    pub(crate) fn read(
        &self,
        loaded: &Loaded,
        more: &[InputSpec],
    ) -> impl FnOnce() -> Result<Source, DataError> + Send + use<> {
        session::read_source(loaded, &self.data.plan, &[&self.inputs, more].concat())
    }

    /// Reports an error in its data.
    pub(crate) fn failure(&self, loaded: &Loaded, error: &DataError, console: &Console) -> Failed {
        session::data_failure(loaded, self.data.plan.source.span, error, console)
    }

    fn parts<'s>(&self, loaded: &Loaded, source: &'s Source, console: &Console) -> Result<Parts<'s>, Failed> {
        let parts = Parts::new(source, &self.split, &self.inputs, &session::axes(&loaded.program));
        parts.map_err(|unfed| session::data_failure(loaded, self.spans[unfed.input], &unfed.error, console))
    }
}

/// The columns that blocks read.
pub(crate) fn inputs(blocks: &[Block<'_>]) -> Vec<InputSpec> {
    blocks.iter().flat_map(|block| block.inputs.iter().cloned()).collect()
}

/// The rows of blocks, whose sources these are: those of the first with those of the others beside them. There is at least one.
pub(crate) fn parts<'s>(
    loaded: &Loaded,
    blocks: &[Block<'_>],
    sources: &'s [Source],
    console: &Console,
) -> Result<Parts<'s>, Failed> {
    let mut parts = blocks.iter().zip(sources).map(|(block, source)| block.parts(loaded, source, console));
    // A train block names at least one data block.
    let first = parts.next().unwrap_or(Err(Failed::Reported))?;
    Ok(first.beside(parts.collect::<Result<_, _>>()?))
}
