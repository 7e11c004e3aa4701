//! What elaboration makes of a file: states, inputs, three graphs in which `batch` is still free, and the plan of the run.
//!
//! A program knows no batch size. [`crate::passes::specialise`] puts numbers for the free sizes before code is made.

use crate::ir::attrs::Slot;
use crate::ir::dim::{Dim, Sym};
use crate::ir::graph::{Graph, SiteId};
use crate::ir::print::Names;
use crate::ir::types::{DType, TensorType};
use nnc_grammar::span::Span;
use nnc_runtime::checkpoint::Layout;
use nnc_runtime::data::{Encoding, Format, Wanted};
use nnc_runtime::train::{Cadences, Fill, PaddedAxis};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// A place in the text together with the layer path it was reached by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Site {
    /// The text.
    pub span: Span,
    /// `Mlp.dense_2`; empty outside layers.
    pub path: String,
}

/// What a state is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Trained.
    Parameter,
    /// Kept by an optimizer for one parameter.
    Slot,
    /// The average of a parameter's values, which evaluation and prediction read in its place.
    Average,
    /// Kept by a layer, not trained: running statistics.
    Statistic,
    /// Computed of the training rows before the first step.
    Fitted,
    /// Kept by a metric over one pass, reset before it.
    Metric,
}

/// A tensor that lives from step to step.
#[derive(Debug, Clone)]
pub struct State {
    /// `Mlp.dense.w`, `Mlp.dense.w#Adam.m`, `metric.confusion.counts`.
    pub path: String,
    /// Its type; sizes are numbers.
    pub ty: TensorType,
    /// What it is for.
    pub role: Role,
    /// Its declaration.
    pub site: SiteId,
}

/// A column of the data that the graphs read, one buffer a batch: `[batch, row shape…]`, `[batch, padded axis, row shape…]` or,
/// for the lengths of rows, `[batch]`.
#[derive(Debug, Clone)]
pub struct Input {
    /// The data block.
    pub data: String,
    /// The column's name in the source.
    pub column: String,
    /// The element type in the buffer: raw columns stay u8; numeric text is in the run's precision; class numbers are i32.
    pub dtype: DType,
    /// How its text becomes class numbers.
    pub encoding: Option<Arc<Encoding>>,
    /// The shape of one row; of one value of a row along a padded axis.
    pub row_shape: Vec<usize>,
    /// Whether it holds rows of one shape, rows that are filled up, or the lengths of rows.
    pub fill: Fill,
    /// Among which whole numbers its values must be, when fields declare them as class numbers.
    pub classes: Option<Range<i64>>,
    /// Where the field that reads it is declared.
    pub span: Span,
}

/// A `data` block.
#[derive(Debug, Clone)]
pub struct DataPlan {
    /// Its name.
    pub name: String,
    /// Where its rows come from.
    pub source: SourceSpec,
    /// The share of the training rows kept for validation.
    pub valid: f64,
    /// The share of all rows kept for the test, of a source without a test part of its own.
    pub test: f64,
}

/// Where rows come from: `idx("data/fashion")`.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSpec {
    /// The reader.
    pub format: Format,
    /// The path as written or set, not yet resolved against the file's folder.
    pub path: String,
    /// Where it is written, or the option that set it.
    pub span: Span,
}

/// What is said of a run's passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The rows trained on.
    Train,
    /// The rows held out of training.
    Valid,
    /// The rows never used before the end.
    Test,
}

/// How a figure is made from the values of a pass's batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gather {
    /// The mean over rows.
    MeanByRows,
    /// The mean by a number that the graphs report beside it.
    MeanByWeight,
    /// The value after the last batch: a metric that keeps state.
    Last,
}

