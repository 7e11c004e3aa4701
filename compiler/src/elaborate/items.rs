//! What the texts declare at their top level: the file's items, those it takes from other files, and the library's.

use super::library::Library;
use super::sink::Sink;
use crate::world::World;
use nnc_grammar::ast::{Block, Def, Expr, File, ItemKind, Name, Param};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::{SourceId, Sources, Span};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A top-level thing by reference to its syntax.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item<'a> {
    /// A definition.
    Def(&'a Def),
    /// A constant.
    Const(&'a Name, &'a Expr),
    /// An option.
    Option(&'a Name, &'a Expr, Option<&'a Expr>),
    /// A data block.
    Data(&'a Name, &'a Block),
    /// Something that could not be parsed.
    Invalid(Span),
}

impl Item<'_> {
    /// Where its name is written.
    pub(super) fn span(&self) -> Span {
        match self {
            Item::Def(d) => d.name.span,
            Item::Const(n, _) | Item::Option(n, ..) | Item::Data(n, _) => n.span,
            Item::Invalid(span) => *span,
        }
    }
}

/// A `predict` block.
pub(super) struct Predict<'a> {
    pub(super) name: Option<&'a Name>,
    pub(super) inputs: &'a [Param],
    pub(super) on: Option<&'a Name>,
    pub(super) body: &'a Block,
    /// Its words before the brace.
    pub(super) head: Span,
}

/// A `train` block.
pub(super) struct Train<'a> {
    pub(super) name: Option<&'a Name>,
    pub(super) on: &'a [Name],
    pub(super) body: &'a Block,
    /// Its words before the brace.
    pub(super) head: Span,
}

/// All items of a compilation.
pub(super) struct Items<'a> {
    /// By source: the names that its text may use besides the library's.
    by_source: HashMap<SourceId, BTreeMap<&'a str, Item<'a>>>,
    /// What the texts can reach of the library.
    library: BTreeMap<&'a str, Item<'a>>,
    library_names: &'a [String],
    library_sources: HashSet<SourceId>,
    /// The main file's settings.
    pub(super) settings: Vec<(&'a Name, &'a Expr)>,
    /// The main file's train blocks.
    pub(super) train: Vec<Train<'a>>,
    /// The main file's predict blocks.
    pub(super) predict: Vec<Predict<'a>>,
    /// The main source.
    pub(super) main: SourceId,
}

impl<'a> Items<'a> {
    /// What `name` means at the top level of `source`: its own items first, then the library's.
    pub(super) fn lookup(&self, source: SourceId, name: &str) -> Option<Item<'a>> {
        self.by_source.get(&source).and_then(|m| m.get(name)).or_else(|| self.library.get(name)).copied()
    }

    /// Whether a source belongs to the library.
    pub(super) fn is_library(&self, source: SourceId) -> bool {
        self.library_sources.contains(&source)
    }

    /// The names visible from a source.
    pub(super) fn names(&self, source: SourceId) -> impl Iterator<Item = &'a str> + '_ {
        let own = self.by_source.get(&source).into_iter().flat_map(|m| m.keys().copied());
        own.chain(self.library_names.iter().map(String::as_str))
    }

    /// The items that a source of the user declares itself.
    pub(super) fn own(&self, source: SourceId) -> impl Iterator<Item = (&'a str, Item<'a>)> + '_ {
        let all = self.by_source.get(&source).into_iter().flatten();
        all.map(|(n, i)| (*n, *i)).filter(move |(_, i)| i.span().source == source)
    }

    /// The user's sources.
    pub(super) fn user_sources(&self) -> impl Iterator<Item = SourceId> + '_ {
        self.by_source.keys().copied()
    }
}

/// The parsed texts that the items borrow from.
pub(super) struct Parsed {
    /// All texts.
    pub(super) sources: Sources,
    /// The main file first, then used files, then those of the library that they need.
    pub(super) files: Vec<ParsedFile>,
    /// The names of the library, of the files that are not needed too.
    pub(super) library_names: Vec<String>,
}

/// One parsed text.
pub(super) struct ParsedFile {
    /// Its tree.
    pub(super) file: File,
    /// Whether it belongs to the library.
    pub(super) library: bool,
    /// What each `use` line of it resolved to, in order.
    pub(super) uses: Vec<Option<SourceId>>,
}

/// Parses the main file, every file it uses, and what these need of the library.
pub(super) fn parse_all(world: &dyn World, library: &[(&str, &str)], file: (&str, &str), sink: &mut Sink) -> Parsed {
    let mut sources = Sources::new();
    let mut files: Vec<ParsedFile> = Vec::new();
    let mut known: HashMap<String, SourceId> = HashMap::new();
    let main = sources.add(file.0, file.1);
    known.insert(file.0.to_owned(), main);
    let mut queue = vec![main];
    while let Some(id) = queue.pop() {
        let (file, diagnostics) = nnc_grammar::parse::parse(&sources, id);
        sink.extend(diagnostics);
        let from = sources.get(id).map(|s| s.name.clone()).unwrap_or_default();
        let mut uses = Vec::new();
        for item in &file.items {
            let ItemKind::Use { path, path_span, .. } = &item.kind else { continue };
            match world.source(&from, path) {
                Ok((name, text)) => {
                    let id = *known.entry(name.clone()).or_insert_with(|| {
                        let id = sources.add(name, text);
                        queue.push(id);
                        id
                    });
                    uses.push(Some(id));
                }
                Err(why) => {
                    sink.push(Diagnostic::error(codes::FILE, *path_span, format!("cannot read `{path}`")).label(why));
                    uses.push(None);
                }
            }
        }
        files.push(ParsedFile { file, library: false, uses });
    }
    let library = Library::new(library);
    let texts = files.iter().filter_map(|f| sources.get(f.file.source)).map(|s| s.text.as_str());
    for (name, text) in library.needed(texts) {
        let id = sources.add(name, text);
        let (file, diagnostics) = nnc_grammar::parse::parse(&sources, id);
        sink.extend(diagnostics);
        files.push(ParsedFile { file, library: true, uses: vec![] });
    }
    let library_names = library.names().map(str::to_owned).collect();
    Parsed { sources, files, library_names }
}

