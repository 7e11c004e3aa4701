//! Whole files: round trips, agreement with another implementation of the format, and damage of every kind.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

fn sample() -> (Vec<Tensor>, BTreeMap<String, String>) {
    let tensor = |name: &str, dtype: DType, shape: &[usize], data: Vec<u8>| Tensor {
        name: name.into(),
        dtype,
        shape: shape.to_vec(),
        data,
    };
    let floats = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let tensors = vec![
        tensor("mask", DType::Bool, &[3], vec![1, 0, 1]),
        tensor("Mlp.dense.w", DType::F32, &[2, 3], floats(&[1.0, -2.0, 0.5, 0.0, f32::NAN, 3e38])),
        tensor("Mlp.dense.w#Adam.m", DType::F32, &[2, 3], floats(&[0.0; 6])),
        tensor("bytes", DType::U8, &[5], vec![1, 2, 3, 4, 5]),
        tensor("empty", DType::I32, &[0, 4], vec![]),
        tensor("name \"quoted\" ü\n", DType::I32, &[1], vec![9, 0, 0, 0]),
        tensor("scale", DType::F64, &[], 0.1f64.to_le_bytes().to_vec()),
        tensor("step", DType::I64, &[], 7i64.to_le_bytes().to_vec()),
    ];
    let metadata = [("epoch", "3"), ("note", "tab\tand \"quotes\"")];
    (tensors, metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into())
}

fn views(tensors: &[Tensor]) -> Vec<TensorView<'_>> {
    tensors.iter().map(Tensor::view).collect()
}

fn path_in(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("w.safetensors")
}

fn write_sample(path: &Path) -> Vec<u8> {
    let (tensors, metadata) = sample();
    write(path, &views(&tensors), &metadata).unwrap();
    fs::read(path).unwrap()
}

/// A file with this header text and payload.
fn forged(header: &str, payload: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), payload].concat()
}

/// Writes a new file in place of the old one. Cutting an existing file to nothing makes some systems wait for the disk.
fn renew(path: &Path, bytes: &[u8]) {
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
}

fn refusal(bytes: &[u8]) -> CheckpointError {
    let folder = tempfile::tempdir().unwrap();
    fs::write(path_in(&folder), bytes).unwrap();
    let error = read(&path_in(&folder)).unwrap_err();
    assert_eq!(error.file, path_in(&folder));
    error
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    write_sample(&path_in(&folder));
    let (mut tensors, metadata) = sample();
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    let file = read(&path_in(&folder)).unwrap();
    assert_eq!(file, Checkpoint { tensors: tensors.clone(), metadata });
    assert_eq!(file.tensor("step").unwrap().data, 7i64.to_le_bytes());
    assert_eq!(file.tensor("none"), None);
    let infos: Vec<TensorInfo> = tensors.iter().map(Tensor::info).collect();
    assert_eq!(header(&path_in(&folder)).unwrap(), infos);
}

#[test]
fn equal_contents_give_equal_bytes_whatever_the_order_of_tensors() {
    let folder = tempfile::tempdir().unwrap();
    let first = write_sample(&path_in(&folder));
    let (mut tensors, metadata) = sample();
    tensors.reverse();
    write(&path_in(&folder), &views(&tensors), &metadata).unwrap();
    assert_eq!(fs::read(path_in(&folder)).unwrap(), first);
}

#[test]
fn every_tensor_is_aligned_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = write_sample(&path_in(&folder));
    let size = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let parsed = header::parse(Path::new("w"), &bytes[8..8 + size], false).unwrap();
    let mut at = 8 + size;
    for tensor in &parsed.tensors {
        assert_eq!(at % tensor.dtype.alignment(), 0, "{}", tensor.name);
        at += tensor.bytes;
    }
    assert_eq!((at, (8 + size) % 8), (bytes.len(), 0));
}

#[test]
fn another_implementation_reads_our_files() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = write_sample(&path_in(&folder));
    let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let (tensors, metadata) = sample();
    assert_eq!(theirs.len(), tensors.len());
    for tensor in tensors {
        let view = theirs.tensor(&tensor.name).unwrap();
        assert_eq!((view.shape(), view.data()), (&tensor.shape[..], &tensor.data[..]), "{}", tensor.name);
    }
    let (_, read) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(read.metadata().as_ref().unwrap()["note"], metadata["note"]);
}

#[test]
fn files_of_another_implementation_are_read() {
    let weights: Vec<u8> = [1.5f32, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let count = 5i64.to_le_bytes();
    let view = |dtype, shape, data| safetensors::tensor::TensorView::new(dtype, shape, data).unwrap();
    let tensors = [
        ("fc.weight", view(safetensors::Dtype::F32, vec![2, 1], &weights)),
        ("count", view(safetensors::Dtype::I64, vec![], &count)),
    ];
    let metadata = Some([("format".to_owned(), "pt".to_owned())].into());
    let bytes = safetensors::serialize(tensors, metadata).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(path_in(&folder), bytes).unwrap();
    let file = read(&path_in(&folder)).unwrap();
    assert_eq!(file.metadata["format"], "pt");
    let weight = Tensor { name: "fc.weight".into(), dtype: DType::F32, shape: vec![2, 1], data: weights };
    assert_eq!(file.tensor("fc.weight"), Some(&weight));
}

#[test]
fn every_flipped_bit_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let good = write_sample(&path_in(&folder));
    let path = folder.path().join("damaged");
    for bit in 0..8 * good.len() {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        renew(&path, &bytes);
        assert!(read(&path).is_err(), "bit {} of byte {}", bit % 8, bit / 8);
    }
}

