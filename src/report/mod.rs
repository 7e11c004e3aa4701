//! Reports for a terminal: one diagnostic as headline, its place, the places it comes from, notes and remedies.
//!
//! The place at fault always comes first and alone, whatever the order in the text; every origin follows with a snippet of
//! its own, from any source. Snippets are drawn by miette from prepared excerpts (see [`excerpt`]); the words around them
//! and the diffs of remedies are ours.

mod excerpt;
mod fix;
pub(crate) mod json;
mod plain;

use std::fmt::Write as _;
use std::io::{self, IsTerminal};

use miette::{GraphicalReportHandler, GraphicalTheme};
use nnc_grammar::diagnostic::{Diagnostic, Severity};
use nnc_grammar::span::Sources;
use owo_colors::{OwoColorize, Style};

pub(crate) use self::plain::Plain;
use excerpt::Excerpt;

/// Reports printed of one file unless all are asked for.
const MOST: usize = 20;

/// How reports are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Colours and line drawing.
    Colour,
    /// Line drawing.
    Lines,
    /// ASCII.
    Plain,
}

impl Look {
    /// What suits the standard error of this process: colours on a terminal unless `NO_COLOR` is set, ASCII elsewhere.
    pub(crate) fn of_stderr() -> Look {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        match (io::stderr().is_terminal(), no_colour) {
            (true, false) => Look::Colour,
            (true, true) => Look::Lines,
            (false, _) => Look::Plain,
        }
    }

    fn theme(self) -> GraphicalTheme {
        match self {
            Look::Colour => GraphicalTheme::unicode(),
            Look::Lines => GraphicalTheme::unicode_nocolor(),
            Look::Plain => GraphicalTheme::none(),
        }
    }

    fn style(self, style: Style) -> Style {
        if self == Look::Colour { style } else { Style::new() }
    }
}

/// All diagnostics of a check, at most twenty unless `all`, and a last line that counts them.
pub(crate) fn render_all(look: Look, sources: &Sources, list: &[Diagnostic], all: bool) -> String {
    let shown = if all { list.len() } else { list.len().min(MOST) };
    let mut text = String::new();
    for diagnostic in &list[..shown] {
        text.push_str(&render(look, sources, diagnostic));
        text.push('\n');
    }
    if shown < list.len() {
        text.push_str(&format!("… and {} more (`--all` shows them)\n", list.len() - shown));
    }
    let errors = list.iter().filter(|d| d.is_error()).count();
    if list.len() > 1 {
        text.push_str(&count(errors, list.len() - errors));
        text.push('\n');
    }
    text
}

/// `2 errors, 1 warning`.
fn count(errors: usize, warnings: usize) -> String {
    let say = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    match (errors, warnings) {
        (errors, 0) => say(errors, "error"),
        (0, warnings) => say(warnings, "warning"),
        (errors, warnings) => format!("{}, {}", say(errors, "error"), say(warnings, "warning")),
    }
}

/// One diagnostic, with a line break at its end.
pub(crate) fn render(look: Look, sources: &Sources, diagnostic: &Diagnostic) -> String {
    let mut text = headline(look, diagnostic.severity, diagnostic.code.name, &diagnostic.headline);
    snippet(&mut text, look, diagnostic.severity, Excerpt::of(sources, &diagnostic.primary));
    for origin in &diagnostic.origins {
        let label = nnc_grammar::diagnostic::Label { span: origin.span, text: origin.text.clone() };
        snippet(&mut text, look, diagnostic.severity, Excerpt::of(sources, &label));
    }
    for note in &diagnostic.notes {
        remark(&mut text, look, "note", note);
    }
    for fix in &diagnostic.fixes {
        remark(&mut text, look, "help", &fix.title);
        fix::diff(&mut text, look, sources, &fix.edits);
    }
    text
}

/// `error[shape-mismatch]: …`.
fn headline(look: Look, severity: Severity, code: &str, headline: &str) -> String {
    let (word, style) = match severity {
        Severity::Error => ("error", Style::new().red().bold()),
        Severity::Warning => ("warning", Style::new().yellow().bold()),
    };
    let (style, bold) = (look.style(style), look.style(Style::new().bold()));
    format!("{}{} {}\n", format_args!("{word}[{code}]").style(style), ":".style(bold), headline.style(bold))
}

/// `  note: …`, further lines below the first.
fn remark(text: &mut String, look: Look, word: &str, what: &str) {
    let style = look.style(Style::new().cyan().bold());
    let what = what.replace('\n', &format!("\n{}", " ".repeat(word.len() + 4)));
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  {}: {what}", word.style(style));
}

fn snippet(text: &mut String, look: Look, severity: Severity, excerpt: Option<Excerpt>) {
    let Some(excerpt) = excerpt.map(|excerpt| excerpt.severity(severity)) else { return };
    let handler = GraphicalReportHandler::new_themed(look.theme())
        .with_context_lines(1)
        .with_wrap_lines(false)
        .without_cause_chain()
        .tab_width(4);
    let mut drawn = String::new();
    if handler.render_report(&mut drawn, &excerpt).is_ok() {
        // The first line is the empty message of the excerpt; headlines are ours.
        text.push_str(drawn.split_once('\n').map_or("", |(_, snippet)| snippet));
    }
}

#[cfg(test)]
mod tests;
