//! Columns and tables: what every reader produces.

use std::path::Path;
use std::sync::Arc;

use super::bytes::Bytes;
use super::error::{DataError, Place};
use crate::dtype::{DType, element_as_f64, element_count};
use crate::text::nearest;

/// The most bytes that one column may hold in memory: 64 GiB.
pub const MAX_COLUMN_BYTES: u64 = 64 << 30;

/// One named column: for each row a value of the same shape and type.
///
/// Invariant: `data` holds exactly `rows` times the elements of `row_shape`, row major, little-endian.
#[derive(Debug)]
pub struct Column {
    name: String,
    file: Arc<Path>,
    dtype: DType,
    row_shape: Vec<usize>,
    row_elements: usize,
    rows: usize,
    data: Bytes,
}

impl Column {
    /// A column made of `data`, or `None` when the bytes are not a whole number of rows.
    pub fn new(
        name: impl Into<String>,
        file: Arc<Path>,
        dtype: DType,
        row_shape: Vec<usize>,
        data: Bytes,
    ) -> Option<Column> {
        let row_elements = element_count(&row_shape)?;
        let row_bytes = row_elements.checked_mul(dtype.size()).filter(|&bytes| bytes > 0)?;
        if !data.len().is_multiple_of(row_bytes) {
            return None;
        }
        let rows = data.len() / row_bytes;
        Some(Column { name: name.into(), file, dtype, row_shape, row_elements, rows, data })
    }

    /// The name by which a data block calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that it was read from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The type of its elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The shape of one row: `[28, 28]` for images, `[]` for labels.
    pub fn row_shape(&self) -> &[usize] {
        &self.row_shape
    }

    /// Elements in one row, at least 1.
    pub fn row_elements(&self) -> usize {
        self.row_elements
    }

    /// Bytes of one row as stored.
    pub fn row_bytes(&self) -> usize {
        self.row_elements * self.dtype.size()
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// All elements, row major, little-endian.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Element `index`, counted through all rows, as a double; `None` past the end.
    pub fn value(&self, index: usize) -> Option<f64> {
        (index < self.rows * self.row_elements).then(|| element_as_f64(self.dtype, &self.data, index))
    }

    /// The place of element `index` for an error message.
    pub(super) fn place_of(&self, index: usize) -> Place {
        let row = (index / self.row_elements) as u64 + 1;
        Place::Row { row, line: None, column: Some(self.name.clone()) }
    }

    /// An error about this column's file.
    pub(super) fn error(&self, what: impl Into<String>) -> DataError {
        DataError::new(&self.file, what)
    }
}

/// Columns of equal length.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: usize,
}

impl Table {
    /// A table of `columns`, all of which must have the same number of rows, at least 1 and at most `u32::MAX`.
    pub fn new(columns: Vec<Column>) -> Result<Table, DataError> {
        let Some(first) = columns.first() else {
            return Ok(Table { columns, rows: 0 });
        };
        let rows = first.rows;
        if rows == 0 {
            return Err(first.error("the file holds no rows"));
        }
        if u32::try_from(rows).is_err() {
            return Err(first.error(format!("{rows} rows are more than nnc can number ({})", u32::MAX)));
        }
        if let Some(other) = columns.iter().find(|column| column.rows != rows) {
            let what = format!(
                "{} rows of `{}`, but {rows} of `{}` in {}",
                other.rows,
                other.name,
                first.name,
                first.file.display()
            );
            return Err(other.error(what).help("the two files must come from the same data set"));
        }
        Ok(Table { columns, rows })
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns, in the order in which they were asked for.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// The error of asking `file` for a column that it does not have.
pub(super) fn no_such_column<'a>(file: &Path, wanted: &str, names: impl Iterator<Item = &'a str> + Clone) -> DataError {
    let error = DataError::new(file, format!("there is no column `{}`", wanted.escape_debug()));
    match nearest(wanted, names.clone()) {
        Some(name) => error.help(format!("did you mean `{}`?", name.escape_debug())),
        None => {
            let shown: Vec<String> = names.clone().take(12).map(|name| format!("`{}`", name.escape_debug())).collect();
            let more = if names.count() > shown.len() { ", …" } else { "" };
            error.help(format!("its columns are {}{more}", shown.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, rows: usize) -> Column {
        Column::new(name, Path::new(name).into(), DType::U8, vec![2], vec![7; rows * 2].into()).unwrap()
    }

    #[test]
    fn a_column_is_whole_rows() {
        let file: Arc<Path> = Path::new("f").into();
        assert!(Column::new("a", file.clone(), DType::F32, vec![2], vec![0; 12].into()).is_none());
        assert!(Column::new("a", file.clone(), DType::F32, vec![0], vec![].into()).is_none());
        let column = Column::new("a", file, DType::I32, vec![2], vec![1; 16].into()).unwrap();
        assert_eq!((column.rows(), column.row_bytes(), column.row_elements()), (2, 8, 2));
        assert_eq!(column.value(3), Some(f64::from(0x0101_0101)));
        assert_eq!(column.value(4), None);
    }

    #[test]
    fn a_table_refuses_columns_of_different_length() {
        let error = Table::new(vec![column("images", 5), column("labels", 4)]).unwrap_err();
        assert_eq!(error.to_string(), "labels: 4 rows of `labels`, but 5 of `images` in images");
        assert!(Table::new(vec![column("images", 0)]).is_err());
        assert_eq!(Table::new(vec![column("images", 5), column("labels", 5)]).unwrap().rows(), 5);
    }

    #[test]
    fn a_missing_column_is_answered_with_a_name_or_the_list() {
        let names = ["area", "rooms"].into_iter();
        let near = no_such_column(Path::new("f"), "romos", names.clone());
        assert_eq!(near.help.as_deref(), Some("did you mean `rooms`?"));
        let far = no_such_column(Path::new("f"), "price", names);
        assert_eq!(far.help.as_deref(), Some("its columns are `area`, `rooms`"));
    }
}
