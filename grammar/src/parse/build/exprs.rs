//! Expressions.

use super::{Builder, Rule, absent, parts, take};
use crate::ast::{Arg, Block, Expr, ExprKind, Group, IndexItem, Name, Rearrange, Scan, Stmt, StmtKind};
use crate::lex::unescape;
use crate::span::Span;
use pest::iterators::Pair;

impl Builder<'_> {
    /// One expression or several with commas between them.
    pub(super) fn exprs(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let span = self.span(&pair);
        let mut list: Vec<Expr> = parts(pair).map(|p| self.expr(p)).collect();
        match list.pop() {
            Some(only) if list.is_empty() => only,
            Some(last) => {
                list.push(last);
                Expr { kind: ExprKind::Tuple(list), span }
            }
            None => absent(span),
        }
    }

    /// An expression with its pipes.
    pub(super) fn expr(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let span = self.span(&pair);
        let mut parts = parts(pair);
        let Some(first) = parts.next() else { return absent(span) };
        let mut value = self.flat(first);
        for part in parts {
            let part_span = self.span(&part);
            let mut inner = super::parts(part);
            let stage = inner.next().map_or_else(|| absent(part_span), |p| self.callable(p));
            let name = inner.next().map(|p| self.inner_name(p));
            let span = value.span.to(part_span);
            value = Expr { kind: ExprKind::Pipe { input: Box::new(value), stage: Box::new(stage), name }, span };
        }
        value
    }

    /// An expression or a set of axes.
    pub(super) fn value(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let span = self.span(&pair);
        match parts(pair).next() {
            Some(p) => match p.as_rule() {
                Rule::rest => Expr { kind: ExprKind::Rest, span },
                Rule::all_but => Expr { kind: ExprKind::AllBut(self.names(p)), span },
                _ => self.expr(p),
            },
            None => absent(span),
        }
    }

    /// A name, a call or a call of a call.
    pub(super) fn callable(&mut self, pair: Pair<'_, Rule>) -> Expr {
        self.operand(pair)
    }

    /// A value with what is called on it.
    pub(super) fn operand(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let span = self.span(&pair);
        let mut parts = parts(pair);
        let Some(first) = parts.next() else { return absent(span) };
        let mut value = self.simple(first);
        for part in parts {
            let span = value.span.to(self.span(&part));
            let base = Box::new(value);
            let kind = match part.as_rule() {
                Rule::member => ExprKind::Member(base, self.inner_name(part)),
                Rule::call => {
                    let args = super::parts(part).map(|p| self.arg(p)).collect();
                    ExprKind::Call { callee: base, args }
                }
                _ => {
                    let items = super::parts(part).filter_map(|p| self.index_item(p)).collect();
                    ExprKind::Index { base, items }
                }
            };
            value = Expr { kind, span };
        }
        value
    }

    fn simple(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let span = self.span(&pair);
        let text = pair.as_str().trim_end();
        let kind = match pair.as_rule() {
            Rule::number => ExprKind::Number(text.to_owned()),
            Rule::string => ExprKind::Str(unescape(text)),
            Rule::boolean => ExprKind::Bool(text == "true"),
            Rule::name => ExprKind::Name(text.to_owned()),
            Rule::list => ExprKind::List(parts(pair).map(|p| self.value(p)).collect()),
            Rule::paren => match parts(pair).next() {
                Some(inner) => self.expr(inner).kind,
                None => ExprKind::Invalid,
            },
            Rule::fresh => match parts(pair).next() {
                Some(path) => ExprKind::Fresh(Box::new(self.path(path))),
                None => ExprKind::Invalid,
            },
            Rule::if_expr => self.if_expr(pair),
            Rule::scan_expr => self.scan(pair).map_or(ExprKind::Invalid, |s| ExprKind::Scan(Box::new(s))),
            Rule::repeat_expr => self.repeat(pair).unwrap_or(ExprKind::Invalid),
            Rule::rearrange => match parts(pair).next() {
                Some(pattern) => ExprKind::Rearrange(Box::new(self.pattern(pattern))),
                None => ExprKind::Invalid,
            },
            _ => ExprKind::Invalid,
        };
        Expr { kind, span }
    }

    fn path(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let span = self.span(&pair);
        let mut names = self.names(pair).into_iter();
        let Some(first) = names.next() else { return absent(span) };
        let mut value = Expr { span: first.span, kind: ExprKind::Name(first.text) };
        for name in names {
            let span = value.span.to(name.span);
            value = Expr { kind: ExprKind::Member(Box::new(value), name), span };
        }
        value
    }

    fn arg(&mut self, pair: Pair<'_, Rule>) -> Arg {
        let span = self.span(&pair);
        let mut parts = parts(pair).peekable();
        let name = take(&mut parts, Rule::arg_name).map(|p| self.inner_name(p));
        let value = parts.next().map_or_else(|| absent(span), |p| self.value(p));
        Arg { name, value, span }
    }

    fn index_item(&mut self, pair: Pair<'_, Rule>) -> Option<IndexItem> {
        let span = self.span(&pair);
        let inner = parts(pair).next()?;
        Some(match inner.as_rule() {
            Rule::rest => IndexItem::Rest(span),
            Rule::kw_new => IndexItem::New(span),
            Rule::index_axis => {
                let mut parts = parts(inner).peekable();
                let axis: Name = self.name(&parts.next()?);
                let start = take(&mut parts, Rule::range_start).and_then(|p| self.bound(p));
                let range = take(&mut parts, Rule::range_mark).is_some();
                let end = take(&mut parts, Rule::range_end).and_then(|p| self.bound(p));
                match (range, start) {
                    (false, Some(at)) => IndexItem::Axis(axis, at),
                    (_, start) => IndexItem::Range(axis, start, end),
                }
            }
            _ => IndexItem::At(self.expr(inner)),
        })
    }

    fn bound(&mut self, pair: Pair<'_, Rule>) -> Option<Expr> {
        parts(pair).next().map(|p| self.flat(p))
    }

    /// `if`, with each `else if` as a block of one expression.
    fn if_expr(&mut self, pair: Pair<'_, Rule>) -> ExprKind {
        let mut arms = vec![];
        let mut otherwise: Option<Block> = None;
        let end = self.span(&pair);
        for arm in parts(pair) {
            let span = self.span(&arm);
            let is_else = arm.as_rule() == Rule::else_arm;
            let mut inner = parts(arm);
            if is_else {
                otherwise = inner.next().map(|p| self.block(&p));
            } else if let (Some(condition), Some(body)) = (inner.next(), inner.next()) {
                arms.push((self.flat(condition), self.block(&body), span));
            }
        }
        let mut kind = ExprKind::Invalid;
        for (at, (condition, then, span)) in arms.into_iter().enumerate().rev() {
            kind = ExprKind::If { condition: Box::new(condition), then, otherwise: otherwise.take() };
            if at > 0 {
                let span: Span = span.to(Span { start: end.end, ..end });
                let expr = Expr { kind, span };
                otherwise = Some(Block { stmts: vec![Stmt { kind: StmtKind::Expr(expr), span }], span });
                kind = ExprKind::Invalid;
            }
        }
        kind
    }

    fn scan(&mut self, pair: Pair<'_, Rule>) -> Option<Scan> {
        let mut parts = parts(pair).peekable();
        let index = self.name(&parts.next()?);
        let axis = self.name(&parts.next()?);
        let size = take(&mut parts, Rule::scan_size).and_then(|p| self.bound(p));
        let reversed = take(&mut parts, Rule::reversed).is_some();
        let mut carries = vec![];
        while let Some(carry) = take(&mut parts, Rule::carry) {
            let mut inner = super::parts(carry);
            if let (Some(target), Some(value)) = (inner.next(), inner.next()) {
                let target = self.target(target)?;
                carries.push((target, self.expr(value)));
            }
        }
        Some(Scan { index, axis, size, reversed, carries, body: self.block(&parts.next()?) })
    }

    fn repeat(&mut self, pair: Pair<'_, Rule>) -> Option<ExprKind> {
        let mut parts = parts(pair).peekable();
        let turns = Box::new(self.flat(parts.next()?));
        let name = take(&mut parts, Rule::ident).map(|p| self.name(&p));
        Some(ExprKind::Repeat { turns, name, body: self.block(&parts.next()?) })
    }

    /// The two sides of a rearrangement, and the sizes that it is given.
    pub(super) fn pattern(&mut self, pair: Pair<'_, Rule>) -> Rearrange {
        let mut parts = parts(pair).peekable();
        let from = take(&mut parts, Rule::groups).map_or(vec![], |p| self.groups(p));
        let to = take(&mut parts, Rule::groups).map_or(vec![], |p| self.groups(p));
        let mut with = vec![];
        for size in parts {
            let mut inner = super::parts(size);
            if let (Some(name), Some(value)) = (inner.next(), inner.next()) {
                with.push((self.name(&name), self.flat(value)));
            }
        }
        Rearrange { from, to, with }
    }

    fn groups(&mut self, pair: Pair<'_, Rule>) -> Vec<Group> {
        let mut groups = vec![];
        for inner in parts(pair).filter_map(|p| parts(p).next()) {
            groups.push(match inner.as_rule() {
                Rule::dots => Group::Rest,
                Rule::unit => Group::Unit(self.span(&inner)),
                Rule::group_many => Group::Many(self.names(inner)),
                _ => Group::One(self.name(&inner)),
            });
        }
        groups
    }
}
