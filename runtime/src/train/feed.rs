//! From rows of a table to the input buffers of a step.

use crate::buffer::Buffer;
use crate::data::batch::{Gather, check_range};
use crate::data::{Column, DataError, Place, Table, Wanted};
use crate::dtype::{DType, byte_count};
use std::ops::Range;

/// An axis whose size differs from batch to batch: each takes the smallest bucket that its longest row fits in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaddedAxis {
    /// Its name in the program.
    pub name: String,
    /// The sizes that it may have, ascending, at least one.
    pub buckets: Vec<usize>,
}

impl PaddedAxis {
    /// The smallest size for rows of this length.
    fn bucket(&self, length: usize) -> Option<usize> {
        self.buckets.iter().copied().find(|&bucket| bucket >= length)
    }

    /// The largest size.
    pub fn largest(&self) -> usize {
        self.buckets.last().copied().unwrap_or(0)
    }
}

/// What of a column an input holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// Rows of one shape.
    Fixed,
    /// Rows filled up with zeros to the size of the padded axis of that number.
    Padded(usize),
    /// How long each row is, in values along the padded axis of that number.
    Lengths(usize),
}

/// A column that a program reads.
#[derive(Clone, Debug)]
pub struct InputSpec {
    /// Its number among the inputs of the program.
    pub number: usize,
    /// The column.
    pub wanted: Wanted,
    /// The element type in the buffer.
    pub dtype: DType,
    /// The shape of one row; of one value of a row along a padded axis.
    pub row_shape: Vec<usize>,
    /// The whole numbers among which its values must be, for class numbers.
    pub classes: Option<Range<i64>>,
    /// What of the column it holds.
    pub fill: Fill,
}

/// An input that a table cannot feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfed {
    /// Its place in the list of inputs.
    pub input: usize,
    /// What is wrong with its column.
    pub error: Box<DataError>,
}

/// Copies rows of one table into the buffers of a program's inputs. Allocates only when it is made.
pub struct Feed<'a> {
    inputs: Vec<Fed<'a>>,
    /// For each padded axis a column that tells how long rows are along it, if one is read.
    axes: Vec<(PaddedAxis, Option<&'a Column>)>,
}

/// One input.
struct Fed<'a> {
    number: usize,
    gather: Gather<'a>,
    fill: Fill,
    /// Values in one row where all rows have as many.
    length: usize,
}

