//! Which bracket closes which. Brackets are matched as written; only where that leaves one open is the indentation
//! consulted, so no layout can change how a correct text is read. An item that begins inside an open bracket ends it.

use super::MAX_DEPTH;
use super::words::{begins_item, begins_statement};
use crate::codes;
use crate::diagnostic::{Diagnostic, Role, Safety};
use crate::lex::{Fault, Kind, Lexed};
use crate::span::Span;

/// What belongs to a bracket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Partner {
    /// The token is no bracket.
    None,
    /// The other bracket.
    At(usize),
    /// An opener without closer: the token before which it was probably meant to end.
    Ends(usize),
    /// A closer without opener.
    Stray,
}

/// The brackets of a text.
#[derive(Debug)]
pub(crate) struct Brackets {
    /// The partner of each token.
    pub(crate) partner: Vec<Partner>,
    /// Unclosed and stray brackets.
    pub(crate) faults: Vec<Fault>,
    /// The first bracket of each group that nests too deeply.
    pub(crate) deep: Vec<usize>,
}

impl Brackets {
    /// Where the content of an opener ends, and where the text after it begins.
    pub(crate) fn content(&self, open: usize) -> (usize, usize) {
        match self.partner.get(open) {
            Some(Partner::At(close)) => (*close, close + 1),
            Some(Partner::Ends(end)) => (*end, *end),
            _ => (open + 1, open + 1),
        }
    }
}

/// Matches the brackets of a text.
pub(crate) fn match_brackets(lexed: &Lexed<'_>) -> Brackets {
    let count = lexed.tokens.len();
    let empty = Brackets { partner: vec![Partner::None; count], faults: vec![], deep: vec![] };
    let mut matcher = Matcher { lexed, out: empty };
    let mut at = 0;
    while at < count {
        match lexed.kind(at) {
            Kind::Open => at = matcher.group(at),
            Kind::Close => {
                matcher.stray(at);
                at += 1;
            }
            _ => at += 1,
        }
    }
    matcher.out
}

struct Matcher<'a, 's> {
    lexed: &'a Lexed<'s>,
    out: Brackets,
}

fn closes(open: &str, close: &str) -> bool {
    matches!((open, close), ("(", ")") | ("[", "]") | ("{", "}"))
}

/// Whether a token at the head of a line goes on with the line before: after a mark, an operator or an opener.
fn joined(lexed: &Lexed<'_>, at: usize) -> bool {
    let before = at.saturating_sub(1);
    matches!(lexed.kind(before), Kind::Symbol | Kind::Open) || matches!(lexed.word(before), "and" | "or" | "not")
}

impl Matcher<'_, '_> {
    /// Matches what stands inside one outermost opener; returns the token after it.
    fn group(&mut self, open: usize) -> usize {
        let before = self.out.faults.len();
        let (end, closed, deep) = self.pass(open, self.lexed.tokens.len(), false);
        let mut after = end;
        if !closed {
            self.out.faults.truncate(before);
            self.out.partner[open..end].fill(Partner::None);
            after = self.pass(open, end, true).0;
        }
        if let Some(deep) = deep {
            self.out.faults.truncate(before);
            self.out.deep.push(deep);
        }
        after
    }

