//! The program from outside, as a shell in a folder runs it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs the program.
pub(crate) fn nnc(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nnc"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).output().expect("the program starts")
}

/// Runs the program, which must succeed, and gives what it prints.
pub(crate) fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = nnc(folder, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}
