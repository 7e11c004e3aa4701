//! From rows of a table to the input buffers of a step.

use crate::buffer::Buffer;
use crate::data::batch::{Gather, check_range};
use crate::data::{DataError, Table};
use crate::dtype::{DType, byte_count};

/// A column that a program reads.
#[derive(Clone, Debug)]
pub struct InputSpec {
    /// Its number among the inputs of the program.
    pub number: usize,
    /// Its name in the source.
    pub column: String,
    /// The element type in the buffer.
    pub dtype: DType,
    /// The shape of one row.
    pub row_shape: Vec<usize>,
    /// The number below which its values must lie, for class numbers.
    pub classes: Option<u32>,
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
    columns: Vec<(usize, Gather<'a>)>,
}

impl<'a> Feed<'a> {
    /// Prepares `inputs`, all of which must be columns of `table`. Values of class numbers are checked here, once.
    pub fn new(table: &'a Table, inputs: &[InputSpec]) -> Result<Feed<'a>, Unfed> {
        let columns = inputs.iter().enumerate().map(|(place, input)| {
            let gather = prepare(table, input).map_err(|error| Unfed { input: place, error })?;
            Ok((input.number, gather))
        });
        Ok(Feed { columns: columns.collect::<Result<_, _>>()? })
    }

    /// Fills the head of each input's buffer with these rows; other buffers are left alone.
    ///
    /// # Panics
    ///
    /// When a buffer, made by [`input_buffers`], is too small for so many rows, or a row is not in the table.
    pub fn fill(&self, rows: &[u32], buffers: &mut [Buffer]) {
        for (number, gather) in &self.columns {
            let bytes = rows.len() * gather.row_bytes();
            gather.copy(rows, &mut buffers[*number].as_mut_slice()[..bytes]);
        }
    }
}

fn prepare<'a>(table: &'a Table, input: &InputSpec) -> Result<Gather<'a>, Box<DataError>> {
    let Some(column) = table.column(&input.column) else {
        let what = format!("column `{}` was not loaded", input.column.escape_debug());
        return Err(Box::new(DataError::new("", what)));
    };
    if column.row_shape() != input.row_shape {
        let (found, wanted) = (column.row_shape(), &input.row_shape);
        let what = format!("a row of `{}` has shape {found:?}, not {wanted:?}", column.name().escape_debug());
        return Err(Box::new(DataError::new(column.file(), what).help("the file has changed since it was checked")));
    }
    if let Some(classes) = input.classes {
        check_range(column, classes)?;
    }
    Ok(Gather::new(column, input.dtype)?)
}

/// One buffer for each of the program's `count` inputs, large enough for `rows` rows; those not listed stay empty. `None`
/// when a size overflows.
pub fn input_buffers(count: usize, inputs: &[InputSpec], rows: usize) -> Option<Vec<Buffer>> {
    let mut sizes = vec![0; count];
    for input in inputs {
        *sizes.get_mut(input.number)? = byte_count(input.dtype, &input.row_shape)?.checked_mul(rows)?;
    }
    Some(sizes.into_iter().map(Buffer::zeroed).collect())
}
