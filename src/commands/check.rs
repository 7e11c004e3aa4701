//! `nnc check`: diagnostics only.

use clap::Args;
use nnc_compiler::program::Program;
use nnc_compiler::world::Options;
use nnc_grammar::diagnostic::Diagnostic;

use crate::cli::ProgramArguments;
use crate::console::{Console, Failed};
use crate::load;
use crate::report::json;
use crate::show::{bytes, grouped};

/// Checks a program: names, shapes, data and training.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,
    /// Writes one JSON object a report to standard output: byte offsets, lines and columns, edits.
    #[arg(long)]
    json: bool,
}

/// Checks.
pub(crate) fn run(arguments: &Arguments, console: &Console) -> Result<(), Failed> {
    let (name, _, checked) = load::check(&arguments.program, Options::default())?;
    if arguments.json {
        for diagnostic in &checked.diagnostics {
            console.put(&json::line(&checked.sources, diagnostic));
        }
    } else {
        console.diagnose(&checked.sources, &checked.diagnostics, arguments.program.all);
    }
    if checked.diagnostics.iter().any(Diagnostic::is_error) {
        return Err(Failed::Reported);
    }
    if !arguments.json {
        console.say(&format!("{name}: {}", checked.program.as_ref().map_or("nothing to run".to_owned(), summary)));
    }
    Ok(())
}

/// Parameters and the memory of all states.
fn summary(program: &Program) -> String {
    let parameters: usize = program.table.iter().map(|row| row.elements).sum();
    let sizes = |state: &nnc_compiler::program::State| state.ty.sizes().unwrap_or_default();
    let state_bytes = program.states.iter().map(|s| (sizes(s).iter().product::<usize>() * s.ty.dtype.size()) as u64);
    let models =
        if parameters == 0 { "no parameters".to_owned() } else { format!("{} parameters", grouped(parameters as u64)) };
    format!("{models}, {} of state while training", bytes(state_bytes.sum()))
}
