//! The JSON header: parsing it with limits, and checking that its tensors tile the payload.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::Path;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::half::Half;
use super::{CheckpointError, MAX_TENSORS};
use crate::dtype::{DType, byte_count, element_count};

/// The key that is no tensor.
pub(super) const METADATA: &str = "__metadata__";

/// A tensor as the header writes it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) dtype: String,
    pub(super) shape: Vec<usize>,
    pub(super) data_offsets: (u64, u64),
}

/// A tensor whose place in the payload has been checked.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) name: String,
    pub(super) dtype: DType,
    /// Of 16 bits in the file, where `dtype` is what they are read as.
    pub(super) half: Option<Half>,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: usize,
}

/// A checked header: tensors in the order of the payload, which they fill without gap or overlap.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) tensors: Vec<Located>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) payload: u64,
}

/// The name of a type in the format.
pub(super) fn dtype_code(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => "F32",
        DType::F64 => "F64",
        DType::I32 => "I32",
        DType::I64 => "I64",
        DType::U8 => "U8",
        DType::Bool => "BOOL",
    }
}

/// Parses and checks the header text of `file`, which may hold floats of 16 bits where they are to be widened.
pub(super) fn parse(file: &Path, json: &[u8], widen: bool) -> Result<Header, CheckpointError> {
    let raw: Raw = serde_json::from_slice(json).map_err(|error| {
        CheckpointError::new(file, format!("its header is not that of a safetensors file: {error}"))
    })?;
    let mut entries = raw.tensors;
    entries.sort_by(|(a, x), (b, y)| (x.data_offsets, a).cmp(&(y.data_offsets, b)));
    let mut payload = 0;
    let mut tensors = Vec::with_capacity(entries.len());
    for (name, entry) in entries {
        let wrong = |what: String| CheckpointError::new(file, what).tensor(&name);
        let (begin, end) = entry.data_offsets;
        if begin != payload {
            let kind = if begin < payload { "overlap those of another tensor" } else { "leave a gap before them" };
            return Err(wrong(format!("its bytes, {begin} to {end}, {kind}")));
        }
        let half = Half::of(&entry.dtype).filter(|_| widen);
        let known = || DType::ALL.into_iter().find(|&dtype| dtype_code(dtype) == entry.dtype);
        let dtype = half.map(|_| DType::F32).or_else(known).ok_or_else(|| {
            wrong(format!("its type {} is not supported", entry.dtype.escape_debug()))
                .help("convert it to F32; supported are F32, F64, I32, I64, U8 and BOOL")
        })?;
        let bytes = match half {
            Some(_) => element_count(&entry.shape).and_then(|count| count.checked_mul(2)),
            None => byte_count(dtype, &entry.shape),
        };
        let bytes = bytes.ok_or_else(|| wrong(format!("its shape {:?} is too large", entry.shape)))?;
        if end.checked_sub(begin) != Some(bytes as u64) {
            let code = entry.dtype.to_lowercase();
            return Err(wrong(format!(
                "{code} {:?} takes {bytes} bytes, but it has bytes {begin} to {end}",
                entry.shape
            )));
        }
        payload = end;
        tensors.push(Located { name, dtype, half, shape: entry.shape, bytes });
    }
    Ok(Header { tensors, metadata: raw.metadata, payload })
}

/// The header as it stands in the file. A map of serde would silently keep the last of two equal names.
struct Raw {
    tensors: Vec<(String, Entry)>,
    metadata: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_map(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut raw = Raw { tensors: Vec::new(), metadata: BTreeMap::new() };
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom(format_args!("two entries are called {name:?}")));
            }
            if name == METADATA {
                raw.metadata = map.next_value()?;
                continue;
            }
            if raw.tensors.len() == MAX_TENSORS {
                return Err(A::Error::custom(format_args!("more than {MAX_TENSORS} tensors")));
            }
            raw.tensors.push((name, map.next_value()?));
        }
        Ok(raw)
    }
}
