//! What the names of files say: by the pattern `{digit}_{speaker}_{index}` the file `7_lucas_12.wav` is a row with the numbers
//! of its digit, its speaker and its index, a column each.
//!
//! Where all files have whole numbers in a place, these are the column; else it numbers the texts there in their order, byte by
//! byte.

use std::path::Path;

use super::class_folders::{LABELS, Part, Tree, listed};
use super::column::Column;
use super::error::DataError;
use crate::dtype::DType;

/// A pattern that names of files (without their endings) match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The text before the first place, then each place with the text that follows it.
    start: String,
    places: Vec<(String, String)>,
}

impl Pattern {
    /// Reads `{digit}_{speaker}_{_}`: places in braces with texts between them; `{_}` may be anything.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, as a sentence.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        let mut parts = text.split('{');
        let start = parts.next().unwrap_or_default().to_owned();
        let mut places: Vec<(String, String)> = Vec::new();
        for part in parts {
            let (name, after) = part.split_once('}').ok_or("a `{` is not closed")?;
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(word) || name.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(format!("`{{{}}}` holds no name of a column", name.escape_debug()));
            }
            if name != "_" && places.iter().any(|(other, _)| other == name) {
                return Err(format!("`{{{name}}}` stands twice"));
            }
            if places.last().is_some_and(|(_, between)| between.is_empty()) {
                return Err(format!("nothing stands before `{{{name}}}` to tell where it begins"));
            }
            places.push((name.to_owned(), after.to_owned()));
        }
        match std::iter::once(&start).chain(places.iter().map(|(_, after)| after)).any(|text| text.contains('}')) {
            true => Err("a `}` closes nothing".to_owned()),
            false if places.iter().all(|(name, _)| name == "_") => {
                Err("it names no column: write `{digit}_{_}`".into())
            }
            false => Ok(Pattern { start, places }),
        }
    }

    /// The texts in its places: each as short as the text after it allows, and never empty.
    fn matched<'a>(&self, name: &'a str) -> Option<Vec<&'a str>> {
        let mut rest = name.strip_prefix(self.start.as_str())?;
        let mut found = Vec::with_capacity(self.places.len());
        for (place, (_, after)) in self.places.iter().enumerate() {
            let at = match place + 1 == self.places.len() {
                true => rest.strip_suffix(after.as_str())?.len(),
                // The first character is the place's own.
                false => {
                    let own = rest.chars().next()?.len_utf8();
                    own + rest.get(own..)?.find(after.as_str())?
                }
            };
            let (text, next) = rest.split_at_checked(at).filter(|(text, _)| !text.is_empty())?;
            found.push(text);
            rest = next.get(after.len()..)?;
        }
        Some(found)
    }

    /// The pattern as it is written.
    fn text(&self) -> String {
        self.places.iter().fold(self.start.clone(), |text, (name, after)| format!("{text}{{{name}}}{after}"))
    }
}

/// A column that the names of files give.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) name: String,
    /// What is numbered, in order; empty where the numbers stand in the names.
    pub(super) classes: Vec<String>,
    train: Vec<i32>,
    test: Vec<i32>,
}

impl Named {
    /// The column of the training or the test part.
    pub(super) fn column(&self, part: &Part, is_test: bool) -> Result<Column, DataError> {
        part.numbers(&self.name, if is_test { &self.test } else { &self.train })
    }
}

/// The columns of a tree by a pattern.
pub(super) fn columns(tree: &Tree, pattern: &Pattern) -> Result<Vec<Named>, DataError> {
    let texts = |part: &Part| part.files.iter().map(|file| texts(file, pattern)).collect::<Result<Vec<_>, _>>();
    let train = texts(&tree.train)?;
    let test = tree.test.as_ref().map(texts).transpose()?.unwrap_or_default();
    let mut columns = Vec::new();
    for (place, (name, _)) in pattern.places.iter().enumerate().filter(|(_, (name, _))| name != "_") {
        if name == LABELS && !tree.classes.is_empty() {
            let what = format!("both the folders of classes and `{}` give `{LABELS}`", pattern.text());
            return Err(DataError::new(tree.train.folder(), what).help("call the place by another name"));
        }
        let in_place = |texts: &[Vec<String>]| -> Vec<String> { texts.iter().map(|row| row[place].clone()).collect() };
        let (own, other) = (in_place(&train), in_place(&test));
        let number =
            |text: &String| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i32>().ok())?;
        let numbers = |texts: &[String]| texts.iter().map(number).collect::<Option<Vec<i32>>>();
        if let (Some(train), Some(test)) = (numbers(&own), numbers(&other)) {
            columns.push(Named { name: name.clone(), classes: Vec::new(), train, test });
            continue;
        }
        let mut classes = own.clone();
        classes.sort();
        classes.dedup();
        let numbered = |texts: &[String], part: &Part| -> Result<Vec<i32>, DataError> {
            let numbered = texts.iter().zip(&part.files).map(|(text, file)| {
                let found = classes.binary_search(text).ok().and_then(|number| i32::try_from(number).ok());
                found.ok_or_else(|| {
                    let what = format!("`{}` is no {name} of the training part", text.escape_debug());
                    DataError::new(file, what).help(format!("they are {}", listed(&classes)))
                })
            });
            numbered.collect()
        };
        let train = numbered(&own, &tree.train)?;
        let test = tree.test.as_ref().map(|part| numbered(&other, part)).transpose()?.unwrap_or_default();
        columns.push(Named { name: name.clone(), classes, train, test });
    }
    Ok(columns)
}

fn texts(file: &Path, pattern: &Pattern) -> Result<Vec<String>, DataError> {
    let stem = file.file_stem().and_then(|stem| stem.to_str());
    let found = stem.and_then(|stem| pattern.matched(stem)).map(|found| found.into_iter().map(str::to_owned).collect());
    found.ok_or_else(|| DataError::new(file, format!("its name does not match `{}`", pattern.text().escape_debug())))
}

/// The types of these columns.
pub(super) const NUMBERS: DType = DType::I32;

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(pattern: &str, name: &str) -> Option<Vec<String>> {
        let pattern = Pattern::parse(pattern).unwrap();
        Some(pattern.matched(name)?.into_iter().map(str::to_owned).collect())
    }

    #[test]
    fn places_are_told_by_the_texts_between() {
        assert_eq!(matched("{digit}_{speaker}_{index}", "7_lucas_12").unwrap(), ["7", "lucas", "12"]);
        assert_eq!(matched("{a}-{b}", "x-y-z").unwrap(), ["x", "y-z"]);
        assert_eq!(matched("rec{a}.{_}x", "rec1.2x").unwrap(), ["1", "2"]);
        assert_eq!(matched("{a}_{b}", "é_ü").unwrap(), ["é", "ü"]);
        for name in ["", "7", "_", "7_", "_7"] {
            assert_eq!(matched("{a}_{b}", name), None, "{name}");
        }
        assert_eq!(matched("rec{a}", "tape1"), None);
    }

    #[test]
    fn patterns_that_mean_nothing_are_refused() {
        let wrong = |text: &str| Pattern::parse(text).unwrap_err();
        assert_eq!(wrong("{a"), "a `{` is not closed");
        assert_eq!(wrong("a}"), "a `}` closes nothing");
        assert_eq!(wrong("{}"), "`{}` holds no name of a column");
        assert_eq!(wrong("{a}{b}"), "nothing stands before `{b}` to tell where it begins");
        assert_eq!(wrong("{a}_{a}"), "`{a}` stands twice");
        assert!(wrong("{_}").starts_with("it names no column") && wrong("").starts_with("it names no column"));
    }
}
