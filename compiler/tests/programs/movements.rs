//! Movements: parts, joins, other orders of axes, windows, other sizes.

use crate::body::{Body, Ty, factors};

/// A part of an axis by its name.
pub(crate) fn slice(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let i = b.rng.below(ty.dims.len());
    let n = ty.dims[i];
    let first = b.rng.below(n);
    let end = first + 1 + b.rng.below(n - first);
    let range = match (first, end == n) {
        (0, _) => format!("..{end}"),
        (_, true) if b.rng.chance(0.5) => format!("{first}.."),
        (_, true) => format!("{}..", first as i64 - n as i64),
        _ => format!("{first}..{end}"),
    };
    let mut dims = ty.dims.clone();
    dims[i] = end - first;
    let text = format!("{}[{} = {range}]", b.take(x), ty.axis(i));
    b.bind(ty.with(dims), &text)
}

/// One place of an axis.
pub(crate) fn place(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let i = b.rng.below(ty.dims.len());
    let at = b.rng.below(ty.dims[i]) as i64 - if b.rng.chance(0.4) { ty.dims[i] as i64 } else { 0 };
    let name = b.take(x);
    let text = if i + 1 == ty.dims.len() && b.rng.chance(0.5) {
        format!("{name}[.., {at}]")
    } else {
        format!("{name}[{} = {at}]", ty.axis(i))
    };
    b.bind(ty.without(i), &text)
}

pub(crate) fn join(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let y = b.find(|t| t.is_float() && t.rows && t.dims.len() == ty.dims.len() && ty.ending(1) == t.ending(1))?;
    let joined = ty.ending(ty.last() + b.ty(y).last());
    if !b.fits(&joined) {
        return None;
    }
    let text = format!("concat([{}, {}])", b.take(x), b.take(y));
    b.bind(joined, &text)
}

/// Next to each other along an axis before the last.
fn stacked_axes(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(2)?;
    let ty = b.ty(x);
    let y = b.find(|t| *t == ty)?;
    let i = b.rng.below(ty.dims.len() - 1);
    let mut dims = ty.dims.clone();
    dims[i] *= 2;
    let joined = ty.with(dims);
    if !b.fits(&joined) {
        return None;
    }
    let text = format!("concat([{}, {}], over = {})", b.take(x), b.take(y), ty.axis(i));
    b.bind(joined, &text)
}

pub(crate) fn parts(b: &mut Body<'_>) -> Option<usize> {
    let x = b.find(|t| t.is_float() && t.rows && t.last().is_multiple_of(2) && !t.dims.is_empty())?;
    let ty = b.ty(x);
    let (p, q) = (b.fresh("p"), b.fresh("q"));
    let name = b.take(x);
    let half = ty.ending(ty.last() / 2);
    if b.rng.chance(0.4) {
        return b.bind(half, &format!("glu({name})"));
    }
    b.bind_after(&format!("{p}, {q} = split({name}, 2)\n"), half, &format!("{p} * tanh({q})"))
}

pub(crate) fn transpose(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(2)?;
    let ty = b.ty(x);
    let n = ty.dims.len();
    let (i, j) = (b.rng.below(n - 1), n - 1);
    let (mut order, mut dims) = (ty.names(), ty.dims.clone());
    order.swap(i + 1, j + 1);
    dims.swap(i, j);
    let text = format!("{} |> rearrange [{}] -> [{}]", b.take(x), ty.names().join(", "), order.join(", "));
    b.bind(ty.with(dims), &text)
}

