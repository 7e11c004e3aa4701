//! Statements that make layers, parameters and states.

use crate::body::{Body, Elem, factors};
use crate::values::Production;

pub(crate) const LAYERS: &[Production] = &[
    dense,
    dense,
    chain,
    chain,
    normal,
    recurrent,
    recurrent,
    attending,
    conv,
    conv,
    conv,
    conv_transpose,
    image,
    embedding,
    weights,
    named_weights,
    bias,
    statistic,
    stacked,
    own,
    own,
    own,
];

const INITIALIZERS: &[&str] = &[
    "filled(0.3)",
    "glorot_normal()",
    "glorot_uniform(gain = 0.5)",
    "he_normal()",
    "he_uniform()",
    "lecun_normal()",
    "normal(deviation = 0.2)",
    "ones()",
    "uniform()",
    "zeros()",
    "normal(0.1, 0.3)",
    "small()",
    "0.25",
];

fn dense(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let units = b.size();
    let ty = b.ty(x).ending(units);
    let bias = if b.rng.chance(0.3) { ", bias = false" } else { "" };
    let text = format!("Dense({units}{bias})({})", b.take(x));
    if b.fits(&ty) { b.bind(ty, &text) } else { None }
}

/// A pipe of stages that keep the shape but for the last axis.
fn chain(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let mut ty = b.ty(x);
    let mut text = b.take(x);
    for _ in 0..2 + b.rng.below(3) {
        let stage = match b.rng.below(10) {
            0 => "relu".to_owned(),
            1 => "LayerNorm".to_owned(),
            2 => "RMSNorm".to_owned(),
            3 => "BatchNorm".to_owned(),
            4 => "PReLU".to_owned(),
            5 => "Dropout(0.3)".to_owned(),
            6 => "Dropout".to_owned(),
            7 => "gelu".to_owned(),
            8 => "BatchNorm(momentum = 0.3)".to_owned(),
            _ => {
                let units = b.size();
                ty = ty.ending(units);
                format!("Dense({units}) as pinned{}_{}", b.vals.len(), text.len())
            }
        };
        text = format!("{text} |> {stage}");
        if !b.fits(&ty) {
            return None;
        }
    }
    b.bind(ty, &text)
}

fn normal(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(2)?;
    let ty = b.ty(x);
    let name = b.take(x);
    let groups = factors(ty.last());
    let text = match b.rng.below(3) {
        0 => format!("InstanceNorm()({name})"),
        1 => format!("InstanceNorm(affine = true)({name})"),
        _ => format!("GroupNorm({})({name})", b.rng.pick(&groups)),
    };
    b.bind(ty, &text)
}

fn recurrent(b: &mut Body<'_>) -> Option<usize> {
    let x = b.find(|t| t.is_float() && t.rows && t.dims.len() == 2)?;
    let units = 1 + b.rng.below(5);
    let ty = b.ty(x).ending(units);
    let bias = if b.rng.chance(0.3) { ", bias = false" } else { "" };
    let name = b.take(x);
    let kind = *b.rng.pick(&["RNN", "GRU", "LSTM", "ProjectedLSTM", "RNN"]);
    let made = match kind {
        "ProjectedLSTM" => format!("ProjectedLSTM(3, {units}{bias})"),
        "RNN" if b.rng.chance(0.5) => format!("RNN({units}, sin{bias})"),
        _ => format!("{kind}({units}{bias})"),
    };
    match b.rng.below(5) {
        0 => b.bind(ty.ending(2 * units), &format!("{name} |> Bidirectional({made})")),
        1 => b.bind(ty, &format!("{name} |> Stacked(2, {made})")),
        2 if kind == "GRU" => {
            let (p, q) = (b.fresh("p"), b.fresh("q"));
            let before = format!("{p}, {q} = GRU({units}, states = true)({name})\n");
            b.bind_after(
                &before,
                ty.clone(),
                &format!("{p} + {q}[batch, new, n{units}]").replace(&format!("n{units}]"), "..]"),
            )
        }
        _ => b.bind(ty, &format!("{made}({name})")),
    }
}

fn attending(b: &mut Body<'_>) -> Option<usize> {
    let x = b.find(|t| t.is_float() && t.rows && t.dims.len() == 2)?;
    let ty = b.ty(x);
    let heads = factors(ty.last());
    let heads = *b.rng.pick(&heads);
    let name = b.take(x);
    match b.rng.below(4) {
        0 => b.bind(ty, &format!("SelfAttention({heads})({name})")),
        1 => b.bind(ty, &format!("SelfAttention({heads}, causal = true, bias = false)({name})")),
        2 => {
            let most = ty.dims[0] + b.rng.below(2);
            b.bind(ty, &format!("{name} |> Positions({most}, start = normal(deviation = 0.2))"))
        }
        _ => {
            let y = b.find(|t| t.is_float() && t.rows && t.dims.len() == 2)?;
            let text = format!("CrossAttention({heads})({name}, {})", b.take(y));
            b.bind(ty, &text)
        }
    }
}

