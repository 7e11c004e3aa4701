//! Tensors of the oracle: plain ndarray values of each element type.

use super::types::DType;
use ndarray::ArrayD;

/// A tensor of any element type.
#[derive(Debug, Clone, PartialEq)]
pub enum Array {
    /// f32
    F32(ArrayD<f32>),
    /// f64
    F64(ArrayD<f64>),
    /// i32
    I32(ArrayD<i32>),
    /// i64
    I64(ArrayD<i64>),
    /// u8
    U8(ArrayD<u8>),
    /// Masks.
    Bool(ArrayD<bool>),
}

/// Runs `$body` with `$a` bound to the array inside, whatever its element type.
#[macro_export]
macro_rules! each_array {
    ($array:expr, $a:ident => $body:expr) => {
        match $array {
            $crate::ir::array::Array::F32($a) => $body,
            $crate::ir::array::Array::F64($a) => $body,
            $crate::ir::array::Array::I32($a) => $body,
            $crate::ir::array::Array::I64($a) => $body,
            $crate::ir::array::Array::U8($a) => $body,
            $crate::ir::array::Array::Bool($a) => $body,
        }
    };
}

/// Applies a movement: `$body` maps the array inside to another of the same element type.
#[macro_export]
macro_rules! map_array {
    ($array:expr, $a:ident => $body:expr) => {
        match $array {
            $crate::ir::array::Array::F32($a) => $crate::ir::array::Array::F32($body),
            $crate::ir::array::Array::F64($a) => $crate::ir::array::Array::F64($body),
            $crate::ir::array::Array::I32($a) => $crate::ir::array::Array::I32($body),
            $crate::ir::array::Array::I64($a) => $crate::ir::array::Array::I64($body),
            $crate::ir::array::Array::U8($a) => $crate::ir::array::Array::U8($body),
            $crate::ir::array::Array::Bool($a) => $crate::ir::array::Array::Bool($body),
        }
    };
}

impl Array {
    /// The element type.
    pub fn dtype(&self) -> DType {
        match self {
            Array::F32(_) => DType::F32,
            Array::F64(_) => DType::F64,
            Array::I32(_) => DType::I32,
            Array::I64(_) => DType::I64,
            Array::U8(_) => DType::U8,
            Array::Bool(_) => DType::Bool,
        }
    }

    /// The sizes.
    pub fn shape(&self) -> &[usize] {
        each_array!(self, a => a.shape())
    }

    /// The elements in row-major order, little-endian, as the runtime holds them; a mask is one byte, 0 or 1.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Array::F32(a) => a.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Array::F64(a) => a.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Array::I32(a) => a.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Array::I64(a) => a.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Array::U8(a) => a.iter().copied().collect(),
            Array::Bool(a) => a.iter().map(|&x| u8::from(x)).collect(),
        }
    }

    /// The reverse of [`Array::to_bytes`]; `None` when the number of bytes does not fit the shape.
    pub fn from_bytes(dtype: DType, shape: &[usize], bytes: &[u8]) -> Option<Array> {
        fn read<T, const N: usize>(shape: &[usize], bytes: &[u8], f: impl Fn([u8; N]) -> T) -> Option<ArrayD<T>> {
            let (chunks, rest) = bytes.as_chunks::<N>();
            if !rest.is_empty() {
                return None;
            }
            ArrayD::from_shape_vec(shape, chunks.iter().map(|c| f(*c)).collect()).ok()
        }
        Some(match dtype {
            DType::F32 => Array::F32(read(shape, bytes, f32::from_le_bytes)?),
            DType::F64 => Array::F64(read(shape, bytes, f64::from_le_bytes)?),
            DType::I32 => Array::I32(read(shape, bytes, i32::from_le_bytes)?),
            DType::I64 => Array::I64(read(shape, bytes, i64::from_le_bytes)?),
            DType::U8 => Array::U8(read(shape, bytes, |[b]: [u8; 1]| b)?),
            DType::Bool => Array::Bool(read(shape, bytes, |[b]: [u8; 1]| b != 0)?),
        })
    }

    /// Equality to the bit, all NaNs counted as one value.
    pub fn same_bits(&self, other: &Array) -> bool {
        if self.shape() != other.shape() {
            return false;
        }
        match (self, other) {
            (Array::F32(a), Array::F32(b)) => {
                a.iter().zip(b).all(|(x, y)| x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan()))
            }
            (Array::F64(a), Array::F64(b)) => {
                a.iter().zip(b).all(|(x, y)| x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan()))
            }
            _ => self == other,
        }
    }
}
