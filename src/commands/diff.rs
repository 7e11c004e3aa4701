//! `nnc diff`: how far the tensors of two files are from each other.

use std::path::PathBuf;

use clap::Args;
use nnc_grammar::codes;
use nnc_runtime::checkpoint::{Difference, Verdict, compare};

use crate::console::{Console, Failed};
use crate::report::Plain;
use crate::show::columns;
use crate::weights;

/// Compares two files of tensors by name.
///
/// A tensor agrees when its largest difference is at most RTOL times the largest value of the second file's, or at most ATOL.
/// Tensors that do not agree are listed, and the exit code is 1.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// One file.
    #[arg(value_name = "A.safetensors")]
    first: PathBuf,
    /// The file that it is measured against.
    #[arg(value_name = "B.safetensors")]
    second: PathBuf,
    /// The difference that is allowed, as a share of a tensor's largest value.
    #[arg(long, default_value_t = 0.0, value_parser = tolerance)]
    rtol: f64,
    /// The difference that is allowed whatever the values.
    #[arg(long, default_value_t = 0.0, value_parser = tolerance)]
    atol: f64,
}

fn tolerance(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|x: &f64| *x >= 0.0 && x.is_finite())
        .ok_or_else(|| "a tolerance is a number from 0 on".into())
}

/// Compares.
pub(crate) fn run(arguments: &Arguments, console: &Console) -> Result<(), Failed> {
    let (first, second) = (weights::read(&arguments.first)?, weights::read(&arguments.second)?);
    let all = compare(&first, &second);
    let apart: Vec<&Difference> = all.iter().filter(|d| !d.within(arguments.rtol, arguments.atol)).collect();
    if apart.is_empty() {
        console.say(&format!("{} tensors agree", all.len()));
        return Ok(());
    }
    console.put(&columns(&apart.iter().map(|d| vec![d.name.escape_debug().to_string(), told(d)]).collect::<Vec<_>>()));
    Err(Plain::new(codes::WEIGHTS, format!("{} of {} tensors differ", apart.len(), all.len())).into())
}

/// What is different about a tensor.
fn told(difference: &Difference) -> String {
    match &difference.verdict {
        Verdict::OnlyFirst => "only in the first file".to_owned(),
        Verdict::OnlySecond => "only in the second file".to_owned(),
        Verdict::Shape(a, b) => format!("{a:?} and {b:?}"),
        Verdict::DType(a, b) => format!("{a} and {b}"),
        Verdict::Values { differing, largest_difference, largest_value } => {
            format!(
                "{differing} elements differ, by up to {largest_difference:.3e}; the largest value is {largest_value:.3e}"
            )
        }
    }
}
