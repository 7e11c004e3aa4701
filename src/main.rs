//! The command line of nnc: everything that meets a person.

mod blocks;
mod cli;
mod commands;
mod compile;
mod console;
mod foreign;
mod later;
mod load;
mod memory;
mod report;
mod session;
mod show;
mod signals;
mod weights;
mod world;

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    cli::run(Instant::now())
}
