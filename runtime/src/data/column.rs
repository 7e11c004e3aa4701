//! Columns and tables: what every reader produces.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::bytes::Bytes;
use super::error::{DataError, Place};
use crate::dtype::{DType, element_as_f64, element_count};
use crate::text::nearest;

/// The most bytes that one column may hold in memory: 64 GiB.
pub const MAX_COLUMN_BYTES: u64 = 64 << 30;

/// One named column: for each row a value of the same shape and type, or a list of such values in a *ragged* column, whose
/// rows differ in length.
///
/// Invariant: `data` holds exactly as many times the elements of `row_shape` as there are rows, or as the last of `starts`
/// says; row major, little-endian.
#[derive(Debug)]
pub struct Column {
    name: String,
    file: Arc<Path>,
    dtype: DType,
    row_shape: Vec<usize>,
    row_elements: usize,
    rows: usize,
    /// Of a ragged column: which value is the first of each row, and behind them the number of all values. Ascending.
    starts: Option<Vec<usize>>,
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
        Some(Column { name: name.into(), file, dtype, row_shape, row_elements, rows, starts: None, data })
    }

    /// A ragged column of single values: row `i` has those from `starts[i]` up to `starts[i + 1]`. `None` when `starts` does
    /// not ascend from 0 to the number of values in `data`.
    pub fn ragged(
        name: impl Into<String>,
        file: Arc<Path>,
        dtype: DType,
        starts: Vec<usize>,
        data: Bytes,
    ) -> Option<Column> {
        let values = starts.last()?.checked_mul(dtype.size())?;
        let sound = starts.first() == Some(&0) && starts.is_sorted() && values == data.len();
        let rows = starts.len() - 1;
        let starts = Some(starts);
        sound.then(|| Column { name: name.into(), file, dtype, row_shape: vec![], row_elements: 1, rows, starts, data })
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

    /// The shape of one row: `[28, 28]` for images, `[]` for labels; of one value of a row in a ragged column.
    pub fn row_shape(&self) -> &[usize] {
        &self.row_shape
    }

    /// Elements in one row, or in one value of a row; at least 1.
    pub fn row_elements(&self) -> usize {
        self.row_elements
    }

    /// Bytes of one row as stored, or of one value of a row.
    pub fn row_bytes(&self) -> usize {
        self.row_elements * self.dtype.size()
    }

    /// How many values row `row` of a ragged column has; `None` when the column is not ragged or has no such row.
    pub fn length(&self, row: usize) -> Option<usize> {
        let starts = self.starts.as_ref()?;
        Some(starts.get(row + 1)? - starts[row])
    }

    /// The elements of row `row`, as a range among all elements.
    ///
    /// # Panics
    ///
    /// When there is no such row.
    pub(super) fn elements(&self, row: usize) -> Range<usize> {
        match &self.starts {
            Some(starts) => starts[row]..starts[row + 1],
            None => row * self.row_elements..(row + 1) * self.row_elements,
        }
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
        (index < self.data.len() / self.dtype.size()).then(|| element_as_f64(self.dtype, &self.data, index))
    }

    /// Refuses a NaN or an infinity among the data, which would only show as a broken loss much later.
    pub(super) fn check_finite(&self) -> Result<(), DataError> {
        let data = self.data();
        let bad = match self.dtype {
            DType::F32 => data.as_chunks::<4>().0.iter().position(|&bytes| !f32::from_le_bytes(bytes).is_finite()),
            DType::F64 => data.as_chunks::<8>().0.iter().position(|&bytes| !f64::from_le_bytes(bytes).is_finite()),
            _ => None,
        };
        match bad {
            None => Ok(()),
            Some(index) => {
                let value = self.value(index).unwrap_or(f64::NAN);
                Err(self.error(format!("{value} is not a finite number")).at(self.place_of(index)))
            }
        }
    }

    /// The place of element `index` for an error message.
    pub(super) fn place_of(&self, index: usize) -> Place {
        let row = match &self.starts {
            Some(starts) => starts.partition_point(|&start| start <= index) as u64,
            None => (index / self.row_elements) as u64 + 1,
        };
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

    /// The columns, to be joined with others.
    pub(super) fn into_columns(self) -> Vec<Column> {
        self.columns
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
    fn a_ragged_column_is_cut_at_its_starts() {
        let file: Arc<Path> = Path::new("f").into();
        let of = |starts: &[usize]| Column::ragged("a", file.clone(), DType::U8, starts.to_vec(), vec![5, 6, 7].into());
        assert!(of(&[]).is_none() && of(&[1, 3]).is_none() && of(&[0, 2]).is_none() && of(&[0, 4, 3]).is_none());
        let column = of(&[0, 1, 1, 3]).unwrap();
        assert_eq!((column.rows(), column.length(1), column.length(2), column.length(3)), (3, Some(0), Some(2), None));
        assert_eq!((column.elements(2), column.value(2), column.value(3)), (1..3, Some(7.0), None));
        assert!(column.place_of(1).to_string().starts_with("row 3"));
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
