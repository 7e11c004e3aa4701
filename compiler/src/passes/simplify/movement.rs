//! Rules on movements: chains of them fall together, and those that move nothing vanish.

use super::{Expr, Made, Rule, made, made_by};
use crate::ir::attrs::Attrs;
use crate::ir::builder::Val;
use crate::ir::dim::Dim;
use crate::ir::op::Lower;
use crate::ops::binary::ADD;
use crate::ops::movement::{BROADCAST, CONCAT, PAD, PERMUTE, RESHAPE, REVERSE, SLICE, STOP_GRADIENT};

/// The most paddings whose sum is looked at.
const MOST_PARTS: usize = 64;

/// The rules of this file.
pub(super) static RULES: &[Rule] = &[
    Rule {
        name: "nothing-moves",
        contract: "a movement that leaves every element where it is becomes its operand",
        apply: nothing_moves,
    },
    Rule {
        name: "gradient-taken",
        contract: "stop_gradient(x) becomes x: gradients are taken before passes run",
        apply: gradient_taken,
    },
    Rule {
        name: "moved-constant",
        contract: "a movement of a splat constant is a splat constant",
        apply: moved_constant,
    },
    Rule { name: "reshape-twice", contract: "a reshape of a reshape is one reshape", apply: reshape_twice },
    Rule { name: "permute-twice", contract: "a permutation of a permutation is one permutation", apply: permute_twice },
    Rule { name: "broadcast-twice", contract: "a broadcast of a broadcast is one broadcast", apply: broadcast_twice },
    Rule { name: "slice-twice", contract: "a slice of a slice of one axis is one slice", apply: slice_twice },
    Rule { name: "pad-twice", contract: "zeros around zeros of one axis are one padding", apply: pad_twice },
    Rule { name: "reverse-twice", contract: "an axis reversed twice is as it was", apply: reverse_twice },
    Rule {
        name: "slice-of-pad",
        contract: "a slice that leaves out all zeros of a padding is a slice of what was padded",
        apply: slice_of_pad,
    },
    Rule {
        name: "slice-of-concat",
        contract: "a slice that lies in one operand of a concatenation is a slice of that operand",
        apply: slice_of_concat,
    },
    Rule {
        name: "pads-side-by-side",
        contract: "a sum of paddings whose values fill an axis, each another part of it, is a concatenation of x + (+0)",
        apply: pads_side_by_side,
    },
];

fn nothing_moves<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    let [x] = e.args else { return None };
    let ty = x.ty();
    let nothing = match e.attrs {
        Attrs::Reshape(shape) => *shape == ty.shape,
        Attrs::Permute(perm) => perm.iter().enumerate().all(|(i, &p)| i == p),
        Attrs::Broadcast { shape, .. } => shape.len() == ty.rank(),
        Attrs::Slice { axis, start, len } => length(start) == Some(0) && ty.shape[*axis] == *len,
        Attrs::Pad { before, after, .. } => length(before) == Some(0) && length(after) == Some(0),
        Attrs::Axis(axis) => e.is(&CONCAT) || (e.is(&REVERSE) && ty.shape[*axis].is_one()),
        _ => false,
    };
    nothing.then_some(*x)
}

fn gradient_taken<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    match e.args {
        [x] if e.is(&STOP_GRADIENT) => Some(*x),
        _ => None,
    }
}

fn moved_constant<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    let ([x], Lower::View | Lower::Affine(_)) = (e.args, e.op.lower) else { return None };
    let c = x.as_const()?;
    let types = (e.op.infer)(&[&x.ty()], e.attrs).ok()?;
    Some(e.b.constant(c, types.into_iter().next()?.shape))
}

fn reshape_twice<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    match (e.args, e.attrs) {
        ([x], Attrs::Reshape(shape)) => Some(made_by(*x, &RESHAPE)?.0.reshape(shape.clone())),
        _ => None,
    }
}

fn permute_twice<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    let ([x], Attrs::Permute(outer)) = (e.args, e.attrs) else { return None };
    let (x, Attrs::Permute(inner)) = made_by(*x, &PERMUTE)? else { return None };
    // Result axis i is axis outer[i] of the middle, which is axis inner[outer[i]] of x.
    Some(x.permute(outer.iter().map(|&i| inner[i]).collect()))
}

