//! The arguments, by clap: doc comments are the help texts. Each subcommand lives in a file of [`crate::commands`].
//!
//! Exit codes: 0 done, 1 an error was reported, 2 wrong usage, 130 and 143 ended by a signal.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Parser, Subcommand};

use crate::commands::{check, compile, diff, eval, export, library, predict, run};
use crate::console::{Console, Failed};

/// Trains neural networks from text.
///
/// A `.nn` file declares layers, data and training; nnc checks it, compiles it into one native training step and runs it.
#[derive(Debug, Parser)]
#[command(name = "nnc", version, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Arguments),
    Std(library::Arguments),
    Compile(compile::Arguments),
    Run(run::Arguments),
    Eval(eval::Arguments),
    Predict(predict::Arguments),
    Diff(diff::Arguments),
    Export(export::Arguments),
}

/// The program, and what is chosen of it from the shell.
#[derive(Clone, Debug, Args)]
pub(crate) struct ProgramArguments {
    /// The program. Paths in it are relative to its folder.
    #[arg(value_name = "FILE.nn")]
    pub(crate) file: PathBuf,
    /// Sets an option of the program; a path given here is relative to the current folder. Can be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) set: Vec<(String, String)>,
    /// Shows all reports, not only the first twenty.
    #[arg(long)]
    pub(crate) all: bool,
}

/// How steps are computed.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct MachineArguments {
    /// The threads to use; as many as there are cores when left out. Results are the same for any number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) threads: Option<u32>,
    /// Uses all threads even for work too small to gain from them.
    #[arg(long)]
    pub(crate) threads_always: bool,
    /// What computes: compiled code, or the slow interpreter that defines its results.
    #[arg(long, value_name = "ENGINE", value_enum, default_value_t = crate::compile::Engine::Native, hide = true)]
    pub(crate) engine: crate::compile::Engine,
}

impl MachineArguments {
    /// The number of threads to use.
    pub(crate) fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.map_or_else(cores, |threads| threads as usize)
    }
}

/// A program with its weights.
#[derive(Clone, Debug, Args)]
pub(crate) struct WeightsArguments {
    #[command(flatten)]
    pub(crate) program: ProgramArguments,
    #[command(flatten)]
    pub(crate) machine: MachineArguments,
    /// The weights: last.safetensors, best.safetensors, or a file with the same tensors. A program without any needs none.
    #[arg(long, value_name = "WEIGHTS.safetensors")]
    pub(crate) weights: Option<PathBuf>,
    /// Writes JSON to standard output: one object, or one a row.
    #[arg(long)]
    pub(crate) json: bool,
}

impl WeightsArguments {
    /// The file of weights, for messages.
    pub(crate) fn file(&self) -> &Path {
        self.weights.as_deref().unwrap_or_else(|| Path::new(""))
    }
}

pub(crate) fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err("an option is set as NAME=VALUE, such as lr=0.003".to_owned()),
    }
}

/// Parses the arguments and does what they ask; `start` is when the process began.
pub(crate) fn run(start: Instant) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no mistakes. A closed pipe is nobody's mistake either.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let console = Console::new();
    let result = match cli.command {
        Command::Check(arguments) => check::run(&arguments, &console),
        Command::Std(arguments) => library::run(&arguments, &console),
        Command::Compile(arguments) => compile::run(&arguments, &console),
        Command::Run(arguments) => run::run(&arguments, &console, start),
        Command::Eval(arguments) => eval::run(&arguments, &console),
        Command::Predict(arguments) => predict::run(&arguments, &console),
        Command::Diff(arguments) => diff::run(&arguments, &console),
        Command::Export(arguments) => export::run(&arguments, &console),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed::Reported) => ExitCode::from(1),
        Err(Failed::Plain(plain)) => {
            console.report(&plain);
            ExitCode::from(1)
        }
        Err(Failed::Signal(number)) => ExitCode::from(128 + number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_are_set_by_name() {
        assert_eq!(name_and_value("lr = 0.1"), Ok(("lr".into(), "0.1".into())));
        assert_eq!(name_and_value("data=a=b"), Ok(("data".into(), "a=b".into())));
        assert!(name_and_value("lr").is_err() && name_and_value("=1").is_err());
    }
}
