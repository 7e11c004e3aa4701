//! Pest's pairs to the tree. The strict parser has accepted the text, so the shapes of the pairs are known; what only the
//! tree can tell (a chain of comparisons, a turn that is no integer) is reported from here.

mod exprs;
mod items;
mod ops;
mod stmts;
mod types;

use super::grammar::{Rule, is_mark};
use crate::ast;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::layout::fragment::Fragment;
use crate::span::Span;
use pest::iterators::Pair;
use std::collections::HashMap;

/// Builds the tree of one fragment.
pub(super) struct Builder<'a> {
    /// The text read.
    pub(super) fragment: &'a Fragment,
    /// The blocks cut out of it, by the offset of their `{` in the source.
    pub(super) blocks: HashMap<u32, ast::Block>,
    /// Whether the statement stands in a `train` block, where `loss = e` is a loss.
    pub(super) train: bool,
    /// What was found wrong.
    pub(super) errors: Vec<Diagnostic>,
}

/// The parts of a pair that the tree holds.
fn parts(pair: Pair<'_, Rule>) -> impl Iterator<Item = Pair<'_, Rule>> {
    pair.into_inner().filter(|p| !is_mark(p.as_rule()))
}

impl Builder<'_> {
    fn span(&self, pair: &Pair<'_, Rule>) -> Span {
        let span = pair.as_span();
        self.fragment.span(span.start(), span.start() + pair.as_str().trim_end().len())
    }

    fn name(&self, pair: &Pair<'_, Rule>) -> ast::Name {
        ast::Name { text: pair.as_str().trim_end().to_owned(), span: self.span(pair) }
    }

    /// The name in the first part of a pair.
    fn inner_name(&self, pair: Pair<'_, Rule>) -> ast::Name {
        let whole = self.name(&pair);
        parts(pair).next().map_or(whole, |p| self.name(&p))
    }

    fn names(&self, pair: Pair<'_, Rule>) -> Vec<ast::Name> {
        parts(pair).map(|p| self.name(&p)).collect()
    }

    /// The block that a `{ }` of the fragment stands for.
    fn block(&mut self, pair: &Pair<'_, Rule>) -> ast::Block {
        let span = self.span(pair);
        self.blocks.remove(&span.start).unwrap_or(ast::Block { stmts: vec![], span })
    }

    /// A number that must be a small whole one.
    fn whole(&mut self, pair: &Pair<'_, Rule>, what: &str) -> u32 {
        let digits: String = pair.as_str().chars().filter(|&c| c != '_').collect();
        digits.parse().unwrap_or_else(|_| {
            let headline = format!("{what} is a whole number, not `{}`", pair.as_str());
            self.errors.push(Diagnostic::error(codes::NOT_WHOLE, self.span(pair), headline));
            0
        })
    }
}

/// Takes the next part if it is of a rule.
fn take<'i>(
    parts: &mut std::iter::Peekable<impl Iterator<Item = Pair<'i, Rule>>>,
    rule: Rule,
) -> Option<Pair<'i, Rule>> {
    parts.next_if(|p| p.as_rule() == rule)
}

/// An expression for a part that the grammar promises and a pair does not have; never reached for accepted text.
fn absent(span: Span) -> ast::Expr {
    ast::Expr { kind: ast::ExprKind::Invalid, span }
}
