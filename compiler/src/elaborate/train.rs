//! The `train` block: its settings, and its lines once for the train step and once for evaluation.

use super::data::Data;
use super::items::{Item, Train};
use super::value::{Tensor, Value};
use super::{Elab, Mode};
use crate::ir::types::DType;
use crate::program::{Figure, Gather, Part, TrainPlan, Watch};
use nnc_grammar::ast::{Block, DefKind, Expr, ExprKind, Name, Stmt, StmtKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;

const SETTINGS: [&str; 2] = ["batch", "epochs"];

/// A loss of the block.
#[derive(Clone)]
pub(super) struct Loss {
    pub(super) name: String,
    pub(super) tensor: Tensor,
    pub(super) span: Span,
}

/// What one elaboration of the block has found.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) losses: Vec<Loss>,
    /// Whether a loss line stands in the block, even one with a mistake.
    pub(super) tried: bool,
    pub(super) figures: Vec<Figure>,
    /// Parameters that some line optimises, with the line.
    pub(super) optimized: Vec<(u32, Span)>,
    /// Optimizer steps of the whole run.
    pub(super) steps: usize,
}

impl<'a> Elab<'a> {
    /// Elaborates the block.
    pub(super) fn train(&mut self, block: &Train<'a>) -> Option<TrainPlan> {
        let (data, batch, epochs) = self.train_head(block)?;
        let steps = self.options.steps.unwrap_or(epochs * data.train_rows.div_ceil(batch));
        let (lines, step) = self.graph(Mode::Train, |this| Some(this.train_lines(block, &data, steps)))?;
        let (evaluated, evaluate) = self.graph(Mode::Evaluate, |this| Some(this.train_lines(block, &data, steps)))?;
        if lines.losses.is_empty() {
            if lines.tried {
                return None;
            }
            let d = Diagnostic::error(codes::MISSING_SETTING, block.span, "the `train` block has no loss");
            self.report(d.help("add `loss = …`, one number that is to become small"));
            return None;
        }
        let mut figures = evaluated.figures;
        for figure in &mut figures {
            figure.in_training = lines.figures.iter().any(|f| f.name == figure.name);
        }
        let (keep, stop) = self.watches(block.body, &figures);
        Some(TrainPlan { data: data.plan, batch, epochs, figures, keep, stop, step, evaluate })
    }

    /// Data and settings.
    fn train_head(&mut self, block: &Train<'a>) -> Option<(Data<'a>, usize, usize)> {
        let frame = self.block_frame(block.span);
        self.frames.push(frame);
        let head = self.train_settings(block);
        self.frames.pop();
        let (batch, epochs) = head?;
        let data = match block.on {
            [one] => self.data_block(one)?,
            [] => {
                let d = Diagnostic::error(codes::MISSING_SETTING, block.span, "the `train` block names no data");
                self.report(d.help("write `train on NAME { … }`"));
                return None;
            }
            [_, second, ..] => {
                self.unsupported(second.span, "training on several data blocks");
                return None;
            }
        };
        Some((data, batch, epochs))
    }

