//! What the stages show, as lines.

use crate::page::Mark;
use nnc_compiler::elaborate::Checked;
use nnc_compiler::ir::graph::Graph;
use nnc_compiler::ir::print::print;
use nnc_compiler::program::{Program, State};
use nnc_grammar::diagnostic::{Diagnostic, Fix, Severity};
use nnc_grammar::span::{SourceId, Sources, Span};

fn code(d: &Diagnostic) -> String {
    let severity = if d.severity == Severity::Error { "error" } else { "warning" };
    format!("{severity}[{}]", d.code.name)
}

/// The places that reports about the page point at.
pub(crate) fn marks(checked: &Checked) -> Vec<Mark> {
    let own = checked.diagnostics.iter().filter(|d| d.primary.span.source == SourceId(0));
    own.map(|d| {
        let at = checked.sources.line_column(d.primary.span);
        Mark { line: at.line, column: at.column, code: code(d), text: d.headline.clone() }
    })
    .collect()
}

/// All reports with everything they say.
pub(crate) fn reports(checked: &Checked) -> Vec<String> {
    let place = |span| place(&checked.sources, span);
    let mut out = vec![];
    for d in &checked.diagnostics {
        out.push(format!("{} {}: {}", place(d.primary.span), code(d), d.headline));
        out.push(format!("  `{}` {}", one_line(checked.sources.text(d.primary.span)), d.primary.text));
        for o in &d.origins {
            let text = one_line(checked.sources.text(o.span));
            out.push(format!("  {:?} at {} `{text}`: {}", o.role, place(o.span), o.text));
        }
        out.extend(d.notes.iter().map(|n| format!("  note: {n}")));
        out.extend(d.fixes.iter().map(|f| fix(f, &checked.sources)));
    }
    out.iter().map(|l| l.trim_end().to_owned()).collect()
}

fn fix(fix: &Fix, sources: &Sources) -> String {
    let edits: Vec<String> = fix.edits.iter().map(|e| format!(" `{}` → `{}`", sources.text(e.span), e.text)).collect();
    format!("  help: {}{}", fix.title, edits.concat())
}

/// Line and column in the page; the library and used files by name, since their lines move.
fn place(sources: &Sources, span: Span) -> String {
    if span.source != SourceId(0) {
        return sources.get(span.source).map_or_else(|| "?".into(), |s| s.name.clone());
    }
    let at = sources.line_column(span);
    format!("{}:{}", at.line, at.column)
}

/// The beginning of a text, on one line.
fn one_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    let short: String = line.chars().take(60).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

/// A graph as the compiler prints it.
pub(crate) fn graph(graph: &Graph, program: &Program) -> Vec<String> {
    print(graph, program).lines().map(str::to_owned).collect()
}

/// A state with its type and role.
pub(crate) fn state(state: &State) -> String {
    format!("{} : {} {:?}", state.path, state.ty, state.role)
}