impl<'a> Feed<'a> {
    /// Prepares `inputs`, all of which must be columns of `table`. Class numbers, and that every row fits its axis, are checked
    /// here, once.
    pub fn new(table: &'a Table, inputs: &[InputSpec], axes: &[PaddedAxis]) -> Result<Feed<'a>, Unfed> {
        let mut feed = Feed { inputs: vec![], axes: axes.iter().map(|axis| (axis.clone(), None)).collect() };
        for (place, input) in inputs.iter().enumerate() {
            feed.add(table, input).map_err(|error| Unfed { input: place, error })?;
        }
        Ok(feed)
    }

    fn add(&mut self, table: &'a Table, input: &InputSpec) -> Result<(), Box<DataError>> {
        let Some(column) = table.column(&input.wanted.name()) else {
            let what = format!("column `{}` was not loaded", input.wanted.name().escape_debug());
            return Err(Box::new(DataError::new("", what)));
        };
        let (mut row_shape, mut length) = (&input.row_shape[..], 1);
        match input.fill {
            Fill::Padded(axis) | Fill::Lengths(axis) => {
                let Some((axis, measure)) = self.axes.get_mut(axis) else { return Err(Box::new(unsound(column))) };
                measured(column, axis, *measure)?;
                *measure = Some(column);
            }
            Fill::Fixed if column.length(0).is_some() => {
                // The first axis of the row is the one along which its values lie.
                let Some((wanted, inner)) = input.row_shape.split_first() else {
                    return Err(Box::new(unsound(column)));
                };
                (row_shape, length) = (inner, *wanted);
                if let Some((row, found)) = lengths(column).find(|(_, found)| found != wanted) {
                    return Err(Box::new(long(column, row, format!("{found} values, not {wanted}"))));
                }
            }
            Fill::Fixed => {}
        }
        if column.row_shape() != row_shape {
            let found = column.row_shape();
            let what = format!("a row of `{}` has shape {found:?}, not {row_shape:?}", column.name().escape_debug());
            let error = DataError::new(column.file(), what);
            return Err(Box::new(error.help("the file has changed since it was checked")));
        }
        if let Some(classes) = &input.classes {
            check_range(column, classes)?;
        }
        // Lengths are written by the feed itself, whatever the values are.
        let dtype = if matches!(input.fill, Fill::Lengths(_)) { column.dtype() } else { input.dtype };
        let gather = Gather::new(column, dtype)?;
        self.inputs.push(Fed { number: input.number, gather, fill: input.fill, length });
        Ok(())
    }

    /// Fills the head of each input's buffer with these rows; other buffers are left alone. `sizes` become the free sizes of
    /// the batch: rows, then each padded axis; its memory is used again.
    ///
    /// # Panics
    ///
    /// When a buffer, made by [`input_buffers`], is too small for so many rows, or a row is not in the table.
    pub fn fill(&self, rows: &[u32], buffers: &mut [Buffer], sizes: &mut Vec<usize>) {
        sizes.clear();
        sizes.push(rows.len());
        for (axis, column) in &self.axes {
            let length = |&row: &u32| column.and_then(|column| column.length(row as usize)).unwrap_or(0);
            let longest = rows.iter().map(length).max().unwrap_or(0);
            // `new` has checked that every row has a bucket.
            sizes.push(axis.bucket(longest).unwrap_or(longest));
        }
        for input in &self.inputs {
            let buffer = buffers[input.number].as_mut_slice();
            match input.fill {
                Fill::Lengths(_) => {
                    for (row, target) in rows.iter().zip(buffer.as_chunks_mut::<4>().0) {
                        // A bucket far below 2^31 holds the row.
                        *target = (input.gather.column().length(*row as usize).unwrap_or(0) as i32).to_le_bytes();
                    }
                }
                Fill::Padded(axis) => {
                    input.gather.copy(rows, sizes[axis + 1], head(buffer, input, rows, sizes[axis + 1]))
                }
                Fill::Fixed => input.gather.copy(rows, input.length, head(buffer, input, rows, input.length)),
            }
        }
    }
}

/// The part of a buffer that so many rows take.
fn head<'b>(buffer: &'b mut [u8], input: &Fed<'_>, rows: &[u32], length: usize) -> &'b mut [u8] {
    &mut buffer[..rows.len() * input.gather.row_bytes(length)]
}

/// Checks that every row of `column` has a bucket, and the length that `other` has along the same axis.
fn measured(column: &Column, axis: &PaddedAxis, other: Option<&Column>) -> Result<(), Box<DataError>> {
    let (name, largest) = (axis.name.escape_debug(), axis.largest());
    if column.length(0).is_none() {
        return Err(Box::new(unsound(column)));
    }
    for (row, found) in lengths(column) {
        if found > largest {
            let what = format!("{found} values are more than the longest `{name}`, which is {largest}");
            return Err(Box::new(long(column, row, what).help("add a longer bucket, or cut the text: `cut = …`")));
        }
        if let Some((wanted, other)) = other.and_then(|other| Some((other.length(row)?, other)))
            && wanted != found
        {
            let other = other.name().escape_debug();
            let what = format!("{found} values, but {wanted} of `{other}`, which has the same axis `{name}`");
            return Err(Box::new(long(column, row, what).help("give the two columns axes of their own")));
        }
    }
    Ok(())
}

/// The rows of a ragged column and how long each is.
fn lengths(column: &Column) -> impl Iterator<Item = (usize, usize)> + '_ {
    (0..column.rows()).filter_map(|row| Some((row, column.length(row)?)))
}

/// An error about the length of a row.
fn long(column: &Column, row: usize, what: String) -> DataError {
    let place = Place::Row { row: row as u64 + 1, line: None, column: Some(column.name().to_owned()) };
    DataError::new(column.file(), what).at(place)
}

/// The error of a column whose rows are not what they were when the program was checked.
fn unsound(column: &Column) -> DataError {
    let what = format!("the rows of `{}` are not of the kind they were", column.name().escape_debug());
    DataError::new(column.file(), what).help("the file has changed since it was checked")
}

