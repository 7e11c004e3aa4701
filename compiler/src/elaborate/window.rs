//! Windows that slide along axes: their numbers an axis, and enlarging.
//!
//! Features are the last axis; windows slide along the axes before it, as many as the window has sizes.

use super::Elab;
use super::axes::explain_axes;
use super::primitives::Call;
use super::value::{Axis, From, Tensor, Value, show_axis};
use crate::ir::attrs::{ConvAxis, extent};
use crate::ir::dim::Dim;
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;

/// What a window does along one axis, its zeros not yet counted in.
pub(super) struct Slide {
    /// Where the axis lies in x.
    pub(super) axis: usize,
    /// Elements of x.
    pub(super) size: Dim,
    pub(super) taps: usize,
    pub(super) stride: usize,
    pub(super) dilation: usize,
    /// Zeros before and after.
    pub(super) padding: (i64, i64),
}

impl Slide {
    pub(super) fn rule(&self) -> ConvAxis {
        let (before, after) = (Dim::constant(self.padding.0), Dim::constant(self.padding.1));
        ConvAxis { stride: self.stride, dilation: self.dilation, spacing: 1, before, after }
    }

    /// Lets a last window that begins before the end reach beyond it; whether it is known how far.
    fn ceil(&mut self) -> bool {
        let Some(size) = self.size.as_constant() else { return self.stride == 1 };
        let (before, after) = self.padding;
        let before_end = size.saturating_add(before);
        let rest = before_end.saturating_add(after).saturating_sub(self.reach() as i64).max(0);
        let stride = self.stride as i64;
        let last = (rest / stride + i64::from(rest % stride > 0)).saturating_mul(stride);
        if last < before_end {
            self.padding.1 = after.saturating_add(last - rest);
        }
        true
    }

    /// The zeros around it so that windows one apart keep the size and others are as many as there are steps in it.
    fn same(&self) -> Option<(i64, i64)> {
        let (stride, reach) = (self.stride as i64, self.reach() as i64);
        let windows = self.size.checked_add(&Dim::constant(stride - 1))?.div_floor(stride)?;
        let total = extent(&windows, self.stride)?.checked_add(&Dim::constant(reach))?.checked_sub(&self.size)?;
        // Zeros that depend on a free size would stand elsewhere for the same row in another batch.
        let total = total.as_constant()?.max(0);
        Some((total / 2, total - total / 2))
    }

    /// The places that a window reaches over.
    pub(super) fn reach(&self) -> usize {
        // Both are below 2^31.
        (self.taps - 1) * self.dilation + 1
    }
}

