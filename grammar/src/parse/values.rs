//! Which expressions may stand where their value is not used.

use crate::ast::{Block, Expr, ExprKind, StmtKind};

/// Whether an expression that is not the last of its block does something nonetheless: an `if` or `repeat` whose blocks
/// end in statements has no value and is there for its updates.
pub(super) fn does_something(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::If { then, otherwise, .. } => acts(then) && otherwise.as_ref().is_none_or(acts),
        ExprKind::Repeat { body, .. } => acts(body),
        ExprKind::Invalid => true,
        _ => false,
    }
}

fn acts(block: &Block) -> bool {
    match block.stmts.last().map(|s| &s.kind) {
        Some(StmtKind::Expr(last)) => does_something(last),
        _ => true,
    }
}
