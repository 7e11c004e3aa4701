//! Values left out after an operator or a `=`, what a pipe cannot do, and forms of other languages.

use super::Scene;
use crate::diagnostic::{Diagnostic, Safety};
use crate::lex::Kind;

fn is_operator(word: &str) -> bool {
    matches!(
        word,
        "+" | "-" | "*" | "/" | "%" | "@" | "^" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "and" | "or" | "not" | "|>"
    )
}

/// An operator, a `=` or a `->` with nothing after it, or an operator with nothing before it.
pub(super) fn missing(scene: &Scene<'_, '_>) -> Option<Diagnostic> {
    let here = scene.here();
    let word = scene.word(here);
    let stops = here.is_none()
        || scene.kind(here) == Kind::Close
        || matches!(word, "," | "=" | ":" | "{" | "|>")
        || (is_operator(word) && word != "-" && word != "not");
    if let Some(before) = scene.before(1)
        && stops
    {
        let span = scene.lexed.span(before);
        let mark = scene.lexed.word(before);
        let what = match mark {
            "|>" => "a layer or a function",
            "->" | ":" if scene.expects_thing("a type") => "a type",
            "=" | ":" | "with" | "if" | "yield" | "in" => "a value",
            "," if scene.kind(here) != Kind::Close => "a value",
            _ if is_operator(mark) => "a value",
            _ => "",
        };
        // `a = * x`: the operator is at fault, not the `=`.
        let operator_next = is_operator(word) && !is_operator(mark);
        if !what.is_empty() && !operator_next {
            let name = scene.before(2).filter(|&t| mark == "=" && scene.lexed.kind(t) == Kind::Word);
            let headline = match name {
                Some(name) => format!("`{} =` has no value", scene.lexed.word(name)),
                None => format!("{what} is missing after `{mark}`"),
            };
            return Some(scene.error(span, headline).help(format!("write {what} after it, or remove it")));
        }
    }
    if is_operator(word) && word != "not" && !scene.ends_value(scene.before(1)) && scene.expects_thing("a value")
        || (scene.at == 0 && is_operator(word))
    {
        return Some(scene.error(scene.span(), format!("a value is missing before `{word}`")));
    }
    None
}

/// Forms written as those of other languages: a part of an axis by place, `rearrange` as a call, a range of an option in words.
pub(super) fn forms(scene: &Scene<'_, '_>) -> Option<Diagnostic> {
    let here = scene.here()?;
    let (word, span) = (scene.lexed.word(here), scene.lexed.span(here));
    let first = scene.word(scene.own.first().copied());
    if word == ".." && scene.bracket() == "[" && scene.expects_thing("an operator") {
        let diagnostic = scene.error(span, "a part of an axis is taken by the name of the axis");
        return Some(
            diagnostic.help("write `x[axis = 0..8]`; items by place are `..`, `new`, names and single numbers"),
        );
    }
    if word == "(" && scene.word(scene.before(1)) == "rearrange" {
        let diagnostic = scene.error(span, "`rearrange` is no call: a pipe leads into it, and two patterns follow");
        return Some(diagnostic.help("write `x |> rearrange [b, t, (h k)] -> [b, h, t, k] with h = 4`"));
    }
    let ranged = scene.own[..scene.at].iter().any(|token| scene.lexed.is(*token, "in"));
    (first == "option" && ranged && scene.open().is_empty()).then(|| {
        let diagnostic = scene.error(span, format!("a range of an option does not go on with `{word}`"));
        diagnostic.help("write `in linear(1, 100)`, `in log(1e-4, 1)` or the values, `in [1, 2, 4]`")
    })
}

/// A pipe into something that cannot be called, or an operator after a pipe.
pub(super) fn pipes(scene: &Scene<'_, '_>) -> Option<Diagnostic> {
    let here = scene.here()?;
    let word = scene.lexed.word(here);
    let span = scene.lexed.span(here);
    if scene.word(scene.before(1)) == "|>" {
        let headline = format!("a pipe leads into a layer or a function, not into `{word}`");
        return Some(scene.error(span, headline).help("write a name or a call after `|>`"));
    }
    if !is_operator(word) {
        return None;
    }
    let mut depth = 0_usize;
    for at in (0..scene.at).rev() {
        let token = scene.own[at];
        match scene.lexed.kind(token) {
            Kind::Close => depth += 1,
            Kind::Open if depth == 0 => return None,
            Kind::Open => depth -= 1,
            _ if depth > 0 => {}
            _ if scene.lexed.is(token, "|>") => {
                let headline = format!("`{word}` after a pipe: a pipe binds loosest and ends its expression");
                let diagnostic = scene.error(span, headline);
                return Some(diagnostic.help(format!("put the pipe in brackets: `(x |> f) {word} …`")));
            }
            _ if matches!(scene.lexed.word(token), "," | "=" | ":") => return None,
            _ => {}
        }
    }
    let indexed = scene.lexed.text.get(span.end as usize..).is_some_and(|t| t.starts_with('.'));
    indexed.then(|| {
        scene.error(span, format!("`{word}` cannot stand here")).replace("remove it", span, "", Safety::ChangesMeaning)
    })
}