/// Gathers the items of all texts; reports names declared twice.
pub(super) fn collect<'a>(parsed: &'a Parsed, sink: &mut Sink) -> Items<'a> {
    // `parse_all` puts the main file first.
    let main = parsed.files[0].file.source;
    let mut items = Items {
        by_source: HashMap::new(),
        library: BTreeMap::new(),
        library_names: &parsed.library_names,
        library_sources: HashSet::new(),
        settings: vec![],
        train: vec![],
        predict: vec![],
        main,
    };
    for parsed_file in &parsed.files {
        let file = &parsed_file.file;
        let mut own: BTreeMap<&'a str, Item<'a>> = BTreeMap::new();
        for item in &file.items {
            let (name, what) = match &item.kind {
                ItemKind::Def(def) => (&def.name, Item::Def(def)),
                ItemKind::Const { name, value } => (name, Item::Const(name, value)),
                ItemKind::Option { name, value, range } => (name, Item::Option(name, value, range.as_ref())),
                ItemKind::Data { name, body } => (name, Item::Data(name, body)),
                ItemKind::Invalid(Some(name)) => (name, Item::Invalid(name.span)),
                ItemKind::Invalid(None) | ItemKind::Use { .. } => continue,
                ItemKind::Setting { name, value } => {
                    if file.source == main {
                        items.settings.push((name, value));
                    } else {
                        sink.push(main_only(name.span, "a setting"));
                    }
                    continue;
                }
                ItemKind::Train { name, on, body } => {
                    if file.source == main {
                        let head = head(item.span, "train", on.last());
                        items.train.push(Train { name: name.as_ref(), on, body, head });
                    } else {
                        sink.push(main_only(item.span, "a `train` block"));
                    }
                    continue;
                }
                ItemKind::Predict { name, inputs, on, body } => {
                    if file.source == main {
                        let head = head(item.span, "predict", on.as_ref().or(name.as_ref()));
                        let (name, on) = (name.as_ref(), on.as_ref());
                        items.predict.push(Predict { name, inputs, on, body, head });
                    } else {
                        sink.push(main_only(item.span, "a `predict` block"));
                    }
                    continue;
                }
            };
            if let Some(first) = own.insert(&name.text, what) {
                let headline = format!("`{}` is declared twice", name.text);
                sink.push(
                    Diagnostic::error(codes::DUPLICATE_NAME, name.span, headline).label("declared again here").origin(
                        Role::Previous,
                        first.span(),
                        "first declared here",
                    ),
                );
            }
        }
        if parsed_file.library {
            items.library_sources.insert(file.source);
            items.library.extend(own);
        } else {
            items.by_source.insert(file.source, own);
        }
    }
    take(parsed, &mut items, sink);
    items
}

/// Makes visible what `use` lines take of the items that other files declare themselves. What a name of a file means already it
/// goes on to mean; that it is taken as well is a mistake.
fn take<'a>(parsed: &'a Parsed, items: &mut Items<'a>, sink: &mut Sink) {
    for ParsedFile { file, uses, .. } in parsed.files.iter().filter(|f| !f.library) {
        let lines = file.items.iter().filter_map(|item| match &item.kind {
            ItemKind::Use { path, names, .. } => Some((path, names)),
            _ => None,
        });
        let mut places: HashMap<&str, Span> = HashMap::new();
        for ((path, names), from) in lines.zip(uses) {
            let Some(from) = from else { continue };
            for name in names {
                let Some((_, taken)) = items.own(*from).find(|(own, _)| *own == name.text) else {
                    let known: Vec<&str> = items.own(*from).map(|(n, _)| n).collect();
                    let headline = format!("`{path}` declares no `{}`", name.text);
                    let d = Diagnostic::error(codes::UNKNOWN_NAME, name.span, headline);
                    sink.push(super::suggest::suggest(d, name, known.into_iter()));
                    continue;
                };
                let visible = items.by_source.entry(file.source).or_default();
                if let Some(first) = visible.get(name.text.as_str()) {
                    let (headline, at, said) = match places.get(name.text.as_str()) {
                        Some(place) => ("taken twice", *place, "first taken here"),
                        None => ("declared and taken as well", first.span(), "declared here"),
                    };
                    let headline = format!("`{}` is {headline}", name.text);
                    let d = Diagnostic::error(codes::DUPLICATE_NAME, name.span, headline).label("taken here");
                    sink.push(d.origin(Role::Previous, at, said));
                    continue;
                }
                visible.insert(&name.text, taken);
                places.insert(&name.text, name.span);
            }
        }
    }
}

/// The words of a block before its brace, the last of them a name if it has one.
fn head(item: Span, keyword: &str, last: Option<&Name>) -> Span {
    let word = Span::new(item.source, item.start as usize, item.start as usize + keyword.len());
    last.map_or(word, |name| word.to(name.span))
}

/// What a used file may not hold: it gives definitions to the file that is run.
fn main_only(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error(codes::MISPLACED, span, format!("{what} has no effect in a file that is used by another"))
        .help("move it to the file that is run")
}
