//! Expressions over several lines. `indent` is the indentation of the statement, `column` the place of the first character;
//! later lines carry their own indentation.

use super::flat::{Level, level, nested_if, sides};
use super::{INDENT, Printer, WIDTH, last_column, width};
use crate::ast::*;

/// Where an expression is written.
#[derive(Debug, Clone, Copy)]
struct Place {
    indent: usize,
    column: usize,
    /// The longest line allowed.
    room: usize,
}

impl Place {
    fn at(self, column: usize) -> Place {
        Place { column, ..self }
    }

    fn line(self, indent: usize) -> String {
        format!("\n{}", " ".repeat(indent))
    }
}

/// What a pipe applies, its name, and where what stands before the pipe ends.
type Stage<'a> = (&'a Expr, Option<&'a Name>, usize);

/// A chain of pipes taken apart: what flows in, and the stages.
fn chain(expr: &Expr) -> (&Expr, Vec<Stage<'_>>) {
    let mut stages = vec![];
    let mut input = expr;
    while let ExprKind::Pipe { input: inner, stage, name } = &input.kind {
        stages.push((stage.as_ref(), name.as_ref(), inner.span.end as usize));
        input = inner;
    }
    stages.reverse();
    (input, stages)
}

impl Printer<'_> {
    /// The value of a statement.
    pub(super) fn value(&mut self, expr: &Expr, bracket: bool, indent: usize, column: usize, room: usize) -> String {
        let place = Place { indent, column, room };
        if bracket && !matches!(expr.kind, ExprKind::Tuple(_)) {
            return format!("({})", self.text(expr, Level::Pipe, place.at(column + 1)));
        }
        self.text(expr, Level::Pipe, place)
    }

    fn text(&mut self, expr: &Expr, need: Level, place: Place) -> String {
        let flat = self.flat(expr, need);
        if !self.keeps_lines(expr)
            && let Some(text) = &flat
            && place.column + width(text) <= place.room
        {
            return text.clone();
        }
        if level(expr) < need {
            return format!("({})", self.text(expr, Level::Pipe, place.at(place.column + 1)));
        }
        match &expr.kind {
            ExprKind::Pipe { .. } => self.pipe(expr, place),
            ExprKind::Call { callee, args } => {
                let mut out = self.callee(callee, place);
                out.push('(');
                let inner = place.indent + INDENT;
                for arg in args {
                    out += &place.line(inner);
                    let head = arg.name.as_ref().map_or(String::new(), |n| format!("{} = ", n.text));
                    let bracket = self.bracket_in_list(&arg.value);
                    let column = inner + width(&head);
                    out += &head;
                    out += &self.value(&arg.value, bracket, inner, column, WIDTH - 1);
                    out.push(',');
                }
                out + &place.line(place.indent) + ")"
            }
            ExprKind::List(items) => {
                let inner = place.indent + INDENT;
                let mut out = "[".to_owned();
                for item in items {
                    let bracket = self.bracket_in_list(item);
                    out += &place.line(inner);
                    out += &self.value(item, bracket, inner, inner, WIDTH - 1);
                    out.push(',');
                }
                out + &place.line(place.indent) + "]"
            }
            ExprKind::Tuple(items) => {
                let mut out = String::new();
                for (at, item) in items.iter().enumerate() {
                    out += if at == 0 { "" } else { ", " };
                    let column = last_column(&out, place.column);
                    let bracket = self.bracket_in_list(item);
                    out += &self.value(item, bracket, place.indent, column, place.room);
                }
                out
            }
            ExprKind::Unary(op, inner) => {
                let (mark, need) = if *op == UnaryOp::Neg { ("-", Level::Sign) } else { ("not ", Level::Not) };
                format!("{mark}{}", self.text(inner, need, place.at(place.column + mark.len())))
            }
            ExprKind::Binary(op, left, right) => self.binary(*op, left, right, flat.is_some(), place),
            ExprKind::Member(base, name) => format!("{}.{}", self.callee(base, place), name.text),
            ExprKind::If { condition, then, otherwise } => self.if_text(condition, then, otherwise.as_ref(), place),
            ExprKind::Scan(scan) => {
                let head = self.scan_head(scan).unwrap_or_default();
                format!("{head} {}", self.block(&scan.body, place.indent))
            }
            ExprKind::Repeat { turns, name, body } => {
                let head = self.repeat_head(turns, name.as_ref()).unwrap_or_default();
                format!("{head} {}", self.block(body, place.indent))
            }
            _ => flat.unwrap_or_default(),
        }
    }

    /// Whether the author broke a chain of pipes into lines.
    fn keeps_lines(&self, expr: &Expr) -> bool {
        let (_, stages) = chain(expr);
        stages.iter().any(|(stage, _, before)| self.breaks(*before, stage.span.start as usize))
    }

    fn callee(&mut self, callee: &Expr, place: Place) -> String {
        match self.base(callee, false) {
            Some(text) => text,
            None => format!("({})", self.text(callee, Level::Pipe, place.at(place.column + 1))),
        }
    }

    fn pipe(&mut self, expr: &Expr, place: Place) -> String {
        let (input, stages) = chain(expr);
        let mut out = self.text(input, Level::Or, place);
        let broken: Vec<bool> =
            stages.iter().map(|(stage, _, before)| self.breaks(*before, stage.span.start as usize)).collect();
        let by_author = broken.contains(&true);
        // Stages stand below the first `|>` if it is on the first line, else below what flows in.
        let beside = !broken.first().is_some_and(|b| *b) && !out.contains('\n');
        let align = if beside { last_column(&out, place.column) + 1 } else { place.column };
        for (at, (stage, name, before)) in stages.into_iter().enumerate() {
            let column = last_column(&out, place.column);
            let inner = Place { indent: align, column: align + 3, room: place.room };
            let name = name.map_or(String::new(), |n| format!(" as {}", n.text));
            let flat = self.flat(stage, Level::Simple);
            let fits = flat.as_ref().is_some_and(|f| column + 4 + width(f) + width(&name) <= place.room);
            let breaks = if by_author { broken[at] || !fits } else { at > 0 };
            if breaks && (at > 0 || broken[at]) {
                for (_, comment) in self.take(before, stage.span.start as usize, |_, c| !c.own_line) {
                    out += &format!("  {comment}");
                }
                for (_, comment) in self.take(before, stage.span.start as usize, |_, _| true) {
                    out += &format!("{}{comment}", place.line(align));
                }
                out += &place.line(align);
            } else {
                out.push(' ');
            }
            out += "|> ";
            let column = last_column(&out, place.column);
            out += &self.text(stage, Level::Simple, inner.at(column));
            out += &name;
        }
        out
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, wide: bool, place: Place) -> String {
        let (l, r) = sides(op, right);
        let mut out = self.text(left, l, place);
        let mark = match op {
            BinaryOp::Pow => "^".to_owned(),
            // Too wide: the operator begins a line. Otherwise a block is the reason for several lines.
            _ if wide => format!("{}{} ", place.line(place.indent + INDENT), op.symbol()),
            _ => format!(" {} ", op.symbol()),
        };
        out += &mark;
        let column = last_column(&out, place.column);
        out + &self.text(right, r, place.at(column))
    }

    fn if_text(&mut self, condition: &Expr, then: &Block, otherwise: Option<&Block>, place: Place) -> String {
        let head = self.text(condition, Level::Or, place.at(place.column + 3));
        let mut out = format!("if {head} {}", self.block(then, place.indent));
        if let Some(block) = otherwise {
            out += " else ";
            match nested_if(block) {
                Some(nested) => out += &self.text(nested, Level::Pipe, place),
                None => out += &self.block(block, place.indent),
            }
        }
        out
    }
}
