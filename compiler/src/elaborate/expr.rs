//! Expressions.

use super::num::Num;
use super::scan::Carries;
use super::value::{AxisSet, Value};
use super::{Elab, walk};
use nnc_grammar::ast::{BinaryOp, Block, Expr, ExprKind, Name, UnaryOp};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;

/// Expressions inside expressions, through all definitions being instantiated: what a thread's stack has room for.
const DEEPEST: usize = 400;

impl<'a> Elab<'a> {
    /// What an expression denotes.
    pub(super) fn expr(&mut self, e: &'a Expr) -> Value<'a> {
        self.expr_with_carries(e).0
    }

    /// What an expression denotes; of a loop its last carries by name beside that.
    pub(super) fn expr_with_carries(&mut self, e: &'a Expr) -> (Value<'a>, Carries<'a>) {
        if self.depth >= DEEPEST {
            let d = Diagnostic::error(codes::TOO_DEEP, e.span, "expressions and definitions are nested too deeply");
            return (self.fail(d.label(format!("more than {DEEPEST} expressions inside each other"))), vec![]);
        }
        self.depth += 1;
        let value = match &e.kind {
            ExprKind::Scan(scan) => self.scan(scan, e.span),
            _ => (self.expr_inside(e), vec![]),
        };
        self.depth -= 1;
        value
    }

    fn expr_inside(&mut self, e: &'a Expr) -> Value<'a> {
        match &e.kind {
            ExprKind::Number(text) => match Num::parse(text) {
                Ok(n) => Value::Num(n),
                Err(why) => {
                    self.fail(Diagnostic::error(codes::BAD_NUMBER, e.span, "this number cannot be used").label(why))
                }
            },
            ExprKind::Str(text) => Value::Text(text.clone()),
            ExprKind::Bool(b) => Value::Bool(*b),
            ExprKind::Name(name) => self.name(name, e.span),
            ExprKind::Rest | ExprKind::AllBut(_) => self.axis_set(e).map_or(Value::Invalid, Value::Axes),
            ExprKind::Member(base, member) => self.member(base, member, e.span),
            ExprKind::Call { callee, args } => self.call(e, callee, args),
            ExprKind::Index { base, items } => self.index(e, base, items),
            ExprKind::Unary(op, operand) => self.unary(*op, operand, e.span),
            ExprKind::Binary(op, a, b) => self.binary_expr(*op, a, b, e.span),
            ExprKind::Pipe { input, stage, name } => self.pipe(input, stage, name.as_ref()),
            ExprKind::If { condition, then, otherwise } => self.conditional(condition, then, otherwise.as_ref()),
            ExprKind::Rearrange(_) => {
                let what = "`rearrange` needs something to rearrange";
                let d = Diagnostic::error(codes::MISSING_ARGUMENT, e.span, what)
                    .help("write `x |> rearrange [..] -> [..]`");
                self.fail(d)
            }
            ExprKind::List(items) => Value::List(items.iter().map(|i| self.expr(i)).collect()),
            ExprKind::Tuple(items) => Value::Tuple(items.iter().map(|i| self.expr(i)).collect()),
            ExprKind::Repeat { turns, name, body } => self.repeat(turns, name.as_ref(), body, e.span),
            ExprKind::Fresh(of) => self.fresh(of, e.span),
            // Loops have been dealt with above.
            ExprKind::Scan(_) | ExprKind::Invalid => Value::Invalid,
        }
    }

    /// What a name denotes here.
    pub(super) fn name(&mut self, name: &str, span: Span) -> Value<'a> {
        if let Some(value) = self.local(name) {
            if matches!(value, Value::Tensor(_) | Value::Rate(_)) && self.frame().graph != self.graph_number {
                let d = Diagnostic::error(
                    codes::NOT_CONSTANT,
                    span,
                    "an initial value cannot depend on a value of the step",
                );
                return self.fail(d.label(format!("`{name}` is known only while the program runs")));
            }
            return value;
        }
        if self.frame().is_choice(name) {
            return Value::Text(name.to_owned());
        }
        let source = self.frame().source;
        if let Some(value) = self.item(source, name, span) {
            return value;
        }
        match name {
            "pi" => return Value::Num(Num::Float(std::f64::consts::PI)),
            "training" => return Value::Bool(self.in_training()),
            "last" => return Value::Axes(AxisSet::Last),
            _ => {}
        }
        if let Some(primitive) = super::primitives::lookup(name) {
            return Value::Primitive(primitive);
        }
        self.unknown_name(name, span)
    }

    /// Whether a name denotes anything here; to ask is no use of it.
    pub(super) fn means_something(&mut self, name: &str) -> bool {
        let frame = self.frame();
        let (source, bound) = (frame.source, frame.locals.contains_key(name) || frame.dims.contains_key(name));
        bound || self.items.lookup(source, name).is_some() || super::primitives::lookup(name).is_some()
    }

    fn unknown_name(&mut self, name: &str, span: Span) -> Value<'a> {
        let fields = self.data_fields.iter().filter(|(_, field)| field == name);
        let blocks: Vec<String> = fields.map(|(data, _)| format!("`{data}`")).collect();
        if let [first, _, ..] = blocks.as_slice() {
            let headline = format!("`{name}` is a field of {}", blocks.join(" and of "));
            let d = Diagnostic::error(codes::UNKNOWN_NAME, span, headline);
            let first = first.trim_matches('`');
            return self.fail(d.help(format!("say of which block: `{first}.{name}`")));
        }
        let source = self.frame().source;
        let items = self.items;
        let depth = self.frames.len();
        let binding = self.binding.iter().any(|(at, bound)| *at == depth && bound.text == name);
        let frame = self.frame();
        let mut known: Vec<String> = frame.locals.keys().chain(frame.dims.keys()).cloned().collect();
        known.extend(items.names(source).map(str::to_owned));
        known.extend(super::primitives::names().map(str::to_owned));
        // In blocks, what they have not mentioned so far of their data, too.
        if self.frame().def.is_none() {
            known.extend(self.data_fields.iter().map(|(_, field)| field.clone()));
        }
        let d = super::names::unknown(name, span, known.iter().map(String::as_str));
        self.fail(match name {
            _ if binding => d.note(format!("this stands in the statement that binds `{name}`")).help(
                "a line that begins with an operator, `-` too, goes on with the line before: put brackets around it",
            ),
            "step" | "t" | "steps" => {
                d.note(format!("`{name}` is known in schedules, in optimizers and behind `with` of an optimize line"))
            }
            _ => d,
        })
    }

