//! Where text goes: results to standard output, everything about them to standard error.

use std::io::{self, IsTerminal, Write};

use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Sources;

use crate::report::{self, Look, Plain};

/// Why a command did not come to its end.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Something was reported already.
    Reported,
    /// An error without a place in a program.
    Plain(Plain),
    /// A signal of this number ended it.
    Signal(u8),
}

impl From<Plain> for Failed {
    fn from(plain: Plain) -> Failed {
        Failed::Plain(plain)
    }
}

/// The terminal, or whatever stands in its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    look: Look,
    /// Whether standard output is left to JSON.
    quiet: bool,
}

impl Console {
    /// The streams of this process.
    pub(crate) fn new() -> Console {
        Console { look: Look::of_stderr(), quiet: false }
    }

    /// The same console, with standard output left to JSON: what a person reads goes to standard error.
    pub(crate) fn quiet(self, quiet: bool) -> Console {
        Console { quiet, ..self }
    }

    /// Whether a person watches standard error.
    pub(crate) fn is_watched(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Text for a person: to standard output, unless that is left to JSON.
    pub(crate) fn say(&self, text: &str) {
        if self.quiet { self.remark(text) } else { print(&mut io::stdout(), text) }
    }

    /// A result: to standard output.
    pub(crate) fn put(&self, text: &str) {
        print(&mut io::stdout(), text);
    }

    /// A remark beside the results: to standard error.
    pub(crate) fn remark(&self, text: &str) {
        print(&mut io::stderr(), text);
    }

    /// An error without a place.
    pub(crate) fn report(&self, plain: &Plain) {
        self.remark(&plain.render(self.look));
    }

    /// A diagnostic; the error to return for it.
    pub(crate) fn fail(&self, sources: &Sources, diagnostic: &Diagnostic) -> Failed {
        self.remark(&report::render(self.look, sources, diagnostic));
        Failed::Reported
    }

    /// All diagnostics of a check.
    pub(crate) fn diagnose(&self, sources: &Sources, list: &[Diagnostic], all: bool) {
        self.remark(&report::render_all(self.look, sources, list, all));
    }
}

/// Writes the text and, where it is missing, a line break at its end. A reader who has gone away (a closed pipe) is no
/// reason to complain.
fn print(stream: &mut dyn Write, text: &str) {
    if text.is_empty() {
        return;
    }
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.write_all(end.as_bytes()));
    let _ = stream.flush();
}
