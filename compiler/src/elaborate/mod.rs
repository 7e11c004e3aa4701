//! Elaboration: the syntax tree becomes a [`Program`]. Names are resolved, every definition is instantiated where it is
//! applied, sizes are checked as polynomials in the free ones, layers make their parameters, and the train step is closed
//! under the gradient and the optimizers' updates.
//!
//! The same text is elaborated once a mode; parameters are found again by their paths.

mod args;
mod assertion;
mod average;
mod axes;
mod begin;
mod binary;
mod block;
mod buckets;
mod cadence;
mod call;
mod carry;
mod change;
mod class_field;
mod convolution;
mod data;
mod draw;
mod expr;
mod fields;
mod figures;
mod fit;
mod foreign;
mod freeze;
mod functions;
mod given;
mod index;
mod initial;
mod inside;
mod items;
mod layer;
mod library;
mod list;
mod meet;
mod modules;
mod names;
mod num;
mod optimize;
mod padding;
mod pattern;
mod phase;
mod predict;
mod primitives;
mod product;
mod range;
mod rate;
mod reach;
mod reader;
mod rearrange;
mod reduction;
mod repeat;
mod result;
mod rows;
mod scan;
mod scope;
mod select;
mod selection;
mod sequence;
mod settings;
mod shape;
mod signature;
mod sink;
mod source;
mod suggest;
mod table;
mod tokens;
mod train;
mod train_settings;
mod value;
mod vocabulary;
mod walk;
mod watch;
mod window;
mod windows;

use crate::ir::builder::Builder;
use crate::ir::graph::{Graph, SiteId};
use crate::ir::types::DType;
use crate::program::{Input, Program, Site, State};
use crate::world::{Options, World};
use items::Items;
use nnc_grammar::ast::Name;
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::{Sources, Span};
use nnc_runtime::checkpoint::Layout;
use scope::{Frame, Usage};
use sink::Sink;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use value::{Tensor, Value};

/// What checking a file gives.
#[derive(Debug)]
pub struct Checked {
    /// All texts, for rendering places.
    pub sources: Sources,
    /// The program; absent when there is an error.
    pub program: Option<Program>,
    /// Errors and warnings by place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks a file and everything that it uses, against a library of `(name, text)`.
pub fn check(world: &dyn World, library: &[(&str, &str)], file: (&str, &str), options: &Options) -> Checked {
    let mut sink = Sink::default();
    let parsed = items::parse_all(world, library, file, &mut sink);
    let items = items::collect(&parsed, &mut sink);
    let mut elab = Elab::new(world, &items, &parsed.sources, options, sink);
    let program = elab.program();
    names::check_unused_definitions(&mut elab);
    elab.check_unused_data();
    elab.check_unmentioned_fields();
    // After an error a name may seem unused only because its user was not reached.
    if !elab.has_errors() {
        elab.report_unused();
    }
    let diagnostics = elab.sink.finish(&items);
    let program = program.filter(|_| !diagnostics.iter().any(Diagnostic::is_error));
    Checked { sources: parsed.sources, program, diagnostics }
}

/// Which graph is being built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Initialise,
    Train,
    Evaluate,
    Predict,
}

impl Mode {
    /// The purpose in the key of a draw.
    fn purpose(self) -> &'static str {
        match self {
            Mode::Initialise => "initialise",
            Mode::Train => "train",
            Mode::Evaluate => "evaluate",
            Mode::Predict => "predict",
        }
    }
}

