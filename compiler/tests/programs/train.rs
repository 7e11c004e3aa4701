//! What a train block says: losses, metrics, optimizers, phases, cadences.

use crate::program::Draft;
use crate::support::Rng;

/// Losses of the model's result `#`, of which the first are by class.
const LOSSES: &[&str] = &[
    "cross_entropy(#, kind)",
    "cross_entropy(#, kind, label_smoothing = 0.1)",
    "cross_entropy(#, kind, ignore = 0)",
    "nll(log_softmax(#), kind)",
    "multi_margin(#, kind)",
    "multi_margin(#, kind, p = 2, margin = 0.5)",
    "mse(#, w)",
    "mae(#, w)",
    "huber(#, w, delta = 0.3)",
    "smooth_l1(#, w, beta = 0.5)",
    "bce(#, sigmoid(w))",
    "kl_div(log_softmax(#), softmax(w))",
    "gaussian_nll(#, w, exp(-abs(#)) + 0.1)",
    "poisson_nll(tanh(#), abs(w))",
    "poisson_nll(abs(#), abs(w), log_input = false, full = true)",
    "hinge_embedding(#, sign(w))",
    "soft_margin(#, sign(w))",
    "margin_ranking(#[.., 0], #[.., 1], sign(y), margin = 0.2) + 0.01 * mean(#^2)",
    "triplet_margin(#, w, -w, swap = true)",
    "triplet_margin(#, w, 2 * w)",
    "cosine_embedding(#, w, sign(y + 0.01))",
    "mean(cosine_similarity(#, w))",
    "mse(#, w) + 0.1 * mean(#^2)",
    "power(#, w)",
    "power(#, w, p = 2.5)",
    "mean(sum((tanh(#) - y[.., new])^2, over = last))",
    "deviation(#) + mean(abs(#))",
];

const METRICS: &[&str] = &[
    "accuracy(z, kind)",
    "confusion(z, kind)",
    "perplexity(z, kind)",
    "r2(z, w)",
    "rmse(z, w)",
    "least(z, w)",
    "top_k_accuracy(z, kind, count = 1)",
    "mean_z = mean(z)",
    "largest = max(abs(z))",
];

const OPTIMIZERS: &[&str] = &[
    "SGD(#)",
    "SGD(#, weight_decay = 0.01)",
    "Momentum(#)",
    "Momentum(#, beta = 0.5, nesterov = true)",
    "Adam(#)",
    "Adam(#, amsgrad = true)",
    "AdamW(#)",
    "Adadelta(#)",
    "Adafactor(#)",
    "AdaGrad(#)",
    "Adamax(#)",
    "ASGD(#, t0 = 1)",
    "NAdam(#)",
    "RAdam(#, decoupled = true)",
    "RMSprop(#)",
    "RMSprop(#, momentum = 0.5, centered = true)",
    "Rprop(#)",
    "SignStep(#)",
    "SignStep(#, beta = 0.5)",
];

const RATES: &[&str] = &[
    "lr",
    "0.02",
    "constant(0.05)",
    "cosine(0.05, total = steps)",
    "exponential(lr, decay = 0.9)",
    "step_decay(0.1, every = 2)",
    "warmup(cosine(lr, 5), n = 2)",
    "warmup(constant(0.1), n = 3)",
    "linear(0.05)",
];

/// One of a list: at random, or the next in turn, so that few programs have all of them.
fn form(rng: &mut Rng, list: &'static [&'static str], turn: u64) -> &'static str {
    if rng.chance(0.25) { rng.pick::<&str>(list) } else { list[turn as usize % list.len()] }
}

fn optimizer(rng: &mut Rng, turn: u64) -> String {
    form(rng, OPTIMIZERS, turn).replace('#', form(rng, RATES, turn))
}

/// Fills the train block in.
pub(crate) fn block(rng: &mut Rng, draft: &mut Draft, turn: u64) {
    let text = if draft.padded { ", text" } else { "" };
    let net = |x: &str| format!("Net({x}, u, k{text})");
    for i in 0..rng.below(3) as u64 {
        draft.lines.push(format!("metric {}", form(rng, METRICS, turn + i)));
    }
    draft.lines.sort();
    draft.lines.dedup();
    if rng.chance(0.3) {
        draft.lines.push(format!("clip: {}", rng.pick(&["0.5", "2"])));
    }
    let loss = |rng: &mut Rng, z: &str| form(rng, LOSSES, turn).replace('#', z);
    let first = loss(rng, "z");
    let (one, two) = (optimizer(rng, turn), optimizer(rng, turn + 1));
    draft.first = format!("    z = {}\n", net("x"));
    let mut out = String::new();
    match rng.below(9) {
        0 => {
            // A penalty of the slope by the input.
            out += &format!("    near = 0.5 * x\n    slope = grad(sum(tanh({})), near)\n", net("near"));
            out += &format!("    loss = {first} + 0.1 * mean(slope^2)\n    optimize Net with {one}\n");
        }
        1 => {
            out += &format!(
                "    loss = {first}\n    optimize Net if rank >= 2 with {one}\n    optimize rest with {two}\n"
            );
        }
        2 => {
            out += &format!("    loss first = {first}\n    loss second = {}\n", loss(rng, "z"));
            out += &format!("    optimize Net.dense on first with {one}\n    optimize rest on second with {two}\n");
        }
        3 => {
            out += &format!("    loss first = {first}\n    optimize Net on first with {one}\n    then\n");
            out += &format!("    loss second = {}\n", loss(rng, &net("x")));
            out += &format!("    optimize Net.dense.w on second with {two}\n");
        }
        4 => {
            out += &format!(
                "    loss first = {first}\n    optimize Net on first with {one}\n    then\n    every 2 steps {{\n"
            );
            out += &format!("        again = {}\n        loss second = {}\n", net("sin(x)"), loss(rng, "again"));
            out += &format!("        optimize Net.dense on second with {two}\n    }}\n");
        }
        5 => {
            out += &format!("    accumulate: 2\n    loss = {first}\n    optimize Net with {one}\n");
        }
        6 => {
            out += &format!("    freeze Net.dense\n    loss = {first}\n    optimize rest with {one}\n");
        }
        7 => {
            out += &format!("    noise = 0.1 * random_normal(shape(x))\n    loss = {}\n", loss(rng, &net("x + noise")));
            out += &format!("    optimize Net with {one}\n");
        }
        _ => out += &format!("    loss = {first}\n    optimize Net with {one}\n"),
    }
    draft.train = out;
}
