//! What the tests that compare trajectories share: running the program, reading what it saved, comparing numbers.

use nnc_runtime::checkpoint::{self, Checkpoint, TensorView};
use nnc_runtime::dtype::{DType, element_as_f64};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The elements of a tensor.
pub(crate) fn values(file: &Checkpoint, name: &str) -> Vec<f64> {
    let t = file.tensor(name).unwrap_or_else(|| panic!("no tensor {name}"));
    (0..t.data.len() / t.dtype.size()).map(|i| element_as_f64(t.dtype, &t.data, i)).collect()
}

/// Writes the tensors whose names begin with `prefix`, under what is left of them, at the precision of a run. The golden initial
/// weights are exact in single precision.
pub(crate) fn write_weights(file: &Checkpoint, prefix: &str, dtype: DType, to: &Path) {
    let numbers = |name: &str| values(file, name).into_iter();
    let bytes = |name: &str| match dtype {
        DType::F32 => numbers(name).flat_map(|x| (x as f32).to_le_bytes()).collect(),
        _ => numbers(name).flat_map(f64::to_le_bytes).collect(),
    };
    let chosen = file.tensors.iter().filter_map(|t| Some((t.name.strip_prefix(prefix)?, &t.shape, bytes(&t.name))));
    let converted: Vec<(&str, &Vec<usize>, Vec<u8>)> = chosen.collect();
    let views: Vec<TensorView<'_>> =
        converted.iter().map(|(name, shape, data)| TensorView { name, dtype, shape, data }).collect();
    checkpoint::write(to, &views, &BTreeMap::new()).expect("writable");
}

/// Runs the program, which saves to `out`; gives the losses of its steps.
pub(crate) fn train(file: &Path, out: &Path, more: &[&str]) -> Vec<f64> {
    let output = Command::new(env!("CARGO_BIN_EXE_nnc"))
        .arg("run")
        .arg(file)
        .args(["--json", "--out"])
        .arg(out)
        .args(more)
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .expect("UTF-8")
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line))
        .filter(|event| event["event"] == "step")
        .map(|event| event["loss"].as_f64().expect("a loss"))
        .collect()
}

/// The largest difference over the largest value of `theirs`.
pub(crate) fn apart(ours: &[f64], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs.iter().fold(0f64, |m, x| m.max(x.abs()));
    let distance = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs());
    // A NaN is infinitely far from anything.
    let distance = distance.fold(0f64, |m, d| if d.is_nan() { f64::INFINITY } else { m.max(d) });
    if distance == 0.0 { 0.0 } else { distance / largest }
}
