//! Where rows come from and how they are split: `source: csv("file.csv")`, `split: holdout(valid = 0.1)`.

use super::Elab;
use super::value::Value;
use crate::program::SourceSpec;
use nnc_grammar::ast::{Arg, Expr, ExprKind, Name};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;
use nnc_runtime::data::{DataError, Format, Schema};

impl<'a> Elab<'a> {
    /// `idx("path")`, `images("path", size = [32, 32])`
    pub(super) fn source_spec(&mut self, e: &'a Expr) -> Option<SourceSpec> {
        let readers = Format::ALL.map(|format| format.name());
        let help = "write `idx(\"folder\")`, `images(\"folder\")`, `wav(\"folder\")`, `csv(\"file.csv\")`, `npy(\"folder\")`, \
                    `lines(\"file.txt\")` or `text(\"file.txt\", window = 65)`";
        let (callee, args) = match &e.kind {
            ExprKind::Call { callee, args } => (callee, args),
            _ => {
                self.report(
                    Diagnostic::error(codes::WRONG_KIND, e.span, "a source is a reader and its path").help(help),
                );
                return None;
            }
        };
        let ExprKind::Name(reader) = &callee.kind else {
            self.report(
                Diagnostic::error(codes::WRONG_KIND, callee.span, "a source is a reader and its path").help(help),
            );
            return None;
        };
        let Some(format) = Format::named(reader) else {
            let d = Diagnostic::error(codes::UNKNOWN_NAME, callee.span, format!("there is no reader `{reader}`"));
            let name = Name { text: reader.clone(), span: callee.span };
            let d = super::suggest::suggest(d, &name, readers.into_iter());
            self.report(d.note(format!("readers of this version: {}", readers.join(", "))));
            return None;
        };
        let (settings, paths): (Vec<&'a Arg>, Vec<&'a Arg>) = args.iter().partition(|arg| arg.name.is_some());
        let [arg] = paths.as_slice() else {
            let code = if paths.is_empty() { codes::MISSING_ARGUMENT } else { codes::TOO_MANY_ARGUMENTS };
            self.report(Diagnostic::error(code, e.span, format!("`{reader}` takes one path")).help(help));
            return None;
        };
        let format = self.reader_settings(format, &settings, e.span)?;
        match self.expr(&arg.value) {
            Value::Text(path) => Some(SourceSpec { format, path, span: arg.value.span }),
            other => {
                self.wrong_kind(&other, arg.value.span, "a path in quotes");
                None
            }
        }
    }

    /// `holdout(valid = 0.1, test = 0.2)`
    pub(super) fn holdout(&mut self, e: &'a Expr) -> Option<(f64, f64)> {
        let args = match &e.kind {
            ExprKind::Call { callee, args } if matches!(&callee.kind, ExprKind::Name(n) if n == "holdout") => args,
            _ => {
                let d = Diagnostic::error(codes::WRONG_KIND, e.span, "a split is `holdout(valid = …)`");
                self.report(d.help("write `holdout(valid = 0.1)`, with `test = 0.2` for a source without a test part"));
                return None;
            }
        };
        let mut shares = (0.0, 0.0);
        for (i, arg) in args.iter().enumerate() {
            let same = |other: &&nnc_grammar::ast::Arg| {
                other.name.as_ref().map(|n| &n.text) == arg.name.as_ref().map(|n| &n.text)
            };
            if let Some(first) = args[..i].iter().find(same).filter(|_| arg.name.is_some()) {
                let d = Diagnostic::error(codes::DUPLICATE_ARGUMENT, arg.span, "this share is given twice");
                self.report(d.origin(Role::Previous, first.span, "first given here"));
                return None;
            }
            let place = match arg.name.as_ref().map(|n| n.text.as_str()) {
                Some("valid") => &mut shares.0,
                Some("test") => &mut shares.1,
                _ => {
                    let at = arg.name.as_ref().map_or(arg.span, |n| n.span);
                    let d = Diagnostic::error(
                        codes::UNKNOWN_ARGUMENT,
                        at,
                        "`holdout` has the arguments `valid` and `test`",
                    );
                    let d = match &arg.name {
                        Some(name) => super::suggest::suggest(d, name, ["valid", "test"].into_iter()),
                        None => d.help("name it: `valid = 0.1`"),
                    };
                    self.report(d);
                    return None;
                }
            };
            let value = self.expr(&arg.value);
            *place = self.share(&value, arg.value.span, "a share")?;
        }
        Some(shares)
    }

    /// Rows that are left to train on.
    pub(super) fn train_rows(&mut self, schema: &Schema, (valid, test, span): (f64, f64, Span)) -> Option<usize> {
        use nnc_runtime::data::split::{Choice, Holdout, split};
        match split(schema.train_rows, schema.test_rows, Holdout { valid, test }, Choice::Sequential) {
            Ok(split) => Some(split.train.len()),
            Err(e) => {
                self.report(Diagnostic::error(codes::OUT_OF_RANGE, span, e.to_string()));
                None
            }
        }
    }
}

/// A data error at a place of the text.
pub(super) fn data_error(span: Span, e: &DataError) -> Diagnostic {
    let place = e.place.as_ref().map_or_else(String::new, |p| format!(", {p}"));
    let d = Diagnostic::error(codes::DATA, span, e.what.clone()).label(format!("{}{place}", e.file.display()));
    match &e.help {
        Some(help) => d.help(help.clone()),
        None => d,
    }
}
