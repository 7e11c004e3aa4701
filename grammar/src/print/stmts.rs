//! The text of statements: on one line, and as the cells of a table whose columns are aligned.

use super::Printer;
use super::flat::{Level, takes_commas};
use crate::ast::*;

/// Statements of one class that follow one another have their columns aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Not aligned with anything.
    Alone,
    /// `name = e`, `loss d = e`
    Bind,
    /// `name: type = e`
    Field,
    /// `name: e`
    Setting,
    /// `param`
    Param,
    /// `state`
    State,
    /// `update`
    Update,
}

/// A statement in pieces: what stands before the value, in columns, and the value with what follows it.
pub(super) struct Pieces<'a> {
    pub(super) class: Class,
    /// All but the last column; each ends where the next is aligned.
    pub(super) cells: Vec<String>,
    /// The value.
    pub(super) value: Option<&'a Expr>,
    /// Whether the value needs brackets so that the tail is not read as part of it.
    pub(super) bracket: bool,
    /// What follows the value.
    pub(super) tail: String,
}

impl Printer<'_> {
    /// A statement in pieces; none where a type keeps lines of its own, which no type does that was parsed.
    pub(super) fn pieces<'a>(&self, stmt: &'a Stmt, first: bool) -> Option<Pieces<'a>> {
        let of = |class, cells: Vec<String>, value: &'a Expr| Pieces {
            class,
            cells,
            value: Some(value),
            bracket: false,
            tail: String::new(),
        };
        let plain = |text: String| Pieces {
            class: Class::Alone,
            cells: vec![text],
            value: None,
            bracket: false,
            tail: String::new(),
        };
        Some(match &stmt.kind {
            StmtKind::Bind { targets, value, form } => {
                let mut pieces = match targets.as_slice() {
                    [Target { name, ty: Some(ty) }] => {
                        of(Class::Field, vec![format!("{}:", name.text), self.ty(ty)?, "=".to_owned()], value)
                    }
                    targets => {
                        let names = targets.iter().map(|t| self.target(t)).collect::<Option<Vec<_>>>()?.join(", ");
                        of(Class::Bind, vec![names, "=".to_owned()], value)
                    }
                };
                if let Some(form) = form {
                    let call =
                        matches!(&form.kind, ExprKind::Call { callee, .. } if matches!(callee.kind, ExprKind::Name(_)));
                    let piped = matches!(value.kind, ExprKind::Pipe { name: None, .. });
                    pieces.bracket = piped && !call;
                    pieces.tail = format!(" as {}", self.flat(form, Level::Simple)?);
                }
                pieces
            }
            StmtKind::Setting { name, value } => of(Class::Setting, vec![format!("{}:", name.text)], value),
            StmtKind::Param { name, ty, init, condition, layout } => {
                let cells = vec![format!("param {}:", name.text), self.ty(ty)?, "=".to_owned()];
                let mut pieces = of(Class::Param, cells, init);
                if let Some(condition) = condition {
                    pieces.tail = format!(" if {}", self.flat(condition, Level::Or)?);
                }
                self.kept_as(pieces, layout.as_ref())?
            }
            StmtKind::State { name, ty, init, layout } => {
                let cells = vec![format!("state {}:", name.text), self.ty(ty)?, "=".to_owned()];
                self.kept_as(of(Class::State, cells, init), layout.as_ref())?
            }
            StmtKind::Var { target, value } => of(Class::Alone, vec![format!("var {} =", self.target(target)?)], value),
            StmtKind::Update { name, value } => {
                of(Class::Update, vec![format!("update {}", name.text), "=".to_owned()], value)
            }
            StmtKind::Fit { name, value } => of(Class::Alone, vec![format!("fit {} =", name.text)], value),
            StmtKind::Loss { name, value, weight } => {
                let head = name.as_ref().map_or("loss".to_owned(), |n| format!("loss {}", n.text));
                let mut pieces = of(Class::Bind, vec![head, "=".to_owned()], value);
                pieces.tail = self.weight(weight.as_ref())?;
                pieces
            }
            StmtKind::Metric { name, value, weight } => {
                let head = name.as_ref().map_or("metric".to_owned(), |n| format!("metric {} =", n.text));
                let mut pieces = of(Class::Alone, vec![head], value);
                pieces.tail = self.weight(weight.as_ref())?;
                pieces
            }
            StmtKind::Optimize { selectors, condition, on, with } => {
                let mut head = format!("optimize {}", self.selectors(selectors));
                if let Some(condition) = condition {
                    head += &format!(" if {}", self.flat(condition, Level::Or)?);
                }
                if let Some(on) = on {
                    head += &format!(" on {}", on.text);
                }
                of(Class::Alone, vec![head + " with"], with)
            }
            StmtKind::Freeze { selectors } => plain(format!("freeze {}", self.selectors(selectors))),
            StmtKind::Keep { highest, figure } => {
                plain(format!("keep {} {}", if *highest { "highest" } else { "lowest" }, self.path(figure)))
            }
            StmtKind::Stop { patience, higher, figure } => {
                let side = if *higher { "higher" } else { "lower" };
                let patience = self.flat(patience, Level::Or)?;
                plain(format!("stop after {patience} epochs without {side} {}", self.path(figure)))
            }
            StmtKind::Then => plain("then".to_owned()),
            StmtKind::Every { steps, .. } => plain(format!("every {} steps", self.flat(steps, Level::Or)?)),
            StmtKind::Init { target, from, layout } => {
                let target = self.selectors(std::slice::from_ref(target));
                let form = |form: &Expr| Some(format!(" as {}", self.flat(form, Level::Simple)?));
                let layout = layout.as_ref().map_or(Some(String::new()), form)?;
                plain(format!("init {target} from {}{layout}", self.flat(from, Level::Or)?))
            }
            StmtKind::Assert { condition, message } => {
                let mut pieces = of(Class::Alone, vec!["assert".to_owned()], condition);
                if let Some(message) = message {
                    pieces.tail = format!(" : {}", self.flat(message, Level::Pipe)?);
                }
                pieces
            }
            StmtKind::Called { part, form } => {
                plain(format!("name {} as {}", part.text, self.flat(form, Level::Simple)?))
            }
            StmtKind::Yield(value) => of(Class::Alone, vec!["yield".to_owned()], value),
            StmtKind::Expr(value) => {
                let mut pieces = of(Class::Alone, vec![], value);
                pieces.bracket = self.needs_brackets(value, first);
                pieces
            }
            StmtKind::Invalid(_) => plain(String::new()),
        })
    }

    /// `, weight = e`, or nothing.
    fn weight(&self, weight: Option<&Expr>) -> Option<String> {
        match weight {
            Some(weight) => Some(format!(", weight = {}", self.flat(weight, Level::Pipe)?)),
            None => Some(String::new()),
        }
    }

    /// Adds how another system keeps what a line declares. The last stage of a pipe would take `as` for the name of its own.
    fn kept_as<'a>(&self, mut pieces: Pieces<'a>, layout: Option<&Layout>) -> Option<Pieces<'a>> {
        if let Some(layout) = layout {
            let piped = pieces.value.is_some_and(|value| matches!(value.kind, ExprKind::Pipe { name: None, .. }));
            pieces.bracket = piped && pieces.tail.is_empty();
            pieces.tail += &format!(" {}", self.layout(layout)?);
        }
        Some(pieces)
    }

    /// Whether an expression would be read as something else at the head of a line: a sign goes on with the line
    /// before, and these words begin statements whatever follows.
    fn needs_brackets(&self, value: &Expr, first: bool) -> bool {
        match &leftmost(value).kind {
            ExprKind::Unary(UnaryOp::Neg, _) => !first,
            ExprKind::Name(name) => matches!(name.as_str(), "then" | "yield" | "assert"),
            _ => false,
        }
    }

    /// A statement on one line; none where a block keeps its lines.
    pub(super) fn flat_stmt(&self, stmt: &Stmt, first: bool) -> Option<String> {
        let pieces = self.pieces(stmt, first)?;
        let mut out = pieces.cells.join(" ");
        if let Some(value) = pieces.value {
            if !out.is_empty() {
                out.push(' ');
            }
            out += &self.flat_value(value, pieces.bracket)?;
        }
        out += &pieces.tail;
        if let StmtKind::Every { body, .. } = &stmt.kind {
            out += &format!(" {}", self.flat_block(body)?);
        }
        Some(out)
    }

    /// A value with the brackets that a tail asks for.
    pub(super) fn flat_value(&self, value: &Expr, bracket: bool) -> Option<String> {
        let text = self.flat(value, Level::Pipe)?;
        Some(if bracket && !matches!(value.kind, ExprKind::Tuple(_)) { format!("({text})") } else { text })
    }

    /// Whether an expression must stand in brackets in a list.
    pub(super) fn bracket_in_list(&self, value: &Expr) -> bool {
        takes_commas(value)
    }
}

/// The expression whose text comes first.
fn leftmost(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Binary(_, left, _) => leftmost(left),
        ExprKind::Pipe { input, .. } => leftmost(input),
        ExprKind::Call { callee: base, .. } | ExprKind::Index { base, .. } | ExprKind::Member(base, _) => {
            leftmost(base)
        }
        ExprKind::Tuple(items) => items.first().map_or(expr, leftmost),
        _ => expr,
    }
}
