//! `nnc std`: the standard library, and the text of a definition.

use clap::Args;
use nnc_grammar::ast::{Def, Item, ItemKind};
use nnc_grammar::codes;
use nnc_grammar::parse::parse;
use nnc_grammar::span::{SourceId, Sources};
use nnc_runtime::text::nearest;

use crate::console::{Console, Failed};
use crate::report::Plain;
use crate::show::columns;

/// Lists the standard library, or shows a definition of it.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The definition to show.
    name: Option<String>,
}

/// How much of a sentence the list shows.
const LONGEST: usize = 120;

/// A definition of the library.
struct Entry {
    kind: &'static str,
    name: String,
    doc: String,
    /// Its text with its doc comment, and the place it stands at.
    text: String,
    place: String,
}

/// Lists or shows.
pub(crate) fn run(arguments: &Arguments, console: &Console) -> Result<(), Failed> {
    let entries = entries(nnc_models::LIBRARY);
    let Some(name) = &arguments.name else {
        console.put(&listed(&entries));
        return Ok(());
    };
    let found: Vec<&Entry> = entries.iter().filter(|entry| entry.name == *name).collect();
    if found.is_empty() {
        let plain = Plain::new(codes::UNKNOWN_NAME, format!("the library has no `{}`", name.escape_debug()));
        let guess = nearest(name, entries.iter().map(|entry| entry.name.as_str()));
        return Err(plain
            .help(guess.map_or_else(|| "`nnc std` lists what it has".to_owned(), |guess| format!("there is `{guess}`")))
            .into());
    }
    for entry in found {
        console.put(&format!("// {}\n{}\n", entry.place, entry.text));
    }
    Ok(())
}

/// A line a definition: its kind, its name and the first sentence about it.
fn listed(entries: &[Entry]) -> String {
    let names: Vec<_> = entries.iter().map(|e| vec![e.kind.to_owned(), format!("{}  ", e.name)]).collect();
    let table = columns(&names);
    let width = table.lines().map(|line| line.chars().count()).max().unwrap_or(0) + 2;
    let lines = table.lines().zip(entries).map(|(line, e)| format!("{line:width$}{}", first_sentence(&e.doc)));
    lines.map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// The text up to the first full stop that ends a sentence, in one line.
fn first_sentence(doc: &str) -> String {
    let line = doc.split_whitespace().collect::<Vec<_>>().join(" ");
    // `et al.` and `i.e.` go on in small letters, in brackets or with a year.
    let ends = |(at, _): &(usize, &str)| line[at + 2..].starts_with(char::is_uppercase);
    let end = line.match_indices(". ").find(ends).map_or(line.len(), |(at, _)| at + 1);
    let sentence = &line[..end];
    match sentence.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{} …", sentence[..at].rsplit_once(' ').map_or(&sentence[..at], |(kept, _)| kept)),
        None => sentence.to_owned(),
    }
}

/// All definitions, in the order of the library.
fn entries(library: &[(&str, &str)]) -> Vec<Entry> {
    let mut sources = Sources::new();
    let mut entries = vec![];
    for (name, text) in library {
        let id = sources.add(*name, *text);
        let (file, _) = parse(&sources, id);
        entries.extend(file.items.iter().filter_map(|item| match &item.kind {
            ItemKind::Def(def) => Some(entry(&sources, id, item, def)),
            _ => None,
        }));
    }
    entries
}

fn entry(sources: &Sources, id: SourceId, item: &Item, def: &Def) -> Entry {
    let text = sources.get(id).map_or("", |source| source.text.as_str());
    let begin = with_doc(text, item.span.start as usize);
    Entry {
        kind: def.kind.keyword(),
        name: def.name.text.clone(),
        doc: item.doc.clone().unwrap_or_default().trim().to_owned(),
        text: text.get(begin..item.span.end as usize).unwrap_or("").to_owned(),
        place: sources.place(item.span),
    }
}

/// Where the `///` lines before byte `start` begin.
fn with_doc(text: &str, start: usize) -> usize {
    let mut begin = text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    while let Some(before) = text.get(..begin.saturating_sub(1)).filter(|_| begin > 0) {
        let line = before.rfind('\n').map_or(0, |at| at + 1);
        if !before[line..].trim_start().starts_with("///") {
            break;
        }
        begin = line;
    }
    begin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_listed_with_their_docs() {
        let text =
            "// head\n\n/// Twice.\n/// Really.\nfn twice(x: [..]) -> [..] { x + x }\n\nfn id(x: [..]) -> [..] { x }\n";
        let entries = entries(&[("std/a.nn", text)]);
        let list: Vec<_> = entries.iter().map(|e| (e.kind, e.name.as_str(), e.doc.as_str())).collect();
        assert_eq!(list, [("fn", "twice", "Twice.\nReally."), ("fn", "id", "")]);
        assert_eq!(entries[0].text, "/// Twice.\n/// Really.\nfn twice(x: [..]) -> [..] { x + x }");
        assert_eq!(entries[1].text, "fn id(x: [..]) -> [..] { x }");
        assert!(entries[0].place.starts_with("std/a.nn:"));
        assert_eq!(listed(&entries), "fn  twice  Twice.\nfn  id\n");
        let sentence = "1 / x (Doe et al. 2020), as\nit is. Then more.";
        assert_eq!(first_sentence(sentence), "1 / x (Doe et al. 2020), as it is.");
    }
}
