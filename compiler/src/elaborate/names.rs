//! Names: near and foreign ones, path steps, and definitions that nothing instantiates, which are checked for names and
//! arguments only.

use super::Elab;
use super::items::Item;
use super::walk::{Seen, walk_block};
use nnc_grammar::ast::{Def, DimKind, Expr, ExprKind, Name, Param, TypeExpr, TypeKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;
use std::collections::{HashMap, HashSet};

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

/// The report of a name that means nothing, with the nearest of those that do.
pub(super) fn unknown<'n>(name: &str, span: Span, known: impl Iterator<Item = &'n str>) -> Diagnostic {
    let name = Name { text: name.to_owned(), span };
    let d = Diagnostic::error(codes::UNKNOWN_NAME, span, format!("nothing here is called `{}`", name.text));
    // Tables have no order of their own; the nearest name must not depend on it.
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    let d = super::suggest::suggest(d, &name, known.into_iter());
    if d.fixes.is_empty() { also_called(d, &name.text) } else { d }
}

/// Adds what other systems mean by a name, if some do.
pub(super) fn also_called(d: Diagnostic, name: &str) -> Diagnostic {
    match foreign(name) {
        Some(ours) => d.help(format!("other systems call it so; here it is {ours}")),
        None => d,
    }
}

/// What a name of another system is called here.
fn foreign(name: &str) -> Option<&'static str> {
    Some(match name {
        "Linear" | "linear" | "Affine" | "FullyConnected" => "`Dense`",
        "CrossEntropyLoss" | "softmax_cross_entropy" | "SparseCategoricalCrossentropy" => "`cross_entropy`",
        "MSELoss" | "mean_squared_error" => "`mse`",
        "BCEWithLogitsLoss" | "binary_cross_entropy" => "`bce`, which takes logits",
        "NLLLoss" => "`nll`",
        "MultiHeadAttention" | "MultiheadAttention" => "`SelfAttention` or `CrossAttention`",
        "Conv1d" | "Conv2d" | "Conv3d" | "Conv2D" => "`Conv`, whose kernel says how many axes it slides along",
        "BatchNorm1d" | "BatchNorm2d" | "BatchNormalization" => "`BatchNorm`",
        "Sequential" => "a pipe, `x |> a |> b`",
        "Parameter" => "`param w: [n] = zeros()`",
        "squeeze" | "unsqueeze" | "expand_dims" => {
            "an index: `x[.., 0]` drops an axis of size 1, `x[.., new]` makes one"
        }
        "transpose" | "permute" | "swapaxes" => "`rearrange [a, b] -> [b, a]`",
        "cat" | "concatenate" | "stack" | "hstack" => "`concat([a, b])`, along `over = …`",
        "arange" | "range" => "`indices(n)`",
        "inf" | "infinity" => "a number beyond all, `1e300 * 1e300`",
        "detach" => "`stop_gradient(x)`",
        "len" | "numel" => "`size(x)`",
        "ReLU" | "Relu" => "`relu`",
        "Flatten" => "`flatten`",
        "matmul" | "mm" => "`a @ b`",
        "view" | "reshape" => "`rearrange` or `flatten`",
        "ones_like" | "zeros_like" | "full" => "a plain number: a scalar fills the shape it meets",
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
    // Words that a called definition lets its callers choose among, and the arguments that are one of them.
    let mut worded: HashMap<Span, Vec<&str>> = HashMap::new();
    for (name, call) in &calls {
        let Some(Item::Def(callee)) = items.lookup(source, name) else { continue };
        let ExprKind::Call { args, .. } = &call.kind else { continue };
        for param in callee.settings.iter().chain(&callee.inputs) {
            if let Some(TypeKind::Choice(words)) = param.ty.as_ref().map(|ty| &ty.kind) {
                let words = words.iter().map(|w| w.text.as_str()).filter(|w| *w != "sizes");
                known.extend(words.clone());
                let given = args.iter().find(|a| a.name.as_ref().is_some_and(|n| n.text == param.name.text));
                worded.extend(given.map(|arg| (arg.value.span, words.collect())));
            }
        }
    }
    for (name, span) in used {
        if known.contains(name) || super::primitives::lookup(name).is_some() {
            continue;
        }
        match items.lookup(source, name) {
            Some(item) => elab.usage.mark(item.span()),
            None if worded.contains_key(&span) => {
                elab.no_word(Some(name.to_owned()), &worded[&span], span);
            }
            None => {
                let mut all: Vec<&str> = known.iter().copied().chain(items.names(source)).collect();
                for primitive in super::primitives::names() {
                    all.push(primitive);
                }
                elab.sink.push(unknown(name, span, all.into_iter()));
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

/// The axes that a type names.
pub(super) fn axes_of(ty: &TypeExpr) -> Vec<&Name> {
    let TypeKind::Tensor { dims, .. } = &ty.kind else { return vec![] };
    let names = dims.iter().filter_map(|d| match &d.kind {
        DimKind::Name(n) | DimKind::Sized(n, _) => Some(n),
        DimKind::Rest(_) | DimKind::Size(_) => None,
    });
    names.collect()
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
