//! How far a run has come: everything beside tensors that a run needs to go on as if it had never stopped.
//!
//! In a checkpoint these are entries of the metadata, numbers as text:
//!
//! | key | value |
//! |---|---|
//! | `step`, `epoch`, `cursor` | steps taken, epochs completed, batches taken of the epoch in progress |
//! | `seed`, `order`, `batch`, `rows` | what the order of rows follows from; a run that goes on must have the same |
//! | `seen`, `sums` | rows and sums of the training figures of the epoch in progress, as the bits of doubles |
//! | `weights` | what the batches weigh that each of these figures has seen, where that is not their rows; bits of doubles |
//! | `best`, `best_epoch`, `stop_best`, `stop_waited` | the memory of the `keep` and `stop` lines |

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::str::FromStr;

use super::accumulate::Accumulator;
use super::plan::{Order, Plan};

/// The best epoch so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Best {
    /// The watched value.
    pub value: f64,
    /// The epoch it comes from, from 1.
    pub epoch: u64,
}

/// How far a run has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Steps taken.
    pub step: u64,
    /// Epochs completed.
    pub epoch: u64,
    /// Batches taken of the epoch in progress.
    pub cursor: u64,
    /// The best epoch of the `keep` line.
    pub best: Option<Best>,
    pub(crate) stop_best: Option<f64>,
    pub(crate) stop_waited: u64,
    pub(crate) seen: u64,
    pub(crate) sums: Vec<Vec<f64>>,
    pub(crate) weights: Vec<f64>,
}

/// What an order of rows follows from, as a checkpoint tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The seed of the run.
    pub seed: u64,
    /// The order of the training rows.
    pub order: Order,
    /// Rows of a batch.
    pub batch: u64,
    /// Rows trained on.
    pub rows: u64,
}

impl Progress {
    /// Takes over the training figures of the epoch in progress.
    pub(crate) fn note(&mut self, accumulator: &Accumulator) {
        self.seen = accumulator.rows;
        self.sums.clone_from(&accumulator.sums);
        self.weights.clone_from(&accumulator.weights);
    }

    /// Gives the training figures of the epoch in progress back; figures of another program are left out.
    pub(crate) fn recall(&self, accumulator: &mut Accumulator) {
        let fits = self.sums.len() == accumulator.sums.len()
            && self.sums.iter().zip(&accumulator.sums).all(|(a, b)| a.len() == b.len());
        if fits {
            accumulator.rows = self.seen;
            accumulator.sums.clone_from(&self.sums);
            accumulator.weights.clone_from(&self.weights);
        }
    }

    /// The metadata of a checkpoint.
    pub(crate) fn metadata(&self, plan: &Plan, rows: usize) -> BTreeMap<String, String> {
        let mut entries = vec![
            ("step", self.step.to_string()),
            ("epoch", self.epoch.to_string()),
            ("cursor", self.cursor.to_string()),
            ("batch", plan.batch.to_string()),
            ("rows", rows.to_string()),
            ("seen", self.seen.to_string()),
            ("sums", bits(&self.sums)),
            ("stop_waited", self.stop_waited.to_string()),
        ];
        if self.weights.iter().any(|weight| *weight != self.seen as f64) {
            entries.push(("weights", bits(std::slice::from_ref(&self.weights))));
        }
        if let Some(best) = self.best {
            entries.push(("best", format!("{:?}", best.value)));
            entries.push(("best_epoch", best.epoch.to_string()));
        }
        if let Some(best) = self.stop_best {
            entries.push(("stop_best", format!("{best:?}")));
        }
        entries.into_iter().map(|(key, value)| (key.to_owned(), value)).chain(split_metadata(plan)).collect()
    }

    /// Reads the metadata of a checkpoint; `None` when it holds weights alone. The error names the entry at fault.
    pub fn from_metadata(entries: &BTreeMap<String, String>) -> Result<Option<(Progress, Key)>, String> {
        if !entries.contains_key("step") {
            return Ok(None);
        }
        let order = required::<String>(entries, "order")?;
        let key = Key {
            seed: required(entries, "seed")?,
            order: Order::named(&order).ok_or_else(|| wrong("order", &order))?,
            batch: required(entries, "batch")?,
            rows: required(entries, "rows")?,
        };
        let best = match (optional(entries, "best")?, optional(entries, "best_epoch")?) {
            (Some(value), Some(epoch)) => Some(Best { value, epoch }),
            _ => None,
        };
        let sums = entries.get("sums").map_or("", String::as_str);
        let seen = required(entries, "seen")?;
        let sums = from_bits(sums).ok_or_else(|| wrong("sums", sums))?;
        let weights = match entries.get("weights") {
            Some(text) => from_bits(text).and_then(|lists| <[Vec<f64>; 1]>::try_from(lists).ok()).map(|[list]| list),
            None => Some(vec![seen as f64; sums.len()]),
        };
        let weights = weights.filter(|weights| weights.len() == sums.len());
        let progress = Progress {
            step: required(entries, "step")?,
            epoch: required(entries, "epoch")?,
            cursor: required(entries, "cursor")?,
            best,
            stop_best: optional(entries, "stop_best")?,
            stop_waited: required(entries, "stop_waited")?,
            seen,
            sums,
            weights: weights.ok_or_else(|| wrong("weights", entries.get("weights").map_or("", String::as_str)))?,
        };
        Ok(Some((progress, key)))
    }
}

