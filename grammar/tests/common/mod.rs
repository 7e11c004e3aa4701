//! What the tests share: the fixtures, and a parse of one text.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use nnc_grammar::ast::File;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::parse::parse;
use nnc_grammar::span::{SourceId, Sources};

/// The programs that the tests start from; all of them are right.
pub(crate) const FIXTURES: &[(&str, &str)] = &[
    ("mnist.nn", include_str!("../fixtures/mnist.nn")),
    ("library.nn", include_str!("../fixtures/library.nn")),
    ("gan.nn", include_str!("../fixtures/gan.nn")),
    ("everything.nn", include_str!("../fixtures/everything.nn")),
    ("layout.nn", include_str!("../fixtures/layout.nn")),
];

/// A text parsed.
pub(crate) struct Parsed {
    pub(crate) sources: Sources,
    pub(crate) id: SourceId,
    pub(crate) file: File,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Parses a text.
pub(crate) fn parsed(text: &str) -> Parsed {
    let mut sources = Sources::new();
    let id = sources.add("test.nn", text);
    let (file, diagnostics) = parse(&sources, id);
    Parsed { sources, id, file, diagnostics }
}

impl Parsed {
    /// `line:column code headline` of each diagnostic.
    pub(crate) fn reports(&self) -> Vec<String> {
        let line = |d: &Diagnostic| {
            let at = self.sources.line_column(d.primary.span);
            format!("{}:{} {} {}", at.line, at.column, d.code.name, d.headline)
        };
        self.diagnostics.iter().map(line).collect()
    }
}
