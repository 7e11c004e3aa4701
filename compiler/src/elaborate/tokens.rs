//! Text in fields: `chars(text)` and `words(review, most = 10000, cut = 200)` make class numbers of a column, as many classes as
//! the training text has tokens.

use super::Elab;
use super::data::Known;
use super::value::Value;
use nnc_grammar::ast::{Arg, Expr, ExprKind, Name};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;
use nnc_runtime::data::Encoding;
use nnc_runtime::data::tokens::{Tokens, Unit};
use std::sync::Arc;

const ARGUMENTS: [&str; 5] = ["most", "cut", "lower", "begin", "end"];

/// A column of text that is cut into tokens.
pub(super) struct Tokenised<'a> {
    /// The name of the column.
    pub(super) column: &'a str,
    /// Where the column is named.
    pub(super) at: Span,
    /// The class numbers.
    pub(super) encoding: Arc<Encoding>,
}

impl<'a> Elab<'a> {
    /// The call that makes tokens, if `e` is one and nothing of that name is declared.
    pub(super) fn token_call(&self, e: &'a Expr) -> Option<(Unit, &'a [Arg])> {
        let ExprKind::Call { callee, args } = &e.kind else { return None };
        let ExprKind::Name(name) = &callee.kind else { return None };
        let unit = [Unit::Chars, Unit::Words].into_iter().find(|unit| unit.name() == name)?;
        self.items.lookup(self.items.main, name).is_none().then_some((unit, args.as_slice()))
    }

    /// The tokens of a column. `lacking` makes of an error about the source what it is to the block.
    pub(super) fn tokenised(
        &mut self,
        (block, data): (&'a Name, &Known<'a>),
        (unit, args): (Unit, &'a [Arg]),
        span: Span,
        lacking: &dyn Fn(Diagnostic) -> Diagnostic,
    ) -> Option<Tokenised<'a>> {
        let (column, at, tokens) = self.token_arguments(unit, args, span)?;
        let Some(known) = data.schema.columns.iter().find(|c| c.name == column) else {
            let d = self.no_column(data, column, at);
            self.report(lacking(d));
            return None;
        };
        if !known.is_text {
            let d = Diagnostic::error(codes::WRONG_KIND, at, format!("`{column}` is no text"));
            self.report(d.help("tokens are cut from columns of text: those of `csv`, `lines` and `text`"));
            return None;
        }
        let from = self.sources.get(block.span.source).map(|s| s.name.clone()).unwrap_or_default();
        match self.world.encoding(&from, &data.plan.source, column, &tokens) {
            Ok(encoding) => Some(Tokenised { column, at, encoding }),
            Err(e) => {
                let d = super::source::data_error(at, &e);
                self.report(lacking(d.origin(Role::Data, data.plan.source.span, "the source is named here")));
                None
            }
        }
    }

    fn token_arguments(&mut self, unit: Unit, args: &'a [Arg], span: Span) -> Option<(&'a str, Span, Tokens)> {
        let (mut column, mut tokens) = (None, Tokens::of(unit));
        for (i, arg) in args.iter().enumerate() {
            let same = |other: &&Arg| other.name.as_ref().map(|n| &n.text) == arg.name.as_ref().map(|n| &n.text);
            if let Some(first) = args[..i].iter().find(same) {
                let what = format!("`{}` takes one column", unit.name());
                let what = arg.name.as_ref().map_or(what, |name| format!("`{}` is given twice", name.text));
                let d = Diagnostic::error(codes::DUPLICATE_ARGUMENT, arg.span, what);
                let d = d.origin(Role::Previous, first.span, "first given here");
                self.report(match arg.name {
                    Some(_) => d,
                    None => d.note(format!("the others are given by name: {}", ARGUMENTS.join(", "))),
                });
                return None;
            }
            match (arg.name.as_ref().map(|name| name.text.as_str()), &arg.value.kind) {
                (None, ExprKind::Name(name)) => column = Some((name.as_str(), arg.value.span)),
                (None, _) => {
                    let d = Diagnostic::error(codes::WRONG_KIND, arg.value.span, "the name of a column is needed here");
                    self.report(d.help(format!("write `{}(column)`", unit.name())));
                    return None;
                }
                (Some("most"), _) => {
                    // Four numbers are the same in every vocabulary, and a token beside them is the least.
                    tokens.most = Some(self.token_count(&arg.value, "the number of classes", 5)?);
                }
                (Some("cut"), _) => tokens.cut = Some(self.token_count(&arg.value, "the number of tokens", 1)?),
                (Some("lower"), _) => tokens.lower = self.token_flag(&arg.value)?,
                (Some("begin"), _) => tokens.begin = self.token_flag(&arg.value)?,
                (Some("end"), _) => tokens.end = self.token_flag(&arg.value)?,
                (Some(_), _) => {
                    let name = arg.name.as_ref()?;
                    let headline = format!("`{}` has no argument `{}`", unit.name(), name.text);
                    let d = Diagnostic::error(codes::UNKNOWN_ARGUMENT, name.span, headline);
                    let d = super::suggest::suggest(d, name, ARGUMENTS.into_iter());
                    self.report(d.note(format!("its arguments are the column, {}", ARGUMENTS.join(", "))));
                    return None;
                }
            }
        }
        let Some((column, at)) = column else {
            let headline = format!("`{}` also needs the column that it cuts", unit.name());
            self.report(Diagnostic::error(codes::MISSING_ARGUMENT, span, headline));
            return None;
        };
        Some((column, at, tokens))
    }

    fn token_count(&mut self, e: &'a Expr, what: &str, least: i64) -> Option<usize> {
        match self.expr(e) {
            Value::Invalid => None,
            value => self.count(&value, e.span, what, least),
        }
    }

    fn token_flag(&mut self, e: &'a Expr) -> Option<bool> {
        match self.expr(e) {
            Value::Bool(flag) => Some(flag),
            other => {
                self.wrong_kind(&other, e.span, "`true` or `false`");
                None
            }
        }
    }
}