/// An axis cut in two or two made one.
pub(crate) fn regroup(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let n = ty.last();
    let name = b.take(x);
    if ty.dims.len() >= 2 && b.rng.chance(0.5) {
        let before = ty.dims[ty.dims.len() - 2];
        let mut dims = ty.dims[..ty.dims.len() - 2].to_vec();
        dims.push(before * n);
        return b.bind(ty.with(dims), &format!("{name} |> rearrange [.., t, n] -> [.., (n t)]"));
    }
    let all = factors(n);
    let k = *b.rng.pick(&all);
    let mut dims = ty.dims.clone();
    dims.pop();
    dims.extend([n / k, k]);
    let ty = ty.with(dims);
    let text = format!("{name} |> rearrange [.., (a k)] -> [.., a, k] with k = {k}");
    if b.fits(&ty) { b.bind(ty, &text) } else { None }
}

/// New leading axes.
pub(crate) fn expanded(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let n = 1 + b.rng.below(3);
    let mut dims = ty.dims.clone();
    dims.insert(0, n);
    let result = ty.with(dims);
    if !b.fits(&result) {
        return None;
    }
    let text = format!("expand({}, [{n}]) |> rearrange [a, b, ..] -> [b, a, ..]", b.take(x));
    b.bind(result, &text)
}

/// Windows of one or two axes, with the size of the axes that windows of this kind leave.
fn window(b: &mut Body<'_>, ty: &Ty) -> Option<(Vec<usize>, usize, Vec<usize>)> {
    let slid = &ty.dims[..ty.dims.len() - 1];
    let kernel: Vec<usize> = slid.iter().map(|&n| 1 + b.rng.below(n.min(3))).collect();
    let stride = 1 + b.rng.below(2);
    let mut left: Vec<usize> = slid.iter().zip(&kernel).map(|(n, k)| (n - k) / stride + 1).collect();
    left.push(ty.last());
    Some((kernel, stride, left))
}

pub(crate) fn windows(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(2)?;
    let ty = b.ty(x);
    let (kernel, stride, left) = window(b, &ty)?;
    let f = *b.rng.pick(&["max_pool", "avg_pool", "lp_pool", "sum", "mean", "max", "min"]);
    let name = b.take(x);
    let text = match f {
        "max_pool" | "avg_pool" => format!("{f}({name}, {kernel:?}, stride = {stride})"),
        "lp_pool" => format!("lp_pool(abs({name}) + 0.1, 2, {kernel:?}, stride = {stride})"),
        _ => format!("{f}({name}, window = {kernel:?}, stride = {stride})"),
    };
    b.bind(ty.with(left), &text)
}

pub(crate) fn pooled(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(2)?;
    let ty = b.ty(x);
    let name = b.take(x);
    let last = ty.last();
    if b.rng.chance(0.4) {
        let f = *b.rng.pick(&["global_avg_pool", "global_max_pool"]);
        return b.bind(ty.with(vec![last]), &format!("{f}({name})"));
    }
    let mut into: Vec<usize> = ty.dims[..ty.dims.len() - 1].iter().map(|&n| 1 + b.rng.below(n)).collect();
    let f = *b.rng.pick(&["adaptive_avg_pool", "adaptive_max_pool"]);
    let text = format!("{f}({name}, {into:?})");
    into.push(last);
    b.bind(ty.with(into), &text)
}

pub(crate) fn unpooled(b: &mut Body<'_>) -> Option<usize> {
    let x = b.find(|t| t.is_float() && t.rows && t.dims.len() == 3 && t.dims[0] > 1 && t.dims[1] > 1)?;
    let ty = b.ty(x);
    let (p, q) = (b.fresh("p"), b.fresh("q"));
    let before = format!("{p}, {q} = max_pool_places({}, [2, 2])\n", b.take(x));
    b.bind_after(&before, ty.clone(), &format!("max_unpool({p}, {q}, {})", ty.dims[0]))
}

/// The windows themselves, summed in two ways.
pub(crate) fn stacked_windows(b: &mut Body<'_>) -> Option<usize> {
    let x = b.find(|t| t.is_float() && t.rows && t.dims.len() == 2)?;
    let ty = b.ty(x);
    let k = 1 + b.rng.below(ty.dims[0].min(3));
    let result = ty.with(vec![ty.dims[0] - k + 1, k, ty.last()]);
    if !b.fits(&result) {
        return None;
    }
    let text = format!("windows({}, window = [{k}], stride = 1)", b.take(x));
    b.bind(result, &text)
}

