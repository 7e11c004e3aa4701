//! Folders whose subfolders are classes: `FOLDER/train/CLASS/file` and `FOLDER/test/CLASS/file`, or without parts
//! `FOLDER/CLASS/file`, or files without classes, to be predicted.
//!
//! Classes are numbered in the order of their names, byte by byte, and the files of a class come in the order of theirs,
//! so rows do not depend on the file system. What is hidden (its name begins with a point) and files of other kinds are
//! passed over.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bytes::Bytes;
use super::column::Column;
use super::error::DataError;
use super::file::system_error;
use super::{ColumnSchema, DType};

/// The column of class numbers.
pub(super) const LABELS: &str = "labels";

/// What a folder holds.
#[derive(Debug)]
pub(super) struct Tree {
    /// The names of the classes, sorted; empty where files lie in the folder itself.
    pub(super) classes: Vec<String>,
    /// The files to train on, at least one.
    pub(super) train: Part,
    /// Those of `test/`, where there are parts.
    pub(super) test: Option<Part>,
}

/// The files of one part with the numbers of their classes: class by class, then by name.
#[derive(Debug)]
pub(super) struct Part {
    folder: Arc<Path>,
    /// Absolute paths.
    pub(super) files: Vec<PathBuf>,
    /// As many class numbers, or none where there are no classes.
    labels: Vec<i32>,
}

impl Part {
    /// The class numbers as a column.
    pub(super) fn labels(&self) -> Result<Column, DataError> {
        if self.labels.is_empty() {
            return Err(unlabelled(&self.folder));
        }
        self.numbers(LABELS, &self.labels)
    }

    /// One number a file as a column.
    pub(super) fn numbers(&self, name: &str, numbers: &[i32]) -> Result<Column, DataError> {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let whole = DataError::new(&self.folder, "numbers are not whole rows");
        Column::new(name, self.folder.clone(), DType::I32, Vec::new(), Bytes::from(bytes)).ok_or(whole)
    }

    /// Where its files or the folders of its classes lie.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Tree {
    /// The column of class numbers, which a folder without classes does not have.
    pub(super) fn labels_schema(&self) -> ColumnSchema {
        let dtype = if self.classes.is_empty() { Err(unlabelled(&self.train.folder)) } else { Ok(DType::I32) };
        ColumnSchema::new(LABELS, dtype, Vec::new())
    }
}

fn unlabelled(folder: &Path) -> DataError {
    DataError::new(folder, "there are no labels: the files lie in the folder itself, not in folders of classes")
        .help("put the files of each class into a folder that has its name")
}

/// Finds the files in `folder` whose names end in one of `extensions`, in any case. `what` names one such thing.
pub(super) fn find(folder: &Path, extensions: &[&str], what: &str) -> Result<Tree, DataError> {
    let kind = Kind { extensions, what };
    let top = kind.list(folder)?;
    let named = |name: &str| top.folders.iter().any(|folder| folder == name);
    if !named("train") {
        if named("test") && top.folders.len() == 1 {
            return Err(DataError::new(folder, "the folder holds `test`, but no `train`"));
        }
        let (classes, train) = kind.part(folder, top)?;
        return Ok(Tree { classes, train, test: None });
    }
    if let Some(other) = top.folders.iter().find(|&name| name != "train" && name != "test") {
        let what = format!("`{}` lies beside `train`, but is not `test`", shown(other));
        return Err(DataError::new(folder, what).help(
            "rows to validate on are held out of `train` by `split: holdout(valid = 0.1)`; move the folder away",
        ));
    }
    let part = |name: &str| {
        let path = folder.join(name);
        let entries = kind.list(&path)?;
        kind.part(&path, entries)
    };
    let (classes, train) = part("train")?;
    let test = if named("test") { Some(part("test")?) } else { None };
    let test = test.map(|(own, part)| renumbered(part, &own, &classes)).transpose()?;
    Ok(Tree { classes, train, test })
}

/// The labels of a test part by the classes of the training part.
fn renumbered(mut part: Part, own: &[String], classes: &[String]) -> Result<Part, DataError> {
    if own.is_empty() != classes.is_empty() {
        let (with, without) = if own.is_empty() { ("train", "test") } else { ("test", "train") };
        return Err(DataError::new(&part.folder, format!("`{with}` holds folders of classes, `{without}` none")));
    }
    let number = |name: &String| {
        classes.binary_search(name).map(|number| number as i32).map_err(|_| {
            let what = format!("the class `{}` is not among those of the training part", name.escape_debug());
            DataError::new(&part.folder, what).help(format!("they are {}", listed(classes)))
        })
    };
    let numbers: Vec<i32> = own.iter().map(number).collect::<Result<_, _>>()?;
    // Labels are places in `own`.
    part.labels.iter_mut().for_each(|label| *label = numbers[*label as usize]);
    Ok(part)
}

