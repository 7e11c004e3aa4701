//! CSV files with a header row; every column that a program uses must hold finite numbers.
//!
//! Cells may be quoted and may have spaces around them; lines end in LF or CRLF, blank lines are skipped, a UTF-8
//! byte-order mark is ignored. A file whose name ends in `.tsv` has tabs between cells, and no quotes. A column whose cells are all integers that fit in 32 bits is `i32`, any other column of
//! numbers `f64` (rounding to `f32` is the consumer's).

use std::cell::OnceCell;
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use ::csv::{ByteRecord, Reader, ReaderBuilder};

use super::column::{Column, MAX_COLUMN_BYTES, Table, no_such_column};
use super::error::{DataError, Place};
use super::file::{open, recognise, system_error};
use super::texts::Texts;
use super::{ColumnSchema, Schema, Source};
use crate::dtype::DType;
use crate::text::quoted;

/// Characters of a cell that a message shows.
const SHOWN: usize = 40;

/// Names and types of all columns. The whole file is read, since only its cells tell the types.
pub(super) fn schema(path: &Path) -> Result<Schema, DataError> {
    let contents = read(path)?;
    let mut file = CsvFile::new(path, &contents)?;
    let mut cells: Vec<Cells> = file.names.iter().map(|_| Cells::new(false)).collect();
    let all: Vec<usize> = (0..cells.len()).collect();
    let train_rows = file.read_rows(&all, &mut cells)?;
    let columns = file
        .names
        .into_iter()
        .zip(cells)
        .map(|(name, cells)| ColumnSchema { is_text: true, ..ColumnSchema::new(name, cells.dtype(), Vec::new()) });
    Ok(Schema { columns: columns.collect(), train_rows, test_rows: None, classes: Vec::new() })
}

/// Reads the wanted columns.
pub(super) fn load(path: &Path, wanted: &[&str]) -> Result<Source, DataError> {
    let contents = read(path)?;
    let mut file = CsvFile::new(path, &contents)?;
    let mut indices = Vec::with_capacity(wanted.len());
    for name in wanted {
        let index = file.names.iter().position(|other| other == name);
        indices.push(index.ok_or_else(|| no_such_column(path, name, file.names.iter().map(String::as_str)))?);
    }
    let mut cells: Vec<Cells> = wanted.iter().map(|_| Cells::new(true)).collect();
    file.read_rows(&indices, &mut cells)?;
    let shared: Arc<Path> = Arc::from(path);
    let columns = cells.into_iter().zip(wanted).map(|(cells, name)| cells.into_column(name, shared.clone()));
    Ok(Source { train: Table::new(columns.collect::<Result<_, _>>()?)?, test: None })
}

/// Reads the wanted columns as text.
pub(super) fn texts(path: &Path, wanted: &str) -> Result<Texts, DataError> {
    let contents = read(path)?;
    let mut file = CsvFile::new(path, &contents)?;
    let index = file.names.iter().position(|other| other == wanted);
    let index = index.ok_or_else(|| no_such_column(path, wanted, file.names.iter().map(String::as_str)))?;
    let (mut text, mut ends) = (String::new(), vec![]);
    let name = Some(file.names[index].clone());
    file.each_row(&mut |row, line, record| {
        let cell = std::str::from_utf8(&record[index]).map_err(|_| {
            let place = Place::Row { row, line: Some(line()), column: name.clone() };
            DataError::new(path, "the cell is not UTF-8 text").at(place)
        })?;
        text.push_str(cell);
        ends.push(text.len());
        Ok(())
    })?;
    Ok(Texts::joined(path, text, &ends))
}

/// The cells of one column while they are read.
struct Cells {
    keep: bool,
    values: Vec<f64>,
    integers: bool,
    fault: Option<DataError>,
}

impl Cells {
    fn new(keep: bool) -> Cells {
        Cells { keep, values: Vec::new(), integers: true, fault: None }
    }

    fn dtype(self) -> Result<DType, DataError> {
        let dtype = if self.integers { DType::I32 } else { DType::F64 };
        self.fault.map_or(Ok(dtype), Err)
    }

