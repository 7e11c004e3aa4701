//! Writing a file: the header is laid out first, then everything goes through [`atomic::replace`].

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use serde::ser::{SerializeMap, Serializer};

use super::header::{Entry, METADATA, dtype_code};
use super::{CheckpointError, MAX_HEADER_BYTES, MAX_TENSORS, TensorView, atomic, checksum};
use crate::dtype::byte_count;

/// Writes a file of these tensors and entries, in place of one that may be there.
///
/// Names must differ, `__metadata__` is not a name, and keys that begin with `nnc.` or `crc32:` are this module's own.
/// On any error nothing is left behind and an older file is as it was.
pub fn write(
    path: &Path,
    tensors: &[TensorView<'_>],
    metadata: &BTreeMap<String, String>,
) -> Result<(), CheckpointError> {
    let mut order: Vec<&TensorView<'_>> = tensors.iter().collect();
    order.sort_by_key(|tensor| (Reverse(tensor.dtype.alignment()), tensor.name));
    check(path, &order, metadata)?;
    let header = header(&order, metadata).map_err(|error| CheckpointError::new(path, error.to_string()))?;
    if header.len() as u64 > MAX_HEADER_BYTES {
        let what = format!("its header would take {} bytes, more than {MAX_HEADER_BYTES}", header.len());
        return Err(CheckpointError::new(path, what));
    }
    atomic::replace(path, |writer| {
        writer.write_all(&(header.len() as u64).to_le_bytes())?;
        writer.write_all(&header)?;
        order.iter().try_for_each(|tensor| writer.write_all(tensor.data))
    })
    .map_err(|error| CheckpointError::system(path, "write", &error))
}

/// The conditions on what is written, so that everything written can be read again.
fn check(path: &Path, order: &[&TensorView<'_>], metadata: &BTreeMap<String, String>) -> Result<(), CheckpointError> {
    if order.len() > MAX_TENSORS {
        return Err(CheckpointError::new(path, format!("{} tensors are more than {MAX_TENSORS}", order.len())));
    }
    if let Some(key) = metadata.keys().find(|key| checksum::is_reserved(key)) {
        return Err(CheckpointError::new(path, format!("the metadata key {key:?} is reserved")));
    }
    let mut names: Vec<&str> = order.iter().map(|tensor| tensor.name).collect();
    names.sort_unstable();
    if let Some([name, _]) = names.array_windows().find(|[a, b]| a == b) {
        return Err(CheckpointError::new(path, "two tensors have this name").tensor(name));
    }
    for tensor in order {
        let wrong = |what: String| CheckpointError::new(path, what).tensor(tensor.name);
        if tensor.name == METADATA {
            return Err(wrong("the name is reserved".into()));
        }
        if byte_count(tensor.dtype, tensor.shape) != Some(tensor.data.len()) {
            let what = format!("{} bytes are not {} {:?}", tensor.data.len(), tensor.dtype, tensor.shape);
            return Err(wrong(what));
        }
    }
    Ok(())
}

/// The header text, padded so that the payload begins at a multiple of 8 bytes from the start of the file.
fn header(order: &[&TensorView<'_>], metadata: &BTreeMap<String, String>) -> serde_json::Result<Vec<u8>> {
    let mut entries = metadata.clone();
    entries.insert(checksum::FORMAT_KEY.into(), checksum::FORMAT.to_string());
    entries.insert(checksum::METADATA_KEY.into(), checksum::of_metadata(metadata));
    for tensor in order {
        entries.insert(checksum::tensor_key(tensor.name), checksum::of_tensor(tensor));
    }
    let mut text = Vec::new();
    let mut json = serde_json::Serializer::new(&mut text);
    let mut map = json.serialize_map(Some(order.len() + 1))?;
    map.serialize_entry(METADATA, &entries)?;
    let mut begin = 0;
    for tensor in order {
        let end = begin + tensor.data.len() as u64;
        let entry = Entry {
            dtype: dtype_code(tensor.dtype).to_owned(),
            shape: tensor.shape.to_vec(),
            data_offsets: (begin, end),
        };
        map.serialize_entry(tensor.name, &entry)?;
        begin = end;
    }
    map.end()?;
    // The length that stands before the header takes 8 bytes itself.
    text.resize(text.len().next_multiple_of(8), b' ');
    Ok(text)
}
