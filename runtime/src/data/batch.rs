//! From a list of rows to the bytes of a batch.
//!
//! [`Epoch`] holds the order of one pass; [`Gather`] copies the chosen rows of a column into memory of the caller.
//! Both allocate only when they are made.

use std::num::NonZeroUsize;
use std::ops::Range;

use super::column::Column;
use super::error::DataError;
use crate::dtype::DType;

/// The order of rows in one pass, cut into batches. The last batch may be smaller and is kept.
///
/// The cursor of a run that is to be resumed is the epoch's number and the index of its next batch: the order follows
/// from the permutation of that epoch.
#[derive(Clone, Debug)]
pub struct Epoch {
    order: Vec<u32>,
    batch: NonZeroUsize,
}

impl Epoch {
    /// The rows of `part` in their own order.
    pub fn new(part: &[u32], batch: NonZeroUsize) -> Epoch {
        Epoch { order: part.to_vec(), batch }
    }

    /// Orders the rows of `part`, the one given to [`Epoch::new`], by a permutation of their places. Reuses the memory.
    ///
    /// # Panics
    ///
    /// When `permutation` holds a number that is not a place of `part`.
    pub fn shuffle(&mut self, part: &[u32], permutation: &[u32]) {
        self.order.clear();
        self.order.extend(permutation.iter().map(|&place| part[place as usize]));
    }

    /// The number of batches.
    pub fn batches(&self) -> usize {
        self.order.len().div_ceil(self.batch.get())
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.order.len()
    }

    /// The rows of batch `index`, from 0; `None` after the last.
    pub fn batch(&self, index: usize) -> Option<&[u32]> {
        self.order.chunks(self.batch.get()).nth(index)
    }
}

/// A column and the type in which its rows are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Gather<'a> {
    column: &'a Column,
    to: DType,
}

impl<'a> Gather<'a> {
    /// Prepares copies of `column` as elements of type `to`: its own type, `f32` or `f64` (each value rounded to
    /// nearest), or `i32`, if every value of the column is an integer in its range (checked here).
    pub fn new(column: &'a Column, to: DType) -> Result<Gather<'a>, DataError> {
        let from = column.dtype();
        match to {
            _ if to == from => {}
            DType::F32 | DType::F64 => {}
            DType::I32 if from == DType::U8 || from == DType::Bool => {}
            DType::I32 => check_integers(column, f64::from(i32::MIN), f64::from(i32::MAX), "a 32-bit integer")?,
            _ => {
                return Err(column.error(format!("column `{}` holds {from}, which is not read as {to}", column.name())));
            }
        }
        Ok(Gather { column, to })
    }

    /// The column that is copied.
    pub fn column(&self) -> &'a Column {
        self.column
    }

    /// Bytes that one row takes in the destination, of a ragged column with `length` values a row.
    pub fn row_bytes(&self, length: usize) -> usize {
        let values = if self.column.length(0).is_some() { length } else { 1 };
        values * self.column.row_elements() * self.to.size()
    }

    /// Copies the rows, one after another, into `destination`; those of a ragged column filled up with zeros to `length` values.
    ///
    /// # Panics
    ///
    /// When `destination` does not have exactly the length of these rows, a row is not in the column, or it is longer than
    /// `length`.
    pub fn copy(&self, rows: &[u32], length: usize, destination: &mut [u8]) {
        let row_bytes = self.row_bytes(length);
        assert_eq!(destination.len(), rows.len() * row_bytes, "the destination must fit {} rows", rows.len());
        let (from, to) = (self.column.dtype(), self.to);
        // A row of no bytes takes no place: its chunks are of the one byte that is not there.
        for (&row, target) in rows.iter().zip(destination.chunks_exact_mut(row_bytes.max(1))) {
            let elements = self.column.elements(row as usize);
            let (head, tail) = target.split_at_mut(elements.len() * to.size());
            convert(from, &self.column.data()[elements.start * from.size()..elements.end * from.size()], to, head);
            tail.fill(0);
        }
    }
}

