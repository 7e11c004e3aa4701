//! Windowed sums of products: convolution, its two gradients and theirs.

use super::contract::chain;
use super::infer::wrong_attrs;
use super::movement::{REVERSE, row_major};
use crate::ir::array::Array;
use crate::ir::attrs::{Attrs, Conv, ConvAxis, extent};
use crate::ir::builder::Val;
use crate::ir::dim::Dim;
use crate::ir::op::{Arity, Domain, InferError, Lower, Meaning, OpDef, Reference, Vjp};
use crate::ir::types::{TensorType, is_float};
use ndarray::{ArrayD, IxDyn};
use nnc_runtime::kernels::product::{KSplit, k_split};

/// The most axes that windows slide along.
pub const MOST_AXES: usize = 5;

/// `out[b, o…, g, m] = Σ_{r, k…, c} x[b, r, o·stride + k·dilation …, g, c] · w[r, k…, c, g, m]`, x being spaced out and
/// padded as [`ConvAxis`] says. Each element is one chain of fused multiply-adds, row-major over r, k…, c, split as
/// [`k_split`] says when it is long. Zeros around x take part; a tap that falls between spaced elements is none.
pub static CONV: OpDef = OpDef {
    name: "conv",
    doc: "sums of products over windows: x [b, r, s…, g, c], w [r, k…, c, g, m], result [b, o…, g, m]",
    arity: Arity::Exactly(2),
    infer: |args, attrs| {
        let Attrs::Conv(Conv { axes }) = attrs else { return Err(wrong_attrs()) };
        let (x, w, d) = (args[0], args[1], axes.len());
        if x.dtype != w.dtype || !is_float(x.dtype) {
            return Err(InferError::new(format!("{} meets {}", x.dtype.name(), w.dtype.name())));
        }
        if d > MOST_AXES || x.rank() != d + 4 || w.rank() != d + 4 {
            return Err(InferError::new(format!("{x} and {w} have no {d} axes to slide along")));
        }
        for (i, j) in [(1, 0), (d + 2, d + 2), (d + 3, d + 1)] {
            if x.shape[i] != w.shape[j] {
                let what = format!("{} meets {}", x.shape[i], w.shape[j]);
                return Err(InferError::axes(what, (0, i), (1, j)));
            }
        }
        let mut shape = vec![x.shape[0].clone()];
        for (i, axis) in axes.iter().enumerate() {
            let (size, taps) = (&x.shape[i + 2], &w.shape[i + 1]);
            match axis.results(size, taps) {
                Some(n) => shape.push(n),
                None => {
                    let what = format!("a window of {taps} does not fit into {size}");
                    return Err(InferError::axes(what, (0, i + 2), (1, i + 1)));
                }
            }
        }
        shape.extend(w.shape[d + 2..].iter().cloned());
        Ok(vec![TensorType::new(x.dtype, shape)])
    },
    meaning: Meaning::Tensor(|args, attrs, types| {
        let Attrs::Conv(Conv { axes }) = attrs else { unreachable!("inference admits no other attributes") };
        let shape = types[0].sizes().unwrap_or_default();
        vec![match (args[0], args[1]) {
            (Array::F32(x), Array::F32(w)) => Array::F32(convolve(x, w, axes, shape, f32::mul_add)),
            (Array::F64(x), Array::F64(w)) => Array::F64(convolve(x, w, axes, shape, f64::mul_add)),
            _ => unreachable!("inference admits floats of one type only"),
        }]
    }),
    reference: Reference::None("bilinear: its gradient is checked by differences"),
    vjp: Vjp::Rule(|n| {
        let Attrs::Conv(Conv { axes }) = n.attrs else { unreachable!("inference admits no other attributes") };
        let (x, w) = (n.args[0], n.args[1]);
        vec![Some(grad_x(axes, n.ct(), x, w)), Some(grad_w(axes, n.ct(), x, w))]
    }),
    lower: Lower::Conv,
    domain: &[Domain::Float(-2.0, 2.0), Domain::Float(-2.0, 2.0)],
};