impl<'a> Elab<'a> {
    /// One whole number an axis: a number serves all.
    pub(super) fn each(
        &mut self,
        given: Option<(Value<'a>, Span)>,
        n: usize,
        what: &str,
        least: i64,
    ) -> Option<Vec<usize>> {
        match given {
            None => Some(vec![1; n]),
            Some((Value::List(items), at)) => {
                if items.len() != n {
                    let d = Diagnostic::error(codes::WRONG_RANK, at, format!("{what} has {}, not {n}", items.len()));
                    self.report(d.note("a list has one number an axis; a single number serves all axes"));
                    return None;
                }
                items.iter().map(|item| self.count(item, at, &format!("{what} of an axis"), least)).collect()
            }
            Some((value, at)) => Some(vec![self.count(&value, at, what, least)?; n]),
        }
    }

    /// Zeros before and after each axis: `same`, `valid`, a number, or a list of numbers and `[before, after]`.
    fn paddings(&mut self, given: Option<(Value<'a>, Span)>, slides: &mut [Slide]) -> Option<()> {
        let Some((value, at)) = given else { return Some(()) };
        let what = "the padding";
        match value {
            Value::Text(word) if word == "same" => {
                for s in slides {
                    let Some(padding) = s.same() else {
                        let what =
                            format!("`same` is not built for steps of {} along a size such as {}", s.stride, s.size);
                        let d = Diagnostic::error(codes::UNSUPPORTED, at, what);
                        self.report(d.help("give the padding as a number, `padding = 1`"));
                        return None;
                    };
                    s.padding = padding;
                }
            }
            Value::Text(word) if word == "valid" => {}
            Value::List(items) => {
                if items.len() != slides.len() {
                    let n = slides.len();
                    let d = Diagnostic::error(codes::WRONG_RANK, at, format!("{what} has {}, not {n}", items.len()));
                    self.report(d.note("a list has one number, or one `[before, after]`, an axis"));
                    return None;
                }
                for (s, item) in slides.iter_mut().zip(items) {
                    s.padding = match item {
                        Value::List(pair) if pair.len() == 2 => {
                            (self.count(&pair[0], at, what, 0)? as i64, self.count(&pair[1], at, what, 0)? as i64)
                        }
                        one => {
                            let p = self.count(&one, at, what, 0)? as i64;
                            (p, p)
                        }
                    };
                }
            }
            value => {
                let p = self.count(&value, at, what, 0)? as i64;
                slides.iter_mut().for_each(|s| s.padding = (p, p));
            }
        }
        Some(())
    }

    /// Windows of these taps along axes of x.
    pub(super) fn slides(
        &mut self,
        x: &Tensor,
        places: &[usize],
        taps: &[usize],
        call: &Call<'a>,
    ) -> Option<Vec<Slide>> {
        let n = places.len();
        let strides = match (call.named("stride"), call.named("window").or(call.named("into"))) {
            // Windows of a reduction lie side by side unless said.
            (None, Some(_)) => taps.to_vec(),
            (stride, _) => self.each(stride, n, "the stride", 1)?,
        };
        let dilations = self.each(call.named("dilation"), n, "the dilation", 1)?;
        let mut slides = vec![];
        for i in 0..n {
            let (taps, dilation) = (taps[i], dilations[i]);
            let size = x.axes[places[i]].size.clone();
            slides.push(Slide { axis: places[i], size, taps, stride: strides[i], dilation, padding: (0, 0) });
        }
        self.paddings(call.named("padding"), &mut slides)?;
        match call.named("ceil") {
            None | Some((Value::Bool(false), _)) => {}
            Some((Value::Bool(true), at)) => {
                if let Some(slide) = slides.iter_mut().find_map(|slide| if slide.ceil() { None } else { Some(slide) }) {
                    let what = "`ceil` is built for axes whose size is known before the program runs";
                    let d = Diagnostic::error(codes::UNSUPPORTED, at, what);
                    self.report(d.label(format!("{} is known only then", show_axis(&x.axes[slide.axis]))));
                    return None;
                }
            }
            Some((other, at)) => {
                self.wrong_kind(&other, at, "`true` or `false`");
                return None;
            }
        }
        Some(slides)
    }

    /// An axis after windows have slid along it: its size, with the story of it.
    pub(super) fn slid(&mut self, axis: &Axis, slide: &Slide, rule: &ConvAxis, call: Span) -> Option<Axis> {
        let (size, taps) = (&slide.size, slide.taps);
        let around = match slide.padding {
            (0, 0) => String::new(),
            (before, after) => format!(" with {before} + {after} around it"),
        };
        let steps = if slide.stride == 1 { String::new() } else { format!(", in steps of {}", slide.stride) };
        match rule.results(size, &Dim::from(taps)) {
            Some(n) => {
                // Inside the library every convolution stands in the same place: the user's line tells them apart.
                let library = self.items.is_library(call.source);
                let span = self.user_call().filter(|_| library).unwrap_or(call);
                let from = From { span, text: format!("{n}: windows of {taps} over {size}{around}{steps}") };
                let name = if n == *size { axis.name.clone() } else { None };
                self.need_windows(&n, slide, span)?;
                Some(Axis { name, from: Some(from), ..Axis::of(n) })
            }
            None => {
                let d = Diagnostic::error(
                    codes::SHAPE_MISMATCH,
                    call,
                    format!("a window of {taps} does not fit into {}{around}", show_axis(axis)),
                );
                let d = match slide.dilation {
                    1 => d,
                    d_ => d.note(format!("with a dilation of {d_} it reaches over {} places", slide.reach())),
                };
                self.report(explain_axes(d, std::iter::once(axis)));
                None
            }
        }
    }

    /// `upsample(x, 2)`: each element `scale` times along each axis before the last, one number an axis or one for all
    /// between the first and the last.
    pub(super) fn upsample(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some(t) = self.float_tensor(call.arg(0)) else { return Value::Invalid };
        let scale = call.arg(1);
        let n = if let Value::List(items) = &scale.0 { items.len() } else { t.rank().saturating_sub(2) };
        if n == 0 || n >= t.rank() {
            let what = format!("there are no {n} axes before the last to enlarge");
            let d = Diagnostic::error(codes::WRONG_RANK, call.span, what);
            return self.fail(d.label(format!("this is {}", t.show())));
        }
        let Some(scales) = self.each(Some(scale), n, "the scale", 1) else { return Value::Invalid };
        self.here(call.span);
        let handle = self.b.clone();
        let (mut x, mut axes) = (handle.val(t.node), t.axes.clone());
        for (place, scale) in (t.rank() - 1 - n..).zip(scales).filter(|s| s.1 > 1) {
            let mut shape = x.ty().shape;
            let Some(size) = shape[place].checked_mul(&Dim::from(scale)) else {
                return self.fail(Diagnostic::error(codes::TOO_LARGE, call.span, "the size leaves 64 bits"));
            };
            let mut apart = shape.clone();
            apart.insert(place + 1, Dim::from(scale));
            shape[place] = size.clone();
            let map = (0..apart.len()).filter(|&i| i != place + 1).collect();
            x = x.broadcast(apart, map).reshape(shape);
            let from = From { span: call.span, text: format!("{size}: {} elements {scale} times", t.axes[place].size) };
            axes[place] = Axis { from: Some(from), ..Axis::of(size) };
        }
        Value::Tensor(Tensor { node: x.value, axes, ..t })
    }
}
