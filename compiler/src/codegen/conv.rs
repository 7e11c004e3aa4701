//! A convolution becomes products over walks: the rows of A are the windows, its columns their taps, and both are loops over x
//! where it lies. Only zeros around x ask for a copy, made once for all convolutions that want the same.

use super::kernels::{Home, ProductShape};
use super::loops::{BufferId, Place};
use super::lower::Lowering;
use super::product;
use crate::ir::attrs::Conv;
use crate::ir::graph::NodeId;
use crate::ops::conv::{Phase, margins, phases, split};
use crate::ops::movement::row_major;
use crate::passes::fuse::access::Access;
use nnc_runtime::kernels::product::Walk;

/// A value in memory with zeros around it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Padded {
    /// The value, its sizes, and the zeros before and after along each axis, axes in the order of memory.
    key: (Access, Vec<usize>, Vec<(usize, usize)>),
    buffer: BufferId,
}

/// Adds the stages of a convolution that writes `to`.
pub(super) fn lower(lowering: &mut Lowering<'_>, id: NodeId, rule: &Conv, to: BufferId) -> Result<(), String> {
    let node = lowering.graph.node(id);
    let (x, w) = (node.operands[0].node, node.operands[1].node);
    let (xs, ws, shape, ty) = (lowering.shape(x), lowering.shape(w), lowering.shape(id), lowering.ty(id));
    if shape.contains(&0) {
        return Ok(());
    }
    let d = rule.axes.len();
    let by_axis: Vec<Vec<Phase>> = (0..d).map(|i| phases(&rule.axes[i], ws[i + 1], shape[i + 1])).collect();
    let mut zeros = vec![(0, 0); xs.len()];
    for (i, phases) in by_axis.iter().enumerate() {
        zeros[i + 2] = margins(phases, xs[i + 2]);
    }
    let (buffer, offset, steps) = padded(lowering, x, &zeros)?;
    let weights = &lowering.fusion.access[w.0 as usize];
    let held = lowering.held(weights.root)?;
    let (r, groups, c, n) = (xs[1], xs[d + 2], xs[d + 3], ws[d + 3]);
    let windows = shape[..=d].iter().product::<usize>();
    let alone = by_axis.iter().all(|phases| phases.len() == 1);
    let out_steps = row_major(shape);
    for phases in every(&by_axis) {
        let rows: usize = shape[0] * phases.iter().map(|p| p.count).product::<usize>();
        let taps: Vec<usize> = phases.iter().map(|p| p.taps).collect();
        let k = r * taps.iter().product::<usize>() * c;
        let sum = |f: &dyn Fn(usize, &Phase) -> isize| phases.iter().enumerate().map(|(i, p)| f(i, p)).sum::<isize>();
        let start = sum(&|i, p| p.start as isize * steps[i + 2]);
        let tap = sum(&|i, p| p.tap as isize * weights.strides[i + 1]);
        let (x_step, w_step) = (|i: usize| steps[i + 2], |i: usize| weights.strides[i + 1]);
        let along = phases.iter().enumerate().map(|(i, p)| (p.count, p.along as isize * x_step(i)));
        let across = phases.iter().enumerate().map(|(i, p)| (p.taps, p.tap_along as isize * x_step(i)));
        let down = phases.iter().enumerate().map(|(i, p)| (p.taps, p.tap_step as isize * w_step(i)));
        let a_rows = product::walk(std::iter::once((shape[0], steps[0])).chain(along));
        let a_ks = product::walk(std::iter::once((r, steps[1])).chain(across).chain([(c, steps[d + 3])]));
        let b_ks =
            product::walk(std::iter::once((r, weights.strides[0])).chain(down).chain([(c, weights.strides[d + 1])]));
        let (Some(a_rows), Some(a_ks), Some(b_ks)) = (a_rows, a_ks, b_ks) else {
            return Err(format!("%{} has more axes than a walk", id.0));
        };
        let even = |stride: isize| (stride, Walk::EVEN);
        let shape_of = ProductShape {
            m: rows,
            n,
            k,
            batch: groups,
            a: [even(steps[d + 2]), a_rows, a_ks],
            b: [even(weights.strides[d + 2]), b_ks, even(weights.strides[d + 3])],
            c: [n as isize, (groups * n) as isize],
            split: split(windows, n, r, &taps, c),
        };
        let operands = [(buffer, offset + start), (held, weights.offset + tap)];
        if alone {
            product::push(lowering, ty, operands, to, shape_of);
            continue;
        }
        // The results of a phase are made together, then put in their places between those of the others.
        let counts: Vec<usize> =
            std::iter::once(shape[0]).chain(phases.iter().map(|p| p.count)).chain([groups, n]).collect();
        let part = lowering.buffer(Home::Arena, rows * groups * n * ty.bytes(), format!("a phase of %{}", id.0));
        product::push(lowering, ty, operands, part, shape_of);
        let first = sum(&|i, p| p.first as isize * out_steps[i + 1]);
        let mut strides = out_steps.clone();
        phases.iter().enumerate().for_each(|(i, p)| strides[i + 1] *= p.step as isize);
        let own = Access::own(id, &counts);
        lowering.copy_from(part, &own, ty, &counts, Place { buffer: to, ty, offset: first, strides });
    }
    Ok(())
}

