//! Arithmetic, comparison and logic between values of every kind.

use super::Elab;
use super::meet::Placed;
use super::num::Num;
use super::value::Value;
use crate::ir::dim::Dim;
use crate::ir::op::Op;
use crate::ops::{binary, logic, unary};
use nnc_grammar::ast::BinaryOp;
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;
use std::cmp::Ordering;

/// The largest whole exponent that becomes a chain of products.
const LONGEST_CHAIN: i64 = 64;

impl<'a> Elab<'a> {
    /// `a op b`
    pub(super) fn binary(&mut self, op: BinaryOp, a: Placed<'a>, b: Placed<'a>, span: Span) -> Value<'a> {
        let (a, b) = ((self.now(a.0, a.1), a.1), (self.now(b.0, b.1), b.1));
        match (&a.0, &b.0) {
            (Value::Invalid, _) | (_, Value::Invalid) => Value::Invalid,
            (Value::Num(x), Value::Num(y)) => self.constant(op, x, y, span),
            (Value::Bool(x), Value::Bool(y))
                if matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Eq | BinaryOp::Ne) =>
            {
                Value::Bool(match op {
                    BinaryOp::And => *x && *y,
                    BinaryOp::Or => *x || *y,
                    BinaryOp::Eq => x == y,
                    _ => x != y,
                })
            }
            (Value::Text(x), Value::Text(y)) if matches!(op, BinaryOp::Eq | BinaryOp::Ne) => {
                Value::Bool((x == y) == (op == BinaryOp::Eq))
            }
            _ => match self.sizes(op, &a.0, &b.0) {
                Some(value) => value,
                None => self.run_time(op, a, b, span),
            },
        }
    }

    fn constant(&mut self, op: BinaryOp, x: &Num, y: &Num, span: Span) -> Value<'a> {
        let order = x.compare(y);
        let value = match op {
            BinaryOp::Add => Some(x.add(y)),
            BinaryOp::Sub => Some(x.sub(y)),
            BinaryOp::Mul => Some(x.mul(y)),
            BinaryOp::Div => x.div(y),
            BinaryOp::Rem => x.rem(y),
            BinaryOp::Pow => x.pow(y),
            BinaryOp::Eq => return Value::Bool(order == Some(Ordering::Equal)),
            BinaryOp::Ne => return Value::Bool(order != Some(Ordering::Equal)),
            BinaryOp::Lt => return Value::Bool(order == Some(Ordering::Less)),
            BinaryOp::Le => return Value::Bool(matches!(order, Some(Ordering::Less | Ordering::Equal))),
            BinaryOp::Gt => return Value::Bool(order == Some(Ordering::Greater)),
            BinaryOp::Ge => return Value::Bool(matches!(order, Some(Ordering::Greater | Ordering::Equal))),
            BinaryOp::And | BinaryOp::Or | BinaryOp::MatMul => {
                return self.wrong_kind(&Value::Num(x.clone()), span, "no number, but what this operator works on,");
            }
        };
        match value {
            Some(n) => Value::Num(n),
            None => self.fail(
                Diagnostic::error(codes::OUT_OF_RANGE, span, "division by zero")
                    .label(format!("{x} {} {y}", op.symbol())),
            ),
        }
    }

    /// Polynomials of free sizes stay sizes under +, − and ·, and are equal when their normal forms are.
    fn sizes(&mut self, op: BinaryOp, a: &Value<'a>, b: &Value<'a>) -> Option<Value<'a>> {
        let size = |v: &Value<'a>| match v {
            Value::Size(d) => Some(d.clone()),
            Value::Num(n) => n.as_int().map(Dim::constant),
            _ => None,
        };
        let (x, y) = (size(a)?, size(b)?);
        let res = match op {
            BinaryOp::Add => x.checked_add(&y),
            BinaryOp::Sub => x.checked_sub(&y),
            BinaryOp::Mul => x.checked_mul(&y),
            BinaryOp::Div => y.as_constant().and_then(|n| x.div_exact(n)),
            BinaryOp::Eq if x == y => return Some(Value::Bool(true)),
            BinaryOp::Ne if x == y => return Some(Value::Bool(false)),
            _ => None,
        };
        res.map(|d| super::scope::size_value(&d))
    }

    fn run_time(&mut self, op: BinaryOp, a: Placed<'a>, b: Placed<'a>, span: Span) -> Value<'a> {
        let row: Op = match op {
            BinaryOp::MatMul => return self.matmul(a, b, span),
            BinaryOp::Pow => return self.power(a, b, span),
            BinaryOp::Rem => {
                // a - b·floor(a / b), as for constants.
                let quotient = self.elementwise(&binary::DIV, vec![a.clone(), b.clone()], span);
                let whole = self.elementwise(&unary::FLOOR, vec![(quotient, span)], span);
                let product = self.elementwise(&binary::MUL, vec![b, (whole, span)], span);
                return self.elementwise(&binary::SUB, vec![a, (product, span)], span);
            }
            BinaryOp::Add => &binary::ADD,
            BinaryOp::Sub => &binary::SUB,
            BinaryOp::Mul => &binary::MUL,
            BinaryOp::Div => &binary::DIV,
            BinaryOp::Eq => &logic::EQ,
            BinaryOp::Ne => &logic::NE,
            BinaryOp::Lt => &logic::LT,
            BinaryOp::Le => &logic::LE,
            BinaryOp::Gt => &logic::GT,
            BinaryOp::Ge => &logic::GE,
            BinaryOp::And => &logic::AND,
            BinaryOp::Or => &logic::OR,
        };
        self.elementwise(row, vec![a, b], span)
    }

    /// x^k for whole k by repeated squaring from the lowest bit, which fixes the chain; 1/x^k for negative k; √x for ½.
    fn power(&mut self, a: Placed<'a>, b: Placed<'a>, span: Span) -> Value<'a> {
        if let Value::Num(n) = &b.0 {
            if let Some(k) = n.as_int().filter(|k| k.abs() <= LONGEST_CHAIN) {
                let chain = self.chain(&a, k.unsigned_abs(), span);
                return if k < 0 {
                    self.elementwise(&binary::DIV, vec![(Value::Num(Num::int(1)), b.1), (chain, span)], span)
                } else {
                    chain
                };
            }
            if n.to_f64() == 0.5 {
                return self.elementwise(&unary::SQRT, vec![a], span);
            }
        }
        self.elementwise(&binary::POW, vec![a, b], span)
    }

    fn chain(&mut self, a: &Placed<'a>, mut k: u64, span: Span) -> Value<'a> {
        if k == 0 {
            // One everywhere, in the shape of x.
            let zero = self.elementwise(&binary::SUB, vec![a.clone(), a.clone()], span);
            return match zero {
                Value::Tensor(t) => {
                    let one = self.fill(&Value::Num(Num::int(1)), span, &t.axes, t.dtype);
                    one.map_or(Value::Invalid, |one| Value::Tensor(super::value::Tensor { scalar: t.scalar, ..one }))
                }
                other => other,
            };
        }
        let mut square = a.clone();
        let mut product: Option<Value<'a>> = None;
        while k > 0 {
            if k & 1 == 1 {
                product = Some(match product {
                    None => square.0.clone(),
                    Some(p) => self.elementwise(&binary::MUL, vec![(p, span), square.clone()], span),
                });
            }
            k >>= 1;
            if k > 0 {
                square = (self.elementwise(&binary::MUL, vec![square.clone(), square], span), span);
            }
        }
        product.unwrap_or(Value::Invalid)
    }
}
