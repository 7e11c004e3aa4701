//! NumPy's `.npy` files as a source: a folder or an archive of them, each a column by the name of its file, or one file alone.
//!
//! `FOLDER/train/*.npy` and `FOLDER/test/*.npy` are a training and a test part with the same columns, as are arrays of an
//! archive whose names begin so. Rows are the first axis. What is hidden and files of other kinds are passed over.

mod archive;
mod array;
mod header;

use std::fs;
use std::path::{Path, PathBuf};

use self::archive::Archive;
use super::column::{Column, Table, no_such_column};
use super::error::DataError;
use super::file::{open, system_error};
use super::{ColumnSchema, Schema, Source};

/// An array: the name of its column, its file, and its number in an archive.
type Entry = (String, PathBuf, usize);

/// Arrays by the names of their columns, sorted.
type Part = Vec<Entry>;

struct Files {
    /// What the arrays lie in, if they are no files of their own.
    archive: Option<Archive>,
    train: Part,
    test: Option<Part>,
}

/// Reads the headers.
pub(super) fn schema(path: &Path) -> Result<Schema, DataError> {
    let Files { mut archive, train, test } = find(path)?;
    let (columns, train_rows) = part_schema(&mut archive, &train)?;
    let test_rows = match &test {
        None => None,
        Some(test) => {
            let (own, rows) = part_schema(&mut archive, test)?;
            for (column, (name, file, _)) in own.iter().zip(test) {
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
    let Files { mut archive, train, test } = find(path)?;
    let mut table = |part: &Part| {
        let column = |name: &&str| match part.iter().find(|entry| entry.0 == **name) {
            Some(entry) => column(&mut archive, entry),
            None => Err(no_such_column(path, name, part.iter().map(|entry| entry.0.as_str()))),
        };
        Table::new(wanted.iter().map(column).collect::<Result<Vec<Column>, _>>()?)
    };
    let train = table(&train)?;
    let test = test.as_ref().map(table).transpose()?;
    for (own, other) in test.iter().flat_map(|test| test.columns().iter().zip(train.columns())) {
        same_rows(own.file(), &ColumnSchema::of(own), &ColumnSchema::of(other))?;
    }
    Ok(Source { train, test })
}

fn header(archive: &mut Option<Archive>, (_, file, member): &Entry) -> Result<array::Header, DataError> {
    match archive {
        Some(archive) => archive.read(*member, file, |bytes, length| array::header(file, bytes, length)),
        None => open(file).and_then(|(mut bytes, length)| array::header(file, &mut bytes, length)),
    }
}

fn column(archive: &mut Option<Archive>, (name, file, member): &Entry) -> Result<Column, DataError> {
    match archive {
        Some(archive) => archive.read_all(*member, file, |bytes, length| array::column(file, bytes, length, name)),
        None => open(file).and_then(|(mut bytes, length)| array::column(file, &mut bytes, length, name)),
    }
}

fn part_schema(archive: &mut Option<Archive>, part: &Part) -> Result<(Vec<ColumnSchema>, usize), DataError> {
    let mut columns = Vec::with_capacity(part.len());
    let mut first: Option<(&Path, usize)> = None;
    for entry in part {
        let (name, file, _) = entry;
        let header = header(archive, entry)?;
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
    let has_ending = |ending: &str| path.extension().is_some_and(|own| own.eq_ignore_ascii_case(ending));
    if path.is_file() && has_ending("npz") {
        return members(path);
    }
    if path.is_file() {
        let name = path.file_stem().and_then(|stem| stem.to_str());
        let name = name.ok_or_else(|| DataError::new(path, "the name of the file is not UTF-8"))?;
        return Ok(Files { archive: None, train: vec![(name.to_owned(), path.to_path_buf(), 0)], test: None });
    }
    let (train, test) = (path.join("train"), path.join("test"));
    if !train.is_dir() {
        return Ok(Files { archive: None, train: arrays(path)?, test: None });
    }
    let test = if test.is_dir() { Some(arrays(&test)?) } else { None };
    Ok(Files { archive: None, train: arrays(&train)?, test })
}

/// The arrays of an archive, at least one; those whose names begin with `train/` and `test/`, if there are such.
fn members(path: &Path) -> Result<Files, DataError> {
    let archive = Archive::open(path)?;
    let all = archive.arrays();
    let part = |folder: &str| {
        let entry = |(name, member): &(String, usize)| {
            let own = name.strip_prefix(folder).filter(|own| !own.contains('/') && !own.starts_with('.'))?;
            Some((own.to_owned(), archive.file(name), *member))
        };
        let mut part: Part = all.iter().filter_map(entry).collect();
        part.sort();
        part
    };
    let (train, test) = (part("train/"), part("test/"));
    let (train, test) = match train.is_empty() {
        true => (part(""), None),
        false => (train, Some(test).filter(|test| !test.is_empty())),
    };
    if train.is_empty() {
        let help = "write one with `numpy.savez(\"data.npz\", images = images, labels = labels)`";
        return Err(DataError::new(path, "the archive holds no array").help(help));
    }
    Ok(Files { archive: Some(archive), train, test })
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
            files.push((name.to_owned(), path.clone(), 0));
        }
    }
    files.sort();
    match files.as_slice() {
        [] => Err(DataError::new(folder, "the folder holds no .npy file").help(
            "each column is a file, as `numpy.save(\"images.npy\", images)` writes it; an .npz file is named itself",
        )),
        _ => Ok(files),
    }
}

#[cfg(test)]
mod tests;
