//! Any text: no panic, spans inside the text, few reports for few mistakes.

mod common;

use common::{FIXTURES, Parsed, parsed};
use nnc_grammar::dump::dump;
use nnc_grammar::print::format;
use nnc_grammar::span::Span;
use std::time::{Duration, Instant};

/// Checks every span of a tree and of its diagnostics. The tree's spans are read from its debug text, so that no node
/// can be forgotten.
fn check_spans(text: &str, parsed: &Parsed) {
    let inside = |start: usize, end: usize, what: &str| {
        assert!(start <= end && end <= text.len(), "{what}: {start}..{end} of {}\n{text}", text.len());
        assert!(text.is_char_boundary(start) && text.is_char_boundary(end), "{what}: {start}..{end}\n{text}");
    };
    let debug = format!("{:?}", parsed.file);
    for piece in debug.split("start: ").skip(1) {
        let Some((start, rest)) = piece.split_once(", end: ") else { continue };
        let digits = |s: &str| s.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<usize>();
        if let (Ok(start), Ok(end)) = (digits(start), digits(rest)) {
            inside(start, end, "tree");
        }
    }
    let check = |span: Span, what: &str| inside(span.start as usize, span.end as usize, what);
    for diagnostic in &parsed.diagnostics {
        check(diagnostic.primary.span, &diagnostic.headline);
        assert!(
            !diagnostic.primary.span.is_empty() || text.trim().is_empty(),
            "{} has no width\n{text}",
            diagnostic.headline
        );
        diagnostic.origins.iter().for_each(|o| check(o.span, &o.text));
        diagnostic.fixes.iter().flat_map(|f| &f.edits).for_each(|e| check(e.span, &e.text));
        assert!(!diagnostic.headline.ends_with('.') && !diagnostic.headline.contains('\n'), "{}", diagnostic.headline);
    }
}

/// The blocks open at the end of a text without mistakes inside.
fn open_blocks(text: &str) -> usize {
    let (mut open, mut string, mut comment, mut escaped) = (0_usize, false, false, false);
    let bytes = text.as_bytes();
    for (at, &b) in bytes.iter().enumerate() {
        match b {
            b'\n' => (string, comment) = (false, false),
            _ if comment => {}
            b'\\' if string => escaped = !escaped,
            b'"' if !escaped => string = !string,
            b'/' if !string && bytes.get(at + 1) == Some(&b'/') => comment = true,
            b'{' if !string => open += 1,
            b'}' if !string => open = open.saturating_sub(1),
            _ => {}
        }
        escaped = escaped && b == b'\\';
    }
    open
}

#[test]
fn truncation_gives_one_report_for_each_open_block_and_one_more() {
    for (name, text) in FIXTURES {
        for end in (0..text.len()).filter(|&end| text.is_char_boundary(end)) {
            let cut = &text[..end];
            let parsed = parsed(cut);
            // The check of spans costs more than the parse.
            if end % 5 == 0 {
                check_spans(cut, &parsed);
            }
            let (found, allowed) = (parsed.diagnostics.len(), open_blocks(cut) + 1);
            assert!(found <= allowed, "{name} cut at {end}: {found} > {allowed}\n{:#?}", parsed.reports());
        }
    }
}

/// A generator of pseudo-random numbers (xorshift64), so that failures can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

