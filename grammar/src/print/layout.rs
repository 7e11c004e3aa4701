//! Lines of a block: statements and comments in order, columns aligned among neighbours of one class.

use super::stmts::Class;
use super::{INDENT, Printer, WIDTH, width};
use crate::ast::{Block, Stmt, StmtKind};

/// How much wider than the narrowest the widest column of neighbours may be to be aligned with it.
const MAX_PADDING: usize = 8;

/// The same for columns of types, which differ more.
const MAX_TYPE_PADDING: usize = 24;

/// One statement or comment.
pub(super) struct Entry {
    /// Whether an empty line stands before it.
    pub(super) blank: bool,
    pub(super) class: Class,
    /// Columns before the value.
    pub(super) cells: Vec<String>,
    /// The value and the rest, perhaps over several lines.
    pub(super) rest: String,
    /// The comment on its last line.
    pub(super) trailing: Option<String>,
}

impl Entry {
    /// A line that is aligned with nothing.
    pub(super) fn line(blank: bool, text: String) -> Entry {
        Entry { blank, class: Class::Alone, cells: vec![], rest: text, trailing: None }
    }

    fn text(&self) -> String {
        let mut out = self.cells.join(" ");
        if !out.is_empty() && !self.rest.is_empty() {
            out.push(' ');
        }
        out + &self.rest
    }
}

impl Printer<'_> {
    /// A block over several lines; its `}` stands at `indent`.
    pub(super) fn block(&mut self, block: &Block, indent: usize) -> String {
        let (start, end) = (block.span.start as usize, block.span.end as usize);
        let mut out = "{".to_owned();
        if let Some(comment) = self.take_trailing(start + 1) {
            out += &format!("  {comment}");
        }
        let inner = indent + INDENT;
        let mut entries = vec![];
        for (at, stmt) in block.stmts.iter().enumerate() {
            self.leading(&mut entries, start, stmt.span.start as usize);
            self.stmt(&mut entries, stmt, at == 0, inner);
        }
        self.leading(&mut entries, start, end);
        if let Some(first) = entries.first_mut() {
            first.blank = false;
        }
        if entries.is_empty() && out == "{" {
            return "{}".to_owned();
        }
        out.push('\n');
        out += &lines(entries, inner);
        out + &" ".repeat(indent) + "}"
    }

    /// The comments before a place that nothing has taken yet.
    pub(super) fn leading(&mut self, entries: &mut Vec<Entry>, from: usize, to: usize) {
        for (place, text) in self.take(from, to, |_, _| true) {
            entries.push(Entry::line(self.blank_before(place), text));
        }
    }

    fn stmt(&mut self, entries: &mut Vec<Entry>, stmt: &Stmt, first: bool, indent: usize) {
        let (start, end) = (stmt.span.start as usize, stmt.span.end as usize);
        let blank = self.blank_before(start);
        let Some(pieces) = self.pieces(stmt, first) else { return };
        let head = pieces.cells.join(" ");
        let gap = usize::from(!head.is_empty());
        let column = indent + width(&head) + gap;
        let mut rest = match pieces.value {
            Some(value) => {
                let room = WIDTH.saturating_sub(width(&pieces.tail));
                let bracket = pieces.bracket || (self.bracket_in_list(value) && !pieces.tail.is_empty());
                self.value(value, bracket, indent, column, room)
            }
            None => String::new(),
        };
        rest += &pieces.tail;
        if let StmtKind::Every { body, .. } = &stmt.kind {
            rest += &self.any_block(body, indent, column);
        }
        // What is left stood inside the statement, where no line of its own is printed: it goes above.
        for (_, text) in self.take(start, end, |_, _| true) {
            entries.push(Entry::line(false, text));
        }
        let trailing = self.take_trailing(end);
        entries.push(Entry { blank, class: pieces.class, cells: pieces.cells, rest, trailing });
    }

    /// A block on one line if it was written so and fits there, else over several.
    fn any_block(&mut self, block: &Block, indent: usize, column: usize) -> String {
        match self.flat_block(block) {
            Some(text) if column + width(&text) <= WIDTH => text,
            _ => self.block(block, indent),
        }
    }
}

/// The text of entries, each line at an indentation and ended.
pub(super) fn lines(mut entries: Vec<Entry>, indent: usize) -> String {
    let mut start = 0;
    while start < entries.len() {
        let mut end = start + 1;
        while end < entries.len() && joins(&entries[end - 1], &entries[end]) {
            end += 1;
        }
        align(&mut entries[start..end], indent);
        start = end;
    }
    let texts: Vec<String> = entries.iter().map(Entry::text).collect();
    let mut out = String::new();
    let mut comment_column = 0;
    for (at, (entry, text)) in entries.iter().zip(&texts).enumerate() {
        if entry.blank && at > 0 {
            out.push('\n');
        }
        let begun = out.len();
        if !text.is_empty() {
            out += &" ".repeat(indent);
            out += text;
        }
        if let Some(comment) = &entry.trailing {
            let follows = |i: usize| entries.get(i).is_some_and(|e| e.trailing.is_some()) && !texts[i].contains('\n');
            if text.contains('\n') {
                comment_column = 0;
            } else if at == 0 || !follows(at - 1) || entry.blank {
                // The first of a run of lines with comments sets the column for all.
                let run = (at..entries.len()).take_while(|&i| follows(i) && (i == at || !entries[i].blank));
                let widths = run.map(|i| width(&texts[i])).collect::<Vec<_>>();
                comment_column = widths.into_iter().max().unwrap_or(0);
            }
            let last = out[begun..].rsplit('\n').next().map_or(0, width).saturating_sub(indent);
            out += &" ".repeat(comment_column.saturating_sub(last) + 2);
            out += comment;
        }
        out.push('\n');
    }
    out
}

/// Whether two neighbours are aligned with one another.
fn joins(above: &Entry, below: &Entry) -> bool {
    let single = |e: &Entry| !e.rest.contains('\n');
    above.class == below.class && below.class != Class::Alone && !below.blank && single(above) && single(below)
}

/// Pads the columns of a run of neighbours, unless that would tear them apart.
fn align(run: &mut [Entry], indent: usize) {
    let columns = run.iter().map(|e| e.cells.len()).min().unwrap_or(0);
    // The last cell of all but settings is the `=`, which needs no padding after it.
    let padded =
        if run.first().is_some_and(|e| e.class == Class::Setting) { columns } else { columns.saturating_sub(1) };
    for column in 0..padded {
        let widths: Vec<usize> = run.iter().map(|e| width(&e.cells[column])).collect();
        let widest = widths.iter().copied().max().unwrap_or(0);
        let narrowest = widths.iter().copied().min().unwrap_or(0);
        let limit = if column > 0 { MAX_TYPE_PADDING } else { MAX_PADDING };
        let fits = run.iter().zip(&widths).all(|(e, w)| indent + width(&e.text()) + widest - w <= WIDTH);
        if widest - narrowest > limit || !fits {
            return;
        }
        for (entry, w) in run.iter_mut().zip(&widths) {
            entry.cells[column].push_str(&" ".repeat(widest - w));
        }
    }
}
