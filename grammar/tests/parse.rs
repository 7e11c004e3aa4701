//! Right programs: what is accepted, how it groups, where lines end, which words are names.

mod common;

use common::{FIXTURES, parsed};
use nnc_grammar::ast::{BinaryOp, Expr, ExprKind, Item, ItemKind, Stmt, StmtKind, UnaryOp};
use nnc_grammar::dump::dump;

/// The statements of `train { … }`, which must be right.
fn statements(body: &str) -> Vec<Stmt> {
    let parsed = parsed(&format!("train {{\n{body}\n}}"));
    assert_eq!(parsed.reports(), Vec::<String>::new(), "{body}");
    match parsed.file.items.into_iter().next().map(|i| i.kind) {
        Some(ItemKind::Train { body, .. }) => body.stmts,
        other => panic!("{other:?}"),
    }
}

/// The one expression of a text with every group in brackets.
fn grouped(text: &str) -> String {
    match statements(text).pop().map(|s| s.kind) {
        Some(StmtKind::Expr(expr)) => group(&expr),
        other => panic!("{other:?}"),
    }
}

fn group(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Number(text) | ExprKind::Name(text) => text.clone(),
        ExprKind::Binary(op, left, right) => format!("({} {} {})", group(left), op.symbol(), group(right)),
        ExprKind::Unary(UnaryOp::Neg, inner) => format!("(-{})", group(inner)),
        ExprKind::Unary(UnaryOp::Not, inner) => format!("(not {})", group(inner)),
        ExprKind::Pipe { input, stage, name } => {
            let name = name.as_ref().map_or(String::new(), |n| format!(" as {}", n.text));
            format!("({} |> {}{name})", group(input), group(stage))
        }
        ExprKind::Call { callee, args } => {
            format!("{}({})", group(callee), args.iter().map(|a| group(&a.value)).collect::<Vec<_>>().join(", "))
        }
        ExprKind::Member(base, name) => format!("{}.{}", group(base), name.text),
        ExprKind::Fresh(inner) => format!("fresh<{}>", group(inner)),
        other => format!("{other:?}"),
    }
}

#[test]
fn every_fixture_parses_without_a_diagnostic() {
    for (name, text) in FIXTURES {
        let parsed = parsed(text);
        assert_eq!(parsed.reports(), Vec::<String>::new(), "{name}");
        assert!(!dump(&parsed.file).contains("invalid"), "{name}");
        assert!(!parsed.file.items.is_empty(), "{name}");
    }
}

#[test]
fn operators_group_by_precedence() {
    let table = [
        ("a |> f or", None),
        ("a or b and not c == d + e * -f ^ g", Some("(a or (b and (not (c == (d + (e * (-(f ^ g))))))))")),
        ("a - b - c", Some("((a - b) - c)")),
        ("a / b * c % d @ e", Some("((((a / b) * c) % d) @ e)")),
        ("a ^ b ^ c", Some("(a ^ (b ^ c))")),
        ("-a ^ 2", Some("(-(a ^ 2))")),
        ("2 ^ -1 * c", Some("((2 ^ (-1)) * c)")),
        ("-a * b", Some("((-a) * b)")),
        ("not a and b", Some("((not a) and b)")),
        ("a + b |> f |> g(1)(2) as h |> M.t", Some("((((a + b) |> f) |> g(1)(2) as h) |> M.t)")),
        ("(a |> f) + 1", Some("((a |> f) + 1)")),
        ("(a < b) == c", Some("((a < b) == c)")),
        ("fresh f.g(x)", Some("fresh<f.g>(x)")),
        ("- - a", Some("(-(-a))")),
    ];
    for (text, wanted) in table {
        match wanted {
            Some(wanted) => assert_eq!(grouped(text), wanted, "{text}"),
            None => assert_eq!(parsed(&format!("train {{ {text} }}")).diagnostics.len(), 1, "{text}"),
        }
    }
}

#[test]
fn newlines_end_statements_unless_the_line_goes_on() {
    let table = [
        ("a = b\nc = d", 2),
        ("a = b +\nc", 1),
        ("a = b\n+ c", 1),
        ("a = b\n- c", 1),
        ("a = b\n|> c", 1),
        ("a =\nb", 1),
        ("a,\nb = f(c)", 1),
        ("a = f(\nb\n)", 1),
        ("a = f(\nb,\nc,\n)", 1),
        ("a = [\n1,\n2]", 1),
        ("a = b and\nc", 1),
        ("a = b\nor c", 1),
        ("a = if c { d }\nelse { e }", 1),
        ("a = if c {\nd\n}\nelse {\ne\n}", 1),
        ("a = f(if c {\nd = e\nd\n} else { e })", 1),
        ("a = b // + \nc = d", 2),
        ("a = b // a comment\n  + c", 1),
        ("freeze M.*\nfreeze N.**\na = b", 3),
        ("a = b\n[c]", 2),
        ("a = b\n(c)", 2),
        ("optimize A.*, B\nwith = 3", 0),
    ];
    for (text, wanted) in table.into_iter().filter(|(_, wanted)| *wanted > 0) {
        assert_eq!(statements(text).len(), wanted, "{text}");
    }
}