/// One buffer for each of the program's `count` inputs, large enough for `rows` rows; those not listed stay empty. `None`
/// when a size overflows.
pub fn input_buffers(count: usize, inputs: &[InputSpec], axes: &[PaddedAxis], rows: usize) -> Option<Vec<Buffer>> {
    let mut sizes = vec![0; count];
    for input in inputs {
        let (dtype, values) = match input.fill {
            Fill::Fixed => (input.dtype, 1),
            Fill::Padded(axis) => (input.dtype, axes.get(axis)?.largest()),
            Fill::Lengths(_) => (DType::I32, 1),
        };
        let shape: &[usize] = if matches!(input.fill, Fill::Lengths(_)) { &[] } else { &input.row_shape };
        *sizes.get_mut(input.number)? = byte_count(dtype, shape)?.checked_mul(values)?.checked_mul(rows)?;
    }
    Some(sizes.into_iter().map(Buffer::zeroed).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn ragged(name: &str, lengths: &[usize]) -> Column {
        let starts = std::iter::once(0).chain(lengths.iter().scan(0, |at, n| {
            *at += n;
            Some(*at)
        }));
        let (starts, values): (Vec<usize>, i32) = (starts.collect(), lengths.iter().sum::<usize>() as i32);
        let bytes: Vec<u8> = (1..=values).flat_map(i32::to_le_bytes).collect();
        Column::ragged(name, Path::new("f").into(), DType::I32, starts, bytes.into()).unwrap()
    }

    fn input(number: usize, column: &str, row_shape: &[usize], fill: Fill) -> InputSpec {
        let wanted = Wanted { column: column.into(), encoding: None };
        InputSpec { number, wanted, dtype: DType::I32, row_shape: row_shape.to_vec(), classes: None, fill }
    }

    fn axis(buckets: &[usize]) -> PaddedAxis {
        PaddedAxis { name: "time".into(), buckets: buckets.to_vec() }
    }

    fn numbers(buffer: &Buffer, count: usize) -> Vec<i32> {
        buffer.as_slice().as_chunks::<4>().0.iter().take(count).map(|v| i32::from_le_bytes(*v)).collect()
    }

    #[test]
    fn each_batch_takes_the_bucket_of_its_longest_row() {
        let table = Table::new(vec![ragged("t", &[1, 3, 2, 0])]).unwrap();
        let inputs = [input(0, "t", &[], Fill::Padded(0)), input(1, "t", &[], Fill::Lengths(0))];
        let axes = [axis(&[2, 4])];
        let feed = Feed::new(&table, &inputs, &axes).unwrap();
        let mut buffers = input_buffers(2, &inputs, &axes, 2).unwrap();
        let mut sizes = vec![];
        feed.fill(&[1, 0], &mut buffers, &mut sizes);
        assert_eq!(sizes, [2, 4]);
        assert_eq!((numbers(&buffers[0], 8), numbers(&buffers[1], 2)), (vec![2, 3, 4, 0, 1, 0, 0, 0], vec![3, 1]));
        feed.fill(&[3, 2], &mut buffers, &mut sizes);
        assert_eq!(sizes, [2, 2]);
        assert_eq!((numbers(&buffers[0], 4), numbers(&buffers[1], 2)), (vec![0, 0, 5, 6], vec![0, 2]));
    }

    #[test]
    fn rows_that_do_not_fit_are_named() {
        let table = Table::new(vec![ragged("t", &[1, 3]), ragged("u", &[1, 2])]).unwrap();
        let fails = |inputs: &[InputSpec], buckets: &[usize]| {
            Feed::new(&table, inputs, &[axis(buckets)]).map(|_| ()).unwrap_err().error.to_string()
        };
        let padded = |column: &str| input(0, column, &[], Fill::Padded(0));
        assert_eq!(
            fails(&[padded("t")], &[2]),
            "f: row 2, column `t`: 3 values are more than the longest `time`, which is 2"
        );
        assert_eq!(
            fails(&[padded("t"), padded("u")], &[4]),
            "f: row 2, column `u`: 2 values, but 3 of `t`, which has the same axis `time`"
        );
        assert_eq!(fails(&[input(0, "t", &[1], Fill::Fixed)], &[4]), "f: row 2, column `t`: 3 values, not 1");
    }
}
