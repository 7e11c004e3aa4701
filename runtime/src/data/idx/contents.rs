//! The uncompressed contents of an IDX file as a stream: header, length and payload, each checked as it is read.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::{Element, Header};
use crate::data::bytes::Bytes;
use crate::data::column::MAX_COLUMN_BYTES;
use crate::data::error::{DataError, Place};
use crate::data::file::{open, recognise, system_error};

/// The highest rank that is read.
const MAX_RANK: u8 = 8;
/// DEFLATE makes at most 258 bytes of 2 bits: no valid stream is longer than this many times its compressed length.
const MAX_INFLATION: u64 = 1032;

/// The uncompressed contents of a file as a stream.
pub(super) struct Contents<'a> {
    path: &'a Path,
    file_length: u64,
    stream: Stream,
}

enum Stream {
    Plain(File),
    Gzip(Box<MultiGzDecoder<BufReader<File>>>),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(file) => file.read(buffer),
            Stream::Gzip(decoder) => decoder.read(buffer),
        }
    }
}

/// Reads until `buffer` is full or the stream ends, and tells how far that was, with the error that stopped it.
fn fill(stream: &mut impl Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}

impl<'a> Contents<'a> {
    pub(super) fn open(path: &'a Path, chunk: usize) -> Result<Contents<'a>, DataError> {
        let (mut file, file_length) = open(path)?;
        if path.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("gz")) {
            return Ok(Contents { path, file_length, stream: Stream::Plain(file) });
        }
        let mut start = [0; 32];
        let (filled, error) = fill(&mut file, &mut start);
        let start = &start[..filled];
        if let Some(error) = error.or_else(|| file.rewind().err()) {
            return Err(system_error(path, "read", &error));
        }
        if !start.starts_with(b"\x1f\x8b") {
            return Err(match start {
                [0, 0, ..] => DataError::new(path, "is not compressed, although its name ends in .gz")
                    .help("remove .gz from its name"),
                _ => wrong_magic(path, "a gzip file (1f 8b)", start),
            });
        }
        let decoder = MultiGzDecoder::new(BufReader::with_capacity(chunk, file));
        Ok(Contents { path, file_length, stream: Stream::Gzip(Box::new(decoder)) })
    }

    pub(super) fn header(&mut self) -> Result<Header, DataError> {
        let mut start = [0; 4 + 4 * MAX_RANK as usize];
        let (filled, error) = fill(&mut self.stream, &mut start[..4]);
        if filled < 4 {
            if filled >= 2 && start[..2] != [0, 0] {
                return Err(wrong_magic(self.path, "an IDX file (00 00, type, rank)", &start[..filled]));
            }
            return Err(self.short(filled as u64, "an IDX header takes at least 8", error));
        }
        let [zero_0, zero_1, code, rank, ..] = start;
        if [zero_0, zero_1] != [0, 0] {
            // A few more bytes tell an HTML page or a NumPy file by its beginning.
            let (more, _) = fill(&mut self.stream, &mut start[4..]);
            return Err(wrong_magic(self.path, "an IDX file (00 00, type, rank)", &start[..4 + more]));
        }
        let element = Element::from_code(code).ok_or_else(|| {
            DataError::new(self.path, format!("{code:#04x} is not an IDX element type"))
                .at(Place::Offset(2))
                .help("types are 08 (u8), 09 (i8), 0b (i16), 0c (i32), 0d (f32) and 0e (f64)")
        })?;
        if rank == 0 || rank > MAX_RANK {
            let what = format!("the header declares {rank} dimensions; 1 to {MAX_RANK} are read");
            return Err(DataError::new(self.path, what).at(Place::Offset(3)));
        }
        let dims = &mut start[4..4 + 4 * usize::from(rank)];
        let (filled, error) = fill(&mut self.stream, dims);
        if filled < dims.len() {
            let what = format!("the header of rank {rank} takes {}", 4 + dims.len());
            return Err(self.short(4 + filled as u64, &what, error));
        }
        let dims = dims.as_chunks::<4>().0.iter().map(|&dim| u32::from_be_bytes(dim)).collect();
        self.sizes(element, dims)
    }

