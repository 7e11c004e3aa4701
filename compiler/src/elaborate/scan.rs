//! `scan t over time with h: T = e { … yield e }`: the body is elaborated once, on locals of the graph; closing the loop takes
//! it out of the graph again.

use super::Elab;
use super::carry::Carry;
use super::data::BATCH;
use super::scope::BoundAxis;
use super::value::{Axis, AxisName, Tensor, Value};
use crate::ir::dim::Dim;
use crate::ir::graph::Value as Node;
use crate::ir::types::{DType, TensorType};
use crate::ops::movement::STOP_GRADIENT;
use crate::ops::scan::{Given, Open, close};
use crate::program::Role as StateRole;
use nnc_grammar::ast::{Expr, Name, Scan};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;
use std::collections::HashMap;

/// The last carries of a loop by name.
pub(super) type Carries<'a> = Vec<(String, Value<'a>)>;

/// A loop whose body is being elaborated.
pub(super) struct Loop<'a> {
    /// The position along the axis: a local, one i64.
    pub(super) position: Node,
    /// How many turns.
    pub(super) turns: Dim,
    /// The position as class numbers, by which its name is known.
    index: Node,
    /// How many frames there were where it is written.
    pub(super) depth: usize,
    pub(super) carries: Vec<Carry<'a>>,
    elements: Vec<Element>,
    yielded: Option<(Vec<Value<'a>>, Span)>,
    states: Vec<Held>,
    /// The values of states outside.
    outer: HashMap<u32, Tensor>,
}

/// What stands for the part of a tensor at the position.
struct Element {
    whole: Node,
    axis: usize,
    local: Node,
}

/// A state that the body reads or updates.
struct Held {
    number: u32,
    local: Node,
}

impl<'a> Elab<'a> {
    /// The value of a loop, which is what it yields, else its last carries; and these by name.
    pub(super) fn scan(&mut self, scan: &'a Scan, span: Span) -> (Value<'a>, Carries<'a>) {
        self.scanned(scan, span).unwrap_or((Value::Invalid, vec![]))
    }

    fn scanned(&mut self, scan: &'a Scan, span: Span) -> Option<(Value<'a>, Carries<'a>)> {
        let (turns, name) = self.walked(scan)?;
        let carries = self.first_carries(scan)?;
        self.here(span);
        let handle = self.b.clone();
        let position = handle.local(TensorType::scalar(DType::I64));
        let index = position.cast(DType::I32).value;
        let outer = self.enter_loop();
        let (depth, turns_) = (self.frames.len(), turns.clone());
        self.loops.push(Loop {
            position: position.value,
            turns: turns_,
            index,
            depth,
            carries,
            elements: vec![],
            yielded: None,
            states: vec![],
            outer,
        });
        let (locals, dims) = (self.frame().locals.clone(), self.frame().dims.clone());
        self.bind_loop(scan, index, &turns);
        let last = self.block(&scan.body);
        let sound = !matches!(last, Value::Invalid);
        self.frame().locals = locals;
        self.frame().dims = dims;
        let Some(ended) = self.loops.pop() else { unreachable!("it was pushed above") };
        if let Value::Tensor(_) | Value::Num(_) = last {
            let at = scan.body.stmts.last().map_or(span, |s| s.span);
            let d = Diagnostic::error(codes::MISPLACED, at, "the value of a turn goes nowhere");
            self.report(d.help("write `yield` before it to have it from every turn"));
        }
        self.leave_loop(scan, ended, &name, span).filter(|_| sound)
    }

