//! Attributes of nodes, one variant a family of operations: passes match these few, never operations one by one.

use super::array::Array;
use super::dim::Dim;
use super::scan::Scan;
use super::types::{DType, TensorType};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What a node has besides its operands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Attrs {
    /// Nothing.
    None,
    /// A splat constant of this shape.
    Const(Const, Vec<Dim>),
    /// A constant whose elements differ.
    Table(Arc<Table>),
    /// A size as a number of this element type.
    Size(DType, Dim),
    /// A tensor held by the runtime, and its type.
    Slot(Slot, Box<TensorType>),
    /// Another element type.
    Cast(DType),
    /// Another shape of as many elements, in the same order.
    Reshape(Vec<Dim>),
    /// Result axis `i` is operand axis `perm[i]`.
    Permute(Vec<usize>),
    /// Operand axis `i` becomes result axis `map[i]`; the result's other axes repeat it.
    Broadcast {
        /// The result's shape.
        shape: Vec<Dim>,
        /// Strictly increasing.
        map: Vec<usize>,
    },
    /// `start..start + len` of an axis.
    Slice {
        /// The axis.
        axis: usize,
        /// First index.
        start: Dim,
        /// How many.
        len: Dim,
    },
    /// Zeros around an axis.
    Pad {
        /// The axis.
        axis: usize,
        /// How many before.
        before: Dim,
        /// How many after.
        after: Dim,
    },
    /// One axis: concatenation, reversal, argmax.
    Axis(usize),
    /// Reduced axes, ascending.
    Axes(Vec<usize>),
    /// A sum of products over pairs of axes.
    Contract(Contract),
    /// Sums of products over windows.
    Conv(Conv),
    /// An axis as windows and their taps, or back.
    Window(Window),
    /// Rows by number.
    Rows(Rows),
    /// Whether an order goes downwards.
    Descending(bool),
    /// Indices `0..n` along one new axis.
    Iota(Dim),
    /// A keyed draw of this shape.
    Random {
        /// The site's stream.
        stream: u32,
        /// The shape drawn.
        shape: Vec<Dim>,
    },
    /// A loop.
    Scan(Arc<Scan>),
}

/// `out[batch…, a…, b…] = Σ a[batch, a, k] · b[batch, b, k]`: batch axes in order, then a's other axes, then b's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Contract {
    /// Pairs (axis of a, axis of b) that align.
    pub batch: Vec<(usize, usize)>,
    /// Pairs that are summed, row-major in this order.
    pub sum: Vec<(usize, usize)>,
}

impl Contract {
    /// Axes of operand a (rank `rank`) that are neither batch nor summed.
    pub fn free_a(&self, rank: usize) -> Vec<usize> {
        (0..rank).filter(|&i| !self.batch.iter().chain(&self.sum).any(|p| p.0 == i)).collect()
    }

    /// Axes of operand b (rank `rank`) that are neither batch nor summed.
    pub fn free_b(&self, rank: usize) -> Vec<usize> {
        (0..rank).filter(|&i| !self.batch.iter().chain(&self.sum).any(|p| p.1 == i)).collect()
    }
}

/// Windows that slide along some axes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Conv {
    /// One an axis.
    pub axes: Vec<ConvAxis>,
}

/// How windows slide along an axis: window `o` has its tap `k` at place `o·stride + k·dilation`; element `i` lies at place
/// `before + i·spacing`, and what lies before the first and after the last element is zero.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConvAxis {
    /// Places from a window to the next, at least 1.
    pub stride: usize,
    /// Places from a tap to the next, at least 1.
    pub dilation: usize,
    /// Places from an element to the next, at least 1.
    pub spacing: usize,
    /// Zeros before the first element; places cut off if negative. In a gradient along a free axis it may depend on its size.
    pub before: Dim,
    /// Zeros after the last element; places cut off if negative.
    pub after: Dim,
}

impl ConvAxis {
    /// Windows one place apart over neighbouring elements, without zeros around.
    pub const PLAIN: ConvAxis =
        ConvAxis { stride: 1, dilation: 1, spacing: 1, before: Dim::constant(0), after: Dim::constant(0) };

