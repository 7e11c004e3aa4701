//! Data sets: one reader a file, all of them giving tables of typed columns.
//!
//! A [`Request`] says which files; [`Request::schema`] tells columns, shapes and counts without reading more than it
//! must (the compiler checks programs against it), [`Request::load`] reads the columns that a program uses.
//! [`split`](mod@split) divides rows into training, validation and test parts, [`batch`] orders and gathers them. No
//! reader panics, whatever the bytes, and none believes a header before it has compared it with the length of the file.

pub mod batch;
mod bytes;
mod class_folders;
mod column;
mod csv;
mod error;
mod file;
pub mod idx;
mod idx_folder;
mod images;
mod media;
mod names;
mod npy;
pub mod split;
mod texts;
pub mod tokens;
mod wav;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::bytes::Bytes;
pub use self::column::{Column, MAX_COLUMN_BYTES, Table};
pub use self::error::{DataError, Place};
pub use self::images::ImageForm;
pub use self::names::Pattern;
use self::texts::Texts;
pub use self::texts::Windows;
use self::tokens::{Tokens, Vocabulary};
pub use self::wav::WavForm;
use crate::dtype::DType;

/// The kinds of source, by the names that a data block gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// `idx("folder")`: image and label files as MNIST has them.
    Idx,
    /// `csv("file.csv")`: a header row, numbers and texts.
    Csv,
    /// `images("folder")`: PNG and JPEG files in folders of classes.
    Images(ImageForm),
    /// `npy("folder")`, `npy("data.npz")`: NumPy arrays, a column each.
    Npy,
    /// `wav("folder")`: recordings in folders of classes.
    Wav(WavForm),
    /// `lines("file.txt")`: a text a line.
    Lines,
    /// `text("file.txt", window = 65)`: one text, cut into windows.
    Text(Windows),
}

impl Format {
    /// Every format, in the order of declaration, as a path alone asks for it.
    pub const ALL: [Format; 7] = [
        Format::Idx,
        Format::Csv,
        Format::Images(ImageForm::AS_IT_IS),
        Format::Npy,
        Format::Wav(WavForm::AS_IT_IS),
        Format::Lines,
        Format::Text(Windows::UNTOLD),
    ];

    /// The name in a data block.
    pub const fn name(&self) -> &'static str {
        match self {
            Format::Idx => "idx",
            Format::Csv => "csv",
            Format::Images(_) => "images",
            Format::Npy => "npy",
            Format::Wav(_) => "wav",
            Format::Lines => "lines",
            Format::Text(_) => "text",
        }
    }

    /// The format of that name.
    pub fn named(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// A source to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The shape of one row; empty for a scalar. Of one value of a row where rows differ in length.
    pub row_shape: Vec<usize>,
    /// The shortest and the longest row, where rows differ in length.
    pub lengths: Option<(usize, usize)>,
    /// Whether it can be read as text, by `chars` and `words`.
    pub is_text: bool,
}

impl ColumnSchema {
    fn of(column: &Column) -> ColumnSchema {
        let row_shape = column.row_shape().to_vec();
        ColumnSchema::new(column.name(), Ok(column.dtype()), row_shape)
    }

    /// A column of rows of one shape.
    pub fn new(name: impl Into<String>, dtype: Result<DType, DataError>, row_shape: Vec<usize>) -> ColumnSchema {
        ColumnSchema { name: name.into(), dtype, row_shape, lengths: None, is_text: false }
    }

    /// A column of text of the file at `path`.
    fn text(name: &str, path: &Path) -> ColumnSchema {
        let error = DataError::new(path, format!("column `{name}` holds text")).at(Place::Column(name.to_owned()));
        let dtype = Err(error.help(format!("cut it into class numbers: `chars({name})` or `words({name})`")));
        ColumnSchema { is_text: true, ..ColumnSchema::new(name, dtype, vec![]) }
    }
}

/// A column as a program reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name in the source.
    pub column: String,
    /// How its text becomes class numbers.
    pub encoding: Option<Arc<Encoding>>,
}

