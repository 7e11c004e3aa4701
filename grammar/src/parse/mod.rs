//! The parser. A tolerant pass finds items and statements ([`crate::layout`]); each is then read on its own by the strict
//! parser that pest makes of `nn.pest`, and one it refuses becomes an `Invalid` node that still says which names it would
//! have bound. So k mistakes in k statements give k reports, and what is right is checked all the same. Only the files of
//! this folder know pest.

mod build;
mod foreign;
mod grammar;
mod mistakes;
mod values;

use crate::ast::{Block, File, Item, ItemKind, Name, Stmt, StmtKind};
use crate::codes;
use crate::diagnostic::{Diagnostic, Safety};
use crate::layout::brackets::{Brackets, match_brackets};
use crate::layout::fragment::Fragment;
use crate::layout::outline::{self, Chunk, outline};
use crate::layout::{MAX_DEPTH, MAX_HEIGHT};
use crate::lex::{Fault, Kind, Lexed, lex};
use crate::span::{SourceId, Sources, Span};
use build::Builder;
use grammar::Rule;

/// The language version that this parser reads.
pub const LANGUAGE_VERSION: u32 = 1;

/// Parses a source. The tree is always there; the program is fit for use when no diagnostic is an error. At most one
/// syntax error is reported for each statement, and none for what an earlier mistake explains.
pub fn parse(sources: &Sources, id: SourceId) -> (File, Vec<Diagnostic>) {
    let text = sources.get(id).map_or("", |s| s.text.as_str());
    let lexed = lex(id, text);
    let mut brackets = match_brackets(&lexed);
    let outline = outline(&lexed, &mut brackets);
    let mut faults: Vec<Fault> = lexed.faults.iter().chain(&brackets.faults).chain(&outline.faults).cloned().collect();
    faults.sort_by_key(|f| f.token);
    let mut parser = Parser {
        lexed: &lexed,
        brackets: &brackets,
        faults,
        diagnostics: lexed.loose.clone(),
        missing_blocks: vec![],
        reported: false,
    };
    for &deep in &brackets.deep {
        let headline = format!("brackets are nested more than {MAX_DEPTH} deep");
        parser.diagnostics.push(Diagnostic::error(codes::TOO_DEEP, lexed.span(deep), headline));
    }
    let mut file = File { source: id, version: None, items: vec![] };
    let mut chunks = outline.chunks.as_slice();
    if let Some((first, rest)) = chunks.split_first()
        && lexed.is(first.start, "nn")
        && lexed.kind(first.start + 1) == Kind::Number
    {
        file.version = parser.version(first);
        chunks = rest;
    } else if chunks.is_empty() && parser.diagnostics.is_empty() && parser.faults.is_empty() {
        parser.diagnostics.push(empty_file(&lexed));
    }
    parser.items(&mut file, chunks);
    parser.strays(&outline.strays);
    parser.left_over();
    let mut diagnostics = parser.diagnostics;
    diagnostics.sort_by_key(|d| d.primary.span.start);
    (file, diagnostics)
}

fn empty_file(lexed: &Lexed<'_>) -> Diagnostic {
    Diagnostic::error(codes::EMPTY_FILE, lexed.last_visible(), "the file declares nothing")
        .help("the smallest model is `model Line(x: [batch, n]) -> [batch, 1] { x |> Dense(1) }`")
}

/// The state of one parse.
struct Parser<'a, 's> {
    lexed: &'a Lexed<'s>,
    brackets: &'a Brackets,
    /// Mistakes in tokens and brackets, by token.
    faults: Vec<Fault>,
    diagnostics: Vec<Diagnostic>,
    /// The ends of heads without the block they need.
    missing_blocks: Vec<usize>,
    /// Whether a mistake was reported in the tokens of the chunk read last.
    reported: bool,
}

/// What the strict parser is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Goal {
    Item,
    Statement { train: bool },
}

impl Parser<'_, '_> {
    fn span(&self, chunk: &Chunk) -> Span {
        self.lexed.span(chunk.start).to(self.lexed.span(chunk.end.saturating_sub(1).max(chunk.start)))
    }

    fn version(&mut self, chunk: &Chunk) -> Option<(u32, Span)> {
        let fragment = Fragment::new(self.lexed, self.brackets, chunk, &[]);
        let span = self.span(chunk);
        if let Err(failure) = grammar::read(Rule::one_version, &fragment.text) {
            if !self.report_fault(chunk) {
                let (diagnostic, _) = mistakes::explain(self.lexed, chunk, &fragment, &failure, Goal::Item);
                self.diagnostics.push(diagnostic);
            }
            return None;
        }
        let written = self.lexed.word(chunk.start + 1);
        let version = written.parse().ok();
        if version != Some(LANGUAGE_VERSION) && !self.report_fault(chunk) {
            let headline = format!("this program reads language version {LANGUAGE_VERSION}, not {written}");
            let place = self.lexed.span(chunk.start + 1);
            let diagnostic = Diagnostic::error(codes::BAD_VERSION, place, headline);
            let title = format!("write `nn {LANGUAGE_VERSION}` if the file holds nothing newer");
            let version = LANGUAGE_VERSION.to_string();
            self.diagnostics.push(diagnostic.replace(title, place, version, Safety::ChangesMeaning));
        }
        version.map(|v| (v, span))
    }

