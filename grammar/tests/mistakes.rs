//! Wrong programs: each mistake is reported once, at its place, in words that name it.

mod common;

use common::{FIXTURES, parsed};
use nnc_grammar::ast::{ItemKind, StmtKind};
use nnc_grammar::diagnostic::Safety;

/// Statements of a function body, each with the report of its one mistake: code, column and part of the headline.
const STATEMENTS: &[(&str, &str, usize, &str)] = &[
    ("a = f(x, 3", "unclosed", 6, "`(` is never closed"),
    ("a = f(x, [3, 4)", "unclosed", 10, "`[` is never closed"),
    ("a = f(x))", "stray-closer", 9, "`)` closes nothing"),
    ("a = f(x 3)", "syntax", 8, "a comma is missing between `x` and `3`"),
    ("a = f(x, \"s\" lr = 3)", "syntax", 13, "a comma is missing"),
    ("a = [1 2]", "syntax", 7, "a comma is missing"),
    ("a = = 3", "syntax", 5, "one `=` too many"),
    ("a == x", "syntax", 3, "`==` compares"),
    ("a -> x", "syntax", 3, "a name is bound with `=`"),
    ("a := x", "bad-character", 3, "`:=` is written `=`"),
    ("a += x", "syntax", 3, "no `+=`"),
    ("a = f(b: 3)", "syntax", 8, "given by name with `=`"),
    ("a = if b = 3 { x } else { x }", "syntax", 10, "a comparison is `==`"),
    ("a = f(lr=)", "syntax", 9, "`lr =` has no value"),
    ("a =", "syntax", 3, "`a =` has no value"),
    ("a = x +", "syntax", 7, "a value is missing after `+`"),
    ("a = x |>", "syntax", 7, "a layer or a function is missing after `|>`"),
    ("a = x |> 3", "syntax", 10, "a pipe leads into"),
    ("a = x |> f + 1", "syntax", 12, "`+` after a pipe"),
    ("a = x[.., 0..8]", "syntax", 12, "by the name of the axis"),
    ("a = x[1..]", "syntax", 8, "by the name of the axis"),
    ("a = rearrange(x, [a, b])", "syntax", 14, "`rearrange` is no call"),
    ("a = * x", "syntax", 5, "a value is missing before `*`"),
    ("a = x < 1 < 2", "syntax", 11, "comparisons are not chained"),
    ("a = x ** 2", "bad-character", 7, "a power is written `^`"),
    ("a = x && y", "bad-character", 7, "`&&` is written `and`"),
    ("a = !x", "bad-character", 5, "`!` is written `not`"),
    ("a = 0.", "bad-number", 5, "a digit after its point"),
    ("a = .5", "bad-number", 5, "a digit before its point"),
    ("a = 1e", "bad-number", 5, "an exponent has digits"),
    ("a = f(1,000)", "bad-number", 7, "a number has no commas"),
    ("a = 3e-4.5", "bad-number", 5, "an exponent is a whole number"),
    ("a = 2x", "bad-number", 5, "`2` runs into `x`"),
    ("a = 1__0", "bad-number", 5, "`_` stands between two digits"),
    ("a = 1.0f", "bad-number", 5, "no suffix"),
    ("a = “text”", "bad-character", 5, "a string stands between"),
    ("a = 'text'", "bad-character", 5, "a string stands between"),
    ("a = \"open", "bad-string", 5, "not closed on its line"),
    ("a = f(\"open)", "bad-string", 7, "not closed on its line"),
    ("a = \"\\q\"", "bad-string", 6, "no escape `\\q`"),
    ("a = x × 2", "bad-character", 7, "`×` is written `*`"),
    ("a = x − 2", "bad-character", 7, "`−` is written `-`"),
    ("a =\u{a0}x", "bad-character", 4, "U+00A0"),
    ("a = x²", "bad-character", 6, "is written `^ 2`"),
    ("a = β", "bad-character", 5, "the name `β`"),
    ("a = x; b = x", "bad-character", 6, "ends with its line"),
    ("a = x;", "bad-character", 6, "ends with its line"),
    ("a = x # why", "bad-character", 7, "a comment begins with `//`"),
    ("a = x ? 1", "bad-character", 7, "no meaning"),
    ("let a = x", "syntax", 1, "a binding needs no keyword"),
    ("return x", "syntax", 1, "last expression"),
    ("for i in x { x }", "syntax", 1, "loops are"),
    ("self.a = x", "syntax", 1, "names stand alone"),
    ("a = nn.Linear(3, 4)(x)", "syntax", 5, "`Linear`, not `nn.Linear`"),
    ("new = 3", "syntax", 1, "`new` is a reserved word"),
    ("epochs 10", "syntax", 7, "stand side by side"),
    ("parm w: [n] = zeros()", "syntax", 1, "`parm` is not a keyword"),
    ("optimise M with Adam(0.1)", "syntax", 1, "`optimise` is not a keyword"),
    ("param w [n] = zeros()", "syntax", 8, "`:` is missing between `w` and its type"),
    ("param w: [n]", "syntax", 12, "has no initial value"),
    ("param w = zeros()", "syntax", 9, "has no type"),
    ("state s: [n] zeros()", "syntax", 13, "`=` is missing"),
    ("a: (batch, 28) = x", "syntax", 4, "square brackets"),
    ("a: [batch, h: 28] = x", "syntax", 13, "gets its size with `=`"),
    ("keep highset valid.x", "syntax", 6, "expected `highest` or `lowest`"),
    ("keep", "syntax", 1, "nothing follows it"),
    ("stop after 3 epochs without valid.x", "syntax", 29, "`higher` or `lower`"),
    ("optimize M", "syntax", 10, "expected"),
    ("f(x)", "syntax", 1, "a value that nothing uses"),
    ("a = 1 b = 2", "syntax", 7, "a line of its own"),
    ("if c { update s = x } b = 2", "syntax", 23, "a line of its own"),
    ("f(x) { x }", "syntax", 6, "no expression goes on with `{`"),
    ("else { x }", "syntax", 1, "`else` has no `if`"),
    ("if c", "syntax", 4, "a block `{ }` is missing"),
    ("{ x }", "syntax", 1, "a block stands only after a head"),
    ("a b", "syntax", 3, "`b` cannot follow `a`"),
    ("layer D(x: [..]) { x }", "misplaced", 1, "items stand outside blocks"),
    ("freeze M[1.5]", "not-whole", 10, "a turn is a whole number"),
];

