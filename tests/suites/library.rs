//! The suite of the library: what the databases do not reach, from the repository's own goldens (`golden/library/make.py`).

use super::case::{Case, Form};
use super::measure::Tally;
use super::tensors::{Golden, Parts};
use super::text::{Nn, T};
use std::fmt::Write as _;
use std::path::Path;

fn read(folder: &Path) -> Golden {
    Golden::read(&folder.join("library.safetensors"))
}

/// The lines of all cases.
pub(crate) fn programs(folder: &Path) -> Vec<String> {
    read(folder).texts.into_values().collect()
}

/// Every case of the file; what became of them.
pub(crate) fn run(folder: &Path) -> Tally {
    let golden = read(folder);
    let cases: Vec<(&String, &String)> = golden.texts.iter().collect();
    super::parallel(&cases, |(name, text), tally, pools| one(name, text, &golden).judge(tally, pools))
}

/// A case from its tensors: `NAME/in/x`, `NAME/layer/PATH`, `NAME/out/0`, `NAME/ct/0` and `NAME/grad/PATH`.
fn one(name: &str, text: &str, golden: &Golden) -> Case {
    let (mut parts, mut layers, mut grads) = (Parts::default(), vec![], vec![]);
    for (key, tensor) in &golden.tensors {
        let Some((role, path)) = key.strip_prefix(name).and_then(|k| k.strip_prefix('/')?.split_once('/')) else {
            continue;
        };
        match role {
            "layer" => layers.push((path.to_owned(), tensor.clone())),
            "grad" => grads.push((path.to_owned(), tensor.clone())),
            "in" => parts.place("", path.to_owned(), tensor),
            _ => parts.place(&format!("{role}{path}"), String::new(), tensor),
        }
    }
    let Parts { inputs: tensors, outs, cts } = parts;
    let outputs = outs.iter().map(|(j, t)| T::new(format!("y{j}"), &t.shape)).collect();
    let mut nn = Nn::default();
    for line in text.lines() {
        let _ = writeln!(nn.lines, "    {line}");
    }
    // Parameters inside layers have their gradients from an optimizer.
    let form = if layers.is_empty() { Form::Predict } else { Form::Train };
    Case { name: name.to_owned(), nn, outputs: Ok(outputs), form, tensors, outs, cts, grads, layers }
}
