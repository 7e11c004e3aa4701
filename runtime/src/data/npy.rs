//! NumPy's `.npy` files as a source: a folder of them, each a column by the name of its file, or one file alone.
//!
//! `FOLDER/train/*.npy` and `FOLDER/test/*.npy` are a training and a test part with the same columns. Rows are the first
//! axis. What is hidden and files of other kinds are passed over.

mod array;
mod header;

use std::fs;
use std::path::{Path, PathBuf};

use super::column::{Column, Table, no_such_column};
use super::error::DataError;
use super::file::system_error;
use super::{ColumnSchema, Schema, Source};

/// Files by the names of their columns, sorted.
type Part = Vec<(String, PathBuf)>;

struct Files {
    train: Part,
    test: Option<Part>,
}

/// Reads the headers.
pub(super) fn schema(path: &Path) -> Result<Schema, DataError> {
    let files = find(path)?;
    let (columns, train_rows) = part_schema(&files.train)?;
    let test_rows = match &files.test {
        None => None,
        Some(test) => {
            let (own, rows) = part_schema(test)?;
            for (column, (name, file)) in own.iter().zip(test) {
                let train = columns.iter().find(|train| train.name == *name);
                same_rows(file, column, train.ok_or_else(|| absent(file, name))?)?;
            }
            Some(rows)
        }
    };
    Ok(Schema { columns, train_rows, test_rows, classes: Vec::new() })
}

/// Reads the wanted columns.
pub(super) fn load(path: &Path, wanted: &[&str]) -> Result<Source, DataError> {
    let files = find(path)?;
    let table = |part: &Part| {
        let column = |name: &&str| match part.iter().find(|(own, _)| own == name) {
            Some((_, file)) => array::column(file, name),
            None => Err(no_such_column(path, name, part.iter().map(|(name, _)| name.as_str()))),
        };
        Table::new(wanted.iter().map(column).collect::<Result<Vec<Column>, _>>()?)
    };
    let train = table(&files.train)?;
    let test = files.test.as_ref().map(table).transpose()?;
    for (own, other) in test.iter().flat_map(|test| test.columns().iter().zip(train.columns())) {
        same_rows(own.file(), &ColumnSchema::of(own), &ColumnSchema::of(other))?;
    }
    Ok(Source { train, test })
}

fn part_schema(part: &Part) -> Result<(Vec<ColumnSchema>, usize), DataError> {
    let mut columns = Vec::with_capacity(part.len());
    let mut first: Option<(&Path, usize)> = None;
    for (name, file) in part {
        let header = array::header(file)?;
        let (first_file, rows) = *first.get_or_insert((file, header.rows));
        if header.rows != rows {
            let what = format!("{} rows, but {rows} in {}", header.rows, first_file.display());
            return Err(
                DataError::new(file, what).help("all arrays have a row for each example: their first axes agree")
            );
        }
        columns.push(ColumnSchema::new(name.clone(), Ok(header.kind.dtype()), header.row_shape));
    }
    Ok((columns, first.map_or(0, |(_, rows)| rows)))
}

fn same_rows(file: &Path, own: &ColumnSchema, train: &ColumnSchema) -> Result<(), DataError> {
    if own.row_shape == train.row_shape {
        return Ok(());
    }
    let what = format!("its rows are {:?}, those of the training part {:?}", own.row_shape, train.row_shape);
    Err(DataError::new(file, what).help("the test part must hold the same kind of data as the training part"))
}

fn absent(file: &Path, name: &str) -> DataError {
    DataError::new(file, format!("the training part has no {}.npy", name.escape_debug()))
}

fn find(path: &Path) -> Result<Files, DataError> {
    if path.is_file() {
        let name = path.file_stem().and_then(|stem| stem.to_str());
        let name = name.ok_or_else(|| DataError::new(path, "the name of the file is not UTF-8"))?;
        return Ok(Files { train: vec![(name.to_owned(), path.to_path_buf())], test: None });
    }
    let (train, test) = (path.join("train"), path.join("test"));
    if !train.is_dir() {
        return Ok(Files { train: arrays(path)?, test: None });
    }
    Ok(Files { train: arrays(&train)?, test: if test.is_dir() { Some(arrays(&test)?) } else { None } })
}

/// The `.npy` files of a folder, at least one.
fn arrays(folder: &Path) -> Result<Part, DataError> {
    let entries = fs::read_dir(folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => DataError::new(folder, "there is no such file or folder"),
        _ => system_error(folder, "list", &error),
    })?;
    let mut files = Part::new();
    for entry in entries {
        let path = entry.map_err(|error| system_error(folder, "list", &error))?.path();
        let is_array = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"));
        // A name that is not UTF-8 is no name that a program could write.
        if let Some(name) = path.file_stem().and_then(|stem| stem.to_str()).filter(|name| !name.starts_with('.'))
            && is_array
        {
            files.push((name.to_owned(), path.clone()));
        }
    }
    files.sort();
    match files.as_slice() {
        [] => Err(DataError::new(folder, "the folder holds no .npy file").help(
            "each column is a file, as `numpy.save(\"images.npy\", images)` writes it; `unzip` makes them of an .npz file",
        )),
        _ => Ok(files),
    }
}

#[cfg(test)]
mod tests;
