//! Where elaboration is: one frame a definition instance, with its locals and the sizes that its axis names stand for.

use super::Elab;
use super::sink::Sink;
use super::value::{Axis, AxisName, AxisSet, Clock, Value};
use crate::ir::dim::Dim;
use nnc_grammar::ast::{Def, DefKind, Name, Param, TypeKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::{SourceId, Span};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// A local name.
#[derive(Debug, Clone)]
pub(super) struct Local<'a> {
    /// What it denotes.
    pub(super) value: Value<'a>,
    /// Where it is declared.
    pub(super) span: Span,
    /// Where its value is written, to say where a size comes from.
    pub(super) from: Span,
}

/// An axis name that is bound to a size.
#[derive(Debug, Clone)]
pub(super) struct BoundAxis {
    /// The size.
    pub(super) size: Dim,
    /// Where it was bound.
    pub(super) span: Span,
    /// The caller's name of the argument's axis it was bound to; the outer option tells whether there is such an axis.
    pub(super) outer: Option<Option<AxisName>>,
    /// Where the size comes from.
    pub(super) from: Option<super::value::From>,
    /// Whether the axis runs backwards.
    pub(super) flipped: bool,
}

impl BoundAxis {
    /// A name for a size, bound to no argument.
    pub(super) fn of(size: Dim, span: Span) -> BoundAxis {
        BoundAxis { size, span, outer: None, from: None, flipped: false }
    }
}

/// One definition instance, or a block.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// The graph whose nodes its locals are.
    pub(super) graph: u32,
    /// Names axes that this text may name.
    pub(super) scope: u32,
    /// Whose top-level names are visible.
    pub(super) source: SourceId,
    /// The call that led here.
    pub(super) call: Span,
    /// The layer path.
    pub(super) path: String,
    /// The definition; none in train, predict and data blocks.
    pub(super) def: Option<&'a Def>,
    /// What a predict block is given.
    pub(super) given: &'a [Param],
    /// Whether it evaluates the default of what may own a layer.
    pub(super) owns: bool,
    /// By which rates are taken here: in optimizers and schedules, in functions that they call, and behind `with`.
    pub(super) clock: Option<Clock<'a>>,
    /// Locals by name.
    pub(super) locals: HashMap<String, Local<'a>>,
    /// Sizes by axis name.
    pub(super) dims: HashMap<String, BoundAxis>,
    /// What `..` and `..a` stand for, and the value that they were bound to.
    pub(super) rests: HashMap<Option<String>, (Vec<Axis>, Span)>,
    /// The `..` of the first argument that has one.
    pub(super) rest: AxisSet,
    /// The axes given for axis arguments, and where.
    pub(super) axis_args: HashMap<String, (AxisSet, Span)>,
    /// Step names of the unnamed layers of the body.
    pub(super) steps: Rc<HashMap<Span, String>>,
    /// Whether an assertion of this body does not hold: it is the only report of the call, which has no value.
    pub(super) unsound: bool,
    /// The layers that this body has applied, by path: where each was made.
    pub(super) applied: HashMap<String, Span>,
    /// States that this body has declared, by name.
    pub(super) states: HashMap<String, u32>,
    /// The turns of the `repeat`s around the place being elaborated.
    pub(super) turns: Vec<usize>,
    /// Names declared by `var`, and how many loops there were around.
    pub(super) vars: HashMap<String, usize>,
    /// The last carries of the loops that names are bound to.
    pub(super) finished: HashMap<String, super::scan::Carries<'a>>,
}

impl<'a> Frame<'a> {
    /// Whether a word is one that a parameter of the body may be: `if padding == same { … }`.
    pub(super) fn is_choice(&self, word: &str) -> bool {
        let own = self.def.map_or([].as_slice(), |def| &def.inputs);
        let settings = self.def.map_or([].as_slice(), |def| &def.settings);
        let types = settings.iter().chain(own).chain(self.given).filter_map(|p| p.ty.as_ref());
        types.into_iter().any(|ty| matches!(&ty.kind, TypeKind::Choice(words) if words.iter().any(|w| w.text == word)))
    }

    /// Whether a layer may be made here: something owns it.
    pub(super) fn owns_layers(&self) -> bool {
        self.owns || self.def.is_some_and(|def| matches!(def.kind, DefKind::Layer | DefKind::Model))
    }
}

/// Which declared names have been used, over all instances of a definition.
#[derive(Debug, Default)]
pub(super) struct Usage {
    declared: Vec<(Span, String, &'static str)>,
    seen: HashSet<Span>,
    used: HashSet<Span>,
}

impl Usage {
    /// A name that should be used.
    pub(super) fn declare(&mut self, name: &Name, what: &'static str) {
        if self.seen.insert(name.span) {
            self.declared.push((name.span, name.text.clone(), what));
        }
    }

    /// It is.
    pub(super) fn mark(&mut self, span: Span) {
        self.used.insert(span);
    }