    /// The axis that a loop walks.
    fn walked(&mut self, scan: &'a Scan) -> Option<(Dim, AxisName)> {
        let axis = &scan.axis;
        match &scan.size {
            Some(size) => {
                let size = self.size_of(size)?;
                if let Some(previous) = self.frame().dims.get(&axis.text).map(|d| d.span) {
                    let d =
                        Diagnostic::error(codes::DUPLICATE_NAME, axis.span, format!("`{}` is bound twice", axis.text));
                    self.report(d.origin(Role::Previous, previous, "first bound here"));
                    return None;
                }
                let bound = BoundAxis::of(size.clone(), axis.span);
                self.frame().dims.insert(axis.text.clone(), bound);
                Some((size, self.axis_name(&axis.text)))
            }
            None => match self.frame().dims.get(&axis.text).map(|d| (d.size.clone(), d.span)) {
                Some((size, bound)) => {
                    self.usage.mark(bound);
                    Some((size, self.axis_name(&axis.text)))
                }
                None => {
                    let known: Vec<String> = self.frame().dims.keys().cloned().collect();
                    let d =
                        Diagnostic::error(codes::UNKNOWN_AXIS, axis.span, format!("there is no axis `{}`", axis.text));
                    let d = super::suggest::suggest(d, axis, known.iter().map(String::as_str));
                    self.report(d.help(format!("`over {} = 8` makes an axis of eight places", axis.text)));
                    None
                }
            },
        }
    }

    /// Hides the values that states have outside: inside, each has the value of the turn. Parameters stay as they are.
    fn enter_loop(&mut self) -> HashMap<u32, Tensor> {
        let outer = self.current.clone();
        let states = &self.states;
        self.current.retain(|n, _| states[*n as usize].role == StateRole::Parameter);
        outer
    }

    fn bind_loop(&mut self, scan: &'a Scan, index: Node, turns: &Dim) {
        let position =
            Tensor { node: index, dtype: DType::I32, axes: vec![], classes: Some(turns.clone()), scalar: false };
        self.bind(&scan.index, Value::Tensor(position), scan.index.span);
        self.usage.declare(&scan.index, "position");
        let bound: Vec<(&'a Name, Tensor)> = match self.loops.last() {
            Some(open) => open.carries.iter().map(|c| (c.name, c.local.clone())).collect(),
            None => vec![],
        };
        for (name, local) in bound {
            self.usage.declare(name, "carried value");
            self.bind(name, Value::Tensor(local), name.span);
        }
        // States that the text around the loop has declared.
        let states: Vec<(String, u32)> = self.frame().states.iter().map(|(n, i)| (n.clone(), *i)).collect();
        for (name, number) in states {
            if self.states[number as usize].role == StateRole::Parameter {
                continue;
            }
            let Some(Value::Tensor(old)) = self.frame().locals.get(&name).map(|l| l.value.clone()) else { continue };
            let now = self.read_state(number, old.axes);
            if let Some(local) = self.frame().locals.get_mut(&name) {
                local.value = Value::Tensor(now);
            }
        }
    }

    /// In a loop, what stands for a state that it has not touched before.
    pub(super) fn state_in_loop(&mut self, number: u32) -> Option<Node> {
        let ty = self.states[number as usize].ty.clone();
        if self.states[number as usize].role == StateRole::Parameter || self.loops.is_empty() {
            return None;
        }
        let local = self.b.local(ty).value;
        self.loops.last_mut()?.states.push(Held { number, local });
        Some(local)
    }

    /// `yield e`
    pub(super) fn yielded(&mut self, e: &'a Expr, span: Span) {
        let values = match self.expr(e) {
            Value::Tuple(values) => values,
            value => vec![value],
        };
        let depth = self.frames.len();
        let Some(open) = self.loops.last_mut().filter(|l| l.depth == depth) else {
            self.report(Diagnostic::error(codes::MISPLACED, span, "`yield` belongs in the body of a `scan`"));
            return;
        };
        match open.yielded.as_ref().map(|y| y.1) {
            Some(before) => {
                let d = Diagnostic::error(codes::DUPLICATE_NAME, span, "a turn yields once");
                let d = d.origin(Role::Previous, before, "it yields here");
                self.report(d.help("write `yield a, b` for several values"));
            }
            None => open.yielded = Some((values, span)),
        }
    }

