//! Weights and training state in files: the safetensors format, with checksums.
//!
//! The layout is that of safetensors: the length of a JSON header as a little-endian `u64`, the header, padded with
//! spaces so that the payload begins at a multiple of 8, then the elements of all tensors without a gap, row major,
//! little-endian. Files of other programs are read, other programs read ours. What [`write()`] adds are entries of
//! `__metadata__`:
//!
//! | key | value |
//! |---|---|
//! | `nnc.format` | the version of these additions, `1` |
//! | `nnc.crc32` | CRC-32 of the caller's own entries |
//! | `crc32:NAME` | CRC-32 of the name, type, shape and bytes of that tensor |
//!
//! so that any damaged byte is noticed, and by which tensor it was damaged. Tensors lie in order of falling alignment,
//! then of name; entries are sorted; equal contents therefore give equal bytes. Writing is atomic (see [`atomic`]).

pub mod atomic;
mod checksum;
mod compare;
mod error;
mod fit;
mod foreign;
mod half;
mod header;
mod read;
mod write;

use std::collections::BTreeMap;

pub use self::compare::{Difference, Verdict, compare};
pub use self::error::CheckpointError;
pub use self::fit::{Mismatch, Reason, fit};
pub use self::foreign::{Layout, Part, full_name};
pub use self::read::{header, read, read_widened};
pub use self::write::write;
use crate::dtype::DType;

/// The longest header that is read or written, in bytes: 8 MiB.
pub const MAX_HEADER_BYTES: u64 = 8 << 20;
/// The most tensors of one file.
pub const MAX_TENSORS: usize = 65_536;

/// A tensor read from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its path, such as `Mlp.dense.w` or `Mlp.dense.w#Adam.m`.
    pub name: String,
    /// The type of its elements.
    pub dtype: DType,
    /// Its shape; empty for a scalar.
    pub shape: Vec<usize>,
    /// Its elements, row major, little-endian.
    pub data: Vec<u8>,
}

/// A tensor to be written. `data` holds exactly the elements of `shape`, row major, little-endian.
#[derive(Clone, Copy, Debug)]
pub struct TensorView<'a> {
    /// Its path.
    pub name: &'a str,
    /// The type of its elements.
    pub dtype: DType,
    /// Its shape; empty for a scalar.
    pub shape: &'a [usize],
    /// Its elements.
    pub data: &'a [u8],
}

/// What the header of a file says about one tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its path.
    pub name: String,
    /// The type of its elements.
    pub dtype: DType,
    /// Its shape; empty for a scalar.
    pub shape: Vec<usize>,
}

/// The contents of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// All tensors, sorted by name.
    pub tensors: Vec<Tensor>,
    /// The caller's entries of `__metadata__`, without those that this module adds.
    pub metadata: BTreeMap<String, String>,
}

impl Checkpoint {
    /// The tensor of that name.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        let place = self.tensors.binary_search_by(|tensor| tensor.name.as_str().cmp(name)).ok()?;
        self.tensors.get(place)
    }
}

impl Tensor {
    /// The same tensor, borrowed.
    pub fn view(&self) -> TensorView<'_> {
        TensorView { name: &self.name, dtype: self.dtype, shape: &self.shape, data: &self.data }
    }

    /// Its name, type and shape.
    pub fn info(&self) -> TensorInfo {
        TensorInfo { name: self.name.clone(), dtype: self.dtype, shape: self.shape.clone() }
    }
}

#[cfg(test)]
mod tests;
