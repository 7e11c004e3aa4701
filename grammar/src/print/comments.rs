//! Comments and blank lines of the source, by place.

use super::Printer;
use crate::lex::Comment;

impl Printer<'_> {
    /// Takes the comments that begin in a range and satisfy a condition: their places and texts.
    pub(super) fn take(
        &mut self,
        from: usize,
        to: usize,
        wanted: impl Fn(&Printer<'_>, &Comment) -> bool,
    ) -> Vec<(usize, String)> {
        let first = self.comments.partition_point(|c| c.start < from);
        let last = self.comments.partition_point(|c| c.start < to).max(first);
        let mut found = vec![];
        for at in first..last {
            let comment = self.comments[at];
            if !self.taken[at] && wanted(self, &comment) {
                self.taken[at] = true;
                let text = self.text.and_then(|t| t.get(comment.start..comment.end)).unwrap_or("");
                found.push((comment.start, text.trim_end().to_owned()));
            }
        }
        found
    }

    /// The comment that stands after a place on the same line.
    pub(super) fn take_trailing(&mut self, end: usize) -> Option<String> {
        let text = self.text?;
        let line_end = text.get(end..)?.find('\n').map_or(text.len(), |at| end + at);
        let found = self.take(end, line_end, |printer, comment| {
            printer.text.and_then(|t| t.get(end..comment.start)).is_some_and(|gap| gap.trim().is_empty())
        });
        found.into_iter().next().map(|(_, text)| text)
    }

    /// Whether an empty line stands before a place.
    pub(super) fn blank_before(&self, place: usize) -> bool {
        let before = self.text.and_then(|t| t.get(..place)).unwrap_or("");
        let gap = &before[before.trim_end().len()..];
        gap.bytes().filter(|&b| b == b'\n').count() > 1
    }

    /// Whether a line break stands in a range.
    pub(super) fn breaks(&self, from: usize, to: usize) -> bool {
        self.text.and_then(|t| t.get(from..to)).is_some_and(|gap| gap.contains('\n'))
    }
}