#[test]
fn mutation_never_panics_and_right_results_format() {
    const PIECES: &[&str] = &[
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "\"",
        "'",
        "\n",
        " ",
        "=",
        ":",
        ",",
        ".",
        "..",
        "|>",
        "->",
        "-",
        "*",
        "**",
        "@",
        "^",
        "if ",
        "else ",
        "then",
        "fn ",
        "x",
        "1",
        "0.",
        "/",
        "//",
        "#",
        ";",
        "\\",
        "×",
        "“",
        "é",
        "β",
        "\u{a0}",
        "\u{0}",
        "²",
        "😀",
        "scan t over time ",
        "repeat ",
        " as ",
        "loss ",
        "metric ",
        "all but ",
        "new",
        "1e",
        "_",
    ];
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut right = 0;
    for round in 0..800 {
        let (_, text) = FIXTURES[round % FIXTURES.len()];
        let mut chars: Vec<char> = text.chars().collect();
        for _ in 0..1 + random.below(4) {
            let at = random.below(chars.len());
            match random.below(3) {
                0 => drop(chars.remove(at)),
                1 => drop(chars.splice(at..at, PIECES[random.below(PIECES.len())].chars())),
                _ => drop(chars.splice(at..at + 1, PIECES[random.below(PIECES.len())].chars())),
            }
        }
        let mutated: String = chars.into_iter().collect();
        let before = parsed(&mutated);
        check_spans(&mutated, &before);
        if let Ok(out) = format(&before.sources, before.id) {
            right += 1;
            let after = parsed(&out);
            assert_eq!(after.reports(), Vec::<String>::new(), "{mutated}\n----\n{out}");
            assert_eq!(dump(&before.file), dump(&after.file), "{mutated}\n----\n{out}");
            assert_eq!(format(&after.sources, after.id).as_ref(), Ok(&out), "not a fixed point:\n{mutated}");
        }
    }
    assert!(right > 50, "only {right} mutated texts were right");
}

#[test]
fn noise_never_panics() {
    let mut random = Random(42);
    for _ in 0..2000 {
        let length = random.below(60);
        let text: String = (0..length)
            .map(|_| match random.below(4) {
                0 => char::from_u32(random.below(0x3000) as u32).unwrap_or('x'),
                _ => char::from(b" (){}[]\n\"'.,:=|>-+*/ab1_#;"[random.below(26)]),
            })
            .collect();
        check_spans(&text, &parsed(&text));
    }
}

#[test]
fn deep_nesting_gives_one_error_at_once() {
    let many = 10_000;
    let texts = [
        format!("a = {}1{}", "(".repeat(many), ")".repeat(many)),
        format!("a = {}", "(".repeat(many)),
        format!("a = {}", "[".repeat(many)),
        format!("a = f{}", "(f".repeat(many)),
        format!("fn f(x: [..]) {{ {} x {} }}", "if c { ".repeat(many), "}".repeat(many)),
        format!("fn f(x: [..]) {{ {}", "if c { ".repeat(many)),
        "{".repeat(many),
        format!("a = {}1", "-".repeat(many)),
        format!("a = 1{}", " + 1".repeat(many)),
        format!("a = x{}", " |> f".repeat(many)),
        format!("a = x{}", "(1)".repeat(many)),
        format!("a = 2{}", " ^ 2".repeat(many)),
        format!("fn f(x: [..]) {{ if c {{ x }} {} }}", "else if c { x } ".repeat(many)),
    ];
    for text in texts {
        let begun = Instant::now();
        let parsed = parsed(&text);
        let head = &text[..40.min(text.len())];
        assert_eq!(parsed.diagnostics.len(), 1, "{head} {:?}", parsed.reports());
        assert_eq!(parsed.diagnostics[0].code.name, "too-deep", "{head}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{head} took {:?}", begun.elapsed());
    }
}

#[test]
fn nesting_up_to_the_limit_is_read() {
    for depth in [10, 100, 195] {
        let text = format!("a = {}1{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(parsed(&text).reports(), Vec::<String>::new());
        let blocks = format!("fn f(x: [..]) {{ {} x {} }}", "if c { ".repeat(depth), "}".repeat(depth));
        assert_eq!(parsed(&blocks).reports(), Vec::<String>::new());
        let indices = format!("a = {}t{}", "x[t = ".repeat(depth), "]".repeat(depth));
        assert_eq!(parsed(&indices).reports(), Vec::<String>::new());
    }
    let text = format!("a = 1{}", " + 1".repeat(450));
    assert_eq!(parsed(&text).reports(), Vec::<String>::new());
}

#[test]
fn a_long_file_is_read_quickly() {
    let text = FIXTURES[1].1.repeat(20);
    let begun = Instant::now();
    assert_eq!(parsed(&text).reports(), Vec::<String>::new());
    let lines = text.lines().count();
    assert!(begun.elapsed() < Duration::from_secs(2), "{lines} lines took {:?}", begun.elapsed());
}