/// Items with the reports of their mistakes.
const ITEMS: &[(&str, &[&str])] = &[
    ("modle B(x: [..]) {\n    x\n}", &["1:1 syntax `modle` is not a keyword"]),
    ("modle B {\n    y = = 3\n    x\n}", &["1:1 syntax `modle` is not a keyword", "2:9 syntax one `=` too many"]),
    ("layer D(units int)(x: [..]) { x }", &["1:14 syntax `:` is missing between `units` and its type"]),
    ("layer D(x: [..]) : [..] { x }", &["1:18 syntax a result is declared with `->`"]),
    ("layer D(x: [..]) = [..] { x }", &["1:18 syntax a result is declared with `->`"]),
    ("layer D(x: [..]) [..] { x }", &["1:17 syntax `->` is missing before the type of the result"]),
    ("layer D(x: [..]) => [..] { x }", &["1:18 bad-character `=>` is written `->`"]),
    ("layer D(x: [..]) -> { x }", &["1:18 syntax a type is missing after `->`"]),
    ("layer D { x }", &["1:7 syntax `D` needs a parameter list"]),
    ("layer D(x: [..])\n{\n    x\n}", &["2:1 syntax `{` belongs on the line of what it continues"]),
    ("def f(x):\n    y = x + 1\n    return y", &["1:1 syntax a function begins with `fn`"]),
    ("import torch", &["1:1 syntax another file is used with `use`"]),
    ("class Net(nn.Module):\n    x = 3\n    y += 1", &["1:1 syntax a network begins with `model` or `layer`"]),
    ("# a comment", &["1:1 bad-character a comment begins with `//`, not `#`"]),
    ("foo bar { x }", &["1:1 syntax `foo` is not a keyword"]),
    ("param w: [n] = zeros()", &["1:1 misplaced `param` begins a statement"]),
    ("x |> f", &["1:1 syntax `x` begins no item"]),
    ("option a = 2 in 1 to 100", &["1:19 syntax a range of an option does not go on with `to`"]),
    ("data { }", &["1:6 syntax expected a name, found `{`"]),
    ("fn", &["1:1 syntax expected a name after `fn`"]),
    ("fn f(", &["1:5 unclosed `(` is never closed"]),
    ("predict on A, B { x }", &["1:15 syntax a prediction reads one data block"]),
    (
        "model A(x: [..])\n    y = x\n    y y\n    y\n}",
        &["1:16 syntax a block `{ }` is missing", "3:7 syntax `y` cannot"],
    ),
    ("fn f(x: [..]) {\n    if c\n        a = 1\n    }\n    x\n}", &["2:8 syntax a block `{ }` is missing after `c`"]),
    ("fn f(x: [..]) {\n    a = x }\n    b = a\n    b\n}", &["5:1 stray-closer `}` closes nothing"]),
    ("fn f(x: [..]) {\n    if c {\n        a = x\n    b = x\n    b\n}", &["2:10 unclosed `{` is never closed"]),
    ("fn f(x: [..]) {\n    x", &["1:15 unclosed `{` is never closed"]),
];

