//! The library's optimizers against PyTorch's own test trajectories, in double precision: 100 steps of minimising
//! Σ_k sum(c_k·(p_k − t_k)²) + 0.01·sum(p_k⁴).
//!
//! The files are not part of the repository. They are looked for in the folder that `NNC_GOLDEN` names, else in
//! `../shared/golden`, under `optim/NAME.N.safetensors` with the metadata `kwargs`; without them there is nothing to compare.

#![expect(clippy::print_stdout, reason = "the figures are part of what the test shows")]

use nnc_runtime::checkpoint::{self, Checkpoint, TensorView};
use nnc_runtime::dtype::element_as_f64;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MODEL: &str = r#"precision: f64

data Rows {
    source: csv("rows.csv")
    x: [batch] = x
}

model Quadratic(x: [batch]) -> [] {
    param p0: [8] = 0
    param p1: [4, 5] = 0
    state c0: [8] = 0
    state t0: [8] = 0
    state c1: [4, 5] = 0
    state t1: [4, 5] = 0
    sum(c0 * (p0 - t0)^2) + 0.01 * sum(p0^4) + sum(c1 * (p1 - t1)^2) + 0.01 * sum(p1^4) + 0 * sum(x)
}

train on Rows {
    batch:  1
    epochs: 1
    loss = Quadratic(x)
    optimize Quadratic with OPTIMIZER
}
"#;

/// Files by name: optimizers of the library that PyTorch has under this name.
const FAMILIES: [&str; 4] = ["SGD", "Adagrad", "RMSprop", "Adam"];

fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::env::var_os("NNC_GOLDEN").map_or_else(|| root.join("../shared/golden"), PathBuf::from).join("optim")
}

fn values(file: &Checkpoint, name: &str) -> Vec<f64> {
    let t = file.tensor(name).unwrap_or_else(|| panic!("no tensor {name}"));
    (0..t.data.len() / t.dtype.size()).map(|i| element_as_f64(t.dtype, &t.data, i)).collect()
}

/// `{'lr': tensor(0.0010), 'betas': (0.9, 0.99)}` as pairs. A tensor of one number is in single precision.
fn keywords(text: &str) -> Vec<(String, String)> {
    let value = |text: &str| match text.strip_prefix("tensor(").and_then(|t| t.strip_suffix(')')?.parse::<f32>().ok()) {
        Some(single) => f64::from(single).to_string(),
        None => text.to_owned(),
    };
    text.trim_matches(['{', '}'])
        .split(", '")
        .filter_map(|pair| pair.split_once("':"))
        .map(|(key, text)| (key.trim_matches(['\'', ' ']).to_owned(), value(text.trim())))
        .collect()
}

/// The library's call for PyTorch's, or the keyword that it lacks.
fn call(family: &str, keywords: &[(String, String)]) -> Result<String, String> {
    let momentum = keywords.iter().any(|(k, _)| k == "momentum");
    let (name, rate) = match family {
        "SGD" if momentum => ("Momentum", "1e-3"),
        "SGD" => ("SGD", "1e-3"),
        "Adagrad" => ("AdaGrad", "1e-2"),
        "RMSprop" => ("RMSprop", "1e-2"),
        _ => ("Adam", "1e-3"),
    };
    let mut args = vec![];
    let mut lr = rate.to_owned();
    for (key, value) in keywords {
        let value = match value.as_str() {
            "True" => "true",
            "False" => "false",
            other => other,
        };
        match (key.as_str(), name) {
            ("lr", _) => lr = value.to_owned(),
            ("momentum", "Momentum") => args.push(format!("beta = {value}")),
            ("dampening" | "nesterov", "Momentum")
            | ("momentum" | "centered" | "alpha" | "eps", "RMSprop")
            | ("lr_decay" | "eps", "AdaGrad")
            | ("eps", "Adam")
            | ("weight_decay" | "maximize", _) => args.push(format!("{key} = {value}")),
            ("initial_accumulator_value", "AdaGrad") => args.push(format!("initial = {value}")),
            ("foreach" | "fused" | "capturable" | "differentiable", _) => {}
            _ => return Err(key.clone()),
        }
    }
    args.insert(0, lr);
    Ok(format!("{name}({})", args.join(", ")))
}

