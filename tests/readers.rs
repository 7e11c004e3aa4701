//! The readers of recordings and arrays from outside: a program trains from a folder, checks it by its head, and predicts new
//! rows from another.

mod shell;

use shell::{nnc, succeeds};
use std::fs;
use std::path::Path;

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
    fs::write(path, bytes).expect("writable");
}

/// One channel of 16 bits, 8,000 samples a second.
fn wav(samples: &[i16]) -> Vec<u8> {
    let size = 2 * samples.len() as u32;
    let mut bytes = [b"RIFF".as_slice(), &(36 + size).to_le_bytes(), b"WAVEfmt ", &16u32.to_le_bytes()].concat();
    bytes.extend([1, 0, 1, 0]);
    bytes.extend([8000u32.to_le_bytes(), 16000u32.to_le_bytes()].concat());
    bytes.extend([2, 0, 16, 0]);
    bytes.extend([b"data".as_slice(), &size.to_le_bytes()].concat());
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
}

fn npy(shape: &str, values: &[f32]) -> Vec<u8> {
    let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = [b"\x93NUMPY\x01\x00".as_slice(), &(text.len() as u16).to_le_bytes(), text.as_bytes()].concat();
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

/// A tone of so many samples, louder for a higher number.
fn tone(class: usize, number: usize) -> Vec<u8> {
    let sample = |i: usize| ((i % (2 + 6 * class)) as i16 - 1) * 3000 + number as i16;
    wav(&(0..60 + number).map(sample).collect::<Vec<_>>())
}

const SOUNDS: &str = r#"
data Sounds {
    source: wav("sounds", samples = 64, names = "{kind}_{speaker}_{_}")
    split:  holdout(test = 0.25)
    x: [batch, time = 64, channel = 1] = samples
    kind:    index(2)[batch] = kind
    speaker: index(3)[batch] = speaker
}
model Net(x: [batch, time, channel]) -> [batch, 2] { x |> Conv(4, [5]) |> relu |> global_avg_pool |> Dense(2) }
train on Sounds {
    batch:  8
    epochs: 30
    loss = cross_entropy(Net(x), kind) + 0 * mean(one_hot(speaker))
    metric accuracy(Net(x), kind)
    optimize Net with Adam(0.05)
}
predict on Sounds { p = softmax(Net(x)) }
"#;

#[test]
fn recordings_train_a_model_and_new_ones_are_predicted() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    for number in 0..24 {
        let (class, speaker) = (number % 2, ["anna", "ben", "cleo"][number % 3]);
        write(at, &format!("sounds/{class}_{speaker}_{number}.wav"), &tone(class, number % 8));
    }
    write(at, "a.nn", SOUNDS.as_bytes());
    let out = succeeds(at, &["run", "a.nn", "--out", "run", "--json"]);
    let end: serde_json::Value = serde_json::from_str(out.lines().last().expect("an end")).expect("JSON");
    assert_eq!(end["test"]["accuracy"], 1.0, "{end}");
    // New recordings without classes, whose names no output needs.
    write(at, "new/x_y_1.wav", &tone(1, 3));
    let out = succeeds(at, &["predict", "a.nn", "--weights", "run/best.safetensors", "--input", "new", "--json"]);
    let line: serde_json::Value = serde_json::from_str(out.trim()).expect("JSON");
    assert!(line["p"][1].as_f64().is_some_and(|p| p > 0.5), "{line}");

    write(at, "sounds/0_anna_99.wav", b"<html>");
    let error = nnc(at, &["run", "a.nn"]);
    let text = String::from_utf8_lossy(&error.stderr).into_owned();
    assert!(text.contains("0_anna_99.wav") && text.contains("an HTML page"), "{text}");
    let few = SOUNDS.replace("index(3)", "index(4)");
    write(at, "b.nn", few.as_bytes());
    let text = String::from_utf8_lossy(&nnc(at, &["check", "b.nn"]).stderr).into_owned();
    assert!(text.contains("`speaker` has 3 classes, and 4 are declared") && text.contains("anna, ben, cleo"), "{text}");
}

