//! Losses and metrics: the figures that a train block reports.

use super::items::Item;
use super::train::{Lines, Loss};
use super::value::{Tensor, Value};
use super::walk::Seen;
use super::{Elab, Mode};
use crate::ir::types::DType;
use crate::program::{Figure, Gather};
use nnc_grammar::ast::{Def, DefKind, Expr, ExprKind, Name, StmtKind, TypeExpr, TypeKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::{SourceId, Span};
use nnc_runtime::train::weight_of;
use std::collections::HashSet;

impl<'a> Elab<'a> {
    /// `loss = e`, `loss name = e`, and behind it `, weight = e`
    pub(super) fn loss_line(
        &mut self,
        name: Option<&'a Name>,
        (value, weight): (&'a Expr, Option<&'a Expr>),
        span: Span,
        lines: &mut Lines<'a>,
    ) {
        lines.tried = true;
        let text = name.map_or("loss", |n| n.text.as_str());
        if let Some(first) = lines.figures.iter().find(|f| f.name == text) {
            let what = if first.is_loss { "losses" } else { "figures" };
            let d = Diagnostic::error(
                codes::DUPLICATE_NAME,
                name.map_or(span, |n| n.span),
                format!("there are two {what} `{text}`"),
            );
            let d = d.origin(Role::Previous, first.span, "the first is here").help("name them: `loss d = …`");
            self.report(d);
            return;
        }
        let t = match self.expr(value) {
            Value::Tensor(t) => t,
            Value::Invalid => return lines.failed.push(text.to_owned()),
            other => {
                lines.failed.push(text.to_owned());
                self.wrong_kind(&other, value.span, "a loss that depends on the parameters");
                return;
            }
        };
        if self.stale(value, &Value::Tensor(t.clone()), lines) {
            return lines.failed.push(text.to_owned());
        }
        if t.rank() != 0 || !t.dtype.is_float() {
            lines.failed.push(text.to_owned());
            let d = Diagnostic::error(codes::NOT_SCALAR, value.span, "a loss must be one number")
                .label(format!("this is {}", t.show()));
            self.report(super::axes::explain_axes(d.help("take its mean: `mean(…)`"), t.axes.iter()));
            return;
        }
        self.output(text, &t, value.span);
        let Some(gather) = self.weighed(text, weight, lines) else { return lines.failed.push(text.to_owned()) };
        lines.figures.push(Figure {
            name: text.to_owned(),
            is_loss: true,
            gather,
            shape: vec![],
            axes: vec![],
            in_training: true,
            span,
        });
        lines.guarded.push(t.clone());
        lines.losses.push(Loss { name: text.to_owned(), tensor: t, span });
    }

    /// Reports a value under a name: one number in f64, a matrix as it is.
    fn output(&mut self, name: &str, t: &Tensor, span: Span) {
        self.here(span);
        let handle = self.b.clone();
        handle.output(name, handle.val(t.node).cast(DType::F64));
    }

    /// How a figure is averaged over a pass: by rows, or by what a line says that a batch weighs, which is reported then.
    fn weighed(&mut self, figure: &str, weight: Option<&'a Expr>, lines: &Lines<'a>) -> Option<Gather> {
        let Some(e) = weight else { return Some(Gather::MeanByRows) };
        // As figures themselves, it is a sum over many rows.
        let float = std::mem::replace(&mut self.float, DType::F64);
        let value = self.expr(e);
        self.float = float;
        if matches!(value, Value::Invalid) || self.stale(e, &value, lines) {
            return None;
        }
        let weight = self.scalar_node(&value, e.span)?;
        self.output(&weight_of(figure), &weight, e.span);
        Some(Gather::MeanByWeight)
    }

    /// `metric m(…)`, `metric name = e`, and behind it `, weight = e`
    pub(super) fn metric_line(
        &mut self,
        name: Option<&'a Name>,
        (value, weight): (&'a Expr, Option<&'a Expr>),
        lines: &mut Lines<'a>,
    ) {
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
            return self.nameless(value, lines);
        };
        if lines.figures.iter().any(|f| f.name == text) {
            let d = Diagnostic::error(codes::DUPLICATE_NAME, value.span, format!("there are two figures `{text}`"));
            self.report(d.help("name it: `metric NAME = …`"));
            return;
        }
        let stateful = self.gathers(value);
        if let Some(weight) = weight.filter(|_| stateful) {
            lines.failed.push(text);
            let d = Diagnostic::error(codes::MISPLACED, weight.span, "a metric with state is no mean over batches");
            self.report(d.note("it has its value at the end of the pass, and weighs batches by its own states"));
            return;
        }
        if stateful && let Some((batch, at)) = self.beside_gathered(value) {
            lines.failed.push(text);
            let headline = format!("`{batch}` is of a batch, beside a figure of the whole pass");
            let d = Diagnostic::error(codes::WRONG_KIND, at, headline);
            self.report(
                d.note("a metric with state has its value at the end of the pass, when no batch is there")
                    .help("make two metrics of it, or one with states for both"),
            );
            return;
        }
        if stateful && self.mode == Mode::Train {
            super::walk::walk(value, &mut |seen| {
                if let Seen::Expr(Expr { kind: ExprKind::Name(n), .. }) = seen {
                    self.local(n);
                }
            });
            return;
        }
        let path = std::mem::replace(&mut self.frame().path, format!("metric.{text}"));
        // Figures are sums over many rows: they are taken in double precision.
        let float = std::mem::replace(&mut self.float, DType::F64);
        let outer = std::mem::replace(&mut self.gathered, stateful.then_some(0));
        let result = self.expr(value);
        self.gathered = outer;
        self.float = float;
        self.frame().path = path;
        let t = match result {
            Value::Tensor(t) => t,
            Value::Invalid => return lines.failed.push(text),
            other => {
                lines.failed.push(text);
                self.wrong_kind(&other, value.span, "a figure of the batch");
                return;
            }
        };
        if self.stale(value, &Value::Tensor(t.clone()), lines) {
            return lines.failed.push(text);
        }
        let shape: Option<Vec<usize>> = t.ty().sizes();
        let fits = t.dtype.is_float() && (t.rank() == 0 || (stateful && t.rank() <= 2 && shape.is_some()));
        if !fits {
            lines.failed.push(text);
            let d = Diagnostic::error(codes::NOT_SCALAR, value.span, "a metric must be one number")
                .label(format!("this is {}", t.show()));
            self.report(d.note("a metric with state may also give a table, as `confusion` does"));
            return;
        }
        self.output(&text, &t, value.span);
        let gather = if stateful { Some(Gather::Last) } else { self.weighed(&text, weight, lines) };
        let Some(gather) = gather else { return lines.failed.push(text) };
        lines.figures.push(Figure {
            name: text,
            is_loss: false,
            gather,
            shape: shape.unwrap_or_default(),
            axes: def.and_then(|d| d.result.as_ref()).map_or(vec![], axis_names),
            in_training: !stateful,
            span: value.span,
        });
    }

    /// Whether an expression of the main file applies a metric with state, itself or through what it calls.
    fn gathers(&self, e: &'a Expr) -> bool {
        let mut names = vec![];
        super::walk::walk(e, &mut |seen| names.extend(called(&seen)));
        names.into_iter().any(|name| self.is_gathering(self.items.main, name, &mut HashSet::new()))
    }

    fn is_gathering(&self, source: SourceId, name: &str, seen: &mut HashSet<Span>) -> bool {
        let Some(Item::Def(def)) = self.items.lookup(source, name) else { return false };
        if !matches!(def.kind, DefKind::Fn | DefKind::Metric) || !seen.insert(def.name.span) {
            return false;
        }
        let mut names = vec![];
        super::walk::walk_block(&def.body, &mut |seen| names.extend(called(&seen)));
        has_state(def) || names.into_iter().any(|name| self.is_gathering(def.name.span.source, name, seen))
    }

    /// A value of the batch that stands beside, not in, the metrics with state that an expression applies.
    fn beside_gathered(&self, e: &'a Expr) -> Option<(&'a str, Span)> {
        let (mut inside, mut beside): (Vec<Span>, _) = (vec![], None);
        super::walk::walk(e, &mut |seen| {
            let Seen::Expr(e) = seen else { return };
            if called(&seen).is_some_and(|name| self.is_gathering(self.items.main, name, &mut HashSet::new())) {
                inside.push(e.span);
            }
            if let ExprKind::Name(name) = &e.kind
                && !inside.iter().any(|span| span.covers(e.span))
                && let Some(local) = self.frames.last().and_then(|frame| frame.locals.get(name))
                && matches!(local.value, Value::Tensor(_))
            {
                beside.get_or_insert((name.as_str(), e.span));
            }
        });
        beside
    }

    /// Where the states of a metric lie: each application has its own. In a train block only `metric` lines are for a whole pass; a
    /// predict block is a pass of its own.
    pub(super) fn states_of_metric(&mut self, def: &'a Def, call: Span) -> Option<String> {
        let path = self.frame().path.clone();
        let name = &def.name.text;
        let Some(n) = &mut self.gathered else {
            let d = Diagnostic::error(codes::MISPLACED, call, format!("`{name}` gathers over a whole pass"))
                .label("in a `train` block only a `metric` line has its value")
                .help(format!("write `metric {name}(…)`"));
            self.report(d);
            return None;
        };
        *n += 1;
        Some(if *n == 1 { path } else { format!("{path}[{n}]") })
    }

    /// Reports a metric that has no name and calls no definition. A line that watches the figure probably meant says no more.
    fn nameless(&mut self, value: &'a Expr, lines: &mut Lines<'a>) {
        let (main, items) = (self.items.main, self.items);
        let (what, called) = match &value.kind {
            ExprKind::Call { callee, .. } => (&**callee, true),
            _ => (value, false),
        };
        let d = match (&what.kind, called) {
            (ExprKind::Name(name), true) if !self.means_something(name) => {
                super::names::unknown(name, what.span, items.names(main))
            }
            (ExprKind::Name(name), false) if matches!(items.lookup(main, name), Some(Item::Def(_))) => {
                Diagnostic::error(codes::MISSING_ARGUMENT, value.span, format!("`{name}` is not called"))
                    .help(format!("give it what it compares: `metric {name}(…)`"))
            }
            _ => Diagnostic::error(codes::MISSING_ARGUMENT, value.span, "this metric needs a name")
                .help("write `metric NAME = …`, or call a metric: `metric accuracy(…)`"),
        };
        lines.failed.extend(d.fixes.iter().flat_map(|fix| fix.edits.iter().map(|edit| edit.text.clone())));
        if let ExprKind::Name(name) = &what.kind {
            lines.failed.push(name.clone());
        }
        self.report(d);
    }

    /// The sum of the losses is checked before any state is written.
    pub(super) fn guard(&mut self, lines: &Lines<'a>) {
        let handle = self.b.clone();
        let mut sum = None;
        for loss in &lines.guarded {
            let value = handle.val(loss.node).cast(DType::F64);
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
}

/// The axis names of a declared result; none where an axis has no name of its own.
fn axis_names(ty: &TypeExpr) -> Vec<String> {
    let names: Vec<String> = super::names::axes_of(ty).into_iter().map(|n| n.text.clone()).collect();
    let TypeKind::Tensor { dims, .. } = &ty.kind else { return vec![] };
    let own = names.len() == dims.len() && names.iter().enumerate().all(|(i, n)| !names[..i].contains(n));
    if own { names } else { vec![] }
}

/// Whether a definition is a metric that gathers over a pass.
pub(super) fn has_state(def: &Def) -> bool {
    def.kind == DefKind::Metric && def.body.stmts.iter().any(|s| matches!(s.kind, StmtKind::State { .. }))
}

/// The name that an expression calls, directly or as the stage of a pipe.
fn called<'s>(seen: &Seen<'s>) -> Option<&'s str> {
    let Seen::Expr(e) = seen else { return None };
    let stage = match &e.kind {
        ExprKind::Pipe { stage, .. } => stage,
        ExprKind::Call { .. } => *e,
        _ => return None,
    };
    let head = match &stage.kind {
        ExprKind::Call { callee, .. } => callee,
        _ => stage,
    };
    match &head.kind {
        ExprKind::Name(name) => Some(name),
        _ => None,
    }
}
