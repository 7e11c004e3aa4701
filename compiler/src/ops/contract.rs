//! Sums of products: every product of matrices, batched or not, in any layout.

use super::infer::wrong_attrs;
use super::order;
use crate::ir::array::Array;
use crate::ir::attrs::{Attrs, Contract};
use crate::ir::builder::Val;
use crate::ir::op::{Arity, Domain, InferError, Lower, Meaning, OpDef, Reference, Vjp};
use crate::ir::types::{TensorType, is_float};
use ndarray::{ArrayD, IxDyn};
use nnc_runtime::kernels::product::{KSplit, k_split};

/// `out[batch…, a…, b…] = Σ_k a[batch, a, k] · b[batch, b, k]`: each element one chain of fused multiply-adds over k, split
/// as [`k_split`] says when k is long.
pub static CONTRACT: OpDef = OpDef {
    name: "contract",
    doc: "the sum of products over pairs of axes; paired batch axes first, then a's other axes, then b's",
    arity: Arity::Exactly(2),
    infer: |args, attrs| {
        let Attrs::Contract(c) = attrs else { return Err(wrong_attrs()) };
        let (a, b) = (args[0], args[1]);
        if a.dtype != b.dtype || !is_float(a.dtype) {
            return Err(InferError::new(format!("{} meets {}", a.dtype.name(), b.dtype.name())));
        }
        for &(i, j) in c.batch.iter().chain(&c.sum) {
            match (a.shape.get(i), b.shape.get(j)) {
                (Some(m), Some(n)) if m == n => {}
                (Some(m), Some(n)) => return Err(InferError::axes(format!("{m} meets {n}"), (0, i), (1, j))),
                _ => return Err(InferError::new("no such axis")),
            }
        }
        let batch = c.batch.iter().map(|p| a.shape[p.0].clone());
        let free_a = c.free_a(a.rank()).into_iter().map(|i| a.shape[i].clone());
        let free_b = c.free_b(b.rank()).into_iter().map(|i| b.shape[i].clone());
        Ok(vec![TensorType::new(a.dtype, batch.chain(free_a).chain(free_b).collect())])
    },
    meaning: Meaning::Tensor(|args, attrs, _| {
        let Attrs::Contract(c) = attrs else { unreachable!("inference admits no other attributes") };
        vec![match (args[0], args[1]) {
            (Array::F32(a), Array::F32(b)) => Array::F32(product(a, b, c, f32::mul_add)),
            (Array::F64(a), Array::F64(b)) => Array::F64(product(a, b, c, f64::mul_add)),
            _ => unreachable!("inference admits floats of one type only"),
        }]
    }),
    reference: Reference::None("bilinear: its gradient is checked by differences"),
    vjp: Vjp::Rule(|n| {
        let Attrs::Contract(c) = n.attrs else { unreachable!("inference admits no other attributes") };
        let (a, b) = (n.args[0], n.args[1]);
        vec![Some(grad_a(c, n.ct(), a, b)), Some(grad_b(c, n.ct(), a, b))]
    }),
    lower: Lower::Contract,
    domain: &[Domain::Float(-2.0, 2.0), Domain::Float(-2.0, 2.0)],
};

/// The cotangent of a: ct·b over b's free axes, which gives `[batch, a's free axes, summed axes]`, then into a's order.
pub fn grad_a<'b>(c: &Contract, ct: Val<'b>, a: Val<'b>, b: Val<'b>) -> Val<'b> {
    let (rank_a, rank_b) = (a.ty().rank(), b.ty().rank());
    let (free_a, free_b) = (c.free_a(rank_a), c.free_b(rank_b));
    let n_batch = c.batch.len();
    let rule = Contract {
        batch: c.batch.iter().enumerate().map(|(i, p)| (i, p.1)).collect(),
        sum: free_b.iter().enumerate().map(|(i, &j)| (n_batch + free_a.len() + i, j)).collect(),
    };
    // What remains of b are its summed axes, in the order in which b has them.
    let mut summed: Vec<(usize, usize)> = c.sum.clone();
    summed.sort_by_key(|p| p.1);
    let order = c.batch.iter().map(|p| p.0).chain(free_a).chain(summed.iter().map(|p| p.0)).collect();
    into_order(ct.contract(b, rule), order)
}

