//! Initial values: a graph of their own, in double precision, rounded once where they enter a state.

use super::args::Given;
use super::scope::size_value;
use super::value::{Axis, Bound, Tensor, Value};
use super::{Elab, Mode};
use nnc_grammar::ast::{DefKind, Expr};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;
use std::rc::Rc;

impl<'a> Elab<'a> {
    /// Adds the initial value of a state to the graph of initial values. Its draws are keyed by the state's path, and by no turn
    /// of a loop around: there is one set of weights for all.
    pub(super) fn initial_value(&mut self, number: u32, path: &str, init: &'a Expr, axes: &[Axis]) {
        let mode = std::mem::replace(&mut self.mode, Mode::Initialise);
        let float = std::mem::replace(&mut self.float, crate::ir::types::DType::F64);
        let b = std::mem::replace(&mut self.b, self.initialise.clone());
        let graph = std::mem::replace(&mut self.graph_number, 0);
        let loops = std::mem::take(&mut self.loops);
        let outer = std::mem::replace(&mut self.frame().path, path.to_owned());
        let value = self.initial_expr(init, axes, path);
        let dtype = self.states[number as usize].ty.dtype;
        if let Some(t) = self.fill(&value, init.span, axes, dtype) {
            let handle = self.b.clone();
            handle.update(number, handle.val(t.node));
        }
        self.frame().path = outer;
        (self.mode, self.float, self.b, self.graph_number, self.loops) = (mode, float, b, graph, loops);
    }

    fn initial_expr(&mut self, init: &'a Expr, axes: &[Axis], path: &str) -> Value<'a> {
        let value = match self.expr(init) {
            // `= zeros` says as much as `= zeros()`.
            Value::Def(def) if def.kind == DefKind::Initializer => self.apply_initializer_def(def, init.span),
            value => value,
        };
        match value {
            Value::Closure(closure) if closure.def.kind == DefKind::Initializer => {
                let def = closure.def;
                if def.inputs.is_empty() {
                    let d = Diagnostic::error(
                        codes::WRONG_TYPE,
                        def.name.span,
                        "an initializer takes the shape that it fills",
                    );
                    return self.fail(d.help(format!("write `initializer {}(..)(shape)`", def.name.text)));
                }
                let shape = Value::List(axes.iter().map(|a| size_value(&a.size)).collect());
                let shape = Bound { value: shape, span: init.span };
                let value = self.instantiate(def, &closure.settings, vec![shape], init.span, path.to_owned(), |_| {});
                match value {
                    Value::Tensor(Tensor { scalar: true, .. }) | Value::Num(_) | Value::Tensor(_) | Value::Invalid => {
                        value
                    }
                    other => self.wrong_kind(&other, init.span, "an initializer that gives numbers"),
                }
            }
            Value::Num(_) | Value::List(_) | Value::Tensor(_) | Value::Invalid => value,
            Value::Closure(closure) if closure.def.kind == DefKind::Schedule => {
                let d = Diagnostic::error(codes::WRONG_KIND, init.span, "an initializer or a number is needed here")
                    .label(format!("this is the schedule `{}`", closure.def.name.text));
                self.fail(d.help("the same number everywhere is `filled(x)`, or the number alone"))
            }
            other => self.wrong_kind(&other, init.span, "an initializer, a number or a list of numbers"),
        }
    }

    /// An initializer by its name alone, with the defaults of its settings.
    pub(super) fn apply_initializer_def(&mut self, def: &'a nnc_grammar::ast::Def, span: Span) -> Value<'a> {
        let none: Vec<Given<'a>> = vec![];
        match self.bind_args(&super::call::callee_of(def), &def.settings, none, span) {
            Some(settings) => Value::Closure(Rc::new(super::value::Closure { def, settings })),
            None => Value::Invalid,
        }
    }
}