/// A convolution with everything that it may be told.
fn conv(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(2)?;
    let ty = b.ty(x);
    let slid = ty.dims[..ty.dims.len() - 1].to_vec();
    let kernel: Vec<usize> = slid.iter().map(|_| 1 + b.rng.below(3)).collect();
    let (stride, dilation) = (1 + b.rng.below(3), 1 + b.rng.below(2));
    let padding = b.rng.below(3);
    let groups = factors(ty.last());
    let groups = *b.rng.pick(&groups);
    let filters = groups * (1 + b.rng.below(3));
    let mut dims = vec![];
    for (n, k) in slid.iter().zip(&kernel) {
        let span = (k - 1) * dilation + 1;
        dims.push(((n + 2 * padding).checked_sub(span)?) / stride + 1);
    }
    dims.push(filters);
    let ty = ty.with(dims);
    let text = format!(
        "{} |> Conv({filters}, {kernel:?}, stride = {stride}, padding = {padding}, dilation = {dilation}, groups = {groups})",
        b.take(x)
    );
    if b.fits(&ty) { b.bind(ty, &text) } else { None }
}

fn conv_transpose(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(2)?;
    let ty = b.ty(x);
    let slid = ty.dims[..ty.dims.len() - 1].to_vec();
    let kernel: Vec<usize> = slid.iter().map(|_| 1 + b.rng.below(3)).collect();
    let stride = 1 + b.rng.below(2);
    let filters = 1 + b.rng.below(4);
    let mut dims: Vec<usize> = slid.iter().zip(&kernel).map(|(n, k)| (n - 1) * stride + k).collect();
    dims.push(filters);
    let ty = ty.with(dims);
    let text = format!("{} |> ConvTranspose({filters}, {kernel:?}, stride = {stride})", b.take(x));
    if b.fits(&ty) { b.bind(ty, &text) } else { None }
}

fn image(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(3)?;
    let ty = b.ty(x);
    if b.rng.chance(0.5) {
        let all = factors(ty.last());
        let text = format!("{} |> SqueezeExcite({})", b.take(x), b.rng.pick(&all));
        return b.bind(ty, &text);
    }
    let (filters, stride) = (1 + b.rng.below(4), 1 + b.rng.below(2));
    let ty = ty.with(vec![(ty.dims[0] - 1) / stride + 1, (ty.dims[1] - 1) / stride + 1, filters]);
    let text = format!("{} |> BasicBlock({filters}, stride = {stride})", b.take(x));
    b.bind(ty, &text)
}

fn embedding(b: &mut Body<'_>) -> Option<usize> {
    let c = b.find(|t| matches!(t.elem, Elem::Class(_)) && t.rows)?;
    let units = b.size();
    let mut ty = b.ty(c).of(Elem::Float);
    ty.dims.push(units);
    let text = format!("{} |> Embedding({units})", b.look(c));
    if b.fits(&ty) { b.bind(ty, &text) } else { None }
}

fn weights(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let units = b.size();
    let ty = b.ty(x).ending(units);
    let w = b.fresh("w");
    let n = b.ty(x).last();
    let before = format!("param {w}: [{n}, {units}] = {}\n", b.form(INITIALIZERS));
    let text = format!("{} @ {w}", b.take(x));
    if b.fits(&ty) { b.bind_after(&before, ty, &text) } else { None }
}

fn named_weights(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let units = b.size();
    let ty = b.ty(x).ending(units);
    let w = b.fresh("w");
    let n = b.ty(x).last();
    let before = format!("param {w}: [{units}, n{n} = {n}] = {}\n", b.form(INITIALIZERS));
    let text = format!("dot({}, {w}, over = n{n})", b.take(x));
    if b.fits(&ty) { b.bind_after(&before, ty, &text) } else { None }
}

fn bias(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let w = b.fresh("w");
    let given = b.rng.chance(0.8);
    let start = b.form(INITIALIZERS);
    let name = b.take(x);
    let (before, text) = if given {
        (format!("param {w}: [{}] = {start}\n", ty.last()), format!("{name} * {w} + {w}"))
    } else {
        let condition = format!("n{} > 4", ty.last());
        let before = format!("param {w}: [{}] = {start} if {condition}\n", ty.last());
        (before, format!("if {condition} {{ {name} - {w} }} else {{ sin({name}) }}"))
    };
    b.bind_after(&before, ty, &text)
}

/// A running mean that the value is compared with, before or after it has changed.
fn statistic(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let s = b.fresh("s");
    let name = b.take(x);
    let update = format!("update {s} = lerp({s}, mean({name}, over = all but {}), 0.25)\n", ty.axis(ty.dims.len() - 1));
    let state = format!("state {s}: [{}] = zeros()\n", ty.last());
    match b.rng.below(3) {
        0 => b.bind_after(&format!("{state}{update}"), ty, &format!("{name} - {s}")),
        1 => {
            let before = format!("{state}d{s} = {name} - {s}\nif training {{ {update} }}\n").replace("\n }", " }");
            b.bind_after(&before, ty, &format!("sin(d{s})"))
        }
        _ => {
            let before = format!("state {s}: [] = 0\nupdate {s} = {s} + 1\n");
            b.bind_after(&before, ty, &format!("{name} / (1 + 0.1 * {s})"))
        }
    }
}

fn stacked(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let f = format!("Dense({})", ty.last());
    let made = *b.rng.pick(&["Residual(#)", "Twice(#)", "Stacked(2, #)", "Applied(tanh)"]);
    let text = format!("{} |> {}", b.take(x), made.replace('#', &f));
    b.bind(ty, &text)
}

/// A definition of the file.
fn own(b: &mut Body<'_>) -> Option<usize> {
    if b.own.is_empty() {
        return None;
    }
    let own = b.rng.pick(&b.own).clone();
    let x = b.find(|t| *t == own.takes)?;
    let text = format!("{}({})", own.call, b.take(x));
    b.bind(own.gives, &text)
}