    fn into_column(mut self, name: &str, file: Arc<Path>) -> Result<Column, DataError> {
        let values = std::mem::take(&mut self.values);
        let dtype = self.dtype()?;
        let bytes: Vec<u8> = match dtype {
            // `integers` says that every value is a whole number in the range of `i32`: the cast is exact.
            DType::I32 => values.iter().flat_map(|&value| (value as i32).to_le_bytes()).collect(),
            _ => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        };
        let whole = DataError::new(&file, "a column is not a whole number of rows");
        Column::new(name, file, dtype, Vec::new(), bytes.into()).ok_or(whole)
    }
}

/// The whole file, without a byte-order mark.
fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let (mut file, length) = open(path)?;
    if length > MAX_COLUMN_BYTES {
        return Err(DataError::new(path, format!("{length} bytes are more than the {MAX_COLUMN_BYTES} allowed")));
    }
    let mut contents = Vec::new();
    file.read_to_end(&mut contents).map_err(|error| system_error(path, "read", &error))?;
    if contents.starts_with(b"\xef\xbb\xbf") {
        contents.drain(..3);
    }
    if let Some(name) = recognise(&contents) {
        return Err(DataError::new(path, format!("is not a CSV file but {name}")).at(Place::Offset(0)));
    }
    if contents.is_empty() {
        return Err(DataError::new(path, "the file is empty").help("its first line must name the columns"));
    }
    Ok(contents)
}

/// What is done with a row: its number, its line and its cells, as many as the header names.
type Visit<'v> = dyn FnMut(u64, &dyn Fn() -> u64, &ByteRecord) -> Result<(), DataError> + 'v;

struct CsvFile<'a> {
    path: &'a Path,
    contents: &'a [u8],
    reader: Reader<&'a [u8]>,
    names: Vec<String>,
}

impl<'a> CsvFile<'a> {
    /// Reads the header row.
    fn new(path: &'a Path, contents: &'a [u8]) -> Result<CsvFile<'a>, DataError> {
        let tabs = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tsv"));
        let mut builder = ReaderBuilder::new();
        builder.flexible(true).has_headers(true).delimiter(if tabs { b'\t' } else { b',' });
        // Tables with tabs have no quotes: a cell may begin with one.
        let mut reader = builder.quoting(!tabs).from_reader(contents);
        let header = reader.byte_headers().map_err(|error| read_error(path, &error))?.clone();
        let names = column_names(path, &header)?;
        Ok(CsvFile { path, contents, reader, names })
    }

    /// Reads all rows, keeping of each the cells at `indices`, and returns their number. A cell that is not a number is noted
    /// in its column.
    fn read_rows(&mut self, indices: &[usize], cells: &mut [Cells]) -> Result<usize, DataError> {
        let (path, names) = (self.path, self.names.clone());
        self.each_row(&mut |row, line, record| {
            for (&index, column) in indices.iter().zip(cells.iter_mut()).filter(|(_, column)| column.fault.is_none()) {
                match number(&record[index]) {
                    Ok((value, integer)) => {
                        column.integers &= integer;
                        if column.keep {
                            column.values.push(value);
                        }
                    }
                    Err((what, help)) => {
                        let place = Place::Row { row, line: Some(line()), column: Some(names[index].clone()) };
                        let error = DataError::new(path, what).at(place);
                        column.fault = Some(match help {
                            Some(help) => error.help(help),
                            None => error,
                        });
                    }
                }
            }
            Ok(())
        })
    }

    /// Calls `visit` with every row, its number from 1 and a way to its line, and returns the number of rows. A row of another
    /// length than the header is an error.
    fn each_row(&mut self, visit: &mut Visit<'_>) -> Result<usize, DataError> {
        let mut record = ByteRecord::new();
        let mut rows = 0;
        while self.reader.read_byte_record(&mut record).map_err(|error| read_error(self.path, &error))? {
            rows += 1;
            if record.len() != self.names.len() {
                return Err(self.ragged(&record, rows));
            }
            // Counted when a cell needs it, once for all cells of the row.
            let counted = OnceCell::new();
            visit(rows, &|| *counted.get_or_init(|| line_of(self.contents, &record)), &record)?;
        }
        match rows {
            0 => Err(DataError::new(self.path, "the file holds a header but no rows")),
            _ => Ok(rows as usize),
        }
    }

    fn ragged(&self, record: &ByteRecord, row: u64) -> DataError {
        let (found, wanted) = (record.len(), self.names.len());
        let place = Place::Row { row, line: Some(line_of(self.contents, record)), column: None };
        let what = format!("{found} cells, but the header names {wanted} columns");
        let error = DataError::new(self.path, what).at(place);
        match record.iter().any(|cell| cell.contains(&b'\n')) {
            true => error.help("a quote that opens in this row closes in a later one: is one missing?"),
            false => error.help("write every cell, and put quotes around one that contains a comma"),
        }
    }
}

