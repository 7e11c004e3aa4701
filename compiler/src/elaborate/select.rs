//! Which parameters an optimize line selects, and whether the lines of a block cover all.

use super::Elab;
use super::items::Item;
use super::num::Num;
use super::train::Lines;
use super::value::Value;
use crate::program::Role as StateRole;
use nnc_grammar::ast::{Expr, Selector, SelectorStep};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;

impl<'a> Elab<'a> {
    /// The parameters that selectors name, in order of declaration.
    pub(super) fn selected(&mut self, selectors: &'a [Selector], lines: &Lines<'a>) -> Vec<(u32, Span)> {
        let mut out: Vec<(u32, Span)> = vec![];
        for selector in selectors {
            let head = match selector.steps.first() {
                Some(SelectorStep::Name(name)) => Some(name),
                _ => None,
            };
            let model = self.mark_model(selector);
            let rest = matches!(selector.steps.as_slice(), [SelectorStep::Name(n)] if n.text == "rest");
            let selection = self.selection(selector);
            let mut taken = vec![];
            for (number, state) in self.states.iter().enumerate() {
                let number = number as u32;
                let named = if rest {
                    !lines.optimized.iter().any(|(n, _)| *n == number)
                } else {
                    selection.takes(&state.path)
                };
                if named && state.role == StateRole::Parameter {
                    taken.push(number);
                }
            }
            let found = !taken.is_empty();
            let free = self.without_frozen(selector, rest, taken);
            if rest && found && free.is_empty() {
                self.nothing_free(selector.span, "this selects no parameter");
            }
            for number in free {
                if !out.iter().any(|(n, _)| *n == number) {
                    out.push((number, selector.span));
                }
            }
            // After an error a model may lack parameters; a name that means nothing is wrong all the same.
            let nothing = head.is_some() && model.is_none() && !rest;
            if !found && (nothing || !self.tainted()) {
                self.nothing_selected(selector, "this selects no parameter");
            }
        }
        out.sort_unstable();
        out
    }

    /// The item that a selector begins with, which is used by that.
    pub(super) fn mark_model(&mut self, selector: &Selector) -> Option<Item<'a>> {
        let Some(SelectorStep::Name(head)) = selector.steps.first() else { return None };
        let item = self.items.lookup(self.items.main, &head.text);
        if let Some(Item::Def(def)) = item {
            self.usage.mark(def.name.span);
        }
        item
    }

    /// Reports a selector that matches nothing.
    pub(super) fn nothing_selected(&mut self, selector: &Selector, headline: &str) {
        let d = Diagnostic::error(codes::EMPTY_SELECTION, selector.span, headline);
        let parameters = self.states.iter().filter(|s| s.role == StateRole::Parameter);
        let known: Vec<&str> = parameters.map(|s| s.path.as_str()).collect();
        let shown = known[..known.len().min(8)].join(", ");
        let more = if known.len() > 8 { ", …" } else { "" };
        let listed = format!("parameters: {shown}{more}");
        let d = match super::selection::lost(&selector.steps, &known) {
            _ if known.is_empty() => d.note("the block applies no model that has parameters"),
            Some((step, kinds)) => {
                let kinds: Vec<&str> = kinds.into_iter().collect();
                let d = super::suggest::suggest(d, step, kinds.iter().copied());
                match selector.steps.as_slice() {
                    [_] => d.note(listed),
                    _ => d.note(format!("in the place of `{}` there is: {}", step.text, kinds.join(", "))),
                }
            }
            None => d.note(listed),
        };
        self.report(d);
    }

    /// Those that the condition of the line holds for.
    pub(super) fn filtered(&mut self, selected: Vec<(u32, Span)>, condition: Option<&'a Expr>) -> Vec<(u32, Span)> {
        let Some(condition) = condition else { return selected };
        let mut out = vec![];
        let before = selected.len();
        for (number, at) in selected {
            let rank = self.states[number as usize].ty.rank();
            self.bind_given("rank", Value::Num(Num::int(rank as i64)), condition.span);
            let value = self.expr(condition);
            self.frame().locals.remove("rank");
            match value {
                Value::Bool(true) => out.push((number, at)),
                Value::Bool(false) => {}
                other => {
                    self.wrong_kind(&other, condition.span, "a condition on `rank`");
                    return vec![];
                }
            }
        }
        if out.is_empty() && before > 0 {
            let headline = "the condition holds for no parameter of this line";
            let d = Diagnostic::error(codes::EMPTY_SELECTION, condition.span, headline);
            self.report(
                d.note("`rank` is the number of axes of a parameter: 1 of a bias, 2 of the weights of `Dense`"),
            );
        }
        out
    }

    /// Each parameter is in a line of some phase.
    pub(super) fn check_coverage(&mut self, lines: &Lines<'a>, block: Span) {
        if self.has_errors() {
            return;
        }
        let covered = |n: u32| lines.optimized.iter().any(|(o, _)| *o == n) || lines.covered.contains(&n);
        if let Some(d) = self.missed(block, |n| !covered(n), "neither optimised nor frozen") {
            self.report(d.help("add `optimize … with …`; `rest` stands for all that no other line names"));
        }
    }

    /// Each parameter that evaluation uses is used in training, too: no line can optimise it otherwise. `trained` is how many states
    /// the training steps have made.
    pub(super) fn check_evaluation(&mut self, trained: usize, block: Span) {
        if self.has_errors() {
            return;
        }
        if let Some(d) =
            self.missed(block, |n| n as usize >= trained, "used in evaluation alone, and trained by nothing")
        {
            self.report(
                d.help("apply their layer in training, too; values that nothing trains are declared by `state`"),
            );
        }
    }

    /// A report of the parameters that something holds for.
    fn missed(&self, block: Span, of: impl Fn(u32) -> bool, what: &str) -> Option<Diagnostic> {
        let parameters = self.states.iter().enumerate().filter(|(_, s)| s.role == StateRole::Parameter);
        let missed: Vec<String> =
            parameters.filter(|(n, _)| of(*n as u32)).map(|(_, s)| format!("`{}`", s.path)).collect();
        let number = match missed.len() {
            0 => return None,
            1 => "1 parameter is".into(),
            n => format!("{n} parameters are"),
        };
        let more = if missed.len() > 5 { ", …" } else { "" };
        let d = Diagnostic::error(codes::UNOPTIMIZED, block, format!("{number} {what}"));
        Some(d.note(missed[..missed.len().min(5)].join(", ") + more))
    }

    /// Whether some error may have kept parameters from being made.
    pub(super) fn tainted(&self) -> bool {
        let of_lines = [codes::EMPTY_SELECTION, codes::OPTIMIZED_TWICE, codes::NO_GRADIENT, codes::DUPLICATE_SETTING];
        self.sink.list.iter().any(|d| d.is_error() && !of_lines.contains(&d.code))
    }

    /// Whether the program is refused already.
    pub(super) fn has_errors(&self) -> bool {
        self.sink.list.iter().any(Diagnostic::is_error)
    }
}
