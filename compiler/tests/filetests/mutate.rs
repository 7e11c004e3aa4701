//! Hostile texts: whatever bytes a file holds, checking it ends soon, in reports and not in a panic.

use crate::support::Rng;
use crate::{check, page};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Mutants a text.
const MUTANTS: usize = 4;
/// No text of this size takes longer, even unoptimised on a busy machine.
const LONGEST: Duration = Duration::from_secs(20);
/// What is sown: words and signs that turn one construct into another.
const SEEDS: [&str; 24] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "..",
    "|>",
    " over = ",
    "new",
    ", ",
    " = ",
    "-1",
    "9223372036854775807",
    "0",
    "1e300",
    "batch",
    "x",
    "^",
    "@",
    "\"",
    "\n",
    "é",
    "if training ",
];

fn texts() -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> = ["error", "graph", "grad", "states", "run"]
        .iter()
        .flat_map(|stage| page::all(stage).into_iter().map(|p| p.path))
        .collect();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let models = fs::read_dir(models).expect("the models").map(|e| e.expect("an entry").path());
    out.extend(models.filter(|p| p.extension().is_some_and(|e| e == "nn")));
    out.sort();
    out
}

/// One to four changes of bytes, words or lines.
fn mutant(rng: &mut Rng, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=rng.below(4) {
        let at = rng.below(bytes.len() + 1);
        let length = rng.below(12).min(bytes.len() - at);
        match rng.below(5) {
            0 => drop(bytes.drain(at..at + length)),
            1 => drop(bytes.splice(at..at, rng.pick(&SEEDS).bytes())),
            2 => drop(bytes.splice(at..at + length, rng.pick(&SEEDS).bytes())),
            3 => {
                let part = bytes[at..at + length].to_vec();
                let to = rng.below(bytes.len() + 1);
                bytes.splice(to..to, part);
            }
            _ if at < bytes.len() => bytes[at] = rng.below(256) as u8,
            _ => {}
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn must_end(text: &str, what: &str) {
    let start = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| check(text, &[])));
    assert!(result.is_ok(), "{what} panics:\n{text}");
    assert!(start.elapsed() < LONGEST, "{what} takes {:?}:\n{text}", start.elapsed());
}

#[test]
fn no_text_makes_it_panic() {
    let mut rng = Rng(20);
    for path in texts() {
        let text = fs::read_to_string(&path).expect("a text");
        for i in 0..MUTANTS {
            must_end(&mutant(&mut rng, &text), &format!("mutant {i} of {}", path.display()));
        }
    }
}

#[test]
fn no_nesting_makes_it_run_forever() {
    let data = "data Rows { source: csv(\"table\")\n x: [batch] = a }\n";
    let double: String =
        (1..60).map(|i| format!("fn f{i}(x: [..]) -> [..] {{ f{0}(x) + f{0}(x) }}\n", i - 1)).collect();
    must_end(
        &format!("{data}fn f0(x: [..]) -> [..] {{ x }}\n{double}predict on Rows {{ y = f59(x) }}\n"),
        "doubling at each of sixty levels",
    );
    let (open, close) = ("-(".repeat(40), ")".repeat(40));
    must_end(
        &format!("{data}fn f(x: [..]) -> [..] {{ {open}f(x){close} }}\npredict on Rows {{ y = f(x) }}\n"),
        "endless recursion inside brackets",
    );
    must_end(
        &format!("{data}predict on Rows {{ y = split(expand(x, [2000000000]), 1000000000, over = batch) }}\n"),
        "a thousand million parts",
    );
    must_end(
        &format!(
            "{data}n = 2000000000\nlayer L()(x: [..]) -> [..] {{ param w: [n, n, n, n] = he_normal()\n x * sum(w) }}\nmodel M(x: [..]) -> [..] {{ x |> L }}\npredict on Rows {{ y = M(x) }}\n"
        ),
        "a parameter of more elements than there are numbers",
    );
}
