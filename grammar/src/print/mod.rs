//! The canonical text of a program. The tree decides what is written, the source decides where its author broke lines:
//! pipes keep their lines, blocks on one line stay there, single blank lines and comments stay in their places. The text is
//! a fixed point: formatting it again changes nothing, and parsing it gives the same tree.

mod broken;
mod comments;
mod flat;
mod items;
mod layout;
mod stmts;

use crate::ast::{Block, File, Layout, Selector, TypeExpr};
use crate::diagnostic::Diagnostic;
use crate::lex::{Comment, lex};
use crate::parse::parse;
use crate::span::{SourceId, Sources};

/// The longest line, in characters.
pub const WIDTH: usize = 120;

/// Blanks for each level of blocks.
const INDENT: usize = 4;

/// The canonical text of a source, or its diagnostics if any of them is an error.
pub fn format(sources: &Sources, id: SourceId) -> Result<String, Vec<Diagnostic>> {
    let (file, diagnostics) = parse(sources, id);
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(diagnostics);
    }
    let text = sources.get(id).map_or("", |s| s.text.as_str());
    let comments = lex(id, text).comments;
    let taken = vec![false; comments.len()];
    Ok(Printer { text: Some(text), comments, taken }.file(&file))
}

/// The text of a tree alone: no comments but the items' own, and line breaks where the width or a block asks for them.
pub fn print_file(file: &File) -> String {
    Printer { text: None, comments: vec![], taken: vec![] }.file(file)
}

/// The canonical text of a type.
pub fn print_type(ty: &TypeExpr) -> String {
    Printer { text: None, comments: vec![], taken: vec![] }.ty(ty).unwrap_or_default()
}

/// The canonical text of selections of parameters.
pub fn print_selectors(selectors: &[Selector]) -> String {
    Printer { text: None, comments: vec![], taken: vec![] }.selectors(selectors)
}

/// The canonical text of how another system keeps a tensor.
pub fn print_layout(layout: &Layout) -> String {
    Printer { text: None, comments: vec![], taken: vec![] }.layout(layout).unwrap_or_default()
}

/// What the text is made from.
struct Printer<'a> {
    /// The source; none to print a tree alone.
    text: Option<&'a str>,
    /// The comments of the source.
    comments: Vec<Comment>,
    /// Which of them are written already.
    taken: Vec<bool>,
}

impl Printer<'_> {
    /// Whether a block was written on one line. Of a tree alone, whether it can be.
    fn on_one_line(&self, block: &Block) -> bool {
        match self.text.and_then(|t| t.get(block.span.start as usize..block.span.end as usize)) {
            Some(text) => !text.contains('\n'),
            None => block.stmts.len() <= 1,
        }
    }
}

/// Width of a text that holds no newline, in characters.
fn width(text: &str) -> usize {
    text.chars().count()
}

/// Width of the last line of a text that begins at a column.
fn last_column(text: &str, column: usize) -> usize {
    match text.rsplit_once('\n') {
        Some((_, last)) => width(last),
        None => column + width(text),
    }
}
