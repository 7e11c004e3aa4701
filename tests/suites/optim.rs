//! The suite of optimizers: a hundred steps of minimising Σ_k sum(c_k·(p_k − t_k)²) + 0.01·sum(p_k⁴).

use super::execute::{Machine, Named, Pools, check};
use super::literal::{Arg, parse};
use super::measure::{SINGLE, Tally, distance};
use super::tensors::{Golden, Tensor, files};
use super::text::number;
use nnc_runtime::dtype::DType;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Distances of parameters and losses after so many steps, in double and in single precision.
const DOUBLE: f64 = 1e-10;

/// Settings that choose an implementation, not a result.
const MACHINERY: [&str; 4] = ["foreach", "fused", "capturable", "differentiable"];

/// PyTorch's settings that are called otherwise here; a pair becomes two.
const RENAMED: &[(&str, &[&str])] = &[
    ("lambd", &["lambda"]),
    ("betas", &["beta1", "beta2"]),
    ("etas", &["shrink", "grow"]),
    ("step_sizes", &["smallest", "largest"]),
    ("decoupled_weight_decay", &["decoupled"]),
    ("initial_accumulator_value", &["initial"]),
];

/// The library's call for PyTorch's optimizer with these settings.
fn call(family: &str, settings: &Arg) -> Result<String, String> {
    let (name, rate) = match family {
        "LBFGS" => return Err("excused: LBFGS evaluates its loss inside the update".into()),
        "Muon" => return Err("excused: Muon works in bfloat16 inside".into()),
        "SGD" if settings.get("momentum").is_some() => ("Momentum", 1e-3),
        "SGD" => ("SGD", 1e-3),
        "Adagrad" => ("AdaGrad", 1e-2),
        "RMSprop" | "ASGD" | "Rprop" | "Adafactor" => (family, 1e-2),
        "Adamax" | "NAdam" => (family, 2e-3),
        "Adadelta" => (family, 1.0),
        "Adam" | "AdamW" | "RAdam" => (family, 1e-3),
        _ => return Err(format!("no row for {family}")),
    };
    let mut args = String::new();
    if name == "Adafactor" {
        // PyTorch's bound is the spacing of numbers at 1.
        let _ = write!(args, ", eps1 = {}", number(f64::EPSILON));
    }
    let mut lr = rate;
    for (key, value) in settings.pairs().iter().filter(|(k, _)| !MACHINERY.contains(&k.as_str())) {
        if key == "lr" {
            lr = value.num().unwrap_or(lr);
            continue;
        }
        let key = if name == "Momentum" && key == "momentum" { "beta" } else { key.as_str() };
        let same = [key];
        let names = RENAMED.iter().find(|(theirs, _)| *theirs == key).map_or(&same[..], |(_, ours)| ours);
        let values = if value.items().is_empty() { std::slice::from_ref(value) } else { value.items() };
        for (name, value) in names.iter().zip(values) {
            let text = match value {
                Arg::Bool(value) => value.to_string(),
                value => number(value.num().ok_or_else(|| format!("a setting {key}"))?),
            };
            let _ = write!(args, ", {name} = {text}");
        }
    }
    Ok(format!("{name}({}{args})", number(lr)))
}

const MODEL: &str = r#"
data Rows {
    source: csv("rows")
    row: [batch] = row
}

model Quadratic(_row: [batch]) -> [] {
    param p0: [8] = 0
    param p1: [4, 5] = 0
    state c0: [8] = 0
    state t0: [8] = 0
    state c1: [4, 5] = 0
    state t1: [4, 5] = 0
    sum(c0 * (p0 - t0)^2) + 0.01 * sum(p0^4) + sum(c1 * (p1 - t1)^2) + 0.01 * sum(p1^4)
}

train on Rows {
    batch:  1
    epochs: 100
    loss = Quadratic(row)
    optimize Quadratic with OPTIMIZER
}
"#;