/// The cotangent of x: where x's element i meets tap k in result o, `o·stride = before + i·spacing - k·dilation`. So ct is
/// spaced by the stride, the taps run backwards, and x's channels (with r) are those of the result.
fn grad_x<'b>(axes: &[ConvAxis], ct: Val<'b>, x: Val<'b>, w: Val<'b>) -> Val<'b> {
    let d = axes.len();
    let (x_shape, w_shape, ct_shape) = (x.ty().shape, w.ty().shape, ct.ty().shape);
    let adjoint = (0..d).map(|i| {
        let axis = &axes[i];
        let taps = far(&w_shape[i + 1], axis.dilation);
        let before = less(&taps, &axis.before);
        let after = less(&far(&x_shape[i + 2], axis.spacing), &far(&ct_shape[i + 1], axis.stride));
        let after = less(&after, &less(&before, &taps));
        ConvAxis { stride: axis.spacing, dilation: axis.dilation, spacing: axis.stride, before, after }
    });
    // [b, o…, g, m] gets an r of one; [r, k…, c, g, m] becomes [1, k…, m, g, r·c] with the taps reversed.
    let mut with_r = ct_shape.clone();
    with_r.insert(1, Dim::constant(1));
    let order = (1..=d).chain([d + 3, d + 2, 0, d + 1]).collect();
    let reversed = (1..=d).fold(w, |w, i| w.b.add(&REVERSE, Attrs::Axis(i), &[w])).permute(order);
    let (r, c) = (&x_shape[1], &x_shape[d + 3]);
    let mut taps: Vec<Dim> = std::iter::once(Dim::constant(1)).chain(w_shape[1..=d].iter().cloned()).collect();
    taps.extend([w_shape[d + 3].clone(), w_shape[d + 2].clone(), joined(r, c)]);
    let out = ct.reshape(with_r).conv(reversed.reshape(taps), adjoint.collect());
    // [b, i…, g, r·c] to [b, r, i…, g, c].
    let mut apart = out.ty().shape;
    apart.splice(d + 2.., [r.clone(), c.clone()]);
    let order = [0, d + 2].into_iter().chain(1..=d).chain([d + 1, d + 3]).collect();
    out.reshape(apart).permute(order)
}

/// The cotangent of w: ct slides over x with stride and dilation exchanged; the batch is summed first, as r, and x's channels
/// (with r) are the batch.
fn grad_w<'b>(axes: &[ConvAxis], ct: Val<'b>, x: Val<'b>, w: Val<'b>) -> Val<'b> {
    let d = axes.len();
    let (x_shape, w_shape, ct_shape) = (x.ty().shape, w.ty().shape, ct.ty().shape);
    let adjoint = (0..d).map(|i| {
        let axis = &axes[i];
        // What the windows reach over beyond x.
        let beyond = less(&far(&ct_shape[i + 1], axis.stride), &far(&x_shape[i + 2], axis.spacing));
        let after = less(&beyond, &less(&axis.before, &far(&w_shape[i + 1], axis.dilation)));
        ConvAxis { stride: axis.dilation, dilation: axis.stride, after, ..axis.clone() }
    });
    let (r, c) = (&x_shape[1], &x_shape[d + 3]);
    // [b, r, s…, g, c] to [r·c, b, s…, g, 1]; [b, o…, g, m] gets channels of one.
    let order = [1, d + 3, 0].into_iter().chain(2..d + 3).collect();
    let mut images = vec![joined(r, c), x_shape[0].clone()];
    images.extend(x_shape[2..d + 3].iter().cloned().chain([Dim::constant(1)]));
    let mut taps = ct_shape.clone();
    taps.insert(d + 1, Dim::constant(1));
    let out = x.permute(order).reshape(images).conv(ct.reshape(taps), adjoint.collect());
    // [r·c, k…, g, m] to [r, k…, c, g, m].
    let mut apart = out.ty().shape;
    apart.splice(..1, [r.clone(), c.clone()]);
    let order = [0].into_iter().chain(2..d + 2).chain([1, d + 2, d + 3]).collect();
    out.reshape(apart).permute(order)
}

