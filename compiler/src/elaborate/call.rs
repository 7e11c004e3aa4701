//! Calls and pipes: definitions are instantiated where they are applied.

use super::Elab;
use super::args::{Callee, Given};
use super::scope::Frame;
use super::value::{Bound, Closure, Value};
use nnc_grammar::ast::{Arg, Def, DefKind, Expr, ExprKind, Name};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;
use std::rc::Rc;

/// Definitions inside definitions beyond this many are taken as endless.
const DEEPEST: usize = 64;
/// Applications of definitions beyond this many are refused: they would double at each of a few dozen levels.
const MOST: usize = 50_000;

impl<'a> Elab<'a> {
    /// `f(a, b)`
    pub(super) fn call(&mut self, e: &'a Expr, callee: &'a Expr, args: &'a [Arg]) -> Value<'a> {
        if let Some((unit, args)) = self.token_call(e) {
            return self.encoded(unit, args, e.span);
        }
        let value = self.expr(callee);
        let given = args.iter().map(Given::Written).collect();
        match value {
            Value::Def(def) if def.kind == DefKind::Layer => self.construct(def, given, e.span),
            Value::Def(def) if def.kind == DefKind::Model && def.two_lists => self.close(def, given, e.span),
            other => self.apply_value(other, given, e.span, callee.span),
        }
    }

    /// `x |> stage as name`
    pub(super) fn pipe(&mut self, input: &'a Expr, stage: &'a Expr, name: Option<&'a Name>) -> Value<'a> {
        let flowing = self.expr(input);
        if let ExprKind::Rearrange(r) = &stage.kind {
            if let Some(name) = name {
                self.no_step(name);
            }
            return self.rearrange(flowing, input.span, r, stage.span);
        }
        let (head, args): (&'a Expr, &'a [Arg]) = match &stage.kind {
            ExprKind::Call { callee, args } => (callee, args),
            _ => (stage, &[]),
        };
        let mut value = self.expr(head);
        let mut given = vec![Given::Flowing(flowing, input.span)];
        match value {
            Value::Def(def) if def.kind == DefKind::Layer => {
                // `x |> L(a)`: the call's arguments make the layer.
                value = self.construct(def, args.iter().map(Given::Written).collect(), stage.span);
            }
            Value::Def(def) if def.kind == DefKind::Model && def.two_lists => {
                value = self.close(def, args.iter().map(Given::Written).collect(), stage.span);
            }
            _ => given.extend(args.iter().map(Given::Written)),
        }
        if let Some(name) = name {
            match &value {
                Value::Instance(instance) => self.name_instance(instance, name),
                Value::Invalid => {}
                _ => self.no_step(name),
            }
        }
        self.apply_value(value, given, stage.span, head.span)
    }

    /// Reports a path step of a stage that is no layer.
    fn no_step(&mut self, name: &'a Name) {
        let d = Diagnostic::error(codes::MISPLACED, name.span, "only a layer has a path step")
            .label("`as` names the step of a layer in paths");
        self.report(match name.text.as_str() {
            "png" => d.help("for the form of an output put the value in brackets: `(…) as png`"),
            name => d.help(format!("bind the value instead: `{name} = …`")),
        });
    }

    fn apply_value(&mut self, value: Value<'a>, given: Vec<Given<'a>>, call: Span, callee: Span) -> Value<'a> {
        match value {
            Value::Instance(instance) => self.apply_instance(&instance, given, call),
            Value::Closure(model) if model.def.kind == DefKind::Model => {
                self.apply_model(model.def, &model.settings, given, call)
            }
            Value::Primitive(name) => self.primitive(name, given, call),
            Value::Def(def) => match def.kind {
                DefKind::Fn | DefKind::Loss | DefKind::Metric => self.apply_plain(def, given, call),
                DefKind::Model if def.two_lists => self.close(def, given, call),
                DefKind::Model => self.apply_model(def, &[], given, call),
                DefKind::Layer => self.construct(def, given, call),
                DefKind::Optimizer | DefKind::Schedule | DefKind::Initializer => self.close(def, given, call),
            },
            Value::Invalid => {
                // The arguments may hold mistakes of their own.
                for arg in given {
                    if let Given::Written(arg) = arg {
                        self.expr(&arg.value);
                    }
                }
                Value::Invalid
            }
            other => self.not_callable(&other, callee),
        }
    }

    /// Reports a call of a value; where its name hides a function, of that.
    fn not_callable(&mut self, value: &Value<'a>, callee: Span) -> Value<'a> {
        let text = self.sources.text(callee).to_owned();
        let source = self.frame().source;
        let hidden = match self.items.lookup(source, &text) {
            Some(super::items::Item::Def(def)) => Some(def.kind.keyword()),
            _ => super::primitives::lookup(&text).map(|_| "fn"),
        };
        let local = self.frame().locals.get(&text).map(|local| local.span);
        let (Some(kind), Some(local)) = (hidden, local) else {
            return self.wrong_kind(value, callee, "something that can be called");
        };
        let d = Diagnostic::error(
            codes::WRONG_KIND,
            callee,
            format!("`{text}` is a value here, and hides the {kind} `{text}`"),
        )
        .label(format!("this is {}", value.kind()))
        .origin(Role::Previous, local, "the name is bound here")
        .help("give the value another name");
        self.fail(d)
    }

    /// An initializer, a schedule, an optimizer or a model with its settings.
    fn close(&mut self, def: &'a Def, given: Vec<Given<'a>>, call: Span) -> Value<'a> {
        let params = if def.kind == DefKind::Schedule && !def.two_lists { &def.inputs } else { &def.settings };
        match self.bind_args(&callee_of(def), params, given, call) {
            Some(settings) => Value::Closure(Rc::new(Closure { def, settings })),
            None => Value::Invalid,
        }
    }

    fn apply_plain(&mut self, def: &'a Def, given: Vec<Given<'a>>, call: Span) -> Value<'a> {
        let Some(inputs) = self.bind_args(&callee_of(def), &def.inputs, given, call) else { return Value::Invalid };
        let path = if super::figures::has_state(def) {
            let Some(path) = self.states_of_metric(def, call) else { return Value::Invalid };
            path
        } else {
            self.frame().path.clone()
        };
        self.instantiate(def, &[], inputs, call, path, |_| {})
    }

