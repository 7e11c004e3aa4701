//! Strings: between double quotes, on one line, with the escapes `\"`, `\\`, `\n` and `\t`.

use super::{Kind, Lexer};
use crate::codes;
use crate::diagnostic::{Diagnostic, Safety};
use crate::span::Span;

/// The text a string literal of the language stands for; `literal` has its quotes.
pub(crate) fn unescape(literal: &str) -> String {
    let inner = literal.strip_prefix('"').unwrap_or(literal);
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('t')) => out.push('\t'),
            ('\\', Some(other)) => out.push(other),
            _ => out.push(c),
        }
    }
    out
}

/// The literal that stands for a text: the inverse of [`unescape`].
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

impl Lexer<'_> {
    /// A string that begins with `"`.
    pub(super) fn string(&mut self) {
        let rest = self.rest();
        let mut bad_escape = None;
        let mut chars = rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => return self.finish(at + 1, bad_escape),
                '\n' => break,
                '\\' => match chars.next() {
                    Some((_, '"' | '\\' | 'n' | 't')) => {}
                    Some((_, '\n')) | None => break,
                    Some((after, other)) => {
                        bad_escape = bad_escape.or(Some((at, after + other.len_utf8())));
                    }
                },
                _ => {}
            }
        }
        self.unclosed(1);
    }

    fn finish(&mut self, length: usize, bad_escape: Option<(usize, usize)>) {
        let Some((from, to)) = bad_escape else { return self.push(Kind::Str, self.at + length, None) };
        let span = Span::new(self.out.source, self.at + from, self.at + to);
        let written = &self.rest()[from..to];
        let diagnostic = Diagnostic::error(codes::BAD_STRING, span, format!("a string has no escape `{written}`"))
            .help("the escapes are `\\\"`, `\\\\`, `\\n` and `\\t`");
        self.fault(diagnostic);
        self.push(Kind::Str, self.at + length, None);
    }

    /// A string without its second quote ends with its line, but for the brackets there that close something: in
    /// `f("a)` the `)` is f's.
    fn unclosed(&mut self, quote: usize) {
        let rest = self.rest();
        let line = rest[..rest.find('\n').unwrap_or(rest.len())].trim_end();
        let mut end = line.len().max(quote);
        let mut open = self.open.as_slice();
        let tail = line.len() - line.trim_end_matches([')', ']', '}', ' ', '\t']).len();
        let closers: Vec<usize> =
            (line.len() - tail..line.len()).filter(|&at| !matches!(line.as_bytes()[at], b' ' | b'\t')).collect();
        let wanted = closers.len().min(open.len());
        for &at in closers.iter().skip(closers.len() - wanted) {
            let closes = matches!(
                (open.last(), line.as_bytes()[at]),
                (Some(b'('), b')') | (Some(b'['), b']') | (Some(b'{'), b'}')
            );
            if !closes {
                end = line.len().max(quote);
                open = self.open.as_slice();
                continue;
            }
            end = end.min(at);
            open = &open[..open.len() - 1];
        }
        let end = line[..end].trim_end().len().max(quote);
        let span = self.here(self.at + end);
        let insert = Span::new(self.out.source, self.at + end, self.at + end);
        let diagnostic = Diagnostic::error(codes::BAD_STRING, span, "a string is not closed on its line")
            .label("opened here")
            .replace("close it with `\"`", insert, "\"", Safety::ChangesMeaning);
        self.fault(diagnostic);
        let content = escape(&line[quote.min(end)..end]);
        self.push(Kind::Str, self.at + end, Some(&content));
    }

    /// A string in quotes of another language or of a word processor; `closers` end it.
    pub(super) fn foreign_string(&mut self, opener: char, closers: &[char]) {
        let rest = self.rest();
        let quote = opener.len_utf8();
        let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
        let Some(length) = line[quote..].find(closers) else { return self.unclosed(quote) };
        let closer = line[quote + length..].chars().next().map_or(0, char::len_utf8);
        let content = &line[quote..quote + length];
        let end = quote + length + closer;
        let span = self.here(self.at + end);
        let meant = escape(content);
        let diagnostic =
            Diagnostic::error(codes::BAD_CHARACTER, span, format!("a string stands between `\"`, not `{opener}`"))
                .replace(format!("write `{meant}`"), span, meant.clone(), Safety::Safe);
        self.fault(diagnostic);
        self.push(Kind::Str, self.at + end, Some(&meant));
    }
}
