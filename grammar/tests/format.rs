//! The formatter: same tree, fixed point, comments kept.

mod common;

use common::{FIXTURES, parsed};
use nnc_grammar::dump::dump;
use nnc_grammar::print::{WIDTH, format, print_file};

/// Formats a text and checks what must hold for every text.
fn formatted(text: &str) -> String {
    let before = parsed(text);
    let out = format(&before.sources, before.id).unwrap_or_else(|d| panic!("{d:?}\n{text}"));
    let after = parsed(&out);
    assert_eq!(after.reports(), Vec::<String>::new(), "{out}");
    assert_eq!(dump(&before.file), dump(&after.file), "{out}");
    let again = format(&after.sources, after.id).unwrap_or_default();
    assert_eq!(again, out, "not a fixed point");
    for comment in text.lines().filter_map(|l| l.split_once("//")).map(|(_, c)| c.trim_end()) {
        assert!(out.contains(comment), "lost: {comment}\n{out}");
    }
    out
}

#[test]
fn fixtures_keep_their_tree_and_comments() {
    for (_, text) in FIXTURES {
        formatted(text);
    }
}

#[test]
fn a_tree_alone_prints_to_the_same_tree() {
    for (name, text) in FIXTURES {
        let before = parsed(text);
        let out = print_file(&before.file);
        let after = parsed(&out);
        assert_eq!(after.reports(), Vec::<String>::new(), "{name}\n{out}");
        assert_eq!(dump(&before.file), dump(&after.file), "{name}");
    }
}

#[test]
fn canonical_text_is_left_alone() {
    let text = "\
nn 1

/// Affine map.
layer Dense(units: int, bias: bool = true)(x: [.., n]) -> [.., units] {
    param w: [n, 4*units] = glorot_uniform()
    param b: [units]      = zeros() if bias
    if bias { x @ w + b } else { x @ w }
}

train on Fashion {
    batch:  64  // rows
    epochs: 10  // passes
    logits = image |> flatten
                   |> Dense(64) |> relu  // hidden
                   |> Dense(10) as head

    loss = cross_entropy(logits, digit)
    optimize Mlp with Adam(lr)
    then
    keep highest valid.accuracy
}

predict on Fashion { probability = softmax(Mlp(image)) }
";
    assert_eq!(formatted(text), text);
}

#[test]
fn untidy_text_is_made_canonical() {
    let text =
        "fn  f( x :[ .. ] ,y:[n]=1 )->[..]{\n\n\n  a=x+y*2\n\n\n  bb = (a)^2 // c\n  (-bb)\n  }\nfn g(x: [..]) {x}\n";
    let wanted = "\
fn f(x: [..], y: [n] = 1) -> [..] {
    a = x + y * 2

    bb = a^2  // c
    (-bb)
}

fn g(x: [..]) { x }
";
    assert_eq!(formatted(text), wanted);
}

#[test]
fn long_lines_are_broken_to_the_width() {
    let names: Vec<String> = (0..30).map(|i| format!("argument_{i}")).collect();
    let sum = names.join(" + ");
    let list = names.join(", ");
    let params = names.iter().map(|n| format!("{n}: [batch, n]")).collect::<Vec<_>>().join(", ");
    let stages = names.iter().map(|n| format!(" |> Dense({n})")).collect::<String>();
    let out = formatted(&format!(
        "fn f({params}) {{\n a = {sum}\n b = g({list}, h = x({list}))\n c = [{list}]\n d = x{stages}\n d\n}}"
    ));
    assert!(out.lines().all(|l| l.chars().count() <= WIDTH), "{out}");
}

#[test]
fn brackets_stay_where_the_tree_needs_them() {
    let table = [
        "(a + b) * c",
        "a - (b - c)",
        "(a^b)^c",
        "-(a + b)",
        "(-a)^2",
        "2^-x",
        "not (a and b)",
        "(a == b) == c",
        "(x |> f) + 1",
        "(if a { b } else { c })(d)",
        "f((x |> rearrange [a] -> [a] with b = 2), c)",
        "(fresh f).g",
        "x[.., new, time = a..b, -1]",
        "sum(x, over = all but [a, b])",
    ];
    for expr in table {
        let text = format!("fn f(x: [..]) {{\n    y = {expr}\n    y\n}}\n");
        assert_eq!(formatted(&text), text);
    }
}

#[test]
fn a_broken_program_is_not_formatted() {
    let broken = parsed("fn f(x: [..]) { x + }");
    let errors = format(&broken.sources, broken.id).err().unwrap_or_default();
    assert_eq!(errors.len(), 1);
}
