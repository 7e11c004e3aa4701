//! `freeze SEL, …`: parts that a phase leaves as they are. No gradient reaches their parameters, their states do not change, and
//! `training` is false in them, so that dropout and batch statistics are those of evaluation.
//!
//! A line speaks of its whole phase, so it is read before the others.

use super::selection::Selection;
use super::train::Lines;
use super::value::Tensor;
use super::{Elab, Mode};
use crate::ops::movement::STOP_GRADIENT;
use crate::program::Role as StateRole;
use nnc_grammar::ast::{Selector, SelectorStep, Stmt, StmtKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;

impl<'a> Elab<'a> {
    /// Reads the `freeze` lines of the phase that begins with these lines.
    pub(super) fn begin_phase(&mut self, stmts: &'a [Stmt]) {
        self.frozen.clear();
        if self.mode != Mode::Train {
            return;
        }
        for stmt in stmts.iter().take_while(|stmt| !matches!(stmt.kind, StmtKind::Then)) {
            let StmtKind::Freeze { selectors } = &stmt.kind else { continue };
            for selector in selectors {
                if matches!(selector.steps.as_slice(), [SelectorStep::Name(n)] if n.text == "rest") {
                    let d = Diagnostic::error(codes::MISPLACED, selector.span, "`rest` cannot be frozen");
                    self.report(
                        d.note("it is what no line names, and these are read before the others").help("name it"),
                    );
                } else {
                    let selection = self.selection(selector);
                    self.frozen.push(selection);
                }
            }
        }
    }

    /// The line that freezes what lies at a path, while the train step is made.
    pub(super) fn frozen_at(&self, path: &str) -> Option<Span> {
        let frozen = (self.mode == Mode::Train).then_some(&self.frozen)?;
        frozen.iter().find(|selection| selection.takes(path)).map(|selection| selection.selector.span)
    }

    /// Whether the text being elaborated belongs to a part that learns.
    pub(super) fn in_training(&self) -> bool {
        self.mode == Mode::Train && self.frames.last().is_none_or(|frame| self.frozen_at(&frame.path).is_none())
    }

    /// The value of a parameter as its layer sees it: without a gradient where it is frozen.
    pub(super) fn held_still(&mut self, number: u32, value: Tensor) -> Tensor {
        let state = &self.states[number as usize];
        if state.role != StateRole::Parameter || self.frozen_at(&state.path).is_none() {
            return value;
        }
        let handle = self.b.clone();
        Tensor { node: handle.val(value.node).unary(&STOP_GRADIENT).value, ..value }
    }

    /// At the end of a phase: what its `freeze` lines name must be there, and needs no optimize line; something must be left.
    pub(super) fn end_phase(&mut self, lines: &mut Lines<'a>) {
        let mut parameters = self.states.iter().filter(|s| s.role == StateRole::Parameter).peekable();
        let still = parameters.peek().is_some() && parameters.all(|s| self.frozen_at(&s.path).is_some());
        if still
            && lines.optimized.is_empty()
            && !self.has_errors()
            && let Some(first) = self.frozen.first()
        {
            self.nothing_free(first.selector.span, "this leaves no parameter to optimise");
        }
        for selection in std::mem::take(&mut self.frozen) {
            let Selection { selector, .. } = selection;
            let states = self.states.iter().map(|state| &state.path);
            if !states.chain(self.made.keys()).any(|path| selection.takes(path)) {
                self.nothing_selected(selector, "this freezes nothing");
            }
            self.mark_model(selector);
            let parameters = self.states.iter().enumerate().filter(|(_, s)| s.role == StateRole::Parameter);
            let still = parameters.filter(|(_, s)| selection.takes(&s.path));
            lines.covered.extend(still.map(|(number, _)| number as u32));
        }
    }

    /// Reports a line for which `freeze` lines leave no parameter.
    pub(super) fn nothing_free(&mut self, at: Span, headline: &str) {
        let mut d = Diagnostic::error(codes::EMPTY_SELECTION, at, headline);
        for selection in self.frozen.iter().filter(|selection| selection.selector.span != at) {
            d = d.origin(Role::Previous, selection.selector.span, "this is frozen");
        }
        self.report(d.note("an optimize line takes what is neither frozen nor in an earlier line").help("freeze less"));
    }

    /// Leaves out what is frozen: `rest` does not mean it, and a line that names it is at odds with the other.
    pub(super) fn without_frozen(&mut self, selector: &'a Selector, rest: bool, selected: Vec<u32>) -> Vec<u32> {
        let (still, free): (Vec<u32>, Vec<u32>) =
            selected.into_iter().partition(|n| self.frozen_at(&self.states[*n as usize].path).is_some());
        if let Some(first) = still.first().filter(|_| !rest) {
            let path = self.states[*first as usize].path.clone();
            let d = Diagnostic::error(
                codes::OPTIMIZED_TWICE,
                selector.span,
                format!("`{path}` is frozen in this phase and optimised by it"),
            );
            let d = match self.frozen_at(&path) {
                Some(at) => d.origin(Role::Previous, at, "it is frozen here"),
                None => d,
            };
            self.report(d.help("`rest` stands for what is neither frozen nor named by an earlier line"));
        }
        free
    }
}