/// The line on which `record` begins. The reader's own count stands before line ends that it has yet to skip.
fn line_of(contents: &[u8], record: &ByteRecord) -> u64 {
    let at = record.position().map_or(0, |position| usize::try_from(position.byte()).unwrap_or(usize::MAX));
    let (before, after) = contents.split_at(at.min(contents.len()));
    let skipped = after.iter().take_while(|&&byte| byte == b'\r' || byte == b'\n');
    let ends = before.iter().chain(skipped).filter(|&&byte| byte == b'\n').count();
    ends as u64 + 1
}

fn read_error(path: &Path, error: &::csv::Error) -> DataError {
    match error.kind() {
        ::csv::ErrorKind::Io(error) => system_error(path, "read", error),
        _ => DataError::new(path, format!("cannot be read as CSV: {error}")),
    }
}

fn column_names(path: &Path, header: &ByteRecord) -> Result<Vec<String>, DataError> {
    let error = |what: String| DataError::new(path, what).at(Place::Line(1));
    let mut names: Vec<String> = Vec::with_capacity(header.len());
    let mut seen: HashMap<String, usize> = HashMap::with_capacity(header.len());
    for (index, cell) in header.iter().enumerate() {
        let column = index + 1;
        let name = std::str::from_utf8(cell).map_err(|_| error(format!("the name of column {column} is not UTF-8")))?;
        let name = name.trim();
        if name.is_empty() {
            return Err(error(format!("column {column} has no name")));
        }
        if let Some(earlier) = seen.insert(name.to_owned(), column) {
            let what = format!("columns {earlier} and {column} are both called {}", quoted(name, SHOWN));
            return Err(error(what).help("give each column a name of its own"));
        }
        names.push(name.to_owned());
    }
    if names.iter().all(|name| name.parse::<f64>().is_ok()) {
        let help = "write a first line that names the columns";
        return Err(error("the first line holds numbers, not the names of columns".into()).help(help));
    }
    match names.as_slice() {
        [only] if only.contains([';', '\t']) => {
            Err(error(format!("a single column called {}", quoted(only, SHOWN))).help("separate columns by commas"))
        }
        _ => Ok(names),
    }
}

/// The value of a cell and whether it is an integer of 32 bits, or what is wrong with it and what to do.
fn number(cell: &[u8]) -> Result<(f64, bool), (String, Option<&'static str>)> {
    let cell = cell.trim_ascii();
    if cell.is_empty() {
        return Err(("the cell is empty".into(), Some("fill in a number, or leave the row out")));
    }
    let text = std::str::from_utf8(cell).map_err(|_| ("the cell is not UTF-8 text".to_owned(), None))?;
    if text.parse::<i32>().is_ok_and(|value| value != 0 || !text.starts_with('-')) {
        // Exact: a double holds every `i32`. `-0` stays a float, so that its sign is kept.
        return Ok((text.parse().unwrap_or_default(), true));
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((value, false)),
        Ok(_) if text.bytes().any(|byte| byte.is_ascii_digit()) => {
            Err((format!("{} is too large for a number", quoted(text, SHOWN)), None))
        }
        Ok(_) => Err((format!("{} is not a finite number", quoted(text, SHOWN)), Some("leave the row out"))),
        Err(_) => {
            let only = |allowed: &str| text.chars().all(|c| c.is_ascii_digit() || allowed.contains(c));
            let help = only(",.+-eE").then_some("write numbers with a decimal point and without separators: 1234.5");
            Err((format!("{} is not a number", quoted(text, SHOWN)), help))
        }
    }
}

#[cfg(test)]
mod tests;