/// How a column of text becomes class numbers.
#[derive(Debug, PartialEq, Eq)]
pub struct Encoding {
    /// How a text is cut.
    pub tokens: Tokens,
    /// The class number of each token.
    pub vocabulary: Vocabulary,
    /// Tokens of the shortest and the longest row of all parts.
    pub lengths: (usize, usize),
}

impl Wanted {
    /// The name that the loaded column has: `label`, `words(review, most = 10000)`.
    pub fn name(&self) -> String {
        match &self.encoding {
            Some(encoding) => encoding.tokens.call(&self.column),
            None => self.column.clone(),
        }
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
    /// The columns that number classes with names, and these in order.
    pub classes: Vec<(String, Vec<String>)>,
}

impl Schema {
    /// The names of the classes that a column numbers, where the source has names for them.
    pub fn classes_of(&self, column: &str) -> Option<&[String]> {
        self.classes.iter().find(|(name, _)| name == column).map(|(_, names)| names.as_slice())
    }
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
    /// Columns, shapes and counts. For IDX and NumPy only headers are read (and the first bytes inflated); of images and
    /// recordings the first is decoded and the others are counted; files of text are read whole.
    pub fn schema(&self) -> Result<Schema, DataError> {
        self.with_hint(|path| match &self.format {
            Format::Idx => idx_folder::schema(path),
            Format::Csv => csv::schema(path),
            Format::Images(form) => images::schema(path, form),
            Format::Npy => npy::schema(path),
            Format::Wav(form) => wav::schema(path, form),
            Format::Lines => texts::schema(path, None),
            Format::Text(windows) => texts::schema(path, Some(*windows)),
        })
    }

    /// The class numbers that a column of text has: its vocabulary is that of the source's training part, before any split.
    pub fn encoding(&self, column: &str, tokens: &Tokens) -> Result<Encoding, DataError> {
        self.with_hint(|path| {
            let texts = self.texts(path, column)?;
            let vocabulary = Vocabulary::of(tokens, texts.iter());
            let counts = || texts.iter().map(|text| tokens.count(text));
            let lengths = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
            Ok(Encoding { tokens: tokens.clone(), vocabulary, lengths })
        })
    }

    /// Reads the wanted columns, in that order. Columns that are not wanted are not checked.
    pub fn load(&self, wanted: &[Wanted]) -> Result<Source, DataError> {
        let plain: Vec<&str> =
            wanted.iter().filter(|w| w.encoding.is_none()).map(|wanted| wanted.column.as_str()).collect();
        self.with_hint(|path| {
            let read = match &self.format {
                _ if plain.is_empty() => Source { train: Table::new(vec![])?, test: None },
                Format::Idx => idx_folder::load(path, &plain)?,
                Format::Csv => csv::load(path, &plain)?,
                Format::Images(form) => images::load(path, form, &plain)?,
                Format::Npy => npy::load(path, &plain)?,
                Format::Wav(form) => wav::load(path, form, &plain)?,
                Format::Lines | Format::Text(_) => return Err(texts::no_numbers(path, plain[0])),
            };
            if plain.len() == wanted.len() {
                return Ok(read);
            }
            // Sources of text have no test part of their own.
            let mut read = read.train.into_columns().into_iter();
            let columns = wanted.iter().filter_map(|wanted| match &wanted.encoding {
                None => read.next().map(Ok),
                Some(encoding) => {
                    let texts = self.texts(path, &wanted.column);
                    Some(texts.and_then(|t| t.encode(&wanted.name(), &encoding.tokens, &encoding.vocabulary)))
                }
            });
            Ok(Source { train: Table::new(columns.collect::<Result<_, _>>()?)?, test: None })
        })
    }

    /// A column of text.
    fn texts(&self, path: &Path, column: &str) -> Result<Texts, DataError> {
        match &self.format {
            Format::Csv => csv::texts(path, column),
            Format::Lines => texts::column(path, None, column),
            Format::Text(windows) => texts::column(path, Some(*windows), column),
            Format::Idx | Format::Images(_) | Format::Npy | Format::Wav(_) => {
                Err(DataError::new(path, format!("column `{}` is no text", column.escape_debug())))
            }
        }
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
