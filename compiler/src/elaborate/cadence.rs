//! `every k steps { … }`: losses and optimize lines with a cadence. The step is made once for each set of cadences that are due
//! together. Where a block rests, its lines are elaborated all the same, so that draws, paths and optimizer states do not depend on
//! what is due; then nothing that they make leaves the graph.

use super::train::Lines;
use super::{Elab, Mode};
use nnc_grammar::ast::{Block, Expr, Stmt, StmtKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;
use nnc_runtime::train::MOST_CADENCES;

impl<'a> Elab<'a> {
    /// `every k steps { … }`
    pub(super) fn every(&mut self, steps: &'a Expr, body: &'a Block, lines: &mut Lines<'a>) {
        let Some(k) = self.count_setting(steps, "the number of steps", 1) else {
            lines.tried = true;
            return;
        };
        // `count_setting` gives at most 2^31 - 1.
        let k = k as u32;
        self.note_cadence(k, steps.span, lines);
        let due = lines.due.as_ref().is_none_or(|(cadences, kind)| cadences.is_due(*kind, k));
        let roots = self.b.roots();
        let current = self.current.clone();
        let (losses, guarded, pending) = (lines.losses.len(), lines.guarded.len(), lines.pending.len());
        let (locals, dims) = (self.frame().locals.clone(), self.frame().dims.clone());
        let outer = std::mem::replace(&mut lines.every, k);
        for stmt in &body.stmts {
            self.line_of_cadence(stmt, lines);
        }
        lines.every = outer;
        // What the block binds and declares ends with it.
        self.frame().locals = locals;
        self.frame().dims = dims;
        lines.losses.truncate(losses);
        if !due && self.mode == Mode::Train {
            self.b.restore(roots);
            self.current = current;
            lines.guarded.truncate(guarded);
            lines.pending.truncate(pending);
        }
    }

    fn line_of_cadence(&mut self, stmt: &'a Stmt, lines: &mut Lines<'a>) {
        match &stmt.kind {
            StmtKind::Bind { .. }
            | StmtKind::Loss { .. }
            | StmtKind::Metric { .. }
            | StmtKind::Optimize { .. }
            | StmtKind::Invalid(_) => self.train_line(stmt, lines),
            StmtKind::Every { steps, .. } => {
                let d = Diagnostic::error(codes::MISPLACED, steps.span, "a cadence inside a cadence");
                self.report(d.help("write it beside the other, with the number of steps between its lines"));
            }
            _ => {
                let d = Diagnostic::error(codes::MISPLACED, stmt.span, "this line has no cadence");
                self.report(d.note("`every … steps` has bindings, losses, metrics and optimize lines"));
            }
        }
    }

    /// Notes a cadence that is new; each may double the number of steps that are compiled.
    pub(super) fn note_cadence(&mut self, k: u32, at: Span, lines: &mut Lines<'a>) {
        if k == 1 || lines.cadences.contains(&k) {
            return;
        }
        if lines.cadences.len() == MOST_CADENCES {
            let headline = format!("there are more than {MOST_CADENCES} cadences");
            let d = Diagnostic::error(codes::TOO_LARGE, at, headline);
            self.report(d.note("a step is compiled for each set of cadences that are due together"));
            return;
        }
        lines.cadences.push(k);
    }
}