/// [`extent`] of what a convolution has, so it does not leave 64 bits.
fn far(n: &Dim, step: usize) -> Dim {
    extent(n, step).unwrap_or_else(|| Dim::constant(0))
}

/// The difference of places of a convolution, which does not leave 64 bits.
fn less(a: &Dim, b: &Dim) -> Dim {
    a.checked_sub(b).unwrap_or_else(|| Dim::constant(0))
}

fn joined(r: &Dim, c: &Dim) -> Dim {
    // Both are sizes of one tensor, which a machine holds.
    r.checked_mul(c).unwrap_or_else(|| Dim::constant(0))
}

impl<'b> Val<'b> {
    /// Sums of products over windows of `w`; see [`CONV`].
    pub fn conv(self, w: Val<'b>, axes: Vec<ConvAxis>) -> Val<'b> {
        self.b.add(&CONV, Attrs::Conv(Conv { axes }), &[self, w])
    }
}

/// Results along one axis whose windows meet x alike: results `first + j·step` for j below `count` use the taps
/// `tap + t·tap_step` for t below `taps`, which meet x's element `start + j·along + t·tap_along`; outside x lies padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phase {
    /// The first result.
    pub first: usize,
    /// From a result to the next.
    pub step: usize,
    /// How many results.
    pub count: usize,
    /// The first tap.
    pub tap: usize,
    /// From a tap to the next.
    pub tap_step: usize,
    /// How many taps; 0 where all of them fall between elements.
    pub taps: usize,
    /// The element that the first tap of the first result meets.
    pub start: i64,
    /// Elements from a result to the next.
    pub along: i64,
    /// Elements from a tap to the next.
    pub tap_along: i64,
}

/// The phases of an axis with `results` windows of `taps`: one, unless x is spaced out.
pub fn phases(axis: &ConvAxis, taps: usize, results: usize) -> Vec<Phase> {
    let (stride, dilation, spacing) = (axis.stride, axis.dilation, axis.spacing);
    let step = spacing / gcd(spacing, stride);
    let tap_step = spacing / gcd(spacing, dilation);
    // A number, once a graph has its sizes.
    let before = axis.before.as_constant().unwrap_or(0);
    let place = |o: usize, k: usize| (o * stride + k * dilation) as i64 - before;
    (0..step.min(results))
        .map(|first| {
            let tap = (0..tap_step.min(taps)).find(|&k| place(first, k).rem_euclid(spacing as i64) == 0);
            Phase {
                first,
                step,
                count: (results - first).div_ceil(step),
                tap: tap.unwrap_or(0),
                tap_step,
                taps: tap.map_or(0, |k| (taps - k).div_ceil(tap_step)),
                start: tap.map_or(0, |k| place(first, k).div_euclid(spacing as i64)),
                along: (step * stride / spacing) as i64,
                tap_along: (tap_step * dilation / spacing) as i64,
            }
        })
        .collect()
}

/// The elements of x along one axis that some phase meets beyond its ends: zeros before and after.
pub fn margins(phases: &[Phase], size: usize) -> (usize, usize) {
    let ends = phases.iter().filter(|p| p.taps > 0 && p.count > 0).map(|p| {
        let last = p.start + (p.count as i64 - 1) * p.along + (p.taps as i64 - 1) * p.tap_along;
        (p.start, last)
    });
    let (low, high) = ends.fold((0, size as i64 - 1), |(low, high), (a, b)| (low.min(a), high.max(b)));
    ((-low) as usize, (high + 1) as usize - size)
}

