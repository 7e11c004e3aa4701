//! Text to tokens and comments. The lexer accepts every text: what the language does not have (curly quotes, `×`, `&&`,
//! `0.`) becomes a token that carries both a fault and the text that was probably meant, so that the parser goes on with the
//! latter. Tokens never overlap, lie in order, and begin and end on character boundaries.

mod chars;
mod number;
mod string;

pub(crate) use string::{escape, unescape};

use crate::codes;
use crate::diagnostic::{Diagnostic, Safety};
use crate::span::{SourceId, Span};

/// What a token is, as far as layout needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name or a keyword.
    Word,
    /// A number.
    Number,
    /// A string with its quotes.
    Str,
    /// An operator or a mark.
    Symbol,
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// `;`, which the language does not have and other languages end statements with.
    Separator,
}

/// A token.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: Kind,
    /// First byte.
    pub(crate) start: usize,
    /// One past the last byte.
    pub(crate) end: usize,
    /// Whether it is the first token of its line.
    pub(crate) first: bool,
    /// What stands for it when the text itself is at fault; may be empty.
    pub(crate) repair: Option<Box<str>>,
}

/// A comment, without its line break.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Comment {
    /// First byte.
    pub(crate) start: usize,
    /// One past the last byte.
    pub(crate) end: usize,
    /// Whether it documents what follows: `///`.
    pub(crate) doc: bool,
    /// Whether nothing but blanks stands before it on its line.
    pub(crate) own_line: bool,
}

/// A mistake in one token; at most one is reported for each statement.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    /// Index of the token at fault.
    pub(crate) token: usize,
    /// The report.
    pub(crate) diagnostic: Diagnostic,
}

/// A text in tokens.
#[derive(Debug)]
pub(crate) struct Lexed<'s> {
    /// Which source it is.
    pub(crate) source: SourceId,
    /// The text.
    pub(crate) text: &'s str,
    /// Its tokens.
    pub(crate) tokens: Vec<Token>,
    /// Its comments.
    pub(crate) comments: Vec<Comment>,
    /// Mistakes inside tokens, in order.
    pub(crate) faults: Vec<Fault>,
    /// Mistakes that belong to no statement.
    pub(crate) loose: Vec<Diagnostic>,
}

impl<'s> Lexed<'s> {
    /// What the parser reads for a token: the repair of a faulty one.
    pub(crate) fn word(&self, index: usize) -> &str {
        self.tokens.get(index).map_or("", |t| t.repair.as_deref().unwrap_or(&self.text[t.start..t.end]))
    }

    /// The kind of a token; a separator past the end.
    pub(crate) fn kind(&self, index: usize) -> Kind {
        self.tokens.get(index).map_or(Kind::Separator, |t| t.kind)
    }

    /// Whether a token is this symbol, bracket or word.
    pub(crate) fn is(&self, index: usize, text: &str) -> bool {
        self.kind(index) != Kind::Str && self.word(index) == text
    }

    /// The place of a token; the end of the last one past the end.
    pub(crate) fn span(&self, index: usize) -> Span {
        match self.tokens.get(index) {
            Some(t) => Span::new(self.source, t.start, t.end),
            None => self.last_visible(),
        }
    }

    /// The last character that a reader can see, for mistakes at the end of the file.
    pub(crate) fn last_visible(&self) -> Span {
        let end = self.text.trim_end().len();
        let start = self.text[..end].char_indices().next_back().map_or(0, |(at, _)| at);
        Span::new(self.source, start, end)
    }

    /// The column of the first token of the line that a token stands on, in bytes from the line's start.
    pub(crate) fn indent(&self, index: usize) -> usize {
        let start = self.tokens.get(index).map_or(0, |t| t.start);
        let line = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        self.text[line..].bytes().take_while(|b| matches!(b, b' ' | b'\t')).count()
    }
}

/// Splits a text.
pub(crate) fn lex(source: SourceId, text: &str) -> Lexed<'_> {
    let lexed = Lexed { source, text, tokens: vec![], comments: vec![], faults: vec![], loose: vec![] };
    let mut lexer = Lexer { out: lexed, at: 0, fresh_line: true, open: vec![] };
    while let Some(c) = lexer.rest().chars().next() {
        lexer.step(c);
    }
    lexer.out
}

/// The state between two tokens.
struct Lexer<'s> {
    out: Lexed<'s>,
    /// Where the next token begins.
    at: usize,
    /// Whether no token was seen on this line yet.
    fresh_line: bool,
    /// The brackets open here, which tell what an unclosed string may have swallowed.
    open: Vec<u8>,
}

