//! The program of a run as its folder keeps it, so that the run can be repeated from there: the main file and every file that it
//! uses, with the options that were set in place of their defaults, the paths of data and weights made absolute, and the command at the head.

use std::collections::BTreeMap;
use std::path::Path;

use nnc_grammar::ast::{Expr, ExprKind, File, ItemKind};
use nnc_grammar::codes;
use nnc_grammar::parse::parse;
use nnc_grammar::span::{SourceId, Sources, Span};
use nnc_runtime::train::SOURCE;

use super::run::Running;
use super::run_folder::quoted;
use crate::report::Plain;
use crate::world::beside;

/// Names and texts of the files; the main one, `source.nn`, first. `init` leads from the folder to the weights that the run
/// begins with.
pub(super) fn resolved(run: &Running<'_>, init: Option<&Path>) -> Result<Vec<(String, String)>, Plain> {
    let program = &run.loaded.program;
    let data = program
        .train
        .iter()
        .flat_map(|t| t.blocks())
        .map(|data| &data.plan)
        .chain(program.predict.iter().filter_map(|p| p.data.as_ref()));
    let mut paths: Vec<(Span, String)> = vec![];
    for spec in data.map(|data| &data.source) {
        let path = run.loaded.request(spec).path;
        let absolute =
            path.canonicalize().map_err(|error| Plain::new(codes::FILE, format!("{}: {error}", path.display())))?;
        paths.push((spec.span, absolute.display().to_string()));
    }
    for init in program.train.iter().flat_map(|t| &t.init) {
        let path = run.loaded.beside(init.span, &init.path);
        let absolute = std::path::absolute(&path).unwrap_or(path);
        paths.push((init.span, absolute.display().to_string()));
    }
    let mut files = closed(&run.loaded.sources, &run.arguments.program.set, &paths);
    if let Some((_, text)) = files.first_mut() {
        text.insert_str(0, &head(run, init));
    }
    Ok(files)
}

/// What determined the run beside its text.
fn head(run: &Running<'_>, init: Option<&Path>) -> String {
    let (plan, arguments) = (run.plan, run.arguments);
    let mut command =
        format!("nnc run {SOURCE} --seed {} --batch {} --order {}", plan.seed, plan.batch, plan.order.name());
    for (name, number) in [("epochs", arguments.epochs), ("steps", arguments.steps)] {
        command.extend(number.map(|number| format!(" --{name} {number}")));
    }
    if let Some(init) = init {
        command.push_str(&format!(" --init {}", quoted(&init.display().to_string())));
    }
    format!("// {}, run as: {}\n", run.loaded.name.escape_debug(), command.replace('\n', "\\n"))
}

/// The first text and all that it uses, under names in one folder. Options of the first are `set`; `paths` are what data and weights
/// are found by, with the places that name them.
fn closed(sources: &Sources, set: &[(String, String)], paths: &[(Span, String)]) -> Vec<(String, String)> {
    let mut kept = vec![(SourceId(0), SOURCE.to_owned())];
    let mut files = vec![];
    let mut next = 0;
    while let Some((id, name)) = kept.get(next).cloned() {
        next += 1;
        let Some(source) = sources.get(id) else { continue };
        let (file, _) = parse(sources, id);
        // By place, so that of two edits of one value the later counts.
        let mut edits: BTreeMap<Span, String> = BTreeMap::new();
        for item in &file.items {
            match &item.kind {
                ItemKind::Use { path, path_span, .. } => {
                    let Some(used) = found(sources, &beside(&source.name, path).display().to_string()) else {
                        continue;
                    };
                    let known = kept.iter().find(|(known, _)| *known == used).map(|(_, name)| name.clone());
                    let name = known.unwrap_or_else(|| {
                        let name = free_name(path, &kept);
                        kept.push((used, name.clone()));
                        name
                    });
                    edits.insert(*path_span, literal(&name));
                }
                ItemKind::Option { name, value, .. } if id == SourceId(0) => {
                    if let Some((_, new)) = set.iter().rev().find(|(set, _)| *set == name.text) {
                        // A text is set without its quotes.
                        let bare = matches!(value.kind, ExprKind::Str(_)) && !new.starts_with('"');
                        edits.insert(value.span, if bare { literal(new) } else { new.clone() });
                    }
                }
                _ => {}
            }
        }
        for (named, path) in paths.iter().filter(|(named, _)| named.source == id) {
            edits.extend(written(&file, sources.text(*named), *named).map(|span| (span, literal(path))));
        }
        let mut text = source.text.clone();
        for (span, new) in edits.iter().rev() {
            let range = span.start as usize..span.end as usize;
            if text.get(range.clone()).is_some() {
                text.replace_range(range, new);
            }
        }
        files.push((name, text));
    }
    files
}

