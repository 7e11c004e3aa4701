//! What an expression denotes while a program is elaborated: numbers known now, tensors that are nodes of the graph being
//! built, and things that are only meaningful to the elaborator (instances, initializers, axis sets).

use super::num::Num;
use crate::ir::dim::Dim;
use crate::ir::graph::Value as Node;
use crate::ir::types::{DType, TensorType};
use nnc_grammar::ast::Def;
use nnc_grammar::span::Span;
use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::rc::Rc;

/// The name of an axis, and the definition instance in which it is visible: a definition sees only its own names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct AxisName {
    /// The identifier.
    pub(super) text: Rc<str>,
    /// The scope whose text may use it.
    pub(super) scope: u32,
}

/// Where a size comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct From {
    /// The place.
    pub(super) span: Span,
    /// What is said of it: `10 is written here`.
    pub(super) text: String,
}

/// One axis of a tensor.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    /// Its size.
    pub(super) size: Dim,
    /// Its name, if it has one.
    pub(super) name: Option<AxisName>,
    /// Where the size comes from.
    pub(super) from: Option<From>,
    /// Whether it was made by `new` or `keep`: it meets any one axis in its place.
    pub(super) stretch: bool,
    /// Whether it runs backwards: of a padded axis, what was filled up comes first.
    pub(super) flipped: bool,
    /// Which axis of a `..` it is: values whose `..` stand for the same axes have the same numbers there.
    pub(super) member: Option<u32>,
}

impl Axis {
    /// An unnamed axis.
    pub(super) fn of(size: Dim) -> Axis {
        Axis { size, name: None, from: None, stretch: false, flipped: false, member: None }
    }
}

/// A value of the graph with its axes.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    /// The node's result.
    pub(super) node: Node,
    /// The element type.
    pub(super) dtype: DType,
    /// Its axes.
    pub(super) axes: Vec<Axis>,
    /// Of class numbers: how many classes there are.
    pub(super) classes: Option<Dim>,
    /// Whether it is a scalar of the f64 world (a rate, the step), cast where it meets a tensor.
    pub(super) scalar: bool,
}

impl Tensor {
    /// The type of its node.
    pub(super) fn ty(&self) -> TensorType {
        TensorType::new(self.dtype, self.axes.iter().map(|a| a.size.clone()).collect())
    }

    /// Number of axes.
    pub(super) fn rank(&self) -> usize {
        self.axes.len()
    }

    /// Its shape as a person reads it: `[batch, height = 28, 10]`.
    pub(super) fn show(&self) -> String {
        show_axes(&self.axes)
    }
}

/// Axes as a person reads them.
pub(super) fn show_axes(axes: &[Axis]) -> String {
    let mut out = String::from("[");
    for (i, axis) in axes.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        // Writing to a string cannot fail.
        let _ = match &axis.name {
            Some(name) if axis.size.to_string() == *name.text => write!(out, "{}", name.text),
            Some(name) => write!(out, "{} = {}", name.text, axis.size),
            None => write!(out, "{}", axis.size),
        };
    }
    out.push(']');
    out
}

/// One axis as a person reads it in a sentence.
pub(super) fn show_axis(a: &Axis) -> String {
    match &a.name {
        Some(n) if *n.text != a.size.to_string() => format!("`{}` ({})", n.text, a.size),
        Some(n) => format!("`{}`", n.text),
        None => a.size.to_string(),
    }
}

/// Which axes an operation works over, as written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum AxisSet {
    /// `..`: what the definition's `..` stands for, as the number of axes before and after it; none where it has none.
    Rest {
        /// Axes before.
        before: usize,
        /// Axes after.
        after: usize,
    },
    /// `last`
    Last,
    /// One or more names.
    Names(Vec<AxisName>),
    /// `all but batch`
    AllBut(Vec<AxisName>),
}

impl std::fmt::Display for AxisSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let listed = |names: &[AxisName]| names.iter().map(|n| n.text.to_string()).collect::<Vec<_>>().join(", ");
        match self {
            AxisSet::Rest { .. } => f.write_str(".."),
            AxisSet::Last => f.write_str("last"),
            AxisSet::Names(names) if names.len() == 1 => f.write_str(&listed(names)),
            AxisSet::Names(names) => write!(f, "[{}]", listed(names)),
            AxisSet::AllBut(names) => write!(f, "all but {}", listed(names)),
        }
    }
}

/// A layer with its settings; its parameters are made when it is first applied.
#[derive(Debug)]
pub(super) struct Instance<'a> {
    /// The definition.
    pub(super) def: &'a Def,
    /// Its settings by name.
    pub(super) settings: Vec<Bound<'a>>,
    /// The last step of its path, once something names it.
    pub(super) step: RefCell<Option<String>>,
    /// Whether the text gives that step, by `as`, by a binding or as an argument.
    pub(super) named: Cell<bool>,
    /// The turns of the `repeat`s around it, as its step ends: `[2][0]`.
    pub(super) turn: String,
    /// The whole path, from its first application on.
    pub(super) path: RefCell<Option<String>>,
    /// Where it is written.
    pub(super) span: Span,
}