    fn items(&mut self, file: &mut File, chunks: &[Chunk]) {
        let mut previous_end = 0;
        // The column of a broken head without a block: deeper lines below it were meant as its body.
        let mut bodiless: Option<(usize, bool)> = None;
        for chunk in chunks {
            let column = self.lexed.indent(chunk.start);
            if let Some((_, statements)) = bodiless.filter(|(head, _)| column > *head) {
                if statements {
                    self.statement(chunk, false);
                }
                continue;
            }
            let missing = self.missing_blocks.len();
            let item = self.item(chunk, previous_end);
            previous_end = item.span.end as usize;
            let broken = matches!(item.kind, ItemKind::Invalid(_)) && chunk.blocks.is_empty();
            bodiless = broken.then_some((column, self.missing_blocks.len() > missing));
            file.items.push(item);
        }
    }

    /// Reports closers without opener, but for those whose opener is known to be missing.
    fn strays(&mut self, strays: &[usize]) {
        let mut missing = std::mem::take(&mut self.missing_blocks);
        for &stray in strays {
            let known = missing.iter().position(|&end| end <= stray && self.lexed.is(stray, "}"));
            if let Some(known) = known {
                missing.remove(known);
                continue;
            }
            let fault = self.faults.iter().find(|f| f.token == stray).map(|f| f.diagnostic.clone());
            self.diagnostics.extend(fault);
        }
    }

    fn item(&mut self, chunk: &Chunk, previous_end: usize) -> Item {
        let span = self.span(chunk);
        let doc = self.doc(previous_end, span.start as usize);
        let train = self.lexed.is(chunk.start, "train");
        let kind = self.chunk(chunk, train, Goal::Item, |builder, pair| builder.item(pair));
        let kind = kind.unwrap_or_else(|| ItemKind::Invalid(self.item_name(chunk)));
        Item { doc, span, kind }
    }

    fn block(&mut self, block: &outline::Block, train: bool) -> Block {
        let open = self.lexed.span(block.open);
        let close = block.close.unwrap_or(block.end.saturating_sub(1).max(block.open));
        let count = block.chunks.len();
        let mut stmts = vec![];
        for (at, chunk) in block.chunks.iter().enumerate() {
            let stmt = self.statement(chunk, train);
            if let (StmtKind::Expr(value), true) = (&stmt.kind, at + 1 < count)
                && !self.reported
                && !values::does_something(value)
            {
                self.diagnostics.push(mistakes::unused_value(self.lexed, chunk, value));
            }
            stmts.push(stmt);
        }
        Block { stmts, span: open.to(self.lexed.span(close)) }
    }

    fn statement(&mut self, chunk: &Chunk, train: bool) -> Stmt {
        let span = self.span(chunk);
        let kind = self.chunk(chunk, train, Goal::Statement { train }, |builder, pair| builder.stmt(pair));
        let kind = kind.unwrap_or_else(|| StmtKind::Invalid(self.statement_names(chunk)));
        Stmt { kind, span }
    }

    /// Reads a chunk with the strict parser. Its blocks are read whatever becomes of its own tokens.
    fn chunk<T>(
        &mut self,
        chunk: &Chunk,
        train: bool,
        goal: Goal,
        build: impl FnOnce(&mut Builder<'_>, pest::iterators::Pair<'_, Rule>) -> Option<T>,
    ) -> Option<T> {
        let opaque = chunk.too_deep || self.too_high(chunk);
        let mut blocks = std::collections::HashMap::new();
        for block in &chunk.blocks {
            let tree = self.block(block, train);
            blocks.insert(tree.span.start, tree);
        }
        let known = self.report_fault(chunk) || opaque;
        if opaque {
            return None;
        }
        let advice = if known {
            None
        } else {
            foreign::before(self.lexed, chunk, goal).or_else(|| foreign::qualified(self.lexed, chunk))
        };
        let instead = advice.as_ref().map_or(&[][..], |a| a.instead.as_slice());
        let fragment = Fragment::new(self.lexed, self.brackets, chunk, instead);
        let rule = if goal == Goal::Item { Rule::one_item } else { Rule::one_stmt };
        let result = grammar::read(rule, &fragment.text);
        let known = known || advice.is_some();
        self.diagnostics.extend(advice.map(|a| a.diagnostic));
        let pair = match result {
            Ok(pair) => pair,
            Err(failure) => {
                if !known {
                    let (diagnostic, block_missing) = mistakes::explain(self.lexed, chunk, &fragment, &failure, goal);
                    self.diagnostics.push(diagnostic);
                    if block_missing {
                        self.missing_blocks.push(chunk.end);
                    }
                }
                return None;
            }
        };
        let mut builder = Builder { fragment: &fragment, blocks, train, errors: vec![] };
        let built = pair.into_inner().next().and_then(|inner| build(&mut builder, inner));
        let error = builder.errors.into_iter().next().filter(|_| !known);
        self.reported = known || error.is_some();
        self.diagnostics.extend(error);
        built
    }