    /// One walk over a group: where it ended, whether nothing was left open, and the first bracket too deep.
    fn pass(&mut self, open: usize, limit: usize, by_indent: bool) -> (usize, bool, Option<usize>) {
        let lexed = self.lexed;
        let base = lexed.indent(open);
        let mut stack: Vec<usize> = vec![];
        let mut deep = None;
        let mut at = open;
        while at < limit {
            match lexed.kind(at) {
                Kind::Open => {
                    stack.push(at);
                    if stack.len() > MAX_DEPTH {
                        deep = deep.or(Some(at));
                    }
                }
                Kind::Close => {
                    if by_indent {
                        self.drop_by_indent(&mut stack, at);
                    }
                    let word = lexed.word(at);
                    match stack.iter().rposition(|&o| closes(lexed.word(o), word)) {
                        Some(found) => {
                            while stack.len() > found + 1 {
                                self.unclosed(&mut stack, at, by_indent);
                            }
                            let opener = stack.pop().unwrap_or(at);
                            self.out.partner[opener] = Partner::At(at);
                            self.out.partner[at] = Partner::At(opener);
                        }
                        None => self.stray(at),
                    }
                    if stack.is_empty() {
                        return (at + 1, true, deep);
                    }
                }
                _ if !lexed.tokens[at].first => {}
                _ if lexed.indent(at) <= base && begins_item(lexed, at) => break,
                // A statement cannot begin inside a list, so the list before it is open by mistake.
                _ if begins_statement(lexed, at) && !joined(lexed, at) => {
                    while stack.last().is_some_and(|&o| !lexed.is(o, "{")) {
                        self.unclosed(&mut stack, at, by_indent);
                    }
                    if stack.is_empty() {
                        return (at, true, deep);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        let closed = stack.is_empty();
        while !stack.is_empty() {
            self.unclosed(&mut stack, at, by_indent);
        }
        (at, closed, deep)
    }

    /// A `}` that begins its line closes the block whose line has its column, and what is deeper is unclosed.
    fn drop_by_indent(&mut self, stack: &mut Vec<usize>, close: usize) {
        let lexed = self.lexed;
        if !lexed.is(close, "}") || !lexed.tokens[close].first {
            return;
        }
        let column = lexed.indent(close);
        let Some(found) = stack.iter().rposition(|&o| lexed.is(o, "{") && lexed.indent(o) == column) else { return };
        while stack.len() > found + 1 {
            self.unclosed(stack, close, true);
        }
    }

    /// Takes the innermost opener off the stack as unclosed; its content lies before `limit`.
    fn unclosed(&mut self, stack: &mut Vec<usize>, limit: usize, by_indent: bool) {
        let depth = stack.len();
        let Some(open) = stack.pop() else { return };
        let lexed = self.lexed;
        let block = lexed.is(open, "{");
        let end = if depth > MAX_DEPTH {
            limit
        } else if block {
            self.block_end(open, limit, depth == 1)
        } else {
            self.list_end(open, limit)
        };
        self.out.partner[open] = Partner::Ends(end);
        let closer = match lexed.word(open) {
            "(" => ")",
            "[" => "]",
            _ => "}",
        };
        let last = lexed.span(end.saturating_sub(1).max(open));
        let insert = Span { start: last.end, ..last };
        let text = if block { format!("\n{}}}", " ".repeat(lexed.indent(open))) } else { closer.to_owned() };
        let safety = if by_indent && end < lexed.tokens.len() { Safety::Safe } else { Safety::ChangesMeaning };
        let word = lexed.word(open);
        let headline = format!("`{word}` is never closed");
        let mut diagnostic = Diagnostic::error(codes::UNCLOSED, lexed.span(open), headline).label("opened here");
        if end < lexed.tokens.len() {
            let what =
                if begins_item(lexed, end) { "the next item begins here, still inside it" } else { "still open here" };
            diagnostic = diagnostic.origin(Role::Declaration, lexed.span(end), what);
        }
        let diagnostic = diagnostic.replace(format!("close it with `{closer}`"), insert, text, safety);
        self.out.faults.push(Fault { token: open, diagnostic });
    }

    /// Where an unclosed block was meant to end: before the first line that is indented no deeper than its head, if
    /// its own lines are deeper. An outermost block goes on to the next item.
    fn block_end(&self, open: usize, limit: usize, outermost: bool) -> usize {
        let lexed = self.lexed;
        let indent = lexed.indent(open);
        let indented = open + 1 < limit && lexed.tokens[open + 1].first && lexed.indent(open + 1) > indent;
        if outermost || !indented {
            return limit;
        }
        self.tops(open, limit).find(|&at| lexed.tokens[at].first && lexed.indent(at) <= indent).unwrap_or(limit)
    }

    /// Where an unclosed list was meant to end: at the line that cannot belong to it because no comma or operator joins
    /// it to the line before, or because it stands no deeper than the statement and begins one.
    fn list_end(&self, open: usize, limit: usize) -> usize {
        let lexed = self.lexed;
        let indent = lexed.indent(open);
        self.tops(open, limit)
            .filter(|&at| lexed.tokens[at].first && lexed.kind(at) == Kind::Word)
            .find(|&at| {
                !joined(lexed, at) && !matches!(lexed.word(at), "and" | "or" | "else")
                    || (begins_statement(lexed, at) && lexed.indent(at) <= indent)
            })
            .unwrap_or(limit)
    }

    /// The tokens inside an opener that stand in no bracket of their own.
    fn tops(&self, open: usize, limit: usize) -> impl Iterator<Item = usize> + '_ {
        let mut at = open + 1;
        std::iter::from_fn(move || {
            if at >= limit {
                return None;
            }
            let here = at;
            at = match self.out.partner[here] {
                Partner::At(close) if close > here => close + 1,
                Partner::Ends(end) => end.max(here + 1),
                _ => here + 1,
            };
            Some(here)
        })
    }

    fn stray(&mut self, at: usize) {
        self.out.partner[at] = Partner::Stray;
        let span = self.lexed.span(at);
        let headline = format!("`{}` closes nothing", self.lexed.word(at));
        let diagnostic = Diagnostic::error(codes::STRAY_CLOSER, span, headline).replace(
            "remove it",
            span,
            "",
            Safety::ChangesMeaning,
        );
        self.out.faults.push(Fault { token: at, diagnostic });
    }
}
