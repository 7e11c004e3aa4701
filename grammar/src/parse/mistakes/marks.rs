//! Marks: `=`, `:`, `==`, `->` in one another's places, commas and colons left out.

use super::Scene;
use crate::diagnostic::{Diagnostic, Edit, Fix, Safety};
use crate::layout::words::RESERVED;
use crate::lex::Kind;
use crate::parse::Goal;
use crate::parse::grammar::Rule;
use std::cmp::Ordering;

/// One mark in the place of another.
pub(super) fn mixed_up(scene: &Scene<'_, '_>) -> Option<Diagnostic> {
    let here = scene.here()?;
    let before = scene.before(1)?;
    let span = scene.lexed.span(here);
    let found = scene.lexed.word(here);
    let swap = |headline: &str, mark: &str| {
        Some(scene.error(span, headline).replace(format!("write `{mark}`"), span, mark, Safety::Safe))
    };
    let named = scene.kind(Some(before)) == Kind::Word;
    let item = scene.goal == Goal::Item;
    match (found, scene.bracket()) {
        ("+=" | "-=" | "*=" | "/=", _) => {
            let operator = &found[..1];
            let name = scene.lexed.word(before);
            let declared = |word: &str| {
                let declares = |at: &usize| scene.lexed.is(*at, word) && scene.lexed.word(at + 1) == name;
                (0..before.saturating_sub(1)).rev().find(declares)
            };
            let change = format!("`{name} = {name} {operator} …`");
            let update = format!("`update {name} = {name} {operator} …`");
            let help = match declared("state").cmp(&declared("var")) {
                Ordering::Greater => format!("a state changes with {update}"),
                Ordering::Less => format!("a variable changes with {change}"),
                Ordering::Equal => {
                    format!("a state changes with {update}, a variable and what a loop carries with {change}")
                }
            };
            Some(scene.error(span, format!("a name is bound once, so there is no `{found}`")).help(help))
        }
        (":", "(") if named => swap("an argument is given by name with `=`", "="),
        (":", "[") if named => swap("an axis gets its size with `=`", "="),
        ("=" | ":", "") if item && scene.lexed.is(before, ")") => swap("a result is declared with `->`", "->"),
        ("=", "" | "(") if compares(scene) => swap("`=` binds; a comparison is `==`", "=="),
        ("=", _) if scene.lexed.is(before, "=") => {
            Some(scene.error(span, "one `=` too many").replace("remove it", span, "", Safety::Safe))
        }
        ("->" | "==", "") if scene.at == 1 && named => swap("a name is bound with `=`", "="),
        ("=", "(") if item && scene.lexed.kind(before) == Kind::Word && scene.expects(Rule::colon, Rule::colon) => {
            swap("a type stands after `:`", ":")
        }
        _ => None,
    }
}

/// Whether the token refused stands in a condition.
fn compares(scene: &Scene<'_, '_>) -> bool {
    let back = (0..scene.at).rev().map(|at| scene.own[at]);
    for token in back {
        match scene.lexed.word(token) {
            "if" | "assert" | "where" => return true,
            "=" | "{" | "}" | "," => return false,
            _ => {}
        }
    }
    false
}

/// A comma or a colon left out.
pub(super) fn missing(scene: &Scene<'_, '_>) -> Option<Diagnostic> {
    let here = scene.here()?;
    let before = scene.before(1)?;
    let (gap, insert) = scene.gap();
    let bracket = scene.bracket();
    let type_follows = scene.lexed.is(here, "[") || TYPES.contains(&scene.lexed.word(here));
    if scene.expects(Rule::colon, Rule::colon) && scene.kind(Some(before)) == Kind::Word && type_follows {
        let name = scene.lexed.word(before);
        let diagnostic = scene.error(gap, format!("`:` is missing between `{name}` and its type"));
        return Some(diagnostic.replace("insert `:`", insert, ":", Safety::Safe));
    }
    if let Some(diagnostic) = wrong_brackets(scene) {
        return Some(diagnostic);
    }
    let begins_value = match scene.lexed.kind(here) {
        Kind::Number | Kind::Str => true,
        Kind::Word => {
            !RESERVED.contains(&scene.lexed.word(here)) || matches!(scene.lexed.word(here), "true" | "false" | "new")
        }
        _ => false,
    };
    if matches!(bracket, "(" | "[") && begins_value && scene.ends_value(Some(before)) {
        let headline =
            format!("a comma is missing between `{}` and `{}`", scene.lexed.word(before), scene.lexed.word(here));
        return Some(scene.error(gap, headline).replace("insert `,`", insert, ",", Safety::Safe));
    }
    if scene.expects(Rule::arrow, Rule::arrow) && scene.lexed.is(before, ")") && scene.lexed.is(here, "[") {
        let diagnostic = scene.error(gap, "`->` is missing before the type of the result");
        return Some(diagnostic.replace("insert `->`", insert, " ->", Safety::Safe));
    }
    if let [only] = scene.names().as_slice()
        && let Some(mark) = only.strip_prefix('`').and_then(|m| m.strip_suffix('`'))
        && matches!(mark, "=" | ":" | "->" | "with" | "on" | "over" | "steps" | "epochs")
        && begins_value
    {
        let (left, right) = (scene.lexed.word(before), scene.lexed.word(here));
        let diagnostic = scene.error(gap, format!("`{mark}` is missing between `{left}` and `{right}`"));
        return Some(diagnostic.replace(format!("insert `{mark}`"), insert, format!(" {mark}"), Safety::Safe));
    }
    let literal = matches!(scene.lexed.kind(here), Kind::Number | Kind::Str);
    if scene.at == 1 && scene.kind(Some(before)) == Kind::Word && literal && !scene.after_keyword() {
        let name = scene.lexed.word(before);
        if name == "nn" {
            let diagnostic = scene.error(gap, "the version of the language is the first line of a file");
            return Some(diagnostic.help("move it above everything else"));
        }
        let headline =
            format!("`{name}` and its value stand side by side: a setting has `:` between them, a binding `=`");
        return Some(scene.error(gap, headline).replace("insert `:`", insert, ":", Safety::Safe));
    }
    None
}

/// Names of types that stand alone.
const TYPES: &[&str] = &["int", "bool", "float", "rate", "axis", "initializer", "text", "index"];

/// A shape in round brackets: `(batch, 28)`.
fn wrong_brackets(scene: &Scene<'_, '_>) -> Option<Diagnostic> {
    let open = *scene.open().last()?;
    let before = open.checked_sub(1).and_then(|at| scene.own.get(at)).copied()?;
    let typed = scene.lexed.is(before, ":") || scene.lexed.is(before, "->");
    let size = scene.kind(scene.here()) == Kind::Number || scene.lexed.is(scene.here()?, "..");
    if !typed || scene.word(scene.own.get(open).copied()) != "(" || !size || !scene.expects_thing("a type") {
        return None;
    }
    let (open, here) = (scene.own[open], scene.at);
    let close = scene.own[here..].iter().copied().find(|&t| scene.lexed.is(t, ")"))?;
    let whole = scene.lexed.span(open).to(scene.lexed.span(close));
    let edits = [(open, "["), (close, "]")].map(|(t, text)| Edit { span: scene.lexed.span(t), text: text.to_owned() });
    let mut diagnostic = scene.error(whole, "a shape stands in square brackets");
    let title = "write `[ ]`".to_owned();
    diagnostic.fixes.push(Fix { title, edits: edits.to_vec(), safety: Safety::Safe, verified: false });
    Some(diagnostic)
}
