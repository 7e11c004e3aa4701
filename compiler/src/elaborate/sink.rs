//! Where diagnostics are gathered: one report a mistake.

use super::items::Items;
use nnc_grammar::diagnostic::{Diagnostic, Origin, Role};
use nnc_grammar::span::Span;

/// What is said of a further place where a reported mistake shows.
const ALSO: &str = "and here";

/// Where the sizes and names of a report come from. Reports that say the same of the same roots are one mistake.
fn roots(d: &Diagnostic) -> Vec<Span> {
    d.origins.iter().filter(|o| o.role == Role::Dim).map(|o| o.span).collect()
}

/// Gathers diagnostics; the same mistake seen in several modes or places is one.
#[derive(Debug, Default)]
pub(super) struct Sink {
    pub(super) list: Vec<Diagnostic>,
}

impl Sink {
    /// Adds a report, unless it is known.
    pub(super) fn push(&mut self, d: Diagnostic) {
        let alike = |o: &&mut Diagnostic| o.code == d.code && o.headline == d.headline;
        let root = roots(&d);
        let same_root = |o: &Diagnostic| !root.is_empty() && roots(o) == root;
        match self.list.iter_mut().filter(alike).find(|o| o.primary.span == d.primary.span || same_root(o)) {
            None => self.list.push(d),
            Some(first) => {
                let at = d.primary.span;
                if first.primary.span != at && !first.origins.iter().any(|o| o.span == at) {
                    first.origins.push(Origin { span: at, text: ALSO.into(), role: Role::CallSite });
                }
            }
        }
    }

    /// Adds several.
    pub(super) fn extend(&mut self, list: Vec<Diagnostic>) {
        for d in list {
            self.push(d);
        }
    }

    /// The reports, the user's texts first, by place.
    pub(super) fn finish(mut self, items: &Items<'_>) -> Vec<Diagnostic> {
        self.list.sort_by_key(|d| {
            let span = d.primary.span;
            (items.is_library(span.source), span, d.severity)
        });
        self.list
    }
}
