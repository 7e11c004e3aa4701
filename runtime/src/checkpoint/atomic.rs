//! Replacing a file so that at every instant, a power cut included, its name leads to the old contents or to the new.
//!
//! The new contents go to a temporary file in the same folder, which is synced and then renamed over the target;
//! syncing the folder makes the renaming itself durable. Whatever fails on the way, the temporary file is removed and
//! the target is as it was. Only a killed process leaves its temporary file (`.NAME.PID-COUNT.tmp`) behind, which
//! nothing ever reads.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes gathered before they are handed to the system.
const BUFFER: usize = 64 << 10;

/// Replaces the file at `path` by what `contents` writes.
pub fn replace(path: &Path, contents: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a folder where a file is to be written"));
    }
    let temporary = Temporary(folder.join(temporary_name(name.to_os_string())));
    let file = OpenOptions::new().write(true).create_new(true).open(&temporary.0)?;
    let mut writer = BufWriter::with_capacity(BUFFER, file);
    contents(&mut writer)?;
    // Closed before it is renamed, which some systems demand.
    writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&temporary.0, path)?;
    std::mem::forget(temporary);
    sync_folder(folder)
}

/// Differs between processes, and between two writers of one process.
fn temporary_name(name: OsString) -> OsString {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}-{}.tmp", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    hidden
}

/// A file that is removed unless it is forgotten.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // Nothing more can be done when removing fails, too; the error that led here is the one to report.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some file systems (network, user space) have no such operation.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<OsString> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn contents_are_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b\n.bin");
        for text in ["first", "second, longer", ""] {
            replace(&path, |writer| writer.write_all(text.as_bytes())).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(names(folder.path()), ["a b\n.bin"]);
    }

    #[test]
    fn a_failure_leaves_the_old_contents_and_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "old").unwrap();
        let error = replace(&path, |writer| {
            writer.write_all(&vec![7; 3 * BUFFER])?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_panic_while_writing_removes_the_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let attempt = std::panic::catch_unwind(|| replace(&path, |_| panic!("in the middle")));
        assert!(attempt.is_err());
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn impossible_targets_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &Path| replace(path, |writer| writer.write_all(b"x")).unwrap_err().kind();
        assert_eq!(write(&folder.path().join("none/a")), io::ErrorKind::NotFound);
        assert_eq!(write(folder.path()), io::ErrorKind::IsADirectory);
        assert_eq!(write(Path::new("/")), io::ErrorKind::InvalidInput);
        assert!(names(folder.path()).is_empty());
    }
}
