//! Rows by number: reading and adding at places that are known only while a program runs.
//!
//! Rows are `[batch…, size, row…]`, numbers `[batch…, number…]`, and rows by number `[batch…, number…, row…]`: every other
//! arrangement of the axes is a movement around the node. A number outside `0..size` means the nearest row, so no number can
//! reach outside memory, and reading and adding stay adjoint to each other.

use super::infer::wrong_attrs;
use crate::ir::array::Array;
use crate::ir::attrs::{Attrs, Rows};
use crate::ir::builder::Val;
use crate::ir::dim::Dim;
use crate::ir::op::{Arity, Domain, InferError, Lower, Meaning, OpDef, Reference, Routine, Vjp};
use crate::ir::types::{DType, TensorType, is_float};
use crate::map_array;
use ndarray::{ArrayD, IxDyn};

const LINEAR: Reference = Reference::None("linear: its gradient is checked by differences");
/// Rows, and numbers some of which lie outside.
const DOMAIN: &[Domain] = &[Domain::Float(-4.0, 4.0), Domain::Int(-1, 6)];

fn rule(attrs: &Attrs) -> &Rows {
    match attrs {
        Attrs::Rows(rows) => rows,
        _ => unreachable!("inference admits no other attributes"),
    }
}

/// The rule, once the numbers are numbers, share the batch axes, and there is a row.
fn checked<'a>(args: &[&TensorType], attrs: &'a Attrs) -> Result<&'a Rows, InferError> {
    let Attrs::Rows(rows) = attrs else { return Err(wrong_attrs()) };
    let (x, index) = (args[0], args[1]);
    if index.dtype != DType::I32 {
        return Err(InferError::new(format!("numbers of rows are i32, not {}", index.dtype.name())));
    }
    if rows.batch > index.rank() || rows.batch > x.rank() {
        return Err(InferError::new(format!("{x} and {index} do not share {} axes", rows.batch)));
    }
    for d in 0..rows.batch {
        if x.shape[d] != index.shape[d] {
            return Err(InferError::axes(format!("{} meets {}", index.shape[d], x.shape[d]), (1, d), (0, d)));
        }
    }
    match rows.size.as_constant() {
        Some(n) if n < 1 => Err(InferError::new("there is no row")),
        _ => Ok(rows),
    }
}

/// The three sizes `[batch, rows, row]` of an array that has its rows from axis `batch` to axis `end`.
fn sizes(shape: &[usize], batch: usize, end: usize) -> [usize; 3] {
    [&shape[..batch], &shape[batch..end], &shape[end..]].map(|part| part.iter().product())
}

/// The row that a number means.
fn nearest(index: i32, size: usize) -> usize {
    (index.max(0) as usize).min(size.saturating_sub(1))
}

fn numbers(index: &Array) -> Vec<i32> {
    match index {
        Array::I32(index) => index.iter().copied().collect(),
        _ => unreachable!("inference admits i32 only"),
    }
}

/// Rows by number.
pub static GATHER: OpDef = OpDef {
    name: "gather",
    doc: "rows by number: each number becomes the row that it names, the nearest one if it lies outside",
    arity: Arity::Exactly(2),
    infer: |args, attrs| {
        let rows = checked(args, attrs)?;
        let (x, index) = (args[0], args[1]);
        if x.shape.get(rows.batch) != Some(&rows.size) {
            return Err(InferError::new(format!("{x} has no {} rows", rows.size)));
        }
        let shape = index.shape.iter().chain(&x.shape[rows.batch + 1..]).cloned().collect();
        Ok(vec![TensorType::new(x.dtype, shape)])
    },
    meaning: Meaning::Tensor(|args, attrs, types| {
        let (rows, index) = (rule(attrs), numbers(args[1]));
        let [batch, size, width] = sizes(args[0].shape(), rows.batch, rows.batch + 1);
        let count = index.len().checked_div(batch).unwrap_or(0);
        let shape = types[0].sizes().unwrap_or_default();
        vec![map_array!(args[0], a => {
            let flat: Vec<_> = a.iter().copied().collect();
            let from = |row: usize| (row / count.max(1) * size + nearest(index[row], size)) * width;
            let out = (0..index.len()).flat_map(|row| flat[from(row)..from(row) + width].iter().copied());
            ArrayD::from_shape_vec(IxDyn(&shape), out.collect()).expect("a row a number")
        })]
    }),
    reference: LINEAR,
    vjp: Vjp::Rule(|n| {
        let float = is_float(n.args[0].ty().dtype);
        vec![float.then(|| n.b.add(&SCATTER_ADD, n.attrs.clone(), &[n.ct(), n.args[1]])), None]
    }),
    lower: Lower::Routine(Routine::Gather),
    domain: DOMAIN,
};