/// Whether x is read with zeros around it, x, w and the result having these sizes.
pub fn pads(rule: &Conv, x: &[usize], w: &[usize], shape: &[usize]) -> bool {
    let results = |i: usize| if shape.contains(&0) { 0 } else { shape[i + 1] };
    (0..rule.axes.len()).any(|i| margins(&phases(&rule.axes[i], w[i + 1], results(i)), x[i + 2]) != (0, 0))
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The split of a result that has `taps` along the axes, `r` and `c` as in [`CONV`], among `m` by `n` results a group.
pub fn split(m: usize, n: usize, r: usize, taps: &[usize], c: usize) -> KSplit {
    let all = taps.iter().product::<usize>() * c;
    match taps.first() {
        Some(&outer) if r == 1 => k_split(m, n, outer, all.checked_div(outer).unwrap_or(0)),
        _ => k_split(m, n, r, all),
    }
}

/// The plain meaning: for every result the list of its taps, then a chain for each channel.
fn convolve<T: Copy + Default + std::ops::Add<Output = T>>(
    x: &ArrayD<T>,
    w: &ArrayD<T>,
    axes: &[ConvAxis],
    shape: Vec<usize>,
    fma: impl Fn(T, T, T) -> T,
) -> ArrayD<T> {
    let (d, xs, ws) = (axes.len(), x.shape(), w.shape());
    let (r, groups, c, n) = (xs[1], xs[d + 2], xs[d + 3], ws[d + 3]);
    let (x_steps, w_steps) = (row_major(xs), row_major(ws));
    let (x, w): (Vec<T>, Vec<T>) = (x.iter().copied().collect(), w.iter().copied().collect());
    let phases: Vec<Vec<Phase>> = (0..d).map(|i| phases(&axes[i], ws[i + 1], shape[i + 1])).collect();
    let windows = shape[..=d].iter().product::<usize>();
    let results = ArrayD::from_shape_fn(IxDyn(&shape[..=d]), |at| (0..=d).map(|i| at[i]).collect::<Vec<_>>());
    let mut out = Vec::with_capacity(shape.iter().product());
    for at in results {
        // The taps along the axes: the place in x of each, if it is not padding, and the place in w.
        let mut taps: Vec<(Option<isize>, isize)> = vec![(Some(0), 0)];
        let mut counts = vec![];
        for i in 0..d {
            let o = at[i + 1];
            let phase = &phases[i][o % phases[i].len()];
            let j = ((o - phase.first) / phase.step) as i64;
            counts.push(phase.taps);
            let along = (0..phase.taps).map(|t| {
                let place = phase.start + j * phase.along + t as i64 * phase.tap_along;
                let inside = (0..xs[i + 2] as i64).contains(&place).then_some(place as isize * x_steps[i + 2]);
                (inside, (phase.tap + t * phase.tap_step) as isize * w_steps[i + 1])
            });
            let along: Vec<_> = along.collect();
            let pairs = taps.iter().flat_map(|a| along.iter().map(|b| (a.0.zip(b.0).map(|(p, q)| p + q), a.1 + b.1)));
            taps = pairs.collect();
        }
        let split = split(windows, n, r, &counts, c);
        for g in 0..groups {
            // The places in x and in w that the chain of channel m visits.
            let mut chain_of: Vec<(Option<usize>, usize)> = vec![];
            for r in 0..r as isize {
                for &(place, at_w) in &taps {
                    for c in 0..c as isize {
                        let from = at[0] as isize * x_steps[0] + r * x_steps[1] + g as isize * x_steps[d + 2] + c;
                        let weight = r * w_steps[0] + at_w + c * w_steps[d + 1] + (g * n) as isize;
                        chain_of.push((place.map(|p| (from + p) as usize), weight as usize));
                    }
                }
            }
            let left: Vec<T> = chain_of.iter().map(|(i, _)| i.map_or(T::default(), |i| x[i])).collect();
            for m in 0..n {
                let right: Vec<T> = chain_of.iter().map(|(_, i)| w[i + m]).collect();
                out.push(chain(&left, &right, split, &fma));
            }
        }
    }
    ArrayD::from_shape_vec(IxDyn(&shape), out).expect("one value a place of the result")
}

/// The rows of this family.
pub(super) const ROWS: &[&OpDef] = &[&CONV];
