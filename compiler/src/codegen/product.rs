//! A contraction becomes a product of matrices that are read where they lie: transposed, sliced or broadcast operands through
//! strides, axes that do not lie evenly through walks.

use super::kernels::{Home, Kernel, Product, ProductShape};
use super::loops::{BufferId, Place};
use super::lower::Lowering;
use crate::ir::attrs::Contract;
use crate::ir::graph::NodeId;
use crate::ops::movement::row_major;
use crate::passes::fuse::access::Access;
use crate::prog::Ty;
use nnc_runtime::kernels::product::{Level, Walk, k_split, scratch_bytes};

/// An operand as a batch of matrices.
pub(super) struct Matrix {
    pub(super) buffer: BufferId,
    pub(super) offset: isize,
    /// By batch and the two axes of the matrix: a stride and the walk around it.
    pub(super) axes: [(isize, Walk); 3],
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
    let shape = ProductShape { m, n, k, batch, a: x.axes, b: y.axes, c: [(m * n) as isize, n as isize], split };
    push(lowering, lowering.ty(id), [(x.buffer, x.offset), (y.buffer, y.offset)], to, shape);
    Ok(())
}

/// Adds a product with the working memory that it needs; the operands are buffers with their first elements.
pub(super) fn push(
    lowering: &mut Lowering<'_>,
    ty: Ty,
    [a, b]: [(BufferId, isize); 2],
    c: BufferId,
    shape: ProductShape,
) {
    let scratch = scratch(lowering, ty, &shape);
    lowering.push(Kernel::Product(Product { ty, a, b, c, scratch, shape: Box::new(shape) }));
}

/// The working memory of a product, if it needs any.
pub(super) fn scratch(lowering: &mut Lowering<'_>, ty: Ty, shape: &ProductShape) -> Option<BufferId> {
    let desc = shape.desc();
    let bytes = if ty == Ty::F64 { scratch_bytes::<f64>(&desc) } else { scratch_bytes::<f32>(&desc) };
    (bytes > 0).then(|| lowering.buffer(Home::Arena, bytes, "scratch of a product".into()))
}

/// The operand with its axes in three groups.
fn matrix(lowering: &mut Lowering<'_>, operand: NodeId, groups: [&[usize]; 3]) -> Result<Matrix, String> {
    let shape = lowering.shape(operand);
    let access = &lowering.fusion.access[operand.0 as usize];
    let buffer = lowering.held(access.root)?;
    let walks = groups.map(|axes| walk(axes.iter().map(|&i| (shape[i], access.strides[i]))));
    if let [Some(outer), Some(rows), Some(columns)] = walks {
        return Ok(Matrix { buffer, offset: access.offset, axes: [outer, rows, columns] });
    }
    // More loops than a walk has: a copy in this order has one stride a group.
    let copy = copy_in_order(lowering, operand, &groups.concat())?;
    let size = |axes: &[usize]| axes.iter().map(|&i| shape[i] as isize).product::<isize>();
    let columns = size(groups[2]);
    let even = |stride| (stride, Walk::EVEN);
    Ok(Matrix { buffer: copy, offset: 0, axes: [even(size(groups[1]) * columns), even(columns), even(1)] })
}

/// A copy of an operand whose axes lie in this order, row-major.
pub(super) fn copy_in_order(lowering: &mut Lowering<'_>, operand: NodeId, axes: &[usize]) -> Result<BufferId, String> {
    let shape = lowering.shape(operand);
    let access = &lowering.fusion.access[operand.0 as usize];
    let from =
        Access { root: access.root, offset: access.offset, strides: axes.iter().map(|&i| access.strides[i]).collect() };
    let sizes: Vec<usize> = axes.iter().map(|&i| shape[i]).collect();
    let ty = lowering.ty(operand);
    let buffer = lowering.held(from.root)?;
    let bytes = sizes.iter().product::<usize>() * ty.bytes();
    let copy = lowering.buffer(Home::Arena, bytes, format!("%{} in order", operand.0));
    let to = Place { buffer: copy, ty, offset: 0, strides: row_major(&sizes) };
    lowering.copy_from(buffer, &from, ty, &sizes, to);
    Ok(copy)
}

/// Axes of (size, stride), outermost first, taken as one: the innermost stride and the walk around it. Neighbours that lie
/// evenly are one; `None` when there are more loops than a walk has.
pub(super) fn walk(axes: impl Iterator<Item = (usize, isize)>) -> Option<(isize, Walk)> {
    let mut loops: Vec<Level> = vec![];
    for (size, stride) in axes.filter(|axis| axis.0 != 1) {
        match loops.last_mut() {
            Some(last) if last.stride == stride * size as isize => *last = Level { size: last.size * size, stride },
            _ => loops.push(Level { size, stride }),
        }
    }
    let Some(inner) = loops.pop() else { return Some((1, Walk::EVEN)) };
    Some((inner.stride, Walk::of(inner.size, &loops)?))
}