#[test]
fn each_statement_gives_its_one_report() {
    for (text, code, column, part) in STATEMENTS {
        let whole = format!("fn g(x: [..]) {{\n    {text}\n    z = x\n    z\n}}\nfn h(x: [..]) {{ x }}");
        let parsed = parsed(&whole);
        let reports = parsed.reports();
        assert_eq!(reports.len(), 1, "{text}: {reports:#?}");
        assert!(reports[0].starts_with(&format!("2:{} {code} ", column + 4)), "{text}: {}", reports[0]);
        assert!(reports[0].contains(part), "{text}: {}", reports[0]);
        assert_eq!(parsed.file.items.len(), 2, "{text}");
    }
}

#[test]
fn each_item_gives_its_reports_and_spares_the_next() {
    for (text, wanted) in ITEMS {
        for tail in ["", "\nfn h(x: [..]) -> [..] { x }\n"] {
            let parsed = parsed(&format!("{text}{tail}"));
            let reports = parsed.reports();
            assert_eq!(reports.len(), wanted.len(), "{text}: {reports:#?}");
            for (found, part) in reports.iter().zip(*wanted) {
                assert!(found.starts_with(part), "{text}: {found}");
            }
            if !tail.is_empty() {
                let last = parsed.file.items.last().map(|i| &i.kind);
                assert!(matches!(last, Some(ItemKind::Def(def)) if def.name.text == "h"), "{text}: {last:?}");
            }
        }
    }
}

#[test]
fn k_mistakes_give_k_reports() {
    let broken: Vec<&str> =
        STATEMENTS.iter().map(|(text, ..)| *text).filter(|t| *t != "if c" && *t != "else { x }").collect();
    for k in [2, 5, broken.len()] {
        let items: String = broken[..k]
            .iter()
            .map(|t| format!("fn g(x: [..]) {{\n    y = x\n    {t}\n    z = y\n    z\n}}\n"))
            .collect();
        let apart = parsed(&items);
        assert_eq!(apart.diagnostics.len(), k, "{:#?}", apart.reports());
        let body: String = broken[..k].iter().map(|t| format!("    {t}\n    y = x\n")).collect();
        let together = parsed(&format!("fn g(x: [..]) {{\n{body}    y\n}}\n"));
        assert_eq!(together.diagnostics.len(), k, "{:#?}", together.reports());
    }
}

#[test]
fn a_broken_statement_still_binds_its_names() {
    let parsed = parsed("fn f(x: [..]) {\n    a, b = g(x x)\n    param w: [n] = * 3\n    a\n}");
    let Some(ItemKind::Def(def)) = parsed.file.items.first().map(|i| &i.kind) else { panic!("no definition") };
    let names: Vec<Vec<&str>> = def
        .body
        .stmts
        .iter()
        .filter_map(|s| match &s.kind {
            StmtKind::Invalid(names) => Some(names.iter().map(|n| n.text.as_str()).collect()),
            _ => None,
        })
        .collect();
    assert_eq!(names, [vec!["a", "b"], vec!["w"]]);
}