/// Copies one row. The pairs are those that [`Gather::new`] lets through.
fn convert(from: DType, source: &[u8], to: DType, target: &mut [u8]) {
    match (from, to) {
        (DType::U8 | DType::Bool, DType::F32) => each(source, target, |[v]: [u8; 1]| f32::from(v).to_le_bytes()),
        (DType::U8 | DType::Bool, DType::F64) => each(source, target, |[v]: [u8; 1]| f64::from(v).to_le_bytes()),
        (DType::U8 | DType::Bool, DType::I32) => each(source, target, |[v]: [u8; 1]| i32::from(v).to_le_bytes()),
        (DType::I32, DType::F32) => each(source, target, |v| (i32::from_le_bytes(v) as f32).to_le_bytes()),
        (DType::I32, DType::F64) => each(source, target, |v| f64::from(i32::from_le_bytes(v)).to_le_bytes()),
        (DType::I64, DType::F32) => each(source, target, |v| (i64::from_le_bytes(v) as f32).to_le_bytes()),
        (DType::I64, DType::F64) => each(source, target, |v| (i64::from_le_bytes(v) as f64).to_le_bytes()),
        (DType::I64, DType::I32) => each(source, target, |v| (i64::from_le_bytes(v) as i32).to_le_bytes()),
        (DType::F32, DType::F64) => each(source, target, |v| f64::from(f32::from_le_bytes(v)).to_le_bytes()),
        (DType::F64, DType::F32) => each(source, target, |v| (f64::from_le_bytes(v) as f32).to_le_bytes()),
        (DType::F32, DType::I32) => each(source, target, |v| (f32::from_le_bytes(v) as i32).to_le_bytes()),
        (DType::F64, DType::I32) => each(source, target, |v| (f64::from_le_bytes(v) as i32).to_le_bytes()),
        _ => target.copy_from_slice(source),
    }
}

fn each<const N: usize, const M: usize>(source: &[u8], target: &mut [u8], value: impl Fn([u8; N]) -> [u8; M]) {
    for (to, from) in target.as_chunks_mut::<M>().0.iter_mut().zip(source.as_chunks::<N>().0) {
        *to = value(*from);
    }
}

/// Checks that every value of `column` is a whole number in `classes`.
pub fn check_range(column: &Column, classes: &Range<i64>) -> Result<(), DataError> {
    if column.dtype() == DType::U8 && column.data().iter().all(|&value| classes.contains(&i64::from(value))) {
        return Ok(());
    }
    let wanted = match classes.is_empty() {
        true => "a class number to all fields that read it".to_owned(),
        false => format!("an integer from {} to {}", classes.start, classes.end - 1),
    };
    check_integers(column, classes.start as f64, (classes.end - 1) as f64, &wanted)
}

