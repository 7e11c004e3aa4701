//! Values that programs run on: one lane, a borrowed run of lanes, an owned column.

use super::Ty;

/// One typed scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lane {
    /// Single precision.
    F32(f32),
    /// Double precision.
    F64(f64),
    /// 32-bit integer.
    I32(i32),
    /// 64-bit integer.
    I64(i64),
    /// Byte.
    U8(u8),
    /// Truth value.
    Bool(bool),
}

impl Lane {
    /// The type of the value.
    pub fn ty(self) -> Ty {
        match self {
            Lane::F32(_) => Ty::F32,
            Lane::F64(_) => Ty::F64,
            Lane::I32(_) => Ty::I32,
            Lane::I64(_) => Ty::I64,
            Lane::U8(_) => Ty::U8,
            Lane::Bool(_) => Ty::Bool,
        }
    }

    /// The bits as [`super::Inst::Const`] keeps them; every NaN is the one quiet NaN with the sign bit clear.
    pub fn to_bits(self) -> u64 {
        match self {
            Lane::F32(v) if v.is_nan() => 0x7fc0_0000,
            Lane::F32(v) => u64::from(v.to_bits()),
            Lane::F64(v) if v.is_nan() => 0x7ff8_0000_0000_0000,
            Lane::F64(v) => v.to_bits(),
            Lane::I32(v) => u64::from(v as u32),
            Lane::I64(v) => v as u64,
            Lane::U8(v) => u64::from(v),
            Lane::Bool(v) => u64::from(v),
        }
    }

    /// The value with these bits; bits above the width of `ty` are ignored.
    pub fn from_bits(ty: Ty, bits: u64) -> Lane {
        match ty {
            Ty::F32 => Lane::F32(f32::from_bits(bits as u32)),
            Ty::F64 => Lane::F64(f64::from_bits(bits)),
            Ty::I32 => Lane::I32(bits as u32 as i32),
            Ty::I64 => Lane::I64(bits as i64),
            Ty::U8 => Lane::U8(bits as u8),
            Ty::Bool => Lane::Bool(bits & 1 == 1),
        }
    }

    /// Whether the bits are equal, all NaNs counted as one value.
    pub fn same(self, other: Lane) -> bool {
        self.ty() == other.ty() && self.to_bits() == other.to_bits()
    }
}

/// The lanes of one input port.
#[derive(Clone, Copy, Debug)]
pub enum Slice<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Double precision.
    F64(&'a [f64]),
    /// 32-bit integers.
    I32(&'a [i32]),
    /// 64-bit integers.
    I64(&'a [i64]),
    /// Bytes.
    U8(&'a [u8]),
    /// Truth values.
    Bool(&'a [bool]),
    /// The same value in every lane.
    Splat(Lane),
}

/// Owned lanes of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
    /// 32-bit integers.
    I32(Vec<i32>),
    /// 64-bit integers.
    I64(Vec<i64>),
    /// Bytes.
    U8(Vec<u8>),
    /// Truth values.
    Bool(Vec<bool>),
}

/// Runs `$body` with `$v` bound to the vector of whichever type it has.
macro_rules! each_column {
    ($column:expr, $v:ident => $body:expr) => {
        match $column {
            Column::F32($v) => $body,
            Column::F64($v) => $body,
            Column::I32($v) => $body,
            Column::I64($v) => $body,
            Column::U8($v) => $body,
            Column::Bool($v) => $body,
        }
    };
}

impl Column {
    /// `len` zeros (`false` for truth values).
    pub fn zeros(ty: Ty, len: usize) -> Column {
        match ty {
            Ty::F32 => Column::F32(vec![0.0; len]),
            Ty::F64 => Column::F64(vec![0.0; len]),
            Ty::I32 => Column::I32(vec![0; len]),
            Ty::I64 => Column::I64(vec![0; len]),
            Ty::U8 => Column::U8(vec![0; len]),
            Ty::Bool => Column::Bool(vec![false; len]),
        }
    }

    /// The type of the lanes.
    pub fn ty(&self) -> Ty {
        match self {
            Column::F32(_) => Ty::F32,
            Column::F64(_) => Ty::F64,
            Column::I32(_) => Ty::I32,
            Column::I64(_) => Ty::I64,
            Column::U8(_) => Ty::U8,
            Column::Bool(_) => Ty::Bool,
        }
    }

    /// How many lanes there are.
    pub fn len(&self) -> usize {
        each_column!(self, v => v.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lane `i`, if there are so many.
    pub fn get(&self, i: usize) -> Option<Lane> {
        match self {
            Column::F32(v) => v.get(i).copied().map(Lane::F32),
            Column::F64(v) => v.get(i).copied().map(Lane::F64),
            Column::I32(v) => v.get(i).copied().map(Lane::I32),
            Column::I64(v) => v.get(i).copied().map(Lane::I64),
            Column::U8(v) => v.get(i).copied().map(Lane::U8),
            Column::Bool(v) => v.get(i).copied().map(Lane::Bool),
        }
    }

    /// The lanes as an input of another program.
    pub fn as_slice(&self) -> Slice<'_> {
        match self {
            Column::F32(v) => Slice::F32(v),
            Column::F64(v) => Slice::F64(v),
            Column::I32(v) => Slice::I32(v),
            Column::I64(v) => Slice::I64(v),
            Column::U8(v) => Slice::U8(v),
            Column::Bool(v) => Slice::Bool(v),
        }
    }
}