/// The cotangent of b: a·ct over a's free axes, which gives `[batch, summed axes, b's free axes]`, then into b's order.
pub fn grad_b<'b>(c: &Contract, ct: Val<'b>, a: Val<'b>, b: Val<'b>) -> Val<'b> {
    let (rank_a, rank_b) = (a.ty().rank(), b.ty().rank());
    let (free_a, free_b) = (c.free_a(rank_a), c.free_b(rank_b));
    let n_batch = c.batch.len();
    let rule = Contract {
        batch: c.batch.iter().enumerate().map(|(i, p)| (p.0, i)).collect(),
        sum: free_a.iter().enumerate().map(|(i, &j)| (j, n_batch + i)).collect(),
    };
    let mut summed: Vec<(usize, usize)> = c.sum.clone();
    summed.sort_by_key(|p| p.0);
    let order = c.batch.iter().map(|p| p.1).chain(summed.iter().map(|p| p.1)).chain(free_b).collect();
    into_order(a.contract(ct, rule), order)
}

/// `x`'s axis `i` is axis `order[i]` of the result.
fn into_order(x: Val<'_>, order: Vec<usize>) -> Val<'_> {
    let mut perm = vec![0; order.len()];
    for (i, &o) in order.iter().enumerate() {
        perm[o] = i;
    }
    x.permute(perm)
}

/// The plain meaning: three loops and the fixed order of the sum.
fn product<T: Copy + Default + std::ops::Add<Output = T>>(
    a: &ArrayD<T>,
    b: &ArrayD<T>,
    c: &Contract,
    fma: impl Fn(T, T, T) -> T,
) -> ArrayD<T> {
    let (free_a, free_b) = (c.free_a(a.ndim()), c.free_b(b.ndim()));
    let axes = |pick: fn(&(usize, usize)) -> usize, list: &[(usize, usize)]| list.iter().map(pick).collect::<Vec<_>>();
    let sizes = |t: &ArrayD<T>, axes: &[usize]| axes.iter().map(|&i| t.shape()[i]).collect::<Vec<_>>();
    let (batch_a, batch_b) = (axes(|p| p.0, &c.batch), axes(|p| p.1, &c.batch));
    let (sum_a, sum_b) = (axes(|p| p.0, &c.sum), axes(|p| p.1, &c.sum));
    let flat = |t: &ArrayD<T>, order: [&[usize]; 3]| -> Vec<T> {
        t.view().permuted_axes(IxDyn(&order.concat())).iter().copied().collect()
    };
    let xs = flat(a, [&batch_a, &free_a, &sum_a]);
    let ys = flat(b, [&batch_b, &free_b, &sum_b]);
    let (batch, m, n) = (sizes(a, &batch_a), sizes(a, &free_a), sizes(b, &free_b));
    let count = |s: &[usize]| s.iter().product::<usize>();
    let (rows, cols) = (count(&m), count(&n));
    let summed = sizes(a, &sum_a);
    let k = count(&summed);
    let outermost = summed.first().copied().unwrap_or(1);
    let split = k_split(rows, cols, outermost, k.checked_div(outermost).unwrap_or(0));
    let shape: Vec<usize> = batch.iter().chain(&m).chain(&n).copied().collect();
    let mut out = Vec::with_capacity(count(&shape));
    for g in 0..count(&batch) {
        for i in 0..rows {
            let x = &xs[(g * rows + i) * k..][..k];
            for j in 0..cols {
                out.push(chain(x, &ys[(g * cols + j) * k..][..k], split, &fma));
            }
        }
    }
    ArrayD::from_shape_vec(IxDyn(&shape), out).expect("one value a place of the result")
}

/// One element of a product or a convolution: blocks of `split`, each a chain from zero, added in order inside segments, segments by the tree.
pub(super) fn chain<T: Copy + Default + std::ops::Add<Output = T>>(
    x: &[T],
    y: &[T],
    split: KSplit,
    fma: &impl Fn(T, T, T) -> T,
) -> T {
    let (zero, k) = (T::default(), x.len());
    let block = |j: usize| split.elements(k, j).fold(zero, |sum, i| fma(x[i], y[i], sum));
    let segment = |s: usize| split.segment(k, s).map(block).reduce(|sum, next| sum + next).unwrap_or(zero);
    order::tree((0..split.segments).map(segment).collect(), zero, |a, b| a + b)
}

/// The rows of this family.
pub(super) const ROWS: &[&OpDef] = &[&CONTRACT];