fn close(ours: &[f64], theirs: &[f64], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let largest = theirs.iter().fold(0f64, |m, x| m.max(x.abs()));
    let distance = ours.iter().zip(theirs).fold(0f64, |m, (a, b)| m.max((a - b).abs()));
    assert!(distance <= 1e-10 * largest, "{what}: {distance:e} of {largest:e}");
}

/// Starts from step 0 of the file and compares 100 losses and the parameters after 10 and 100 steps.
fn reproduces(golden: &Checkpoint, optimizer: &str, what: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("model.nn");
    fs::write(&file, MODEL.replace("OPTIMIZER", optimizer)).expect("writable");
    fs::write(folder.path().join("rows.csv"), format!("x\n{}", "0.5\n".repeat(100))).expect("writable");
    let init = folder.path().join("init.safetensors");
    let names =
        [("p0", "p0.0"), ("p1", "p0.1"), ("c0", "curv.0"), ("c1", "curv.1"), ("t0", "target.0"), ("t1", "target.1")];
    let paths: Vec<String> = names.iter().map(|(ours, _)| format!("Quadratic.{ours}")).collect();
    let views: Vec<TensorView<'_>> = names
        .iter()
        .zip(&paths)
        .map(|((_, theirs), path)| {
            let t = golden.tensor(theirs).expect("a tensor of step 0");
            TensorView { name: path, dtype: t.dtype, shape: &t.shape, data: &t.data }
        })
        .collect();
    checkpoint::write(&init, &views, &BTreeMap::new()).expect("writable");
    for steps in ["10", "100"] {
        let out = folder.path().join(format!("out{steps}"));
        let output = Command::new(env!("CARGO_BIN_EXE_nnc"))
            .arg("run")
            .arg(&file)
            .args(["--json", "--order", "sequential", "--threads", "1", "--steps", steps, "--init"])
            .arg(&init)
            .arg("--out")
            .arg(&out)
            .output()
            .expect("the program starts");
        assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
        let last = checkpoint::read(&out.join("last.safetensors")).expect("saved");
        for k in ["0", "1"] {
            let (ours, theirs) = (format!("Quadratic.p{k}"), format!("p{steps}.{k}"));
            close(&values(&last, &ours), &values(golden, &theirs), &format!("{what} p{k} after {steps}"));
        }
        if steps == "100" {
            let losses: Vec<f64> = String::from_utf8(output.stdout)
                .expect("UTF-8")
                .lines()
                .map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line))
                .filter(|event| event["event"] == "step")
                .map(|event| event["loss"].as_f64().expect("a loss"))
                .collect();
            close(&losses, &values(golden, "loss"), &format!("{what} losses"));
        }
    }
}

#[test]
fn optimizers_follow_pytorch() {
    let Ok(entries) = fs::read_dir(folder()) else {
        println!("no trajectories in {}: nothing to compare", folder().display());
        return;
    };
    let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    files.sort();
    let (mut passed, mut left_out) = (0, vec![]);
    for path in files {
        let name = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        let family = name.split('.').next().unwrap_or_default().to_owned();
        if !FAMILIES.contains(&family.as_str()) {
            left_out.push(format!("{name} (no optimizer of that name yet)"));
            continue;
        }
        let golden = checkpoint::read(&path).expect("a readable golden");
        match call(&family, &keywords(golden.metadata.get("kwargs").map_or("", String::as_str))) {
            Ok(optimizer) => {
                reproduces(&golden, &optimizer, &format!("{name} {optimizer}"));
                passed += 1;
            }
            Err(keyword) => left_out.push(format!("{name} (`{keyword}`)")),
        }
    }
    println!("{passed} trajectories reproduced; {} left out: {}", left_out.len(), left_out.join(", "));
    assert!(passed > 0, "none of the files is expressible");
}