/// A convolution whose filters are no parameters.
pub(crate) fn filtered(b: &mut Body<'_>) -> Option<usize> {
    if b.rng.chance(0.3) {
        return stacked_axes(b);
    }
    let x = b.float(2)?;
    let ty = b.ty(x);
    let slid = ty.dims.len() - 1;
    let kernel: Vec<usize> = ty.dims[..slid].iter().map(|&n| 1 + b.rng.below(n.min(3))).collect();
    let filters = 1 + b.rng.below(3);
    let shape = [&kernel[..], &[ty.last(), filters]].concat();
    let (name, w) = (b.take(x), b.fresh("w"));
    let before = format!(
        "{w} = sin(expand(mean({name}, over = [batch, {}]), {shape:?}",
        (0..slid).map(|i| ty.axis(i)).collect::<Vec<_>>().join(", ")
    );
    // The filters are [k.., filters, c] at first.
    let order = ["a", "b", "c"][..slid].join(", ");
    let before = before.replace(&format!("{shape:?}"), &format!("{:?}", [&kernel[..], &[filters]].concat()));
    let before = format!("{before}) |> rearrange [{order}, f, c] -> [{order}, c, f])\n");
    if b.rng.chance(0.5) {
        return b.bind_after(&before, ty.ending(filters), &format!("conv({name}, {w}, padding = same)"));
    }
    let stride = 1 + b.rng.below(2);
    let mut dims: Vec<usize> = ty.dims[..slid].iter().zip(&kernel).map(|(n, k)| (n - 1) * stride + k).collect();
    dims.push(filters);
    let result = ty.with(dims);
    let text = format!("conv_transpose({name}, {w}, stride = {stride})");
    if b.fits(&result) { b.bind_after(&before, result, &text) } else { None }
}

pub(crate) fn resize(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let mode = *b.rng.pick(&["nearest", "exact", "linear", "cubic"]);
    let corners = b.rng.chance(0.4) && matches!(mode, "linear" | "cubic");
    let name = b.take(x);
    let form = if corners { ", align_corners = true" } else { "" };
    if ty.dims.len() == 1 || b.rng.chance(0.4) {
        let n = b.size();
        let result = ty.ending(n);
        return if b.fits(&result) {
            b.bind(result, &format!("resample({name}, {n}, mode = {mode}{form})"))
        } else {
            None
        };
    }
    if b.rng.chance(0.3) {
        let dims: Vec<usize> =
            ty.dims.iter().enumerate().map(|(i, n)| if i + 1 < ty.dims.len() { 2 * n } else { *n }).collect();
        let result = ty.with(dims);
        return if b.fits(&result) { b.bind(result, &format!("upsample({name}, 2)")) } else { None };
    }
    let mut into: Vec<usize> = (1..ty.dims.len()).map(|_| b.size()).collect();
    let text = format!("interpolate({name}, {into:?}, mode = {mode}{form})");
    into.push(ty.last());
    let result = ty.with(into);
    if b.fits(&result) { b.bind(result, &text) } else { None }
}

pub(crate) fn grid(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(2)?;
    let ty = b.ty(x);
    let slid = ty.dims.len() - 1;
    let grid = b.float(2)?;
    let result = b.ty(grid).ending(ty.last());
    if !b.fits(&result) {
        return None;
    }
    let mode = *b.rng.pick(&["nearest", "linear"]);
    let padding = *b.rng.pick(&["zeros", "border", "reflection"]);
    let text = format!(
        "grid_sample({}, tanh(resample({}, {slid})), mode = {mode}, padding = {padding})",
        b.take(x),
        b.look(grid)
    );
    b.bind(result, &text)
}
