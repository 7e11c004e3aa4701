//! A folder of IDX files as a source: `train-images…`, `train-labels…` and, if there, the `t10k-…` pair as the test
//! part.
//!
//! A file may be called `train-images-idx3-ubyte` or `train-images.idx3-ubyte`, with or without `.gz`; a plain file is
//! preferred to its compressed copy. Columns are `images` and `labels`.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::{self, ScopedJoinHandle};

use super::column::{Column, Table, no_such_column};
use super::error::DataError;
use super::file::system_error;
use super::idx;
use super::{ColumnSchema, Schema, Source};

/// The columns that such a folder offers, each with the part of the file name that tells it.
const COLUMNS: [&str; 2] = ["images", "labels"];

/// The files of one part, in the order of `COLUMNS`.
type Part = [PathBuf; 2];

struct Folder {
    train: Part,
    test: Option<Part>,
}

/// Reads the four headers.
pub(super) fn schema(folder: &Path) -> Result<Schema, DataError> {
    let files = find(folder)?;
    let (columns, train_rows) = part_schema(&files.train)?;
    let test_rows = match &files.test {
        None => None,
        Some(test) => {
            let (test_columns, rows) = part_schema(test)?;
            for ((own, other), file) in columns.iter().zip(&test_columns).zip(test) {
                same_rows_as_train(file, own, other)?;
            }
            Some(rows)
        }
    };
    Ok(Schema { columns, train_rows, test_rows, classes: Vec::new() })
}

/// Reads the wanted columns of both parts, all files at the same time.
pub(super) fn load(folder: &Path, wanted: &[&str]) -> Result<Source, DataError> {
    let files = find(folder)?;
    let mut indices = Vec::with_capacity(wanted.len());
    for &name in wanted {
        let index = COLUMNS.iter().position(|&column| column == name);
        indices.push(index.ok_or_else(|| no_such_column(folder, name, COLUMNS.into_iter()))?);
    }
    let read = |part: &Part| -> Vec<(PathBuf, &'static str)> {
        indices.iter().map(|&index| (part[index].clone(), COLUMNS[index])).collect()
    };
    let mut jobs = read(&files.train);
    let train_count = jobs.len();
    jobs.extend(files.test.iter().flat_map(read));
    let mut columns = read_all(&jobs)?;
    let test_columns = columns.split_off(train_count);
    for (own, other) in columns.iter().zip(&test_columns) {
        same_rows_as_train(other.file(), &ColumnSchema::of(own), &ColumnSchema::of(other))?;
    }
    let train = Table::new(columns)?;
    let test = if files.test.is_some() { Some(Table::new(test_columns)?) } else { None };
    Ok(Source { train, test })
}

/// Reads each file on a thread of its own; the error reported is that of the first file in the list, however they
/// raced.
fn read_all(jobs: &[(PathBuf, &'static str)]) -> Result<Vec<Column>, DataError> {
    thread::scope(|scope| {
        let running: Vec<Option<ScopedJoinHandle<'_, _>>> = jobs
            .iter()
            .map(|(path, name)| thread::Builder::new().spawn_scoped(scope, || idx::column(path, name)).ok())
            .collect();
        let finish = |(handle, (path, name)): (Option<ScopedJoinHandle<'_, _>>, &(PathBuf, &'static str))| match handle
        {
            Some(handle) => handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            // The system refused another thread: read here.
            None => idx::column(path, name),
        };
        running.into_iter().zip(jobs).map(finish).collect()
    })
}

fn part_schema(files: &Part) -> Result<(Vec<ColumnSchema>, usize), DataError> {
    let [images, labels] = [idx::header(&files[0])?, idx::header(&files[1])?];
    if images.rows() != labels.rows() {
        let what = format!("{} labels, but {} images in {}", labels.rows(), images.rows(), files[0].display());
        return Err(DataError::new(&files[1], what).help("the two files must come from the same data set"));
    }
    let rows = images.rows();
    let columns = [images, labels]
        .into_iter()
        .zip(COLUMNS)
        .map(|(header, name)| ColumnSchema::new(name, Ok(header.dtype()), header.row_shape().to_vec()));
    Ok((columns.collect(), rows))
}

fn same_rows_as_train(file: &Path, train: &ColumnSchema, test: &ColumnSchema) -> Result<(), DataError> {
    if train.row_shape == test.row_shape && train.dtype == test.dtype {
        return Ok(());
    }
    let kind = |column: &ColumnSchema| match &column.dtype {
        Ok(dtype) => format!("{dtype} {:?}", column.row_shape),
        Err(_) => format!("{:?}", column.row_shape),
    };
    let what = format!("its rows are {}, those of the training part {}", kind(test), kind(train));
    Err(DataError::new(file, what).help("the test part must hold the same kind of data as the training part"))
}

fn find(folder: &Path) -> Result<Folder, DataError> {
    let entries = fs::read_dir(folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => DataError::new(folder, "there is no such folder"),
        std::io::ErrorKind::NotADirectory => {
            DataError::new(folder, "is a file").help("name the folder that holds train-images-idx3-ubyte and its kin")
        }
        _ => system_error(folder, "list", &error),
    })?;
    // Names that are not UTF-8 cannot be ours; sorting makes the choice independent of the file system.
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    let train = find_part(folder, &names, "train")?.ok_or_else(|| {
        DataError::new(folder, "the folder holds no train-images-idx3-ubyte, plain or .gz").help(
            "it needs train-images-idx3-ubyte and train-labels-idx1-ubyte, and may have the same with t10k for testing",
        )
    })?;
    Ok(Folder { train, test: find_part(folder, &names, "t10k")? })
}

/// The files of `part`, `None` when it has none at all.
fn find_part(folder: &Path, names: &[String], part: &str) -> Result<Option<Part>, DataError> {
    let mut files = [None, None];
    for (file, column) in files.iter_mut().zip(COLUMNS) {
        *file = find_file(folder, names, &format!("{part}-{column}"))?;
    }
    match files {
        [None, None] => Ok(None),
        [Some(images), Some(labels)] => Ok(Some([images, labels])),
        [images, _] => {
            let (present, absent) = if images.is_some() { ("images", "labels") } else { ("labels", "images") };
            Err(DataError::new(folder, format!("the folder holds {part}-{present}, but no {part}-{absent}")))
        }
    }
}

fn find_file(folder: &Path, names: &[String], stem: &str) -> Result<Option<PathBuf>, DataError> {
    let is_idx = |name: &&String| {
        name.strip_prefix(stem).is_some_and(|rest| rest.starts_with("-idx") || rest.starts_with(".idx"))
    };
    let mut found: Vec<&str> = names.iter().filter(is_idx).map(String::as_str).collect();
    let plain: Vec<&str> = found.iter().copied().filter(|name| !name.ends_with(".gz")).collect();
    found.retain(|name| !name.strip_suffix(".gz").is_some_and(|uncompressed| plain.contains(&uncompressed)));
    match found[..] {
        [] => Ok(None),
        [name] => Ok(Some(folder.join(name))),
        [first, second, ..] => {
            let what = format!("both {} and {} could be the file meant", first.escape_debug(), second.escape_debug());
            Err(DataError::new(folder, what).help("keep one of them in the folder"))
        }
    }
}

#[cfg(test)]
mod tests;
