//! One array as a `.npy` file holds it: the header, compared with the length before any memory is asked for, and the elements.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::header::{self, Kind};
use crate::data::bytes::Bytes;
use crate::data::column::{Column, MAX_COLUMN_BYTES};
use crate::data::error::{DataError, Place};
use crate::data::file::{recognise, system_error};

/// Before the header come these bytes, two of a version, and its length in two bytes, from version 2 on in four.
const MAGIC: &[u8] = b"\x93NUMPY";
/// No header of an array of numbers is longer.
const MAX_HEADER: usize = 1 << 16;

/// What a file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// The first axis; at least 1.
    pub(super) rows: usize,
    /// The other axes; each at least 1.
    pub(super) row_shape: Vec<usize>,
    /// Whether the first axis is the one whose neighbours lie next to each other.
    fortran: bool,
    elements: usize,
}

/// Reads all of `length` bytes as a column of that name; messages speak of `path`.
pub(super) fn column(path: &Path, file: &mut dyn Read, length: u64, name: &str) -> Result<Column, DataError> {
    let header = header(path, file, length)?;
    let hold = |error: io::Error| system_error(path, "hold", &error);
    let mut stored = Bytes::zeroed(header.elements * header.kind.size()).map_err(hold)?;
    file.read_exact(&mut stored).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => DataError::new(path, "is truncated: it ends before its elements do"),
        _ => system_error(path, "read", &error),
    })?;
    let stored = if header.fortran { row_major(&stored, &header).map_err(hold)? } else { stored };
    let bytes = to_memory(header.kind, stored).map_err(hold)?;
    let column = Column::new(name, Arc::from(path), header.kind.dtype(), header.row_shape, bytes)
        .ok_or_else(|| DataError::new(path, "its elements are not whole rows"))?;
    if header.kind == Kind::U64
        && let Some(index) = column.data().as_chunks::<8>().0.iter().position(|bytes| bytes[7] > 0x7f)
    {
        // What does not fit was left as it is, and reads as a negative number.
        return Err(DataError::new(path, "the number has more than 63 bits").at(column.place_of(index)));
    }
    column.check_finite()?;
    Ok(column)
}

/// Reads the header; what follows are the elements, exactly as many bytes as they take.
pub(super) fn header(path: &Path, file: &mut dyn Read, length: u64) -> Result<Header, DataError> {
    let mut start = [0; 12];
    let short =
        |what: &str| DataError::new(path, format!("is truncated: it ends within {what}")).at(Place::Offset(length));
    let mut read = |buffer: &mut [u8], what: &str| {
        file.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => short(what),
            _ => system_error(path, "read", &error),
        })
    };
    if length < 8 {
        return Err(if length == 0 { DataError::new(path, "the file is empty") } else { short("the header") });
    }
    read(&mut start[..8], "the header")?;
    if !start.starts_with(MAGIC) {
        let known = recognise(&start[..8]).map(|name| format!(" but {name}")).unwrap_or_default();
        let error = DataError::new(path, format!("is no NumPy file{known}")).at(Place::Offset(0));
        return Err(match start.starts_with(b"PK") {
            true => error.help("an archive of arrays has a name that ends in `.npz`"),
            false => error,
        });
    }
    let long = match start[6] {
        1 => false,
        2 | 3 => true,
        other => return Err(DataError::new(path, format!("version {other} of the format is not known"))),
    };
    let digits = if long { 4 } else { 2 };
    read(&mut start[8..8 + digits], "the header")?;
    let text_length = if long { [start[8], start[9], start[10], start[11]] } else { [start[8], start[9], 0, 0] };
    let text_length = u32::from_le_bytes(text_length) as usize;
    if text_length > MAX_HEADER {
        return Err(DataError::new(path, format!("a header of {text_length} bytes is no header of an array")));
    }
    let mut text = vec![0; text_length];
    read(&mut text, "the header")?;
    let text = String::from_utf8_lossy(&text);
    let at = Place::Offset((8 + digits) as u64);
    let described = header::parse(&text).map_err(|(what, help)| {
        let error = DataError::new(path, what).at(at.clone());
        help.into_iter().fold(error, DataError::help)
    })?;
    let before = (8 + digits + text_length) as u64;
    let header = sizes(described).map_err(|what| DataError::new(path, what).at(at))?;
    // At most MAX_COLUMN_BYTES, so the sum cannot overflow.
    let declared = before + (header.elements * header.kind.size()) as u64;
    if length < declared {
        let what = format!("is truncated: the header says {declared} bytes, the file has {length}");
        return Err(DataError::new(path, what).at(Place::Offset(length)));
    }
    if length > declared {
        let what = format!("{} bytes follow the {declared} that the header declares", length - declared);
        return Err(DataError::new(path, what).at(Place::Offset(declared)));
    }
    Ok(header)
}

