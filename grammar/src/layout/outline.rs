//! Where items and statements begin and end. A chunk is one of them: a range of tokens, with the blocks inside it as
//! chunks of their own. Every token of the text lies in exactly one chunk, apart from stray closers and separators.

use super::MAX_DEPTH;
use super::brackets::{Brackets, Partner};
use super::words::{Break, line_break};
use crate::codes;
use crate::diagnostic::{Diagnostic, Role, Safety};
use crate::lex::{Fault, Kind, Lexed};
use crate::span::Span;

/// An item or a statement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chunk {
    /// First token.
    pub(crate) start: usize,
    /// One past the last token.
    pub(crate) end: usize,
    /// The blocks in it, in order.
    pub(crate) blocks: Vec<Block>,
    /// Whether brackets nest too deeply in it for the recursive stages.
    pub(crate) too_deep: bool,
}

/// A block.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// The `{`.
    pub(crate) open: usize,
    /// One past the last token inside.
    pub(crate) end: usize,
    /// The `}`, if there is one.
    pub(crate) close: Option<usize>,
    /// The statements.
    pub(crate) chunks: Vec<Chunk>,
}

impl Chunk {
    /// The tokens of the chunk that are in none of its blocks; the braces are among them.
    pub(crate) fn own(&self) -> impl Iterator<Item = usize> + '_ {
        let mut at = self.start;
        let mut blocks = self.blocks.iter().peekable();
        std::iter::from_fn(move || {
            if at >= self.end {
                return None;
            }
            let here = at;
            at += 1;
            if let Some(block) = blocks.next_if(|b| b.open == here) {
                at = block.end;
            }
            Some(here)
        })
    }
}

/// The outline of a text.
#[derive(Debug)]
pub(crate) struct Outline {
    /// The items.
    pub(crate) chunks: Vec<Chunk>,
    /// Statements that go on where the language ends them.
    pub(crate) faults: Vec<Fault>,
    /// Stray closers that stand between statements.
    pub(crate) strays: Vec<usize>,
}

/// Finds the chunks of a text.
pub(crate) fn outline(lexed: &Lexed<'_>, brackets: &mut Brackets) -> Outline {
    let mut walker = Walker { lexed, brackets, faults: vec![], strays: vec![], early: vec![] };
    let chunks = walker.walk(0, lexed.tokens.len(), 0);
    let Walker { faults, strays, early, .. } = walker;
    for (stray, close) in early {
        if let Some(fault) = brackets.faults.iter_mut().find(|f| f.token == stray) {
            let origin = (Role::Previous, lexed.span(close), "the block is closed here already");
            fault.diagnostic = fault.diagnostic.clone().origin(origin.0, origin.1, origin.2);
        }
    }
    Outline { chunks, faults, strays }
}

struct Walker<'a, 's> {
    lexed: &'a Lexed<'s>,
    brackets: &'a Brackets,
    faults: Vec<Fault>,
    strays: Vec<usize>,
    /// Stray closers with the closer that took their block.
    early: Vec<(usize, usize)>,
}

impl Walker<'_, '_> {
    /// The chunks of a block's content, which stands inside `depth` brackets.
    fn walk(&mut self, start: usize, end: usize, depth: usize) -> Vec<Chunk> {
        let mut chunks: Vec<Chunk> = vec![];
        let mut at = start;
        while at < end {
            if self.brackets.partner[at] == Partner::Stray {
                if depth == 0 && self.lexed.is(at, "}") {
                    self.reopen(&mut chunks, at);
                }
                self.strays.push(at);
                at += 1;
            } else if self.lexed.kind(at) == Kind::Separator {
                at += 1;
            } else {
                let chunk = self.chunk(at, end, depth);
                at = chunk.end;
                chunks.push(chunk);
            }
        }
        chunks
    }

    /// A `}` too many at the top means that an earlier one closed an item too soon if what lies between is indented
    /// like a body: it goes back into that body.
    fn reopen(&mut self, chunks: &mut Vec<Chunk>, stray: usize) {
        let column = self.lexed.indent(stray);
        let Some(item) = chunks.iter().rposition(|c| self.lexed.indent(c.start) <= column) else { return };
        let Some(close) = chunks[item].blocks.last().and_then(|b| b.close) else { return };
        self.early.push((stray, close));
        let moved = chunks.split_off(item + 1);
        if let Some(block) = chunks[item].blocks.last_mut() {
            block.chunks.extend(moved);
        }
    }

    /// The chunk that begins at a token.
    fn chunk(&mut self, start: usize, limit: usize, depth: usize) -> Chunk {
        let lexed = self.lexed;
        let names_in_braces = lexed.is(start, "use") && lexed.kind(start + 1) == Kind::Str;
        let mut chunk = Chunk { start, ..Chunk::default() };
        // Where each bracket open here ends; none means that newlines count.
        let mut open: Vec<usize> = vec![];
        let mut at = start;
        while at < limit {
            open.retain(|&end| end > at);
            let stray = self.brackets.partner[at] == Partner::Stray;
            if open.is_empty() && at > start && !stray {
                if lexed.kind(at) == Kind::Separator {
                    break;
                }
                if lexed.tokens[at].first {
                    match line_break(lexed, at) {
                        Break::Ends => break,
                        Break::Continues => {}
                        Break::Misplaced => self.misplaced(at),
                    }
                }
            }
            if stray && open.is_empty() && at > start && lexed.tokens[at].first {
                break;
            }
            if lexed.kind(at) != Kind::Open || stray {
                at += 1;
                continue;
            }
            let (end, after) = self.brackets.content(at);
            if depth + open.len() >= MAX_DEPTH {
                chunk.too_deep = true;
                at = after.max(at + 1);
            } else if lexed.is(at, "{") && !names_in_braces {
                let inside = depth + open.len() + 1;
                // A bare block is refused as a whole, so what it holds is not looked at; nor is its refusal worth a
                // report beside that of brackets too deep in it.
                let bare = at == start;
                chunk.too_deep |= bare && self.brackets.deep.iter().any(|&deep| at < deep && deep < end);
                let chunks = if bare { vec![] } else { self.walk(at + 1, end, inside) };
                let close = (after > end).then_some(end);
                chunk.blocks.push(Block { open: at, end, close, chunks });
                at = after.max(at + 1);
            } else {
                open.push(after);
                at += 1;
            }
        }
        chunk.end = at.min(limit).max(start + 1);
        chunk
    }

    /// Records that a token stands on a new line and belongs to the one before.
    fn misplaced(&mut self, at: usize) {
        let lexed = self.lexed;
        let (before, here) = (lexed.span(at - 1), lexed.span(at));
        let gap = Span { start: before.end, end: here.start, ..here };
        let word = lexed.word(at);
        let headline = format!("`{word}` belongs on the line of what it continues");
        let mut diagnostic = Diagnostic::error(codes::SYNTAX, here, headline)
            .label("the statement before ended with its line")
            .origin(Role::Previous, before, "here");
        if lexed.text[before.end as usize..here.start as usize].trim().is_empty() {
            diagnostic = diagnostic.replace("move it to the end of that line", gap, " ", Safety::Safe);
        }
        self.faults.push(Fault { token: at, diagnostic });
    }
}
