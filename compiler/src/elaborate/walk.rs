//! Walks over syntax by name: expressions, binders and types of a block, and the layer constructors of a body.

use nnc_grammar::ast::{Block, Expr, ExprKind, IndexItem, Layout, Name, StmtKind, TypeExpr};
use nnc_grammar::span::Span;
use std::collections::HashSet;

/// What a walk sees.
pub(super) enum Seen<'s> {
    /// An expression, before its parts.
    Expr(&'s Expr),
    /// A name that a statement, pattern or pipe introduces.
    Binder(&'s Name),
    /// A type.
    Type(&'s TypeExpr),
}

/// Visits every expression, binder and type of a block.
pub(super) fn walk_block<'s>(block: &'s Block, f: &mut dyn FnMut(Seen<'s>)) {
    for stmt in &block.stmts {
        match &stmt.kind {
            StmtKind::Bind { targets, value, form } => {
                for target in targets {
                    f(Seen::Binder(&target.name));
                    target.ty.iter().for_each(|t| f(Seen::Type(t)));
                }
                walk(value, f);
                form.iter().for_each(|e| walk(e, f));
            }
            StmtKind::Param { name, ty, init, condition, layout } => {
                f(Seen::Binder(name));
                f(Seen::Type(ty));
                walk(init, f);
                condition.iter().for_each(|e| walk(e, f));
                layout.iter().for_each(|l| walk_layout(l, f));
            }
            StmtKind::State { name, ty, init, layout } => {
                f(Seen::Binder(name));
                f(Seen::Type(ty));
                walk(init, f);
                layout.iter().for_each(|l| walk_layout(l, f));
            }
            StmtKind::Var { target, value } => {
                f(Seen::Binder(&target.name));
                walk(value, f);
            }
            StmtKind::Fit { name, value } => {
                f(Seen::Binder(name));
                walk(value, f);
            }
            StmtKind::Setting { value, .. } | StmtKind::Update { value, .. } => walk(value, f),
            StmtKind::Loss { value, weight, .. } | StmtKind::Metric { value, weight, .. } => {
                walk(value, f);
                weight.iter().for_each(|e| walk(e, f));
            }
            StmtKind::Optimize { condition, with, .. } => {
                condition.iter().for_each(|e| walk(e, f));
                walk(with, f);
            }
            StmtKind::Stop { patience, .. } => walk(patience, f),
            StmtKind::Every { steps, body } => {
                walk(steps, f);
                walk_block(body, f);
            }
            StmtKind::Init { from, layout, .. } => {
                walk(from, f);
                layout.iter().for_each(|form| walk_form(form, f));
            }
            StmtKind::Called { form, .. } => walk_form(form, f),
            StmtKind::Assert { condition, message } => {
                walk(condition, f);
                message.iter().for_each(|e| walk(e, f));
            }
            StmtKind::Yield(e) | StmtKind::Expr(e) => walk(e, f),
            StmtKind::Invalid(names) => names.iter().for_each(|n| f(Seen::Binder(n))),
            StmtKind::Freeze { .. } | StmtKind::Keep { .. } | StmtKind::Then => {}
        }
    }
}

/// Visits the sizes that a layout names.
fn walk_layout<'s>(layout: &'s Layout, f: &mut dyn FnMut(Seen<'s>)) {
    let ranges = layout.parts.iter().filter_map(|part| part.range.as_ref());
    ranges.flat_map(|(begin, end)| [begin, end]).for_each(|e| walk(e, f));
    layout.axes.iter().flat_map(|axes| &axes.with).for_each(|(_, e)| walk(e, f));
}

/// Visits what a system is given. What is called is no value: the name of the system.
fn walk_form<'s>(form: &'s Expr, f: &mut dyn FnMut(Seen<'s>)) {
    if let ExprKind::Call { args, .. } = &form.kind {
        args.iter().for_each(|a| walk(&a.value, f));
    }
}

/// Visits an expression and its parts.
pub(super) fn walk<'s>(e: &'s Expr, f: &mut dyn FnMut(Seen<'s>)) {
    f(Seen::Expr(e));
    match &e.kind {
        ExprKind::Member(base, _) | ExprKind::Unary(_, base) | ExprKind::Fresh(base) => walk(base, f),
        ExprKind::Call { callee, args } => {
            walk(callee, f);
            args.iter().for_each(|a| walk(&a.value, f));
        }
        ExprKind::Index { base, items } => {
            walk(base, f);
            for item in items {
                match item {
                    IndexItem::At(e) | IndexItem::Axis(_, e) => walk(e, f),
                    IndexItem::Range(_, a, b) => a.iter().chain(b).for_each(|e| walk(e, f)),
                    IndexItem::Rest(_) | IndexItem::New(_) => {}
                }
            }
        }
        ExprKind::Binary(_, a, b) => {
            walk(a, f);
            walk(b, f);
        }
        ExprKind::Pipe { input, stage, .. } => {
            walk(input, f);
            walk(stage, f);
        }
        ExprKind::If { condition, then, otherwise } => {
            walk(condition, f);
            walk_block(then, f);
            otherwise.iter().for_each(|b| walk_block(b, f));
        }
        ExprKind::Scan(scan) => {
            f(Seen::Binder(&scan.index));
            f(Seen::Binder(&scan.axis));
            scan.size.iter().for_each(|e| walk(e, f));
            for (target, value) in &scan.carries {
                f(Seen::Binder(&target.name));
                walk(value, f);
            }
            walk_block(&scan.body, f);
        }
        ExprKind::Repeat { turns, name, body } => {
            walk(turns, f);
            name.iter().for_each(|n| f(Seen::Binder(n)));
            walk_block(body, f);
        }
        ExprKind::Rearrange(r) => r.with.iter().for_each(|(_, e)| walk(e, f)),
        ExprKind::List(list) | ExprKind::Tuple(list) => list.iter().for_each(|e| walk(e, f)),
        ExprKind::Number(_)
        | ExprKind::Str(_)
        | ExprKind::Bool(_)
        | ExprKind::Name(_)
        | ExprKind::Rest
        | ExprKind::AllBut(_)
        | ExprKind::Invalid => {}
    }
}

/// Visits every name that a block uses.
pub(super) fn visit_block(block: &Block, f: &mut dyn FnMut(&str)) {
    walk_block(block, &mut |seen| {
        if let Seen::Expr(Expr { kind: ExprKind::Name(name), .. }) = seen {
            f(name);
        }
    });
}

/// Visits the constructors `L(..)` of a body that have no name of their own, with the span that identifies each: the call,
/// or in a pipe the stage. Those that `name = L(..)` or `as` name are left out.
pub(super) fn visit_constructors<'s>(body: &'s Block, f: &mut dyn FnMut(&'s str, Span)) {
    let mut named: HashSet<Span> = HashSet::new();
    // Stages without arguments, whose turn comes after what they are applied to.
    let mut bare: HashSet<Span> = HashSet::new();
    for stmt in &body.stmts {
        if let StmtKind::Bind { targets, value, .. } = &stmt.kind
            && targets.len() == 1
            && matches!(value.kind, ExprKind::Call { .. })
        {
            named.insert(value.span);
        }
    }
    walk_block(body, &mut |seen| {
        let Seen::Expr(e) = seen else { return };
        match &e.kind {
            ExprKind::Pipe { stage, name, .. } => {
                if name.is_some() {
                    named.insert(stage.span);
                    if let ExprKind::Call { callee, .. } = &stage.kind {
                        named.insert(callee.span);
                    }
                } else if matches!(stage.kind, ExprKind::Name(_)) {
                    bare.insert(stage.span);
                }
            }
            ExprKind::Name(kind) if bare.contains(&e.span) => f(kind, e.span),
            ExprKind::Call { callee, .. } => {
                if let (ExprKind::Name(kind), false) = (&callee.kind, named.contains(&e.span)) {
                    f(kind, e.span);
                }
            }
            _ => {}
        }
    });
}
