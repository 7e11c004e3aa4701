//! Characters that stand for something the language writes in ASCII: typographic signs, look-alikes and blanks that word
//! processors, web pages and papers put into code.

use super::{Kind, Lexer};
use crate::codes;
use crate::diagnostic::{Diagnostic, Safety};

/// Signs with what they stand for.
const SIGNS: &[(char, &str)] = &[
    ('×', "*"),
    ('·', "*"),
    ('∗', "*"),
    ('⋅', "*"),
    ('÷', "/"),
    ('∕', "/"),
    ('−', "-"),
    ('–', "-"),
    ('—', "-"),
    ('‐', "-"),
    ('‑', "-"),
    ('≤', "<="),
    ('≥', ">="),
    ('≠', "!="),
    ('→', "->"),
    ('⇒', "->"),
    ('…', ".."),
    ('¬', "not"),
    ('∧', "and"),
    ('∨', "or"),
    ('²', "^ 2"),
    ('³', "^ 3"),
    ('（', "("),
    ('）', ")"),
    ('［', "["),
    ('］', "]"),
    ('｛', "{"),
    ('｝', "}"),
    ('，', ","),
    ('：', ":"),
    ('＝', "="),
    ('＋', "+"),
    ('；', ","),
];

/// Letters with the ASCII spelling of the same name: Greek as formulas use it, Cyrillic as keyboards mistake it.
const LETTERS: &[(char, &str)] = &[
    ('α', "alpha"),
    ('β', "beta"),
    ('γ', "gamma"),
    ('δ', "delta"),
    ('ε', "eps"),
    ('η', "eta"),
    ('θ', "theta"),
    ('κ', "kappa"),
    ('λ', "lambda"),
    ('μ', "mu"),
    ('µ', "mu"),
    ('ν', "nu"),
    ('π', "pi"),
    ('ρ', "rho"),
    ('σ', "sigma"),
    ('τ', "tau"),
    ('φ', "phi"),
    ('ψ', "psi"),
    ('ω', "omega"),
    ('Δ', "Delta"),
    ('Σ', "Sigma"),
    ('Ω', "Omega"),
    ('а', "a"),
    ('А', "A"),
    ('с', "c"),
    ('С', "C"),
    ('е', "e"),
    ('Е', "E"),
    ('о', "o"),
    ('О', "O"),
    ('р', "p"),
    ('х', "x"),
    ('Х', "X"),
    ('у', "y"),
    ('і', "i"),
    ('В', "B"),
    ('Н', "H"),
    ('К', "K"),
    ('М', "M"),
    ('Т', "T"),
];

/// Whether a character makes a word, in people's eyes if not in the language's.
pub(super) fn is_letter(c: char) -> bool {
    c == '_' || (c.is_alphanumeric() && !SIGNS.iter().any(|&(sign, _)| sign == c))
}

impl Lexer<'_> {
    /// A name with letters outside ASCII. Its readings may be spelt in ASCII without loss, or the author must choose.
    pub(super) fn foreign_name(&mut self) {
        let rest = self.rest();
        let length = rest.find(|c| !is_letter(c)).unwrap_or(rest.len());
        let word = &rest[..length];
        let mut ascii = String::new();
        let mut known = true;
        for c in word.chars() {
            match LETTERS.iter().find(|&&(letter, _)| letter == c) {
                _ if c.is_ascii() => ascii.push(c),
                Some((_, name)) => ascii.push_str(name),
                None => {
                    known = false;
                    ascii.push('_');
                }
            }
        }
        let span = self.here(self.at + length);
        let headline = format!("the name `{word}` has letters outside a-z, A-Z, 0-9 and _");
        let diagnostic = Diagnostic::error(codes::BAD_CHARACTER, span, headline);
        let diagnostic = if known {
            diagnostic.replace(format!("write `{ascii}`"), span, ascii.clone(), Safety::Safe)
        } else {
            diagnostic.help("spell it with these letters: names become paths in checkpoints and settings in the shell")
        };
        self.fault(diagnostic);
        let ascii = if ascii.starts_with(|c: char| c.is_ascii_digit()) { format!("_{ascii}") } else { ascii };
        self.push(Kind::Word, self.at + length, Some(&ascii));
    }

    /// A character that begins nothing in the language.
    pub(super) fn foreign_character(&mut self, c: char) {
        if c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}') {
            return self.foreign_blank();
        }
        if is_letter(c) {
            return self.foreign_name();
        }
        let end = self.at + c.len_utf8();
        let span = self.here(end);
        if let Some((_, meant)) = SIGNS.iter().find(|&&(sign, _)| sign == c) {
            let headline = format!("`{c}` is written `{meant}`");
            let diagnostic = Diagnostic::error(codes::BAD_CHARACTER, span, headline)
                .label(format!("this is U+{:04X}", c as u32))
                .replace(format!("write `{meant}`"), span, *meant, Safety::Safe);
            self.fault(diagnostic);
            let kind = match *meant {
                "(" | "[" | "{" => Kind::Open,
                ")" | "]" | "}" => Kind::Close,
                _ => Kind::Symbol,
            };
            return self.push(kind, end, Some(meant));
        }
        let shown = if c.is_control() { format!("U+{:04X}", c as u32) } else { c.to_string() };
        let diagnostic =
            Diagnostic::error(codes::BAD_CHARACTER, span, format!("`{shown}` has no meaning in the language"));
        let diagnostic = match c {
            '\\' => diagnostic.help("a line goes on after an operator or a comma, and inside ( ) and [ ]"),
            '?' | '~' | '$' | '&' | '`' => diagnostic.help("remove it"),
            _ => diagnostic,
        };
        self.fault(diagnostic);
        self.push(Kind::Symbol, end, Some(""));
    }

    /// A run of blanks that are not the blank: they look like it and are not.
    fn foreign_blank(&mut self) {
        let rest = self.rest();
        let blank = |c: char| {
            !c.is_ascii()
                && (c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}'))
        };
        let first = rest.chars().next().unwrap_or(' ');
        let length = rest.find(|c| !blank(c)).unwrap_or(rest.len()).max(first.len_utf8());
        let span = self.here(self.at + length);
        let visible = first.is_whitespace();
        let text = if visible { " ".repeat(rest[..length].chars().count()) } else { String::new() };
        let headline = format!("an invisible character (U+{:04X}) stands here", first as u32);
        let title = if visible { "write an ordinary blank" } else { "remove it" };
        let diagnostic =
            Diagnostic::error(codes::BAD_CHARACTER, span, headline).replace(title, span, text, Safety::Safe);
        self.fault(diagnostic);
        self.at += length;
    }
}