    fn member(&mut self, base: &'a Expr, member: &Name, span: Span) -> Value<'a> {
        if let ExprKind::Name(data) = &base.kind
            && let Some(value) = self.field_of(data, member)
        {
            return value;
        }
        if let ExprKind::Name(name) = &base.kind
            && let Some(value) = self.mark_of(name, member)
        {
            return value;
        }
        if let ExprKind::Name(data) = &base.kind
            && self.data_fields.iter().any(|(block, _)| block == data)
        {
            let headline = format!("`{data}` has no field `{}`", member.text);
            let d = Diagnostic::error(codes::UNKNOWN_NAME, member.span, headline);
            let fields: Vec<&str> =
                self.data_fields.iter().filter(|(block, _)| block == data).map(|(_, field)| field.as_str()).collect();
            let d = super::suggest::suggest(d, member, fields.iter().copied());
            return self.fail(d);
        }
        if let ExprKind::Name(name) = &base.kind
            && let Some(carries) = self.frame().finished.get(name)
        {
            let found = carries.iter().find(|c| c.0 == member.text).map(|c| c.1.clone());
            let known: Vec<String> = carries.iter().map(|c| c.0.clone()).collect();
            self.local(name);
            return found.unwrap_or_else(|| {
                let what = format!("the loop `{name}` carries no `{}`", member.text);
                let d = Diagnostic::error(codes::UNKNOWN_NAME, member.span, what);
                self.fail(super::suggest::suggest(d, member, known.iter().map(String::as_str)))
            });
        }
        match self.expr(base) {
            Value::Invalid => Value::Invalid,
            value => self.inside(value, member, span),
        }
    }

    fn unary(&mut self, op: UnaryOp, operand: &'a Expr, span: Span) -> Value<'a> {
        let value = self.expr(operand);
        match (op, value) {
            (_, Value::Invalid) => Value::Invalid,
            (UnaryOp::Neg, Value::Num(n)) => Value::Num(n.neg()),
            (UnaryOp::Not, Value::Bool(b)) => Value::Bool(!b),
            (UnaryOp::Neg, v) => self.elementwise(&crate::ops::unary::NEG, vec![(v, operand.span)], span),
            (UnaryOp::Not, v) => self.elementwise(&crate::ops::logic::NOT, vec![(v, operand.span)], span),
        }
    }

    fn binary_expr(&mut self, op: BinaryOp, a: &'a Expr, b: &'a Expr, span: Span) -> Value<'a> {
        let left = self.expr(a);
        let right = self.expr(b);
        self.binary(op, (left, a.span), (right, b.span), span)
    }

    /// `if`: the condition is known now, and only the branch that is taken is elaborated.
    fn conditional(&mut self, condition: &'a Expr, then: &'a Block, otherwise: Option<&'a Block>) -> Value<'a> {
        let taken = match self.expr(condition) {
            Value::Bool(b) => b,
            Value::Invalid => return Value::Invalid,
            Value::Num(n) => {
                let d = Diagnostic::error(codes::WRONG_TYPE, condition.span, "a condition is `true` or `false`");
                return self.fail(d.label(format!("this is the number {n}")).help("compare it: `… > 0`"));
            }
            other => {
                let d = Diagnostic::error(
                    codes::NOT_CONSTANT,
                    condition.span,
                    "the condition must be known before the program runs",
                )
                .label(format!("this is {}", other.kind()))
                .help("write `where(condition, a, b)` to choose element by element");
                return self.fail(d);
            }
        };
        let (block, other) = if taken { (Some(then), otherwise) } else { (otherwise, Some(then)) };
        // The other branch may be the only user of a name.
        if let Some(other) = other {
            let source = self.frame().source;
            walk::visit_block(other, &mut |name| {
                if self.local(name).is_none()
                    && let Some(item) = self.items.lookup(source, name)
                {
                    self.usage.mark(item.span());
                }
            });
        }
        match block {
            None => Value::Tuple(vec![]),
            Some(block) => self.inner_block(block),
        }
    }

    /// Reports a value of the wrong kind.
    pub(super) fn wrong_kind(&mut self, value: &Value<'a>, span: Span, wanted: &str) -> Value<'a> {
        if matches!(value, Value::Invalid) {
            return Value::Invalid;
        }
        let d = Diagnostic::error(codes::WRONG_KIND, span, format!("{wanted} is needed here"));
        let d = d.label(format!("this is {}", value.kind()));
        self.fail(match value {
            Value::Instance(i) => d.help(format!("apply the layer to a value: `x |> {}(..)`", i.def.name.text)),
            Value::Def(def) if matches!(def.kind, nnc_grammar::ast::DefKind::Layer) => {
                d.help(format!("apply the layer to a value: `x |> {}(..)`", def.name.text))
            }
            Value::Tuple(v) if v.is_empty() => {
                d.note("a block has a value only if its last statement is an expression")
            }
            _ => d,
        })
    }

    /// A whole number known now.
    pub(super) fn int(&mut self, value: &Value<'a>, span: Span, what: &str) -> Option<i64> {
        let d = match value {
            Value::Num(n) => match n.as_int() {
                Some(n) => return Some(n),
                None => Diagnostic::error(codes::NOT_WHOLE, span, format!("{what} must be a whole number"))
                    .label(format!("this is {n}"))
                    .help("`floor(a / b)` and `ceil(a / b)` make whole numbers"),
            },
            Value::Size(d) => {
                Diagnostic::error(codes::NOT_CONSTANT, span, format!("{what} must be known before the program runs"))
                    .label(format!("`{d}` is known only then"))
            }
            Value::Invalid => return None,
            other => Diagnostic::error(codes::WRONG_TYPE, span, format!("{what} must be a whole number"))
                .label(format!("this is {}", other.kind())),
        };
        self.report(d);
        None
    }

    /// A whole number of at least `least`, known now.
    pub(super) fn count(&mut self, value: &Value<'a>, span: Span, what: &str, least: i64) -> Option<usize> {
        let n = self.int(value, span, what)?;
        if n < least || n > i64::from(i32::MAX) {
            let bound = if n < least { format!("at least {least}") } else { format!("at most {}", i32::MAX) };
            let d = Diagnostic::error(codes::OUT_OF_RANGE, span, format!("{what} must be {bound}"));
            self.report(d.label(format!("this is {n}")));
            return None;
        }
        usize::try_from(n).ok()
    }
}
