//! The library: each definition is applied in a small program that trains and predicts, so it is elaborated in every mode.

use crate::{check, show};
use nnc_grammar::ast::{Def, DefKind, ItemKind};
use nnc_grammar::parse::parse;
use nnc_grammar::print::format;
use nnc_grammar::span::Sources;

/// What a program does with a definition: a stage of the model, a function of its result `z: [batch, 3]`, a further loss
/// line, an optimizer.
struct Use {
    stage: String,
    output: String,
    line: String,
    optimizer: String,
}

impl Use {
    fn plain() -> Use {
        Use { stage: "relu".into(), output: "z".into(), line: String::new(), optimizer: "SGD()".into() }
    }

    fn program(&self) -> String {
        let Use { stage, output, line, optimizer } = self;
        format!(
            r#"
data Rows {{
    source: csv("table")
    x: [batch, 1] = a |> rearrange [n] -> [n, 1]
    y: [batch] = b
    kind: index(3)[batch] = k
}}

layer Shift(start: initializer)(x: [.., n]) -> [.., n] {{
    param s: [2, n] = start
    x + s[0, ..] * s[1, ..]
}}

layer _Looked(table: layer)(x: [.., n]) -> [.., n] {{ x + table(argmax(x)) }}

layer _Met(f: layer)(x: [batch, n]) -> [batch, n] {{
    y = x |> rearrange [b, n] -> [b, n, 1]
    f(y, y) |> rearrange [b, n, 1] -> [b, n]
}}

model Net(x: [batch, n]) -> [batch, 3] {{ x |> Dense(3) |> Shift(zeros()) |> {stage} }}

train on Rows {{
    batch:  4
    epochs: 2
    z = Net(x)
    loss = mean(z^2) + 0 * sum(y) + 0 * sum(one_hot(kind))
    metric seen = sum({output}) |> float
    {line}
    optimize rest with {optimizer}
}}

predict on Rows {{
    z = Net(x)
    p = {output}
}}
"#
        )
    }
}

/// A stage whose features are places of an axis with one feature.
fn over_time(stage: &str) -> String {
    format!("rearrange [b, n] -> [b, n, 1] |> {stage} |> rearrange [b, n, 1] -> [b, n]")
}

