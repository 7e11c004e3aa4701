//! Reading a file: sizes are checked against its length before memory is asked for, checksums before anything is
//! returned.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::header::{Header, parse};
use super::{Checkpoint, CheckpointError, MAX_HEADER_BYTES, Tensor, TensorInfo, checksum};
use crate::dtype::DType;

/// Reads all tensors. Checksums are compared where the file has them, which every file of [`super::write()`] does.
pub fn read(path: &Path) -> Result<Checkpoint, CheckpointError> {
    read_all(path, false)
}

/// Reads all tensors of a file of another system: floats of 16 bits come in single precision, which has all their values.
pub fn read_widened(path: &Path) -> Result<Checkpoint, CheckpointError> {
    read_all(path, true)
}

fn read_all(path: &Path, widen: bool) -> Result<Checkpoint, CheckpointError> {
    let (mut file, header) = open(path, widen)?;
    let mut tensors = Vec::with_capacity(header.tensors.len());
    for located in header.tensors {
        let mut data = Vec::new();
        data.try_reserve_exact(located.bytes).map_err(|_| {
            let what = format!("there is not enough memory for its {} bytes", located.bytes);
            CheckpointError::new(path, what).tensor(&located.name)
        })?;
        data.resize(located.bytes, 0);
        file.read_exact(&mut data)
            .map_err(|error| CheckpointError::system(path, "read", &error).tensor(&located.name))?;
        if let Some(half) = located.half {
            data = half.widened(&data);
        }
        tensors.push(Tensor { name: located.name, dtype: located.dtype, shape: located.shape, data });
    }
    let metadata = verify(path, &tensors, header.metadata)?;
    if let Some(tensor) =
        tensors.iter().find(|tensor| tensor.dtype == DType::Bool && tensor.data.iter().any(|&b| b > 1))
    {
        return Err(CheckpointError::new(path, "a truth value is neither 0 nor 1").tensor(&tensor.name));
    }
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Checkpoint { tensors, metadata })
}

/// Names, types and shapes, sorted by name, without reading the payload; its length is checked.
pub fn header(path: &Path) -> Result<Vec<TensorInfo>, CheckpointError> {
    let (_, header) = open(path, false)?;
    let info =
        |tensor: super::header::Located| TensorInfo { name: tensor.name, dtype: tensor.dtype, shape: tensor.shape };
    let mut tensors: Vec<TensorInfo> = header.tensors.into_iter().map(info).collect();
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tensors)
}

/// The file, standing at its payload, and the checked header.
fn open(path: &Path, widen: bool) -> Result<(File, Header), CheckpointError> {
    let failed = |error| CheckpointError::system(path, "read", &error);
    let about = fs::metadata(path).map_err(failed)?;
    if !about.is_file() {
        let what = if about.is_dir() { "is a folder where a file is expected" } else { "is not a regular file" };
        return Err(CheckpointError::new(path, what));
    }
    let mut file = File::open(path).map_err(failed)?;
    let length = about.len();
    let mut size = [0; 8];
    if length < 8 {
        return Err(truncated(path, format!("{length} bytes are too short for a safetensors file")));
    }
    file.read_exact(&mut size).map_err(failed)?;
    let size = u64::from_le_bytes(size);
    if size > MAX_HEADER_BYTES {
        let what = format!("its header would take {size} bytes, more than {MAX_HEADER_BYTES}");
        return Err(CheckpointError::new(path, what).help("is it a safetensors file?"));
    }
    let after_header = length - 8;
    if size > after_header {
        return Err(truncated(
            path,
            format!("its header takes {size} bytes, the file has {after_header} after the first 8"),
        ));
    }
    // At most `MAX_HEADER_BYTES`, and no more than the file holds.
    let mut json = vec![0; size as usize];
    file.read_exact(&mut json).map_err(failed)?;
    let header = parse(path, &json, widen)?;
    let (declared, actual) = (header.payload, after_header - size);
    if actual < declared {
        return Err(truncated(path, format!("the tensors take {declared} bytes, the file has {actual}")));
    }
    if actual > declared {
        let what = format!("{} bytes follow the {declared} of the tensors", actual - declared);
        return Err(CheckpointError::new(path, what).help("the file is damaged: use another copy"));
    }
    Ok((file, header))
}

fn truncated(path: &Path, what: String) -> CheckpointError {
    CheckpointError::new(path, format!("is truncated: {what}")).help("use another copy of the file")
}

/// Compares all checksums of a file of ours, and returns the caller's metadata. A file without our entries has none to
/// compare.
fn verify(
    path: &Path,
    tensors: &[Tensor],
    entries: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, CheckpointError> {
    if !entries.keys().any(|key| checksum::is_reserved(key)) {
        return Ok(entries);
    }
    let damaged = |what: String| CheckpointError::new(path, what).help("the file is damaged: use another copy");
    let format = entries.get(checksum::FORMAT_KEY).ok_or_else(|| damaged("its format entry is missing".into()))?;
    match format.parse::<u32>() {
        Ok(checksum::FORMAT) => {}
        Ok(later) if later > checksum::FORMAT => {
            let what = format!("its format {later} is newer than {}, the newest that is read", checksum::FORMAT);
            return Err(CheckpointError::new(path, what).help("use a newer nnc"));
        }
        _ => return Err(damaged(format!("its format {:?} is unknown", format))),
    }
    for tensor in tensors {
        let wrong = |what: String| damaged(what).tensor(&tensor.name);
        let stored = entries.get(&checksum::tensor_key(&tensor.name));
        let stored = stored.ok_or_else(|| wrong("its checksum is missing".into()))?;
        let actual = checksum::of_tensor(&tensor.view());
        if *stored != actual {
            return Err(wrong(format!("its checksum is {actual}, but {} was stored", stored.escape_debug())));
        }
    }
    let own: BTreeMap<String, String> =
        entries.iter().filter(|(key, _)| !checksum::is_reserved(key)).map(|(k, v)| (k.clone(), v.clone())).collect();
    // Every reserved entry is accounted for: the format, the checksum of the rest and one for each tensor.
    if entries.len() != own.len() + tensors.len() + 2
        || entries.get(checksum::METADATA_KEY) != Some(&checksum::of_metadata(&own))
    {
        return Err(damaged("its metadata do not have the checksum that was stored".into()));
    }
    Ok(own)
}