/// Multiplies the sizes, refusing zero, overflow and more than `MAX_COLUMN_BYTES`.
fn sizes(described: header::Described) -> Result<Header, String> {
    let header::Described { kind, fortran, shape } = described;
    if shape.contains(&0) {
        return Err(format!("the array has the shape {shape:?}, which holds nothing"));
    }
    let widest = kind.size().max(kind.dtype().size()) as u64;
    let elements = shape.iter().try_fold(1u64, |count, &size| count.checked_mul(size));
    let elements = elements.filter(|count| count.checked_mul(widest).is_some_and(|bytes| bytes <= MAX_COLUMN_BYTES));
    let elements = elements.and_then(|count| usize::try_from(count).ok());
    let elements = elements
        .ok_or_else(|| format!("the array has the shape {shape:?}: more than the {MAX_COLUMN_BYTES} bytes allowed"))?;
    // Each size is at most the number of elements, which is a `usize`.
    let mut shape = shape.into_iter().map(|size| size as usize);
    let rows = shape.next().ok_or("the array is a single number without axes; rows are the first axis")?;
    Ok(Header { kind, rows, row_shape: shape.collect(), fortran, elements })
}

/// Elements whose first index runs fastest, put so that the last one does.
fn row_major(stored: &[u8], header: &Header) -> io::Result<Bytes> {
    let size = header.kind.size();
    let shape: Vec<usize> = std::iter::once(header.rows).chain(header.row_shape.iter().copied()).collect();
    let mut ordered = Bytes::zeroed(stored.len())?;
    let mut index = vec![0; shape.len()];
    for to in ordered.chunks_exact_mut(size) {
        let from = index.iter().zip(&shape).rev().fold(0, |place, (i, size)| place * size + i) * size;
        to.copy_from_slice(&stored[from..from + size]);
        for (i, &size) in index.iter_mut().zip(&shape).rev() {
            *i += 1;
            if *i < size {
                break;
            }
            *i = 0;
        }
    }
    Ok(ordered)
}

/// Turns the elements of a file into those of memory.
fn to_memory(kind: Kind, mut bytes: Bytes) -> io::Result<Bytes> {
    match kind {
        Kind::U8 | Kind::I32 | Kind::I64 | Kind::U64 | Kind::F32 | Kind::F64 => Ok(bytes),
        Kind::Bool => {
            bytes.iter_mut().for_each(|byte| *byte = u8::from(*byte != 0));
            Ok(bytes)
        }
        Kind::I8 => widen(&bytes, |[byte]: [u8; 1]| i32::from(byte.cast_signed()).to_le_bytes()),
        Kind::I16 => widen(&bytes, |pair: [u8; 2]| i32::from(i16::from_le_bytes(pair)).to_le_bytes()),
        Kind::U16 => widen(&bytes, |pair: [u8; 2]| i32::from(u16::from_le_bytes(pair)).to_le_bytes()),
        Kind::U32 => widen(&bytes, |four: [u8; 4]| i64::from(u32::from_le_bytes(four)).to_le_bytes()),
        Kind::F16 => widen(&bytes, |pair: [u8; 2]| half(u16::from_le_bytes(pair)).to_le_bytes()),
    }
}

fn widen<const N: usize, const M: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> [u8; M]) -> io::Result<Bytes> {
    let elements = bytes.as_chunks::<N>().0;
    let mut wide = Bytes::zeroed(elements.len() * M)?;
    for (to, &from) in wide.as_chunks_mut::<M>().0.iter_mut().zip(elements) {
        *to = value(from);
    }
    Ok(wide)
}

/// The value of an IEEE 754 binary16, which binary32 holds exactly.
fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    let value = match exponent {
        0 => fraction * 2f32.powi(-24),
        0x1f if fraction == 0.0 => f32::INFINITY,
        0x1f => f32::NAN,
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -value } else { value }
}
