//! Folders of images or recordings as a source: one row a file, and columns of numbers from its folder and its name.
//!
//! All rows have one shape, that of the first file. Files are decoded on all cores, each into its place, so rows and errors do
//! not depend on which is done first.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use super::bytes::Bytes;
use super::class_folders::{self, LABELS, Part, Tree};
use super::column::{Column, MAX_COLUMN_BYTES, Table, no_such_column};
use super::error::DataError;
use super::file::system_error;
use super::names::{self, NUMBERS, Named, Pattern};
use super::{ColumnSchema, Schema, Source};
use crate::dtype::DType;

/// A decoded file.
#[derive(Debug)]
pub(super) struct Row {
    /// Each size at least 1.
    pub(super) shape: Vec<usize>,
    /// Samples a second; 0 where there is no time.
    pub(super) rate: u32,
    /// As many elements, row major, little-endian.
    pub(super) bytes: Vec<u8>,
}

/// What is read, and how.
pub(super) struct Medium<'a> {
    /// The column of its rows.
    pub(super) column: &'static str,
    /// One such thing, for messages.
    pub(super) what: &'static str,
    /// The endings of its files.
    pub(super) extensions: &'static [&'static str],
    /// The type of its elements.
    pub(super) dtype: DType,
    /// What names of files say.
    pub(super) names: Option<&'a Pattern>,
    /// Decodes a file.
    pub(super) decode: &'a (dyn Fn(&Path) -> Result<Row, DataError> + Sync),
    /// What a row that is unlike the first has, what the first has, and what to do.
    pub(super) unlike: fn(&Row, &Row) -> (String, String, String),
}

impl Medium<'_> {
    /// Decodes the first file and counts the others.
    pub(super) fn schema(&self, folder: &Path) -> Result<Schema, DataError> {
        let tree = self.find(folder)?;
        let named = self.named(folder, &tree)?;
        let first = self.first(&tree)?;
        let rows = ColumnSchema::new(self.column, Ok(self.dtype), first.shape);
        let numbers = |named: &Named| ColumnSchema::new(named.name.clone(), Ok(NUMBERS), Vec::new());
        let labels = named.iter().all(|named| named.name != LABELS).then(|| tree.labels_schema());
        let mut classes: Vec<(String, Vec<String>)> =
            named.iter().map(|named| (named.name.clone(), named.classes.clone())).collect();
        classes.push((LABELS.to_owned(), tree.classes));
        classes.retain(|(_, names)| !names.is_empty());
        Ok(Schema {
            columns: std::iter::once(rows).chain(labels).chain(named.iter().map(numbers)).collect(),
            train_rows: tree.train.files.len(),
            test_rows: tree.test.map(|part| part.files.len()),
            classes,
        })
    }

    /// Reads the wanted columns; without that of the rows no file is opened.
    pub(super) fn load(&self, folder: &Path, wanted: &[&str]) -> Result<Source, DataError> {
        let tree = self.find(folder)?;
        // Files to predict may have any names, as long as no column is made of these.
        let named =
            if wanted.iter().all(|name| *name == self.column) { Vec::new() } else { self.named(folder, &tree)? };
        let known = || [self.column, LABELS].into_iter().chain(named.iter().map(|named| named.name.as_str()));
        if let Some(name) = wanted.iter().find(|name| !known().any(|known| known == **name)) {
            let known: Vec<&str> = known().collect();
            return Err(no_such_column(folder, name, known.into_iter()));
        }
        let first = if wanted.contains(&self.column) { Some(self.first(&tree)?) } else { None };
        let table = |part: &Part, is_test: bool| {
            let column = |name: &&str| match (&first, named.iter().find(|named| named.name == *name)) {
                (Some(first), None) if *name == self.column => {
                    self.read_all(folder, part, (first, &tree.train.files[0]))
                }
                (_, Some(named)) => named.column(part, is_test),
                _ => part.labels(),
            };
            Table::new(wanted.iter().map(column).collect::<Result<_, _>>()?)
        };
        let test = tree.test.as_ref().map(|part| table(part, true)).transpose()?;
        Ok(Source { train: table(&tree.train, false)?, test })
    }

    fn find(&self, folder: &Path) -> Result<Tree, DataError> {
        class_folders::find(folder, self.extensions, self.what)
    }

    /// The columns that names of files give.
    fn named(&self, folder: &Path, tree: &Tree) -> Result<Vec<Named>, DataError> {
        let named = self.names.map(|pattern| names::columns(tree, pattern)).transpose()?.unwrap_or_default();
        match named.iter().find(|named| named.name == self.column) {
            Some(_) => {
                let what = format!("`{}` is the column of the {}s, and a place of their names", self.column, self.what);
                Err(DataError::new(folder, what).help("call the place by another name"))
            }
            None => Ok(named),
        }
    }

    /// The row that says what shape the others have. A part has at least one file.
    fn first(&self, tree: &Tree) -> Result<Row, DataError> {
        (self.decode)(&tree.train.files[0])
    }

    /// Decodes the files of a part, in their order.
    fn read_all(&self, folder: &Path, part: &Part, (first, first_path): (&Row, &Path)) -> Result<Column, DataError> {
        let row = first.bytes.len();
        let total = row.checked_mul(part.files.len()).filter(|&total| total as u64 <= MAX_COLUMN_BYTES);
        let total = total.ok_or_else(|| {
            let count = part.files.len();
            let what = format!("{count} {}s of {row} bytes are more than the {MAX_COLUMN_BYTES} allowed", self.what);
            DataError::new(folder, what).help("ask for smaller ones")
        })?;
        let mut bytes = Bytes::zeroed(total).map_err(|error| system_error(folder, "hold", &error))?;
        let fill = |files: &[PathBuf], rows: &mut [u8]| {
            for (path, place) in files.iter().zip(rows.chunks_exact_mut(row)) {
                let decoded = (self.decode)(path)?;
                if (&decoded.shape, decoded.rate) != (&first.shape, first.rate) {
                    let (own, other, help) = (self.unlike)(&decoded, first);
                    let what = format!("it has {own}, {} has {other}", first_path.display());
                    return Err(DataError::new(path, what).help(help));
                }
                place.copy_from_slice(&decoded.bytes);
            }
            Ok(())
        };
        let share = part.files.len().div_ceil(thread::available_parallelism().map_or(1, usize::from));
        thread::scope(|scope| {
            let jobs = part.files.chunks(share).zip(bytes.chunks_mut(share * row));
            let running: Vec<_> = jobs.map(|(files, rows)| scope.spawn(move || fill(files, rows))).collect();
            // The first error in the order of files is the one reported.
            let done: Vec<Result<(), DataError>> = running
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect();
            done.into_iter().collect::<Result<(), DataError>>()
        })?;
        let whole = DataError::new(folder, "the files are not whole rows");
        let column =
            Column::new(self.column, Arc::from(folder), self.dtype, first.shape.clone(), bytes).ok_or(whole)?;
        column.check_finite()?;
        Ok(column)
    }
}
