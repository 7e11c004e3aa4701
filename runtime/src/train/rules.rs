//! The rules of a `train` block that look at an epoch's figures: which weights to keep, and when to stop.

use super::figures::Figures;
use super::plan::{Part, Plan, Watch};
use super::progress::{Best, Progress};

/// What the rules say after an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    /// The weights are to be kept: the watched value.
    pub(crate) keep: Option<f64>,
    /// Training is to stop: the number of epochs without improvement.
    pub(crate) stop: Option<u64>,
}

/// Applies the rules to the figures after `epoch` and notes the outcome in `progress`. A rule that watches a part without
/// rows (or the test part, which nothing may look at before the end) is silent.
pub(crate) fn judge(plan: &Plan, progress: &mut Progress, epoch: u64, train: &Figures, valid: &Figures) -> Verdict {
    let value = |watch: &Watch| match watch.part {
        Part::Train => train.scalar(&watch.figure),
        Part::Valid => valid.scalar(&watch.figure),
        Part::Test => None,
    };
    let mut verdict = Verdict::default();
    if let Some((watch, new)) = plan.keep.as_ref().and_then(|watch| Some((watch, value(watch)?)))
        && watch.improves(new, progress.best.map(|best| best.value))
    {
        progress.best = Some(Best { value: new, epoch });
        verdict.keep = Some(new);
    }
    if let Some((patience, watch, new)) = plan.stop.as_ref().and_then(|(n, watch)| Some((*n, watch, value(watch)?))) {
        if watch.improves(new, progress.stop_best) {
            progress.stop_best = Some(new);
            progress.stop_waited = 0;
        } else {
            progress.stop_waited += 1;
        }
        verdict.stop = (progress.stop_waited >= patience.max(1)).then_some(progress.stop_waited);
    }
    verdict
}
