//! The files around a program, as the compiler asks for them.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nnc_compiler::program::SourceSpec;
use nnc_compiler::world::World;
use nnc_runtime::data::tokens::Tokens;
use nnc_runtime::data::{DataError, Encoding, Format, Request, Schema};

/// What a source holds.
type Known = (Request, Result<Schema, DataError>);

/// How the text of one of its columns becomes class numbers.
type Cut = (Request, String, Tokens, Result<Arc<Encoding>, DataError>);

/// The disk. Paths are relative to the file that names them; those set from the shell, to the current folder.
pub(crate) struct Disk {
    /// The values set from the shell.
    set: Vec<String>,
    /// What was read, since the same source is asked for more than once.
    schemas: RefCell<Vec<Known>>,
    encodings: RefCell<Vec<Cut>>,
}

impl Disk {
    /// The disk as seen with these options set from the shell.
    pub(crate) fn new(set: &[(String, String)]) -> Disk {
        let unquoted = |value: &String| value.trim_matches('"').to_owned();
        Disk {
            set: set.iter().map(|(_, value)| unquoted(value)).collect(),
            schemas: RefCell::default(),
            encodings: RefCell::default(),
        }
    }

    /// The files of a source that the program `from` names.
    pub(crate) fn request(&self, from: &str, spec: &SourceSpec) -> Request {
        let path = self.path(from, &spec.path);
        Request { format: spec.format.clone(), path, hint: Some(hint(&spec.format).to_owned()) }
    }

    /// The path that the program `from` names.
    pub(crate) fn path(&self, from: &str, path: &str) -> PathBuf {
        if self.set.iter().any(|set| set == path) { PathBuf::from(path) } else { beside(from, path) }
    }
}

impl World for Disk {
    fn source(&self, from: &str, path: &str) -> Result<(String, String), String> {
        let path = beside(from, path);
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok((path.display().to_string(), text))
    }

    fn schema(&self, from: &str, spec: &SourceSpec) -> Result<Schema, DataError> {
        let request = self.request(from, spec);
        if let Some((_, schema)) = self.schemas.borrow().iter().find(|(known, _)| *known == request) {
            return schema.clone();
        }
        let schema = request.schema();
        self.schemas.borrow_mut().push((request, schema.clone()));
        schema
    }

    fn encoding(
        &self,
        from: &str,
        spec: &SourceSpec,
        column: &str,
        tokens: &Tokens,
    ) -> Result<Arc<Encoding>, DataError> {
        let request = self.request(from, spec);
        let same = |(known, name, cut, _): &&Cut| *known == request && name == column && cut == tokens;
        if let Some((.., encoding)) = self.encodings.borrow().iter().find(same) {
            return encoding.clone();
        }
        let encoding = request.encoding(column, tokens).map(Arc::new);
        self.encodings.borrow_mut().push((request, column.to_owned(), tokens.clone(), encoding.clone()));
        encoding
    }
}

/// `path` as seen from the folder of the file `from`.
pub(crate) fn beside(from: &str, path: &str) -> PathBuf {
    Path::new(from).parent().unwrap_or(Path::new("")).join(path)
}

/// How to get data of this format, for the message that there is none.
fn hint(format: &Format) -> &'static str {
    match format {
        Format::Idx => {
            "the folder holds four files, each plain or with .gz at its end: train-images-idx3-ubyte, \
             train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte\n\
             Fashion-MNIST is in Debian's package dataset-fashion-mnist (`apt-get install dataset-fashion-mnist`), which \
             puts it into /usr/share/datasets/fashion-mnist; models/mnist.nn then takes it by \
             `--set data=/usr/share/datasets/fashion-mnist`"
        }
        Format::Csv => {
            "name a text file with a line of column names at its head; paths in a program are relative to it"
        }
        Format::Images(_) => {
            "name a folder with a folder for each class, which holds its PNG and JPEG files, or with `train` and `test` \
             that hold such folders; paths in a program are relative to it"
        }
        Format::Wav(_) => {
            "name a folder with a folder for each class, which holds its WAV files, or with `train` and `test` that hold such \
             folders; where names of files tell the class, all may lie in one, and `names = \"{digit}_{speaker}_{_}\"` reads \
             them; paths in a program are relative to it"
        }
        Format::Npy => {
            "name a folder of .npy files, each a column with a row for each example, one such file, or an .npz file; paths in a \
             program are relative to it"
        }
        Format::Lines | Format::Text(_) => "name a text file in UTF-8; paths in a program are relative to it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nnc_grammar::span::{SourceId, Span};

    #[test]
    fn paths_are_relative_to_the_file_unless_set_from_the_shell() {
        let spec =
            |path: &str| SourceSpec { format: Format::Csv, path: path.into(), span: Span::new(SourceId(0), 0, 0) };
        let disk = Disk::new(&[("data".into(), "\"here/b.csv\"".into())]);
        assert_eq!(disk.request("models/a.nn", &spec("data/a.csv")).path, Path::new("models/data/a.csv"));
        assert_eq!(disk.request("a.nn", &spec("a.csv")).path, Path::new("a.csv"));
        assert_eq!(disk.request("models/a.nn", &spec("/d/a.csv")).path, Path::new("/d/a.csv"));
        assert_eq!(disk.request("models/a.nn", &spec("here/b.csv")).path, Path::new("here/b.csv"));
    }

    #[test]
    fn a_missing_data_set_says_how_to_get_it() {
        let spec = SourceSpec { format: Format::Idx, path: "none".into(), span: Span::new(SourceId(0), 0, 0) };
        let error = Disk::new(&[]).schema("no/such/folder/a.nn", &spec).unwrap_err();
        assert!(error.help.unwrap().contains("dataset-fashion-mnist"));
    }
}