/// PyTorch keeps the rate of ASGD in single precision. The library does not, and is compared with that one line changed: a file's
/// own definitions hide the library's.
fn in_single_precision(optimizer: &str) -> String {
    if !optimizer.starts_with("ASGD(") {
        return String::new();
    }
    let library = nnc_models::LIBRARY.iter().find(|(name, _)| name.ends_with("optimizer/asgd.nn"));
    let text = library.map_or("", |(_, text)| text);
    // Veltkamp's splitting: the upper 24 bits of x.
    let single = "\n/// x in single precision.\nfn single(x: float) { x * 536870913 - (x * 536870913 - x) }\n\n";
    let rate = "lr / (1 + lambda * lr * t)^alpha";
    assert!(text.contains(rate), "the line of ASGD's rate");
    single.to_owned() + &text.replace(rate, &format!("single({rate})"))
}

/// Every trajectory of the folder; what became of them.
pub(crate) fn run(folder: &Path) -> Tally {
    let paths = files(folder);
    super::parallel(&paths, |path: &PathBuf, tally, pools| {
        let name = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        let golden = Golden::read(path);
        let family = name.split('.').next().unwrap_or_default();
        match call(family, &parse(golden.meta("kwargs"))) {
            Ok(optimizer) => match follow(&golden, &optimizer, &name, tally, pools) {
                Ok(()) => tally.passed += 1,
                Err(why) => tally.failed.push(format!("{name}, {optimizer}: {why}")),
            },
            Err(reason) => *tally.left_out.entry(reason).or_default() += 1,
        }
    })
}

/// Runs a trajectory in both precisions.
fn follow(golden: &Golden, optimizer: &str, name: &str, tally: &mut Tally, pools: &Pools) -> Result<(), String> {
    let names =
        [("p0", "p0.0"), ("p1", "p0.1"), ("c0", "curv.0"), ("c1", "curv.1"), ("t0", "target.0"), ("t1", "target.1")];
    let tensor = |key: &str| golden.tensors.get(key).cloned().ok_or_else(|| format!("there is no {key}"));
    let given: Result<Named, String> =
        names.iter().map(|(ours, theirs)| Ok((format!("Quadratic.{ours}"), tensor(theirs)?))).collect();
    let given = given?;
    let losses = tensor("loss")?;
    for precision in [DType::F64, DType::F32] {
        let text = MODEL.replace("OPTIMIZER", optimizer) + &in_single_precision(optimizer);
        tally.note(&text);
        let program = check(&text, precision)?;
        let mut machine = Machine::new(&program, &given, pools)?;
        // A loss that is no number any more ends both runs.
        let end = losses.values.iter().position(|x| !x.is_finite()).unwrap_or(losses.values.len());
        let mut seen: Vec<f64> = vec![];
        let mut pairs: Vec<(String, Tensor, Tensor)> = vec![];
        let told = if precision == DType::F32 { end.min(10) } else { end };
        machine.train(told as i64, &mut |step, outputs, machine| {
            seen.extend(outputs.get("loss").and_then(|t| t.values.first()));
            for k in 0..2 {
                let theirs = golden.tensors.get(&format!("p{step}.{k}"));
                let ours = machine.state(&format!("Quadratic.p{k}"));
                pairs.extend(ours.zip(theirs).map(|(a, b)| (format!("p{k} after {step}"), a, b.clone())));
            }
        })?;
        if precision == DType::F64 && end < losses.values.len() && machine.train(1, &mut |_, _, _| {}).is_ok() {
            return Err(format!("step {} should not be finite", end + 1));
        }
        let told = Tensor { shape: vec![told], values: losses.values[..told].to_vec(), ..losses.clone() };
        pairs.push(("loss".into(), Tensor { values: seen, ..told.clone() }, told));
        for (what, ours, theirs) in pairs {
            let r = distance(&ours, &theirs, 0.0);
            if precision == DType::F32 {
                // Roundings add up over the steps: single precision is judged by the first ten.
                tally.singles += 1;
                if r.is_nan() || r > SINGLE {
                    tally.rough.push((format!("{name} {what}"), r, 0.0));
                }
            } else if r.is_nan() || r > DOUBLE {
                return Err(format!("{what} differs by {r:.1e}"));
            }
        }
    }
    Ok(())
}
