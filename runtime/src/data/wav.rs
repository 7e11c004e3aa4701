//! A folder of WAV files as a source, and the door of the crate `hound`: `samples`, one row a file as floats from -1 to 1
//! `[time, channel]`, and `labels`, the number of the folder that the file lies in.

use std::io::BufReader;
use std::path::Path;

use ::hound::{SampleFormat, WavReader};

use super::error::{DataError, Place};
use super::file::{open, recognise};
use super::media::{Medium, Row};
use super::names::Pattern;
use super::{Schema, Source};
use crate::dtype::DType;

/// The most bytes that one recording may take in memory: 1 GiB.
const MAX_RECORDING_BYTES: u64 = 1 << 30;

/// Bytes before the samples of the shortest file.
const LEAST_HEADER: u64 = 44;

/// What is made of every recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WavForm {
    /// How many samples each has: what lacks is zero, what exceeds is cut off. `None` leaves them as they are.
    pub samples: Option<u32>,
    /// Columns from the names of files.
    pub names: Option<Pattern>,
}

impl WavForm {
    /// Every recording as its file has it.
    pub const AS_IT_IS: WavForm = WavForm { samples: None, names: None };
}

/// Decodes the first recording and counts files.
pub(super) fn schema(folder: &Path, form: &WavForm) -> Result<Schema, DataError> {
    medium(form, &|path| recording(path, form)).schema(folder)
}

/// Reads the wanted columns.
pub(super) fn load(folder: &Path, form: &WavForm, wanted: &[&str]) -> Result<Source, DataError> {
    medium(form, &|path| recording(path, form)).load(folder, wanted)
}

fn medium<'a>(form: &'a WavForm, decode: &'a (dyn Fn(&Path) -> Result<Row, DataError> + Sync)) -> Medium<'a> {
    Medium {
        column: "samples",
        what: "recording",
        extensions: &["wav"],
        dtype: DType::F32,
        names: form.names.as_ref(),
        decode,
        unlike,
    }
}

/// The samples of a file. Whole numbers of b bits are divided by 2^(b - 1).
fn recording(path: &Path, form: &WavForm) -> Result<Row, DataError> {
    let (file, length) = open(path)?;
    let broken = |error: ::hound::Error| {
        let mut start = [0; 16];
        let filled = std::fs::File::open(path).and_then(|mut file| std::io::Read::read(&mut file, &mut start));
        let what = match recognise(&start[..filled.unwrap_or(0).min(16)]) {
            Some(name) => format!("is no WAV file but {name}"),
            None => format!("cannot be read as WAV: {error}"),
        };
        DataError::new(path, what).help("save it as WAV with whole numbers (PCM) or 32-bit floats")
    };
    let mut reader = WavReader::new(BufReader::new(file)).map_err(broken)?;
    let spec = reader.spec();
    let channels = usize::from(spec.channels);
    let declared = u64::from(reader.len()) * u64::from(spec.bits_per_sample.div_ceil(8));
    if declared + LEAST_HEADER > length {
        let what = format!("is truncated: its header says {declared} bytes of samples, the file has {length} in all");
        return Err(DataError::new(path, what).at(Place::Offset(length)));
    }
    let held = reader.len() as usize / channels.max(1);
    let time = form.samples.map_or(held, |samples| samples as usize);
    if held == 0 || channels == 0 {
        return Err(DataError::new(path, "the recording holds no samples"));
    }
    // Both factors are below 2^32 and 2^16.
    let bytes = time as u64 * channels as u64 * 4;
    if bytes > MAX_RECORDING_BYTES {
        let what =
            format!("{time} samples of {channels} channels are more than the {MAX_RECORDING_BYTES} bytes of one");
        return Err(DataError::new(path, what));
    }
    let mut bytes = Vec::with_capacity(bytes as usize);
    let wanted = time.min(held) * channels;
    match spec.sample_format {
        SampleFormat::Float => {
            for sample in reader.samples::<f32>().take(wanted) {
                bytes.extend(sample.map_err(broken)?.to_le_bytes());
            }
        }
        SampleFormat::Int => {
            let scale = 2f64.powi(1 - i32::from(spec.bits_per_sample));
            for sample in reader.samples::<i32>().take(wanted) {
                bytes.extend(((f64::from(sample.map_err(broken)?) * scale) as f32).to_le_bytes());
            }
        }
    }
    bytes.resize(time * channels * 4, 0);
    Ok(Row { shape: vec![time, channels], rate: spec.sample_rate, bytes })
}

fn unlike(row: &Row, first: &Row) -> (String, String, String) {
    let kind = |row: &Row| match row.shape[..] {
        [time, channels] => format!("{time} samples of {channels} channels at {} Hz", row.rate),
        _ => String::new(),
    };
    let same = row.rate == first.rate && row.shape.get(1) == first.shape.get(1);
    let help = match first.shape.first() {
        Some(time) if same => {
            format!(
                "say how many samples all shall have: `wav(\"folder\", samples = {time})` fills up with zeros, or cuts"
            )
        }
        _ => "all recordings need one rate and as many channels: convert them first, with sox or ffmpeg".to_owned(),
    };
    (kind(row), kind(first), help)
}

#[cfg(test)]
mod tests;
