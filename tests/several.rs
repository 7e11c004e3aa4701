//! Training on several data blocks, from outside: an epoch is a pass over the first, and the others go along.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const TWO: &str = "
data Many {
    source: csv(\"many.csv\")
    split:  holdout(valid = 0.25)
    v: [batch] = a
}

data Few {
    source: csv(\"few.csv\")
    SPLIT
    fit most = max(a)
    v:    [batch] = a
    part: [batch] = a / most
}

model Net(x: [batch]) -> [batch, 1] { x |> rearrange [b] -> [b, 1] |> Dense(1) }

train on Many, Few {
    batch:  4
    epochs: 2
    loss = mean(Few.v) + 1000 * mean(Many.v) + 0 * mean(Net(Few.v)) + (Few.batch - Many.batch)
    metric few = mean(Few.v)
    metric share = max(part)
    optimize Net with SGD(0)
}

predict on Few { z = Net(v) }
";

/// Thirteen rows `a = 0, 1, 2, …` and five rows `a = 0, 10, 20, …`.
fn program(folder: &Path, split: &str) -> String {
    let table = |n: usize, step: usize| (0..n).fold("a\n".to_owned(), |text, i| text + &format!("{}\n", i * step));
    fs::write(folder.join("many.csv"), table(13, 1)).expect("writable");
    fs::write(folder.join("few.csv"), table(5, 10)).expect("writable");
    let file = folder.join("two.nn");
    fs::write(&file, TWO.replace("SPLIT", split)).expect("writable");
    file.display().to_string()
}

fn nnc(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nnc"));
    command.args(arguments).stdin(Stdio::null()).output().expect("the program starts")
}

fn run(arguments: &[&str]) -> Vec<Value> {
    let output = nnc(&[&["run", "--json"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn losses(events: &[Value]) -> Vec<f64> {
    let steps = events.iter().filter(|event| event["event"] == "step");
    steps.map(|event| event["loss"].as_f64().expect("a finite loss")).collect()
}

const SPLIT: &str = "split:  holdout(valid = 0.25)";

#[test]
fn the_first_block_ends_the_epoch_and_the_other_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let file = program(folder.path(), SPLIT);
    let events = run(&[&file, "--order", "sequential"]);
    // Rows 0 to 9 of the first: 4, 4 and 2. Rows 0 to 3 of the second: all, all, half; then the other half first.
    let many = [1500.0, 5500.0, 8500.0, 1500.0, 5500.0, 8500.0];
    let few = [15.0, 15.0, 5.0, 15.0, 15.0, 25.0];
    let want: Vec<f64> = many.iter().zip(few).map(|(a, b)| a + b).collect();
    assert_eq!(losses(&events), want);
    let end = events.last().expect("an end");
    // Three rows are held out of the first, one of the second, which comes round three times.
    assert_eq!(end["valid"]["few"], 40.0);
    assert!((end["valid"]["share"].as_f64().unwrap() - 4.0 / 3.0).abs() < 1e-6, "{end}");
}

#[test]
fn a_run_goes_on_where_both_blocks_were() {
    let folder = tempfile::tempdir().unwrap();
    let file = program(folder.path(), SPLIT);
    let whole = losses(&run(&[&file]));
    let out = folder.path().join("out").display().to_string();
    let first = losses(&run(&[&file, "--steps", "4", "--out", &out]));
    let second = losses(&run(&[&file, "--init", &format!("{out}/last.safetensors")]));
    assert_eq!([first, second].concat(), whole);
    let evaluated = nnc(&["eval", &file, "--weights", &format!("{out}/best.safetensors"), "--json"]);
    assert!(evaluated.status.success(), "{}", String::from_utf8_lossy(&evaluated.stderr));
    // The folder's own text names both sources.
    run(&[&format!("{out}/source.nn"), "--steps", "1"]);
}

#[test]
fn a_part_without_rows_beside_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = nnc(&["run", &program(folder.path(), "")]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("`Few` has no rows for validation, and `Many` has"), "{error}");
}
