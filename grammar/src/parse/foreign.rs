//! Mistakes that the first tokens of an item or a statement give away: a misspelt keyword, a keyword of another language.

use super::Goal;
use crate::codes;
use crate::diagnostic::{Diagnostic, Safety};
use crate::layout::outline::Chunk;
use crate::layout::words::{EXPRESSIONS, ITEMS, RESERVED, STATEMENTS, nearest};
use crate::lex::{Kind, Lexed};

/// A mistake, and what to read in place of the tokens at fault; what is read in their place may be nothing.
pub(super) struct Advice {
    /// The report.
    pub(super) diagnostic: Diagnostic,
    /// Tokens with the text to read instead.
    pub(super) instead: Vec<(usize, &'static str)>,
}

/// Looks at how a chunk begins.
pub(super) fn before(lexed: &Lexed<'_>, chunk: &Chunk, goal: Goal) -> Option<Advice> {
    let first = chunk.start;
    if lexed.kind(first) != Kind::Word || chunk.end == first + 1 {
        return None;
    }
    let word = lexed.word(first);
    let span = lexed.span(first);
    let next_word = lexed.kind(first + 1) == Kind::Word;
    let keywords = if goal == Goal::Item { ITEMS } else { STATEMENTS };
    let known = keywords.contains(&word) || RESERVED.contains(&word) || word == "nn";
    if next_word
        && !known
        && let Some((headline, help)) = other_language(word)
    {
        let mut diagnostic = Diagnostic::error(codes::SYNTAX, span, headline).label("not a keyword here");
        let mut instead = vec![];
        let removable = matches!(word, "let" | "const" | "val" | "return");
        if removable && goal != Goal::Item {
            let next = lexed.span(first + 1);
            let edit = crate::span::Span { end: next.start, ..span };
            // Before the end of a block it was meant to leave early, which nothing here does.
            let safety = if word == "return" { Safety::ChangesMeaning } else { Safety::Safe };
            diagnostic = diagnostic.replace(help, edit, "", safety);
            instead.push((first, ""));
        } else {
            diagnostic = diagnostic.help(help);
        }
        return Some(Advice { diagnostic, instead });
    }
    if word == "return" && goal != Goal::Item && !lexed.is(first + 1, "=") && !lexed.is(first + 1, ":") {
        let (headline, help) = other_language(word)?;
        return Some(Advice {
            diagnostic: Diagnostic::error(codes::SYNTAX, span, headline).help(help),
            instead: vec![(first, "")],
        });
    }
    let joint = lexed.is(first + 1, "as") || RESERVED.contains(&lexed.word(first + 1));
    if !next_word || known || joint {
        return None;
    }
    // Two names side by side: the first can only be a keyword.
    let mut diagnostic = Diagnostic::error(codes::SYNTAX, span, format!("`{word}` is not a keyword"));
    let mut candidates = keywords.to_vec();
    if goal != Goal::Item {
        candidates.extend(EXPRESSIONS);
    }
    if let Some(meant) = nearest(word, &candidates) {
        diagnostic = diagnostic.replace(format!("write `{meant}`"), span, meant, Safety::Safe);
        return Some(Advice { diagnostic, instead: vec![(first, meant)] });
    }
    if goal != Goal::Item && ITEMS.contains(&word) {
        let headline = format!("`{word}` begins an item, and items stand outside blocks");
        let diagnostic = Diagnostic::error(codes::MISPLACED, span, headline).help("move it out of the block");
        return Some(Advice { diagnostic, instead: vec![] });
    }
    if goal == Goal::Item && STATEMENTS.contains(&word) {
        let headline = format!("`{word}` begins a statement, and statements stand inside blocks");
        let diagnostic = Diagnostic::error(codes::MISPLACED, span, headline).help("move it into a block");
        return Some(Advice { diagnostic, instead: vec![] });
    }
    if goal == Goal::Item {
        let list = ITEMS.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ");
        return Some(Advice { diagnostic: diagnostic.help(format!("an item begins with {list}")), instead: vec![] });
    }
    None
}

/// Names qualified as in other languages: `self.x`, `nn.Linear`. A file that declares the first word means its own.
pub(super) fn qualified(lexed: &Lexed<'_>, chunk: &Chunk) -> Option<Advice> {
    let own: Vec<usize> = chunk.own().collect();
    let foreign =
        |&at: &usize| lexed.is(at + 1, ".") && lexed.kind(at) == Kind::Word && MODULES.contains(&lexed.word(at));
    let at = own.iter().copied().find(foreign)?;
    let word = lexed.word(at);
    if at > 0 && lexed.is(at - 1, ".") || declares(lexed, word) {
        return None;
    }
    let member = lexed.word(at + 2);
    let span = lexed.span(at).to(lexed.span(at + 1));
    let mut instead = vec![];
    for found in own.iter().copied().filter(|t| lexed.is(*t, word) && lexed.is(t + 1, ".")) {
        instead.extend([(found, ""), (found + 1, "")]);
    }
    let headline = format!("names stand alone: `{member}`, not `{word}.{member}`");
    let diagnostic = Diagnostic::error(codes::SYNTAX, span, headline);
    let diagnostic = match (word, layer_here(member)) {
        ("self", _) => diagnostic.replace(format!("remove `{word}.`"), span, "", Safety::Safe),
        (_, Some(here)) => diagnostic.help(format!("`{word}.{member}` is `{here}` here; input sizes are inferred")),
        _ => diagnostic.help("the library's layers and functions need no prefix"),
    };
    Some(Advice { diagnostic, instead })
}

/// Modules and receivers of other languages.
const MODULES: &[&str] = &["self", "this", "nn", "torch", "tf", "keras", "np", "numpy", "jnp", "jax", "optim", "F"];

/// Whether a file declares a name of its own.
fn declares(lexed: &Lexed<'_>, word: &str) -> bool {
    (0..lexed.tokens.len()).any(|at| {
        let bound = lexed.is(at + 1, "=") || lexed.is(at + 1, ":") || lexed.is(at + 1, ",");
        let keyword = at > 0 && (ITEMS.contains(&lexed.word(at - 1)) || lexed.is(at - 1, "as"));
        lexed.is(at, word) && (bound || keyword)
    })
}

/// The layer that another library calls by a different name.
fn layer_here(name: &str) -> Option<&'static str> {
    Some(match name {
        "Linear" | "Dense" => "Dense(units)",
        "Conv1d" | "Conv2d" | "Conv3d" | "Conv2D" => "Conv(units, kernel)",
        "BatchNorm1d" | "BatchNorm2d" | "BatchNormalization" => "BatchNorm()",
        "CrossEntropyLoss" | "cross_entropy" => "cross_entropy(logits, target)",
        "ReLU" | "relu" => "relu",
        "Dropout" => "Dropout(rate)",
        _ => return None,
    })
}

/// What a keyword of other languages is called here.
fn other_language(word: &str) -> Option<(&'static str, &'static str)> {
    Some(match word {
        "def" | "func" | "function" | "fun" => ("a function begins with `fn`", "write `fn name(x: [..]) { … }`"),
        "class" | "struct" | "module" | "network" => {
            ("a network begins with `model` or `layer`", "write `model Name(x: [batch, n]) -> [batch, 10] { … }`")
        }
        "import" | "from" | "include" | "require" => {
            ("another file is used with `use`", "write `use \"file.nn\" { Name }`; the library needs no import")
        }
        "let" | "const" | "val" => ("a binding needs no keyword", "remove it: `name = value`"),
        "return" => ("a block's value is its last expression", "remove `return`"),
        "for" | "while" | "foreach" => (
            "loops are `repeat 6 as i { … }` and `scan t over time { … }`",
            "`repeat` makes new weights at each turn; `scan` walks an axis",
        ),
        "elif" | "elsif" => ("a second condition is `else if`", "write `else if c { … }`"),
        "parameter" | "buffer" => (
            "weights are declared with `param`, other memory with `state`",
            "write `param w: [n, units] = glorot_uniform()`",
        ),
        _ => return None,
    })
}
