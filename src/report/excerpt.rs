//! The piece of a source that a snippet shows, made so that every label is visible and every line fits.
//!
//! An excerpt holds its own text: the line of the label and the lines beside it. Long lines are cut around the label, control
//! characters are replaced, a label over several lines ends with its first line, and a label over nothing gets a character
//! to stand under, so that nothing depends on how a renderer treats such cases. Columns count characters.

use std::fmt;

use miette::{Diagnostic, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use nnc_grammar::diagnostic::{Label, Severity};
use nnc_grammar::span::Sources;

/// The most characters of a line.
const WIDTH: usize = 110;

/// A place and the text around it.
#[derive(Debug)]
pub(super) struct Excerpt {
    name: String,
    /// Whole lines, the label's among them.
    text: String,
    /// The number of the first line, from 0.
    first_line: usize,
    /// Line and column of the label in its source, from 0.
    place: (usize, usize),
    /// The label's bytes in `text`.
    span: SourceSpan,
    label: Option<String>,
    severity: Severity,
}

impl Excerpt {
    /// The text around a label; `None` when its source is unknown.
    pub(super) fn of(sources: &Sources, label: &Label) -> Option<Excerpt> {
        let source = sources.get(label.span.source)?;
        let lines: Vec<&str> = source.text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
        let at = sources.line_column(label.span);
        let (mut line, mut column) = (at.line - 1, at.column - 1);
        let (mut start, mut end) = label_columns(&source.text, lines.get(line)?, label, column);
        if start == lines.get(line)?.chars().count() && start == end && lines.get(line)?.trim().is_empty() {
            // Nothing to point at on this line: point at the last character before it.
            if let Some(before) = (0..line).rev().find(|&i| !lines[i].trim().is_empty()) {
                let last = lines[before].trim_end().chars().count() - 1;
                (line, column, start, end) = (before, last, last, last + 1);
            }
        }
        // Blank lines around it tell nothing.
        let blank = |i: usize| lines.get(i).is_none_or(|line| line.trim().is_empty());
        let first_line = if line > 0 && !blank(line - 1) { line - 1 } else { line };
        let last_line = if blank(line + 1) { line } else { line + 1 };
        let mut text = String::new();
        let mut span = (0, 0);
        for (i, shown) in lines.iter().enumerate().take(last_line + 1).skip(first_line) {
            let window = Window::of(shown, if i == line { start } else { 0 }, WIDTH);
            if i == line {
                span = window.bytes(start, end);
                span = (text.len() + span.0, span.1);
            }
            text.push_str(&window.text);
            text.push('\n');
        }
        let name = source.name.clone();
        let label = (!label.text.is_empty()).then(|| label.text.clone());
        let place = (line, column);
        Some(Excerpt { name, text, first_line, place, span: span.into(), label, severity: Severity::Error })
    }

    /// The same excerpt, in the colours of that severity.
    pub(super) fn severity(self, severity: Severity) -> Excerpt {
        Excerpt { severity, ..self }
    }
}

/// First and last-but-one column of a label on its line.
fn label_columns(text: &str, line: &str, label: &Label, column: usize) -> (usize, usize) {
    let length = line.chars().count();
    let covered = text.get(label.span.start as usize..label.span.end as usize).unwrap_or("");
    let first = covered.split('\n').next().unwrap_or("").trim_end_matches('\r').chars().count();
    let start = column.min(length);
    (start, (start + first).min(length))
}

/// The part of a line that is shown.
struct Window {
    text: String,
    /// Columns of the line that were cut off on the left.
    skipped: usize,
    /// Bytes of the mark that stands for them.
    mark: usize,
    /// Columns of the line that are shown.
    shown: usize,
}

impl Window {
    /// At most `limit` characters of `line`, column `focus` among them.
    fn of(line: &str, focus: usize, limit: usize) -> Window {
        let length = line.chars().count();
        let skipped =
            if length <= limit || focus < limit * 3 / 4 { 0 } else { (focus - limit / 4).min(length - limit) };
        let shown = (length - skipped).min(limit);
        let visible = |c: char| if c.is_control() && c != '\t' { '\u{fffd}' } else { c };
        let mut text: String = if skipped > 0 { "…".into() } else { String::new() };
        let mark = text.len();
        text.extend(line.chars().skip(skipped).take(shown).map(visible));
        if skipped + shown < length {
            text.push('…');
        }
        if text.is_empty() {
            text.push(' ');
        }
        Window { text, skipped, mark, shown }
    }

    /// Byte offset and length, at least one character, of columns `start..end` of the line.
    fn bytes(&self, start: usize, end: usize) -> (usize, usize) {
        let offset = |column: usize| {
            let inside = column.saturating_sub(self.skipped).min(self.shown);
            let shown = &self.text[self.mark..];
            self.mark + shown.char_indices().nth(inside).map_or(shown.len(), |(byte, _)| byte)
        };
        let (mut from, mut to) = (offset(start), offset(end));
        if from >= to {
            // A place between characters, or the end of the line: the character there, else the one before.
            match self.text[from..].chars().next() {
                Some(c) => to = from + c.len_utf8(),
                None => {
                    from = self.text.char_indices().next_back().map_or(0, |(byte, _)| byte);
                    to = self.text.len();
                }
            }
        }
        (from, to - from)
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let contents = self.text.read_span(span, before, after)?;
        // Without context it is asked where the label is.
        let (line, column) = match (before, after) {
            (0, 0) => self.place,
            _ => (self.first_line + contents.line(), contents.column()),
        };
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            contents.data(),
            *contents.span(),
            line,
            column,
            contents.line_count(),
        )))
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Excerpt {}

impl Diagnostic for Excerpt {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(LabeledSpan::new_primary_with_span(self.label.clone(), self.span))))
    }
}
