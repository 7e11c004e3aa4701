//! `assert c % 8 == 0 : "{c} channels"`: conditions that are checked while compiling, and the texts that say why they do not hold.

use super::Elab;
use super::value::Value;
use super::walk::{Seen, walk};
use crate::ir::dim::Dim;
use nnc_grammar::ast::{Expr, ExprKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;

/// A part of a text with names in braces.
#[derive(Debug, PartialEq)]
enum Piece<'t> {
    /// What stands as it is.
    Text(&'t str),
    /// A name in braces, and the byte at which what the braces hold begins.
    Name(&'t str, usize),
    /// A brace without its other, and the byte at which it stands.
    Open(usize),
}

impl<'a> Elab<'a> {
    /// Checks an assertion. The names of its text must mean something whether it holds or not.
    pub(super) fn assert(&mut self, condition: &'a Expr, message: Option<&'a Expr>) {
        let holds = self.expr(condition);
        let text = message.and_then(|message| match self.expr(message) {
            Value::Text(text) => self.interpolate(&text, message),
            other => {
                self.wrong_kind(&other, message.span, "a text");
                None
            }
        });
        match holds {
            Value::Bool(true) | Value::Invalid => {}
            Value::Bool(false) => {
                // A mistake in the text has been reported.
                if let Some(text) = text.or_else(|| message.is_none().then(|| "the assertion is false".into())) {
                    self.report(Diagnostic::error(codes::ASSERTION, condition.span, text).label("this does not hold"));
                }
                self.frame().unsound = true;
            }
            other => match self.free_size(condition) {
                Some((name, size)) => {
                    let whose = self.frame().def.map_or("this".into(), |def| format!("`{}`", def.name.text));
                    let what = format!("{whose} is built for axes whose size is known before the program runs");
                    let d = Diagnostic::error(codes::UNSUPPORTED, condition.span, what);
                    self.report(d.label(format!("`{name}` is {size}, known only then")));
                    self.frame().unsound = true;
                }
                None => {
                    self.wrong_kind(&other, condition.span, "a condition known before the program runs");
                }
            },
        }
    }

    /// An axis of a free size that a condition speaks of.
    fn free_size(&mut self, condition: &'a Expr) -> Option<(&'a str, Dim)> {
        let dims = &self.frame().dims;
        let mut found = None;
        walk(condition, &mut |seen| {
            if let Seen::Expr(Expr { kind: ExprKind::Name(name), .. }) = seen
                && let Some(bound) = dims.get(name).filter(|bound| bound.size.as_constant().is_none())
            {
                found.get_or_insert((name.as_str(), bound.size.clone()));
            }
        });
        found
    }

    /// The text with the values of the names in it. `None` after a mistake.
    fn interpolate(&mut self, text: &str, message: &Expr) -> Option<String> {
        let sources = self.sources;
        // No escape has a brace, so the same names stand in the text as it is written.
        let written = match message.kind {
            ExprKind::Str(_) => places(sources.text(message.span)),
            _ => vec![],
        };
        let mut written = written.into_iter().map(|(at, length)| {
            let start = message.span.start as usize + at;
            Span::new(message.span.source, start, start + length)
        });
        let (mut out, mut ok) = (String::new(), true);
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Name(name, _) => {
                    let at = written.next().unwrap_or(message.span);
                    match self.name(name.trim(), at) {
                        Value::Invalid => ok = false,
                        value => out.push_str(&value.shown()),
                    }
                }
                Piece::Open(_) => {
                    let at = written.next().unwrap_or(message.span);
                    let d = Diagnostic::error(codes::UNCLOSED, at, "this brace of the text is never closed");
                    self.report(d.help("`{name}` shows the value of a name; a brace itself is written `{{`"));
                    ok = false;
                }
            }
        }
        ok.then_some(out)
    }
}

/// The parts of a text: `{name}` is a name, `{{` and `}}` are braces.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut out, mut at) = (vec![], 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        // All cuts lie beside a brace, which is one byte.
        let (piece, length) = if rest.starts_with("{{") || rest.starts_with("}}") {
            (Piece::Text(&rest[..1]), 2)
        } else if let Some(inside) = rest.strip_prefix('{') {
            match inside.split_once('}') {
                Some((name, _)) => (Piece::Name(name, at + 1), name.len() + 2),
                None => (Piece::Open(at), rest.len()),
            }
        } else {
            // A closing brace alone is one.
            let start = usize::from(rest.starts_with('}'));
            let end = rest[start..].find(['{', '}']).map_or(rest.len(), |end| end + start);
            (Piece::Text(&rest[..end]), end)
        };
        out.push(piece);
        at += length;
    }
    out
}

/// Where names and open braces stand in a text: the first byte, and how many.
fn places(text: &str) -> Vec<(usize, usize)> {
    let place = |piece| match piece {
        Piece::Name(name, at) => Some((at, name.len())),
        Piece::Open(at) => Some((at, 1)),
        Piece::Text(_) => None,
    };
    pieces(text).into_iter().filter_map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::{Piece, pieces, places};

    #[test]
    fn braces_hold_names() {
        let parts = [Piece::Text("ä "), Piece::Name("n", 4), Piece::Text("{"), Piece::Text("x"), Piece::Text("}")];
        assert_eq!(pieces("ä {n}{{x}}"), parts);
        assert_eq!(pieces("a } {b"), [Piece::Text("a "), Piece::Text("} "), Piece::Open(4)]);
        assert_eq!(places("{} {time}"), [(1, 0), (4, 4)]);
        assert!(pieces("").is_empty());
    }
}
