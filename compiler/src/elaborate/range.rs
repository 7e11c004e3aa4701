//! `option lr = 0.01 in log(1e-4, 1e-1)`: the values that an option may have, checked for its default and for what the shell sets.

use super::Elab;
use super::num::Num;
use super::value::Value;
use nnc_grammar::ast::{Expr, ExprKind, Name};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};

/// How a range reads.
const HELP: &str = "write `log(1e-4, 1e-1)`, `linear(0, 1)` or a list of values, `[16, 32, 64]`";

/// The values that an option may have.
pub(super) enum Range<'a> {
    /// From a lowest to a highest number; whole ones where both bounds are.
    Between(Num, Num),
    /// One of these.
    OneOf(Vec<Value<'a>>),
}

impl<'a> Elab<'a> {
    /// The range of an option. `log` spreads a search over orders of magnitude, `linear` evenly; both allow the same values.
    pub(super) fn range_of(&mut self, e: &'a Expr) -> Option<Range<'a>> {
        match &e.kind {
            ExprKind::Call { callee, args } if matches!(&callee.kind, ExprKind::Name(n) if n == "log" || n == "linear") =>
            {
                let [low, high] = args.as_slice() else {
                    let d =
                        Diagnostic::error(codes::MISSING_ARGUMENT, e.span, "a range has a lowest and a highest value");
                    self.report(d.help(HELP));
                    return None;
                };
                let logarithmic = matches!(&callee.kind, ExprKind::Name(n) if n == "log");
                let (low, high) = (self.bound(&low.value)?, self.bound(&high.value)?);
                let ascending = low.compare(&high).is_some_and(|order| order.is_lt());
                let positive = low.compare(&Num::int(0)).is_some_and(|order| order.is_gt());
                if !ascending || (logarithmic && !positive) {
                    let what = if ascending { "begins above 0" } else { "ascends" };
                    let d = Diagnostic::error(codes::OUT_OF_RANGE, e.span, format!("a range {what}"));
                    self.report(d.label(format!("this goes from {low} to {high}")));
                    return None;
                }
                Some(Range::Between(low, high))
            }
            ExprKind::List(items) => {
                let values: Vec<Value<'a>> = items.iter().map(|item| self.expr(item)).collect();
                for (item, value) in items.iter().zip(&values) {
                    if !matches!(value, Value::Num(_) | Value::Bool(_) | Value::Text(_) | Value::Invalid) {
                        self.wrong_kind(value, item.span, "a number, a truth value or a text");
                        return None;
                    }
                }
                Some(Range::OneOf(values))
            }
            _ => {
                self.report(Diagnostic::error(codes::WRONG_KIND, e.span, "this is no range").help(HELP));
                None
            }
        }
    }

    fn bound(&mut self, e: &'a Expr) -> Option<Num> {
        match self.expr(e) {
            Value::Num(n) => Some(n),
            other => {
                self.wrong_kind(&other, e.span, "a number");
                None
            }
        }
    }

    /// Reports a value of an option outside its range; `set` is what the shell has written.
    pub(super) fn check_range(
        &mut self,
        (name, default, written): (&'a Name, &'a Expr, &'a Expr),
        range: &Range<'a>,
        value: &Value<'a>,
        set: Option<&str>,
    ) {
        let wanted = match (range, value) {
            (_, Value::Invalid) => return,
            (Range::Between(low, high), Value::Num(n)) => {
                let within = n.compare(low).is_some_and(|o| o.is_ge()) && n.compare(high).is_some_and(|o| o.is_le());
                let whole = low.as_int().is_some() && high.as_int().is_some();
                match (within, whole && n.as_int().is_none()) {
                    (true, false) => return,
                    (true, true) => "a whole number".to_owned(),
                    (false, _) => format!("a number from {low} to {high}"),
                }
            }
            (Range::Between(low, high), _) => format!("a number from {low} to {high}"),
            (Range::OneOf(values), value) => {
                if values.iter().any(|known| super::layer::same(known, value)) {
                    return;
                }
                let shown: Vec<String> = values.iter().map(shown).collect();
                format!("one of {}", shown.join(", "))
            }
        };
        let d = match set {
            Some(text) => Diagnostic::error(
                codes::BAD_OPTION,
                name.span,
                format!("`--set {}={text}`: {wanted} is needed", name.text),
            ),
            None => Diagnostic::error(codes::OUT_OF_RANGE, default.span, format!("`{}` must be {wanted}", name.text))
                .label(format!("this is {}", shown(value))),
        };
        self.report(d.origin(Role::Declaration, written.span, "the range is declared here"));
    }
}

/// A value as it is written.
fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Num(n) => n.to_string(),
        Value::Bool(b) => b.to_string(),
        Value::Text(text) => format!("\"{text}\""),
        other => other.kind(),
    }
}