    /// Applies a definition: a frame of its own, its parameters as locals, its signature checked, its body evaluated, its
    /// result checked and handed to the caller. `prepare` may bind what only this kind of definition sees.
    pub(super) fn instantiate(
        &mut self,
        def: &'a Def,
        settings: &[Bound<'a>],
        inputs: Vec<Bound<'a>>,
        call: Span,
        path: String,
        prepare: impl FnOnce(&mut Self),
    ) -> Value<'a> {
        if self.frames.len() >= DEEPEST {
            return self.endless(def, call);
        }
        self.instances += 1;
        if self.instances > MOST {
            if self.instances > MOST + 1 {
                return Value::Invalid;
            }
            let d = Diagnostic::error(codes::TOO_LARGE, call, format!("more than {MOST} definitions are applied"));
            return self.fail(d.note("each application is checked and compiled on its own"));
        }
        self.instantiated.insert(def.name.span);
        let steps = self.steps_of(def);
        let mut frame = self.new_frame(def.name.span.source, call, Some(def), path);
        frame.steps = steps;
        self.frames.push(frame);
        for (param, bound) in def.settings.iter().zip(settings) {
            self.usage.declare(&param.name, "parameter");
            // A layer belongs to whom it is given to.
            if let Value::Instance(instance) = &bound.value
                && !instance.named.get()
            {
                self.name_instance(instance, &param.name);
            }
            self.bind(&param.name, bound.value.clone(), bound.span);
        }
        prepare(self);
        let value = if self.bind_inputs(def, inputs) {
            let value = self.block(&def.body);
            let value = self.result(def, value);
            if self.frame().unsound { Value::Invalid } else { value }
        } else {
            Value::Invalid
        };
        self.frames.pop();
        value
    }

    /// Refuses a definition inside too many others. To blame is the one that recurs, not the one that happened to come last.
    fn endless(&mut self, def: &'a Def, call: Span) -> Value<'a> {
        let chain: Vec<&'a Def> = self.frames.iter().filter_map(|f| f.def).chain([def]).collect();
        let times = |def: &&Def| chain.iter().filter(|d| d.name.span == def.name.span).count();
        let shown: Vec<&str> = chain.iter().rev().take(7).rev().map(|d| d.name.text.as_str()).collect();
        let label = format!("more than {DEEPEST} definitions inside each other");
        // Of those that recur equally often the outermost.
        let Some(culprit) = chain.iter().rev().max_by_key(|def| times(def)).filter(|def| times(def) > 1) else {
            let d = Diagnostic::error(codes::TOO_DEEP, call, "definitions are nested too deeply").label(label);
            return self.fail(d.note(format!("the innermost: … → {}", shown.join(" → "))));
        };
        let is_culprit = |f: &&Frame<'a>| f.def.is_some_and(|d| d.name.span == culprit.name.span);
        let at = self.frames.iter().rev().find(is_culprit).map_or(call, |f| f.call);
        // The calls of one round, from the culprit to itself again.
        let last = self.frames.iter().rposition(|f| is_culprit(&f)).unwrap_or(0);
        let before = self.frames[..last].iter().rposition(|f| is_culprit(&f)).unwrap_or(last);
        let stops = self.frames[before..=last].windows(2).any(|pair| is_conditional(pair[0].def, pair[1].call));
        let note = format!("the innermost: … → {}", shown.join(" → "));
        let name = &culprit.name.text;
        let d = if stops {
            Diagnostic::error(codes::TOO_DEEP, at, format!("`{name}` is nested deeper than {DEEPEST} definitions"))
                .help("if it ends at all, make it flatter: `repeat n { … }` applies layers in turn")
        } else {
            Diagnostic::error(codes::RECURSION, at, format!("`{name}` contains itself without end"))
                .help("stop it by an `if` whose condition is known before the program runs")
        };
        let d = d.label(label).origin(Role::Declaration, culprit.name.span, "declared here").note(note);
        self.fail(d)
    }
}

/// Whether a call stands in a branch of an `if` of a body.
fn is_conditional(def: Option<&Def>, call: Span) -> bool {
    let Some(def) = def else { return false };
    let mut found = false;
    super::walk::walk_block(&def.body, &mut |seen| {
        if let super::walk::Seen::Expr(Expr { kind: ExprKind::If { then, otherwise, .. }, .. }) = seen {
            found |= then.span.covers(call) || otherwise.as_ref().is_some_and(|block| block.span.covers(call));
        }
    });
    found
}

/// A definition as somebody who is called.
pub(super) fn callee_of(def: &Def) -> Callee<'_> {
    let owns = matches!(def.kind, DefKind::Layer | DefKind::Model);
    Callee { name: &def.name.text, span: def.name.span, source: def.name.span.source, owns }
}
