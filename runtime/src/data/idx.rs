//! One IDX file, plain or gzip-compressed: the format of MNIST and its relatives.
//!
//! Two zero bytes, an element type, a rank, then a big-endian `u32` for each dimension and the elements, row major,
//! big-endian. The first dimension counts rows. The header is checked against the length of the file before any memory
//! is asked for, and it bounds what is inflated, so neither a wild header nor a compressed bomb costs more than an
//! error.

mod contents;

use std::io;
use std::path::Path;
use std::sync::Arc;

use self::contents::Contents;
use super::bytes::Bytes;
use super::column::Column;
use super::error::DataError;
use super::file::system_error;
use crate::dtype::DType;

/// Compressed bytes read at a time: few for a header, many for a whole file.
const HEADER_CHUNK: usize = 512;
const FILE_CHUNK: usize = 256 << 10;

/// The element types of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    U8,
    I8,
    I16,
    I32,
    F32,
    F64,
}

impl Element {
    fn from_code(code: u8) -> Option<Element> {
        Some(match code {
            0x08 => Element::U8,
            0x09 => Element::I8,
            0x0b => Element::I16,
            0x0c => Element::I32,
            0x0d => Element::F32,
            0x0e => Element::F64,
            _ => return None,
        })
    }

    fn file_size(self) -> usize {
        match self {
            Element::U8 | Element::I8 => 1,
            Element::I16 => 2,
            Element::I32 | Element::F32 => 4,
            Element::F64 => 8,
        }
    }

    /// The type in memory: small signed integers are widened.
    fn dtype(self) -> DType {
        match self {
            Element::U8 => DType::U8,
            Element::I8 | Element::I16 | Element::I32 => DType::I32,
            Element::F32 => DType::F32,
            Element::F64 => DType::F64,
        }
    }
}

/// What the head of an IDX file says about the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    element: Element,
    rows: usize,
    row_shape: Vec<usize>,
    payload: usize,
}

impl Header {
    /// The element type that a column made of this file has.
    pub fn dtype(&self) -> DType {
        self.element.dtype()
    }

    /// The first dimension; at least 1.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The dimensions after the first; each at least 1.
    pub fn row_shape(&self) -> &[usize] {
        &self.row_shape
    }

    /// The length of the whole file, uncompressed, in bytes.
    fn file_length(&self) -> u64 {
        4 + 4 * (1 + self.row_shape.len() as u64) + self.payload as u64
    }
}

/// Reads the header of the file alone. Of a plain file the length is checked, too.
pub fn header(path: &Path) -> Result<Header, DataError> {
    let mut contents = Contents::open(path, HEADER_CHUNK)?;
    let header = contents.header()?;
    contents.check_length(&header)?;
    Ok(header)
}

/// Reads the whole file as a column of that name.
pub fn column(path: &Path, name: &str) -> Result<Column, DataError> {
    let mut contents = Contents::open(path, FILE_CHUNK)?;
    let header = contents.header()?;
    contents.check_length(&header)?;
    let bytes = contents.payload(&header)?;
    let bytes = to_memory_order(header.element, bytes).map_err(|error| system_error(path, "hold", &error))?;
    let column = Column::new(name, Arc::from(path), header.dtype(), header.row_shape, bytes)
        .ok_or_else(|| DataError::new(path, "its payload is not a whole number of rows"))?;
    column.check_finite()?;
    Ok(column)
}

/// Turns big-endian file elements into little-endian memory elements.
fn to_memory_order(element: Element, mut bytes: Bytes) -> io::Result<Bytes> {
    match element {
        Element::U8 => Ok(bytes),
        Element::I32 | Element::F32 => {
            bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|element| element.reverse());
            Ok(bytes)
        }
        Element::F64 => {
            bytes.as_chunks_mut::<8>().0.iter_mut().for_each(|element| element.reverse());
            Ok(bytes)
        }
        Element::I8 => widen(&bytes, |[byte]: [u8; 1]| i32::from(i8::from_be_bytes([byte]))),
        Element::I16 => widen(&bytes, |pair: [u8; 2]| i32::from(i16::from_be_bytes(pair))),
    }
}

fn widen<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> i32) -> io::Result<Bytes> {
    let elements = bytes.as_chunks::<N>().0;
    let mut wide = Bytes::zeroed(elements.len() * 4)?;
    for (to, &from) in wide.as_chunks_mut::<4>().0.iter_mut().zip(elements) {
        *to = value(from).to_le_bytes();
    }
    Ok(wide)
}

#[cfg(test)]
mod tests;