/// A reported figure: a loss or a metric, an output of the graphs by name.
#[derive(Debug, Clone)]
pub struct Figure {
    /// `loss`, `accuracy`.
    pub name: String,
    /// Whether it is a loss.
    pub is_loss: bool,
    /// How batches combine.
    pub gather: Gather,
    /// Sizes; empty for one number. A matrix is shown as a table.
    pub shape: Vec<usize>,
    /// The names that its metric gives to its axes; empty where it names none.
    pub axes: Vec<String>,
    /// Whether the train step reports it too.
    pub in_training: bool,
    /// Its declaration.
    pub span: Span,
}

/// A figure of a part, to be watched: `valid.accuracy`.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Of which rows.
    pub part: Part,
    /// Which figure.
    pub figure: String,
    /// Whether larger is better.
    pub higher: bool,
    /// The line that says so.
    pub span: Span,
}

/// How PyTorch keeps a parameter or a statistic of a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The names of the module that owns it, `encoder.dense.*`, in a network that is built like the whole program.
    pub module: String,
    /// Its tensors there.
    pub layout: Layout,
}

/// What a file of PyTorch calls states.
#[derive(Debug, Clone, PartialEq)]
pub struct Called {
    /// For each state the names of the module that owns it: `net.3.*`.
    pub modules: Vec<String>,
    /// Whether the line tells the name.
    pub told: bool,
}

/// `init Encoder from "encoder.safetensors"`: states that begin as a file has them.
#[derive(Debug, Clone)]
pub struct Init {
    /// Parameters and statistics, by number.
    pub states: Vec<u32>,
    /// The path as written or set, not yet resolved against the file's folder.
    pub path: String,
    /// Where the path is written.
    pub span: Span,
    /// What is initialised, as written.
    pub at: Span,
    /// `as torch`: what the file calls these states.
    pub torch: Option<Called>,
}

/// A data block that is trained on.
#[derive(Debug, Clone)]
pub struct TrainData {
    /// Source and split.
    pub plan: DataPlan,
    /// Its updates are the statistics of the data, of all training rows as one batch.
    pub fit: Option<Graph>,
}

/// A `train` block.
#[derive(Debug, Clone)]
pub struct TrainPlan {
    /// The data trained on: a pass over its rows is an epoch.
    pub data: TrainData,
    /// Further data, which gives as many rows as each batch of the first has and begins anew where it ends.
    pub others: Vec<TrainData>,
    /// Rows of a batch.
    pub batch: usize,
    /// Passes over the training rows.
    pub epochs: usize,
    /// What is reported, losses first.
    pub figures: Vec<Figure>,
    /// `keep highest valid.accuracy`: when `best.safetensors` is written.
    pub keep: Option<Watch>,
    /// `stop after n epochs without lower valid.loss`.
    pub stop: Option<(usize, Watch)>,
    /// What begins as files have it.
    pub init: Vec<Init>,
    /// What is not done in every step.
    pub cadences: Cadences,
    /// The step: outputs are the figures with `in_training`, the guard is the sum of the losses, updates are new states.
    pub step: Graph,
    /// The other kinds of steps, in which lines with a cadence rest, in the order of `cadences`.
    pub partial: Vec<Graph>,
    /// Outputs are all figures; updates those of the metrics' states.
    pub evaluate: Graph,
}

impl TrainPlan {
    /// All data, in the order in which the block names them.
    pub fn blocks(&self) -> impl Iterator<Item = &TrainData> {
        std::iter::once(&self.data).chain(&self.others)
    }

    /// The graphs of the kinds of steps, in the order of `cadences`.
    pub fn kinds(&self) -> impl Iterator<Item = &Graph> {
        std::iter::once(&self.step).chain(&self.partial)
    }
}

/// `sample = e as png(grid = 8)`: an output that is pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The output.
    pub output: String,
    /// How many; one a row of the data if nothing.
    pub count: Option<usize>,
    /// The height, the width and the channels, 1 or 3, of each.
    pub size: [usize; 3],
    /// How many lie side by side; as it comes out if nothing.
    pub columns: Option<usize>,
}

