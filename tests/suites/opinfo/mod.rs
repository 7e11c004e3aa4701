//! The suite of operations: `op_db`'s samples, one row a PyTorch operation.

pub(super) mod attention;
pub(super) mod ctc;
pub(super) mod losses;
mod movement;
pub(super) mod normal;
mod places;
pub(super) mod pointwise;
pub(super) mod products;
mod reductions;
mod resample;
pub(super) mod windows;

use super::call::{Call, Outputs, program_name};
use super::case::{Case, Form};
use super::literal::{Arg, parse};
use super::measure::Tally;
use super::tensors::{Golden, Parts};
use super::text::Nn;
use std::collections::BTreeMap;
use std::path::Path;

/// Writes the program of a call.
type Row = (&'static str, fn(&mut Nn, &Call<'_>) -> Outputs);

/// All rows.
fn rows() -> BTreeMap<&'static str, fn(&mut Nn, &Call<'_>) -> Outputs> {
    let families = [
        pointwise::ROWS,
        reductions::ROWS,
        movement::ROWS,
        products::ROWS,
        normal::ROWS,
        losses::ROWS,
        attention::ROWS,
        windows::ROWS,
        places::ROWS,
        resample::ROWS,
        ctc::ROWS,
    ];
    families.into_iter().flatten().copied().collect()
}

/// Every case of the index; what became of them.
pub(crate) fn run(folder: &Path) -> Tally {
    let index = std::fs::read_to_string(folder.join("index.jsonl")).expect("an index");
    let cases: Vec<Arg> = index.lines().map(parse).collect();
    let rows = rows();
    let mut by_file: BTreeMap<&str, Vec<&Arg>> = BTreeMap::new();
    for case in &cases {
        by_file.entry(case.get("file").and_then(Arg::text).expect("a file")).or_default().push(case);
    }
    let files: Vec<(&str, Vec<&Arg>)> = by_file.into_iter().collect();
    super::parallel(&files, |(file, cases), tally, pools| {
        let golden = Golden::read(&folder.join(file));
        for case in cases {
            one(case, &golden, &rows).judge(tally, pools);
        }
    })
}

fn one(case: &Arg, golden: &Golden, rows: &BTreeMap<&'static str, fn(&mut Nn, &Call<'_>) -> Outputs>) -> Case {
    let text = |key: &str| case.get(key).and_then(Arg::text).unwrap_or_default();
    let (op, id) = (text("op"), text("id"));
    let own = format!("{id}.");
    let (mut parts, mut grads) = (Parts::default(), vec![]);
    for (key, tensor) in &golden.tensors {
        let Some(role) = key.strip_prefix(&own) else { continue };
        match key.strip_suffix(".grad") {
            Some(of) => grads.push((program_name(of), tensor.clone())),
            None => parts.place(role, program_name(key), tensor),
        }
    }
    let Parts { inputs: tensors, outs, cts } = parts;
    let mut args = vec![case.get("input").cloned().unwrap_or(Arg::None)];
    args.extend(case.get("args").map_or(&[][..], Arg::items).iter().cloned());
    let call = Call {
        variant: text("variant"),
        args,
        kwargs: case.get("kwargs").cloned().unwrap_or(Arg::None),
        tensors: &tensors,
    };
    let mut nn = Nn::default();
    let empty = tensors.values().chain(outs.values()).any(|t| t.values.is_empty());
    let formula = pointwise::FORMULAS.iter().find(|(name, _)| *name == op);
    let outputs = match (rows.get(op), formula) {
        _ if empty => Err("excused: empty tensor".into()),
        (Some(row), _) => row(&mut nn, &call),
        (None, Some((_, formula))) => call.input().map(|x| vec![nn.map(&x, |x| formula.replace("{x}", x))]),
        (None, None) => Err(format!("no row for {op}")),
    };
    let name = [op, call.variant, id].join("|");
    Case { name, nn, outputs, form: Form::Predict, tensors, outs, cts, grads, layers: vec![] }
}
