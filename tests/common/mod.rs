//! What the tests that compare trajectories share: running the program, reading what it saved, comparing numbers.

use nnc_runtime::checkpoint::Checkpoint;
use nnc_runtime::dtype::element_as_f64;
use std::path::Path;
use std::process::Command;

/// The elements of a tensor.
pub(crate) fn values(file: &Checkpoint, name: &str) -> Vec<f64> {
    let t = file.tensor(name).unwrap_or_else(|| panic!("no tensor {name}"));
    (0..t.data.len() / t.dtype.size()).map(|i| element_as_f64(t.dtype, &t.data, i)).collect()
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

/// Asserts that the largest difference is at most `bound` times the largest value.
pub(crate) fn close(ours: &[f64], theirs: &[f64], bound: f64, what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let largest = theirs.iter().fold(0f64, |m, x| m.max(x.abs()));
    let distance = ours.iter().zip(theirs).fold(0f64, |m, (a, b)| m.max((a - b).abs()));
    println!("{what}: {distance:e} of {largest:e}");
    assert!(distance <= bound * largest, "{what}: {distance:e} of {largest:e}");
}
