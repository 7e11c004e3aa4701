//! Numbers. A number is digits, perhaps a point with digits on both sides, perhaps an exponent; `_` may stand between two
//! digits. Everything near that is one token with one fault.

use super::{Kind, Lexer};
use crate::codes;
use crate::diagnostic::{Diagnostic, Safety};

/// Length of the digits that begin `text`, with the `_` among them.
fn digits(text: &str) -> usize {
    text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'_').count()
}

/// Whether `_` stands only between two digits.
fn well_spaced(text: &str) -> bool {
    let b = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| b.get(at)).is_some_and(u8::is_ascii_digit);
    (0..b.len()).all(|at| b[at] != b'_' || (digit(at.checked_sub(1)) && digit(Some(at + 1))))
}

/// `1,000,000` at the head of `text`: one to three digits and groups of three, at least one group beginning with 0, so
/// that `[28,128]` stays a list of two.
fn thousands(text: &str) -> Option<usize> {
    let head = text.bytes().take_while(u8::is_ascii_digit).count();
    let mut end = head;
    let mut zero = false;
    loop {
        let group = &text.as_bytes()[end..];
        let three = group.len() >= 4 && group[0] == b',' && group[1..4].iter().all(u8::is_ascii_digit);
        if !three || group.get(4).is_some_and(u8::is_ascii_digit) {
            break;
        }
        zero |= group[1] == b'0';
        end += 4;
    }
    (zero && (1..=3).contains(&head)).then_some(end)
}

impl Lexer<'_> {
    /// A number, or what was meant as one.
    pub(super) fn number(&mut self) {
        let text = self.rest();
        if let Some(length) = thousands(text) {
            let plain: String = text[..length].chars().filter(|&c| c != ',').collect();
            return self.bad_number(length, "a number has no commas", Some(&plain));
        }
        let whole = digits(text);
        let mut length = whole;
        let mut problem = None;
        if whole == 0 {
            problem = Some("a number has a digit before its point");
        }
        if text[length..].starts_with('.') && !text[length..].starts_with("..") {
            let fraction = digits(&text[length + 1..]);
            let exponent = text[length + 1..].starts_with(['e', 'E'])
                && text[length + 2..].starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+');
            let member = text[length + 1..].starts_with(|c: char| c == '_' || c.is_ascii_alphabetic());
            if fraction == 0 && (!member || exponent) {
                problem = problem.or(Some("a number has a digit after its point"));
            }
            if fraction > 0 || !member || exponent {
                length += 1 + fraction;
            }
        }
        let mantissa = length;
        if text[length..].starts_with(['e', 'E']) {
            let sign = usize::from(text[length + 1..].starts_with(['+', '-']));
            let power = digits(&text[length + 1 + sign..]);
            if power > 0 {
                length += 1 + sign + power;
            } else if !text[length + 1 + sign..].starts_with(|c: char| c.is_ascii_alphabetic()) {
                let length = length + 1 + sign;
                return self.bad_number(length, "an exponent has digits: `1e-3`", None);
            }
        }
        let tail = text[length..].bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        if tail > 0 {
            return self.glued_number(length, tail);
        }
        let more = text[length..]
            .strip_prefix('.')
            .map_or(0, |t| t.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count());
        if more > 0 && !text[length..].starts_with("..") {
            let headline = if length > mantissa { "an exponent is a whole number" } else { "a number has one point" };
            return self.bad_number(length + 1 + more, headline, None);
        }
        let number = &text[..length];
        if problem.is_none() && well_spaced(number) {
            return self.push(Kind::Number, self.at + length, None);
        }
        let meant = mend(number);
        self.bad_number(length, problem.unwrap_or("`_` stands between two digits of a number"), Some(&meant));
    }

    /// Digits with letters after them: `2x`, `0.1f`, `0x1F`, `10k`.
    fn glued_number(&mut self, length: usize, tail: usize) {
        let text = self.rest();
        let (number, word) = (&text[..length], &text[length..length + tail]);
        match word {
            "f" | "F" | "L" | "u" | "d" | "f32" | "f64" => {
                let meant = mend(number);
                self.bad_number(length + tail, "a number has no suffix", Some(&meant));
            }
            _ if number == "0" && word.starts_with(['x', 'b', 'o']) => {
                self.bad_number(length + tail, "numbers are decimal", None);
            }
            _ => {
                let headline = format!("`{number}` runs into `{word}`");
                self.bad_number(length + tail, &headline, None);
                if let Some(fault) = self.out.faults.last_mut() {
                    fault.diagnostic =
                        fault.diagnostic.clone().help(format!("a product is written `{number} * {word}`"));
                }
            }
        }
    }

    fn bad_number(&mut self, length: usize, headline: &str, meant: Option<&str>) {
        let span = self.here(self.at + length);
        let written = &self.rest()[..length];
        let mut diagnostic = Diagnostic::error(codes::BAD_NUMBER, span, format!("`{written}`: {headline}"));
        if headline.starts_with('`') && headline.contains("runs into") {
            diagnostic.headline = headline.to_owned();
        }
        if let Some(meant) = meant {
            diagnostic = diagnostic.replace(format!("write `{meant}`"), span, meant, Safety::Safe);
        }
        self.fault(diagnostic);
        self.push(Kind::Number, self.at + length, Some(meant.unwrap_or("1")));
    }
}

/// The number with a digit on both sides of its point and no stray `_`.
fn mend(number: &str) -> String {
    let mut out = String::new();
    let bytes = number.as_bytes();
    for (at, c) in number.char_indices() {
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        match c {
            '_' if !(at > 0 && digit(at - 1) && digit(at + 1)) => {}
            '.' => {
                out.push_str(if out.is_empty() { "0." } else { "." });
                if !digit(at + 1) {
                    out.push('0');
                }
            }
            _ => out.push(c),
        }
    }
    out
}
