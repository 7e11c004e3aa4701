//! How values meet: a scalar meets anything, a tensor meets another whose trailing axes are exactly its own, a stretch axis
//! meets any one axis in its place. Nothing else is stretched.

use super::Elab;
use super::axes::{agree, explain_axes, merge};
use super::num::Num;
use super::value::{Axis, Tensor, Value, show_axes, show_axis};
use crate::ir::attrs::{Attrs, Const};
use crate::ir::builder::{Builder, Val};
use crate::ir::dim::Dim;
use crate::ir::op::Op;
use crate::ir::types::DType;
use crate::ops::logic::SELECT;
use crate::ops::source::SIZE;
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;

/// A value and where it is written.
pub(super) type Placed<'a> = (Value<'a>, Span);

impl<'a> Elab<'a> {
    /// A row applied element by element to values that meet. The first operand may be a condition.
    pub(super) fn elementwise(&mut self, op: Op, operands: Vec<Placed<'a>>, span: Span) -> Value<'a> {
        if operands.iter().any(|(v, _)| matches!(v, Value::Invalid)) {
            return Value::Invalid;
        }
        let Some(tensors) = self.meet(operands, span) else { return Value::Invalid };
        self.here(span);
        let handle = self.b.clone();
        let vals: Vec<Val<'_>> = tensors.iter().map(|t| handle.val(t.node)).collect();
        match handle.try_add(op, Attrs::None, &vals) {
            Ok(id) => {
                let node = crate::ir::graph::Value { node: id, port: 0 };
                let dtype = handle.graph().ty(node).dtype;
                let first = &tensors[0];
                // Arithmetic leaves the range of class numbers; a choice between them does not.
                let chosen = std::ptr::eq(op, &raw const SELECT) && tensors[1..].iter().all(|t| t.classes.is_some());
                let classes = if chosen { tensors[1].classes.clone() } else { None };
                let scalar = tensors.iter().all(|t| t.scalar);
                Value::Tensor(Tensor { node, dtype, axes: first.axes.clone(), classes, scalar })
            }
            Err(e) => {
                let d = Diagnostic::error(codes::WRONG_TYPE, span, format!("`{}` {}", op.name, e.what));
                let masks = tensors.iter().any(|t| t.dtype == DType::Bool) && e.what.starts_with("needs numbers");
                self.fail(if masks { d.help("`where(mask, a, b)` chooses; `float(mask)` is 1 or 0") } else { d })
            }
        }
    }

    /// Brings values to one shape, and those that are not masks to one element type.
    fn meet(&mut self, operands: Vec<Placed<'a>>, span: Span) -> Option<Vec<Tensor>> {
        let mut operands: Vec<Placed<'a>> = operands.into_iter().map(|(v, s)| (self.now(v, s), s)).collect();
        if operands.iter().any(|(v, _)| matches!(v, Value::Invalid)) {
            return None;
        }
        let dtype = self.common_dtype(&operands, span)?;
        for (value, at) in &mut operands {
            if let Value::List(items) = value {
                *value = Value::Tensor(self.table(items, *at, dtype)?);
            }
        }
        let axes = self.common_axes(&operands, span)?;
        let handle = self.b.clone();
        self.here(span);
        let mut out = vec![];
        for (value, at) in &operands {
            let mut t = self.materialise(&handle, value, *at, dtype)?;
            if t.dtype != DType::Bool && t.dtype != dtype {
                t.node = handle.val(t.node).cast(dtype).value;
                t.dtype = dtype;
            }
            t.node = lift(&handle, &t, &axes).value;
            t.axes.clone_from(&axes);
            out.push(t);
        }
        Some(out)
    }

    /// The element type in which values meet.
    fn common_dtype(&mut self, operands: &[Placed<'a>], span: Span) -> Option<DType> {
        let tensors = || operands.iter().filter_map(|(v, _)| if let Value::Tensor(t) = v { Some(t) } else { None });
        let numbers: Vec<DType> = tensors().filter(|t| !t.scalar && t.dtype != DType::Bool).map(|t| t.dtype).collect();
        let floats = numbers.iter().filter(|d| d.is_float() || **d == DType::U8);
        if floats.clone().count() > 0 {
            if let Some((value, at)) = operands
                .iter()
                .find(|(v, _)| matches!(v, Value::Tensor(t) if matches!(t.dtype, DType::I32 | DType::I64)))
            {
                let d = Diagnostic::error(codes::WRONG_TYPE, span, "whole numbers meet floats")
                    .label(format!("{} meets floats", value.kind()))
                    .origin(nnc_grammar::diagnostic::Role::DType, *at, "these are whole numbers")
                    .help("`float(x)` makes floats of them");
                self.report(d);
                return None;
            }
            let wide = floats.clone().any(|d| *d == DType::F64);
            return Some(if wide { DType::F64 } else { self.float });
        }
        if let Some(int) = numbers.first() {
            let classes: Vec<&Dim> = tensors().filter_map(|t| t.classes.as_ref()).collect();
            if classes.windows(2).any(|w| w[0] != w[1]) {
                let d = Diagnostic::error(
                    codes::SHAPE_MISMATCH,
                    span,
                    format!("class numbers below {} meet class numbers below {}", classes[0], classes[1]),
                );
                let d = tensors().fold(d, |d, t| explain_axes(d, t.axes.iter()));
                self.report(d);
                return None;
            }
            return Some(*int);
        }
        // Numbers alone stay in the f64 world; a mask of the batch chooses between floats of the batch.
        let all_scalars = tensors().all(|t| t.scalar) && !operands.iter().any(|(v, _)| matches!(v, Value::List(_)));
        Some(if all_scalars { DType::F64 } else { self.float })
    }

    /// The axes in which values meet: those of the one with most, each trailing axis agreeing with every other's.
    fn common_axes(&mut self, operands: &[Placed<'a>], span: Span) -> Option<Vec<Axis>> {
        let tensors: Vec<(&Tensor, Span)> =
            operands.iter().filter_map(|(v, s)| if let Value::Tensor(t) = v { Some((t, *s)) } else { None }).collect();
        let Some((widest, _)) = tensors.iter().rev().max_by_key(|(t, _)| t.rank()).copied() else {
            return Some(vec![]);
        };
        let mut axes = widest.axes.clone();
        for (t, at) in &tensors {
            let offset = axes.len() - t.rank();
            for (i, axis) in t.axes.iter().enumerate() {
                let target = &mut axes[offset + i];
                if axis.stretch {
                    continue;
                }
                if target.stretch {
                    *target = axis.clone();
                } else if agree(target, axis) {
                    *target = merge(target, axis);
                } else {
                    self.no_meeting(&tensors, (target.clone(), axis.clone()), *at, span);
                    return None;
                }
            }
        }
        Some(axes)
    }

    fn no_meeting(&mut self, tensors: &[(&Tensor, Span)], pair: (Axis, Axis), at: Span, span: Span) {
        let shapes: Vec<String> = tensors.iter().filter(|(t, _)| t.rank() > 0).map(|(t, _)| t.show()).collect();
        let (a, b) = &pair;
        let d = if a.size == b.size {
            let name = |x: &Axis| x.name.as_ref().map_or("an unnamed axis".into(), |n| format!("`{}`", n.text));
            Diagnostic::error(codes::AXIS_MISMATCH, span, format!("the axis {} meets the axis {}", name(a), name(b)))
                .note("axes with different names are different things, even where their sizes are equal")
        } else {
            Diagnostic::error(codes::BROADCAST, span, shapes.join(" meets "))
        };
        let d = d.label(format!("{} does not meet {}", show_axis(b), show_axis(a)));
        let d =
            d.note("tensors meet by their trailing axes, which must be exactly equal; nothing is stretched silently");
        let d = if a.size.is_one() || b.size.is_one() {
            d.help("drop the axis of size 1 (`x[.., 0]`), or make a stretch axis where that is meant (`x[.., new]`)")
        } else {
            d
        };
        let d = if at == span {
            d
        } else {
            d.origin(nnc_grammar::diagnostic::Role::Dim, at, format!("this has {}", b.size))
        };
        self.report(explain_axes(d, [a, b].into_iter()));
    }

    /// A value as a node: constants at the element type of those they meet.
    pub(super) fn materialise(&mut self, b: &Builder, value: &Value<'a>, at: Span, dtype: DType) -> Option<Tensor> {
        match value {
            Value::Tensor(t) => Some(t.clone()),
            Value::Num(n) => {
                let c = if dtype.is_float() {
                    Const::Float(dtype, n.to_f64())
                } else {
                    Const::Int(dtype, self.int(value, at, "a number that meets whole numbers")?)
                };
                Some(scalar(b.constant(c, vec![]).value, dtype))
            }
            Value::Size(d) => {
                let dtype = if dtype.is_float() { DType::F64 } else { dtype };
                Some(scalar(b.add(&SIZE, Attrs::Size(dtype, d.clone()), &[]).value, dtype))
            }
            Value::Bool(x) => {
                let c = Const::Int(DType::Bool, i64::from(*x));
                Some(scalar(b.constant(c, vec![]).value, DType::Bool))
            }
            Value::List(items) => self.table(items, at, dtype),
            other => {
                self.wrong_kind(other, at, "a number or a tensor");
                None
            }
        }
    }

    /// A value as a tensor of exactly these axes and this element type: a scalar fills it.
    pub(super) fn fill(&mut self, value: &Value<'a>, span: Span, axes: &[Axis], dtype: DType) -> Option<Tensor> {
        let value = self.now(value.clone(), span);
        let handle = self.b.clone();
        self.here(span);
        let mut t = self.materialise(&handle, &value, span, dtype)?;
        if t.axes.iter().any(|a| a.stretch) {
            let d =
                Diagnostic::error(codes::STRETCH_ESCAPES, span, "an axis made by `new` or `keep` may not be stored");
            self.report(
                d.label(format!("this is {}", t.show())).help("leave out `keep`, or drop the axis: `x[.., 0]`"),
            );
            return None;
        }
        let fits = t.rank() == 0 || (t.rank() == axes.len() && t.axes.iter().zip(axes).all(|(a, b)| a.size == b.size));
        if !fits {
            let d =
                Diagnostic::error(codes::SHAPE_MISMATCH, span, format!("{} cannot fill {}", t.show(), show_axes(axes)));
            self.report(explain_axes(d, t.axes.iter()));
            return None;
        }
        if !t.dtype.is_float() {
            self.wrong_kind(&Value::Tensor(t), span, "a float");
            return None;
        }
        t.node = handle.val(t.node).cast(dtype).value;
        t.node = lift(&handle, &t, axes).value;
        Some(Tensor { node: t.node, dtype, axes: axes.to_vec(), classes: None, scalar: false })
    }

    /// A number of the f64 world as a node.
    pub(super) fn scalar_node(&mut self, value: &Value<'a>, span: Span) -> Option<Tensor> {
        let value = self.now(value.clone(), span);
        let handle = self.b.clone();
        self.here(span);
        let t = self.materialise(&handle, &value, span, DType::F64)?;
        if t.rank() != 0 || !t.dtype.is_float() {
            self.wrong_kind(&Value::Tensor(t), span, "one number");
            return None;
        }
        Some(scalar(handle.val(t.node).cast(DType::F64).value, DType::F64))
    }

    /// What a row computes from constants, through its own program.
    pub(super) fn fold(&mut self, op: Op, args: &[Num]) -> Option<Num> {
        let b = Builder::new();
        let vals: Vec<Val<'_>> =
            args.iter().map(|n| b.constant(Const::Float(DType::F64, n.to_f64()), vec![])).collect();
        let id = b.try_add(op, Attrs::None, &vals).ok()?;
        b.output("value", b.val(crate::ir::graph::Value { node: id, port: 0 }));
        let graph = crate::passes::fold::fold(&b.finish());
        match &graph.node(graph.outputs.first()?.value.node).attrs {
            Attrs::Const(Const::Float(_, x), _) => Some(Num::Float(*x)),
            _ => None,
        }
    }
}

/// A rank-0 node of the f64 world (or a whole number or mask beside it).
pub(super) fn scalar(node: crate::ir::graph::Value, dtype: DType) -> Tensor {
    Tensor { node, dtype, axes: vec![], classes: None, scalar: true }
}

/// Repeats a tensor along the leading axes it lacks, and along axes in whose place it has a stretch axis.
pub(super) fn lift<'b>(b: &'b Builder, t: &Tensor, axes: &[Axis]) -> Val<'b> {
    let offset = axes.len() - t.rank();
    let mut map = vec![];
    let mut kept = vec![];
    for (i, axis) in t.axes.iter().enumerate() {
        if axis.stretch && !axes[offset + i].stretch {
            continue;
        }
        map.push(offset + i);
        kept.push(axis.size.clone());
    }
    let shape = axes.iter().map(|a| a.size.clone()).collect();
    b.val(t.node).reshape(kept).broadcast(shape, map)
}