/// Every choice of one phase an axis.
fn every(by_axis: &[Vec<Phase>]) -> Vec<Vec<Phase>> {
    by_axis.iter().fold(vec![vec![]], |all, axis| {
        all.iter().flat_map(|head| axis.iter().map(move |p| head.iter().copied().chain([*p]).collect())).collect()
    })
}

/// The buffer, the first element and the strides of a value with zeros around it; where it lies if there are none.
fn padded(
    lowering: &mut Lowering<'_>,
    operand: NodeId,
    zeros: &[(usize, usize)],
) -> Result<(BufferId, isize, Vec<isize>), String> {
    let access = lowering.fusion.access[operand.0 as usize].clone();
    if zeros.iter().all(|z| *z == (0, 0)) {
        return Ok((lowering.held(access.root)?, access.offset, access.strides));
    }
    // The copy keeps the order that the axes have in memory, so that rows are copied whole.
    let shape = lowering.shape(operand);
    let mut order: Vec<usize> = (0..shape.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(if shape[i] == 1 { isize::MAX } else { access.strides[i].abs() }));
    let sizes: Vec<usize> = order.iter().map(|&i| shape[i]).collect();
    let around: Vec<(usize, usize)> = order.iter().map(|&i| zeros[i]).collect();
    let whole: Vec<usize> = sizes.iter().zip(&around).map(|(n, z)| n + z.0 + z.1).collect();
    let inner = Access {
        root: access.root,
        offset: access.offset,
        strides: order.iter().map(|&i| access.strides[i]).collect(),
    };
    let steps = row_major(&whole);
    let origin: isize = around.iter().zip(&steps).map(|(z, step)| z.0 as isize * step).sum();
    let mut strides = vec![0; shape.len()];
    order.iter().zip(&steps).for_each(|(&i, step)| strides[i] = *step);
    let kept: Vec<usize> = (0..whole.len()).filter(|&i| whole[i] != 1).collect();
    let pick = |list: &[usize]| kept.iter().map(|&i| list[i]).collect::<Vec<_>>();
    let place = Access { strides: kept.iter().map(|&i| inner.strides[i]).collect(), ..inner.clone() };
    let key = (place, pick(&sizes), kept.iter().map(|&i| around[i]).collect());
    if let Some(known) = lowering.padded.iter().find(|p| p.key == key) {
        return Ok((known.buffer, origin, strides));
    }
    let ty = lowering.ty(operand);
    let bytes = whole.iter().product::<usize>() * ty.bytes();
    let buffer = lowering.buffer(Home::Arena, bytes, format!("%{} with zeros around", operand.0));
    // Along each axis what lies before and after it: all of the axes outside, what is left of those inside.
    for axis in 0..sizes.len() {
        for (start, size) in [(0, around[axis].0), (around[axis].0 + sizes[axis], around[axis].1)] {
            let mut slab: Vec<usize> = whole[..axis].iter().chain(&sizes[axis..]).copied().collect();
            slab[axis] = size;
            let skipped: isize = (axis + 1..sizes.len()).map(|i| around[i].0 as isize * steps[i]).sum();
            let offset = start as isize * steps[axis] + skipped;
            lowering.zero(slab, Place { buffer, ty, offset, strides: steps.clone() });
        }
    }
    lowering.place_part(&inner, &sizes, Place { buffer, ty, offset: origin, strides: steps })?;
    lowering.padded.push(Padded { key, buffer });
    Ok((buffer, origin, strides))
}
