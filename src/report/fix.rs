//! Remedies as small diffs: the lines that the edits touch, before and after.

use std::fmt::Write as _;

use nnc_grammar::diagnostic::Edit;
use nnc_grammar::span::{SourceId, Sources};
use owo_colors::{OwoColorize, Style};

use super::Look;

/// The most lines shown of each side.
const MOST: usize = 6;

/// Appends what `edits` change, source by source; nothing where there are none.
pub(super) fn diff(text: &mut String, look: Look, sources: &Sources, edits: &[Edit]) {
    let mut ids: Vec<SourceId> = edits.iter().map(|edit| edit.span.source).collect();
    ids.dedup();
    for id in ids {
        let Some(source) = sources.get(id) else { continue };
        let mut here: Vec<&Edit> = edits.iter().filter(|edit| edit.span.source == id).collect();
        here.sort_by_key(|edit| edit.span.start);
        let Some((before, after, first)) = lines(&source.text, &here) else { continue };
        let (removed, added): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
        let same = removed.iter().zip(&added).take_while(|(a, b)| a == b).count();
        let same_end = removed[same..].iter().rev().zip(added[same..].iter().rev()).take_while(|(a, b)| a == b).count();
        side(text, look.style(Style::new().red()), '-', first + same, &removed[same..removed.len() - same_end]);
        side(text, look.style(Style::new().green()), '+', first + same, &added[same..added.len() - same_end]);
    }
}

/// The whole lines around sorted edits, before and after them, and the number of the first line from 1; `None` when the
/// edits overlap or lie outside the text.
fn lines(text: &str, edits: &[&Edit]) -> Option<(String, String, usize)> {
    let (first, last) = (edits.first()?, edits.last()?);
    let begin = text.get(..first.span.start as usize)?.rfind('\n').map_or(0, |at| at + 1);
    let end = text.get(last.span.end as usize..)?.find('\n').map_or(text.len(), |at| last.span.end as usize + at);
    let mut after = String::new();
    let mut at = begin;
    for edit in edits {
        after.push_str(text.get(at..edit.span.start as usize)?);
        after.push_str(&edit.text);
        at = edit.span.end as usize;
    }
    after.push_str(text.get(at..end)?);
    let number = text[..begin].matches('\n').count() + 1;
    Some((text.get(begin..end)?.to_owned(), after, number))
}

fn side(text: &mut String, style: Style, sign: char, first: usize, lines: &[&str]) {
    for (number, line) in (first..).zip(lines.iter().take(MOST)) {
        let line: String = line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    {}", format_args!("{sign} {number:>3} | {line}").style(style));
    }
    if lines.len() > MOST {
        let _ = writeln!(text, "    {}", format_args!("{sign}     | … {} more lines", lines.len() - MOST).style(style));
    }
}
