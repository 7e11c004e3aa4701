//! PyTorch's test databases, case by case: values and gradients in double precision within 1e-12, in single within 1e-6.
//!
//! The goldens are not part of the repository. They are looked for in the folder that `NNC_GOLDEN` names, else in
//! `../shared/golden`: `opinfo` (operations), `module` (layers and losses) and `optim` (trajectories of optimizers). Without
//! them there is nothing to compare.
//!
//! What of the standard library they do not reach has goldens in the repository, `golden/library`. A list says what is compared
//! by which, and a definition that stands in no list fails a test.

#![expect(clippy::print_stdout, reason = "the figures are what the test shows")]

mod suites;

use std::path::{Path, PathBuf};
use suites::measure::Tally;
use suites::{coverage, library, modules, opinfo, optim, tensors};

/// Runs a suite, prints its figures, and fails if a case does that should not.
fn suite(name: &str, run: impl Fn(&std::path::Path) -> Tally) {
    let Some(folder) = tensors::folder(name) else {
        println!("{name}: there are no goldens here (NNC_GOLDEN=DIR says where they are): nothing is compared");
        return;
    };
    judge(name, &run(&folder));
}

/// Prints the figures of a suite, and fails if a case does that should not.
fn judge(name: &str, tally: &Tally) {
    println!("{name}: {tally}");
    for (what, r, least) in tally.unexplained() {
        println!("  rough: {what} {r:.1e}, by rounding the inputs {least:.1e}");
    }
    for failure in &tally.failed {
        println!("  failed: {failure}");
    }
    assert!(tally.failed.is_empty(), "{} cases of {name} fail", tally.failed.len());
    let rough = tally.unexplained().count();
    assert!(rough * 100 <= tally.singles, "{name}: {rough} single-precision tensors are rough, more than 1 %");
    let broken = coverage::broken(name, &tally.words);
    assert!(broken.is_empty(), "no program of {name} calls {broken:?}");
}

#[test]
fn operations() {
    suite("opinfo", opinfo::run);
}

#[test]
fn layers() {
    suite("module", modules::run);
}

#[test]
fn optimizers() {
    suite("optim", optim::run);
}

/// The repository's own goldens of the library.
fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/library")
}

#[test]
fn the_rest_of_the_library() {
    judge("library", &library::run(&own()));
}

#[test]
fn every_definition_is_compared_somewhere() {
    let gaps = coverage::gaps(&own());
    assert!(gaps.is_empty(), "{}", gaps.join("\n"));
}