/// Rows added by number: the adjoint of [`GATHER`].
pub static SCATTER_ADD: OpDef = OpDef {
    name: "scatter_add",
    doc: "rows added by number: each row of the result is the sum, in order, of those whose number names it or is nearest to it",
    arity: Arity::Exactly(2),
    infer: |args, attrs| {
        let rows = checked(args, attrs)?;
        let (x, index) = (args[0], args[1]);
        if !is_float(x.dtype) {
            return Err(InferError::new(format!("needs floats, not {}", x.dtype.name())));
        }
        if x.rank() < index.rank() || x.shape[..index.rank()] != index.shape {
            return Err(InferError::new(format!("{x} has not a row for each of {index}")));
        }
        let mut shape = x.shape[..rows.batch].to_vec();
        shape.push(rows.size.clone());
        shape.extend_from_slice(&x.shape[index.rank()..]);
        Ok(vec![TensorType::new(x.dtype, shape)])
    },
    meaning: Meaning::Tensor(|args, attrs, types| {
        fn add<T: Copy + Default + std::ops::Add<Output = T>>(
            a: &ArrayD<T>,
            index: &[i32],
            [batch, size, width]: [usize; 3],
            shape: &[usize],
        ) -> ArrayD<T> {
            let count = index.len().checked_div(batch).unwrap_or(0);
            let mut out = vec![T::default(); batch * size * width];
            for (k, x) in a.iter().enumerate() {
                let (row, j) = (k / width, k % width);
                let sum = &mut out[(row / count * size + nearest(index[row], size)) * width + j];
                *sum = *sum + *x;
            }
            ArrayD::from_shape_vec(IxDyn(shape), out).expect("as many elements as the type has")
        }
        let (rows, index, shape) = (rule(attrs), numbers(args[1]), types[0].sizes().unwrap_or_default());
        let sizes = sizes(&shape, rows.batch, rows.batch + 1);
        vec![match args[0] {
            Array::F32(a) => Array::F32(add(a, &index, sizes, &shape)),
            Array::F64(a) => Array::F64(add(a, &index, sizes, &shape)),
            _ => unreachable!("inference admits floats only"),
        }]
    }),
    reference: LINEAR,
    vjp: Vjp::Rule(|n| vec![Some(n.b.add(&GATHER, n.attrs.clone(), &[n.ct(), n.args[1]])), None]),
    lower: Lower::Routine(Routine::ScatterAdd),
    domain: DOMAIN,
};

impl<'b> Val<'b> {
    /// Rows `[batch…, size, row…]` by numbers `[batch…, number…]`, the first `batch` axes being shared.
    pub fn gather(self, index: Val<'b>, batch: usize) -> Val<'b> {
        let size = self.ty().shape[batch].clone();
        self.b.add(&GATHER, Attrs::Rows(Rows { batch, size }), &[self, index])
    }

    /// Rows `[batch…, number…, row…]` added up by numbers `[batch…, number…]` into `size` rows.
    pub fn scatter_add(self, index: Val<'b>, batch: usize, size: Dim) -> Val<'b> {
        self.b.add(&SCATTER_ADD, Attrs::Rows(Rows { batch, size }), &[self, index])
    }
}

/// The rows of this family.
pub(super) const ROWS: &[&OpDef] = &[&GATHER, &SCATTER_ADD];
