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
    pub(super) fn selected(&mut self, selectors: &'a [Selector], lines: &Lines) -> Vec<(u32, Span)> {
        let mut out: Vec<(u32, Span)> = vec![];
        for selector in selectors {
            let head = match selector.steps.first() {
                Some(SelectorStep::Name(name)) => Some(name),
                _ => None,
            };
            let model = head.and_then(|n| self.items.lookup(self.items.main, &n.text));
            if let Some(Item::Def(def)) = model {
                self.usage.mark(def.name.span);
            }
            let rest = matches!(selector.steps.as_slice(), [SelectorStep::Name(n)] if n.text == "rest");
            let mut found = false;
            for (number, state) in self.states.iter().enumerate() {
                if state.role != StateRole::Parameter {
                    continue;
                }
                let number = number as u32;
                let taken = if rest {
                    !lines.optimized.iter().any(|(n, _)| *n == number)
                } else {
                    matches(&selector.steps, &state.path)
                };
                if taken {
                    found = true;
                    if !out.iter().any(|(n, _)| *n == number) {
                        out.push((number, selector.span));
                    }
                }
            }
            // After an error a model may lack parameters; a name that means nothing is wrong all the same.
            let nothing = head.is_some() && model.is_none() && !rest;
            if !found && (nothing || !self.tainted()) {
                let d = Diagnostic::error(codes::EMPTY_SELECTION, selector.span, "this selects no parameter");
                let parameters = self.states.iter().filter(|s| s.role == StateRole::Parameter);
                let mut known: Vec<&str> = parameters.map(|s| s.path.as_str()).collect();
                let total = known.len();
                known.truncate(8);
                let d = match (&selector.steps[..], total) {
                    (_, 0) => d.note("the block applies no model that has parameters"),
                    ([SelectorStep::Name(name), ..], _) => {
                        let heads: Vec<&str> = known.iter().filter_map(|p| p.split('.').next()).collect();
                        super::suggest::suggest(d, name, heads.into_iter())
                            .note(format!("parameters: {}", known.join(", ")))
                    }
                    _ => d.note(format!("parameters: {}", known.join(", "))),
                };
                self.report(d);
            }
        }
        out.sort_unstable();
        out
    }

    /// Those that the condition of the line holds for.
    pub(super) fn filtered(&mut self, selected: Vec<(u32, Span)>, condition: Option<&'a Expr>) -> Vec<(u32, Span)> {
        let Some(condition) = condition else { return selected };
        let mut out = vec![];
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
        out
    }

    /// In a phase each parameter is in exactly one line.
    pub(super) fn check_coverage(&mut self, lines: &Lines, block: Span) {
        if self.has_errors() {
            return;
        }
        let missed: Vec<String> = self
            .states
            .iter()
            .enumerate()
            .filter(|(n, s)| s.role == StateRole::Parameter && !lines.optimized.iter().any(|(o, _)| *o as usize == *n))
            .map(|(_, s)| s.path.clone())
            .collect();
        if missed.is_empty() {
            return;
        }
        let shown: Vec<String> = missed.iter().take(5).map(|p| format!("`{p}`")).collect();
        let d = Diagnostic::error(
            codes::UNOPTIMIZED,
            block,
            format!(
                "{} parameter{} neither optimised nor frozen",
                missed.len(),
                if missed.len() == 1 { " is" } else { "s are" }
            ),
        )
        .note(format!("{}{}", shown.join(", "), if missed.len() > 5 { ", …" } else { "" }))
        .help("add `optimize … with …`; `rest` stands for all that no other line names");
        self.report(d);
    }

    /// Whether some error may have kept parameters from being made.
    fn tainted(&self) -> bool {
        let of_lines = [codes::EMPTY_SELECTION, codes::OPTIMIZED_TWICE, codes::NO_GRADIENT];
        self.sink.list.iter().any(|d| d.is_error() && !of_lines.contains(&d.code))
    }

    /// Whether the program is refused already.
    pub(super) fn has_errors(&self) -> bool {
        self.sink.list.iter().any(Diagnostic::is_error)
    }
}

/// Whether a path lies in what a selector names: its steps match the path's first steps.
fn matches(steps: &[SelectorStep], path: &str) -> bool {
    let parts: Vec<&str> = path.split('.').collect();
    prefix(steps, &parts)
}

fn prefix(steps: &[SelectorStep], parts: &[&str]) -> bool {
    match (steps, parts) {
        ([], _) => true,
        ([SelectorStep::Deep, rest @ ..], _) => (0..=parts.len()).any(|i| prefix(rest, &parts[i..])),
        (_, []) => false,
        ([SelectorStep::Any, rest @ ..], [_, tail @ ..]) => prefix(rest, tail),
        ([SelectorStep::Name(n), rest @ ..], [part, tail @ ..]) => {
            let kind = part.split('[').next().unwrap_or(part);
            (n.text == *part || n.text == kind) && prefix(rest, tail)
        }
        ([SelectorStep::Turn(n, turns), rest @ ..], [part, tail @ ..]) => {
            // The turns of the outer loops: those of loops inside may follow.
            let of_kind = part.strip_prefix(n.text.as_str());
            let turns: String = turns.iter().map(|turn| format!("[{turn}]")).collect();
            of_kind.is_some_and(|of_part| of_part.starts_with(&turns)) && prefix(rest, tail)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;
    use nnc_grammar::ast::{Name, SelectorStep};
    use nnc_grammar::span::{SourceId, Span};

    #[test]
    fn selectors_match_leading_steps() {
        let name = |t: &str| SelectorStep::Name(Name { text: t.into(), span: Span::new(SourceId(0), 0, 0) });
        assert!(matches(&[name("Mlp")], "Mlp.dense.w"));
        assert!(matches(&[name("Mlp"), SelectorStep::Any, name("b")], "Mlp.dense_2.b"));
        assert!(matches(&[SelectorStep::Deep, name("b")], "Net.block[1].dense.b"));
        assert!(!matches(&[name("Mlp"), name("dense")], "Mlp.dense_2.w"));
        assert!(!matches(&[name("Mlp"), SelectorStep::Any, SelectorStep::Any, name("w")], "Mlp.dense.w"));
        let turn = |t: &str, turns: &[u32]| match name(t) {
            SelectorStep::Name(name) => SelectorStep::Turn(name, turns.to_vec()),
            other => other,
        };
        assert!(matches(&[name("Net"), turn("f", &[1])], "Net.f[1][0].w"));
        assert!(matches(&[name("Net"), turn("f", &[1, 0]), name("w")], "Net.f[1][0].w"));
        assert!(!matches(&[name("Net"), turn("f", &[1])], "Net.f[11].w"));
        assert!(!matches(&[name("Net"), turn("f", &[1])], "Net.f_2[1].w"));
    }
}
