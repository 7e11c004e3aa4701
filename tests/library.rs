//! The library against values from outside: what PyTorch gives where it has the thing, else a formula (`tests/library/make.py`
//! made both data and values). Each program runs as a user's would, in double precision.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Figures by name, an epoch's or those of the test rows.
type Figures = BTreeMap<String, f64>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/library")
}

/// The values of a suite.
fn values(suite: &str) -> BTreeMap<String, Value> {
    let text = std::fs::read_to_string(folder().join("values.json")).expect("the values");
    let all: Value = serde_json::from_str(&text).expect("JSON");
    let suite = all[suite].as_object().expect("a suite").clone();
    suite.into_iter().collect()
}

/// What a program reports: the training figures of each epoch, and at last those of the test rows.
fn run(name: &str) -> Vec<Figures> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nnc"));
    command.args(["run", "--json", "--order", "sequential"]).arg(folder().join(name));
    let output = command.output().expect("the program starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {error}");
    assert!(!error.contains("warning"), "{name}: {error}");
    let figures = |value: &Value| -> Option<Figures> {
        let pairs = value.as_object()?.iter();
        Some(pairs.map(|(k, v)| (k.clone(), v.as_f64().unwrap_or(f64::NAN))).collect())
    };
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    let reports = events.filter_map(|event| match event["event"].as_str() {
        Some("epoch") => figures(&event["train"]),
        Some("end") => figures(&event["test"]),
        _ => None,
    });
    reports.collect()
}

#[track_caller]
fn close(name: &str, ours: f64, theirs: f64, bound: f64) {
    let error = (ours - theirs).abs();
    assert!(error <= bound * theirs.abs().max(1.0), "{name}: {ours}, and not {theirs}");
}

#[test]
fn schedules() {
    let epochs = run("schedules.nn");
    for (name, rates) in values("schedules") {
        let rates = rates.as_array().expect("a list");
        assert_eq!(rates.len(), 40);
        for (t, rate) in rates.iter().enumerate() {
            let taken = epochs[t][&name] - epochs[t + 1][&name];
            close(&format!("{name} at {t}"), taken, rate.as_f64().expect("a rate"), 1e-12);
        }
    }
}

#[test]
fn optimizers() {
    let epochs = run("optimizers.nn");
    for (name, losses) in values("optimizers") {
        for (t, loss) in losses.as_array().expect("a list").iter().enumerate() {
            close(&format!("{name} at {t}"), epochs[t][&name], loss.as_f64().expect("a loss"), 1e-11);
        }
    }
}

#[test]
fn losses() {
    let epochs = run("losses.nn");
    for (name, value) in values("losses") {
        close(&name, epochs[0][&name], value.as_f64().expect("a value"), 1e-12);
    }
}

#[test]
fn metrics() {
    let reports = run("metrics.nn");
    let test = reports.last().expect("figures of the test rows");
    for (name, value) in values("metrics") {
        close(&name, test[&name], value.as_f64().expect("a figure"), 1e-14);
    }
}

#[test]
fn layers() {
    let reports = run("layers.nn");
    let (test, epochs) = reports.split_last().expect("figures of the test rows");
    for (name, value) in values("layers") {
        close(&name, epochs[0][&name], value.as_f64().expect("a value"), 1e-12);
    }
    let mean = |name: &str| epochs.iter().map(|e| e[name]).sum::<f64>() / epochs.len() as f64;
    let largest = |name: &str| epochs.iter().map(|e| e[name]).fold(0.0, f64::max);
    for name in ["flip_astray", "down_astray", "shift_astray", "drop_astray", "drop_uneven"] {
        assert!(largest(name) < 1e-14, "{name}: {}", largest(name));
    }
    // 1,200 images, 3,600 features of them: five deviations of the shares.
    for (name, share, n) in [
        ("flip_rate", 0.3, 1200.0),
        ("down_rate", 0.3, 1200.0),
        ("shift_still", 1.0 / 9.0, 1200.0),
        ("drop_rate", 0.25, 3600.0),
    ] {
        let deviation = f64::sqrt(share * (1.0 - share) / n);
        assert!((mean(name) - share).abs() < 5.0 * deviation, "{name}: {}", mean(name));
    }
    close("what changes in evaluation", test["changed"], 0.0, 0.0);
}

#[test]
fn initializers() {
    let first = &run("initializers.nn")[0];
    for (name, expected) in values("initializers") {
        for (i, value) in expected.as_array().expect("a list").iter().enumerate() {
            // 100,000 draws with deviations below 1: five deviations of a mean.
            close(&name, first[&format!("{name}_{}", i + 1)], value.as_f64().expect("a number"), 0.016);
        }
    }
    assert!(first["truncated_most"] <= 2.0 && first["truncated_most"] > 1.99, "{}", first["truncated_most"]);
    let limit = (3.0_f64 / 100.0).sqrt();
    assert!(first["uniform_most"] <= limit && first["uniform_most"] > 0.999 * limit, "{}", first["uniform_most"]);
    close("uniform_mean", first["uniform_mean"], 0.0, 0.0016);
    close("uniform_variance", first["uniform_variance"], 0.01, 1e-4);
    for name in ["tall_error", "wide_error", "square_error", "taps_error"] {
        assert!(first[name] < 1e-13, "{name}: {}", first[name]);
    }
    // Evenly distributed: E q⁴ = 3 / (n·(n + 2)), and no sign is preferred on the diagonal.
    let fourth = 3.0 / (64.0 * 66.0);
    close("square_fourth", first["square_fourth"] / fourth, 1.0, 0.1);
    close("square_diagonal", first["square_diagonal"], 0.0, 0.08);
    for name in ["eye_error", "through_error"] {
        close(name, first[name], 0.0, 0.0);
    }
}