#[test]
fn a_repaired_statement_is_parsed() {
    let parsed = parsed("fn f(x: [..]) {\n    a = x × 2\n    parm w: [n] = zeros()\n    b = x |> f(0.)\n    b\n}");
    assert_eq!(parsed.diagnostics.len(), 3, "{:#?}", parsed.reports());
    let Some(ItemKind::Def(def)) = parsed.file.items.first().map(|i| &i.kind) else { panic!("no definition") };
    assert!(def.body.stmts.iter().all(|s| !matches!(s.kind, StmtKind::Invalid(_))), "{:?}", def.body.stmts);
    assert!(matches!(def.body.stmts[1].kind, StmtKind::Param { .. }));
}

#[test]
fn what_changes_is_told_how() {
    let advice = [
        ("var a = x\n    repeat 2 {\n        a += x\n    }", "a variable changes with `a = a + …`"),
        ("state a: [n] = 0\n    a -= x", "a state changes with `update a = a - …`"),
        ("a *= x", "a state changes with `update a = a * …`, a variable and what a loop carries with `a = a * …`"),
    ];
    for (text, help) in advice {
        let parsed = parsed(&format!("layer L()(x: [n]) {{\n    {text}\n    x\n}}"));
        let [report] = parsed.diagnostics.as_slice() else { panic!("{text}: {:?}", parsed.reports()) };
        assert_eq!(report.fixes.iter().map(|f| f.title.as_str()).collect::<Vec<_>>(), [help], "{text}");
    }
}

#[test]
fn safe_fixes_mend_the_program() {
    let mut mended = 0;
    let statements =
        STATEMENTS.iter().map(|(text, ..)| format!("fn g(x: [..]) {{\n    {text}\n    z = x\n    z\n}}\n"));
    let items = ITEMS.iter().map(|(text, _)| (*text).to_owned());
    for text in statements.chain(items) {
        let broken = parsed(&text);
        let mut edits: Vec<_> = broken
            .diagnostics
            .iter()
            .filter_map(|d| d.fixes.first().filter(|f| f.safety == Safety::Safe))
            .flat_map(|f| f.edits.clone())
            .collect();
        let all_safe = broken.diagnostics.iter().all(|d| d.fixes.first().is_some_and(|f| f.safety == Safety::Safe));
        if !all_safe || broken.diagnostics.is_empty() {
            continue;
        }
        edits.sort_by_key(|e| std::cmp::Reverse(e.span.start));
        let mut fixed = text.clone();
        for edit in edits {
            fixed.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.text);
        }
        let after = parsed(&fixed);
        let left: Vec<_> = after
            .reports()
            .into_iter()
            .filter(|r| !r.contains("needs a parameter list") && !r.contains("empty-file"))
            .collect();
        assert_eq!(left, Vec::<String>::new(), "{text}\n----\n{fixed}");
        mended += 1;
    }
    assert!(mended > 25, "only {mended} programs had safe fixes alone");
}

#[test]
fn an_item_inside_an_open_block_is_named_as_its_end() {
    let parsed = parsed("model A(x: [..]) {\n    y = x\n\nlayer B(x: [..]) { x }");
    let [only] = parsed.diagnostics.as_slice() else { panic!("{:#?}", parsed.reports()) };
    assert_eq!(parsed.sources.place(only.origins[0].span), "test.nn:4:1");
    assert_eq!(parsed.file.items.len(), 2);
}

#[test]
fn repairs_of_one_kind_in_a_statement_share_a_report() {
    let text = format!("{}\n", FIXTURES[0].1.replace("0.01                ", "2 × 3 − 1"));
    let parsed = parsed(&text);
    assert_eq!(parsed.diagnostics.len(), 1, "{:#?}", parsed.reports());
    assert_eq!(parsed.diagnostics[0].fixes[0].edits.len(), 2);
}