/// The elaborator: what is known, what is being built, and where we are.
struct Elab<'a> {
    world: &'a dyn World,
    items: &'a Items<'a>,
    sources: &'a Sources,
    options: &'a Options,
    sink: Sink,
    usage: Usage,
    /// The element type of float tensors in the graph being built.
    float: DType,
    /// The element type of the run.
    precision: DType,
    /// The graph being built.
    b: Rc<Builder>,
    /// The graph of initial values.
    initialise: Rc<Builder>,
    /// Numbers the graphs; that of initial values is 0. A tensor of one graph means nothing in another.
    graph_number: u32,
    graphs: u32,
    mode: Mode,
    states: Vec<State>,
    state_numbers: HashMap<String, u32>,
    /// How PyTorch keeps states, where their declarations say so, and where they do.
    layouts: HashMap<u32, (Layout, Span)>,
    /// What PyTorch calls layers, by path, where a line says so, and where it does.
    called: BTreeMap<String, (String, Span)>,
    /// The values of states updated or read in the graph being built.
    current: HashMap<u32, Tensor>,
    /// The states that hold the averages of parameters, by parameter.
    averages: HashMap<u32, u32>,
    /// Layers by path, from their first application on, and the graph in which they were applied last.
    made: HashMap<String, (u32, Rc<value::Instance<'a>>)>,
    /// The settings of models, by declaration, from their first application on.
    models: HashMap<Span, Vec<value::Bound<'a>>>,
    /// What the phase being elaborated freezes.
    frozen: Vec<selection::Selection<'a>>,
    /// How many metrics with state the `metric` line or `predict` block being elaborated has applied; none elsewhere.
    gathered: Option<usize>,
    inputs: Vec<Input>,
    /// The padded axes of the fields elaborated so far.
    padded: Vec<padding::Padded>,
    /// Windows that slide along axes of free sizes.
    needs: Vec<buckets::Need>,
    sites: Vec<Site>,
    site_numbers: HashMap<Site, SiteId>,
    /// Keys by stream, and draws made so far in the graph being built, by path.
    streams: HashMap<u32, String>,
    draws: HashMap<String, u32>,
    /// The data blocks that blocks use.
    data: Vec<data::Data<'a>>,
    /// Fields visible in the block being elaborated: data block and field.
    data_fields: Vec<(String, String)>,
    /// The loops around the expression being evaluated.
    loops: Vec<scan::Loop<'a>>,
    frames: Vec<Frame<'a>>,
    scopes: u32,
    /// Axes that some `..` has stood for.
    members: u32,
    /// How deep the expression being evaluated lies in others, through all definitions.
    depth: usize,
    /// The names that the statements being evaluated bind, and in which body.
    binding: Vec<(usize, &'a Name)>,
    /// Definitions instantiated so far.
    instances: usize,
    /// Values of constants and options; `None` while one is being evaluated.
    constants: HashMap<Span, Option<Value<'a>>>,
    /// Definitions that have been instantiated.
    instantiated: HashSet<Span>,
    /// Step names of the unnamed layers of each body, by the span of the constructor.
    steps: HashMap<Span, Rc<HashMap<Span, String>>>,
}

impl<'a> Elab<'a> {
    fn new(world: &'a dyn World, items: &'a Items<'a>, sources: &'a Sources, options: &'a Options, sink: Sink) -> Self {
        Elab {
            world,
            items,
            sources,
            options,
            sink,
            usage: Usage::default(),
            float: DType::F32,
            precision: DType::F32,
            b: Rc::new(Builder::new()),
            initialise: Rc::new(Builder::new()),
            graph_number: 0,
            graphs: 0,
            mode: Mode::Train,
            states: vec![],
            state_numbers: HashMap::new(),
            layouts: HashMap::new(),
            called: BTreeMap::new(),
            current: HashMap::new(),
            averages: HashMap::new(),
            made: HashMap::new(),
            models: HashMap::new(),
            frozen: vec![],
            gathered: None,
            inputs: vec![],
            padded: vec![],
            needs: vec![],
            sites: vec![],
            site_numbers: HashMap::new(),
            streams: HashMap::new(),
            draws: HashMap::new(),
            data: vec![],
            data_fields: vec![],
            loops: vec![],
            frames: vec![],
            scopes: 0,
            members: 0,
            depth: 0,
            binding: vec![],
            instances: 0,
            constants: HashMap::new(),
            instantiated: HashSet::new(),
            steps: HashMap::new(),
        }
    }

    /// Elaborates all blocks of the main file.
    fn program(&mut self) -> Option<Program> {
        self.settings();
        self.options();
        let items = self.items;
        if let Some(second) = items.train.get(1) {
            self.unsupported(second.head, "a second `train` block");
        }
        if let Some(name) = items.train.first().and_then(|t| t.name) {
            self.unsupported(name.span, "a name of a `train` block");
        }
        let train = items.train.first().and_then(|block| self.train(block));
        let predict = items.predict.iter().filter_map(|block| self.predict(block)).collect();
        self.fit_buckets();
        let initialise = std::mem::take(&mut self.initialise);
        let initialise = finish(initialise)?;
        let torch = self.kept(train.as_ref().map_or(&[], |t| &t.init));
        let table = table::rows(&self.states, &self.averages, train.as_ref().map(|t| &t.evaluate), &self.padded_axes());
        Some(Program {
            precision: self.precision,
            // Copies: what is checked later may add to these, but not to the program.
            states: self.states.clone(),
            inputs: self.inputs.clone(),
            padded: self.padded_axes(),
            sites: self.sites.clone(),
            initialise,
            train,
            predict,
            torch,
            table,
        })
    }

    /// Builds a graph of its own: runs `body` on a fresh builder and hands back what it made and the finished graph.
    fn graph<T>(&mut self, mode: Mode, body: impl FnOnce(&mut Self) -> Option<T>) -> Option<(T, Graph)> {
        self.graphs += 1;
        self.graph_number = self.graphs;
        self.mode = mode;
        self.gathered = (mode == Mode::Predict).then_some(0);
        self.float = self.precision;
        self.b = Rc::new(Builder::new());
        self.current.clear();
        self.draws.clear();
        let made = body(self);
        let graph = finish(std::mem::take(&mut self.b))?;
        Some((made?, graph))
    }

    /// Reports a diagnostic. A place inside the library becomes an origin; the user's line that led there is the primary one.
    fn report(&mut self, mut d: Diagnostic) {
        if self.guarded() {
            return;
        }
        if self.items.is_library(d.primary.span.source)
            && let Some(call) = self.user_call()
        {
            let inside = std::mem::replace(&mut d.primary.span, call);
            let text = std::mem::take(&mut d.primary.text);
            d = d.origin(Role::CallSite, inside, if text.is_empty() { "inside the library here".into() } else { text });
        }
        self.sink.push(d);
    }

    /// Whether an assertion of a body around does not hold: that has been reported, and the rest relies on it.
    fn guarded(&self) -> bool {
        self.frames.iter().any(|frame| frame.unsound)
    }

    /// Reports and poisons.
    fn fail(&mut self, d: Diagnostic) -> Value<'a> {
        self.report(d);
        Value::Invalid
    }

    /// Reports a construct that is not built yet.
    fn unsupported(&mut self, span: Span, what: &str) -> Value<'a> {
        self.fail(
            Diagnostic::error(codes::UNSUPPORTED, span, format!("{what} is not supported yet"))
                .label("this version of nnc does not build it")
                .note("the language has it; this compiler refuses it rather than to do something else"),
        )
    }

    /// The innermost call that is written in a text of the user.
    fn user_call(&self) -> Option<Span> {
        self.frames.iter().rev().map(|f| f.call).find(|s| !self.items.is_library(s.source))
    }

    /// Nodes added from now on come from here.
    fn here(&mut self, span: Span) -> SiteId {
        let span = if self.items.is_library(span.source) { self.user_call().unwrap_or(span) } else { span };
        let path = self.frames.last().map_or_else(String::new, |f| f.path.clone());
        let site = Site { span, path };
        let id = match self.site_numbers.get(&site) {
            Some(id) => *id,
            None => {
                let id = SiteId(self.sites.len() as u32);
                self.sites.push(site.clone());
                self.site_numbers.insert(site, id);
                id
            }
        };
        self.b.set_sites(vec![id]);
        id
    }
}

/// The graph of a builder that nothing else holds any more.
fn finish(b: Rc<Builder>) -> Option<Graph> {
    Rc::try_unwrap(b).ok().map(Builder::finish)
}
