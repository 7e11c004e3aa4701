//! What of the standard library is compared with numbers from elsewhere, and by what: every definition stands in a list here, or
//! in a program of the repository's own goldens, or is used by one that does.

use super::library;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What the programs of PyTorch's databases call, suite by suite. A suite that runs fails where this is not so.
const SUITES: [(&str, &str); 3] = [
    (
        "opinfo",
        "acosh adaptive_avg_pool adaptive_max_pool asin asinh atan2 atanh avg_pool bce celu cosh cosine_embedding \
         cosine_similarity cross_entropy ctc deviation fmod gaussian_nll gelu gelu_tanh glu grid_sample hardshrink \
         hardsigmoid hardswish hardtanh hinge_embedding huber interpolate kl_div leaky_relu local_response_norm log10 log2 \
         log_softmax logaddexp logsigmoid logsumexp mae margin_ranking max_pool max_pool_places mish mse multi_margin nll norm \
         normalize pairwise_distance poisson_nll prelu relu relu6 rsqrt scatter selu sigmoid silu sinh smooth_l1 soft_margin \
         softmax softmin softplus softshrink softsign sort tan tanhshrink top_k triplet_margin trunc variance",
    ),
    ("module", "BatchNorm Dense Embedding GRU GroupNorm InstanceNorm LSTM LayerNorm PReLU ProjectedLSTM RMSNorm RNN"),
    ("optim", "ASGD AdaGrad Adadelta Adafactor Adam AdamW Adamax Momentum NAdam RAdam RMSprop Rprop SGD"),
];

/// What is tested elsewhere: the names, where, and why there.
const ELSEWHERE: [(&str, &str, &str); 8] = [
    (
        "cosine exponential step_decay warmup",
        "tests/golden/trajectories/make.py",
        "rates are seen in trajectories only",
    ),
    ("inverse_sqrt one_cycle polynomial restarts", "tests/library/schedules.nn", "rates are seen in what they change"),
    ("eased", "models/std/schedule/one_cycle.nn", "it is part of a rate"),
    ("ema swa", "tests/training.rs", "they are rates of averages"),
    (
        "identity lecun_uniform orthogonal truncated_normal",
        "tests/library/initializers.nn",
        "they draw: means, deviations and ranges are looked at",
    ),
    ("constant", "compiler/tests/filetests/run/schedules.nn", "it is the number it is given"),
    ("Dropout", "compiler/tests/filetests/run/dropout.nn", "its mask is drawn"),
    (
        "filled glorot_normal glorot_uniform he_normal he_uniform lecun_normal normal ones uniform zeros",
        "compiler/tests/filetests/run/initializers.nn",
        "they draw: means, deviations and ranges are looked at",
    ),
];

/// The names in a text.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty())
}

/// The names that the list promises of a suite and its programs do not hold.
pub(crate) fn broken(suite: &str, programs: &BTreeSet<String>) -> Vec<&'static str> {
    let promised = SUITES.iter().filter(|(name, _)| *name == suite).flat_map(|(_, names)| words(names));
    promised.filter(|name| !programs.contains(*name)).collect()
}

/// A definition of the library.
struct Definition {
    kind: &'static str,
    /// What it uses.
    words: BTreeSet<&'static str>,
}

/// All definitions by name.
fn definitions() -> BTreeMap<&'static str, Definition> {
    let code = |text: &'static str| text.lines().filter(|line| !line.starts_with("//"));
    let of = |text: &'static str| {
        let mut all = code(text).flat_map(words);
        Some((all.next()?, all.next()?, all.collect::<BTreeSet<_>>()))
    };
    let files = nnc_models::LIBRARY.iter().filter_map(|(_, text)| of(text));
    files.map(|(kind, name, words)| (name, Definition { kind, words })).collect()
}

/// The texts of the programs in a folder.
fn programs(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let programs = files.filter(|path| path.extension().is_some_and(|end| end == "nn"));
    programs.filter_map(|path| std::fs::read_to_string(path).ok()).collect()
}

/// What is wrong with the lists, one line a definition.
pub(crate) fn gaps(folder: &Path) -> Vec<String> {
    let definitions = definitions();
    // Their names are words that other texts use for other things.
    let told = |name: &str| definitions.get(name).is_some_and(|d| !["initializer", "schedule"].contains(&d.kind));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // What PyTorch's databases lack has programs of its own, here and in `tests/library.rs`.
    let own = [library::programs(folder), programs(&root.join("tests/library"))].concat();
    let listed = SUITES.iter().flat_map(|(_, names)| words(names));
    let mut open: Vec<&str> = listed.chain(own.iter().flat_map(|text| words(text))).collect();
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    while let Some(name) = open.pop() {
        if told(name) && reached.insert(name) {
            open.extend(definitions.get(name).iter().flat_map(|d| d.words.iter().copied()));
        }
    }
    let mut gaps = vec![];
    for (names, file, _) in ELSEWHERE {
        let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
        for name in words(names) {
            if !words(&text).any(|w| w == name) {
                gaps.push(format!("{file} says nothing of {name}"));
            } else if !definitions.contains_key(name) || !reached.insert(name) {
                gaps.push(format!("{name} needs no place in the list"));
            }
        }
    }
    let missing = definitions.iter().filter(|(name, _)| !reached.contains(*name));
    gaps.extend(missing.map(|(name, d)| format!("nothing compares the {} {name}", d.kind)));
    gaps
}