impl Picture {
    /// How many of `count` pictures lie side by side: where nothing is said, as many as below each other.
    pub fn columns_of(&self, count: usize) -> usize {
        let root = count.isqrt();
        self.columns.unwrap_or(if root * root < count { root + 1 } else { root }).max(1)
    }
}

/// `said = e as text(vocab)`: an output whose numbers stand for tokens, along its last axis.
#[derive(Debug, Clone)]
pub struct TextForm {
    /// The output.
    pub output: String,
    /// What its numbers stand for.
    pub encoding: Arc<Encoding>,
}

/// A `predict` block.
#[derive(Debug, Clone)]
pub struct PredictPlan {
    /// Its name; `predict` when it has none.
    pub name: String,
    /// The data it reads; none where it computes from its arguments alone.
    pub data: Option<DataPlan>,
    /// Outputs that are pictures.
    pub pictures: Vec<Picture>,
    /// Outputs that are texts.
    pub texts: Vec<TextForm>,
    /// Outputs are its bindings that no line uses.
    pub graph: Graph,
}

/// One model in the table that a run prints.
#[derive(Debug, Clone)]
pub struct Row {
    /// `Mlp.dense.w`.
    pub path: String,
    /// Its sizes.
    pub shape: Vec<usize>,
    /// Number of elements.
    pub elements: usize,
    /// Multiply-adds of one row of the batch that involve it, forward.
    pub multiply_adds: usize,
}

/// A checked file.
#[derive(Debug, Clone)]
pub struct Program {
    /// f32 or f64.
    pub precision: DType,
    /// All states; graphs name them by number.
    pub states: Vec<State>,
    /// All inputs; graphs name them by number.
    pub inputs: Vec<Input>,
    /// The padded axes with their free sizes; inputs name them by number.
    pub padded: Vec<(Dim, PaddedAxis)>,
    /// All places; nodes name them by number.
    pub sites: Vec<Site>,
    /// Updates every state to its initial value.
    pub initialise: Graph,
    /// The `train` block.
    pub train: Option<TrainPlan>,
    /// The `predict` blocks.
    pub predict: Vec<PredictPlan>,
    /// How PyTorch keeps parameters and statistics, by number.
    pub torch: BTreeMap<u32, Kept>,
    /// Parameters for the model table.
    pub table: Vec<Row>,
}

impl Program {
    /// What an input is called: its column, as the data block reads it.
    fn input_name(&self, input: &Input) -> String {
        match input.fill {
            Fill::Lengths(axis) => {
                let name = self.padded.get(axis).map_or("", |(_, axis)| axis.name.as_str());
                format!("length({name})")
            }
            Fill::Fixed | Fill::Padded(_) => input.wanted().name(),
        }
    }

    /// The number that a free size has, where `sizes` are the rows of a batch and then the sizes of the padded axes.
    pub fn size(&self, sizes: &[usize], sym: &Sym) -> Option<i64> {
        let place = self.padded.iter().position(|(size, _)| *size == Dim::sym(&sym.0)).map_or(0, |axis| axis + 1);
        sizes.get(place).and_then(|&size| i64::try_from(size).ok())
    }

    /// The free sizes of a batch of `rows` rows with the longest rows that there may be.
    pub fn largest(&self, rows: usize) -> Vec<usize> {
        std::iter::once(rows).chain(self.padded.iter().map(|(_, axis)| axis.largest())).collect()
    }
}

impl Input {
    /// The column, in the words of the readers.
    pub fn wanted(&self) -> Wanted {
        Wanted { column: self.column.clone(), encoding: self.encoding.clone() }
    }
}

impl Names for Program {
    fn slot(&self, slot: Slot) -> String {
        match slot {
            Slot::Input(i) => self.inputs.get(i as usize).map_or_else(|| format!("input {i}"), |x| self.input_name(x)),
            Slot::State(i) => self.states.get(i as usize).map_or_else(|| format!("state {i}"), |x| x.path.clone()),
            Slot::Seed => "seed".into(),
            Slot::Step => "step".into(),
            Slot::Local(i) => format!("local {i}"),
        }
    }
}
