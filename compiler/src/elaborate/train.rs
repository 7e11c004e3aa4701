//! The `train` block: its settings, and its lines once for the train step and once for evaluation.

use super::change::Pending;
use super::data::{Data, Known};
use super::items::Train;
use super::phase::Changed;
use super::train_settings::{Settings, set_like};
use super::value::{Tensor, Value};
use super::{Elab, Mode};
use crate::program::{Figure, Init, TrainData, TrainPlan};
use nnc_grammar::ast::{Expr, Stmt, StmtKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;
use nnc_runtime::train::Cadences;
use std::collections::HashMap;

/// A loss of the block.
#[derive(Clone)]
pub(super) struct Loss {
    pub(super) name: String,
    pub(super) tensor: Tensor,
    pub(super) span: Span,
}

/// What one elaboration of the block has found.
#[derive(Default)]
pub(super) struct Lines<'a> {
    pub(super) losses: Vec<Loss>,
    /// The losses of the lines that are due: their sum is the guard of the step.
    pub(super) guarded: Vec<Tensor>,
    /// Whether a loss line stands in the block, even one with a mistake.
    pub(super) tried: bool,
    pub(super) figures: Vec<Figure>,
    /// Names of figures whose lines have a mistake.
    pub(super) failed: Vec<String>,
    /// Parameters that some line of the phase optimises, with the line.
    pub(super) optimized: Vec<(u32, Span)>,
    /// Parameters that lines of earlier phases optimise.
    pub(super) covered: Vec<u32>,
    /// What earlier phases have changed.
    pub(super) changed: Vec<Changed>,
    /// How often a kind of optimizer has been given to a parameter, by `Net.w#Adam`.
    pub(super) slots: HashMap<String, usize>,
    /// Gradients of the phase's lines, which change parameters at its end.
    pub(super) pending: Vec<Pending<'a>>,
    /// The longest that all gradients of a loss may be together.
    pub(super) clip: Option<f64>,
    /// The rate of the parameters' averages.
    pub(super) average: Option<&'a Expr>,
    /// Over how many batches gradients are added up.
    pub(super) accumulate: u32,
    /// Steps of the whole run.
    pub(super) steps: usize,
    /// The cadence of the lines being read: they are due every so many steps.
    pub(super) every: u32,
    /// The cadences of the block.
    pub(super) cadences: Vec<u32>,
    /// What begins as files have it.
    pub(super) inits: Vec<Init>,
    /// The kind of step that is made; none where everything is due.
    pub(super) due: Option<(Cadences, usize)>,
}

impl<'a> Elab<'a> {
    /// Elaborates the block.
    pub(super) fn train(&mut self, block: &Train<'a>) -> Option<TrainPlan> {
        let frame = self.block_frame(block.head);
        self.frames.push(frame);
        let settings = self.train_settings(block);
        self.frames.pop();
        let Settings { batch, epochs, .. } = settings;
        let data = self.train_data(block)?;
        // What a setting or the data lack does not hide what is wrong in the lines.
        let rows = data.first().and_then(|first| first.known.as_ref()).map_or(1, |known| known.train_rows);
        let updates = epochs.unwrap_or(1).saturating_mul(rows.div_ceil(batch.unwrap_or(1).max(1)));
        let steps = self.options.steps.unwrap_or(updates);
        let (lines, step) =
            self.graph(Mode::Train, |this| Some(this.train_lines(block, &data, &settings, (steps, None))))?;
        let cadences = Cadences::new(lines.cadences.iter().copied());
        let mut partial = vec![];
        for kind in 1..cadences.kinds() {
            let due = Some((cadences.clone(), kind));
            partial
                .push(self.graph(Mode::Train, |this| Some(this.train_lines(block, &data, &settings, (steps, due))))?.1);
        }
        let trained = self.states.len();
        let (evaluated, evaluate) =
            self.graph(Mode::Evaluate, |this| Some(this.train_lines(block, &data, &settings, (steps, None))))?;
        if lines.losses.is_empty() && !lines.tried {
            let d = Diagnostic::error(codes::MISSING_SETTING, block.head, "the `train` block has no loss");
            self.report(d.help("add `loss = …`, one number that is to become small"));
        }
        self.check_evaluation(trained, block.head);
        let (mut figures, failed) = (evaluated.figures, evaluated.failed);
        for figure in &mut figures {
            figure.in_training = lines.figures.iter().any(|f| f.name == figure.name);
        }
        let (keep, stop) = self.watches(block.body, &figures, &failed);
        let read = |data: Data<'a>| data.known.map(|Known { plan, fit, .. }| TrainData { plan, fit });
        let mut blocks = data.into_iter().map(read).collect::<Option<Vec<TrainData>>>()?.into_iter();
        let (data, others) = (blocks.next()?, blocks.collect());
        let (batch, epochs) = (batch?, epochs?);
        let init = lines.inits;
        Some(TrainPlan { data, others, batch, epochs, figures, keep, stop, init, cadences, step, partial, evaluate })
    }