#[test]
fn keywords_are_names_where_only_a_name_can_stand() {
    let words = [
        "param", "state", "var", "update", "metric", "optimize", "freeze", "keep", "stop", "then", "every", "init",
        "assert", "fit", "yield", "data", "model", "layer", "train", "predict", "on", "with", "as", "in", "over",
        "from", "all", "but", "last", "steps", "highest", "reversed", "use", "option", "nn",
    ];
    for word in words {
        let bound = statements(&format!("{word} = f({word} = {word}).{word}"));
        assert!(matches!(&bound[0].kind, StmtKind::Bind { targets, .. } if targets[0].name.text == word), "{word}");
        let set = statements(&format!("{word}: 3"));
        assert!(matches!(&set[0].kind, StmtKind::Setting { name, .. } if name.text == word), "{word}");
        let item = parsed(&format!("{word} = 3"));
        assert_eq!(item.reports(), Vec::<String>::new(), "{word}");
        assert!(matches!(&item.file.items[0].kind, ItemKind::Const { name, .. } if name.text == word), "{word}");
    }
}

#[test]
fn loss_is_a_statement_in_training_and_a_name_elsewhere() {
    assert!(matches!(statements("loss = e")[0].kind, StmtKind::Loss { name: None, .. }));
    assert!(matches!(&statements("loss d = e")[0].kind, StmtKind::Loss { name: Some(n), .. } if n.text == "d"));
    let every = statements("every 5 steps { loss = e }");
    assert!(
        matches!(&every[0].kind, StmtKind::Every { body, .. } if matches!(body.stmts[0].kind, StmtKind::Loss { .. }))
    );
    let function = parsed("fn f(x: [..]) { loss = x\n loss }");
    let Some(Item { kind: ItemKind::Def(def), .. }) = function.file.items.first() else { panic!("no definition") };
    assert!(matches!(&def.body.stmts[0].kind, StmtKind::Bind { targets, .. } if targets[0].name.text == "loss"));
}

#[test]
fn a_metric_under_a_name_may_begin_with_anything() {
    let name = |text: &str| match &statements(text)[0].kind {
        StmtKind::Metric { name, .. } => name.as_ref().map(|n| n.text.clone()),
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(name("metric rate = 1 - mean(x)").as_deref(), Some("rate"));
    assert_eq!(name("metric below = -mean(x)").as_deref(), Some("below"));
    assert_eq!(name("metric rmse(x, y)"), None);
}

#[test]
fn settings_bindings_and_typed_bindings_are_told_apart() {
    let stmts = statements(
        "a: 3\nb: [x, 2] = c\nd: index(10)[x] = e\nf: holdout(valid = 0.1)\ng, h = i\nj = k |> l as png(grid = 8)",
    );
    let kinds: Vec<&str> = stmts
        .iter()
        .map(|s| match &s.kind {
            StmtKind::Setting { .. } => "setting",
            StmtKind::Bind { targets, form, .. } => match (targets.len(), targets[0].ty.is_some(), form.is_some()) {
                (1, true, false) => "typed",
                (2, false, false) => "pair",
                (1, false, true) => "formed",
                _ => "plain",
            },
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["setting", "typed", "typed", "setting", "pair", "formed"]);
}

#[test]
fn else_if_nests_as_a_block_of_one_expression() {
    let stmts = statements("a = if b { 1 } else if c { 2 } else { 3 }");
    let StmtKind::Bind { value, .. } = &stmts[0].kind else { panic!("no binding") };
    let ExprKind::If { otherwise: Some(block), .. } = &value.kind else { panic!("no else") };
    let StmtKind::Expr(inner) = &block.stmts[0].kind else { panic!("no inner if") };
    assert!(matches!(&inner.kind, ExprKind::If { otherwise: Some(_), .. }));
}

#[test]
fn documentation_belongs_to_the_item_below_it() {
    let text = "/// lost\n\n/// One.\n///  Two.\nfn f(x: [..]) { x }\n// plain\nfn g(x: [..]) { x }";
    let docs: Vec<Option<String>> = parsed(text).file.items.into_iter().map(|i| i.doc).collect();
    assert_eq!(docs, [Some("One.\n Two.".to_owned()), None]);
}

#[test]
fn versions_and_empty_files() {
    assert_eq!(parsed("nn 1\na = 1").file.version.map(|(v, _)| v), Some(1));
    assert_eq!(parsed("nn 2\na = 1").reports(), ["1:4 bad-version this program reads language version 1, not 2"]);
    assert_eq!(parsed("").reports(), ["1:1 empty-file the file declares nothing"]);
    let comment = parsed("// nothing\n\n");
    assert_eq!(comment.reports(), ["1:10 empty-file the file declares nothing"]);
    assert!(!comment.diagnostics[0].primary.span.is_empty());
}

#[test]
fn spans_cover_what_was_written() {
    let parsed = parsed("fn f(x: [..]) {\n    a = (b + c ) * d  // why\n    a\n}");
    let Some(Item { kind: ItemKind::Def(def), .. }) = parsed.file.items.first() else { panic!("no definition") };
    let StmtKind::Bind { value, .. } = &def.body.stmts[0].kind else { panic!("no binding") };
    assert_eq!(parsed.sources.text(value.span), "(b + c ) * d");
    let ExprKind::Binary(BinaryOp::Mul, left, _) = &value.kind else { panic!("no product") };
    assert_eq!(parsed.sources.text(left.span), "(b + c )");
    assert_eq!(parsed.sources.text(def.body.stmts[0].span), "a = (b + c ) * d");
    assert_eq!(parsed.sources.place(def.body.stmts[1].span), "test.nn:3:5");
}
