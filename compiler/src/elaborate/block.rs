//! Statements of definition bodies.

use super::Elab;
use super::axes::Subject;
use super::num::Num;
use super::value::Value;
use nnc_grammar::ast::{Block, Expr, ExprKind, Stmt, StmtKind, Target};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;

impl<'a> Elab<'a> {
    /// A body: its statements in order; its value is its last statement, if that is an expression.
    pub(super) fn block(&mut self, block: &'a Block) -> Value<'a> {
        let mut value = Value::Tuple(vec![]);
        for stmt in &block.stmts {
            match &stmt.kind {
                StmtKind::Expr(e) => value = self.expr(e),
                _ => {
                    self.statement(stmt);
                    if self.leaves_nothing(stmt) {
                        value = Value::Invalid;
                    }
                }
            }
        }
        value
    }

    /// Whether a statement was spoilt by a mistake, which may have taken the value of the block with it.
    fn leaves_nothing(&mut self, stmt: &'a Stmt) -> bool {
        match &stmt.kind {
            StmtKind::Invalid(_) => true,
            StmtKind::Bind { targets, .. } => targets.iter().all(|target| {
                self.frame().locals.get(&target.name.text).is_some_and(|local| matches!(local.value, Value::Invalid))
            }),
            _ => false,
        }
    }

    /// A block inside a body: what it binds ends with it.
    pub(super) fn inner_block(&mut self, block: &'a Block) -> Value<'a> {
        let (locals, dims) = (self.frame().locals.clone(), self.frame().dims.clone());
        let value = self.block(block);
        // States updated inside keep their new values.
        let mut after = std::mem::replace(&mut self.frame().locals, locals);
        for (name, local) in &mut self.frame().locals {
            if let Some(new) = after.remove(name) {
                *local = new;
            }
        }
        self.frame().dims = dims;
        value
    }

    fn statement(&mut self, stmt: &'a Stmt) {
        match &stmt.kind {
            StmtKind::Bind { targets, value, form } => {
                if let Some(form) = form {
                    let d = Diagnostic::error(
                        codes::MISPLACED,
                        form.span,
                        "a form can be given only to an output of `predict`",
                    );
                    self.report(d);
                }
                self.bind_targets(targets, value);
            }
            StmtKind::Param { name, ty, init, condition, layout } => {
                self.param((name, ty, init), condition.as_ref(), layout.as_ref());
            }
            StmtKind::State { name, ty, init, layout } => self.state((name, ty, init), layout.as_ref()),
            StmtKind::Called { part, form } => self.call_part(part, form),
            StmtKind::Update { name, value } => self.update(name, value),
            StmtKind::Assert { condition, message } => self.assert(condition, message.as_ref()),
            StmtKind::Invalid(names) => {
                for name in names {
                    self.bind(name, Value::Invalid, name.span);
                    self.usage.mark(name.span);
                }
            }
            StmtKind::Yield(e) => self.yielded(e, stmt.span),
            StmtKind::Var { target, value } => self.var(target, value),
            StmtKind::Expr(e) => {
                self.expr(e);
            }
            StmtKind::Setting { name, .. } => {
                let d = Diagnostic::error(
                    codes::MISPLACED,
                    name.span,
                    format!("`{}` is written as a setting, and a body has none", name.text),
                );
                self.report(d.help(format!("bind a value by `{} = …`", name.text)));
            }
            StmtKind::Loss { .. }
            | StmtKind::Metric { .. }
            | StmtKind::Optimize { .. }
            | StmtKind::Freeze { .. }
            | StmtKind::Keep { .. }
            | StmtKind::Stop { .. }
            | StmtKind::Then
            | StmtKind::Every { .. }
            | StmtKind::Init { .. } => {
                self.report(Diagnostic::error(codes::MISPLACED, stmt.span, "this line belongs in a `train` block"));
            }
            StmtKind::Fit { .. } => {
                self.report(Diagnostic::error(codes::MISPLACED, stmt.span, "`fit` belongs in a `data` block"));
            }
        }
    }

    /// `name = e`, `name: type = e`, `a, b = e`
    pub(super) fn bind_targets(&mut self, targets: &'a [Target], e: &'a Expr) {
        let outer = self.binding.len();
        let depth = self.frames.len();
        self.binding.extend(targets.iter().map(|target| (depth, &target.name)));
        let (value, carries) = self.expr_with_carries(e);
        self.binding.truncate(outer);
        if let ([target], Value::Instance(instance)) = (targets, &value)
            && matches!(e.kind, ExprKind::Call { .. })
            && instance.span == e.span
        {
            self.name_instance(instance, &target.name);
        }
        if let ([target], ExprKind::Scan(_)) = (targets, &e.kind)
            && !matches!(value, Value::Invalid)
        {
            self.frame().finished.insert(target.name.text.clone(), carries);
        }
        let values = match (targets, value) {
            ([_], value) => vec![value],
            (_, Value::Invalid) => vec![Value::Invalid; targets.len()],
            (_, Value::Tuple(values)) if values.len() == targets.len() => values,
            (_, other) => {
                let n = targets.len();
                let d = Diagnostic::error(
                    codes::WRONG_TYPE,
                    e.span,
                    format!("{n} names are bound, and this is {}", other.kind()),
                );
                self.report(d);
                vec![Value::Invalid; n]
            }
        };
        for (target, value) in targets.iter().zip(values) {
            let value = match &target.ty {
                Some(ty) => {
                    let what = format!("`{}`", target.name.text);
                    self.bind_type(ty, value, Subject::value(&what, e.span)).unwrap_or(Value::Invalid)
                }
                None => value,
            };
            if self.next_carry(target, &value, e.span) || self.next_var(target, &value, e.span) {
                continue;
            }
            if matches!(value, Value::Invalid) {
                self.usage.mark(target.name.span);
            }
            self.usage.declare(&target.name, "value");
            self.bind(&target.name, value, e.span);
        }
    }

    /// A whole number setting of at least `least`.
    pub(super) fn count_setting(&mut self, value: &'a Expr, what: &str, least: i64) -> Option<usize> {
        let n = self.expr(value);
        self.count(&n, value.span, what, least)
    }

    /// A number above 0.
    pub(super) fn positive(&mut self, e: &'a Expr, what: &str) -> Option<f64> {
        match self.expr(e) {
            Value::Num(n) if n.compare(&Num::int(0)).is_some_and(|o| o.is_gt()) => Some(n.to_f64()),
            Value::Num(n) => {
                let d = Diagnostic::error(codes::OUT_OF_RANGE, e.span, format!("{what} must be above 0"));
                self.report(d.label(format!("this is {n}")));
                None
            }
            other => {
                self.wrong_kind(&other, e.span, "a number");
                None
            }
        }
    }

    /// A share between 0 and 1, 1 excluded.
    pub(super) fn share(&mut self, value: &Value<'a>, span: nnc_grammar::span::Span, what: &str) -> Option<f64> {
        match value {
            Value::Num(n)
                if n.compare(&Num::int(0)).is_some_and(|o| o.is_ge())
                    && n.compare(&Num::int(1)).is_some_and(|o| o.is_lt()) =>
            {
                Some(n.to_f64())
            }
            Value::Num(n) => {
                let d = Diagnostic::error(codes::OUT_OF_RANGE, span, format!("{what} must lie between 0 and 1"))
                    .label(format!("this is {n}"));
                self.report(d);
                None
            }
            other => {
                self.wrong_kind(other, span, "a number");
                None
            }
        }
    }
}
