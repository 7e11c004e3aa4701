//! What a refusal of the strict parser means. It tells only where it stopped and which rules could have gone on; the tokens
//! there tell what was probably meant. The cases are tried in order, the most certain first; the last one says what was
//! expected.

mod heads;
mod marks;
mod values;

use super::Goal;
use super::grammar::{Called, Failure, Rule, called};
use crate::ast::{BinaryOp, Expr, ExprKind};
use crate::codes;
use crate::diagnostic::{Diagnostic, Safety};
use crate::layout::fragment::Fragment;
use crate::layout::outline::Chunk;
use crate::layout::words::{ITEMS, STATEMENTS};
use crate::lex::{Kind, Lexed};
use crate::span::Span;

/// How many alternatives "expected …" lists.
const MAX_LISTED: usize = 4;

/// A place where the strict parser stopped.
struct Scene<'a, 's> {
    lexed: &'a Lexed<'s>,
    goal: Goal,
    /// The tokens of the chunk outside its blocks.
    own: Vec<usize>,
    /// Position among them of the token refused; past the last at the end.
    at: usize,
    expected: &'a [Rule],
}

/// The report for a chunk that the strict parser refused, and whether the block that it needs is missing.
pub(super) fn explain(
    lexed: &Lexed<'_>,
    chunk: &Chunk,
    fragment: &Fragment,
    failure: &Failure,
    goal: Goal,
) -> (Diagnostic, bool) {
    let own: Vec<usize> = chunk.own().collect();
    let token = fragment.token(failure.at);
    let at = token.and_then(|t| own.iter().position(|&o| o == t)).unwrap_or(own.len());
    let scene = Scene { lexed, goal, own, at, expected: &failure.expected };
    let cases = [
        heads::keywords,
        heads::blocks,
        marks::mixed_up,
        values::missing,
        values::forms,
        marks::missing,
        values::pipes,
        heads::declarations,
        heads::definitions,
        heads::lines,
    ];
    let diagnostic = cases.iter().find_map(|case| case(&scene)).unwrap_or_else(|| scene.expectation());
    let block_missing = scene.at == scene.own.len() && scene.expects(Rule::block, Rule::lbrace);
    (diagnostic, block_missing)
}

impl Scene<'_, '_> {
    /// The token `back` places before the one refused.
    fn before(&self, back: usize) -> Option<usize> {
        self.at.checked_sub(back).and_then(|at| self.own.get(at)).copied()
    }

    /// The token refused.
    fn here(&self) -> Option<usize> {
        self.own.get(self.at).copied()
    }

    fn word(&self, token: Option<usize>) -> &str {
        token.map_or("", |t| self.lexed.word(t))
    }

    fn kind(&self, token: Option<usize>) -> Kind {
        token.map_or(Kind::Separator, |t| self.lexed.kind(t))
    }

    /// The place of the token refused, or of the last token.
    fn span(&self) -> Span {
        let token = self.here().or_else(|| self.own.last().copied());
        token.map_or_else(|| self.lexed.last_visible(), |t| self.lexed.span(t))
    }

    fn expects(&self, one: Rule, other: Rule) -> bool {
        self.expected.contains(&one) || self.expected.contains(&other)
    }

    fn expects_thing(&self, name: &str) -> bool {
        self.expected.iter().any(|&r| matches!(called(r), Called::Thing(thing) if thing == name))
    }

    /// The positions of the brackets open at the token refused, the innermost last.
    fn open(&self) -> Vec<usize> {
        let mut open = vec![];
        for (at, &token) in self.own.iter().enumerate().take(self.at) {
            match self.lexed.kind(token) {
                Kind::Open => open.push(at),
                Kind::Close => drop(open.pop()),
                _ => {}
            }
        }
        open
    }

    /// The innermost bracket open at the token refused.
    fn bracket(&self) -> &str {
        self.word(self.open().last().and_then(|&at| self.own.get(at)).copied())
    }

    /// Whether a token ends a value.
    fn ends_value(&self, token: Option<usize>) -> bool {
        match self.kind(token) {
            Kind::Word => !matches!(self.word(token), "and" | "or" | "not" | "if" | "else"),
            Kind::Number | Kind::Str | Kind::Close => true,
            _ => false,
        }
    }