fn broadcast_twice<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    let ([x], Attrs::Broadcast { shape, map: outer }) = (e.args, e.attrs) else { return None };
    let (x, Attrs::Broadcast { map: inner, .. }) = made_by(*x, &BROADCAST)? else { return None };
    // Axis i of x is axis inner[i] of the middle, which is axis outer[inner[i]] of the result.
    Some(x.broadcast(shape.clone(), inner.iter().map(|&i| outer[i]).collect()))
}

fn slice_twice<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    let ([x], Attrs::Slice { axis, start, len }) = (e.args, e.attrs) else { return None };
    match made_by(*x, &SLICE)? {
        (x, Attrs::Slice { axis: a, start: s, .. }) if a == *axis => {
            Some(x.slice(a, s.checked_add(start)?, len.clone()))
        }
        _ => None,
    }
}

fn pad_twice<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    let ([x], Attrs::Pad { axis, before, after }) = (e.args, e.attrs) else { return None };
    match made_by(*x, &PAD)? {
        (x, Attrs::Pad { axis: a, before: b, after: f }) if a == *axis => {
            Some(x.pad(a, before.checked_add(&b)?, after.checked_add(&f)?))
        }
        _ => None,
    }
}

fn reverse_twice<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    match e.args {
        [x] if e.is(&REVERSE) => made_by(*x, &REVERSE).filter(|(_, attrs)| attrs == e.attrs).map(|(x, _)| x),
        _ => None,
    }
}

fn slice_of_pad<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    let ([x], Attrs::Slice { axis, start, len }) = (e.args, e.attrs) else { return None };
    let (x, Attrs::Pad { axis: a, before, .. }) = made_by(*x, &PAD)? else { return None };
    let (start, n, before, size) = (length(start)?, length(len)?, length(&before)?, length(&x.ty().shape[a])?);
    let inside = a == *axis && start >= before && start + n <= before + size;
    inside.then(|| x.slice(a, start - before, len.clone()))
}

fn slice_of_concat<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    let ([x], Attrs::Slice { axis, start, len }) = (e.args, e.attrs) else { return None };
    let Made { op, attrs, args } = made(*x);
    if !std::ptr::eq(op, &CONCAT) || attrs != Attrs::Axis(*axis) {
        return None;
    }
    let (start, n) = (length(start)?, length(len)?);
    let mut from = 0;
    for part in args {
        let size = length(&part.ty().shape[*axis])?;
        if start >= from && start + n <= from + size {
            return Some(part.slice(*axis, start - from, len.clone()));
        }
        from += size;
    }
    None
}

/// The gradient of a value whose parts were used one by one. At each place one padding has the value and all others +0, so the
/// order of the additions makes no difference.
fn pads_side_by_side<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    let [x, y] = e.args else { return None };
    if !e.is(&ADD) {
        return None;
    }
    let mut parts: Vec<(usize, usize, Val<'b>)> = vec![];
    let mut whole = None;
    let mut open = vec![*x, *y];
    while let Some(value) = open.pop() {
        let Made { op, attrs, args } = made(value);
        match (attrs, &args[..]) {
            (Attrs::Pad { axis, before, .. }, [part]) if *whole.get_or_insert(axis) == axis => {
                parts.push((length(&before)?, length(&part.ty().shape[axis])?, *part));
            }
            (_, [_, _]) if std::ptr::eq(op, &ADD) && open.len() + parts.len() < MOST_PARTS => open.extend(args),
            _ => return None,
        }
    }
    let axis = whole?;
    parts.sort_unstable_by_key(|part| part.0);
    let mut end = 0;
    for (start, size, _) in &parts {
        if *start != end {
            return None;
        }
        end += size;
    }
    let values: Vec<Val<'b>> = parts.iter().map(|part| part.2 + part.2.splat(0.0)).collect();
    (Some(end) == length(&x.ty().shape[axis])).then(|| e.b.add(&CONCAT, Attrs::Axis(axis), &values))
}

/// A size as a number; `None` while it is free.
fn length(dim: &Dim) -> Option<usize> {
    usize::try_from(dim.as_constant()?).ok()
}
