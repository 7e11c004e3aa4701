//! Windows of a reduction: `window = [2, 2]`, which slide, and `into = [7, 7]`, which share an axis out; and windows as a value.

use super::Elab;
use super::axes::explain_axes;
use super::primitives::Call;
use super::value::{Axis, From, Tensor, Value, show_axis};
use super::window::Slide;
use crate::ir::attrs::{Attrs, Const};
use crate::ir::builder::{Builder, Val};
use crate::ir::dim::Dim;
use crate::ir::types::DType;
use crate::ops::logic::LT;
use crate::ops::movement::CONCAT;
use crate::ops::reduce::ARGMAX;
use crate::ops::source::IOTA;
use crate::ops::unary::{CEIL, FLOOR};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;

/// How one axis becomes windows and their taps.
enum Windows {
    /// They slide.
    Slide(Slide),
    /// `count` of them share out the `size` elements of the axis: window `o` takes those from `floor(o · size / count)` to
    /// before `ceil((o + 1) · size / count)`, so neighbours overlap in an element where the sizes do not divide.
    Share { axis: usize, size: usize, count: usize },
}

impl Windows {
    fn axis(&self) -> usize {
        match self {
            Windows::Slide(slide) => slide.axis,
            Windows::Share { axis, .. } => *axis,
        }
    }
}

/// A value whose windowed axes are split in two, the windows and their taps.
pub(super) struct Windowed {
    /// The value.
    pub(super) value: Tensor,
    /// The axes of the taps.
    pub(super) taps: Vec<usize>,
    /// The axes that remain when these are reduced.
    pub(super) axes: Vec<Axis>,
    windows: Vec<Windows>,
}