    /// Reports the first mistake in the tokens of a chunk, together with the safe repairs of the same kind in it.
    fn report_fault(&mut self, chunk: &Chunk) -> bool {
        let from = self.faults.partition_point(|f| f.token < chunk.start);
        let to = self.faults.partition_point(|f| f.token < chunk.end);
        if from == to {
            return false;
        }
        let mut own = self.faults[from..to].iter().filter(|f| owns(chunk, f.token)).map(|f| &f.diagnostic);
        let Some(mut first) = own.next().cloned() else { return false };
        let more: Vec<_> = own.filter(|d| d.code == first.code).filter_map(|d| d.fixes.first()).collect();
        if let Some(fix) = first.fixes.first_mut().filter(|f| f.safety == Safety::Safe && !more.is_empty()) {
            fix.edits.extend(more.iter().filter(|f| f.safety == Safety::Safe).flat_map(|f| f.edits.clone()));
            fix.title = format!("{} (and {} more in this statement)", fix.title, more.len());
        }
        self.diagnostics.push(first);
        true
    }

    /// Mistakes after the last token.
    fn left_over(&mut self) {
        let count = self.lexed.tokens.len();
        let late = self.faults.iter().filter(|f| f.token >= count).map(|f| f.diagnostic.clone());
        self.diagnostics.extend(late.take(1));
    }

    /// Whether operators and calls side by side would make the tree too high; reports it.
    fn too_high(&mut self, chunk: &Chunk) -> bool {
        let mut levels = vec![0_usize];
        let mut height = 0;
        for at in chunk.own() {
            let kind = self.lexed.kind(at);
            let word = self.lexed.word(at);
            let grows = match kind {
                Kind::Symbol => !matches!(word, "," | "=" | ":" | "->"),
                Kind::Word => matches!(word, "and" | "or" | "not" | "else" | "fresh"),
                Kind::Open => true,
                _ => false,
            };
            if grows && let Some(level) = levels.last_mut() {
                *level += 1;
                height += 1;
            }
            match kind {
                Kind::Open => levels.push(0),
                Kind::Close if levels.len() > 1 => height -= levels.pop().unwrap_or(0),
                Kind::Symbol if matches!(word, "," | "=" | ":") => {
                    if let Some(level) = levels.last_mut() {
                        height -= std::mem::take(level);
                    }
                }
                _ => {}
            }
            if height > MAX_HEIGHT {
                let headline = format!("an expression has more than {MAX_HEIGHT} operators and calls on one another");
                let diagnostic = Diagnostic::error(codes::TOO_DEEP, self.lexed.span(at), headline);
                self.diagnostics.push(diagnostic.help("bind a part of it to a name"));
                return true;
            }
        }
        false
    }

    /// The `///` lines that stand directly before a byte.
    fn doc(&self, from: usize, to: usize) -> Option<String> {
        let first = self.lexed.comments.partition_point(|c| c.start < from);
        let last = self.lexed.comments.partition_point(|c| c.start < to);
        let mut lines = vec![];
        let mut below = to;
        for comment in self.lexed.comments[first..last].iter().rev() {
            let gap = &self.lexed.text[comment.end..below];
            if !comment.doc || !comment.own_line || gap.matches('\n').count() != 1 {
                break;
            }
            let text = &self.lexed.text[comment.start + 3..comment.end];
            lines.push(text.strip_prefix(' ').unwrap_or(text).trim_end());
            below = comment.start;
        }
        lines.reverse();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    fn name_at(&self, token: usize) -> Name {
        Name { text: self.lexed.word(token).to_owned(), span: self.lexed.span(token) }
    }

    /// The name that a broken item would have declared.
    fn item_name(&self, chunk: &Chunk) -> Option<Name> {
        let second = chunk.start + 1;
        let binds = self.lexed.is(second, "=") || self.lexed.is(second, ":");
        let token = if binds { chunk.start } else { second };
        let named = token < chunk.end && self.lexed.kind(token) == Kind::Word && !self.lexed.is(token, "on");
        named.then(|| self.name_at(token))
    }

    /// The names that a broken statement would have bound: those before its first `=` or `:`.
    fn statement_names(&self, chunk: &Chunk) -> Vec<Name> {
        let mut names = vec![];
        let mut depth = 0_usize;
        for at in chunk.own() {
            match self.lexed.kind(at) {
                Kind::Open => depth += 1,
                Kind::Close => depth = depth.saturating_sub(1),
                Kind::Word if depth == 0 => {
                    let next = at + 1;
                    if ["=", ":", ",", "=="].iter().any(|mark| self.lexed.is(next, mark)) {
                        names.push(self.name_at(at));
                    }
                }
                Kind::Symbol if depth == 0 && matches!(self.lexed.word(at), "=" | "==" | "|>") => break,
                _ => {}
            }
        }
        names
    }
}

/// Whether a token stands in a chunk and in none of its blocks.
fn owns(chunk: &Chunk, token: usize) -> bool {
    (chunk.start..chunk.end).contains(&token) && !chunk.blocks.iter().any(|b| b.open < token && token < b.end)
}

#[cfg(test)]
mod tests;
