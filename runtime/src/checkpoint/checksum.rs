//! The checksums of a file and the names of the metadata entries that hold them.

use std::collections::BTreeMap;

use super::TensorView;

/// The entry with the version of the additions.
pub(super) const FORMAT_KEY: &str = "nnc.format";
/// The version that is written, and the highest that is read.
pub(super) const FORMAT: u32 = 1;
/// The entry with the checksum of the caller's entries.
pub(super) const METADATA_KEY: &str = "nnc.crc32";

const TENSOR_PREFIX: &str = "crc32:";

/// The entry with the checksum of that tensor.
pub(super) fn tensor_key(name: &str) -> String {
    format!("{TENSOR_PREFIX}{name}")
}

/// Whether a metadata key belongs to this module rather than to the caller.
pub(super) fn is_reserved(key: &str) -> bool {
    key.starts_with("nnc.") || key.starts_with(TENSOR_PREFIX)
}

/// The checksum of a tensor: over everything that says what it is, since a changed shape is as wrong as a changed
/// element.
pub(super) fn of_tensor(tensor: &TensorView<'_>) -> String {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(tensor.name.as_bytes());
    hasher.update(&[0]);
    hasher.update(tensor.dtype.name().as_bytes());
    for &size in tensor.shape {
        hasher.update(&(size as u64).to_le_bytes());
    }
    hasher.update(tensor.data);
    format!("{:08x}", hasher.finalize())
}

/// The checksum of the caller's entries, each text preceded by its length.
pub(super) fn of_metadata(metadata: &BTreeMap<String, String>) -> String {
    let mut hasher = crc32fast::Hasher::new();
    for text in metadata.iter().flat_map(|(key, value)| [key, value]) {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    format!("{:08x}", hasher.finalize())
}
