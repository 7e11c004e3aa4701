//! The type of a value: element type and sizes.

use super::dim::Dim;
pub use nnc_runtime::dtype::DType;
use std::fmt;

/// Element type and sizes; rank 0 is a scalar.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TensorType {
    /// What an element is.
    pub dtype: DType,
    /// The size of each axis.
    pub shape: Vec<Dim>,
}

impl TensorType {
    /// A tensor type.
    pub fn new(dtype: DType, shape: Vec<Dim>) -> TensorType {
        TensorType { dtype, shape }
    }

    /// A scalar.
    pub fn scalar(dtype: DType) -> TensorType {
        TensorType { dtype, shape: vec![] }
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The sizes as numbers; `None` while a free size occurs.
    pub fn sizes(&self) -> Option<Vec<usize>> {
        self.shape.iter().map(|d| d.as_constant().and_then(|n| usize::try_from(n).ok())).collect()
    }
}

/// Whether values of this type have gradients.
pub fn is_float(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::F64)
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[", self.dtype.name())?;
        for (i, d) in self.shape.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{d}")?;
        }
        f.write_str("]")
    }
}
