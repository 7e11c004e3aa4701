//! Convolutions: `conv(x, w)` and `conv_transpose(x, w)`, whose windows slide along the axes before the channels.

use super::Elab;
use super::axes::explain_axes;
use super::num::Num;
use super::primitives::Call;
use super::value::{Axis, Tensor, Value};
use super::window::Slide;
use crate::ir::attrs::{Attrs, ConvAxis};
use crate::ir::dim::Dim;
use crate::ir::types::DType;
use crate::ops::conv::MOST_AXES;
use crate::ops::movement::REVERSE;
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;

impl<'a> Elab<'a> {
    /// `conv(x, w)`: x is `[.., s…, c]`, w is `[k…, c / groups, m]`.
    pub(super) fn conv(&mut self, transposed: bool, call: &Call<'a>) -> Value<'a> {
        match self.convolved(transposed, call) {
            Some(t) => Value::Tensor(t),
            None => Value::Invalid,
        }
    }

    fn convolved(&mut self, transposed: bool, call: &Call<'a>) -> Option<Tensor> {
        let (at_x, at_w) = (call.arg(0).1, call.arg(1).1);
        let (x, w) = (self.float_tensor(call.arg(0))?, self.float_tensor(call.arg(1))?);
        let wrong = |what: String, at: Span, t: &Tensor| {
            Diagnostic::error(codes::WRONG_RANK, at, what).label(format!("this is {}", t.show()))
        };
        if !(3..=MOST_AXES + 2).contains(&w.rank()) {
            let what = format!("weights of a convolution have 1 to {MOST_AXES} axes of the window and two of channels");
            self.report(wrong(what, at_w, &w));
            return None;
        }
        let d = w.rank() - 2;
        if x.rank() < d + 1 {
            let d = wrong(format!("a window of {d} axes needs as many in x, and its channels"), at_x, &x);
            self.report(d.origin(Role::Dim, at_w, format!("the weights are {}", w.show())));
            return None;
        }
        let lead = x.rank() - d - 1;
        let groups = self.each(call.named("groups"), 1, "the number of groups", 1)?[0];
        let (channels, filters) = (&x.axes[lead + d], &w.axes[d + 1]);
        let divided =
            |axis: &Axis| axis.size.as_constant().filter(|n| n % groups as i64 == 0).map(|n| n / groups as i64);
        let (Some(c), Some(m)) = (divided(channels), divided(filters)) else {
            let odd = if divided(channels).is_none() { channels } else { filters };
            let what = format!("{} channels do not fall into {groups} groups", odd.size);
            let d = Diagnostic::error(codes::NOT_WHOLE, call.span, what);
            self.report(explain_axes(d, std::iter::once(odd)));
            return None;
        };
        if w.axes[d].size != Dim::constant(c) {
            let takes = w.axes[d].size.to_string();
            let what = format!(
                "x has {c} channels{}, and the weights take {takes}",
                if groups == 1 { "" } else { " a group" }
            );
            let report = Diagnostic::error(codes::SHAPE_MISMATCH, call.span, what)
                .origin(Role::Dim, at_x, format!("x is {}", x.show()))
                .origin(Role::Dim, at_w, format!("the weights are {}", w.show()));
            self.report(explain_axes(report, [channels, &w.axes[d]].into_iter()));
            return None;
        }
        let mut taps = vec![];
        for axis in &w.axes[..d] {
            taps.push(self.known_size(axis, call.span)?);
        }
        let places: Vec<usize> = (lead..lead + d).collect();
        let slides = self.slides(&x, &places, &taps, call)?;
        let extra = self.each(
            call.named("output_padding").or(Some((Value::Num(Num::int(0)), call.span))),
            d,
            "the output padding",
            0,
        )?;
        let mut rules = vec![];
        let mut axes = x.axes[..lead].to_vec();
        for (slide, extra) in slides.iter().zip(extra) {
            let rule = if transposed { spread(slide, extra, call) } else { slide.rule() };
            axes.push(self.slid(&x.axes[slide.axis], slide, &rule, call.span)?);
            rules.push(rule);
        }
        axes.push(filters.clone());
        self.here(call.span);
        let handle = self.b.clone();
        let dtype = if w.dtype == DType::F64 { w.dtype } else { x.dtype };
        let (xv, mut wv) = (handle.val(x.node).cast(dtype), handle.val(w.node).cast(dtype));
        if transposed {
            wv = (0..d).fold(wv, |w, i| w.b.add(&REVERSE, Attrs::Axis(i), &[w]));
        }
        let Some(rows) = axes[..lead].iter().try_fold(Dim::constant(1), |n, a| n.checked_mul(&a.size)) else {
            self.report(Diagnostic::error(codes::TOO_LARGE, call.span, "the number of elements leaves 64 bits"));
            return None;
        };
        let n = |n: usize| Dim::from(n);
        let mut images = vec![rows, n(1)];
        images.extend(slides.iter().map(|s| s.size.clone()).chain([n(groups), Dim::constant(c)]));
        let mut window = vec![n(1)];
        window.extend(taps.iter().map(|t| n(*t)).chain([Dim::constant(c), n(groups), Dim::constant(m)]));
        let out = xv.reshape(images).conv(wv.reshape(window), rules);
        let node = out.reshape(axes.iter().map(|a| a.size.clone()).collect()).value;
        Some(Tensor { node, dtype, axes, classes: None, scalar: false })
    }

    /// The size of an axis that must be known.
    fn known_size(&mut self, axis: &Axis, at: Span) -> Option<usize> {
        let size = axis.size.as_constant().filter(|n| *n > 0);
        if size.is_none() {
            let what = format!("a window cannot have {} taps", axis.size);
            let d = Diagnostic::error(codes::OUT_OF_RANGE, at, what);
            self.report(explain_axes(d, std::iter::once(axis)));
        }
        size.map(|n| n as usize)
    }
}

/// The transposed convolution along an axis: x is spaced by the stride, the taps run backwards, and what padding would have
/// added is cut off.
fn spread(slide: &Slide, extra: usize, call: &Call<'_>) -> ConvAxis {
    let reach = slide.reach() as i64 - 1;
    let (before, after) = match call.named("padding") {
        Some((Value::Text(word), _)) if word == "same" => {
            let total = slide.reach() as i64 - slide.stride as i64;
            (total.max(0) / 2, total - total.max(0) / 2)
        }
        _ => slide.padding,
    };
    ConvAxis {
        stride: 1,
        dilation: slide.dilation,
        spacing: slide.stride,
        before: Dim::constant(reach - before),
        // All of them lie below 2^62: taps and steps below 2^31 each.
        after: Dim::constant(reach - after + extra as i64),
    }
}
