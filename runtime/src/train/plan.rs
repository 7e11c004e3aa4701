//! What a run is told: the states of the program, the figures it reports, and the rules of the `train` block.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroUsize;

use serde::Serialize;

use super::cadence::Cadences;
use crate::dtype::DType;

/// What a state is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Trained.
    Parameter,
    /// Kept by an optimizer for one parameter.
    Slot,
    /// The average of a parameter's values: its path is the parameter's with [`AVERAGE`] behind it.
    Average,
    /// Kept by a layer, not trained: running statistics.
    Statistic,
    /// Computed of the training rows before the first step.
    Fitted,
    /// Kept by a metric over one pass: reset before it, never saved.
    Metric,
}

impl Role {
    /// Whether a state of this role belongs to the model rather than to its training.
    pub const fn is_weight(self) -> bool {
        matches!(self, Role::Parameter | Role::Average | Role::Statistic | Role::Fitted)
    }
}

/// What stands behind the path of a parameter in that of its average.
pub const AVERAGE: &str = "#average";

/// A tensor that lives from step to step.
#[derive(Clone, Debug)]
pub struct StateSpec {
    /// `Mlp.dense.w`, `Mlp.dense.w#Adam.m`.
    pub path: String,
    /// Its element type.
    pub dtype: DType,
    /// Its sizes.
    pub shape: Vec<usize>,
    /// What it is for.
    pub role: Role,
}

/// How a figure of a pass is made from the values of its batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gather {
    /// The mean over rows, in double precision.
    MeanByRows,
    /// The mean by what batches weigh, a number that steps report under [`weight_of`] the figure's name. A batch that weighs nothing
    /// has no part in it.
    MeanByWeight,
    /// The value after the last batch: of a metric that keeps state.
    Last,
}

/// The name under which steps report what a batch weighs in a figure.
pub fn weight_of(figure: &str) -> String {
    format!("{figure}#weight")
}

/// A figure that steps report under its name.
#[derive(Clone, Debug)]
pub struct FigureSpec {
    /// `loss`, `accuracy`.
    pub name: String,
    /// Whether it is a loss.
    pub is_loss: bool,
    /// How batches combine.
    pub gather: Gather,
    /// Its sizes; empty for one number.
    pub shape: Vec<usize>,
    /// Whether the train step reports it too.
    pub in_training: bool,
}

/// A part of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The rows trained on.
    Train,
    /// The rows held out of training.
    Valid,
    /// The rows never used before the end.
    Test,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Train => "train",
            Part::Valid => "valid",
            Part::Test => "test",
        })
    }
}

/// A figure of a part, to be compared from epoch to epoch: `valid.accuracy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Of which rows. The test part is never watched.
    pub part: Part,
    /// Which figure, a single number.
    pub figure: String,
    /// Whether larger is better.
    pub higher: bool,
}

impl Watch {
    /// Whether `new` is strictly better than the best so far. A NaN never is.
    pub fn improves(&self, new: f64, best: Option<f64>) -> bool {
        match best {
            None => !new.is_nan(),
            Some(best) if self.higher => new > best,
            Some(best) => new < best,
        }
    }
}

impl fmt::Display for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.part, self.figure)
    }
}

/// The order of the training rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// A new permutation for each epoch, drawn from the seed.
    Shuffled,
    /// As in the file.
    Sequential,
}

impl Order {
    /// The name on the command line and in checkpoints.
    pub const fn name(self) -> &'static str {
        match self {
            Order::Shuffled => "shuffled",
            Order::Sequential => "sequential",
        }
    }

    /// The order of that name.
    pub fn named(name: &str) -> Option<Order> {
        [Order::Shuffled, Order::Sequential].into_iter().find(|order| order.name() == name)
    }
}

/// A run, apart from its program and its data.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Rows of a batch.
    pub batch: NonZeroUsize,
    /// Passes over the training rows.
    pub epochs: u64,
    /// Stops after so many steps in all, even within an epoch.
    pub steps: Option<u64>,
    /// The order of the training rows.
    pub order: Order,
    /// The seed of the run: of initial values, draws, orders and the split.
    pub seed: u64,
    /// What is not done in every step.
    pub cadences: Cadences,
    /// Which vocabulary each column of text was read by: its digest by the column's name. Files of weights keep them.
    pub vocabularies: BTreeMap<String, String>,
    /// What is reported.
    pub figures: Vec<FigureSpec>,
    /// When the weights are kept: the figure and its direction.
    pub keep: Option<Watch>,
    /// After how many epochs without improvement of which figure training stops.
    pub stop: Option<(u64, Watch)>,
}

impl Plan {
    /// The batch sizes that occur in passes over parts of these sizes: the full batch and the smaller last ones.
    pub fn batch_sizes(&self, parts: &[usize]) -> BTreeSet<usize> {
        let batch = self.batch.get();
        let sizes = parts.iter().flat_map(|&rows| [if rows >= batch { batch } else { 0 }, rows % batch]);
        sizes.filter(|&rows| rows > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_is_strict_and_never_a_nan() {
        let lowest = Watch { part: Part::Valid, figure: "loss".into(), higher: false };
        assert!(lowest.improves(1.0, None) && lowest.improves(0.5, Some(1.0)));
        assert!(!lowest.improves(1.0, Some(1.0)) && !lowest.improves(f64::NAN, None));
        assert!(!lowest.improves(f64::NAN, Some(1.0)));
        let highest = Watch { higher: true, ..lowest };
        assert!(highest.improves(2.0, Some(1.0)) && !highest.improves(1.0, Some(1.0)));
        assert_eq!(highest.to_string(), "valid.loss");
    }

    #[test]
    fn every_batch_size_is_named_once() {
        let plan = Plan {
            batch: NonZeroUsize::new(64).unwrap(),
            epochs: 1,
            steps: None,
            order: Order::Shuffled,
            seed: 0,
            cadences: Cadences::default(),
            vocabularies: BTreeMap::new(),
            figures: vec![],
            keep: None,
            stop: None,
        };
        assert_eq!(Vec::from_iter(plan.batch_sizes(&[1000, 64, 10, 0])), [10, 40, 64]);
        assert_eq!(Vec::from_iter(plan.batch_sizes(&[63])), [63]);
    }
}
