//! Which constructs and library definitions the programs have had.

use std::collections::BTreeMap;

/// Constructs of the language, as they are found in a text.
const CONSTRUCTS: &[&str] = &[
    "precision: f64",
    "option ",
    "padded:",
    "words(",
    "mask(time)",
    "length(time)",
    "layer ",
    "fn ",
    "model ",
    "param ",
    "state ",
    "update ",
    " if n",
    "f: layer",
    "f: fn",
    "fresh f",
    "assert ",
    "|>",
    " as ",
    "scan ",
    "reversed",
    ".h",
    "yield ",
    "repeat ",
    "var ",
    "if training",
    "if not training",
    "else",
    "stop_gradient(",
    "grad(",
    "dot(",
    " @ ",
    "* [",
    "([true",
    "rearrange ",
    " with ",
    "concat([",
    "split(",
    "gather(",
    "scatter_add(",
    "index(",
    "argmax(",
    "argsort(",
    "where(",
    "cumsum(",
    "cumprod(",
    "recurrence(",
    "keep = true",
    "new]",
    "all but",
    "over = batch",
    "over = last",
    "window = ",
    "upsample(",
    "random_normal(",
    "random_uniform(",
    "random_mask(",
    "shape(",
    "flatten(",
    "reverse(",
    "prod(",
    "settle(",
    " % ",
    " and ",
    " or ",
    "not ",
    " == ",
    " != ",
    "..]",
    ".., 0]",
    "^2",
    "metric ",
    "loss first",
    "loss second",
    "optimize rest",
    "rank >= 2",
    "then",
    "every 2 steps",
    "accumulate:",
    "clip:",
    "freeze ",
    "predict on",
    "groups = ",
    "dilation = ",
    "padding = ",
    "states = true",
    "align_corners",
    "float(",
    "over turn",
];

/// Definitions of the library that programs reach through others only.
const INNER: &[&str] = &[
    "ctc_sounds",
    "ctc_terms",
    "cosine_embedding_terms",
    "direction",
    "grid_coordinate",
    "grid_inside",
    "grid_pixel",
    "random_flip",
    "random_shift",
];

/// Definitions that the generator does not write: they are made of the operations of those that it does, and their values are
/// compared in `tests/library.rs`.
const BESIDE: &[&str] = &[
    "class_counts",
    "class_mean",
    "eased",
    "edit_terms",
    "row_lengths",
    "erfinv",
    "two_classes",
    "identity",
    "lecun_uniform",
    "orthogonal",
    "truncated_normal",
    "random_flip",
    "random_shift",
    "RandomFlip",
    "RandomShift",
    "SpatialDropout",
    "Upsample",
    "contrastive",
    "cosine_distance",
    "dice",
    "focal",
    "hinge",
    "soft_cross_entropy",
    "auc",
    "edit_distance",
    "f1",
    "iou",
    "recall",
    "LAMB",
    "Lion",
    "Muon",
    "Nesterov",
    "ema",
    "inverse_sqrt",
    "one_cycle",
    "polynomial",
    "restarts",
    "swa",
];

#[derive(Default)]
pub(crate) struct Coverage {
    constructs: BTreeMap<&'static str, u64>,
    definitions: BTreeMap<String, u64>,
}

impl Coverage {
    /// Counts the programs in which each construct and name stands.
    pub(crate) fn add(&mut self, text: &str) {
        for construct in CONSTRUCTS.iter().filter(|c| text.contains(**c)) {
            *self.constructs.entry(construct).or_default() += 1;
        }
        let mut words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        words.sort_unstable();
        words.dedup();
        for word in words {
            *self.definitions.entry(word.to_owned()).or_default() += 1;
        }
    }

    /// What should have occurred and has not.
    pub(crate) fn missing(&self) -> Vec<String> {
        let constructs = CONSTRUCTS.iter().filter(|c| !self.constructs.contains_key(**c)).map(|c| format!("{c:?}"));
        let definitions = library().into_iter().filter(|name| !self.definitions.contains_key(name));
        constructs
            .chain(definitions.filter(|name| !INNER.contains(&name.as_str()) && !BESIDE.contains(&name.as_str())))
            .collect()
    }

    /// The rarest, with how many programs have them.
    pub(crate) fn rarest(&self) -> Vec<(String, u64)> {
        let names = library();
        let of_library = self.definitions.iter().filter(|(name, _)| names.contains(name));
        let constructs = self.constructs.iter().map(|(c, n)| ((*c).to_owned(), *n));
        let mut all: Vec<(String, u64)> = of_library.map(|(name, n)| (name.clone(), *n)).chain(constructs).collect();
        all.sort_by_key(|(_, n)| *n);
        all.truncate(12);
        all
    }
}

/// The names of the library's definitions: the second word of a line that begins with a kind.
fn library() -> Vec<String> {
    let kinds = ["fn ", "layer ", "loss ", "metric ", "optimizer ", "schedule ", "initializer "];
    let name = |line: &str| {
        let rest = kinds.iter().find_map(|kind| line.strip_prefix(kind))?;
        rest.split('(').next().map(str::to_owned)
    };
    nnc_models::LIBRARY.iter().flat_map(|(_, text)| text.lines()).filter_map(name).collect()
}
