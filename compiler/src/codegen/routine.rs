//! Rows by number, orders, running sums and recurrences become calls of the runtime's routines, on operands that lie as these want them:
//! evenly strided, or copied to lie so.

use super::kernels::{Call, Kernel};
use super::loops::BufferId;
use super::lower::Lowering;
use super::product::{copy_in_order, walk};
use crate::ir::attrs::Attrs;
use crate::ir::graph::NodeId;
use crate::ir::op::Routine;
use nnc_runtime::kernels::routine::RoutineDesc;

/// Adds the call of a routine that writes `to`.
pub(super) fn lower(lowering: &mut Lowering<'_>, id: NodeId, routine: Routine, to: BufferId) -> Result<(), String> {
    let node = lowering.graph.node(id);
    let operand = node.operands[0].node;
    let shape = lowering.shape(operand);
    let axes: Vec<usize> = (0..shape.len()).collect();
    let count = |sizes: &[usize]| sizes.iter().product::<usize>();
    let (outer, places, width, numbers, size) = match &node.attrs {
        Attrs::Rows(rows) => {
            let index = lowering.shape(node.operands[1].node);
            let size = rows.size.as_constant().and_then(|n| usize::try_from(n).ok()).ok_or("a free number of rows")?;
            let end = if routine == Routine::Gather { rows.batch + 1 } else { index.len() };
            (&axes[..rows.batch], &axes[rows.batch..end], &axes[end..], count(&index[rows.batch..]), size)
        }
        Attrs::Axis(axis) => (&axes[..*axis], &axes[*axis..=*axis], &axes[axis + 1..], 0, shape[*axis]),
        _ => {
            let last = shape.len().saturating_sub(1);
            (&axes[..last], &axes[last..], &[][..], 0, shape[last])
        }
    };
    let sized = |axes: &[usize]| axes.iter().map(|&i| shape[i]).product::<usize>();
    let sizes = [sized(outer), numbers, size, sized(width)];
    let (a, strides) = even(lowering, operand, [outer, places, width])?;
    let b = match node.operands.get(1) {
        Some(v) => Some(one_by_one(lowering, v.node)?),
        None => None,
    };
    let desc = RoutineDesc::new(routine, sizes, strides, node.attrs == Attrs::Descending(true));
    let call = Call { routine, bytes: lowering.ty(operand).bytes(), a, b, c: to, desc };
    lowering.push(Kernel::Call(call));
    Ok(())
}

/// The operand with its elements one after the other, row-major.
fn one_by_one(lowering: &mut Lowering<'_>, operand: NodeId) -> Result<(BufferId, isize), String> {
    let axes: Vec<usize> = (0..lowering.shape(operand).len()).collect();
    match even(lowering, operand, [&[], &[], &axes])? {
        (place, [_, _, 1]) => Ok(place),
        _ => Ok((copy_in_order(lowering, operand, &axes)?, 0)),
    }
}

/// The operand with its axes in three groups, each with one stride.
fn even(
    lowering: &mut Lowering<'_>,
    operand: NodeId,
    groups: [&[usize]; 3],
) -> Result<((BufferId, isize), [isize; 3]), String> {
    let shape = lowering.shape(operand);
    let access = lowering.fusion.access[operand.0 as usize].clone();
    let strides = groups.map(|axes| match walk(axes.iter().map(|&i| (shape[i], access.strides[i]))) {
        Some((stride, walk)) if walk.is_even() => Some(stride),
        _ => None,
    });
    if let [Some(x), Some(y), Some(z)] = strides {
        return Ok(((lowering.held(access.root)?, access.offset), [x, y, z]));
    }
    let copy = copy_in_order(lowering, operand, &groups.concat())?;
    let size = |axes: &[usize]| axes.iter().map(|&i| shape[i] as isize).product::<isize>();
    let width = size(groups[2]);
    Ok(((copy, 0), [size(groups[1]) * width, width, 1]))
}