    /// Whether it is.
    pub(super) fn is_marked(&self, span: Span) -> bool {
        self.used.contains(&span)
    }

    fn unused(&self) -> impl Iterator<Item = &(Span, String, &'static str)> {
        self.declared.iter().filter(|(span, name, _)| !self.used.contains(span) && !name.starts_with('_'))
    }

    fn report(&self, sink: &mut Sink, wanted: impl Fn(Span) -> bool) {
        for (span, name, what) in self.unused().filter(|d| wanted(d.0)) {
            let d = Diagnostic::warning(codes::UNUSED, *span, format!("the {what} `{name}` is never used"));
            sink.push(d.label("declared here").help(format!("remove it, or call it `_{name}` if it must stay")));
        }
    }
}

impl<'a> Elab<'a> {
    /// A frame for a body of `source`, called from `call`.
    pub(super) fn new_frame(&mut self, source: SourceId, call: Span, def: Option<&'a Def>, path: String) -> Frame<'a> {
        self.scopes += 1;
        // A function is computed at the time of its caller.
        let is_function = def.is_some_and(|def| def.kind == nnc_grammar::ast::DefKind::Fn);
        let clock = self.frames.last().filter(|_| is_function).and_then(|caller| caller.clock.clone());
        Frame {
            clock,
            graph: self.graph_number,
            scope: self.scopes,
            source,
            call,
            path,
            def,
            given: &[],
            owns: false,
            locals: HashMap::new(),
            dims: HashMap::new(),
            rests: HashMap::new(),
            rest: AxisSet::Rest { before: 0, after: 0 },
            axis_args: HashMap::new(),
            steps: Rc::default(),
            unsound: false,
            applied: HashMap::new(),
            states: HashMap::new(),
            turns: vec![],
            vars: HashMap::new(),
            finished: HashMap::new(),
        }
    }

    /// The innermost frame.
    ///
    /// # Panics
    /// Outside of every body: expressions are evaluated inside one only.
    pub(super) fn frame(&mut self) -> &mut Frame<'a> {
        self.frames.last_mut().expect("elaboration is inside a body")
    }

    /// Binds a local; a name may be bound once.
    pub(super) fn bind(&mut self, name: &Name, value: Value<'a>, from: Span) {
        let previous = {
            let frame = self.frame();
            frame.locals.get(&name.text).map(|l| l.span).or_else(|| frame.dims.get(&name.text).map(|d| d.span))
        };
        if let Some(previous) = previous {
            let d = Diagnostic::error(codes::DUPLICATE_NAME, name.span, format!("`{}` is bound twice", name.text))
                .label("bound again here")
                .origin(Role::Previous, previous, "first bound here")
                .note("a name is bound once; dims, parameters and values share one namespace");
            let in_turn = !self.frame().turns.is_empty();
            let d = match name.text.as_str() {
                text if self.frame().states.contains_key(text) => {
                    d.help(format!("a state changes by `update {text} = …`"))
                }
                text if in_turn => d.help(format!("what turns change is a variable: `var {text} = …` before `repeat`")),
                _ => d,
            };
            self.report(d);
            return;
        }
        let local = Local { value, span: name.span, from };
        self.frame().locals.insert(name.text.clone(), local);
    }

    /// Binds a local that has no declaration in the text: `step`, `t`, `training`.
    pub(super) fn bind_given(&mut self, name: &str, value: Value<'a>, span: Span) {
        self.frame().locals.insert(name.to_owned(), Local { value, span, from: span });
    }

    /// The axis name of this frame.
    pub(super) fn axis_name(&mut self, text: &str) -> AxisName {
        AxisName { text: text.into(), scope: self.frame().scope }
    }

    /// What a local or an axis name denotes; marks it as used.
    pub(super) fn local(&mut self, name: &str) -> Option<Value<'a>> {
        let frame = self.frames.last()?;
        if let Some(local) = frame.locals.get(name) {
            self.usage.mark(local.span);
            return Some(local.value.clone());
        }
        let dim = frame.dims.get(name)?;
        self.usage.mark(dim.span);
        Some(size_value(&dim.size))
    }

    /// Where the value of a name is written, for saying where a size comes from.
    pub(super) fn origin_of(&self, name: &str) -> Option<Span> {
        let frame = self.frames.last()?;
        let span = frame.locals.get(name).map(|l| l.from).or_else(|| frame.dims.get(name).map(|d| d.span))?;
        (!self.items.is_library(span.source)).then_some(span)
    }

    /// Warns about names of the user's texts that nothing uses.
    pub(super) fn report_unused(&mut self) {
        let items = self.items;
        self.usage.report(&mut self.sink, |span| !items.is_library(span.source));
    }
}

/// A size as a value: a number, or the free size itself.
pub(super) fn size_value<'a>(size: &Dim) -> Value<'a> {
    match size.as_constant() {
        Some(n) => Value::Num(super::num::Num::int(n)),
        None => Value::Size(size.clone()),
    }
}