impl<'a> Elab<'a> {
    /// The axes that windows of a reduction slide along: those named, else as many before the last as are listed.
    fn window_axes(&mut self, t: &Tensor, window: &(Value<'a>, Span), call: &Call<'a>) -> Option<Vec<usize>> {
        let listed = if let Value::List(items) = &window.0 { Some(items.len()) } else { None };
        let d = match (&call.over, listed) {
            (Some((set, at)), _) => return self.resolve(&t.axes, set, *at),
            (None, Some(n)) if n < t.rank() => return Some((t.rank() - 1 - n..t.rank() - 1).collect()),
            (None, Some(n)) => {
                let what = format!("a window of {n} axes needs as many, and an axis of features");
                Diagnostic::error(codes::WRONG_RANK, call.span, what).label(format!("this is {}", t.show()))
            }
            (None, None) => {
                Diagnostic::error(codes::MISSING_ARGUMENT, window.1, "how many axes the window has is not said")
                    .help("list a size for each, `[2, 2]`, or name the axes by `over = …`")
            }
        };
        self.report(d);
        None
    }

    /// Windows of x for a reduction with `window = …` or `into = …`. Outside x lies `fill`.
    pub(super) fn windowed(&mut self, t: &Tensor, fill: f64, call: &Call<'a>) -> Option<Windowed> {
        let window = call.named("window").or(call.named("into"))?;
        let places = self.window_axes(t, &window, call)?;
        let counts = self.each(Some(window.clone()), places.len(), "the window", 1)?;
        let windows: Vec<Windows> = match call.named("window") {
            Some(_) => self.slides(t, &places, &counts, call)?.into_iter().map(Windows::Slide).collect(),
            None => {
                let mut windows = vec![];
                for (&axis, &count) in places.iter().zip(&counts) {
                    windows.push(self.shared_out(t, axis, count, &window, call)?);
                }
                windows
            }
        };
        let mut axes = t.axes.clone();
        for window in &windows {
            let axis = &t.axes[window.axis()];
            axes[window.axis()] = match *window {
                Windows::Slide(ref slide) => self.slid(axis, slide, &slide.rule(), call.span)?,
                Windows::Share { size, count, .. } => {
                    let from = From { span: call.span, text: format!("{count}: {size} elements in {count} windows") };
                    let name = if size == count { axis.name.clone() } else { None };
                    Axis { name, from: Some(from), ..Axis::of(Dim::from(count)) }
                }
            };
        }
        self.here(call.span);
        let handle = self.b.clone();
        let mut x = handle.val(t.node);
        for window in windows.iter().rev() {
            x = split(x, window, window.axis(), fill);
        }
        // The i-th of the axes, ascending, has i taps axes before it.
        let taps = windows.iter().enumerate().map(|(i, w)| w.axis() + i + 1).collect();
        Some(Windowed { value: Tensor { node: x.value, ..t.clone() }, taps, axes, windows })
    }

    /// An axis shared out among windows.
    fn shared_out(
        &mut self,
        t: &Tensor,
        axis: usize,
        count: usize,
        window: &(Value<'a>, Span),
        call: &Call<'a>,
    ) -> Option<Windows> {
        let of = &t.axes[axis];
        let d = match of.size.as_constant().and_then(|n| usize::try_from(n).ok()) {
            Some(size) if size.is_multiple_of(count) && size > 0 => {
                let taps = size / count;
                let slide = Slide { axis, size: Dim::from(size), taps, stride: taps, dilation: 1, padding: (0, 0) };
                return Some(Windows::Slide(slide));
            }
            Some(size) if size > 0 => return Some(Windows::Share { axis, size, count }),
            Some(_) => Diagnostic::error(codes::OUT_OF_RANGE, window.1, "there is nothing to share out"),
            None => Diagnostic::error(
                codes::NOT_CONSTANT,
                call.span,
                "windows share out only axes whose size is known before the program runs",
            )
            .label(format!("{} is known only then", show_axis(of))),
        };
        self.report(explain_axes(d, std::iter::once(of)));
        None
    }

    /// How many elements each window of a mean has: a number, or one number a window along each axis shared out.
    pub(super) fn taps_of(&mut self, w: &Windowed) -> Val<'_> {
        let b: &Builder = &self.b;
        let shape: Vec<Dim> = w.axes.iter().map(|a| a.size.clone()).collect();
        let mut fixed = 1.0;
        let mut counts: Vec<Val<'_>> = vec![];
        for window in &w.windows {
            match window {
                Windows::Slide(slide) => fixed *= slide.taps as f64,
                Windows::Share { axis, size, count } => {
                    let (first, end) = bounds(b, *size, *count);
                    counts.push((end - first).cast(w.value.dtype).broadcast(shape.clone(), vec![*axis]));
                }
            }
        }
        let fixed = b.constant(Const::Float(w.value.dtype, fixed), shape);
        counts.into_iter().fold(fixed, |product, n| product * n)
    }

    /// `argmax(x, window = …)`: where in the axes that the windows slide along, taken as one, the largest element of each
    /// window lies.
    pub(super) fn argmax_of_windows(&mut self, t: &Tensor, call: &Call<'a>) -> Value<'a> {
        let Some(w) = self.windowed(t, f64::NEG_INFINITY, call) else { return Value::Invalid };
        let walked: Vec<usize> = w.windows.iter().map(Windows::axis).collect();
        let Some(size) = walked.iter().try_fold(Dim::constant(1), |n, &i| n.checked_mul(&t.axes[i].size)) else {
            return self.fail(Diagnostic::error(codes::TOO_LARGE, call.span, "the number of places leaves 64 bits"));
        };
        self.here(call.span);
        let handle = self.b.clone();
        let x = handle.val(w.value.node);
        let rank = x.ty().rank();
        // The axes of the windows first, then the others, the taps last, taken as one.
        let windows: Vec<usize> = w.taps.iter().map(|tap| tap - 1).collect();
        let others: Vec<usize> = (0..rank).filter(|i| !windows.contains(i) && !w.taps.contains(i)).collect();
        let order: Vec<usize> = windows.iter().chain(&others).chain(&w.taps).copied().collect();
        let sizes = x.ty().shape;
        let Some(taps) = w.taps.iter().try_fold(Dim::constant(1), |n, &i| n.checked_mul(&sizes[i])) else {
            return self.fail(Diagnostic::error(codes::TOO_LARGE, call.span, "the number of taps leaves 64 bits"));
        };
        let shape = windows.iter().chain(&others).map(|&i| sizes[i].clone()).chain([taps.clone()]).collect();
        let x = x.permute(order).reshape(shape);
        let tap = handle.add(&ARGMAX, Attrs::Axis(windows.len() + others.len()), &[x]);
        // The place of each tap of each window, found like the taps themselves.
        let walk: Vec<Dim> = walked.iter().map(|&i| t.axes[i].size.clone()).collect();
        let mut place = handle.add(&IOTA, Attrs::Iota(size.clone()), &[]).reshape(walk);
        for (i, window) in w.windows.iter().enumerate().rev() {
            place = split(place, window, i, 0.0);
        }
        let n = windows.len();
        let order = (0..n).map(|i| 2 * i).chain((0..n).map(|i| 2 * i + 1)).collect();
        let shape = windows.iter().map(|&i| sizes[i].clone()).chain([taps]).collect();
        let found = place.permute(order).reshape(shape).gather(tap, n);
        // Back to the order that the axes have in x.
        let mut perm: Vec<usize> = (0..n + others.len()).collect();
        let places: Vec<usize> = windows.iter().chain(&others).copied().collect();
        perm.sort_by_key(|&k| places[k]);
        let node = found.permute(perm).value;
        Value::Tensor(Tensor { node, dtype: DType::I32, axes: w.axes, classes: Some(size), scalar: false })
    }

    /// `windows(x, window = …)`: the windows as a value, the axes of their taps before the features.
    pub(super) fn windows(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some(t) = self.float_tensor(call.arg(0)) else { return Value::Invalid };
        if call.named("window").is_none() {
            let d = Diagnostic::error(codes::MISSING_ARGUMENT, call.span, "`windows` also needs `window`");
            return self.fail(d.help("list a size for each axis: `window = [3, 3]`"));
        }
        let Some(w) = self.windowed(&t, 0.0, call) else { return Value::Invalid };
        self.here(call.span);
        let handle = self.b.clone();
        let x = handle.val(w.value.node);
        let sizes = x.ty().shape;
        let kept: Vec<usize> = (0..sizes.len()).filter(|i| !w.taps.contains(i)).collect();
        // Behind the last axis that windows slide along.
        let behind = w.windows.iter().map(|window| window.axis() + 1).max().unwrap_or(0);
        let order: Vec<usize> = kept[..behind].iter().chain(&w.taps).chain(&kept[behind..]).copied().collect();
        let mut axes = w.axes;
        axes.splice(behind..behind, w.taps.iter().map(|&i| Axis::of(sizes[i].clone())));
        Value::Tensor(Tensor { node: x.permute(order).value, axes, ..t })
    }
}

/// The first element of each window that shares out an axis, and that after the last, as whole numbers in f64.
fn bounds(b: &Builder, size: usize, count: usize) -> (Val<'_>, Val<'_>) {
    let window = b.add(&IOTA, Attrs::Iota(Dim::from(count)), &[]).cast(DType::F64);
    let first = (window * size as f64 / count as f64).unary(&FLOOR);
    let end = ((window + 1.0) * size as f64 / count as f64).unary(&CEIL);
    (first, end)
}

/// An axis, of which `x` has the elements at `axis`, as windows and their taps.
fn split<'b>(x: Val<'b>, window: &Windows, axis: usize, fill: f64) -> Val<'b> {
    match window {
        Windows::Slide(s) => surround(x, axis, s, fill).window(axis, s.taps, s.stride, s.dilation),
        Windows::Share { size, count, .. } => {
            let taps = size.div_ceil(*count) + 1;
            let grid = |v: Val<'b>, at: usize| v.broadcast(vec![Dim::from(*count), Dim::from(taps)], vec![at]);
            let (first, end) = bounds(x.b, *size, *count);
            let tap = x.b.add(&IOTA, Attrs::Iota(Dim::from(taps)), &[]).cast(DType::F64);
            let place = grid(first, 0) + grid(tap, 1);
            let inside = place.compare(&LT, grid(end, 0));
            // The axis goes first, is taken by place, and goes back as two.
            let rank = x.ty().rank();
            let rows = x.permute([axis].into_iter().chain((0..rank).filter(|i| *i != axis)).collect());
            let taken = rows.gather(place.cast(DType::I32), 0);
            let perm = (2..axis + 2).chain([0, 1]).chain(axis + 2..rank + 1).collect();
            let taken = taken.permute(perm);
            let inside = inside.broadcast(taken.ty().shape, vec![axis, axis + 1]);
            inside.select(taken, taken.splat(fill))
        }
    }
}

/// Elements of one value before and after an axis.
fn surround<'b>(x: Val<'b>, axis: usize, slide: &Slide, fill: f64) -> Val<'b> {
    // None is negative.
    let (before, after) = (slide.padding.0 as usize, slide.padding.1 as usize);
    if fill == 0.0 || (before, after) == (0, 0) {
        return x.pad(axis, before, after);
    }
    let part = |n: usize| {
        let mut shape = x.ty().shape;
        shape[axis] = Dim::from(n);
        x.b.constant(Const::Float(x.ty().dtype, fill), shape)
    };
    let parts: Vec<Val<'b>> = [(before > 0, part(before)), (true, x), (after > 0, part(after))]
        .into_iter()
        .filter_map(|(there, v)| there.then_some(v))
        .collect();
    x.b.add(&CONCAT, Attrs::Axis(axis), &parts)
}
