//! What a row of the operation table is. Every column is mandatory: an operation without a gradient says why, so that
//! forgetting one is a compile error. This file names no operation.

use super::array::Array;
use super::attrs::Attrs;
use super::builder::{Builder, Val};
use super::types::TensorType;
use crate::prog::E;
use crate::prog::reference::Dd;
pub use nnc_runtime::kernels::routine::Routine;

/// One primitive operation: the single place where it lives.
pub struct OpDef {
    /// The spelling in `.nn` and in printed graphs.
    pub name: &'static str,
    /// The formula, in a sentence.
    pub doc: &'static str,
    /// Number of operands.
    pub arity: Arity,
    /// Result types from operand types and attributes.
    pub infer: InferFn,
    /// What it computes.
    pub meaning: Meaning,
    /// An independent function of the same formula and its slopes, for tests.
    pub reference: Reference,
    /// Its derivative.
    pub vjp: Vjp,
    /// How it becomes code.
    pub lower: Lower,
    /// Where tests draw operands from, one range an operand.
    pub domain: &'static [Domain],
}

/// Operations are compared by identity: each is one static row.
pub type Op = &'static OpDef;

/// A shape rule.
pub type InferFn = fn(&[&TensorType], &Attrs) -> Result<Vec<TensorType>, InferError>;

/// Builds the expression program of one element.
pub type ScalarFn = for<'p> fn(&ScalarArgs<'_, 'p>) -> E<'p>;

/// How many operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// Exactly so many.
    Exactly(usize),
    /// One or more.
    Many,
}

/// Why operand types do not fit; the caller adds where each came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InferError {
    /// What is wrong, in the words of the operation.
    pub what: String,
    /// The operand and axis at fault.
    pub at: Option<(usize, usize)>,
    /// The operand and axis it disagrees with.
    pub against: Option<(usize, usize)>,
}

impl InferError {
    /// An error about whole operands.
    pub fn new(what: impl Into<String>) -> InferError {
        InferError { what: what.into(), at: None, against: None }
    }

    /// An error about two axes that disagree.
    pub fn axes(what: impl Into<String>, at: (usize, usize), against: (usize, usize)) -> InferError {
        InferError { what: what.into(), at: Some(at), against: Some(against) }
    }
}

/// The meaning of an operation.
pub enum Meaning {
    /// Element by element: builds the expression program of one element from its operands' elements.
    Scalar(ScalarFn),
    /// On whole tensors.
    Tensor(fn(&[&Array], &Attrs, &[TensorType]) -> Vec<Array>),
    /// Given by the environment: inputs, states, counters.
    Source,
    /// The body of the attributes, turn by turn.
    Scan,
}

/// What a scalar meaning may use.
pub struct ScalarArgs<'a, 'p> {
    /// The program being built.
    pub p: &'p crate::prog::Builder,
    /// The operands' elements.
    pub args: &'a [E<'p>],
    /// The attributes.
    pub attrs: &'a Attrs,
    /// The result type; sizes are numbers.
    pub ty: &'a TensorType,
    /// The coordinates of the element, an i32 for each axis of the result.
    pub index: &'a [E<'p>],
}

/// An independent reference of a scalar operation in higher precision.
pub enum Reference {
    /// The value, and the partial derivative by operand `i`.
    Function {
        /// The formula.
        value: fn(&[Dd]) -> Dd,
        /// Its slope by the operand with this number.
        slope: fn(&[Dd], usize) -> Dd,
    },
    /// The formula of an operation without slopes.
    Value(fn(&[f64]) -> f64),
    /// Tested by differences and the oracle alone, for the stated reason.
    None(&'static str),
}

/// The derivative of an operation.
pub enum Vjp {
    /// Cotangents of the operands from the cotangent of the result, as graph-building mathematics; `None` for an operand
    /// that has no gradient (an integer, a mask).
    Rule(for<'a, 'b> fn(&VjpArgs<'a, 'b>) -> Vec<Option<Val<'b>>>),
    /// The derivative is zero almost everywhere; gradients stop here, for the stated reason.
    Zero(&'static str),
    /// Asking for the derivative is an error, for the stated reason.
    None(&'static str),
    /// The derivative of a loop: a loop that runs the other way.
    Scan,
}

/// What a derivative rule may use.
pub struct VjpArgs<'a, 'b> {
    /// The graph being extended.
    pub b: &'b Builder,
    /// The operands.
    pub args: &'a [Val<'b>],
    /// The results.
    pub outs: &'a [Val<'b>],
    /// The cotangents of the results; `None` where a result does not reach the differentiated value.
    pub cts: &'a [Option<Val<'b>>],
    /// The attributes.
    pub attrs: &'a Attrs,
}

impl<'b> VjpArgs<'_, 'b> {
    /// The result of an operation with one result.
    pub fn out(&self) -> Val<'b> {
        self.outs[0]
    }

    /// The cotangent of an operation with one result: the reverse pass calls a rule only when some cotangent exists.
    pub fn ct(&self) -> Val<'b> {
        match self.cts {
            [Some(ct)] => *ct,
            _ => unreachable!("a rule for one result is called with its cotangent"),
        }
    }
}

/// How an operation becomes code. Fusion and code generation match on this, never on names.
#[derive(Debug, Clone, Copy)]
pub enum Lower {
    /// A fused loop runs the scalar meaning.
    Elementwise,
    /// The operand's storage under another shape: no code.
    View,
    /// An element of the result is the operand's element at an affine function of its place.
    Affine(fn(&Attrs, &[usize], &[usize]) -> AffineMap),
    /// The operands are written next to each other along the axis of the attributes.
    Concat,
    /// The operand surrounded by zeros.
    Pad,
    /// A reduction over the axes of the attributes.
    Reduce(Reducer),
    /// A sum of products: the tile kernels.
    Contract,
    /// Sums of products over windows: the tile kernels, walking.
    Conv,
    /// Windows added up where they overlap.
    Overlap,
    /// A routine of the runtime on operands that lie in memory.
    Routine(Routine),
    /// A splat constant.
    Const,
    /// A tensor that the runtime holds: input, state, counter.
    Source,
    /// The stages of the body, turn by turn.
    Scan,
    /// One result of a node with several: where that node wrote it.
    Result,
}

impl Lower {
    /// Whether the node's results are values of their own, each made by [`Lower::Result`], so that code names values by nodes.
    pub fn has_results(self) -> bool {
        matches!(self, Lower::Scan)
    }
}

/// The element of the operand at `offset + Σ strides[d]·index[d]`, index running over the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AffineMap {
    /// In elements of the row-major operand.
    pub offset: isize,
    /// One stride an axis of the result.
    pub strides: Vec<isize>,
}

/// Which reduction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reducer {
    /// Sum, in the order fixed for it.
    Sum,
    /// Largest element; a NaN wins.
    Max,
    /// Place of the largest element along one axis, the first among equals; a NaN wins.
    ArgMax,
}

/// Where tests draw an operand from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Domain {
    /// Floats of this range.
    Float(f64, f64),
    /// Integers of this half-open range.
    Int(i64, i64),
    /// Masks.
    Bool,
}
