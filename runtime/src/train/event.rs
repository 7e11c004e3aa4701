//! What a run tells while it goes on. Serialised, an event is one JSON object with its kind under `event`.

use serde::Serialize;

use super::figures::Figures;

/// Which weights the figures at the end belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weights {
    /// Those after the last step.
    Last,
    /// Those that the `keep` line chose.
    Best,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// Before the first step.
    Start {
        /// Steps taken before, of a run that goes on.
        step: u64,
        /// Epochs completed before.
        epoch: u64,
        /// The most epochs there will be.
        epochs: u64,
        /// Steps of a whole epoch.
        steps_per_epoch: u64,
        /// The most steps there will be in all.
        steps: u64,
        /// Rows trained on.
        train_rows: usize,
        /// Rows validated on.
        valid_rows: usize,
        /// Rows tested on.
        test_rows: usize,
    },
    /// After each step.
    Step {
        /// Which, from 1.
        step: u64,
        /// The sum of the losses, before the update.
        loss: f64,
        /// The epoch it belongs to, from 1.
        #[serde(skip)]
        epoch: u64,
        /// Rows of the epoch seen so far.
        #[serde(skip)]
        rows: u64,
    },
    /// After each epoch, and after the part of one that a limit of steps ended.
    Epoch {
        /// Which, from 1.
        epoch: u64,
        /// Steps taken in all.
        step: u64,
        /// Figures over the rows trained on, each before the update of its step.
        train: Figures,
        /// Figures over the rows held out; empty when there are none.
        valid: Figures,
        /// Seconds spent in steps.
        seconds: f64,
        /// Rows trained on each second.
        rows_per_second: f64,
    },
    /// After an epoch whose watched figure is better than all before.
    Best {
        /// Which, from 1.
        epoch: u64,
        /// What is watched: `valid.accuracy`.
        figure: String,
        /// Its value.
        value: f64,
    },
    /// Training ends early.
    Stopped {
        /// After which epoch.
        epoch: u64,
        /// What is watched: `valid.loss`.
        figure: String,
        /// For how many epochs it has not improved.
        epochs: u64,
        /// Its best value.
        best: Option<f64>,
    },
    /// The run is over.
    End {
        /// Steps taken in all.
        steps: u64,
        /// Epochs completed.
        epochs: u64,
        /// Whose figures these are.
        weights: Weights,
        /// Figures over the rows held out; empty when there are none.
        valid: Figures,
        /// Figures over the rows of the test; empty when there are none.
        test: Figures,
        /// Seconds spent in steps, without evaluation and files.
        train_seconds: f64,
    },
}
