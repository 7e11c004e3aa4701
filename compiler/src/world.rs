//! What the compiler must learn from outside while it checks: the text of used files, and what is in the data. Implemented
//! by the command line with the runtime's readers, and by tests with tables.

use crate::program::SourceSpec;
use nnc_runtime::data::{DataError, Schema};

/// The outside.
pub trait World {
    /// The text of `path`, taken relative to the file `from`; its name for diagnostics comes with it.
    fn source(&self, from: &str, path: &str) -> Result<(String, String), String>;

    /// Columns and row counts of a data source, its path taken relative to the file `from`.
    fn schema(&self, from: &str, spec: &SourceSpec) -> Result<Schema, DataError>;
}

/// What a person may choose from the shell.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `--set name=value`, in order.
    pub set: Vec<(String, String)>,
    /// `--epochs N`.
    pub epochs: Option<usize>,
    /// `--steps N`: the run's total, which schedules see.
    pub steps: Option<usize>,
    /// `--batch N`.
    pub batch: Option<usize>,
}