/// The source of that name: used files come before the library.
fn found(sources: &Sources, name: &str) -> Option<SourceId> {
    (0..).map(SourceId).map_while(|id| Some((id, sources.get(id)?))).find(|(_, s)| s.name == name).map(|(id, _)| id)
}

/// `source.shared.nn`, `source.shared-2.nn`, … for a used file.
fn free_name(path: &str, kept: &[(SourceId, String)]) -> String {
    let stem = Path::new(path).file_stem().map_or("used".into(), |stem| stem.to_string_lossy().into_owned());
    // A file that such a folder holds keeps its name.
    let stem = stem.strip_prefix("source.").unwrap_or(&stem);
    let named = |n: u32| if n == 1 { format!("source.{stem}.nn") } else { format!("source.{stem}-{n}.nn") };
    (1..).map(named).find(|name| kept.iter().all(|(_, known)| known != name)).unwrap_or_else(|| named(1))
}

/// Where the path of data or weights is written: the text itself, or that of the option or constant which it names.
fn written(file: &File, text: &str, span: Span) -> Option<Span> {
    let text_of = |value: &Expr| matches!(value.kind, ExprKind::Str(_)).then_some(value.span);
    if text.starts_with('"') {
        return Some(span);
    }
    file.items.iter().find_map(|item| match &item.kind {
        ItemKind::Option { name, value, .. } | ItemKind::Const { name, value } if name.text == text => text_of(value),
        _ => None,
    })
}

/// A text as the language writes it.
fn literal(text: &str) -> String {
    let escaped = text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n").replace('\t', r"\t");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_were_set_replace_their_defaults() {
        let mut sources = Sources::new();
        sources.add("a.nn", "option lr = 0.01\noption path = \"data\" // where\noption n = 1\n");
        let set = [("lr", "0.1"), ("path", "else where"), ("lr", "0.2")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        let files = closed(&sources, &set, &[]);
        let text = "option lr = 0.2\noption path = \"else where\" // where\noption n = 1\n";
        assert_eq!(files, [("source.nn".to_owned(), text.to_owned())]);
    }

    #[test]
    fn used_files_lie_beside_and_paths_lead_to_the_data() {
        let mut sources = Sources::new();
        let main = "use \"../b/x.nn\" { A }\nuse \"c/x.nn\" { B }\noption data = \"d\"\ndata R { source: csv(data) }\n";
        let id = sources.add("a/m.nn", main);
        sources.add("a/../b/x.nn", "use \"../a/c/x.nn\" { B }\n");
        sources.add("a/c/x.nn", "B = 1\n");
        sources.add("a/../b/../a/c/x.nn", "B = 1\n");
        let at = main.find("data) }").unwrap_or(0);
        let named = Span::new(id, at, at + 4);
        let set = [("data".to_owned(), "e".to_owned())];
        let files = closed(&sources, &set, &[(named, "/d \"1\"".to_owned())]);
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["source.nn", "source.x.nn", "source.x-2.nn", "source.x-3.nn"]);
        assert_eq!(
            files[0].1,
            "use \"source.x.nn\" { A }\nuse \"source.x-2.nn\" { B }\noption data = \"/d \\\"1\\\"\"\n\
             data R { source: csv(data) }\n"
        );
        assert_eq!(files[1].1, "use \"source.x-3.nn\" { B }\n");
    }
}
