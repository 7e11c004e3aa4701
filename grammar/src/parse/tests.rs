//! The grammar's rule for whole files accepts what the parser, which reads statement by statement, accepts.

use super::grammar::{Rule, read};
use super::parse;
use crate::layout::brackets::{Partner, match_brackets};
use crate::layout::outline::{Chunk, outline};
use crate::lex::{Lexed, lex};
use crate::span::Sources;

const TEXTS: &[&str] = &[
    include_str!("../../tests/fixtures/mnist.nn"),
    include_str!("../../tests/fixtures/library.nn"),
    include_str!("../../tests/fixtures/gan.nn"),
    include_str!("../../tests/fixtures/everything.nn"),
    include_str!("../../tests/fixtures/layout.nn"),
];

/// The text of chunks as the grammar reads it, with `;` between them.
fn laid_out(lexed: &Lexed<'_>, chunks: &[Chunk], out: &mut String) {
    for (at, chunk) in chunks.iter().enumerate() {
        if at > 0 {
            out.push_str(" ;");
        }
        let mut blocks = chunk.blocks.iter().peekable();
        for token in chunk.own() {
            out.push(' ');
            out.push_str(lexed.word(token));
            if let Some(block) = blocks.next_if(|b| b.open == token) {
                laid_out(lexed, &block.chunks, out);
            }
        }
    }
}

/// Whether the rule for whole files accepts a text; none if the text has faults that the grammar never sees.
fn accepted(text: &str) -> Option<bool> {
    let mut sources = Sources::new();
    let id = sources.add("test.nn", text);
    let lexed = lex(id, text);
    let mut brackets = match_brackets(&lexed);
    let outline = outline(&lexed, &mut brackets);
    let unseen = !lexed.faults.is_empty()
        || !lexed.loose.is_empty()
        || !outline.faults.is_empty()
        || brackets.partner.iter().any(|p| matches!(p, Partner::Stray | Partner::Ends(_)));
    let mut out = String::new();
    laid_out(&lexed, &outline.chunks, &mut out);
    (!unseen).then(|| read(Rule::file, &out).is_ok())
}

/// Reports about what the grammar accepts and the tree refuses.
fn beyond_grammar(headline: &str) -> bool {
    ["that nothing uses", "and nothing", "not chained", "is a whole number", "one data block", "names stand alone"]
        .iter()
        .any(|part| headline.contains(part))
}

#[test]
fn whole_file_and_statements_agree() {
    let mut refused = 0;
    for text in TEXTS {
        assert_eq!(accepted(text), Some(true));
        let mut sources = Sources::new();
        let id = sources.add("test.nn", *text);
        let tokens = lex(id, text).tokens;
        for token in &tokens {
            let mut without = (*text).to_owned();
            without.replace_range(token.start..token.end, " ");
            let Some(whole) = accepted(&without) else { continue };
            let mut sources = Sources::new();
            let id = sources.add("test.nn", without.clone());
            let (_, diagnostics) = parse(&sources, id);
            let by_statement = diagnostics.iter().all(|d| beyond_grammar(&d.headline));
            assert_eq!(
                whole,
                by_statement,
                "without {:?} at {}: {diagnostics:#?}",
                &text[token.start..token.end],
                token.start
            );
            refused += usize::from(!whole);
        }
    }
    assert!(refused > 500, "only {refused} refused texts");
}