/// The first dozen of names.
pub(super) fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(12).map(|name| format!("`{}`", name.escape_debug())).collect();
    let more = if names.len() > shown.len() { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

fn shown(name: &OsString) -> String {
    name.to_string_lossy().escape_debug().to_string()
}

struct Kind<'a> {
    extensions: &'a [&'a str],
    what: &'a str,
}

/// What lies in a folder, each sorted by name.
struct Entries {
    folders: Vec<OsString>,
    files: Vec<OsString>,
    /// A file of another kind, for the message that there is none of the right kind.
    other: Option<OsString>,
}

impl Kind<'_> {
    fn list(&self, folder: &Path) -> Result<Entries, DataError> {
        let entries = fs::read_dir(folder).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => DataError::new(folder, "there is no such folder"),
            std::io::ErrorKind::NotADirectory => DataError::new(folder, "is a file where a folder is expected"),
            _ => system_error(folder, "list", &error),
        })?;
        let mut found = Entries { folders: Vec::new(), files: Vec::new(), other: None };
        for entry in entries {
            let entry = entry.map_err(|error| system_error(folder, "list", &error))?;
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            // A link counts as what it leads to.
            let is_folder = match entry.file_type() {
                Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
                Ok(kind) => kind.is_dir(),
                Err(error) => return Err(system_error(&entry.path(), "open", &error)),
            };
            let extension = Path::new(&name).extension().map(|extension| extension.to_string_lossy().into_owned());
            let wanted = |extension: &String| self.extensions.iter().any(|own| extension.eq_ignore_ascii_case(own));
            match extension {
                _ if is_folder => found.folders.push(name),
                Some(extension) if wanted(&extension) => found.files.push(name),
                _ => found.other = Some(found.other.map_or(name.clone(), |other| other.min(name))),
            }
        }
        found.folders.sort();
        found.files.sort();
        Ok(found)
    }

    /// The classes and files of a part whose entries are these.
    fn part(&self, folder: &Path, entries: Entries) -> Result<(Vec<String>, Part), DataError> {
        let mut part = Part { folder: Arc::from(folder), files: Vec::new(), labels: Vec::new() };
        if entries.folders.is_empty() {
            if entries.files.is_empty() {
                return Err(self.nothing(folder, &entries).help(format!(
                    "the folder holds a folder for each class, with {}s in it, or `train` and `test` with such folders",
                    self.what
                )));
            }
            part.files = entries.files.iter().map(|name| folder.join(name)).collect();
            return Ok((Vec::new(), part));
        }
        if let Some(file) = entries.files.first() {
            let what = format!("`{}` lies beside the folders of classes, in none of them", shown(file));
            return Err(DataError::new(folder, what).help("move it into the folder of its class"));
        }
        let mut classes = Vec::with_capacity(entries.folders.len());
        for (number, class) in entries.folders.into_iter().enumerate() {
            let path = folder.join(&class);
            let name = class.into_string().map_err(|_| DataError::new(&path, "the name of the class is not UTF-8"))?;
            let entries = self.list(&path)?;
            if entries.files.is_empty() {
                return Err(self
                    .nothing(&path, &entries)
                    .help("remove the folder, or put files of this class into it"));
            }
            let label = i32::try_from(number).map_err(|_| DataError::new(folder, "there are too many classes"))?;
            part.labels.resize(part.labels.len() + entries.files.len(), label);
            part.files.extend(entries.files.iter().map(|name| path.join(name)));
            classes.push(name);
        }
        Ok((classes, part))
    }

    fn nothing(&self, folder: &Path, entries: &Entries) -> DataError {
        let kinds: Vec<String> = self.extensions.iter().map(|extension| format!(".{extension}")).collect();
        let found = match (entries.folders.first(), &entries.other) {
            (Some(name), _) => format!("; it holds the folder `{}`", shown(name)),
            (None, Some(name)) => format!("; it holds `{}`", shown(name)),
            (None, None) => String::new(),
        };
        DataError::new(folder, format!("the folder holds no {} ({}){found}", self.what, kinds.join(", ")))
    }
}

#[cfg(test)]
mod tests;
