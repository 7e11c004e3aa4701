//! Layers, models and their parameters: instances, paths, states.

use super::args::Given;
use super::call::callee_of;
use super::value::{Axis, Bound, Instance, Tensor, Value};
use super::{Elab, Mode, names, walk};
use crate::ir::attrs::{Const, Slot};
use crate::ir::graph::Value as Node;
use crate::ir::types::{DType, TensorType};
use crate::ops::movement::STOP_GRADIENT;
use crate::ops::unary::SETTLE;
use crate::program::{Role as StateRole, State};
use nnc_grammar::ast::{Def, DefKind, Expr, Layout, Name, Param, TypeExpr};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// What the line of a parameter or a state declares: its name, its type and its initial value.
type Declared<'a> = (&'a Name, &'a TypeExpr, &'a Expr);

/// The most that one parameter or state may take: 16 TiB.
const MOST_BYTES: i64 = 1 << 44;

impl<'a> Elab<'a> {
    /// `Dense(64)`: a layer with its settings; no parameter exists yet.
    pub(super) fn construct(&mut self, def: &'a Def, given: Vec<Given<'a>>, span: Span) -> Value<'a> {
        if !self.frame().owns_layers() {
            let d = Diagnostic::error(
                codes::MISPLACED,
                span,
                format!("`{}` has weights, and nothing here owns them", def.name.text),
            )
            .label("a layer is made here")
            .note("layers are made inside `layer` and `model`; `fn`, `train` and `predict` may apply models");
            return self.fail(d);
        }
        let Some(settings) = self.bind_args(&callee_of(def), &def.settings, given, span) else { return Value::Invalid };
        let step = self.frame().steps.get(&span).cloned();
        let turn = self.turn_suffix();
        let (step, named, path) = (RefCell::new(step), Cell::new(false), RefCell::new(None));
        let instance = Instance { def, settings, step, named, turn, path, span };
        Value::Instance(Rc::new(instance))
    }

    /// Gives an instance its step, by `as` or by the name that it is bound to.
    pub(super) fn name_instance(&mut self, instance: &Instance<'a>, name: &Name) {
        *instance.step.borrow_mut() = Some(name.text.clone());
        instance.named.set(true);
    }

    /// Applies a layer. Its path is fixed by the first application.
    pub(super) fn apply_instance(
        &mut self,
        instance: &Rc<Instance<'a>>,
        given: Vec<Given<'a>>,
        call: Span,
    ) -> Value<'a> {
        let def = instance.def;
        let Some(inputs) = self.bind_args(&callee_of(def), &def.inputs, given, call) else { return Value::Invalid };
        let prefix = self.frame().path.clone();
        let path = instance
            .path
            .borrow_mut()
            .get_or_insert_with(|| {
                let step = instance.step.borrow().clone().unwrap_or_else(|| names::snake_case(&def.name.text));
                let step = step + &instance.turn;
                if prefix.is_empty() { step } else { format!("{prefix}.{step}") }
            })
            .clone();
        let first = *self.frame().applied.entry(path.clone()).or_insert(instance.span);
        if first != instance.span {
            let headline = format!("two layers of this body are called `{path}`");
            let d = Diagnostic::error(codes::DUPLICATE_NAME, instance.span, headline)
                .origin(Role::Previous, first, "the first is made here")
                .note("a path is one set of weights; to share it, bind the layer once and apply it twice");
            return self.fail(d.help("give them different names after `as`"));
        }
        self.made.insert(path.clone(), (self.graph_number, instance.clone()));
        self.instantiate(def, &instance.settings, inputs, call, path, |_| {})
    }

    /// Applies a model: it has one set of weights wherever it is applied, and its name is its path.
    pub(super) fn apply_model(
        &mut self,
        def: &'a Def,
        settings: &[Bound<'a>],
        given: Vec<Given<'a>>,
        call: Span,
    ) -> Value<'a> {
        let Some(inputs) = self.bind_args(&callee_of(def), &def.inputs, given, call) else { return Value::Invalid };
        if !self.as_before(def, settings) {
            return Value::Invalid;
        }
        self.instantiate(def, settings, inputs, call, def.name.text.clone(), |_| {})
    }

    /// Whether a model is given the settings that it was given where it was applied first.
    fn as_before(&mut self, def: &'a Def, settings: &[Bound<'a>]) -> bool {
        let before = self.models.entry(def.name.span).or_insert_with(|| settings.to_vec()).clone();
        let differs = |((_, a), b): &((&Param, &Bound<'a>), &Bound<'a>)| !same(&a.value, &b.value);
        let Some(((param, was), is)) = def.settings.iter().zip(&before).zip(settings).find(differs) else {
            return true;
        };
        let headline = format!("the model `{}` has one `{}`", def.name.text, param.name.text);
        let d = Diagnostic::error(codes::TWO_SETTINGS, is.span, headline)
            .label(format!("here it is {}", is.value.kind()))
            .origin(Role::Previous, was.span, format!("here it is {}", was.value.kind()))
            .note("a model is one set of weights, wherever it is applied")
            .help("give it the same settings everywhere, or declare a second model");
        self.report(d);
        false
    }

    /// The step names of the layers that a body makes without naming them: the kind in snake_case, later ones numbered.
    pub(super) fn steps_of(&mut self, def: &'a Def) -> Rc<HashMap<Span, String>> {
        if let Some(steps) = self.steps.get(&def.name.span) {
            return steps.clone();
        }
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let mut steps = HashMap::new();
        let (items, source) = (self.items, def.name.span.source);
        walk::visit_constructors(&def.body, &mut |name, span| {
            if let Some(super::items::Item::Def(layer)) = items.lookup(source, name)
                && layer.kind == DefKind::Layer
            {
                let count = counts.entry(name).or_insert(0);
                *count += 1;
                let step = names::snake_case(name);
                steps.insert(span, if *count == 1 { step } else { format!("{step}_{count}") });
            }
        });
        let steps = Rc::new(steps);
        self.steps.insert(def.name.span, steps.clone());
        steps
    }

    /// `param w: [n, units] = glorot_uniform() if bias as torch weight`
    pub(super) fn param(&mut self, declared: Declared<'a>, condition: Option<&'a Expr>, layout: Option<&'a Layout>) {
        let (name, ..) = declared;
        let kind = self.frame().def.map(|d| d.kind);
        if !matches!(kind, Some(DefKind::Layer | DefKind::Model)) {
            let d = Diagnostic::error(
                codes::MISPLACED,
                name.span,
                "a parameter can be declared only in a layer or a model",
            );
            self.report(d);
            return;
        }
        self.usage.declare(name, "parameter");
        if let Some(condition) = condition {
            match self.expr(condition) {
                Value::Bool(true) => {}
                Value::Bool(false) => return,
                other => {
                    self.wrong_kind(&other, condition.span, "`true` or `false`, known before the program runs,");
                    return self.bind(name, Value::Invalid, name.span);
                }
            }
        }
        self.held(declared, StateRole::Parameter, layout);
    }

    /// `state m: [..] = zeros()`
    pub(super) fn state(&mut self, declared: Declared<'a>, layout: Option<&'a Layout>) {
        let (name, ..) = declared;
        let role = match self.frame().def.map(|d| d.kind) {
            Some(DefKind::Layer | DefKind::Model) => StateRole::Statistic,
            Some(DefKind::Optimizer) => StateRole::Slot,
            Some(DefKind::Metric) => StateRole::Metric,
            _ => {
                let d = Diagnostic::error(
                    codes::MISPLACED,
                    name.span,
                    "a state can be declared only in a layer, a model, an optimizer or a metric",
                );
                self.report(d);
                return;
            }
        };
        self.usage.declare(name, "state");
        if let Some(layout) = layout.filter(|_| role != StateRole::Statistic) {
            let d = Diagnostic::error(codes::MISPLACED, layout.span, "only what a layer keeps goes to another system");
            self.report(d.note("what optimizers and metrics keep is not part of a network"));
        }
        self.held(declared, role, layout);
    }

    /// Declares a tensor that the runtime holds, or finds it again by its path, and binds its value.
    fn held(&mut self, (name, ty, init): Declared<'a>, role: StateRole, layout: Option<&'a Layout>) {
        let Some(axes) = self.shape_of(ty) else {
            self.bind(name, Value::Invalid, name.span);
            return;
        };
        let path = {
            let frame = self.frame();
            if frame.path.is_empty() { name.text.clone() } else { format!("{}.{}", frame.path, name.text) }
        };
        if let Some(axis) = axes.iter().find(|a| a.size.as_constant().is_none()) {
            let d = Diagnostic::error(
                codes::NOT_CONSTANT,
                ty.span,
                format!("the size of `{}` must be known before the program runs", name.text),
            )
            .label(format!("`{}` is known only then", axis.size));
            self.report(d);
            self.bind(name, Value::Invalid, name.span);
            return;
        }
        let bytes = axes.iter().try_fold(8i64, |n, a| n.checked_mul(a.size.as_constant()?));
        if bytes.is_none_or(|n| n > MOST_BYTES) {
            let d =
                Diagnostic::error(codes::TOO_LARGE, ty.span, format!("`{}` is too large for any memory", name.text));
            self.report(d.label(format!("this is {}", super::value::show_axes(&axes))));
            self.bind(name, Value::Invalid, name.span);
            return;
        }
        let site = self.here(name.span);
        let dtype = if role == StateRole::Metric { DType::F64 } else { self.precision };
        let tensor_ty = TensorType::new(dtype, axes.iter().map(|a| a.size.clone()).collect());
        let number = match self.state_numbers.get(&path).copied() {
            Some(number) => {
                let known = &self.states[number as usize];
                if known.ty != tensor_ty {
                    let first = self.sites[known.site.0 as usize].span;
                    let d = Diagnostic::error(codes::SHAPE_MISMATCH, name.span, format!("`{path}` has two shapes"))
                        .label(format!("{tensor_ty} here"))
                        .origin(Role::Previous, first, format!("{} before", known.ty))
                        .note("one set of weights serves every application of a model");
                    self.report(d);
                    self.bind(name, Value::Invalid, name.span);
                    return;
                }
                number
            }
            None => {
                let number = self.new_state(State { path: path.clone(), ty: tensor_ty.clone(), role, site });
                self.initial_value(number, &path, init, &axes);
                if let Some(layout) = layout {
                    self.declare_layout(number, layout, &axes);
                }
                number
            }
        };
        let tensor = self.read_state(number, axes);
        let tensor = self.held_still(number, tensor);
        self.frame().states.insert(name.text.clone(), number);
        self.bind(name, Value::Tensor(tensor), name.span);
    }

    /// Adds a state, whose path no other has; its initial value is still to be said.
    pub(super) fn new_state(&mut self, state: State) -> u32 {
        let number = self.states.len() as u32;
        self.state_numbers.insert(state.path.clone(), number);
        self.states.push(state);
        number
    }

    /// Adds a state that begins as zeros.
    pub(super) fn new_zero_state(&mut self, state: State) -> u32 {
        let (dtype, shape) = (state.ty.dtype, state.ty.shape.clone());
        let number = self.new_state(state);
        self.initialise.update(number, self.initialise.constant(Const::Float(dtype, 0.0), shape));
        number
    }

    /// The value of a state at this point of the program.
    pub(super) fn read_state(&mut self, number: u32, axes: Vec<Axis>) -> Tensor {
        if let Some(known) = self.current.get(&number) {
            return Tensor { axes, ..known.clone() };
        }
        let ty = self.states[number as usize].ty.clone();
        let node = match self.state_in_loop(number) {
            Some(local) => local,
            None => self.b.read(Slot::State(self.holder(number)), ty.clone()).value,
        };
        let tensor = Tensor { node, dtype: ty.dtype, axes, classes: None, scalar: false };
        self.current.insert(number, tensor.clone());
        tensor
    }

    /// Makes a value the one that a state has after the step. What layers keep changes by training alone: in evaluation and
    /// prediction lines after the update see it, and nothing stays.
    pub(super) fn keep(&mut self, number: u32, new: Node) {
        if self.mode == Mode::Train || self.states[number as usize].role != StateRole::Statistic {
            let handle = self.b.clone();
            handle.update(number, handle.val(new));
        }
    }

    /// `update m = e`: the state changes here, in program order.
    pub(super) fn update(&mut self, name: &'a Name, value: &'a Expr) {
        let new = self.expr(value);
        if let Some(Value::Invalid) = self.frame().locals.get(&name.text).map(|l| &l.value) {
            return;
        }
        let Some(number) = self.frame().states.get(&name.text).copied() else {
            let mut known: Vec<String> = self.frame().states.keys().cloned().collect();
            known.sort_unstable();
            let d =
                Diagnostic::error(codes::UNKNOWN_NAME, name.span, format!("no state is called `{}` here", name.text));
            let d = super::suggest::suggest(d, name, known.iter().map(String::as_str));
            self.report(d);
            return;
        };
        if let Some(local) = self.frame().locals.get(&name.text).map(|l| l.span) {
            self.usage.mark(local);
        }
        if self.states[number as usize].role == StateRole::Parameter {
            let d =
                Diagnostic::error(codes::WRONG_KIND, name.span, format!("`{}` is a parameter, not a state", name.text))
                    .help("parameters change through `optimize`; declare a `state` to keep something else");
            self.report(d);
            return;
        }
        let old = match self.frame().locals.get(&name.text).map(|l| &l.value) {
            Some(Value::Tensor(t)) => t.clone(),
            _ => {
                let headline = format!("the state `{}` ends with the block that declares it", name.text);
                self.report(Diagnostic::error(codes::UNKNOWN_NAME, name.span, headline));
                return;
            }
        };
        let Some(new) = self.fill(&new, value.span, &old.axes, old.dtype) else { return };
        if self.frozen_at(&self.states[number as usize].path).is_some() {
            return;
        }
        let stored = self.store(number, new.node);
        // What a layer keeps is a constant to every gradient, also after its update.
        let node = match self.states[number as usize].role {
            StateRole::Statistic => self.b.val(stored).unary(&STOP_GRADIENT).value,
            _ => stored,
        };
        let new = Tensor { node, axes: old.axes, ..new };
        self.current.insert(number, new.clone());
        if let Some(local) = self.frame().locals.get_mut(&name.text) {
            local.value = Value::Tensor(new);
        }
    }

    /// Makes `new` what the step stores in a state, and gives back what is stored: numbers below the normal ones settle at 0.
    /// In a loop that is so in every turn.
    pub(super) fn store(&mut self, number: u32, new: Node) -> Node {
        let handle = self.b.clone();
        let new = handle.val(new);
        let stored = if new.ty().dtype.is_float() { new.unary(&SETTLE) } else { new };
        let stored = stored.value;
        self.keep(number, stored);
        stored
    }
}

/// Whether two settings are the same, as far as that is known before the program runs.
pub(super) fn same(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Num(a), Value::Num(b)) => a.compare(b).is_some_and(|order| order.is_eq()),
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Def(a), Value::Def(b)) => std::ptr::eq(*a, *b),
        (Value::Primitive(a), Value::Primitive(b)) => a == b,
        (Value::Closure(a), Value::Closure(b)) => std::ptr::eq(a.def, b.def),
        // A number of the step, an axis, a layer: known where they are used.
        _ => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}
