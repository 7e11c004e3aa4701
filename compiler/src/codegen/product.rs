//! A contraction becomes a product of strided matrices: transposed, sliced or broadcast operands are read through strides,
//! and only an operand whose axes do not lie evenly in memory is copied first.

use super::kernels::{Home, Kernel, Product, ProductShape};
use super::loops::{BufferId, Place};
use super::lower::Lowering;
use crate::ir::attrs::Contract;
use crate::ir::graph::NodeId;
use crate::ops::movement::row_major;
use crate::passes::fuse::access::Access;
use crate::prog::Ty;
use nnc_runtime::kernels::product::{k_split, scratch_bytes};

/// An operand as a batch of matrices.
struct Matrix {
    buffer: BufferId,
    offset: isize,
    /// By batch and the two axes of the matrix.
    strides: [isize; 3],
}

/// Adds the stages of a contraction that writes `to`.
pub(super) fn lower(lowering: &mut Lowering<'_>, id: NodeId, rule: &Contract, to: BufferId) -> Result<(), String> {
    let node = lowering.graph.node(id);
    let (a, b) = (node.operands[0].node, node.operands[1].node);
    let (shape_a, shape_b) = (lowering.shape(a), lowering.shape(b));
    let (batch_a, batch_b): (Vec<usize>, Vec<usize>) = rule.batch.iter().copied().unzip();
    let (sum_a, sum_b): (Vec<usize>, Vec<usize>) = rule.sum.iter().copied().unzip();
    let (free_a, free_b) = (rule.free_a(shape_a.len()), rule.free_b(shape_b.len()));
    let count = |shape: &[usize], axes: &[usize]| axes.iter().map(|&i| shape[i]).product::<usize>();
    let (m, n, k) = (count(shape_a, &free_a), count(shape_b, &free_b), count(shape_a, &sum_a));
    let batch = count(shape_a, &batch_a);
    let outermost = sum_a.first().map_or(1, |&i| shape_a[i]);
    let split = k_split(m, n, outermost, k.checked_div(outermost).unwrap_or(0));
    if m * n * batch == 0 {
        return Ok(());
    }
    let x = matrix(lowering, a, [&batch_a, &free_a, &sum_a])?;
    let y = matrix(lowering, b, [&batch_b, &sum_b, &free_b])?;
    let ty = lowering.ty(id);
    let shape = ProductShape { m, n, k, batch, a: x.strides, b: y.strides, split };
    let desc = shape.desc();
    let bytes = if ty == Ty::F64 { scratch_bytes::<f64>(&desc) } else { scratch_bytes::<f32>(&desc) };
    let scratch = (bytes > 0).then(|| lowering.buffer(Home::Arena, bytes, format!("scratch of %{}", id.0)));
    let product = Product { ty, a: (x.buffer, x.offset), b: (y.buffer, y.offset), c: to, scratch, shape };
    lowering.push(Kernel::Product(product));
    Ok(())
}

/// The operand with its axes in three groups; copied in this order when a group has no single stride.
fn matrix(lowering: &mut Lowering<'_>, operand: NodeId, groups: [&[usize]; 3]) -> Result<Matrix, String> {
    let shape = lowering.shape(operand);
    let access = &lowering.fusion.access[operand.0 as usize];
    let buffer = lowering.held(access.root)?;
    let strides = groups.map(|axes| joined(shape, &access.strides, axes));
    if let [Some(outer), Some(rows), Some(columns)] = strides {
        return Ok(Matrix { buffer, offset: access.offset, strides: [outer, rows, columns] });
    }
    let axes: Vec<usize> = groups.concat();
    let sizes: Vec<usize> = axes.iter().map(|&i| shape[i]).collect();
    let ty = lowering.ty(operand);
    let bytes = sizes.iter().product::<usize>() * ty.bytes();
    let copy = lowering.buffer(Home::Arena, bytes, format!("%{} in order", operand.0));
    let from =
        Access { root: access.root, offset: access.offset, strides: axes.iter().map(|&i| access.strides[i]).collect() };
    let to = Place { buffer: copy, ty, offset: 0, strides: row_major(&sizes) };
    lowering.copy_from(buffer, &from, ty, &sizes, to);
    let size = |axes: &[usize]| axes.iter().map(|&i| shape[i] as isize).product::<isize>();
    let columns = size(groups[2]);
    Ok(Matrix { buffer: copy, offset: 0, strides: [size(groups[1]) * columns, columns, 1] })
}

/// The one stride of several axes taken as one, row-major; `None` when they do not lie evenly.
fn joined(shape: &[usize], strides: &[isize], axes: &[usize]) -> Option<isize> {
    let real: Vec<usize> = axes.iter().copied().filter(|&i| shape[i] != 1).collect();
    let even = real.windows(2).all(|w| strides[w[0]] == strides[w[1]] * shape[w[1]] as isize);
    even.then(|| real.last().map_or(1, |&i| strides[i]))
}