/// The metadata of weights alone: what the split of the rows and the meaning of class numbers follow from.
pub(crate) fn split_metadata(plan: &Plan) -> BTreeMap<String, String> {
    let vocabularies = plan.vocabularies.iter().map(|(name, digest)| (vocabulary_entry(name), digest.clone()));
    [("seed", plan.seed.to_string()), ("order", plan.order.name().to_owned())]
        .map(|(key, value)| (key.to_owned(), value))
        .into_iter()
        .chain(vocabularies)
        .collect()
}

/// The entry that tells by which vocabulary a column of text was read.
pub fn vocabulary_entry(column: &str) -> String {
    format!("vocabulary of {column}")
}

/// The seed and the order of rows of the run that wrote a file, so that the same rows are held out again; `None` for files
/// of other programs.
pub fn split_key(entries: &BTreeMap<String, String>) -> Option<(u64, Order)> {
    Some((entries.get("seed")?.parse().ok()?, Order::named(entries.get("order")?)?))
}

fn wrong(key: &str, value: &str) -> String {
    format!("its entry `{key}` is {}", crate::text::quoted(value, 40))
}

fn optional<T: FromStr>(entries: &BTreeMap<String, String>, key: &str) -> Result<Option<T>, String> {
    entries.get(key).map(|value| value.parse().map_err(|_| wrong(key, value))).transpose()
}

fn required<T: FromStr>(entries: &BTreeMap<String, String>, key: &str) -> Result<T, String> {
    optional(entries, key)?.ok_or_else(|| format!("it has no entry `{key}`"))
}

/// Doubles by their bits, which every value survives: `3ff0000000000000,…;…`.
fn bits(sums: &[Vec<f64>]) -> String {
    let mut text = String::new();
    for (i, sum) in sums.iter().enumerate() {
        text.push_str(if i > 0 { ";" } else { "" });
        for (j, value) in sum.iter().enumerate() {
            text.push_str(if j > 0 { "," } else { "" });
            // Writing to a string cannot fail.
            let _ = write!(text, "{:016x}", value.to_bits());
        }
    }
    text
}

fn from_bits(text: &str) -> Option<Vec<Vec<f64>>> {
    let value = |text: &str| u64::from_str_radix(text, 16).ok().map(f64::from_bits);
    let list = |text: &str| text.split(',').filter(|text| !text.is_empty()).map(value).collect();
    if text.is_empty() { Some(vec![]) } else { text.split(';').map(list).collect() }
}

#[cfg(test)]
mod tests {
    use super::super::cadence::Cadences;
    use super::*;
    use std::num::NonZeroUsize;

    fn plan() -> Plan {
        Plan {
            batch: NonZeroUsize::new(8).unwrap(),
            epochs: 1,
            steps: None,
            order: Order::Sequential,
            seed: u64::MAX,
            cadences: Cadences::default(),
            vocabularies: BTreeMap::new(),
            figures: vec![],
            keep: None,
            stop: None,
        }
    }

    #[test]
    fn metadata_give_everything_back() {
        let progress = Progress {
            step: 7,
            epoch: 1,
            cursor: 2,
            best: Some(Best { value: 0.1 + 0.2, epoch: 1 }),
            stop_best: Some(f64::INFINITY),
            stop_waited: 3,
            seen: 16,
            sums: vec![vec![-0.0], vec![], vec![f64::NEG_INFINITY, 1e-300]],
            weights: vec![16.0, 0.0, 8.5],
        };
        let (read, key) = Progress::from_metadata(&progress.metadata(&plan(), 100)).unwrap().unwrap();
        assert_eq!(read, progress);
        assert_eq!(read.sums[0][0].to_bits(), (-0.0f64).to_bits());
        assert_eq!(key, Key { seed: u64::MAX, order: Order::Sequential, batch: 8, rows: 100 });
        let empty = Progress::default();
        assert_eq!(Progress::from_metadata(&empty.metadata(&plan(), 1)).unwrap().unwrap().0, empty);
    }

    #[test]
    fn weights_alone_have_no_progress_and_damaged_entries_are_named() {
        assert_eq!(Progress::from_metadata(&BTreeMap::new()), Ok(None));
        let mut entries = Progress::default().metadata(&plan(), 1);
        entries.insert("cursor".into(), "-1".into());
        assert_eq!(Progress::from_metadata(&entries).unwrap_err(), "its entry `cursor` is \"-1\"");
        entries.remove("cursor");
        assert_eq!(Progress::from_metadata(&entries).unwrap_err(), "it has no entry `cursor`");
        entries.insert("cursor".into(), "0".into());
        entries.insert("sums".into(), "xyz".into());
        assert_eq!(Progress::from_metadata(&entries).unwrap_err(), "its entry `sums` is \"xyz\"");
        entries.insert("sums".into(), String::new());
        entries.insert("weights".into(), "1,2".into());
        assert_eq!(Progress::from_metadata(&entries).unwrap_err(), "its entry `weights` is \"1,2\"");
    }
}
