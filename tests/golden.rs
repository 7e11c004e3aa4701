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
    let broken = coverage::broken(name, &tally.words);
    assert!(broken.is_empty(), "no program of {name} calls {broken:?}");
}

/// Fails if more than a hundredth of the single-precision tensors are beyond the bound.
fn judge_singles(tally: &Tally) {
    let (rough, of) = (tally.rough.len(), tally.singles);
    println!("all: {rough} of {of} single-precision tensors are beyond 1e-6");
    assert!(rough * 100 <= of, "{rough} of {of} single-precision tensors are beyond 1e-6, more than 1 %");
}

#[test]
fn the_databases_of_pytorch() {
    type Run = fn(&Path) -> Tally;
    let suites: [(&str, Run); 3] = [("opinfo", opinfo::run), ("module", modules::run), ("optim", optim::run)];
    let mut all = Tally::default();
    for (name, run) in suites {
        match tensors::folder(name) {
            Some(folder) => {
                let tally = run(&folder);
                judge(name, &tally);
                all.add(tally);
            }
            None => {
                println!("{name}: there are no goldens here (NNC_GOLDEN=DIR says where they are): nothing is compared")
            }
        }
    }
    judge_singles(&all);
}

/// The repository's own goldens of the library.
fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/library")
}

#[test]
fn the_rest_of_the_library() {
    let tally = library::run(&own());
    judge("library", &tally);
    judge_singles(&tally);
}

#[test]
fn every_definition_is_compared_somewhere() {
    let gaps = coverage::gaps(&own());
    assert!(gaps.is_empty(), "{}", gaps.join("\n"));
}
