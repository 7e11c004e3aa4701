//! The library, parsed only as far as a program can reach it: a file is needed when a word of a text that is needed is a name
//! that it declares. Words in comments count too; that costs a little time and nothing else.

use nnc_grammar::ast::DefKind;
use std::collections::{BTreeMap, BTreeSet};

/// Which file of the library declares which name, found without parsing: a declaration begins its line.
pub(super) struct Library<'l> {
    files: &'l [(&'l str, &'l str)],
    by_name: BTreeMap<&'l str, usize>,
}

impl<'l> Library<'l> {
    /// The table of these files, each with its name and text.
    pub(super) fn new(files: &'l [(&'l str, &'l str)]) -> Library<'l> {
        let declared = files.iter().enumerate().flat_map(|(i, (_, text))| declared(text).map(move |name| (name, i)));
        Library { files, by_name: declared.collect() }
    }

    /// All names, whether their files are needed or not.
    pub(super) fn names(&self) -> impl Iterator<Item = &'l str> {
        self.by_name.keys().copied()
    }

    /// The files that these texts need, themselves or through other files, in the order of the library.
    pub(super) fn needed<'t>(&self, texts: impl Iterator<Item = &'t str>) -> Vec<(&'l str, &'l str)> {
        let mut needed: BTreeSet<usize> = texts.flat_map(|text| self.mentioned(text)).collect();
        let mut open: Vec<usize> = needed.iter().copied().collect();
        while let Some(file) = open.pop() {
            for other in self.mentioned(self.files[file].1) {
                if needed.insert(other) {
                    open.push(other);
                }
            }
        }
        needed.into_iter().map(|i| self.files[i]).collect()
    }

    fn mentioned(&self, text: &str) -> impl Iterator<Item = usize> {
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.filter_map(|word| self.by_name.get(word).copied())
    }
}

/// The names that the lines of a text declare: `fn relu(…`, `e = 2.718`.
fn declared(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let (word, rest) = line.split_at(line.find(' ')?);
        let rest = rest.trim_start();
        if KINDS.iter().any(|kind| kind.keyword() == word) {
            rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()
        } else {
            rest.starts_with("= ").then_some(word)
        }
    })
}

const KINDS: [DefKind; 8] = [
    DefKind::Fn,
    DefKind::Layer,
    DefKind::Model,
    DefKind::Loss,
    DefKind::Metric,
    DefKind::Optimizer,
    DefKind::Schedule,
    DefKind::Initializer,
];

#[cfg(test)]
mod tests {
    use super::Library;

    #[test]
    fn what_cannot_be_reached_is_left_out() {
        let files = [
            ("a.nn", "/// Uses b.\nfn a(x: [..]) -> [..] { b(x) * half }\n"),
            ("b.nn", "layer b()(x: [..]) -> [..] {\n    c = 1\n    x * c\n}\n"),
            ("c.nn", "fn c(x: [..]) -> [..] { x }\n"),
            ("half.nn", "half = 1 / 2\n"),
            ("other.nn", "fn other(x: [..]) -> [..] { a(x) }\n"),
        ];
        let library = Library::new(&files);
        assert_eq!(library.names().collect::<Vec<_>>(), ["a", "b", "c", "half", "other"]);
        let needed = |text: &str| library.needed([text].into_iter()).iter().map(|f| f.0).collect::<Vec<_>>();
        // `c` is a local of `b`, but a word all the same.
        assert_eq!(needed("y = a(x)"), ["a.nn", "b.nn", "c.nn", "half.nn"]);
        assert_eq!(needed("y = half"), ["half.nn"]);
        assert!(needed("y = x").is_empty());
    }
}