    /// How many windows of `taps` there are over `size` elements; `None` if not even one fits, or a number leaves 64 bits. Of
    /// free sizes, whether one fits is known when they are put in.
    pub fn results(&self, size: &Dim, taps: &Dim) -> Option<Dim> {
        let at_least = |n: &Dim, least: i64| n.as_constant().is_none_or(|n| n >= least);
        if !at_least(size, 1) || !at_least(taps, 1) || self.stride == 0 || self.dilation == 0 || self.spacing == 0 {
            return None;
        }
        let places = extent(size, self.spacing)?.checked_add(&self.before)?.checked_add(&self.after)?;
        let rest = places.checked_sub(&extent(taps, self.dilation)?)?;
        if !at_least(&rest, 0) {
            return None;
        }
        rest.div_floor(i64::try_from(self.stride).ok()?)?.checked_add(&Dim::constant(1))
    }
}

/// From the first to the last of `n` things that lie `step` apart; `None` when it leaves 64 bits.
pub fn extent(n: &Dim, step: usize) -> Option<Dim> {
    n.checked_sub(&Dim::constant(1))?.checked_mul(&Dim::constant(i64::try_from(step).ok()?))
}

/// An axis of `len` elements as windows: tap `k` of window `o` is element `o·stride + k·dilation`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Window {
    /// The axis; of windows, the first of the two.
    pub axis: usize,
    /// Its elements.
    pub len: Dim,
    /// Taps of a window.
    pub size: usize,
    /// Elements from a window to the next.
    pub stride: usize,
    /// Elements from a tap to the next.
    pub dilation: usize,
}

/// Rows `[batch…, size, row…]` and numbers of rows `[batch…, number…]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rows {
    /// How many leading axes rows and numbers share.
    pub batch: usize,
    /// How many rows there are.
    pub size: Dim,
}

/// A scalar constant. Floats compare by bits, so that 0 and -0 stay apart and a NaN equals itself.
#[derive(Debug, Clone, Copy)]
pub enum Const {
    /// An f32 or f64, held as f64; an f32 constant is this value rounded once.
    Float(DType, f64),
    /// An integer or a mask.
    Int(DType, i64),
}

impl Const {
    /// The element type.
    pub fn dtype(self) -> DType {
        match self {
            Const::Float(t, _) | Const::Int(t, _) => t,
        }
    }

    /// The bits of the value at its own type, in the low bytes.
    pub fn bits(self) -> u64 {
        match self {
            Const::Float(DType::F32, x) => u64::from((x as f32).to_bits()),
            Const::Float(_, x) => x.to_bits(),
            Const::Int(DType::I32, n) => u64::from(n as i32 as u32),
            Const::Int(DType::U8 | DType::Bool, n) => u64::from(n as u8),
            Const::Int(_, n) => n as u64,
        }
    }
}

impl PartialEq for Const {
    fn eq(&self, other: &Const) -> bool {
        self.dtype() == other.dtype() && self.bits() == other.bits()
    }
}

impl Eq for Const {}

impl Hash for Const {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.dtype().hash(state);
        self.bits().hash(state);
    }
}

/// Numbers that stand in the program.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Table {
    /// The element type.
    pub dtype: DType,
    /// The sizes.
    pub shape: Vec<usize>,
    /// The elements in row-major order, little-endian; a mask is one byte.
    pub bytes: Vec<u8>,
}

impl Table {
    /// Of the elements of an array.
    pub fn of(array: &Array) -> Table {
        Table { dtype: array.dtype(), shape: array.shape().to_vec(), bytes: array.to_bytes() }
    }

    /// As an array.
    ///
    /// # Panics
    /// When there are not as many bytes as shape and element type say.
    pub fn array(&self) -> Array {
        Array::from_bytes(self.dtype, &self.shape, &self.bytes).expect("a table has the bytes of its elements")
    }
}

/// Names a tensor that the runtime holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// A field of the batch, by its number among the program's inputs.
    Input(u32),
    /// A state of the program, by number: the value at the start of the step.
    State(u32),
    /// The seed of the run, an i64.
    Seed,
    /// Steps taken before this one, an i64; in the body of a loop the position along its axis.
    Step,
    /// A value of a loop's body while the body is being built; it stands outside until the loop is closed.
    Local(u32),
}
