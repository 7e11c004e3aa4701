//! What can be wrong with a weights file, or with writing one.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a weights file cannot be read or written. `Display` is one line without the help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointError {
    /// The file at fault.
    pub file: PathBuf,
    /// The tensor at fault, if one is to blame.
    pub tensor: Option<String>,
    /// What is wrong, as a sentence without its full stop.
    pub what: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl CheckpointError {
    /// An error about `file` as a whole.
    pub fn new(file: impl AsRef<Path>, what: impl Into<String>) -> CheckpointError {
        CheckpointError { file: file.as_ref().to_path_buf(), tensor: None, what: what.into(), help: None }
    }

    /// The same error, blamed on one tensor.
    pub fn tensor(self, name: &str) -> CheckpointError {
        CheckpointError { tensor: Some(name.to_owned()), ..self }
    }

    /// The same error with advice.
    pub fn help(self, help: impl Into<String>) -> CheckpointError {
        CheckpointError { help: Some(help.into()), ..self }
    }

    /// What the system answered when asked to `action` (read, write) `file`.
    pub(super) fn system(file: &Path, action: &str, error: &io::Error) -> CheckpointError {
        let what = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
            io::ErrorKind::PermissionDenied => format!("no permission to {action} it"),
            io::ErrorKind::ReadOnlyFilesystem => format!("cannot {action} it: the file system is read-only"),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                let full = CheckpointError::new(file, format!("cannot {action} it: no space is left on the device"));
                return full.help("free some space or name another folder; a file that was there before is unchanged");
            }
            io::ErrorKind::OutOfMemory => "there is not enough memory to hold it".to_owned(),
            _ => format!("cannot {action} it: {error}"),
        };
        CheckpointError::new(file, what)
    }
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Paths and names may hold anything, terminal control sequences included.
        write!(f, "{}: ", self.file.to_string_lossy().escape_debug())?;
        if let Some(name) = &self.tensor {
            write!(f, "tensor `{}`: ", name.escape_debug())?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for CheckpointError {}
