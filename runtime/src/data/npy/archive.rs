//! An `.npz` file: a zip archive of `.npy` members, as `numpy.savez` and `numpy.savez_compressed` write it. The only file that knows
//! the crate that reads archives.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use ::zip::result::ZipError;
use ::zip::{CompressionMethod, ZipArchive};

use crate::data::error::{DataError, Place};
use crate::data::file::{open, recognise, system_error};

/// The best ratio of deflate, 258 bytes for two bits.
const MAX_INFLATION: u64 = 1032;

/// An open archive.
pub(super) struct Archive {
    path: PathBuf,
    length: u64,
    zip: ZipArchive<BufReader<File>>,
}

impl Archive {
    /// Opens an archive and reads the list of its members.
    pub(super) fn open(path: &Path) -> Result<Archive, DataError> {
        let (mut file, length) = open(path)?;
        let mut start = [0; 8];
        let filled = file.read(&mut start).map_err(|error| system_error(path, "read", &error))?;
        if filled == 0 {
            return Err(DataError::new(path, "the file is empty"));
        }
        // One without members begins with its end.
        if !start.starts_with(b"PK") {
            let known = recognise(&start[..filled]).map(|name| format!(" but {name}")).unwrap_or_default();
            let error = DataError::new(path, format!("is no archive of arrays{known}")).at(Place::Offset(0));
            return Err(error.help("write it with numpy.savez or numpy.savez_compressed"));
        }
        match ZipArchive::new(BufReader::new(file)) {
            Ok(zip) => Ok(Archive { path: path.to_path_buf(), length, zip }),
            Err(error) => Err(fault(path, &error)),
        }
    }

    /// The names of the arrays, `x` of `x.npy`, and the numbers of their members, in the order of the archive.
    pub(super) fn arrays(&self) -> Vec<(String, usize)> {
        let name = |member: usize| Some((self.zip.name_for_index(member)?.strip_suffix(".npy")?.to_owned(), member));
        (0..self.zip.len()).filter_map(name).collect()
    }

    /// Reads a member, of which messages speak as `file`: `read` gets its bytes and how many they are. What it leaves unread is not
    /// checked.
    pub(super) fn read<T>(
        &mut self,
        member: usize,
        file: &Path,
        read: impl FnOnce(&mut dyn Read, u64) -> Result<T, DataError>,
    ) -> Result<T, DataError> {
        let mut entry = self.zip.by_index(member).map_err(|error| fault(file, &error))?;
        let (size, held) = (entry.size(), entry.compressed_size());
        let most = match entry.compression() {
            CompressionMethod::Stored => held,
            _ => held.saturating_mul(MAX_INFLATION),
        };
        if held > self.length || size > most {
            let held = held.min(self.length);
            let what = format!("the archive says {size} bytes, more than {held} bytes of it can hold");
            return Err(DataError::new(file, what).help("the file is truncated or damaged: write it again"));
        }
        read(&mut entry, size)
    }

    /// As [`Archive::read`], for a member that is read to its end: damage that changes its bytes is an error.
    pub(super) fn read_all<T>(
        &mut self,
        member: usize,
        file: &Path,
        read: impl FnOnce(&mut dyn Read, u64) -> Result<T, DataError>,
    ) -> Result<T, DataError> {
        self.read(member, file, |entry, size| {
            let value = read(entry, size)?;
            // The checksum is compared at the end of the stream, which is seen by reading on.
            match entry.read(&mut [0]) {
                Ok(0) => Ok(value),
                Ok(_) => Err(DataError::new(file, format!("is longer than the {size} bytes that the archive says"))),
                Err(error) => Err(system_error(file, "read", &error)),
            }
        })
    }

    /// What a member is called in messages: `data.npz/x.npy`.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.npy"))
    }
}

fn fault(file: &Path, error: &ZipError) -> DataError {
    let savez = "write it with numpy.savez or numpy.savez_compressed";
    match error {
        ZipError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            DataError::new(file, "is truncated or damaged: its list of members leads beyond its end")
        }
        ZipError::Io(error) => system_error(file, "read", error),
        ZipError::CompressionMethodNotSupported(_) => {
            DataError::new(file, "is compressed by another method than deflate").help(savez)
        }
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => DataError::new(file, "is encrypted").help(savez),
        other => DataError::new(file, format!("the archive cannot be read: {other}")).help(savez),
    }
}
