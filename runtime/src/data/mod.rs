//! Data sets: one reader a file, all of them giving tables of typed columns.
//!
//! A [`Request`] says which files; [`Request::schema`] tells columns, shapes and counts without reading more than it
//! must (the compiler checks programs against it), [`Request::load`] reads the columns that a program uses.
//! [`split`](mod@split) divides rows into training, validation and test parts, [`batch`] orders and gathers them. No
//! reader panics, whatever the bytes, and none believes a header before it has compared it with the length of the file.

pub mod batch;
mod bytes;
mod column;
mod csv;
mod error;
mod file;
pub mod idx;
mod idx_folder;
pub mod split;

use std::path::{Path, PathBuf};

pub use self::bytes::Bytes;
pub use self::column::{Column, MAX_COLUMN_BYTES, Table};
pub use self::error::{DataError, Place};
use crate::dtype::DType;

/// The kinds of source, by the names that a data block gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `idx("folder")`: image and label files as MNIST has them.
    Idx,
    /// `csv("file.csv")`: a header row and numbers.
    Csv,
}

impl Format {
    /// Every format, in the order of declaration.
    pub const ALL: [Format; 2] = [Format::Idx, Format::Csv];

    /// The name in a data block.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Idx => "idx",
            Format::Csv => "csv",
        }
    }

    /// The format of that name.
    pub fn named(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// A source to be read.
#[derive(Clone, Debug)]
pub struct Request {
    /// How to read it.
    pub format: Format,
    /// The file or folder.
    pub path: PathBuf,
    /// How to get the data, shown when the file or folder is not there.
    pub hint: Option<String>,
}

/// One column as its header describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSchema {
    /// The name that a data block uses.
    pub name: String,
    /// The element type, or why the column cannot be used (a CSV column that holds text, say).
    pub dtype: Result<DType, DataError>,
    /// The shape of one row; empty for a scalar.
    pub row_shape: Vec<usize>,
}

impl ColumnSchema {
    fn of(column: &Column) -> ColumnSchema {
        let row_shape = column.row_shape().to_vec();
        ColumnSchema { name: column.name().to_owned(), dtype: Ok(column.dtype()), row_shape }
    }
}

/// What a source holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// All columns, in the order of the source.
    pub columns: Vec<ColumnSchema>,
    /// Rows to train on, before any split.
    pub train_rows: usize,
    /// Rows of the source's own test part, if it has one.
    pub test_rows: Option<usize>,
}

/// The loaded columns of a source.
#[derive(Debug)]
pub struct Source {
    /// Rows to train on, before any split.
    pub train: Table,
    /// The source's own test part, with the same columns.
    pub test: Option<Table>,
}

impl Request {
    /// Columns, shapes and counts. For IDX only headers are read (and the first bytes inflated); a CSV file is read
    /// whole.
    pub fn schema(&self) -> Result<Schema, DataError> {
        self.with_hint(|path| match self.format {
            Format::Idx => idx_folder::schema(path),
            Format::Csv => csv::schema(path),
        })
    }

    /// Reads the wanted columns, in that order. Columns that are not wanted are not checked.
    pub fn load(&self, wanted: &[&str]) -> Result<Source, DataError> {
        self.with_hint(|path| match self.format {
            Format::Idx => idx_folder::load(path, wanted),
            Format::Csv => csv::load(path, wanted),
        })
    }

    fn with_hint<T>(&self, read: impl FnOnce(&Path) -> Result<T, DataError>) -> Result<T, DataError> {
        let path = file::absolute(&self.path);
        read(&path).map_err(|error| match &self.hint {
            // The hint helps when the source is not there at all, not when one of its files is damaged.
            Some(hint) if is_absent(&path) => error.help(hint.clone()),
            _ => error,
        })
    }
}

/// Whether there is nothing at all at `path`, or only an empty folder.
fn is_absent(path: &Path) -> bool {
    !path.exists() || path.read_dir().is_ok_and(|mut entries| entries.next().is_none())
}

#[cfg(test)]
mod hostile;