/// A parameter with the value given to it.
#[derive(Debug, Clone)]
pub(super) struct Bound<'a> {
    /// The value.
    pub(super) value: Value<'a>,
    /// Where the value is written: the argument, or the default.
    pub(super) span: Span,
}

/// A definition with values for its first list, waiting to be applied: an initializer, a schedule, an optimizer, a model.
#[derive(Debug)]
pub(super) struct Closure<'a> {
    /// The definition.
    pub(super) def: &'a Def,
    /// Its settings.
    pub(super) settings: Vec<Bound<'a>>,
}

/// A number that was made from a time `t`: what it is at another time is what it would be with that time in the place of `t`.
#[derive(Debug, Clone)]
pub(super) struct Rate {
    /// The number at `t`.
    pub(super) number: Tensor,
    /// The time.
    pub(super) t: crate::ir::graph::Value,
}

/// The time at which rates are taken, and the steps of the run that schedules see.
#[derive(Debug, Clone)]
pub(super) struct Clock<'a> {
    /// The time.
    pub(super) t: crate::ir::graph::Value,
    /// How many steps the whole run has; none where a schedule is asked for a time outside of a run.
    pub(super) steps: Option<Box<Value<'a>>>,
}

/// What an expression denotes.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    /// A number known now.
    Num(Num),
    /// The size of a free axis: known when the program is specialised.
    Size(Dim),
    /// A truth value known now.
    Bool(bool),
    /// A string, or the word of a choice.
    Text(String),
    /// A value of the graph.
    Tensor(Tensor),
    /// Axes.
    Axes(AxisSet),
    /// A layer.
    Instance(Rc<Instance<'a>>),
    /// An initializer, a schedule, an optimizer or a model with its settings.
    Closure(Rc<Closure<'a>>),
    /// A number of the step as a function of time.
    Rate(Rate),
    /// A definition by name.
    Def(&'a Def),
    /// A primitive by name.
    Primitive(&'static str),
    /// `[a, b]`
    List(Vec<Value<'a>>),
    /// `a, b`
    Tuple(Vec<Value<'a>>),
    /// What an error has left: everything made of it stays silent.
    Invalid,
}

impl Value<'_> {
    /// What is known of it while compiling, as it stands in a sentence: numbers and texts themselves, a name, a shape.
    pub(super) fn shown(&self) -> String {
        let listed = |values: &[Value<'_>]| values.iter().map(Value::shown).collect::<Vec<_>>().join(", ");
        match self {
            Value::Num(n) => n.to_string(),
            Value::Size(d) => d.to_string(),
            Value::Bool(b) => b.to_string(),
            Value::Text(text) => text.clone(),
            Value::Axes(set) => set.to_string(),
            Value::Instance(i) => i.def.name.text.clone(),
            Value::Closure(c) => c.def.name.text.clone(),
            Value::Def(d) => d.name.text.clone(),
            Value::Primitive(name) => (*name).to_owned(),
            Value::List(values) => format!("[{}]", listed(values)),
            Value::Tuple(values) => listed(values),
            Value::Tensor(_) | Value::Rate(_) | Value::Invalid => self.kind(),
        }
    }

    /// What a person calls such a thing.
    pub(super) fn kind(&self) -> String {
        match self {
            Value::Num(n) => format!("the number {n}"),
            Value::Size(d) => format!("the size {d}"),
            Value::Bool(b) => b.to_string(),
            Value::Text(_) => "a text".into(),
            Value::Tensor(t) if t.scalar => "a number of the step".into(),
            Value::Tensor(t) => match t.dtype {
                DType::F32 | DType::F64 => format!("a tensor {}", t.show()),
                DType::Bool => format!("a mask {}", t.show()),
                DType::U8 => format!("raw bytes {}", t.show()),
                DType::I32 | DType::I64 => match &t.classes {
                    Some(n) => format!("class numbers index({n}){}", t.show()),
                    None => format!("whole numbers {}", t.show()),
                },
            },
            Value::Axes(_) => "axes".into(),
            Value::Instance(i) => format!("the layer `{}`", i.def.name.text),
            Value::Closure(c) => format!("the {} `{}`", c.def.kind.keyword(), c.def.name.text),
            Value::Rate(_) => "a number of the step".into(),
            Value::Def(d) => format!("the {} `{}`", d.kind.keyword(), d.name.text),
            Value::Primitive(name) => format!("the function `{name}`"),
            Value::List(_) => "a list".into(),
            Value::Tuple(v) => format!("{} values", v.len()),
            Value::Invalid => "nothing".into(),
        }
    }
}
