//! What is refused before it runs, because no machine could run it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn a_step_that_takes_more_memory_than_there_is_is_refused() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a folder");
    let digits = fs::read_to_string(root.join("models/digits.nn")).expect("the digits");
    let digits = digits.replace("data/digits", &root.join("models/data/digits").display().to_string());
    let file = folder.path().join("wide.nn");
    for (line, wide, words) in [
        (
            "Dense(10)",
            "Dense(2000000000) |> Dense(10)",
            ["parameters and other states", "not even a batch of one row fits"],
        ),
        (
            "cross_entropy(logits, digit)",
            "cross_entropy(logits, digit) + mean(relu(logits @ random_normal([10, 2000000000])))",
            ["a step for batches of 64 takes", "f32[64, 2000000000] takes 512 GB"],
        ),
    ] {
        fs::write(&file, digits.replacen(line, wide, 1)).expect("writable");
        let run = Command::new(env!("CARGO_BIN_EXE_nnc")).arg("run").arg(&file).stdin(Stdio::null()).output();
        let run = run.expect("the program starts");
        let error = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(1), "{error}");
        for word in ["too-large", "are free"].iter().chain(&words) {
            assert!(error.contains(word), "no {word:?} in {error}");
        }
    }
}