    /// The place of `t` among the loops when `value` is the position of one.
    pub(super) fn position_of(&self, value: &Value<'a>) -> Option<usize> {
        let Value::Tensor(t) = value else { return None };
        self.loops.iter().position(|l| l.index == t.node)
    }

    /// The position of a loop as class numbers.
    pub(super) fn position_of_loop(&self, at: usize) -> Tensor {
        let open = &self.loops[at];
        let classes = Some(open.turns.clone());
        Tensor { node: open.index, dtype: DType::I32, axes: vec![], classes, scalar: false }
    }

    /// The part of a tensor at the position of a loop that walks this axis; `None` when the tensor is made in the loop.
    pub(super) fn element(&mut self, at: usize, whole: Node, axis: usize) -> Option<Node> {
        let handle = self.b.clone();
        let open = &mut self.loops[at];
        let locals = open.carries.iter().map(|c| c.local.node).chain(open.elements.iter().map(|e| e.local));
        let locals: Vec<Node> = locals.chain(open.states.iter().map(|s| s.local)).chain([open.position]).collect();
        if handle.graph().reached(&locals)[whole.node.0 as usize] {
            return None;
        }
        if let Some(known) = open.elements.iter().find(|e| e.whole == whole && e.axis == axis) {
            return Some(known.local);
        }
        let mut ty = handle.graph().ty(whole).clone();
        ty.shape.remove(axis);
        let local = handle.local(ty).value;
        open.elements.push(Element { whole, axis, local });
        Some(local)
    }

