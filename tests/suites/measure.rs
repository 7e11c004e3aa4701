//! How close tensors are, and what a suite sums up to.

use super::tensors::Tensor;
use nnc_runtime::checkpoint::{Checkpoint, compare};
use nnc_runtime::dtype::DType;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A share of the largest input that a difference may have where the values themselves are mere cancellation.
const NOISE: f64 = 1e-3;

/// The distance of two tensors in units of what the measure compares it with: `max|a - b| / max(max|b|, 1e-3 · scale)`.
pub(crate) fn distance(ours: &Tensor, theirs: &Tensor, scale: f64) -> f64 {
    let file = |t: &Tensor| Checkpoint {
        tensors: vec![nnc_runtime::checkpoint::Tensor {
            name: String::new(),
            dtype: DType::F64,
            shape: t.shape.clone(),
            data: t.bytes(DType::F64),
        }],
        ..Checkpoint::default()
    };
    compare(&file(ours), &file(theirs)).first().map_or(f64::INFINITY, |d| d.relative_to(NOISE * scale))
}

/// What became of the cases of a suite.
#[derive(Default)]
pub(crate) struct Tally {
    /// Cases that passed.
    pub(crate) passed: usize,
    /// Cases that have a program and failed, with why.
    pub(crate) failed: Vec<String>,
    /// Cases without a program by reason.
    pub(crate) left_out: BTreeMap<String, usize>,
    /// Tensors compared in single precision, and those of them beyond the first bound.
    pub(crate) singles: usize,
    /// The names of these, their distances, and those of a double-precision run whose inputs were rounded to single.
    pub(crate) rough: Vec<(String, f64, f64)>,
    /// The words of all programs that were run.
    pub(crate) words: BTreeSet<String>,
}

impl Tally {
    /// Adds what another thread counted.
    pub(crate) fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed.extend(other.failed);
        for (reason, n) in other.left_out {
            *self.left_out.entry(reason).or_default() += n;
        }
        self.singles += other.singles;
        self.rough.extend(other.rough);
        self.words.extend(other.words);
    }

    /// Notes the words of a program that is run.
    pub(crate) fn note(&mut self, program: &str) {
        self.words.extend(super::coverage::words(program).map(str::to_owned));
    }

    fn excused(&self) -> usize {
        self.left_out.iter().filter(|(reason, _)| reason.starts_with("excused")).map(|(_, n)| n).sum()
    }

    fn gaps(&self) -> usize {
        self.left_out.values().sum::<usize>() - self.excused()
    }
}

/// The bound of single precision.
pub(crate) const SINGLE: f64 = 1e-6;
/// How many times farther than the rounding of the inputs alone puts it a single-precision result may be.
const MAGNIFIED: f64 = 8.0;

impl Tally {
    /// Rough tensors that the rounding of the inputs does not explain.
    pub(crate) fn unexplained(&self) -> impl Iterator<Item = &(String, f64, f64)> {
        self.rough.iter().filter(|(_, r, least)| r.is_nan() || *r > MAGNIFIED * least)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expressible = self.passed + self.failed.len();
        let asked = expressible + self.gaps();
        let percent = 100.0 * expressible as f64 / asked.max(1) as f64;
        writeln!(
            f,
            "{expressible} of {asked} expressible ({percent:.1} %), {} passed, {} left out, {} excused",
            self.passed,
            self.gaps(),
            self.excused()
        )?;
        let mut reasons: Vec<_> = self.left_out.iter().collect();
        reasons.sort_by_key(|(reason, n)| (std::cmp::Reverse(**n), (*reason).clone()));
        for (reason, n) in reasons {
            writeln!(f, "  {n:5} {reason}")?;
        }
        let fine = self.singles - self.rough.len();
        let share = 100.0 * fine as f64 / self.singles.max(1) as f64;
        let unexplained = self.unexplained().count();
        write!(
            f,
            "  single precision: {share:.2} % of {} tensors within 1e-6; of the {} others rounding the inputs alone explains {}",
            self.singles,
            self.rough.len(),
            self.rough.len() - unexplained
        )
    }
}
