//! Element types of everything that is stored: data columns, parameters, optimizer slots, checkpoints.
//!
//! In memory and in files elements are little-endian, which is also the order of every machine that nnc compiles for.

use std::fmt;

/// The type of one stored element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// Signed 32-bit integer: class numbers, indices.
    I32,
    /// Signed 64-bit integer: counters, keys.
    I64,
    /// Unsigned byte: raw pixels.
    U8,
    /// One byte, 0 or 1.
    Bool,
}

impl DType {
    /// Every type, in the order of declaration.
    pub const ALL: [DType; 6] = [DType::F32, DType::F64, DType::I32, DType::I64, DType::U8, DType::Bool];

    /// Bytes that one element takes.
    pub const fn size(self) -> usize {
        match self {
            DType::F64 | DType::I64 => 8,
            DType::F32 | DType::I32 => 4,
            DType::U8 | DType::Bool => 1,
        }
    }

    /// The address alignment that an element asks for, in bytes; a power of two.
    pub const fn alignment(self) -> usize {
        self.size()
    }

    /// The name that people read: `f32`, `u8`, `bool`.
    pub const fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::I32 => "i32",
            DType::I64 => "i64",
            DType::U8 => "u8",
            DType::Bool => "bool",
        }
    }

    /// Whether elements are floating-point numbers.
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F64)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The number of elements of `shape`, or `None` when it does not fit in a `usize`.
pub fn element_count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size))
}

/// The number of bytes of a tensor of `shape`, or `None` when it does not fit in a `usize`.
pub fn byte_count(dtype: DType, shape: &[usize]) -> Option<usize> {
    element_count(shape)?.checked_mul(dtype.size())
}

/// Reads element `index` of little-endian `bytes` as a double. `i64` values beyond 2^53 are rounded to nearest.
///
/// # Panics
///
/// When `bytes` holds fewer than `index + 1` elements.
pub fn element_as_f64(dtype: DType, bytes: &[u8], index: usize) -> f64 {
    fn at<const N: usize>(bytes: &[u8], index: usize) -> [u8; N] {
        let mut element = [0; N];
        element.copy_from_slice(&bytes[index * N..index * N + N]);
        element
    }
    match dtype {
        DType::F32 => f64::from(f32::from_le_bytes(at(bytes, index))),
        DType::F64 => f64::from_le_bytes(at(bytes, index)),
        DType::I32 => f64::from(i32::from_le_bytes(at(bytes, index))),
        DType::I64 => i64::from_le_bytes(at(bytes, index)) as f64,
        DType::U8 | DType::Bool => f64::from(bytes[index]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_two_and_alignments_divide_them() {
        for dtype in DType::ALL {
            assert!(dtype.alignment().is_power_of_two());
            assert_eq!(dtype.size() % dtype.alignment(), 0, "{dtype}");
        }
    }

    #[test]
    fn counting_refuses_to_wrap() {
        assert_eq!(element_count(&[]), Some(1));
        assert_eq!(element_count(&[3, 0, 5]), Some(0));
        assert_eq!(byte_count(DType::F32, &[2, 3]), Some(24));
        assert_eq!(element_count(&[usize::MAX, 2]), None);
        assert_eq!(byte_count(DType::F64, &[usize::MAX / 4]), None);
    }

    #[test]
    fn elements_are_read_little_endian() {
        assert_eq!(element_as_f64(DType::I32, &[0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff], 1), -2.0);
        assert_eq!(element_as_f64(DType::F32, &1.5f32.to_le_bytes(), 0), 1.5);
        assert_eq!(element_as_f64(DType::F64, &(-0.1f64).to_le_bytes(), 0), -0.1);
        assert_eq!(element_as_f64(DType::I64, &7i64.to_le_bytes(), 0), 7.0);
        assert_eq!(element_as_f64(DType::U8, &[3, 200], 1), 200.0);
    }
}
