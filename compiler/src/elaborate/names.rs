//! Walks over syntax by name: layer constructors of a body, names that a branch uses, and definitions that nothing
//! instantiates, which are checked for names and arity only.

use super::Elab;
use super::items::Item;
use nnc_grammar::ast::{Block, Def, DimKind, Expr, ExprKind, IndexItem, Name, Param, StmtKind, TypeExpr, TypeKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
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
            StmtKind::Param { name, ty, init, condition } => {
                f(Seen::Binder(name));
                f(Seen::Type(ty));
                walk(init, f);
                condition.iter().for_each(|e| walk(e, f));
            }
            StmtKind::State { name, ty, init } => {
                f(Seen::Binder(name));
                f(Seen::Type(ty));
                walk(init, f);
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
            StmtKind::Loss { value, .. } | StmtKind::Metric { value, .. } => walk(value, f),
            StmtKind::Optimize { condition, with, .. } => {
                condition.iter().for_each(|e| walk(e, f));
                walk(with, f);
            }
            StmtKind::Stop { patience, .. } => walk(patience, f),
            StmtKind::Every { steps, body } => {
                walk(steps, f);
                walk_block(body, f);
            }
            StmtKind::Init { from, .. } => walk(from, f),
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
    let mut stages: HashSet<Span> = HashSet::new();
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
                stages.insert(stage.span);
                if name.is_some() {
                    named.insert(stage.span);
                    if let ExprKind::Call { callee, .. } = &stage.kind {
                        named.insert(callee.span);
                    }
                }
                if let (ExprKind::Name(kind), false) = (&stage.kind, named.contains(&stage.span)) {
                    f(kind, stage.span);
                }
            }
            ExprKind::Call { callee, .. } => {
                if let (ExprKind::Name(kind), false) = (&callee.kind, named.contains(&e.span)) {
                    f(kind, e.span);
                }
            }
            _ => {}
        }
    });
}

/// `BatchNorm` → `batch_norm`, `LSTM` → `lstm`.
pub(super) fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (i, c) in chars.iter().enumerate() {
        let starts = c.is_uppercase()
            && i > 0
            && (!chars[i - 1].is_uppercase() || chars.get(i + 1).is_some_and(|n| n.is_lowercase()))
            && chars[i - 1] != '_';
        if starts {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// What a name of another system is called here.
pub(super) fn foreign(name: &str) -> Option<&'static str> {
    Some(match name {
        "Linear" | "linear" | "Affine" | "FullyConnected" => "`Dense`",
        "CrossEntropyLoss" | "softmax_cross_entropy" | "SparseCategoricalCrossentropy" => "`cross_entropy`",
        "MSELoss" | "mean_squared_error" => "`mse`",
        "ReLU" | "Relu" => "`relu`",
        "Flatten" => "`flatten`",
        "matmul" | "mm" => "`a @ b`",
        "view" | "reshape" => "`rearrange` or `flatten`",
        "ones_like" | "zeros_like" => "a plain number: a scalar fills the shape it meets",
        _ => return None,
    })
}

/// Checks the definitions of the user that nothing has instantiated: the names that they use must exist, and calls of
/// definitions must not give arguments that these do not have.
pub(super) fn check_unused_definitions(elab: &mut Elab<'_>) {
    let items = elab.items;
    let mut sources: Vec<_> = items.user_sources().collect();
    sources.sort_unstable();
    for source in sources {
        for (_, item) in items.own(source) {
            if let Item::Def(def) = item
                && !elab.instantiated.contains(&def.name.span)
            {
                check_names(elab, def);
            }
        }
    }
}

fn check_names(elab: &mut Elab<'_>, def: &Def) {
    let given = ["training", "step", "steps", "t", "rank", "pi", "last", "shape", "same", "valid"];
    let mut known: HashSet<&str> = given.into_iter().collect();
    fn params<'s>(list: &'s [Param], known: &mut HashSet<&'s str>) {
        for p in list {
            known.insert(&p.name.text);
            if let Some(ty) = &p.ty {
                names_of(ty, known);
            }
        }
    }
    params(&def.settings, &mut known);
    params(&def.inputs, &mut known);
    let mut used: Vec<(&str, Span)> = vec![];
    let mut calls: Vec<(&str, &Expr)> = vec![];
    walk_block(&def.body, &mut |seen| match seen {
        Seen::Binder(name) => {
            known.insert(&name.text);
        }
        Seen::Type(ty) => names_of(ty, &mut known),
        Seen::Expr(e) => match &e.kind {
            ExprKind::Name(name) => used.push((name, e.span)),
            ExprKind::Call { callee, .. } => {
                if let ExprKind::Name(name) = &callee.kind {
                    calls.push((name, e));
                }
            }
            _ => {}
        },
    });
    let (items, source) = (elab.items, def.name.span.source);
    for (name, span) in used {
        if known.contains(name) || super::primitives::lookup(name).is_some() {
            continue;
        }
        match items.lookup(source, name) {
            Some(item) => elab.usage.mark(item.span()),
            None => {
                let mut all: Vec<&str> = known.iter().copied().chain(items.names(source)).collect();
                all.sort_unstable();
                let d = Diagnostic::error(codes::UNKNOWN_NAME, span, format!("nothing here is called `{name}`"));
                let name = Name { text: name.to_owned(), span };
                elab.sink.push(super::suggest::suggest(d, &name, all.into_iter()));
            }
        }
    }
    for (name, call) in calls {
        if known.contains(name) {
            continue;
        }
        if let (Some(Item::Def(callee)), ExprKind::Call { args, .. }) = (items.lookup(source, name), &call.kind) {
            let params = if callee.two_lists { &callee.settings } else { &callee.inputs };
            for arg in args.iter().filter_map(|a| a.name.as_ref()) {
                if !params.iter().any(|p| p.name.text == arg.text || (p.over && arg.text == "over")) {
                    let d = Diagnostic::error(
                        codes::UNKNOWN_ARGUMENT,
                        arg.span,
                        format!("`{name}` has no argument `{}`", arg.text),
                    );
                    let d = super::suggest::suggest(d, arg, params.iter().map(|p| p.name.text.as_str()));
                    elab.sink.push(d.origin(Role::Declaration, callee.name.span, format!("`{name}` is declared here")));
                }
            }
        }
    }
}

/// The names that a type may bind.
fn names_of<'s>(ty: &'s TypeExpr, known: &mut HashSet<&'s str>) {
    match &ty.kind {
        TypeKind::Tensor { element, dims } => {
            if let Some(ExprKind::Name(n)) = element.as_ref().and_then(|e| e.size.as_ref()).map(|s| &s.kind) {
                known.insert(n);
            }
            for dim in dims {
                match &dim.kind {
                    DimKind::Name(n) | DimKind::Sized(n, _) => {
                        known.insert(&n.text);
                    }
                    DimKind::Rest(_) | DimKind::Size(_) => {}
                }
            }
        }
        TypeKind::Tuple(types) => types.iter().for_each(|t| names_of(t, known)),
        TypeKind::Choice(words) => known.extend(words.iter().map(|w| w.text.as_str())),
        TypeKind::Scalar(e) => {
            if let Some(ExprKind::Name(n)) = e.size.as_ref().map(|s| &s.kind) {
                known.insert(n);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn kinds_become_steps() {
        for (kind, step) in [
            ("Dense", "dense"),
            ("BatchNorm", "batch_norm"),
            ("LSTM", "lstm"),
            ("MyLSTMCell", "my_lstm_cell"),
            ("Conv2d", "conv2d"),
        ] {
            assert_eq!(snake_case(kind), step);
        }
    }
}