#[test]
fn every_truncation_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let good = write_sample(&path_in(&folder));
    let path = folder.path().join("short");
    for length in 0..good.len() {
        renew(&path, &good[..length]);
        assert!(read(&path).unwrap_err().what.starts_with("is truncated"), "{length} bytes");
        assert!(super::header(&path).is_err(), "{length} bytes");
    }
    fs::write(&path, [&good[..], b"x"].concat()).unwrap();
    assert!(read(&path).unwrap_err().what.starts_with("1 bytes follow"));
}

#[test]
fn a_wrong_checksum_names_its_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = write_sample(&path_in(&folder));
    // The last tensor of the payload is the last of those with alignment 1.
    *bytes.last_mut().unwrap() ^= 1;
    let error = refusal(&bytes);
    assert_eq!(error.tensor.as_deref(), Some("mask"));
    assert!(error.what.starts_with("its checksum is "), "{error}");
}

#[test]
fn forged_headers_are_refused() {
    let one = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#;
    let what = |rest: &str, payload: usize| refusal(&forged(&format!("{one}{rest}"), &vec![0; payload])).what;
    let second = |shape: &str, begin: u64, end: u64| {
        format!(r#","b":{{"dtype":"F32","shape":{shape},"data_offsets":[{begin},{end}]}}}}"#)
    };
    assert!(what(&second("[1]", 12, 16), 16).contains("leave a gap"));
    assert!(what(&second("[1]", 4, 8), 8).contains("overlap"));
    assert!(what(&second("[2]", 8, 12), 12).contains("takes 8 bytes, but it has bytes 8 to 12"));
    assert!(what(&second("[1]", 8, 4), 12).contains("takes 4 bytes"));
    assert!(what(&second("[4611686018427387904,4]", 8, 8), 8).contains("too large"));
    assert!(what(&second("[1]", 8, u64::MAX), 12).contains("takes 4 bytes"));
    assert!(what(&second("[-1]", 8, 12), 12).contains("not that of a safetensors file"));
    assert!(what(r#","a":{"dtype":"U8","shape":[],"data_offsets":[8,9]}}"#, 9).contains("two entries are called"));
    assert!(what("}", 7).starts_with("is truncated: the tensors take 8 bytes, the file has 7"));
    let half = refusal(&forged(r#"{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}"#, &[0; 4]));
    assert_eq!((half.what.as_str(), half.tensor.as_deref()), ("its type BF16 is not supported", Some("a")));
    let truth = refusal(&forged(r#"{"a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}"#, &[1, 2]));
    assert_eq!(truth.what, "a truth value is neither 0 nor 1");
}

#[test]
fn limits_hold_before_memory_is_asked_for() {
    assert!(refusal(&[0xff; 16]).what.contains("more than 8388608"));
    let mut many = String::from("{");
    for index in 0..=MAX_TENSORS {
        many.push_str(&format!(r#""{index}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}},"#));
    }
    many.replace_range(many.len() - 1.., "}");
    assert!(refusal(&forged(&many, &[])).what.contains("more than 65536 tensors"));
    let deep = format!(r#"{{"a":{}"#, "[".repeat(100_000));
    assert!(refusal(&forged(&deep, &[])).what.contains("not that of a safetensors file"));
}

#[test]
fn a_newer_format_is_told_from_damage() {
    let header = r#"{"__metadata__":{"nnc.format":"2"}}"#;
    assert_eq!(refusal(&forged(header, &[])).help.as_deref(), Some("use a newer nnc"));
    let header = r#"{"__metadata__":{"crc32:gone":"00000000"}}"#;
    assert_eq!(refusal(&forged(header, &[])).what, "its format entry is missing");
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let scalar = |name| TensorView { name, dtype: DType::U8, shape: &[], data: &[1] };
    let attempt = |tensors: &[TensorView<'_>], key: &str| {
        let metadata = [(key.to_owned(), String::new())].into();
        write(&path_in(&folder), tensors, &metadata).unwrap_err().what
    };
    assert_eq!(attempt(&[scalar("a"), scalar("b"), scalar("a")], "k"), "two tensors have this name");
    assert_eq!(attempt(&[scalar("__metadata__")], "k"), "the name is reserved");
    assert_eq!(attempt(&[], "nnc.format"), "the metadata key \"nnc.format\" is reserved");
    let short = TensorView { shape: &[2], ..scalar("a") };
    assert_eq!(attempt(&[short], "k"), "1 bytes are not u8 [2]");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn unusable_paths_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none/w.safetensors");
    let error = write(&missing, &[], &BTreeMap::new()).unwrap_err();
    assert_eq!((error.file.as_path(), error.what.as_str()), (missing.as_path(), "there is no such file or folder"));
    assert_eq!(read(&missing).unwrap_err().what, "there is no such file or folder");
    assert_eq!(read(folder.path()).unwrap_err().what, "is a folder where a file is expected");
    assert!(write(folder.path(), &[], &BTreeMap::new()).unwrap_err().what.contains("is a folder"));
}