/// How a definition is put to use.
fn use_of(def: &Def) -> Use {
    let name = def.name.text.as_str();
    let plain = Use::plain();
    let call = |arguments: &str| format!("{name}({arguments})");
    match (def.kind, name) {
        (DefKind::Layer, "SelfAttention") => Use { stage: over_time(&call("1")), ..plain },
        (DefKind::Layer, "CrossAttention") => Use { stage: format!("_Met({})", call("1")), ..plain },
        (DefKind::Layer, "Positions") => Use { stage: over_time(&call("3")), ..plain },
        (DefKind::Fn, "attention") => {
            let places = "z |> rearrange [b, c] -> [b, c, 1]";
            Use { output: call(&format!("{places}, {places}, {places}")), ..plain }
        }
        (DefKind::Fn, "mask_future") => Use { output: call("z |> rearrange [b, c] -> [b, c, 1]"), ..plain },
        (DefKind::Fn, "split_heads") => Use { output: call("z |> rearrange [b, c] -> [b, c, 1], 1"), ..plain },
        (DefKind::Fn, "join_heads") => Use { output: call("z |> rearrange [b, c] -> [b, 1, c, 1]"), ..plain },
        (DefKind::Fn, "rotary") => Use { output: call("concat([z, z])"), ..plain },
        (DefKind::Layer, "Embedding") => Use { stage: format!("_Looked({})", call("3")), ..plain },
        (DefKind::Layer, "Dense") => Use { stage: call("3"), ..plain },
        (DefKind::Layer, "RNN" | "LSTM" | "GRU") => Use { stage: over_time(&call("1")), ..plain },
        (DefKind::Layer, "ProjectedLSTM") => Use { stage: over_time(&call("2, 1")), ..plain },
        (DefKind::Layer, "Bidirectional") => {
            Use { stage: over_time(&format!("{} |> Dense(1)", call("GRU(2)"))), ..plain }
        }
        (DefKind::Layer, "Stacked") => Use { stage: call("2, Dense(3)"), ..plain },
        (DefKind::Layer, "GroupNorm") => Use { stage: call("3"), ..plain },
        (DefKind::Fn, "random_flip" | "random_shift") => {
            Use { output: call("z |> rearrange [b, c] -> [b, c, 1]"), ..plain }
        }
        (DefKind::Layer, "RandomFlip" | "RandomShift") => {
            let stage = format!("rearrange [b, c] -> [b, 1, 1, c] |> {} |> flatten", call(""));
            Use { stage, ..plain }
        }
        (DefKind::Layer, "Upsample") => Use { stage: over_time(&call("1, mode = linear")), ..plain },
        (DefKind::Layer, "BasicBlock" | "SqueezeExcite") => {
            let stage = format!("rearrange [b, c] -> [b, 1, 1, c] |> {} |> flatten", call("3"));
            Use { stage, ..plain }
        }
        (DefKind::Layer, "Conv" | "ConvTranspose") => {
            let stage = format!("rearrange [b, c] -> [b, 1, c] |> {} |> flatten", call("3, [1]"));
            Use { stage, ..plain }
        }
        (DefKind::Layer, _) => Use { stage: call(""), ..plain },
        (DefKind::Fn, "one_hot") => Use { output: "one_hot(argmax(z))".into(), ..plain },
        (DefKind::Fn, "top_k" | "max_pool_places") => {
            let given = if name == "top_k" { "z, 2" } else { "z |> rearrange [b, c] -> [b, c, 1], [2]" };
            let line = format!("v, p = {}\n    metric it = sum(v) + sum(float(p))", call(given));
            Use { line, ..plain }
        }
        (DefKind::Fn, "max_unpool") => {
            let image = "rearrange [b, c] -> [b, 1, c, 1]";
            Use { output: call(&format!("z |> {image}, index(z, 3) |> {image}, 1")), ..plain }
        }
        (DefKind::Fn, "scatter") => Use { output: call("z, index(z, 3), z^2"), ..plain },
        (DefKind::Fn, "local_response_norm") => Use { output: call("z, 2"), ..plain },
        (DefKind::Fn, "resample") => Use { output: call("z, 5"), ..plain },
        (DefKind::Fn, "interpolate") => Use { output: call("z |> rearrange [b, c] -> [b, c, 1], [5]"), ..plain },
        (DefKind::Fn, "grid_coordinate") => Use { output: call("z, 5, true"), ..plain },
        (DefKind::Fn, "grid_inside") => Use { output: call("z, 5, border, true"), ..plain },
        (DefKind::Fn, "grid_pixel") => Use { output: call("z |> rearrange [b, c] -> [b, c, 1], z"), ..plain },
        (DefKind::Fn, "grid_sample") => {
            let column = "z |> rearrange [b, c] -> [b, c, 1]";
            Use { output: call(&format!("{column}, {column}")), ..plain }
        }
        (DefKind::Fn, "ctc_sounds") => Use { output: call("z |> rearrange [b, c] -> [b, 1, c], index(z, 3)"), ..plain },
        (DefKind::Fn, "ctc_terms") => {
            Use { output: call("z |> rearrange [b, c] -> [b, 1, c], index(z, 3), z[.., 0], z[.., 1]"), ..plain }
        }
        (DefKind::Loss, "ctc") => {
            let given = call("z |> rearrange [b, c] -> [b, 1, c], index(z, 3), z[.., 0], z[.., 1]");
            Use { line: format!("metric it = {given}"), ..plain }
        }
        (DefKind::Fn, "lerp") => Use { output: call("z, z^2, 0.5"), ..plain },
        (DefKind::Fn, "direction") => Use { output: call("z, z^2, 0.5, true"), ..plain },
        (DefKind::Fn, "moments") => Use { output: "concat(moments(z, over = batch))".into(), ..plain },
        (DefKind::Fn, "lp_pool") => Use { output: call("z |> rearrange [b, c] -> [b, c, 1], 2, [2]"), ..plain },
        (DefKind::Fn, "global_avg_pool" | "global_max_pool") => {
            Use { output: call("z |> rearrange [b, c] -> [b, c, 1]"), ..plain }
        }
        (DefKind::Fn, "max_pool" | "avg_pool") => {
            Use { output: call("z |> rearrange [b, c] -> [b, c, 1], [2]"), ..plain }
        }
        (DefKind::Fn, "adaptive_avg_pool" | "adaptive_max_pool") => {
            Use { output: call("z |> rearrange [b, c] -> [b, c, 1], [1]"), ..plain }
        }
        (DefKind::Fn, "eased") => Use { output: call("mean(z)"), ..plain },
        (DefKind::Fn, "class_counts") => {
            Use { line: format!("a, b, c = {}\n    metric it = sum(a + b + c)", call("z, kind")), ..plain }
        }
        (DefKind::Fn, "class_mean") => {
            Use { output: call("sum(z, over = batch), sum(z^2, over = batch), sum(z, over = batch), 1"), ..plain }
        }
        (DefKind::Fn, "row_lengths") => Use { output: call("index(z, 3)"), ..plain },
        (DefKind::Fn, "edit_terms") => Use { output: call("index(z, 3), index(-z, 3), z > 0, z < 0"), ..plain },
        (DefKind::Fn, "glu") => Use { output: "glu(concat([z, z]))".into(), ..plain },
        (DefKind::Fn, "standardize_groups") => Use { output: call("z |> rearrange [b, c] -> [b, c, 1]"), ..plain },
        (DefKind::Fn, "cosine_embedding_terms") => Use { output: call("z, z^2, z[.., 0], 0.5"), ..plain },
        (DefKind::Fn, _) if def.inputs.iter().filter(|p| p.default.is_none()).count() == 2 => {
            Use { output: call("z, z^2"), ..plain }
        }
        (DefKind::Fn, _) => Use { output: call("z"), ..plain },
        (DefKind::Loss, "kl_div") => Use { line: format!("metric it = {}", call("z, z^2")), ..plain },
        (DefKind::Loss, "margin_ranking" | "gaussian_nll") => {
            Use { line: format!("metric it = {}", call("z[.., 0], z[.., 1], y")), ..plain }
        }
        (DefKind::Loss, "triplet_margin") => Use { line: format!("metric it = {}", call("z, z^2, -z")), ..plain },
        (DefKind::Loss, "cosine_distance") => Use { line: format!("metric it = {}", call("z, z^2")), ..plain },
        (DefKind::Loss, "soft_cross_entropy") => {
            Use { line: format!("metric it = {}", call("z, softmax(-z)")), ..plain }
        }
        (DefKind::Metric, "edit_distance") => {
            Use { line: format!("metric it = {}", call("index(z, 3), index(-z, 3)")), ..plain }
        }
        (DefKind::Loss, "cosine_embedding" | "contrastive") => {
            Use { line: format!("metric it = {}", call("z, z^2, y")), ..plain }
        }
        (DefKind::Loss | DefKind::Metric, _) => {
            let scores = ["logits", "scores", "log_probability"];
            let one_logit = ["bce", "focal", "dice", "auc"].contains(&name);
            let of_classes = !one_logit && def.inputs.iter().any(|p| scores.contains(&p.name.text.as_str()));
            let arguments = if of_classes { "z, kind" } else { "z[.., 0], y" };
            Use { line: format!("metric it = {}", call(arguments)), ..plain }
        }
        (DefKind::Optimizer, "Muon") => Use { line: format!("optimize Net if rank == 2 with {}", call("")), ..plain },
        (DefKind::Optimizer, _) => Use { optimizer: call(""), ..plain },
        (DefKind::Schedule, "constant") => Use { optimizer: format!("SGD({})", call("0.1")), ..plain },
        (DefKind::Schedule, "ema" | "swa") => {
            Use { optimizer: format!("SGD(0.1)\n    average: {}", call("")), ..plain }
        }
        (DefKind::Schedule, "warmup") => Use { optimizer: format!("SGD({})", call("cosine(0.1, steps), 5")), ..plain },
        (DefKind::Schedule, _) => Use { optimizer: format!("SGD({})", call("0.1, 5")), ..plain },
        (DefKind::Initializer, "filled") => Use { stage: format!("Shift({})", call("0.5")), ..plain },
        (DefKind::Initializer, _) => Use { stage: format!("Shift({})", call("")), ..plain },
        (DefKind::Model, _) => panic!("the library has no models, but `{name}`"),
    }
}

#[test]
fn every_definition_elaborates() {
    let mut n_definitions = 0;
    for (file, text) in nnc_models::LIBRARY {
        let mut sources = Sources::new();
        let id = sources.add(*file, *text);
        assert_eq!(format(&sources, id).as_deref(), Ok(*text), "{file} is not formatted");
        let (tree, mistakes) = parse(&sources, id);
        assert!(mistakes.is_empty(), "{file}: {mistakes:?}");
        for item in tree.items {
            let ItemKind::Def(def) = item.kind else { panic!("{file} holds something that is no definition") };
            assert!(item.doc.is_some(), "`{}` says nothing of itself", def.name.text);
            let program = use_of(&def).program();
            let checked = check(&program, &[]);
            let what = show::reports(&checked).join("\n");
            assert!(
                checked.diagnostics.is_empty() && checked.program.is_some(),
                "{}\n{program}\n{what}",
                def.name.text
            );
            n_definitions += 1;
        }
    }
    assert!(n_definitions > 40, "{n_definitions} definitions");
}
