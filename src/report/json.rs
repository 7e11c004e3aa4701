//! Diagnostics as JSON objects, one a line. Offsets are bytes of the UTF-8 text; lines and columns count from 1, columns in
//! characters.

use nnc_grammar::diagnostic::{Diagnostic, Role, Safety, Severity};
use nnc_grammar::span::{Sources, Span};
use serde::Serialize;

#[derive(Serialize)]
struct Report<'a> {
    event: &'static str,
    severity: Severity,
    code: &'static str,
    headline: &'a str,
    primary: Labelled<'a>,
    origins: Vec<Origin<'a>>,
    notes: &'a [String],
    fixes: Vec<Fix<'a>>,
}

#[derive(Serialize)]
struct Place<'a> {
    file: &'a str,
    start: u32,
    end: u32,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Serialize)]
struct Labelled<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    text: &'a str,
}

#[derive(Serialize)]
struct Origin<'a> {
    role: Role,
    #[serde(flatten)]
    label: Labelled<'a>,
}

#[derive(Serialize)]
struct Fix<'a> {
    title: &'a str,
    safety: Safety,
    verified: bool,
    edits: Vec<Labelled<'a>>,
}

/// One diagnostic as one line, without the line break.
pub(crate) fn line(sources: &Sources, diagnostic: &Diagnostic) -> String {
    let labelled = |span: Span, text| Labelled { place: place(sources, span), text };
    let report = Report {
        event: "diagnostic",
        severity: diagnostic.severity,
        code: diagnostic.code.name,
        headline: &diagnostic.headline,
        primary: labelled(diagnostic.primary.span, &diagnostic.primary.text),
        origins: diagnostic
            .origins
            .iter()
            .map(|origin| Origin { role: origin.role, label: labelled(origin.span, &origin.text) })
            .collect(),
        notes: &diagnostic.notes,
        fixes: diagnostic
            .fixes
            .iter()
            .map(|fix| Fix {
                title: &fix.title,
                safety: fix.safety,
                verified: fix.verified,
                edits: fix.edits.iter().map(|edit| labelled(edit.span, &edit.text)).collect(),
            })
            .collect(),
    };
    // Maps with text keys and finite numbers: serialising them cannot fail.
    serde_json::to_string(&report).unwrap_or_default()
}

fn place(sources: &Sources, span: Span) -> Place<'_> {
    let from = sources.line_column(span);
    let to = sources.line_column(Span { start: span.end, ..span });
    Place {
        file: sources.get(span.source).map_or("", |source| source.name.as_str()),
        start: span.start,
        end: span.end,
        line: from.line,
        column: from.column,
        end_line: to.line,
        end_column: to.column,
    }
}