fn check_integers(column: &Column, least: f64, most: f64, wanted: &str) -> Result<(), DataError> {
    let values = (0..).map_while(|index| column.value(index));
    // A NaN is in no range.
    match values.enumerate().find(|(_, value)| !((least..=most).contains(value) && value.fract() == 0.0)) {
        None => Ok(()),
        Some((index, value)) => {
            Err(column.error(format!("the value {value} is not {wanted}")).at(column.place_of(index)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn column(dtype: DType, row_shape: &[usize], bytes: Vec<u8>) -> Column {
        Column::new("c", Path::new("file").into(), dtype, row_shape.to_vec(), bytes.into()).unwrap()
    }

    fn doubles(values: &[f64]) -> Column {
        column(DType::F64, &[], values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    fn gathered(column: &Column, to: DType, rows: &[u32]) -> Vec<u8> {
        let gather = Gather::new(column, to).unwrap();
        let mut bytes = vec![0xaa; rows.len() * gather.row_bytes(4)];
        gather.copy(rows, 4, &mut bytes);
        bytes
    }

    #[test]
    fn an_epoch_keeps_its_last_partial_batch() {
        let part = [10, 11, 12, 13, 14];
        let mut epoch = Epoch::new(&part, NonZeroUsize::new(2).unwrap());
        assert_eq!((epoch.batches(), epoch.rows()), (3, 5));
        assert_eq!(epoch.batch(2), Some(&[14][..]));
        assert_eq!(epoch.batch(3), None);
        epoch.shuffle(&part, &[4, 2, 0, 1, 3]);
        assert_eq!(epoch.batch(0), Some(&[14, 12][..]));
        assert_eq!(epoch.batch(2), Some(&[13][..]));
    }

    #[test]
    fn ragged_rows_are_filled_up_with_zeros() {
        let column =
            Column::ragged("c", Path::new("f").into(), DType::U8, vec![0, 2, 2, 5], vec![1, 2, 3, 4, 5].into());
        assert_eq!(gathered(&column.unwrap(), DType::U8, &[2, 1, 0]), [3, 4, 5, 0, 0, 0, 0, 0, 1, 2, 0, 0]);
    }

    #[test]
    fn rows_are_copied_as_they_are() {
        let pixels = column(DType::U8, &[3], (0..12).collect());
        assert_eq!(gathered(&pixels, DType::U8, &[3, 0, 3]), [9, 10, 11, 0, 1, 2, 9, 10, 11]);
        assert!(gathered(&pixels, DType::U8, &[]).is_empty());
    }

    #[test]
    fn values_are_converted_on_the_way() {
        let third: f64 = 1.0 / 3.0;
        let column_ = doubles(&[third, -2.0]);
        assert_eq!(gathered(&column_, DType::F32, &[0]), (third as f32).to_le_bytes());
        assert_eq!(gathered(&column_, DType::F64, &[0]), third.to_le_bytes());
        let labels = column(DType::U8, &[], vec![7, 255]);
        assert_eq!(gathered(&labels, DType::I32, &[1, 0]), [255, 0, 0, 0, 7, 0, 0, 0]);
        assert_eq!(gathered(&labels, DType::F32, &[1]), 255f32.to_le_bytes());
        assert_eq!(gathered(&doubles(&[-2.0, 3.0]), DType::I32, &[0]), (-2i32).to_le_bytes());
    }

    #[test]
    fn every_pair_that_is_let_through_is_converted_by_value() {
        for from in DType::ALL {
            let bytes: Vec<u8> = match from {
                DType::F32 => 1f32.to_le_bytes().to_vec(),
                DType::F64 => 1f64.to_le_bytes().to_vec(),
                _ => (0..from.size()).map(|byte| u8::from(byte == 0)).collect(),
            };
            let one = column(from, &[], bytes);
            for to in DType::ALL {
                let wanted = to == from || to.is_float() || to == DType::I32;
                assert_eq!(Gather::new(&one, to).is_ok(), wanted, "{from} to {to}");
                if wanted {
                    assert_eq!(crate::dtype::element_as_f64(to, &gathered(&one, to, &[0]), 0), 1.0, "{from} to {to}");
                }
            }
        }
    }

    #[test]
    fn fractions_are_not_read_as_integers() {
        let error = Gather::new(&doubles(&[1.0, 2.5]), DType::I32).unwrap_err();
        assert_eq!(error.to_string(), "file: row 2, column `c`: the value 2.5 is not a 32-bit integer");
        assert!(Gather::new(&doubles(&[3e9]), DType::I32).is_err());
    }

    #[test]
    fn labels_outside_their_range_are_named() {
        let labels = column(DType::U8, &[], vec![0, 9, 10, 11]);
        assert!(check_range(&labels, &(0..12)).is_ok());
        let error = check_range(&labels, &(0..10)).unwrap_err();
        assert_eq!(error.to_string(), "file: row 3, column `c`: the value 10 is not an integer from 0 to 9");
        assert!(check_range(&doubles(&[1.0, -1.0]), &(0..3)).is_err());
        assert!(check_range(&doubles(&[0.5]), &(0..3)).is_err());
        assert!(check_range(&doubles(&[2.0, 0.0]), &(0..3)).is_ok());
        assert!(check_range(&labels, &(0..0)).is_err());
    }
}