    /// Closes the loop and gives its value and its last carries.
    fn leave_loop(
        &mut self,
        scan: &'a Scan,
        ended: Loop<'a>,
        axis: &AxisName,
        span: Span,
    ) -> Option<(Value<'a>, Carries<'a>)> {
        let Loop { position, turns, carries, elements, yielded, states, outer, .. } = ended;
        let inside = std::mem::replace(&mut self.current, outer);
        for (number, tensor) in &inside {
            if self.states[*number as usize].role == StateRole::Parameter {
                self.current.entry(*number).or_insert_with(|| tensor.clone());
            }
        }
        for carry in carries.iter().filter(|c| c.next.is_none()) {
            let d =
                Diagnostic::warning(codes::UNUSED, carry.name.span, format!("no turn changes `{}`", carry.name.text));
            self.report(d.label("it is carried, and stays what it is").help("bind it before the loop"));
        }
        let yields = self.stackable(yielded)?;
        self.here(span);
        let handle = self.b.clone();
        let held: Vec<(Node, Node)> = states
            .iter()
            .map(|s| {
                let axes = self.states[s.number as usize].ty.shape.iter().cloned().map(Axis::of).collect();
                let next = inside.get(&s.number).map_or(s.local, |t| t.node);
                (self.read_state(s.number, axes).node, next)
            })
            .collect();
        let given = |inside: Node, outside: Node| Given { inside, outside: handle.val(outside) };
        let own = carries.iter().map(|c| {
            let next = c.next.as_ref().map_or(c.local.node, |n| n.0.node);
            (given(c.local.node, c.first), handle.val(next))
        });
        let of_states = states.iter().zip(&held).map(|(s, (first, next))| (given(s.local, *first), handle.val(*next)));
        let stacks = elements.iter().map(|e| {
            let whole = handle.val(e.whole);
            let rank = whole.ty().rank();
            let front = whole.permute(std::iter::once(e.axis).chain((0..rank).filter(|i| *i != e.axis)).collect());
            Given { inside: e.local, outside: front }
        });
        let open = Open {
            turns: turns.clone(),
            reversed: scan.reversed,
            position,
            carries: own.chain(of_states).collect(),
            stacks: stacks.collect(),
            yields: yields.iter().map(|t| handle.val(t.node)).collect(),
        };
        let results: Vec<Node> = match close(&handle, &open) {
            Ok(results) => results.into_iter().map(|v| v.value).collect(),
            Err(e) => {
                self.report(Diagnostic::error(codes::SHAPE_MISMATCH, span, e.what));
                return None;
            }
        };
        let (last, rest) = results.split_at(carries.len());
        let (new_states, stacked) = rest.split_at(states.len());
        for ((s, (_, next)), new) in states.iter().zip(&held).zip(new_states) {
            if *next != s.local {
                self.state_after_loop(s.number, *new);
            }
        }
        let last: Carries<'a> = carries
            .iter()
            .zip(last)
            .map(|(c, node)| (c.name.text.clone(), Value::Tensor(Tensor { node: *node, ..c.local.clone() })))
            .collect();
        let values: Vec<Value<'a>> = if yields.is_empty() {
            last.iter().map(|l| l.1.clone()).collect()
        } else {
            yields.iter().zip(stacked).map(|(t, node)| self.stacked(t, *node, &turns, axis)).collect()
        };
        let value = match <[Value<'a>; 1]>::try_from(values) {
            Ok([one]) => one,
            Err(values) => Value::Tuple(values),
        };
        Some((value, last))
    }

    /// What turns yield, as tensors of the graph.
    fn stackable(&mut self, yielded: Option<(Vec<Value<'a>>, Span)>) -> Option<Vec<Tensor>> {
        let Some((values, span)) = yielded else { return Some(vec![]) };
        let mut tensors = vec![];
        for value in values {
            let t = match value {
                Value::Invalid => return None,
                Value::Tensor(t) if !t.scalar && t.axes.iter().all(|a| !a.stretch) => t,
                value @ (Value::Num(_) | Value::Size(_)) => self.fill(&value, span, &[], self.float)?,
                Value::Tensor(t) if t.scalar => self.fill(&Value::Tensor(t), span, &[], self.float)?,
                Value::Tensor(t) => {
                    let axes = t.axes.clone();
                    self.fill(&Value::Tensor(t), span, &axes, self.float)?
                }
                other => {
                    self.wrong_kind(&other, span, "a tensor");
                    return None;
                }
            };
            tensors.push(t);
        }
        Some(tensors)
    }

    /// A stack with the axis of the loop after the batch, if its elements start with that, else first.
    fn stacked(&mut self, element: &Tensor, node: Node, turns: &Dim, name: &AxisName) -> Value<'a> {
        let batch = self.axis_name(BATCH);
        let starts = |a: &Axis| a.size == Dim::sym(BATCH) || a.name.as_ref() == Some(&batch);
        let place = usize::from(element.axes.first().is_some_and(starts));
        let handle = self.b.clone();
        let stack = handle.val(node);
        let rank = element.rank() + 1;
        let perm = (1..=place).chain([0]).chain(place + 1..rank).collect();
        let mut axes = element.axes.clone();
        let flipped = self.frame().dims.get(&*name.text).is_some_and(|bound| bound.flipped);
        axes.insert(place, Axis { name: Some(name.clone()), flipped, ..Axis::of(turns.clone()) });
        Value::Tensor(Tensor { node: stack.permute(perm).value, axes, ..element.clone() })
    }

    /// A state has changed in a loop.
    fn state_after_loop(&mut self, number: u32, new: Node) {
        let handle = self.b.clone();
        self.keep(number, new);
        let state = &self.states[number as usize];
        let node = match state.role {
            StateRole::Statistic => handle.val(new).unary(&STOP_GRADIENT).value,
            _ => new,
        };
        let axes: Vec<Axis> = state.ty.shape.iter().cloned().map(Axis::of).collect();
        let dtype = state.ty.dtype;
        let tensor = Tensor { node, dtype, axes, classes: None, scalar: false };
        self.current.insert(number, tensor.clone());
        let names: Vec<String> =
            self.frame().states.iter().filter(|(_, n)| **n == number).map(|(name, _)| name.clone()).collect();
        for name in names {
            if let Some(local) = self.frame().locals.get_mut(&name)
                && let Value::Tensor(old) = &local.value
            {
                local.value = Value::Tensor(Tensor { axes: old.axes.clone(), ..tensor.clone() });
            }
        }
    }
}
