//! The words that begin items and statements, and what is near them.

use crate::lex::{Kind, Lexed};

/// Words that begin items.
pub(crate) const ITEMS: &[&str] = &[
    "use",
    "option",
    "data",
    "fn",
    "layer",
    "model",
    "loss",
    "metric",
    "optimizer",
    "schedule",
    "initializer",
    "train",
    "predict",
];

/// Words that begin statements and are followed by a name.
pub(crate) const STATEMENTS: &[&str] = &[
    "param", "state", "var", "update", "loss", "metric", "optimize", "freeze", "keep", "stop", "init", "fit", "every",
    "assert", "yield", "name",
];

/// Words that begin expressions.
pub(crate) const EXPRESSIONS: &[&str] = &["if", "scan", "repeat", "rearrange", "fresh"];

/// Words that join expressions or begin them, which no name may be; as in the grammar.
pub(crate) const RESERVED: &[&str] =
    &["true", "false", "and", "or", "not", "if", "else", "scan", "repeat", "rearrange", "fresh", "new"];

/// Words that go on after a value.
const JOINTS: &[&str] = &["as", "with", "on", "in", "over", "from"];

/// Those that begin no statement when a name follows, in this language or another: such a line belongs to the one before.
const TAILS: &[&str] = &["as", "with", "on"];

/// The word of `among` that was probably meant: a third of its letters may be wrong, and no other word is as near.
pub(crate) fn nearest<'w>(word: &str, among: &[&'w str]) -> Option<&'w str> {
    if word.len() > 24 {
        return None;
    }
    let lower = word.to_lowercase();
    let mut near: Vec<(usize, &str)> = among.iter().map(|w| (strsim::osa_distance(&lower, w), *w)).collect();
    near.sort_unstable();
    let &(best, found) = near.first()?;
    let unique = near.get(1).is_none_or(|&(next, _)| next > best);
    (best <= found.len().div_ceil(3).min(2) && unique && word.len() > 2).then_some(found)
}

/// Whether an item begins at a token: a keyword and what only an item has after it. `metric f(x)` is a statement
/// unless a body or a second list follows.
pub(crate) fn begins_item(lexed: &Lexed<'_>, at: usize) -> bool {
    if lexed.kind(at) != Kind::Word {
        return false;
    }
    let next_word = lexed.kind(at + 1) == Kind::Word;
    let opens = |i: usize| lexed.is(i, "(") || lexed.is(i, "{");
    match lexed.word(at) {
        "use" => lexed.kind(at + 1) == Kind::Str,
        "option" => next_word && lexed.is(at + 2, "="),
        "data" => next_word && lexed.is(at + 2, "{"),
        "fn" | "layer" | "model" | "optimizer" | "schedule" | "initializer" => next_word,
        "loss" => next_word && lexed.is(at + 2, "("),
        "metric" => next_word && lexed.is(at + 2, "(") && body_follows(lexed, at + 2),
        "train" => next_word || lexed.is(at + 1, "{"),
        "predict" => next_word && (opens(at + 2) || lexed.kind(at + 2) == Kind::Word) || lexed.is(at + 1, "{"),
        word => {
            next_word && opens(at + 2) && !RESERVED.contains(&word) && {
                let joint = JOINTS.contains(&lexed.word(at + 1)) || RESERVED.contains(&lexed.word(at + 1));
                !joint
                    && !STATEMENTS.contains(&word)
                    && nearest(word, ITEMS).is_some()
                    && nearest(word, STATEMENTS).is_none()
            }
        }
    }
}

/// Whether the list that opens at a token is followed by a second list, a result or a body.
fn body_follows(lexed: &Lexed<'_>, open: usize) -> bool {
    let mut depth = 0_usize;
    let limit = (open + 400).min(lexed.tokens.len());
    for at in open..limit {
        match lexed.kind(at) {
            Kind::Open => depth += 1,
            Kind::Close if depth <= 1 => {
                return lexed.is(at + 1, "{") || lexed.is(at + 1, "(") || lexed.is(at + 1, "->");
            }
            Kind::Close => depth -= 1,
            _ => {}
        }
    }
    false
}

/// Whether a statement surely begins at a token, whatever stands before it: a name and `=`, or a keyword and a name.
pub(crate) fn begins_statement(lexed: &Lexed<'_>, at: usize) -> bool {
    if lexed.kind(at) != Kind::Word || RESERVED.contains(&lexed.word(at)) {
        return false;
    }
    lexed.is(at + 1, "=")
        || (STATEMENTS.contains(&lexed.word(at))
            && lexed.kind(at + 1) == Kind::Word
            && !JOINTS.contains(&lexed.word(at + 1))
            && !RESERVED.contains(&lexed.word(at + 1))
            && lexed.word(at + 1) != "steps")
}

/// Whether an operator stands at a token that takes a value on both sides. The `*` of a path, after a point, is none.
fn is_operator(lexed: &Lexed<'_>, at: usize) -> bool {
    match lexed.kind(at) {
        Kind::Symbol => match lexed.word(at) {
            "*" => !(at > 0 && lexed.is(at - 1, ".")),
            "|>" | "+" | "-" | "/" | "%" | "@" | "^" | "^ 2" | "^ 3" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "|" => {
                true
            }
            word => word == "and" || word == "or",
        },
        Kind::Word => matches!(lexed.word(at), "and" | "or"),
        _ => false,
    }
}

/// How a token at the head of a line, outside ( ) and [ ], stands to the token before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// A statement ends between them.
    Ends,
    /// The statement goes on.
    Continues,
    /// The statement was meant to go on, but the language ends it here.
    Misplaced,
}

/// Decides the newline between a token and the one before it.
pub(crate) fn line_break(lexed: &Lexed<'_>, at: usize) -> Break {
    let before = at.saturating_sub(1);
    let after_operator = is_operator(lexed, before) && !matches!(lexed.word(before), "^ 2" | "^ 3");
    let waits = after_operator || lexed.is(before, "=") || lexed.is(before, "->");
    if waits && begins_statement(lexed, at) {
        return Break::Ends;
    }
    if waits || lexed.is(before, ",") || is_operator(lexed, at) || lexed.is(at, "else") {
        return Break::Continues;
    }
    let mark = lexed.kind(at) == Kind::Symbol && matches!(lexed.word(at), "=" | "->" | "," | ":" | ".");
    let joint = lexed.kind(at) == Kind::Word && TAILS.contains(&lexed.word(at)) && lexed.kind(at + 1) == Kind::Word;
    if mark || joint || lexed.is(at, "{") { Break::Misplaced } else { Break::Ends }
}
