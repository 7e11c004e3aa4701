//! The functions that Rust knows: scalar rows by their own names, and those whose arguments are axes, sizes or shapes.

use super::Elab;
use super::args::Given;
use super::value::{AxisSet, Value};
use crate::ir::op::{Arity, Meaning, Op};
use crate::ops::{self, binary, logic};
use nnc_grammar::ast::Name;
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;

/// How a primitive is called.
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
}

const fn primitive(
    name: &'static str,
    params: &'static [&'static str],
    least: usize,
    over: bool,
    keep: bool,
) -> Primitive {
    Primitive { name, params, least, over, keep }
}

/// The structural ones.
const TABLE: &[Primitive] = &[
    primitive("sum", &["x"], 1, true, true),
    primitive("max", &["x", "y"], 1, true, true),
    primitive("min", &["x", "y"], 1, true, true),
    primitive("mean", &["x"], 1, true, true),
    primitive("argmax", &["x"], 1, true, false),
    primitive("size", &["x"], 1, true, false),
    primitive("shape", &["x"], 1, false, false),
    primitive("dot", &["a", "b"], 2, true, false),
    primitive("concat", &["parts"], 1, true, false),
    primitive("split", &["x", "parts"], 2, true, false),
    primitive("flatten", &["x"], 1, false, false),
    primitive("indices", &["n"], 1, false, false),
    primitive("float", &["x"], 1, false, false),
    primitive("stop_gradient", &["x"], 1, false, false),
    primitive("random_uniform", &["shape"], 1, false, false),
    primitive("random_normal", &["shape"], 1, false, false),
    primitive("random_mask", &["shape", "share"], 2, false, false),
    primitive("grad", &["y", "x"], 2, false, false),
    primitive("fan_in", &["shape"], 1, false, false),
    primitive("fan_out", &["shape"], 1, false, false),
    primitive("classes", &["x"], 1, false, false),
    primitive("expand", &["x", "shape"], 2, false, false),
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
    /// The whole call.
    pub(super) span: Span,
}

impl<'a> Call<'a> {
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
        match name {
            "sum" | "mean" | "argmax" => self.reduction(name, &call),
            "max" | "min" if call.args.get(1).is_some_and(Option::is_some) => {
                let op: Op = if name == "max" { &binary::MAX } else { &binary::MIN };
                self.extreme_of_two(op, call.arg(0), call.arg(1), span)
            }
            "max" | "min" => self.reduction(name, &call),
            "size" => self.size_call(&call),
            "shape" => self.shape_call(&call),
            "dot" => self.dot(&call),
            "concat" => self.concat(&call),
            "split" => self.split(&call),
            "flatten" => self.flatten(&call),
            "indices" => self.indices(&call),
            "float" => self.float_call(&call),
            "stop_gradient" => self.stop_gradient(&call),
            "random_uniform" | "random_normal" => self.draw(name, &call),
            "random_mask" => self.draw_mask(&call),
            "grad" => self.grad(&call),
            "fan_in" | "fan_out" => self.fan(name, &call),
            "classes" => self.classes(&call),
            "expand" => self.expand(&call),
            _ => Value::Invalid,
        }
    }

    fn primitive_args(&mut self, spec: &'static Primitive, given: Vec<Given<'a>>, span: Span) -> Option<Call<'a>> {
        let mut call = Call { args: spec.params.iter().map(|_| None).collect(), over: None, keep: false, span };
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
                        Given::Written(a) => (self.expr(&a.value), a.value.span),
                        Given::Flowing(v, s) => (v, s),
                    };
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

    fn unknown_argument(&mut self, spec: &'static Primitive, name: Option<&Name>) {
        let Some(name) = name else { return };
        let d = Diagnostic::error(
            codes::UNKNOWN_ARGUMENT,
            name.span,
            format!("`{}` has no argument `{}`", spec.name, name.text),
        );
        let known = spec.params.iter().copied().chain(spec.over.then_some("over")).chain(spec.keep.then_some("keep"));
        let d = super::suggest::suggest(d, name, known);
        self.report(d);
    }
}