    /// Multiplies the declared sizes, refusing zero, overflow and more than `MAX_COLUMN_BYTES`.
    fn sizes(&self, element: Element, dims: Vec<u32>) -> Result<Header, DataError> {
        if let Some(axis) = dims.iter().position(|&dim| dim == 0) {
            let what = format!("the header declares the shape {dims:?}, which holds nothing");
            return Err(DataError::new(self.path, what).at(Place::Offset(4 + 4 * axis as u64)));
        }
        let elements = dims.iter().try_fold(1u64, |count, &dim| count.checked_mul(u64::from(dim)));
        let fits = |size: usize| elements?.checked_mul(size as u64).filter(|&bytes| bytes <= MAX_COLUMN_BYTES);
        let payload = fits(element.dtype().size())
            .and_then(|_| fits(element.file_size()))
            .and_then(|bytes| usize::try_from(bytes).ok())
            .ok_or_else(|| {
                let what =
                    format!("the header declares the shape {dims:?}: more than the {MAX_COLUMN_BYTES} bytes allowed");
                DataError::new(self.path, what).at(Place::Offset(4))
            })?;
        // `u32` to `usize` is exact on every machine nnc compiles for.
        let mut sizes = dims.into_iter().map(|dim| dim as usize);
        let rows = sizes.next().unwrap_or(0);
        Ok(Header { element, rows, row_shape: sizes.collect(), payload })
    }

    /// Compares the declared length with that of the file: exactly for a plain file, by the best possible ratio for
    /// gzip.
    pub(super) fn check_length(&self, header: &Header) -> Result<(), DataError> {
        let (declared, actual) = (header.file_length(), self.file_length);
        match self.stream {
            Stream::Plain(_) if actual < declared => Err(DataError::new(
                self.path,
                format!("is truncated: the header says {declared} bytes, the file has {actual}"),
            )
            .at(Place::Offset(actual))),
            Stream::Plain(_) if actual > declared => Err(self.trailing(declared, &(actual - declared).to_string())),
            Stream::Gzip(_) if actual.saturating_mul(MAX_INFLATION) < declared => {
                let what = format!("the header says {declared} bytes, more than {actual} compressed bytes can hold");
                Err(DataError::new(self.path, what).help("the file is truncated or damaged: fetch it again"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn payload(&mut self, header: &Header) -> Result<Bytes, DataError> {
        let declared = header.file_length();
        let before = declared - header.payload as u64;
        let mut bytes = Bytes::zeroed(header.payload).map_err(|error| system_error(self.path, "hold", &error))?;
        let (filled, error) = fill(&mut self.stream, &mut bytes);
        if filled < bytes.len() {
            return Err(self.short(before + filled as u64, &format!("the header says {declared}"), error));
        }
        // Reading on until the end is also what makes the decoder compare its checksum.
        match fill(&mut self.stream, &mut [0]) {
            (0, None) => Ok(bytes),
            (0, Some(error)) => Err(self.short(declared, "and its checksum is missing", Some(error))),
            _ => Err(self.trailing(declared, "more")),
        }
    }

    /// The stream ended, or could not go on, after `had` bytes; `needed` says what should be there.
    fn short(&self, had: u64, needed: &str, error: Option<io::Error>) -> DataError {
        match (error, &self.stream) {
            (Some(error), Stream::Gzip(_)) if error.kind() != io::ErrorKind::UnexpectedEof => self.damaged(had, &error),
            (Some(error), Stream::Plain(_)) => system_error(self.path, "read", &error),
            (_, stream) => {
                let kind = if matches!(stream, Stream::Gzip(_)) { "inflated bytes" } else { "bytes" };
                DataError::new(self.path, format!("is truncated: it ends after {had} {kind}, {needed}"))
                    .at(Place::Offset(had))
                    .help("fetch the file again")
            }
        }
    }

    fn damaged(&self, after: u64, error: &io::Error) -> DataError {
        DataError::new(self.path, format!("its compressed data are damaged: {error}"))
            .at(Place::Offset(after))
            .help("fetch the file again")
    }

    fn trailing(&self, declared: u64, count: &str) -> DataError {
        DataError::new(self.path, format!("{count} bytes follow the {declared} that the header declares"))
            .at(Place::Offset(declared))
            .help("the file is not what its header says: fetch it again")
    }
}

fn wrong_magic(path: &Path, expected: &str, start: &[u8]) -> DataError {
    let shown: Vec<String> = start.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let known = recognise(start);
    let looks = known.map(|name| format!(" ({name})")).unwrap_or_default();
    let what = format!("does not begin like {expected}: found {}{looks}", shown.join(" "));
    let error = DataError::new(path, what).at(Place::Offset(0));
    match known {
        Some("a gzip file") => error.help("give it a name that ends in .gz"),
        _ => error,
    }
}
