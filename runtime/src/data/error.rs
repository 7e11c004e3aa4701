//! What can be wrong with a data file, as one value: the file, the place in it, what is wrong and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

/// A place inside a data file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A byte offset from the start of the file (of the inflated contents, where the file is compressed).
    Offset(u64),
    /// A row of values.
    Row {
        /// Which row of the data, the first being 1 (a header row is not counted).
        row: u64,
        /// The line of a text file on which the row begins, the first being 1.
        line: Option<u64>,
        /// The name of the column.
        column: Option<String>,
    },
    /// A line of a text file that is not a row of values (the header), the first being 1.
    Line(u64),
    /// A column as a whole.
    Column(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Offset(offset) => write!(f, "byte {offset}"),
            Place::Row { row, line, column } => {
                write!(f, "row {row}")?;
                if let Some(line) = line {
                    write!(f, " (line {line})")?;
                }
                column.as_ref().map_or(Ok(()), |name| write!(f, ", column `{}`", name.escape_debug()))
            }
            Place::Line(line) => write!(f, "line {line}"),
            Place::Column(name) => write!(f, "column `{}`", name.escape_debug()),
        }
    }
}

/// Why a data file cannot be used. `Display` is one line without the help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataError {
    /// The file or folder at fault, as an absolute path wherever one could be made.
    pub file: PathBuf,
    /// Where in the file, if one place is to blame.
    pub place: Option<Place>,
    /// What is wrong, as a sentence without its full stop.
    pub what: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl DataError {
    /// An error about `file` as a whole.
    pub fn new(file: impl AsRef<Path>, what: impl Into<String>) -> DataError {
        DataError { file: file.as_ref().to_path_buf(), place: None, what: what.into(), help: None }
    }

    /// The same error at a place of the file.
    pub fn at(self, place: Place) -> DataError {
        DataError { place: Some(place), ..self }
    }

    /// The same error with advice.
    pub fn help(self, help: impl Into<String>) -> DataError {
        DataError { help: Some(help.into()), ..self }
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A path may hold anything, terminal control sequences included; `escape_debug` keeps ordinary letters as they
        // are.
        write!(f, "{}: ", self.file.to_string_lossy().escape_debug())?;
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for DataError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_file_place_and_reason() {
        let row = Place::Row { row: 3, line: Some(4), column: Some("age".into()) };
        let error = DataError::new("/d/people.csv", "\"old\" is not a number").at(row);
        assert_eq!(error.to_string(), "/d/people.csv: row 3 (line 4), column `age`: \"old\" is not a number");
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let error = DataError::new("a\u{1b}[2Jb", "x").at(Place::Column("\u{7}".into()));
        assert!(!error.to_string().contains(['\u{1b}', '\u{7}']));
    }
}
