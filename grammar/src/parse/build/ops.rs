//! Operators in order of precedence, loosest first: or, and, not, comparison, + -, * / % @, unary -, ^ (to the right).

use super::{Builder, Rule, absent};
use crate::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use crate::codes;
use crate::diagnostic::{Diagnostic, Role};
use crate::span::Span;
use pest::iterators::Pair;
use pest::pratt_parser::{Assoc, Op, PrattParser};
use std::sync::LazyLock;

static PRECEDENCE: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    PrattParser::new()
        .op(Op::infix(Rule::or, Assoc::Left))
        .op(Op::infix(Rule::and, Assoc::Left))
        .op(Op::prefix(Rule::not))
        .op(Op::infix(Rule::eq, Assoc::Left)
            | Op::infix(Rule::ne, Assoc::Left)
            | Op::infix(Rule::lt, Assoc::Left)
            | Op::infix(Rule::le, Assoc::Left)
            | Op::infix(Rule::gt, Assoc::Left)
            | Op::infix(Rule::ge, Assoc::Left))
        .op(Op::infix(Rule::add, Assoc::Left) | Op::infix(Rule::sub, Assoc::Left))
        .op(Op::infix(Rule::mul, Assoc::Left)
            | Op::infix(Rule::div, Assoc::Left)
            | Op::infix(Rule::rem, Assoc::Left)
            | Op::infix(Rule::matmul, Assoc::Left))
        .op(Op::prefix(Rule::neg))
        .op(Op::infix(Rule::pow, Assoc::Right))
});

/// A value on the way up, with the operator if it is a comparison without brackets of its own.
struct Part {
    expr: Expr,
    comparison: Option<Span>,
}

fn binary(rule: Rule) -> BinaryOp {
    match rule {
        Rule::or => BinaryOp::Or,
        Rule::and => BinaryOp::And,
        Rule::eq => BinaryOp::Eq,
        Rule::ne => BinaryOp::Ne,
        Rule::lt => BinaryOp::Lt,
        Rule::le => BinaryOp::Le,
        Rule::gt => BinaryOp::Gt,
        Rule::ge => BinaryOp::Ge,
        Rule::sub => BinaryOp::Sub,
        Rule::mul => BinaryOp::Mul,
        Rule::div => BinaryOp::Div,
        Rule::rem => BinaryOp::Rem,
        Rule::matmul => BinaryOp::MatMul,
        Rule::pow => BinaryOp::Pow,
        _ => BinaryOp::Add,
    }
}

impl Builder<'_> {
    /// A run of operands and operators.
    pub(super) fn flat(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let whole = self.span(&pair);
        // The operands are built first: the three closures below cannot all hold the builder.
        let mut operands = vec![];
        let mut places = vec![];
        let pairs: Vec<Pair<'_, Rule>> = pair.into_inner().collect();
        for p in &pairs {
            match p.as_rule() {
                Rule::operand => operands.push(self.operand(p.clone())),
                _ => places.push((p.as_span().start(), self.span(p))),
            }
        }
        let place = |p: &Pair<'_, Rule>| {
            let start = p.as_span().start();
            places.iter().find(|(at, _)| *at == start).map_or(whole, |(_, span)| *span)
        };
        if operands.len() == 1 && pairs.len() == 1 {
            return operands.pop().unwrap_or_else(|| absent(whole));
        }
        let mut operands = operands.into_iter();
        let chains = std::cell::RefCell::new(vec![]);
        let part = PRECEDENCE
            .map_primary(|_| {
                let absent = Expr { kind: ExprKind::Invalid, span: whole };
                Part { expr: operands.next().unwrap_or(absent), comparison: None }
            })
            .map_prefix(|op, part| {
                let span = place(&op).to(part.expr.span);
                let op = if op.as_rule() == Rule::not { UnaryOp::Not } else { UnaryOp::Neg };
                Part { expr: Expr { kind: ExprKind::Unary(op, Box::new(part.expr)), span }, comparison: None }
            })
            .map_infix(|left, op, right| {
                let at = place(&op);
                let op = binary(op.as_rule());
                let compares = matches!(
                    op,
                    BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge
                );
                let span = left.expr.span.to(right.expr.span);
                if let (true, Some(first)) = (compares, left.comparison.or(right.comparison)) {
                    chains.borrow_mut().push((first, at));
                    return Part { expr: Expr { kind: ExprKind::Invalid, span }, comparison: Some(at) };
                }
                let kind = ExprKind::Binary(op, Box::new(left.expr), Box::new(right.expr));
                Part { expr: Expr { kind, span }, comparison: compares.then_some(at) }
            })
            .parse(pairs.into_iter());
        for (first, second) in chains.into_inner() {
            let diagnostic = Diagnostic::error(codes::SYNTAX, second, "comparisons are not chained")
                .label("this compares the truth of the first")
                .origin(Role::Previous, first, "the first comparison")
                .help("join two comparisons with `and`: `a < b and b < c`");
            self.errors.push(diagnostic);
        }
        part.expr
    }
}
