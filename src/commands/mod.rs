//! One file a subcommand: its arguments and what it does.

pub(crate) mod check;
pub(crate) mod compile;
pub(crate) mod diff;
pub(crate) mod eval;
pub(crate) mod export;
mod fit;
pub(crate) mod library;
mod pictures;
pub(crate) mod predict;
pub(crate) mod run;
mod run_end;
mod run_folder;
mod run_source;
