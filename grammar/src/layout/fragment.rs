//! The text of one chunk as the grammar reads it: its tokens with one blank between them, faulty tokens repaired, missing
//! closers added, comments left out and each block cut down to `{ }`. Offsets in it map back to the source.

use super::brackets::{Brackets, Partner};
use super::outline::Chunk;
use crate::lex::Lexed;
use crate::span::Span;

/// One piece of a fragment and the source text it stands for.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start: usize,
    end: usize,
    /// The token it comes from.
    token: usize,
    /// Its place in the source.
    span: Span,
}

/// The text of a chunk.
#[derive(Debug)]
pub(crate) struct Fragment {
    /// What the grammar reads.
    pub(crate) text: String,
    pieces: Vec<Piece>,
}

impl Fragment {
    /// The text of a chunk, with `instead` in place of some of its tokens; an empty text leaves the token out.
    pub(crate) fn new(lexed: &Lexed<'_>, brackets: &Brackets, chunk: &Chunk, instead: &[(usize, &str)]) -> Fragment {
        let mut fragment = Fragment { text: String::new(), pieces: vec![] };
        let mut blocks = chunk.blocks.iter().peekable();
        let mut missing: Vec<(usize, &str)> = vec![];
        for at in chunk.own() {
            while let Some((_, closer)) = missing.pop_if(|(end, _)| *end <= at) {
                fragment.push(closer, at.saturating_sub(1), end_of(lexed, at.saturating_sub(1)));
            }
            if brackets.partner[at] == Partner::Stray {
                continue;
            }
            let word = instead.iter().find(|(token, _)| *token == at).map_or(lexed.word(at), |(_, text)| text);
            fragment.push(word, at, lexed.span(at));
            if let Some(block) = blocks.next_if(|b| b.open == at) {
                if block.close.is_none() {
                    fragment.push("}", block.end.saturating_sub(1), end_of(lexed, block.end.saturating_sub(1)));
                }
            } else if let Partner::Ends(end) = brackets.partner[at] {
                let closer = match lexed.word(at) {
                    "(" => ")",
                    "[" => "]",
                    _ => "}",
                };
                missing.push((end, closer));
            }
        }
        while let Some((_, closer)) = missing.pop() {
            let last = chunk.end.saturating_sub(1);
            fragment.push(closer, last, end_of(lexed, last));
        }
        fragment
    }

    fn push(&mut self, text: &str, token: usize, span: Span) {
        if text.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        let start = self.text.len();
        self.text.push_str(text);
        self.pieces.push(Piece { start, end: self.text.len(), token, span });
    }

    /// The source span of a range of the fragment. Blanks at its end are not part of it: a rule that ends in something
    /// optional takes the blank before it.
    pub(crate) fn span(&self, start: usize, end: usize) -> Span {
        let first = self.pieces.partition_point(|p| p.end <= start);
        let last = self.pieces.partition_point(|p| p.start < end);
        match (self.pieces.get(first), last.checked_sub(1).and_then(|at| self.pieces.get(at))) {
            (Some(first), Some(last)) if last.start >= first.start => first.span.to(last.span),
            (Some(piece), _) | (None, Some(piece)) => piece.span,
            (None, None) => Span::new(crate::span::SourceId(0), 0, 0),
        }
    }

    /// The token at an offset or after it; none at the end of the fragment.
    pub(crate) fn token(&self, offset: usize) -> Option<usize> {
        self.pieces.get(self.pieces.partition_point(|p| p.end <= offset)).map(|p| p.token)
    }
}

/// The last character of a token.
fn end_of(lexed: &Lexed<'_>, token: usize) -> Span {
    let span = lexed.span(token);
    let text = &lexed.text[span.start as usize..span.end as usize];
    let last = text.chars().next_back().map_or(0, char::len_utf8);
    Span { start: span.end - last as u32, ..span }
}