#[test]
fn arrays_train_a_model_and_name_their_faults() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let x: Vec<f32> = (0..80).map(|i| (i * 7 % 11) as f32 / 10.0).collect();
    let y: Vec<f32> = x.chunks(2).map(|pair| 3.0 * pair[0] - pair[1] + 0.5).collect();
    write(at, "d/train/x.npy", &npy("(40, 2)", &x));
    write(at, "d/train/y.npy", &npy("(40,)", &y));
    write(at, "d/test/x.npy", &npy("(2, 2)", &x[..4]));
    write(at, "d/test/y.npy", &npy("(2,)", &y[..2]));
    let program = "data D {\n    source: npy(\"d\")\n    a: [batch, n = 2] = x\n    b: [batch] = y\n}\n\
                   model Line(a: [batch, n]) -> [batch] { (a |> Dense(1))[.., 0] }\n\
                   train on D {\n    batch: 8\n    epochs: 200\n    loss = mse(Line(a), b)\n    optimize Line with SGD(0.1)\n}\n";
    write(at, "a.nn", program.as_bytes());
    let out = succeeds(at, &["run", "a.nn", "--json"]);
    let end: serde_json::Value = serde_json::from_str(out.lines().last().expect("an end")).expect("JSON");
    assert!(end["test"]["loss"].as_f64().is_some_and(|loss| loss < 1e-4), "{end}");
    write(at, "d/test/y.npy", &npy("(3,)", &y[..2]));
    let text = String::from_utf8_lossy(&nnc(at, &["check", "a.nn"]).stderr).into_owned();
    assert!(text.contains("error[data]") && text.contains("is truncated"), "{text}");
    fs::remove_dir_all(at.join("d")).expect("removable");
    let text = String::from_utf8_lossy(&nnc(at, &["check", "a.nn"]).stderr).into_owned();
    assert!(text.contains("there is no such file or folder") && text.contains("name a folder of .npy files"), "{text}");
}

const STARS: &str = r#"
data Rows {
    source: csv("rows.csv")
    x: [batch, 1] = x[.., new]
    stars: index(3)[batch] = stars - 1
    good:  index(2)[batch] = stars >= 3
}
model Net(x: [batch, n]) -> [batch, 3] { x |> Dense(3) }
train on Rows {
    batch:  2
    epochs: 1
    loss = cross_entropy(Net(x), stars) + mean(float(good))
    optimize Net with SGD(0.1)
}
"#;

#[test]
fn classes_counted_from_one_are_checked_row_by_row() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "stars.nn", STARS.as_bytes());
    write(folder.path(), "rows.csv", b"x,stars\n0.5,1\n0.2,2\n0.9,3\n");
    succeeds(folder.path(), &["run", "stars.nn", "--out", "out"]);
    write(folder.path(), "rows.csv", b"x,stars\n0.5,1\n0.2,0\n0.9,3\n");
    let output = nnc(folder.path(), &["run", "stars.nn", "--out", "other"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(error.contains("row 2, column `stars`: the value 0 is not an integer from 1 to 3"), "{error}");
}

#[test]
fn a_column_is_class_numbers_to_all_fields_that_take_it_for_such() {
    let folder = tempfile::tempdir().expect("a folder");
    let wide =
        STARS.replace("    good:", "    all: index(10)[batch] = stars\n    good:").replace("float(good)", "float(all)");
    write(folder.path(), "wide.nn", wide.as_bytes());
    write(folder.path(), "rows.csv", b"x,stars\n0.5,1\n0.2,7\n0.9,3\n");
    let output = nnc(folder.path(), &["run", "wide.nn", "--out", "out"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("row 2, column `stars`: the value 7 is not an integer from 1 to 3"), "{error}");
}
