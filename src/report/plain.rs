//! Errors without a place in a program: an unwritable folder, a file that is not there, a choice on the command line.

use nnc_grammar::codes::{self, Code};
use nnc_grammar::diagnostic::Severity;
use nnc_runtime::checkpoint::CheckpointError;

use super::{Look, headline, remark};

/// Such an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plain {
    /// Which kind of mistake.
    pub(crate) code: Code,
    /// One line that stands alone.
    pub(crate) headline: String,
    /// What else bears on it.
    pub(crate) notes: Vec<String>,
    /// What to do.
    pub(crate) help: Option<String>,
}

impl Plain {
    /// An error of that code.
    pub(crate) fn new(code: Code, headline: impl Into<String>) -> Plain {
        Plain { code, headline: headline.into(), notes: vec![], help: None }
    }

    /// The same error with a note.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Plain {
        self.notes.push(note.into());
        self
    }

    /// The same error with advice.
    pub(crate) fn help(self, help: impl Into<String>) -> Plain {
        Plain { help: Some(help.into()), ..self }
    }

    /// As text, with a line break at its end.
    pub(crate) fn render(&self, look: Look) -> String {
        let mut text = headline(look, Severity::Error, self.code.name, &self.headline);
        self.notes.iter().for_each(|note| remark(&mut text, look, "note", note));
        self.help.iter().for_each(|help| remark(&mut text, look, "help", help));
        text
    }
}

impl From<CheckpointError> for Plain {
    fn from(error: CheckpointError) -> Plain {
        Plain { help: error.help.clone(), ..Plain::new(codes::FILE, error.to_string()) }
    }
}
