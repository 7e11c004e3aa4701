//! The functions that Rust knows: scalar rows by their own names, and those whose arguments are axes, sizes or shapes.

use super::Elab;
use super::args::Given;
use super::draw::Fan;
use super::reduction::Reduction;
use super::value::{AxisSet, Value};
use crate::ir::op::{Arity, Meaning, Op};
use crate::ops::{self, binary, logic};
use nnc_grammar::ast::{Expr, ExprKind, Name};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;

/// How a primitive is called, and what it does.
struct Primitive {
    name: &'static str,
    /// Positional parameters.
    params: &'static [&'static str],
    /// How many of them must be given.
    least: usize,
    /// Whether `over` may be given.
    over: bool,
    /// Whether `keep` may be given.
    keep: bool,
    /// Parameters given by name only.
    named: &'static [&'static str],
    /// Whether the positional parameters are axes.
    axes: bool,
    run: Run,
}

type Run = for<'a> fn(&mut Elab<'a>, &Call<'a>) -> Value<'a>;

/// One whose parameters must all be given.
const fn plain(name: &'static str, params: &'static [&'static str], run: Run) -> Primitive {
    Primitive { name, params, least: params.len(), over: false, keep: false, named: &[], axes: false, run }
}

/// One that works over axes.
const fn over(name: &'static str, params: &'static [&'static str], run: Run) -> Primitive {
    Primitive { over: true, ..plain(name, params, run) }
}

/// One whose parameter is an axis.
const fn of_axis(name: &'static str, run: Run) -> Primitive {
    Primitive { axes: true, ..plain(name, &["axis"], run) }
}

/// How windows slide.
const SLIDE: &[&str] = &["window", "into", "stride", "dilation", "padding", "ceil"];

/// Words for a padding.
const PADDINGS: [&str; 2] = ["same", "valid"];

/// A reduction of its first parameter, which may keep the axes, or work on windows.
const fn reduction(name: &'static str, params: &'static [&'static str], run: Run) -> Primitive {
    Primitive { least: 1, keep: true, named: SLIDE, ..over(name, params, run) }
}

/// A convolution.
const fn convolution(name: &'static str, named: &'static [&'static str], run: Run) -> Primitive {
    Primitive { named, ..plain(name, &["x", "w"], run) }
}

/// The structural ones.
const TABLE: &[Primitive] = &[
    reduction("sum", &["x"], |e, c| e.reduction(Reduction::Sum, c)),
    reduction("mean", &["x"], |e, c| e.reduction(Reduction::Mean, c)),
    reduction("max", &["x", "y"], |e, c| e.extreme(Reduction::Max, &binary::MAX, c)),
    reduction("min", &["x", "y"], |e, c| e.extreme(Reduction::Min, &binary::MIN, c)),
    Primitive { named: SLIDE, ..over("argmax", &["x"], |e, c| e.argmax(c)) },
    Primitive { named: SLIDE, ..over("windows", &["x"], |e, c| e.windows(c)) },
    over("gather", &["x", "index"], |e, c| e.gather(c)),
    over("scatter_add", &["x", "index"], |e, c| e.scatter_add(c)),
    Primitive { named: &["descending"], ..over("argsort", &["x"], |e, c| e.argsort(c)) },
    over("cumsum", &["x"], |e, c| e.cumsum(c)),
    over("cumprod", &["x"], |e, c| e.cumprod(c)),
    over("prod", &["x"], |e, c| e.prod(c)),
    over("recurrence", &["a", "b"], |e, c| e.recurrence(c)),
    plain("index", &["x", "n"], |e, c| e.index_call(c)),
    over("size", &["x"], |e, c| e.size_call(c)),
    over("dot", &["a", "b"], |e, c| e.dot(c)),
    convolution("conv", &["stride", "padding", "dilation", "groups"], |e, c| e.conv(false, c)),
    convolution("conv_transpose", &["stride", "padding", "output_padding", "dilation", "groups"], |e, c| {
        e.conv(true, c)
    }),
    plain("upsample", &["x", "scale"], |e, c| e.upsample(c)),
    over("concat", &["parts"], |e, c| e.concat(c)),
    over("split", &["x", "parts"], |e, c| e.split(c)),
    over("reverse", &["x"], |e, c| e.reverse(c)),
    Primitive { named: &["of"], ..of_axis("mask", |e, c| e.mask_call(c)) },
    of_axis("length", |e, c| e.length_call(c)),
    plain("shape", &["x"], |e, c| e.shape_call(c)),
    plain("flatten", &["x"], |e, c| e.flatten(c)),
    plain("expand", &["x", "shape"], |e, c| e.expand(c)),
    plain("indices", &["n"], |e, c| e.indices(c)),
    plain("classes", &["x"], |e, c| e.classes(c)),
    plain("float", &["x"], |e, c| e.float_call(c)),
    plain("stop_gradient", &["x"], |e, c| e.stop_gradient(c)),
    plain("grad", &["y", "x"], |e, c| e.grad(c)),
    plain("random_uniform", &["shape"], |e, c| e.draw_uniform(c)),
    plain("random_normal", &["shape"], |e, c| e.draw_normal(c)),
    plain("random_mask", &["shape", "share"], |e, c| e.draw_mask(c)),
    plain("fan_in", &["shape"], |e, c| e.fan(Fan::In, c)),
    plain("fan_out", &["shape"], |e, c| e.fan(Fan::Out, c)),
];

/// The static name of a primitive.
pub(super) fn lookup(name: &str) -> Option<&'static str> {
    TABLE.iter().find(|p| p.name == name).map(|p| p.name).or_else(|| scalar_row(name).map(|op| op.name))
}

/// All names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|p| p.name).chain(ops::all().filter(|op| scalar_row(op.name).is_some()).map(|op| op.name))
}

/// A row that is called as a function: it works element by element and has no attributes.
fn scalar_row(name: &str) -> Option<Op> {
    let op = ops::lookup(name)?;
    let plain = matches!(op.meaning, Meaning::Scalar(_)) && matches!(op.arity, Arity::Exactly(1..=3));
    let keyed = std::ptr::eq(op, &raw const logic::CAST) || op.name.starts_with("random");
    (plain && !keyed).then_some(op)
}

/// The arguments of a primitive.
pub(super) struct Call<'a> {
    /// The positional ones, `None` where left out.
    pub(super) args: Vec<Option<(Value<'a>, Span)>>,
    /// `over`
    pub(super) over: Option<(AxisSet, Span)>,
    /// `keep`
    pub(super) keep: bool,
    /// Those given by name only.
    named: Vec<(&'static str, (Value<'a>, Span))>,
    /// The whole call.
    pub(super) span: Span,
}

impl<'a> Call<'a> {
    /// An argument given by name only.
    pub(super) fn named(&self, name: &str) -> Option<(Value<'a>, Span)> {
        self.named.iter().find(|n| n.0 == name).map(|n| n.1.clone())
    }

    /// A positional argument that must be given: the table has checked that it is.
    pub(super) fn arg(&self, i: usize) -> (Value<'a>, Span) {
        self.args.get(i).cloned().flatten().unwrap_or((Value::Invalid, self.span))
    }
}

impl<'a> Elab<'a> {
    /// Calls a primitive.
    pub(super) fn primitive(&mut self, name: &'static str, given: Vec<Given<'a>>, span: Span) -> Value<'a> {
        let Some(spec) = TABLE.iter().find(|p| p.name == name) else {
            // `lookup` gives names of the table and of scalar rows only.
            return match scalar_row(name) {
                Some(op) => self.scalar_call(op, given, span),
                None => Value::Invalid,
            };
        };
        let Some(call) = self.primitive_args(spec, given, span) else { return Value::Invalid };
        if call.args.iter().flatten().any(|(v, _)| matches!(v, Value::Invalid)) {
            return Value::Invalid;
        }
        (spec.run)(self, &call)
    }

    fn primitive_args(&mut self, spec: &'static Primitive, given: Vec<Given<'a>>, span: Span) -> Option<Call<'a>> {
        let mut call =
            Call { args: spec.params.iter().map(|_| None).collect(), over: None, keep: false, named: vec![], span };
        let mut next = 0;
        let mut ok = true;
        let mut seen: Vec<&str> = vec![];
        for arg in given {
            let (name, written) = match &arg {
                Given::Written(a) => (a.name.as_ref(), Some(*a)),
                Given::Flowing(..) => (None, None),
            };
            let label = name.map(|n| n.text.as_str());
            match (label, written) {
                (Some(again), Some(a)) if seen.contains(&again) => {
                    ok = false;
                    let d = Diagnostic::error(codes::DUPLICATE_ARGUMENT, a.span, format!("`{again}` is given twice"));
                    self.report(d);
                }
                (Some("over"), Some(a)) if spec.over => match self.axis_set(&a.value) {
                    Some(set) => call.over = Some((set, a.value.span)),
                    None => ok = false,
                },
                (Some("keep"), Some(a)) if spec.keep => match self.expr(&a.value) {
                    Value::Bool(keep) => call.keep = keep,
                    other => {
                        self.wrong_kind(&other, a.value.span, "`true` or `false`");
                        ok = false;
                    }
                },
                (Some(label), Some(a)) if spec.named.contains(&label) => {
                    let value = self.word_or_value(label, &a.value);
                    ok &= !matches!(value, Value::Invalid);
                    let name = spec.named.iter().find(|n| **n == label);
                    call.named.extend(name.map(|n| (*n, (value, a.value.span))));
                }
                (Some(other), Some(a)) if !spec.params.contains(&other) => {
                    ok = false;
                    self.unknown_argument(spec, a.name.as_ref());
                }
                (label, _) => {
                    let slot = match label {
                        Some(label) => spec.params.iter().position(|p| *p == label).unwrap_or(0),
                        None => next,
                    };
                    next = next.max(slot + 1);
                    let value = match arg {
                        Given::Written(a) if spec.axes => {
                            let set = self.axis_set(&a.value);
                            (set.map_or(Value::Invalid, Value::Axes), a.value.span)
                        }
                        Given::Written(a) => (self.expr(&a.value), a.value.span),
                        Given::Flowing(v, s) => (v, s),
                    };
                    let value = (self.as_number(value.0, value.1), value.1);
                    match call.args.get_mut(slot) {
                        Some(Some(_)) => {
                            ok = false;
                            let d = Diagnostic::error(
                                codes::DUPLICATE_ARGUMENT,
                                value.1,
                                format!("`{}` is given twice", spec.params[slot]),
                            );
                            self.report(d);
                        }
                        Some(place) => *place = Some(value),
                        None => {
                            ok = false;
                            let n = spec.params.len();
                            let d = Diagnostic::error(
                                codes::TOO_MANY_ARGUMENTS,
                                value.1,
                                format!("`{}` takes {n} argument{}", spec.name, if n == 1 { "" } else { "s" }),
                            );
                            let d = d.label("this one is too many");
                            self.report(if spec.over { d.help("an axis is given by name: `over = …`") } else { d });
                        }
                    }
                }
            }
            seen.extend(label);
        }
        let missing: Vec<String> = spec
            .params
            .iter()
            .zip(&call.args)
            .take(spec.least)
            .filter(|(_, a)| a.is_none())
            .map(|(p, _)| format!("`{p}`"))
            .collect();
        if !missing.is_empty() {
            let d = Diagnostic::error(
                codes::MISSING_ARGUMENT,
                span,
                format!("`{}` also needs {}", spec.name, missing.join(" and ")),
            );
            self.report(d);
            return None;
        }
        ok.then_some(call)
    }

    /// A value, or one of the words that paddings have.
    fn word_or_value(&mut self, label: &str, e: &'a Expr) -> Value<'a> {
        match &e.kind {
            ExprKind::Name(word) if PADDINGS.contains(&word.as_str()) && self.local(word).is_none() => {
                Value::Text(word.clone())
            }
            ExprKind::Name(word) if label == "padding" && !self.means_something(word) => {
                self.no_word(Some(word.clone()), &PADDINGS, e.span)
            }
            _ => self.expr(e),
        }
    }

    fn unknown_argument(&mut self, spec: &'static Primitive, name: Option<&Name>) {
        let Some(name) = name else { return };
        let d = Diagnostic::error(
            codes::UNKNOWN_ARGUMENT,
            name.span,
            format!("`{}` has no argument `{}`", spec.name, name.text),
        );
        let known = spec.params.iter().copied().chain(spec.over.then_some("over")).chain(spec.keep.then_some("keep"));
        let known = known.chain(spec.named.iter().copied());
        let known: Vec<&str> = known.collect();
        let d = super::suggest::suggest(d, name, known.iter().copied());
        self.report(match name.text.as_str() {
            "axis" | "dim" | "dims" | "axes" if spec.over => d.help("axes are given by name: `over = …`"),
            "keepdim" | "keepdims" if spec.keep => d,
            _ if d.fixes.is_empty() => d.note(format!("its arguments: {}", known.join(", "))),
            _ => d,
        });
    }
}
