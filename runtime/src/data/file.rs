//! Opening data files: only regular files, with messages that name the absolute path and recognise common mistakes.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::error::DataError;

/// `path` made absolute without asking whether it exists.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// What the system answered, in the words of a message about `path`.
pub(super) fn system_error(path: &Path, action: &str, error: &io::Error) -> DataError {
    match error.kind() {
        io::ErrorKind::NotFound => DataError::new(path, "there is no such file or folder"),
        io::ErrorKind::PermissionDenied => DataError::new(path, format!("no permission to {action} it")),
        io::ErrorKind::OutOfMemory => DataError::new(path, "there is not enough memory to hold it"),
        _ => DataError::new(path, format!("cannot {action} it: {error}")),
    }
}

/// Opens a regular file and tells its length in bytes. Folders, pipes and devices are refused before they are opened,
/// since opening a pipe would wait for its writer.
pub(super) fn open(path: &Path) -> Result<(File, u64), DataError> {
    let about = fs::metadata(path).map_err(|error| system_error(path, "open", &error))?;
    if about.is_dir() {
        return Err(DataError::new(path, "is a folder where a file is expected"));
    }
    if !about.is_file() {
        return Err(DataError::new(path, "is not a regular file"));
    }
    let file = File::open(path).map_err(|error| system_error(path, "open", &error))?;
    Ok((file, about.len()))
}

/// A name for contents that begin like `start`, if they are something well known.
pub(super) fn recognise(start: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 12] = [
        (b"\x1f\x8b", "a gzip file"),
        (b"\x89PNG", "a PNG image"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\xff\xd8\xff", "a JPEG image"),
        (b"\xfd7zXZ", "an xz file"),
        (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
        (b"BZh", "a bzip2 file"),
        (b"\x93NUMPY", "a NumPy file"),
        (b"%PDF", "a PDF document"),
        (b"\xff\xfe", "UTF-16 text"),
        (b"\xfe\xff", "UTF-16 text"),
        (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
    ];
    if let Some((_, name)) = KNOWN.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Some(name);
    }
    let text = start.trim_ascii_start();
    let begins = |tag: &[u8]| text.get(..tag.len()).is_some_and(|head| head.eq_ignore_ascii_case(tag));
    (begins(b"<!doctype") || begins(b"<html")).then_some("an HTML page, perhaps an error page of a download")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_mistakes_have_names() {
        assert_eq!(recognise(b"\x1f\x8b\x08"), Some("a gzip file"));
        assert!(recognise(b"\n <!DOCTYPE html>").unwrap().starts_with("an HTML page"));
        assert_eq!(recognise(b"\0\0\x08\x03"), None);
        assert_eq!(recognise(b""), None);
    }

    #[test]
    fn only_regular_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(open(folder.path()).unwrap_err().what, "is a folder where a file is expected");
        let missing = open(&folder.path().join("none")).unwrap_err();
        assert_eq!(missing.what, "there is no such file or folder");
        #[cfg(unix)]
        assert_eq!(open(Path::new("/dev/zero")).unwrap_err().what, "is not a regular file");
    }
}
