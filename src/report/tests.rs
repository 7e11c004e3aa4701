//! Reports as they look.

use super::*;
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Edit, Fix, Role, Safety};
use nnc_grammar::span::{SourceId, Span};

/// The span of the first `what` in the source.
fn find(sources: &Sources, id: SourceId, what: &str) -> Span {
    let at = sources.get(id).unwrap().text.find(what).unwrap();
    Span::new(id, at, at + what.len())
}

const LENET: &str = "model LeNet(image: [batch, 28, 28]) {\n    pool2 = pool(image)\n    flat = flatten(pool2)\n\n    fc1 = linear(flat, in = 400, out = 120)\n}\n";

#[test]
fn the_place_at_fault_comes_first_and_origins_follow() {
    let mut sources = Sources::new();
    let id = sources.add("lenet.nn", LENET);
    let library = sources.add("std/linear.nn", "fn linear(x: [.., n]) { x }\n");
    let wrong = find(&sources, id, "in = 400");
    let mut d = Diagnostic::error(codes::SHAPE_MISMATCH, wrong, "`fc1` takes 400 features, but `flat` has 256")
        .label("400 is written here")
        .origin(Role::Dim, find(&sources, id, "flatten(pool2)"), "256 = 16 × 4 × 4")
        .origin(Role::Declaration, find(&sources, library, "n])"), "`n` is bound here")
        .note("how 28 became 4: 28 → 24 → 12 → 8 → 4");
    let edits = vec![Edit { span: find(&sources, id, "in = 400, "), text: String::new() }];
    d.fixes.push(Fix { title: "leave the size to be inferred".into(), edits, safety: Safety::Safe, verified: true });
    insta::assert_snapshot!(render(Look::Plain, &sources, &d), @r"
    error[shape-mismatch]: `fc1` takes 400 features, but `flat` has 256
       ,-[lenet.nn:5:24]
     5 |     fc1 = linear(flat, in = 400, out = 120)
       :                        ^^^^|^^^
       :                            `-- 400 is written here
     6 | }
       `----
       ,-[lenet.nn:3:12]
     2 |     pool2 = pool(image)
     3 |     flat = flatten(pool2)
       :            ^^^^^^^|^^^^^^
       :                   `-- 256 = 16 × 4 × 4
       `----
       ,-[std/linear.nn:1:19]
     1 | fn linear(x: [.., n]) { x }
       :                   ^|^
       :                    `-- `n` is bound here
       `----
      note: how 28 became 4: 28 → 24 → 12 → 8 → 4
      help: leave the size to be inferred
        -   5 |     fc1 = linear(flat, in = 400, out = 120)
        +   5 |     fc1 = linear(flat, out = 120)
    ");
}

#[test]
fn columns_count_characters_and_tabs_are_widened() {
    let mut sources = Sources::new();
    let id = sources.add("é.nn", "a = 1\r\n\tπ变 = foo(x)\r\nb = 2\r\n");
    let d = Diagnostic::warning(codes::UNKNOWN_NAME, find(&sources, id, "foo"), "no `foo`").label("not declared");
    insta::assert_snapshot!(render(Look::Plain, &sources, &d), @r"
    warning[unknown-name]: no `foo`
       ,-[é.nn:2:7]
     1 | a = 1
     2 |     π变 = foo(x)
       :           ^|^
       :            `-- not declared
     3 | b = 2
       `----
    ");
}

#[test]
fn long_lines_are_cut_around_the_label() {
    let mut sources = Sources::new();
    let text = format!("x = {} + wrong + {}\n", vec!["1"; 200].join(" + "), vec!["2"; 200].join(" + "));
    let id = sources.add("long.nn", text);
    let d = Diagnostic::error(codes::UNKNOWN_NAME, find(&sources, id, "wrong"), "no `wrong`").label("here");
    let text = render(Look::Plain, &sources, &d);
    assert!(text.lines().all(|line| line.chars().count() < 125), "{text}");
    assert!(text.contains("long.nn:1:805"), "{text}");
    let (code, mark) = (text.lines().find(|l| l.contains("wrong +")).unwrap(), text.lines().find(|l| l.contains('^')));
    let column = |line: &str, what: &str| line[..line.find(what).unwrap()].chars().count();
    assert_eq!(column(code, "wrong"), column(mark.unwrap(), "^"), "{text}");
}

#[test]
fn labels_over_nothing_stand_under_a_character() {
    for text in ["", "\n", "\n\n", "model A {\n", "model A {", "model A {\n\n   \n", "é", "a\u{1b}[31mb\n"] {
        let mut sources = Sources::new();
        let id = sources.add("f.nn", text);
        for at in (0..=text.len()).filter(|&at| text.is_char_boundary(at)) {
            let d = Diagnostic::error(codes::UNCLOSED, Span::new(id, at, at), "never closed").label("opened here");
            let text = render(Look::Plain, &sources, &d);
            // One character is marked by the bar of its label alone.
            assert!(text.contains("opened here") && text.contains("  : ") && text.contains('|'), "{text:?}");
            assert!(!text.contains("Failed") && !text.contains('\u{1b}'), "{text:?}");
        }
    }
}

#[test]
fn spans_outside_their_text_are_drawn_somewhere() {
    let mut sources = Sources::new();
    let id = sources.add("f.nn", "ab\ncd");
    for (start, end) in [(0, 100), (50, 60), (4, 2), (1, 4)] {
        let d = Diagnostic::error(codes::SYNTAX, Span { source: id, start, end }, "odd").label("x");
        assert!(render(Look::Plain, &sources, &d).contains("f.nn:"), "{start}..{end}");
    }
    let d = Diagnostic::error(codes::SYNTAX, Span::new(SourceId(9), 0, 1), "no source");
    assert_eq!(render(Look::Plain, &sources, &d), "error[syntax]: no source\n");
}

#[test]
fn twenty_are_shown_and_the_rest_is_counted() {
    let mut sources = Sources::new();
    let id = sources.add("f.nn", "abc\n");
    let error = Diagnostic::error(codes::UNKNOWN_NAME, Span::new(id, 0, 1), "no `a`");
    let mut list = vec![error; 23];
    list.push(Diagnostic::warning(codes::UNUSED, Span::new(id, 1, 2), "`b` is not used"));
    let text = render_all(Look::Plain, &sources, &list, false);
    assert_eq!(text.matches("error[unknown-name]").count(), 20);
    assert!(text.ends_with("… and 4 more (`--all` shows them)\n23 errors, 1 warning\n"), "{text}");
    assert_eq!(render_all(Look::Plain, &sources, &list, true).matches("error[unknown-name]").count(), 23);
}

#[test]
fn colours_are_for_terminals_alone() {
    let mut sources = Sources::new();
    let id = sources.add("f.nn", "abc\n");
    let d = Diagnostic::error(codes::UNKNOWN_NAME, Span::new(id, 0, 1), "no `a`").label("here");
    assert!(render(Look::Colour, &sources, &d).contains("\u{1b}["));
    assert!(!render(Look::Lines, &sources, &d).contains('\u{1b}'));
    assert!(render(Look::Plain, &sources, &d).is_ascii());
}

#[test]
fn json_tells_bytes_lines_and_columns() {
    let mut sources = Sources::new();
    let id = sources.add("é.nn", "a\n\tπ = foo\u{1}\n");
    let span = find(&sources, id, "foo");
    let d = Diagnostic::error(codes::UNKNOWN_NAME, span, "no \u{1}")
        .label("x")
        .origin(Role::Previous, span, "y")
        .replace("write `bar`", span, "bar", Safety::Safe);
    let value: serde_json::Value = serde_json::from_str(&json::line(&sources, &d)).unwrap();
    assert_eq!(value["severity"], "error");
    assert_eq!(value["headline"], "no \u{1}");
    let place = &value["primary"];
    assert_eq!((&place["start"], &place["end"]), (&8.into(), &11.into()));
    assert_eq!((&place["line"], &place["column"], &place["end_column"]), (&2.into(), &6.into(), &9.into()));
    assert_eq!(value["origins"][0]["role"], "previous");
    assert_eq!(value["fixes"][0]["edits"][0]["text"], "bar");
    assert_eq!(value["fixes"][0]["safety"], "safe");
}

#[test]
fn plain_errors_have_notes_and_help() {
    let plain = Plain::new(codes::FILE, "out: exists").note("a\nb").help("add `--force`");
    assert_eq!(plain.render(Look::Plain), "error[file]: out: exists\n  note: a\n        b\n  help: add `--force`\n");
}
