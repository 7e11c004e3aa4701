//! Columns of text, and the readers of plain text files: `lines("file.txt")`, `text("file.txt", window = 65)`.

use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::column::{Column, MAX_COLUMN_BYTES, no_such_column};
use super::error::{DataError, Place};
use super::file::{open, recognise, system_error};
use super::tokens::{Tokens, Vocabulary};
use super::{ColumnSchema, Schema};
use crate::dtype::DType;

/// The column of a file of lines.
pub(super) const LINE: &str = "line";
/// The column of a file cut into windows.
pub(super) const TEXT: &str = "text";

/// How one long text is cut into rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Characters of one row, at least 1.
    pub length: usize,
    /// Characters from the begin of one row to that of the next, at least 1; one less than the length where it is not said, so that
    /// each character but the first is once the one that follows others.
    pub stride: Option<usize>,
}

impl Windows {
    /// Nothing is said: no row has characters.
    pub const UNTOLD: Windows = Windows { length: 0, stride: None };
}

/// A text a row.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) file: Arc<Path>,
    contents: String,
    /// The bytes of `contents` that a row has; each range lies in it and ends where characters do.
    rows: Vec<Range<usize>>,
}

impl Texts {
    /// Rows one after another in `contents`, each ending at one of `ends`, which ascend and end where characters do.
    pub(super) fn joined(file: &Path, contents: String, ends: &[usize]) -> Texts {
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let rows = starts.zip(ends).map(|(start, &end)| start..end).collect();
        Texts { file: Arc::from(file), contents, rows }
    }

    /// The rows.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| self.contents.get(row.clone()).unwrap_or_default())
    }

    /// The rows as class numbers: a ragged column called `name`.
    pub(super) fn encode(&self, name: &str, tokens: &Tokens, vocabulary: &Vocabulary) -> Result<Column, DataError> {
        let (mut numbers, mut starts) = (vec![], Vec::with_capacity(self.rows.len() + 1));
        starts.push(0);
        for text in self.iter() {
            vocabulary.encode(tokens, text, &mut numbers);
            starts.push(numbers.len());
        }
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        Column::ragged(name, self.file.clone(), DType::I32, starts, bytes.into())
            .ok_or_else(|| DataError::new(&self.file, "a column is not a whole number of rows"))
    }
}

/// One column of text, and its rows.
pub(super) fn schema(path: &Path, windows: Option<Windows>) -> Result<Schema, DataError> {
    let texts = load(path, windows)?;
    let name = if windows.is_some() { TEXT } else { LINE };
    Ok(Schema {
        columns: vec![ColumnSchema::text(name, path)],
        train_rows: texts.rows.len(),
        test_rows: None,
        classes: vec![],
    })
}

/// The windows of a file, or its lines: without their ends, and without those that hold only spaces.
pub(super) fn load(path: &Path, windows: Option<Windows>) -> Result<Texts, DataError> {
    let contents = read(path)?;
    let rows: Vec<Range<usize>> = match windows {
        Some(windows) => windowed(path, &contents, windows)?,
        None => lines(&contents),
    };
    if rows.is_empty() {
        return Err(DataError::new(path, "the file holds no text"));
    }
    Ok(Texts { file: Arc::from(path), contents, rows })
}

/// The column of that name, of such a file.
pub(super) fn column(path: &Path, windows: Option<Windows>, column: &str) -> Result<Texts, DataError> {
    let own = if windows.is_some() { TEXT } else { LINE };
    if column == own { load(path, windows) } else { Err(no_such_column(path, column, std::iter::once(own))) }
}

/// The error of asking for a column as numbers.
pub(super) fn no_numbers(path: &Path, column: &str) -> DataError {
    DataError::new(path, format!("column `{}` holds text", column.escape_debug()))
}

fn lines(contents: &str) -> Vec<Range<usize>> {
    let mut rows = vec![];
    let mut start = 0;
    for line in contents.split_inclusive('\n') {
        let text = line.trim_end_matches(['\n', '\r']);
        if !text.trim().is_empty() {
            rows.push(start..start + text.len());
        }
        start += line.len();
    }
    rows
}

fn windowed(path: &Path, contents: &str, windows: Windows) -> Result<Vec<Range<usize>>, DataError> {
    let mut places: Vec<usize> = contents.char_indices().map(|(at, _)| at).collect();
    places.push(contents.len());
    let characters = places.len() - 1;
    let stride = windows.stride.unwrap_or(windows.length.saturating_sub(1)).max(1);
    let Some(last) = characters.checked_sub(windows.length.max(1)) else {
        let what = format!("{characters} characters are less than one window of {}", windows.length);
        return Err(DataError::new(path, what));
    };
    let starts = (0..=last).step_by(stride);
    Ok(starts.map(|start| places[start]..places[start + windows.length]).collect())
}

/// The whole file, without a byte-order mark.
fn read(path: &Path) -> Result<String, DataError> {
    let (mut file, length) = open(path)?;
    if length > MAX_COLUMN_BYTES {
        return Err(DataError::new(path, format!("{length} bytes are more than the {MAX_COLUMN_BYTES} allowed")));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| system_error(path, "read", &error))?;
    if let Some(name) = recognise(&bytes).filter(|_| !bytes.starts_with(b"BZh")) {
        return Err(DataError::new(path, format!("is not a text file but {name}")).at(Place::Offset(0)));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() as u64 + 1;
        let what = format!("byte {at} is not UTF-8 text");
        DataError::new(path, what).at(Place::Line(line)).help("convert the file: `iconv -f LATIN1 -t UTF-8`")
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::tokens::Unit;
    use std::fs;

    fn file(contents: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.txt");
        fs::write(&path, contents).unwrap();
        (folder, path)
    }

    #[test]
    fn lines_are_rows_without_their_ends() {
        let (_folder, path) = file("\u{feff}one\r\n\n  \ntwo words\nlast".as_bytes());
        let texts = load(&path, None).unwrap();
        assert_eq!(Vec::from_iter(texts.iter()), ["one", "two words", "last"]);
        assert_eq!(schema(&path, None).unwrap().train_rows, 3);
    }

    #[test]
    fn windows_have_equal_length_and_overlap_by_their_stride() {
        let (_folder, path) = file("a\u{e9}bcdef".as_bytes());
        let windows = Some(Windows { length: 3, stride: None });
        let texts = load(&path, windows).unwrap();
        assert_eq!(Vec::from_iter(texts.iter()), ["a\u{e9}b", "bcd", "def"]);
        let tokens = Tokens::of(Unit::Chars);
        let vocabulary = Vocabulary::of(&tokens, texts.iter());
        let column = texts.encode("t", &tokens, &vocabulary).unwrap();
        assert_eq!((column.rows(), column.length(0), column.length(2)), (3, Some(3), Some(3)));
        let long = load(&path, Some(Windows { length: 9, stride: Some(1) })).unwrap_err();
        assert_eq!(long.what, "7 characters are less than one window of 9");
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_place() {
        let (_folder, path) = file(b"fine\nbad \xff byte");
        let error = load(&path, None).unwrap_err();
        assert_eq!((error.what.as_str(), error.place), ("byte 9 is not UTF-8 text", Some(Place::Line(2))));
        let (_folder, path) = file(b"\x89PNG\r\n");
        assert!(load(&path, None).unwrap_err().what.contains("PNG"));
        let (_folder, path) = file(b" \n\n");
        assert_eq!(load(&path, None).unwrap_err().what, "the file holds no text");
    }
}
