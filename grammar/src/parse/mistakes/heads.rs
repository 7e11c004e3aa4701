//! Heads of items and statements: keywords in the wrong place, blocks missing or too many, statements on one line.

use super::Scene;
use crate::diagnostic::{Diagnostic, Safety};
use crate::layout::words::{ITEMS, RESERVED, begins_statement, nearest};
use crate::lex::Kind;
use crate::parse::Goal;
use crate::parse::grammar::Rule;

/// A reserved word where a name is wanted, or where nothing of its kind can stand.
pub(super) fn keywords(scene: &Scene<'_, '_>) -> Option<Diagnostic> {
    let here = scene.here()?;
    let word = scene.lexed.word(here);
    if scene.lexed.kind(here) != Kind::Word || !RESERVED.contains(&word) {
        return None;
    }
    let span = scene.lexed.span(here);
    if word == "else" {
        return Some(scene.error(span, "`else` has no `if`").help("it stands after the `}` of an `if` block"));
    }
    let next = scene.own.get(scene.at + 1).copied();
    let bound =
        matches!(scene.word(next), "=" | ":") || scene.expects_thing("a name") && !scene.expects_thing("a value");
    bound.then(|| {
        let headline = format!("`{word}` is a reserved word and names nothing");
        scene.error(span, headline).help(format!("choose another name, such as `{word}_`"))
    })
}

/// A block where none can stand, or none where one is needed.
pub(super) fn blocks(scene: &Scene<'_, '_>) -> Option<Diagnostic> {
    let Some(here) = scene.here() else {
        if !scene.expects(Rule::block, Rule::lbrace) {
            return None;
        }
        let (_, insert) = scene.gap();
        let last = scene.lexed.word(*scene.own.last()?);
        let diagnostic = scene.error(scene.span(), format!("a block `{{ }}` is missing after `{last}`"));
        return Some(diagnostic.replace("open it with `{`", insert, " {", Safety::Placeholder));
    };
    if !scene.lexed.is(here, "{") {
        return None;
    }
    let span = scene.lexed.span(here);
    if scene.at == 0 {
        let headline = "a block stands only after a head such as `if c`, `repeat 3` or `model M(x: [..])`";
        return Some(scene.error(span, headline));
    }
    if scene.goal == Goal::Item && scene.expects(Rule::params, Rule::lparen) {
        let name = scene.before(1)?;
        let name_span = scene.lexed.span(name);
        let headline = format!("`{}` needs a parameter list", scene.lexed.word(name));
        let insert = crate::span::Span { start: name_span.end, ..name_span };
        let diagnostic = scene.error(name_span, headline);
        return Some(diagnostic.replace("add `( )`", insert, "()", Safety::Placeholder));
    }
    let complete = scene.expects_thing("the end of the statement") || scene.expects_thing("an operator");
    complete.then(|| {
        let before = scene.word(scene.before(1));
        scene.error(span, format!("no expression goes on with `{{`, so no block can follow `{before}` here"))
    })
}

/// A `param` or `state` without type or value, and words that must be one of two.
pub(super) fn declarations(scene: &Scene<'_, '_>) -> Option<Diagnostic> {
    let keyword = scene.word(scene.own.first().copied());
    let name = scene.word(scene.own.get(1).copied());
    let declares = matches!(keyword, "param" | "state") && scene.own.len() > 1;
    let word = scene.word(scene.here());
    if declares && scene.here().is_none() && scene.expects(Rule::equals, Rule::equals) {
        let headline = format!("`{keyword} {name}` has no initial value");
        return Some(scene.error(scene.span(), headline).help("add one, such as `= zeros()`"));
    }
    if declares && scene.at == 2 && word == "=" {
        let headline = format!("`{keyword} {name}` has no type");
        return Some(scene.error(scene.span(), headline).help(format!("add one: `{keyword} {name}: [n] = …`")));
    }
    let choices = [(Rule::highest_lowest, ["highest", "lowest"]), (Rule::higher_lower, ["higher", "lower"])];
    let (_, words) = choices.into_iter().find(|(rule, _)| scene.expected.contains(rule))?;
    let meant = nearest(word, &words)?;
    let diagnostic = scene.error(scene.span(), format!("expected `{}` or `{}`, found `{word}`", words[0], words[1]));
    Some(diagnostic.replace(format!("write `{meant}`"), scene.span(), meant, Safety::Safe))
}

/// What stands where an item should.
pub(super) fn definitions(scene: &Scene<'_, '_>) -> Option<Diagnostic> {
    let first = *scene.own.first()?;
    let keyword = scene.lexed.kind(first) == Kind::Word && ITEMS.contains(&scene.lexed.word(first));
    if scene.goal != Goal::Item || keyword || scene.at > 1 {
        return None;
    }
    let span = scene.lexed.span(first);
    let headline = format!("`{}` begins no item", scene.lexed.word(first));
    let help = "outside blocks stand definitions, `data`, `train`, `predict`, `option`, `use`, `name = value` and `name: value`";
    Some(scene.error(span, headline).help(help))
}

/// Two statements on one line.
pub(super) fn lines(scene: &Scene<'_, '_>) -> Option<Diagnostic> {
    let here = scene.here()?;
    let before = scene.before(1)?;
    let starts = begins_statement(scene.lexed, here) || scene.lexed.is(before, "}");
    if !starts || !scene.open().is_empty() || scene.lexed.kind(here) != Kind::Word {
        return None;
    }
    let (span, (_, insert)) = (scene.lexed.span(here), scene.gap());
    let gap = crate::span::Span { end: span.start, ..insert };
    let line = format!("\n{}", " ".repeat(scene.lexed.indent(here)));
    let diagnostic = scene.error(span, "a statement begins on a line of its own");
    Some(diagnostic.replace("begin a new line", gap, line, Safety::Safe))
}