    /// The data blocks, in the order in which they are named.
    fn train_data(&mut self, block: &Train<'a>) -> Option<Vec<Data<'a>>> {
        if block.on.is_empty() {
            let d = Diagnostic::error(codes::MISSING_SETTING, block.head, "the `train` block names no data");
            self.report(d.help("write `train on NAME { … }`"));
            return None;
        }
        for (i, name) in block.on.iter().enumerate() {
            if let Some(first) = block.on[..i].iter().find(|first| first.text == name.text) {
                let d = Diagnostic::error(codes::DUPLICATE_NAME, name.span, format!("`{}` is named twice", name.text));
                self.report(d.origin(Role::Previous, first.span, "first named here"));
                return None;
            }
        }
        block.on.iter().map(|name| self.data_block(name)).collect()
    }

    /// The lines of the block in order, in the mode being elaborated.
    fn train_lines(
        &mut self,
        block: &Train<'a>,
        data: &[Data<'a>],
        settings: &Settings<'a>,
        (steps, due): (usize, Option<(Cadences, usize)>),
    ) -> Lines<'a> {
        let frame = self.block_frame(block.head);
        self.frames.push(frame);
        self.bind_all_fields(data, block.body);
        let Settings { accumulate, clip, average, .. } = *settings;
        let mut lines = Lines { steps, due, every: accumulate, accumulate, clip, average, ..Lines::default() };
        self.note_cadence(accumulate, block.head, &mut lines);
        let stmts = &block.body.stmts;
        self.begin_phase(stmts);
        for (i, stmt) in stmts.iter().enumerate() {
            match &stmt.kind {
                // Reported as the setting that it should be.
                StmtKind::Bind { targets, .. } if set_like(targets, block.body).is_some() => {}
                _ => self.train_line(stmt, &mut lines),
            }
            if matches!(stmt.kind, StmtKind::Then) {
                self.begin_phase(&stmts[i + 1..]);
            }
        }
        if let Some(Stmt { kind: StmtKind::Then, span }) = stmts.last() {
            let d = Diagnostic::error(codes::MISPLACED, *span, "nothing follows this `then`");
            self.report(d.help("it begins a phase that sees what the lines above have changed: write that below it"));
        }
        self.change(&mut lines);
        self.end_phase(&mut lines);
        self.guard(&lines);
        if self.mode == Mode::Train && lines.due.is_none() {
            lines.inits = self.inits(block);
            self.check_coverage(&lines, block.head);
        }
        self.frames.pop();
        lines
    }

    pub(super) fn train_line(&mut self, stmt: &'a Stmt, lines: &mut Lines<'a>) {
        match &stmt.kind {
            StmtKind::Bind { targets, value, form: None } => {
                self.bind_targets(targets, value);
                self.check_bound(targets, value, lines);
            }
            StmtKind::Loss { name, value, weight } => {
                self.loss_line(name.as_ref(), (value, weight.as_ref()), stmt.span, lines);
            }
            StmtKind::Metric { name, value, weight } => {
                self.metric_line(name.as_ref(), (value, weight.as_ref()), lines);
            }
            StmtKind::Optimize { selectors, condition, on, with } => {
                if self.mode == Mode::Train {
                    self.optimize_line(selectors, condition.as_ref(), on.as_ref(), with, stmt.span, lines);
                }
            }
            StmtKind::Setting { name, .. } => lines.tried |= name.text == "loss",
            StmtKind::Keep { .. } | StmtKind::Stop { .. } => {}
            // Read at the beginning of the phase, and at the end of the block.
            StmtKind::Freeze { .. } | StmtKind::Init { .. } => {}
            StmtKind::Invalid(names) => {
                lines.tried = true;
                for name in names {
                    self.bind(name, Value::Invalid, name.span);
                    self.usage.mark(name.span);
                }
            }
            StmtKind::Then | StmtKind::Every { .. } if lines.accumulate > 1 => {
                let d = Diagnostic::error(
                    codes::MISPLACED,
                    stmt.span,
                    "a block that accumulates has one phase and one cadence",
                );
                self.report(
                    d.note("gradients of several batches are taken of the same parameters and change them together"),
                );
            }
            StmtKind::Then => {
                if self.mode == Mode::Train {
                    self.then(stmt.span, lines);
                }
            }
            StmtKind::Every { steps, body } => self.every(steps, body, lines),
            _ => {
                let d = Diagnostic::error(codes::MISPLACED, stmt.span, "this line has no meaning in a `train` block");
                self.report(d.note(
                    "a train block has settings, bindings, losses, metrics, optimize lines, `then`, `every`, `freeze`, `init`, \
                     `keep` and `stop`",
                ));
            }
        }
    }
}
