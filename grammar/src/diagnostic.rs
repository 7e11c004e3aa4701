//! A diagnostic as data: what is wrong, where, where the numbers in it come from, and what would mend it. No colours, no
//! printing: the terminal, JSON and an editor are renderers of this one value.

use crate::codes::Code;
use crate::span::Span;
use serde::Serialize;

/// How much a diagnostic weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The program is refused.
    Error,
    /// The program is compiled; something in it is probably not meant.
    Warning,
}

/// A span with the words printed under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What is said of it; may be empty.
    pub text: String,
}

/// What an origin contributes to a diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Where a size or an axis name comes from.
    Dim,
    /// Where an element type comes from.
    DType,
    /// Where a name is declared.
    Declaration,
    /// Where the definition at fault was called.
    CallSite,
    /// What the data says.
    Data,
    /// An earlier thing of the same name or purpose.
    Previous,
    /// Another value that has its share in it.
    Share,
}

/// A further place that explains the primary one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The place.
    pub span: Span,
    /// What is said of it.
    pub text: String,
    /// What it contributes.
    pub role: Role,
}

/// One replacement in one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// The text replaced; empty to insert.
    pub span: Span,
    /// The replacement.
    pub text: String,
}

/// What applying a fix promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Safety {
    /// Keeps what the author meant.
    Safe,
    /// Changes the model; the author decides.
    ChangesMeaning,
    /// Has a part that the author must fill in.
    Placeholder,
}

/// A remedy: words, and the edits when they are known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// The help line, an imperative statement.
    pub title: String,
    /// The edits; empty for advice only.
    pub edits: Vec<Edit>,
    /// What applying them promises.
    pub safety: Safety,
    /// Whether the edited program was checked and has fewer errors and no new one.
    pub verified: bool,
}

/// One report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Which mistake this is; a row of [`crate::codes`].
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// One line that stands alone: lower case, no full stop.
    pub headline: String,
    /// The place at fault.
    pub primary: Label,
    /// Where the sizes, names and types involved come from.
    pub origins: Vec<Origin>,
    /// What else bears on it.
    pub notes: Vec<String>,
    /// What would mend it, the best first.
    pub fixes: Vec<Fix>,
}

impl Diagnostic {
    /// An error of `code` at `span`.
    pub fn error(code: Code, span: Span, headline: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Error, code, span, headline.into())
    }

    /// A warning of `code` at `span`.
    pub fn warning(code: Code, span: Span, headline: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Warning, code, span, headline.into())
    }

    fn new(severity: Severity, code: Code, span: Span, headline: String) -> Diagnostic {
        let primary = Label { span, text: String::new() };
        Diagnostic { code, severity, headline, primary, origins: vec![], notes: vec![], fixes: vec![] }
    }

    /// Sets the words under the primary span.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Diagnostic {
        self.primary.text = text.into();
        self
    }

    /// Adds an origin.
    #[must_use]
    pub fn origin(mut self, role: Role, span: Span, text: impl Into<String>) -> Diagnostic {
        self.origins.push(Origin { span, text: text.into(), role });
        self
    }

    /// Adds a note.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Diagnostic {
        self.notes.push(text.into());
        self
    }

    /// Adds advice without edits.
    #[must_use]
    pub fn help(mut self, title: impl Into<String>) -> Diagnostic {
        let fix = Fix { title: title.into(), edits: vec![], safety: Safety::ChangesMeaning, verified: false };
        self.fixes.push(fix);
        self
    }

    /// Adds a fix that replaces the text of `span`.
    #[must_use]
    pub fn replace(
        mut self,
        title: impl Into<String>,
        span: Span,
        text: impl Into<String>,
        safety: Safety,
    ) -> Diagnostic {
        let edits = vec![Edit { span, text: text.into() }];
        self.fixes.push(Fix { title: title.into(), edits, safety, verified: false });
        self
    }

    /// Whether the program must be refused.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