    /// A place for what is missing before the token refused: the gap if it is on one line, else the last character
    /// before it. And the empty place where it would be inserted.
    fn gap(&self) -> (Span, Span) {
        let before = self.before(1).map_or_else(|| self.span(), |t| self.lexed.span(t));
        let insert = Span { start: before.end, ..before };
        let next = self.span();
        let between = Span { start: before.end, end: next.start.max(before.end), ..before };
        let text = &self.lexed.text[between.start as usize..between.end as usize];
        if !text.is_empty() && !text.contains('\n') {
            return (between, insert);
        }
        let written = &self.lexed.text[before.start as usize..before.end as usize];
        let last = written.chars().next_back().map_or(0, char::len_utf8) as u32;
        (Span { start: before.end - last, ..before }, insert)
    }

    fn error(&self, span: Span, headline: impl Into<String>) -> Diagnostic {
        Diagnostic::error(codes::SYNTAX, span, headline)
    }

    /// The names of what was expected, without repetitions.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = vec![];
        for &rule in self.expected {
            let name = match called(rule) {
                Called::Token(token) => format!("`{token}`"),
                Called::Thing(thing) => thing.to_owned(),
                Called::Nothing => continue,
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.iter().any(|n| n == "an operator") {
            // A call or an index could follow every value.
            names.retain(|n| n != "`(`" && n != "`[`");
        }
        names
    }

    /// Whether the token before begins an item or a statement.
    fn after_keyword(&self) -> bool {
        let word = self.word(self.before(1));
        if self.goal == Goal::Item { ITEMS.contains(&word) } else { STATEMENTS.contains(&word) }
    }

    /// What was expected.
    fn expectation(&self) -> Diagnostic {
        let mut names = self.names();
        let keyword = self.at == 1 && self.after_keyword();
        if keyword {
            // The word could also be a name, of which nobody thinks who wrote it at the head of a line.
            let of_a_name = |n: &String| matches!(n.as_str(), "`=`" | "`:`" | "`,`" | "`(`" | "`[`" | "`|>`" | "`..`");
            names.retain(|n| !of_a_name(n) && n != "the end of the statement" && n != "an operator" && n != "`as`");
        }
        let complete = self.expects_thing("the end of the statement") && (!keyword || names.is_empty());
        let found = match self.here() {
            Some(token) => format!("`{}`", self.lexed.word(token)),
            None => return self.too_early(names),
        };
        if complete && self.at > 0 {
            let before = self.word(self.before(1));
            let headline = format!("{found} cannot follow `{before}` here");
            return self.error(self.span(), headline).label("the statement is complete before this");
        }
        names.truncate(MAX_LISTED);
        let headline = match list(&names) {
            Some(list) => format!("expected {list}, found {found}"),
            None => format!("{found} cannot stand here"),
        };
        self.error(self.span(), headline)
    }

    fn too_early(&self, mut names: Vec<String>) -> Diagnostic {
        names.truncate(MAX_LISTED);
        let last = self.word(self.own.last().copied());
        let headline = match list(&names) {
            Some(list) => format!("expected {list} after `{last}`"),
            None => format!("something is missing after `{last}`"),
        };
        self.error(self.span(), headline).label("the statement ends here")
    }
}

/// `a, b or c`.
fn list(names: &[String]) -> Option<String> {
    let (last, rest) = names.split_last()?;
    Some(if rest.is_empty() { last.clone() } else { format!("{} or {last}", rest.join(", ")) })
}

/// The report for an expression whose value goes nowhere.
pub(super) fn unused_value(lexed: &Lexed<'_>, chunk: &Chunk, value: &Expr) -> Diagnostic {
    if let ExprKind::Binary(BinaryOp::Eq, left, _) = &value.kind
        && matches!(left.kind, ExprKind::Name(_))
        && lexed.is(chunk.start + 1, "==")
    {
        let at = lexed.span(chunk.start + 1);
        let diagnostic = Diagnostic::error(codes::SYNTAX, at, "`==` compares, and nothing uses the result");
        return diagnostic.replace("bind the name with `=`", at, "=", Safety::Safe);
    }
    if let ExprKind::Name(name) = &value.kind
        && STATEMENTS.contains(&name.as_str())
    {
        let headline = format!("`{name}` begins a statement, and nothing follows it");
        return Diagnostic::error(codes::SYNTAX, value.span, headline).help("complete the statement, or remove it");
    }
    let headline = "a value that nothing uses: only the last statement of a block may be a bare expression";
    Diagnostic::error(codes::SYNTAX, value.span, headline).help("bind it to a name, or remove it")
}