    fn train_settings(&mut self, block: &Train<'a>) -> Option<(usize, usize)> {
        let mut found: Vec<(&'a Name, Option<usize>)> = vec![];
        for stmt in &block.body.stmts {
            let StmtKind::Setting { name, value } = &stmt.kind else { continue };
            if let Some((first, _)) = found.iter().find(|(n, _)| n.text == name.text) {
                let d = Diagnostic::error(codes::DUPLICATE_SETTING, name.span, format!("`{}` is set twice", name.text));
                let d = d.origin(Role::Previous, first.span, "first set here");
                self.report(d);
                continue;
            }
            let count = match name.text.as_str() {
                "batch" | "epochs" => self.count_setting(value, &format!("`{}`", name.text), 1),
                _ => {
                    let d = Diagnostic::error(
                        codes::UNKNOWN_SETTING,
                        name.span,
                        format!("a train block has no setting `{}`", name.text),
                    );
                    let d = super::suggest::suggest(d, name, SETTINGS.into_iter());
                    self.report(d.note("settings of a train block: batch, epochs"));
                    None
                }
            };
            found.push((name, count));
        }
        let setting = |this: &mut Self, what: &str, set: Option<usize>| {
            let written = found.iter().find(|(n, _)| n.text == what);
            match (set, written) {
                (Some(n), _) => Some(n),
                (None, Some((_, n))) => *n,
                (None, None) => {
                    let d = Diagnostic::error(
                        codes::MISSING_SETTING,
                        block.span,
                        format!("the `train` block does not set `{what}`"),
                    );
                    this.report(d.help(format!("add `{what}: …`")));
                    None
                }
            }
        };
        let batch = setting(self, "batch", self.options.batch);
        let epochs = setting(self, "epochs", self.options.epochs);
        Some((batch?, epochs?))
    }

    /// The lines of the block in order, in the mode being elaborated.
    fn train_lines(&mut self, block: &Train<'a>, data: &Data<'a>, steps: usize) -> Lines {
        let frame = self.block_frame(block.span);
        self.frames.push(frame);
        self.bind_fields(data, block.body);
        let mut lines = Lines { steps, ..Lines::default() };
        for stmt in &block.body.stmts {
            self.train_line(stmt, &mut lines);
        }
        self.guard(&lines);
        if self.mode == Mode::Train {
            self.check_coverage(&lines, block.span);
        }
        self.frames.pop();
        lines
    }

    fn train_line(&mut self, stmt: &'a Stmt, lines: &mut Lines) {
        match &stmt.kind {
            StmtKind::Bind { targets, value, form: None } => self.bind_targets(targets, value),
            StmtKind::Loss { name, value } => self.loss_line(name.as_ref(), value, stmt.span, lines),
            StmtKind::Metric { name, value } => self.metric_line(name.as_ref(), value, lines),
            StmtKind::Optimize { selectors, condition, on, with } => {
                if self.mode == Mode::Train {
                    self.optimize_line(selectors, condition.as_ref(), on.as_ref(), with, stmt.span, lines);
                }
            }
            StmtKind::Setting { .. } | StmtKind::Keep { .. } | StmtKind::Stop { .. } => {}
            StmtKind::Invalid(names) => {
                lines.tried = true;
                for name in names {
                    self.bind(name, Value::Invalid, name.span);
                    self.usage.mark(name.span);
                }
            }
            StmtKind::Then => {
                self.unsupported(stmt.span, "`then`");
            }
            StmtKind::Every { .. } => {
                self.unsupported(stmt.span, "`every … steps`");
            }
            StmtKind::Freeze { .. } => {
                self.unsupported(stmt.span, "`freeze`");
            }
            StmtKind::Init { .. } => {
                self.unsupported(stmt.span, "`init … from`");
            }
            _ => {
                let d = Diagnostic::error(codes::MISPLACED, stmt.span, "this line has no meaning in a `train` block");
                self.report(
                    d.note("a train block has settings, bindings, losses, metrics, optimize lines, `keep` and `stop`"),
                );
            }
        }
    }

    fn loss_line(&mut self, name: Option<&'a Name>, value: &'a Expr, span: Span, lines: &mut Lines) {
        lines.tried = true;
        let text = name.map_or("loss", |n| n.text.as_str());
        if let Some(first) = lines.losses.iter().find(|l| l.name == text) {
            let d = Diagnostic::error(
                codes::DUPLICATE_NAME,
                name.map_or(span, |n| n.span),
                format!("there are two losses `{text}`"),
            );
            let d = d.origin(Role::Previous, first.span, "the first is here").help("name them: `loss d = …`");
            self.report(d);
            return;
        }
        let t = match self.expr(value) {
            Value::Tensor(t) => t,
            Value::Invalid => return,
            other => {
                self.wrong_kind(&other, value.span, "a loss that depends on the parameters");
                return;
            }
        };
        if t.rank() != 0 || !t.dtype.is_float() {
            let d = Diagnostic::error(codes::NOT_SCALAR, value.span, "a loss must be one number")
                .label(format!("this is {}", t.show()));
            self.report(super::signature::explain_axes(d.help("take its mean: `mean(…)`"), t.axes.iter()));
            return;
        }
        self.output(text, &t, value.span);
        lines.figures.push(Figure {
            name: text.to_owned(),
            is_loss: true,
            gather: Gather::MeanByRows,
            shape: vec![],
            in_training: true,
            span,
        });
        lines.losses.push(Loss { name: text.to_owned(), tensor: t, span });
    }

    /// Reports a value under a name: one number in f64, a matrix as it is.
    fn output(&mut self, name: &str, t: &Tensor, span: Span) {
        self.here(span);
        let handle = self.b.clone();
        handle.output(name, handle.val(t.node).cast(DType::F64));
    }

    fn metric_line(&mut self, name: Option<&'a Name>, value: &'a Expr, lines: &mut Lines) {
        let def = match &value.kind {
            ExprKind::Call { callee, .. } => match &callee.kind {
                ExprKind::Name(n) => match self.items.lookup(self.items.main, n) {
                    Some(Item::Def(def)) => Some(def),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        };
        let called = def.map(|d| d.name.text.clone());
        let Some(text) = name.map(|n| n.text.clone()).or(called) else {
            let d = Diagnostic::error(codes::MISSING_ARGUMENT, value.span, "this metric needs a name");
            self.report(d.help("write `metric NAME = …`, or call a metric: `metric accuracy(…)`"));
            return;
        };
        if lines.figures.iter().any(|f| f.name == text) {
            let d = Diagnostic::error(codes::DUPLICATE_NAME, value.span, format!("there are two figures `{text}`"));
            self.report(d.help("name it: `metric NAME = …`"));
            return;
        }
        let stateful = def.is_some_and(|d| d.kind == DefKind::Metric && has_state(&d.body));
        if stateful && self.mode == Mode::Train {
            super::names::walk(value, &mut |seen| {
                if let super::names::Seen::Expr(Expr { kind: ExprKind::Name(n), .. }) = seen {
                    self.local(n);
                }
            });
            return;
        }
        let path = std::mem::replace(&mut self.frame().path, format!("metric.{text}"));
        // Figures are sums over many rows: they are taken in double precision.
        let float = std::mem::replace(&mut self.float, DType::F64);
        let result = self.expr(value);
        self.float = float;
        self.frame().path = path;
        let t = match result {
            Value::Tensor(t) => t,
            Value::Invalid => return,
            other => {
                self.wrong_kind(&other, value.span, "a figure of the batch");
                return;
            }
        };
        let shape: Option<Vec<usize>> = t.ty().sizes();
        let fits = t.dtype.is_float() && (t.rank() == 0 || (stateful && t.rank() <= 2 && shape.is_some()));
        if !fits {
            let d = Diagnostic::error(codes::NOT_SCALAR, value.span, "a metric must be one number")
                .label(format!("this is {}", t.show()));
            self.report(d.note("a metric with state may also give a table, as `confusion` does"));
            return;
        }
        self.output(&text, &t, value.span);
        lines.figures.push(Figure {
            name: text,
            is_loss: false,
            gather: if stateful { Gather::Last } else { Gather::MeanByRows },
            shape: shape.unwrap_or_default(),
            in_training: !stateful,
            span: value.span,
        });
    }

    /// The sum of the losses is checked before any state is written.
    fn guard(&mut self, lines: &Lines) {
        let handle = self.b.clone();
        let mut sum = None;
        for loss in &lines.losses {
            let value = handle.val(loss.tensor.node).cast(DType::F64);
            sum = Some(match sum {
                None => value,
                Some(s) => s + value,
            });
        }
        if let Some(sum) = sum
            && self.mode == Mode::Train
        {
            handle.guard(sum);
        }
    }

    /// `keep highest valid.accuracy`, `stop after 3 epochs without lower valid.loss`
    fn watches(&mut self, body: &'a Block, figures: &[Figure]) -> (Option<Watch>, Option<(usize, Watch)>) {
        let frame = self.block_frame(body.span);
        self.frames.push(frame);
        let (mut keep, mut stop) = (None, None);
        for stmt in &body.stmts {
            match &stmt.kind {
                StmtKind::Keep { highest, figure } => {
                    let watch = self.watch(figure, *highest, stmt.span, figures);
                    self.once(keep.is_some(), stmt.span, "keep");
                    keep = keep.or(watch);
                }
                StmtKind::Stop { patience, higher, figure } => {
                    let watch = self.watch(figure, *higher, stmt.span, figures);
                    self.once(stop.is_some(), stmt.span, "stop");
                    let patience = self.count_setting(patience, "the number of epochs", 1);
                    stop = stop.or(patience.zip(watch));
                }
                _ => {}
            }
        }
        self.frames.pop();
        (keep, stop)
    }

    fn once(&mut self, again: bool, span: Span, what: &str) {
        if again {
            self.report(Diagnostic::error(codes::DUPLICATE_SETTING, span, format!("there are two `{what}` lines")));
        }
    }

    fn watch(&mut self, path: &'a [Name], higher: bool, span: Span, figures: &[Figure]) -> Option<Watch> {
        let parts = ["train", "valid"];
        let [part, figure] = path else {
            let d = Diagnostic::error(codes::WRONG_KIND, span, "a figure is written `valid.loss`");
            self.report(d.help("name the rows and the figure: `train.…` or `valid.…`"));
            return None;
        };
        let rows = match part.text.as_str() {
            "train" => Part::Train,
            "valid" => Part::Valid,
            _ => {
                let d = Diagnostic::error(
                    codes::UNKNOWN_NAME,
                    part.span,
                    format!("there are no rows called `{}`", part.text),
                );
                let d = super::suggest::suggest(d, part, parts.into_iter());
                let d = if part.text == "test" {
                    d.note("the test rows decide nothing: they are used once, at the end")
                } else {
                    d
                };
                self.report(d);
                return None;
            }
        };
        match figures
            .iter()
            .find(|f| f.name == figure.text && f.shape.is_empty() && (rows == Part::Valid || f.in_training))
        {
            Some(f) => Some(Watch { part: rows, figure: f.name.clone(), higher, span }),
            None => {
                let d = Diagnostic::error(
                    codes::UNKNOWN_NAME,
                    figure.span,
                    format!("no figure is called `{}`", figure.text),
                );
                let d = super::suggest::suggest(d, figure, figures.iter().map(|f| f.name.as_str()));
                let names: Vec<&str> = figures.iter().map(|f| f.name.as_str()).collect();
                self.report(d.note(format!("figures of this block: {}", names.join(", "))));
                None
            }
        }
    }
}

fn has_state(body: &Block) -> bool {
    body.stmts.iter().any(|s| matches!(s.kind, StmtKind::State { .. }))
}
