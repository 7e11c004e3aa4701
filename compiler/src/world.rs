//! What the compiler must learn from outside while it checks: the text of used files, and what is in the data. Implemented
//! by the command line with the runtime's readers, and by tests with tables.

use crate::program::SourceSpec;
use nnc_runtime::data::tokens::Tokens;
use nnc_runtime::data::{DataError, Encoding, Schema};
use std::sync::Arc;

/// The outside.
pub trait World {
    /// The text of `path`, taken relative to the file `from`; its name for diagnostics comes with it.
    fn source(&self, from: &str, path: &str) -> Result<(String, String), String>;

    /// Columns and row counts of a data source, its path taken relative to the file `from`.
    fn schema(&self, from: &str, spec: &SourceSpec) -> Result<Schema, DataError>;

    /// The class numbers that the text of a column becomes. A world without texts has none.
    fn encoding(
        &self,
        _from: &str,
        spec: &SourceSpec,
        column: &str,
        _tokens: &Tokens,
    ) -> Result<Arc<Encoding>, DataError> {
        Err(DataError::new(&spec.path, format!("the text of `{column}` cannot be read")))
    }
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
    /// The predict block that is asked for by its name.
    pub predict: Option<String>,
    /// `--give name=value`, in order: arguments of that block, or of the only one.
    pub give: Vec<(String, String)>,
}