/// Symbols of two characters, the ones the language does not have with what is meant.
const PAIRS: &[(&str, Option<&str>)] = &[
    ("|>", None),
    ("->", None),
    ("==", None),
    ("!=", None),
    ("<=", None),
    (">=", None),
    ("..", None),
    ("**", None),
    ("+=", None),
    ("-=", None),
    ("*=", None),
    ("/=", None),
    ("&&", Some("and")),
    ("||", Some("or")),
    (":=", Some("=")),
    ("=>", Some("->")),
];

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.out.text[self.at..]
    }

    fn push(&mut self, kind: Kind, end: usize, repair: Option<&str>) {
        let token = Token { kind, start: self.at, end, first: self.fresh_line, repair: repair.map(Into::into) };
        let text = repair.unwrap_or(&self.out.text[self.at..end]);
        match (kind, text.bytes().next()) {
            (Kind::Open, Some(b)) => self.open.push(b),
            (Kind::Close, _) => drop(self.open.pop()),
            _ => {}
        }
        self.out.tokens.push(token);
        self.fresh_line = false;
        self.at = end;
    }

    fn here(&self, end: usize) -> Span {
        Span::new(self.out.source, self.at, end)
    }

    /// Records a mistake of the next token to be pushed.
    fn fault(&mut self, diagnostic: Diagnostic) {
        self.out.faults.push(Fault { token: self.out.tokens.len(), diagnostic });
    }

    fn step(&mut self, c: char) {
        match c {
            '\n' => {
                self.fresh_line = true;
                self.at += 1;
            }
            ' ' | '\t' | '\r' => self.at += 1,
            '\u{feff}' if self.at == 0 => self.at += c.len_utf8(),
            '/' if self.rest().starts_with("//") => self.comment("//"),
            '#' => self.comment("#"),
            '"' => self.string(),
            '\'' => self.foreign_string('\'', &['\'']),
            '“' | '”' | '„' | '«' => self.foreign_string(c, &['“', '”', '»', '"']),
            '‘' | '’' => self.foreign_string(c, &['’', '‘', '\'']),
            '0'..='9' => self.number(),
            '.' if self.starts_fraction() => self.number(),
            'a'..='z' | 'A'..='Z' | '_' => self.identifier(),
            '(' | '[' | '{' => self.push(Kind::Open, self.at + 1, None),
            ')' | ']' | '}' => self.push(Kind::Close, self.at + 1, None),
            ';' => self.semicolon(),
            _ if c.is_ascii() => self.symbol(c),
            _ => self.foreign_character(c),
        }
    }

    /// Whether a point begins a number: `.5` after anything that is not a value of its own.
    fn starts_fraction(&self) -> bool {
        let digit = self.rest().as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        let before = self.out.tokens.last().filter(|t| t.end == self.at);
        digit
            && before.is_none_or(|t| match t.kind {
                Kind::Symbol => !self.out.text[t.start..t.end].ends_with('.'),
                Kind::Open | Kind::Separator => true,
                _ => false,
            })
    }

    fn comment(&mut self, mark: &str) {
        let end = self.at + self.rest().find('\n').unwrap_or(self.rest().len());
        let end = self.at + self.out.text[self.at..end].trim_end_matches('\r').len();
        let text = &self.out.text[self.at..end];
        if mark == "#" {
            let span = self.here(self.at + 1);
            let hashes = text.bytes().take_while(|&b| b == b'#').count();
            let marks = Span::new(self.out.source, self.at, self.at + hashes);
            let diagnostic = Diagnostic::error(codes::BAD_CHARACTER, span, "a comment begins with `//`, not `#`")
                .label("a comment elsewhere")
                .replace("write `//`", marks, "//", Safety::Safe);
            self.out.loose.push(diagnostic);
        }
        let doc = text.starts_with("///") && !text.starts_with("////");
        self.out.comments.push(Comment { start: self.at, end, doc, own_line: self.fresh_line });
        self.at = end;
    }

    fn identifier(&mut self) {
        let text = self.rest();
        let end = text.find(|c: char| !(c == '_' || c.is_ascii_alphanumeric())).unwrap_or(text.len());
        let continues = text[end..].chars().next().is_some_and(chars::is_letter);
        if continues { self.foreign_name() } else { self.push(Kind::Word, self.at + end, None) }
    }

    fn semicolon(&mut self) {
        let span = self.here(self.at + 1);
        let after = &self.out.text[self.at + 1..];
        let line_ends =
            after.trim_start_matches([' ', '\t', '\r']).chars().next().is_none_or(|c| c == '\n' || c == '/');
        let (title, text) = if line_ends { ("remove it", "") } else { ("begin a new line", "\n") };
        let diagnostic = Diagnostic::error(codes::BAD_CHARACTER, span, "a statement ends with its line, not with `;`")
            .replace(title, span, text, Safety::Safe);
        self.out.loose.push(diagnostic);
        self.push(Kind::Separator, self.at + 1, None);
    }

    fn symbol(&mut self, c: char) {
        let rest = self.rest();
        if rest.starts_with("...") {
            return self.foreign_symbol(3, "..", "the other axes are written `..`");
        }
        if rest.starts_with("**") && self.after_operand() {
            return self.foreign_symbol(2, "^", "a power is written `^`");
        }
        if let Some((pair, meant)) = PAIRS.iter().find(|(pair, _)| rest.starts_with(pair)) {
            return match meant {
                None => self.push(Kind::Symbol, self.at + pair.len(), None),
                Some(meant) => self.foreign_symbol(pair.len(), meant, &format!("`{pair}` is written `{meant}`")),
            };
        }
        match c {
            '+' | '-' | '*' | '/' | '%' | '@' | '^' | '<' | '>' | '=' | ':' | ',' | '.' | '|' => {
                self.push(Kind::Symbol, self.at + 1, None)
            }
            '!' => self.foreign_symbol(1, "not", "`!` is written `not`"),
            _ => self.foreign_character(c),
        }
    }

    /// Whether the last token ends a value: then `**` is meant as a power, else it is a step of a path.
    fn after_operand(&self) -> bool {
        let Some(last) = self.out.tokens.last() else { return false };
        let text = &self.out.text[last.start..last.end];
        match last.kind {
            Kind::Word => !matches!(text, "freeze" | "optimize" | "init"),
            Kind::Number | Kind::Str | Kind::Close => true,
            _ => false,
        }
    }

    /// A symbol of other languages, `length` bytes long, that is read as `meant`.
    fn foreign_symbol(&mut self, length: usize, meant: &str, headline: &str) {
        let span = self.here(self.at + length);
        let diagnostic = Diagnostic::error(codes::BAD_CHARACTER, span, headline).replace(
            format!("write `{meant}`"),
            span,
            meant,
            Safety::Safe,
        );
        self.fault(diagnostic);
        self.push(Kind::Symbol, self.at + length, Some(meant));
    }
}
