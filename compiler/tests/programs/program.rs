//! Whole programs: data, functions, layers, a model, a train block and a prediction.

use crate::body::{Body, Done, Elem, Own, Ty, Val};
use crate::flow::FLOW;
use crate::layers::LAYERS;
use crate::support::Rng;
use crate::train;
use crate::values::{Production, VALUES};

/// Layers that take layers and functions, which programs use as they are.
const HELPERS: &str = "
layer Residual(f: layer)(x: [.., n]) -> [.., n] { x + f(x) }

layer Twice(f: layer)(x: [.., n]) -> [.., n] { f(x) + (fresh f)(tanh(x)) }

layer Applied(f: fn)(x: [.., n]) -> [.., n] {
    param gain: [n] = ones()
    assert n > 0 : \"{n} features are none\"
    f(x) * gain
}

/// The running minimum of a pass.
metric least(prediction: [..], target: [..]) {
    state low: [] = 1
    update low = min(low, min(abs(prediction - target)))
    low
}

loss power(prediction: [..], target: [..], p: float = 1.5) { mean((abs(prediction - target) + 0.01)^p) }

schedule linear(peak: float) { peak * (1 - t / (2 * steps)) }

initializer small(gain: float = 0.2)(shape) { gain / sqrt(fan_out(shape)) * random_normal(shape) }

optimizer SignStep(lr: rate = 0.01, beta: float = 0.9)(w: [..], g: [..]) -> [..] {
    state m: [..] = zeros()
    update m = lerp(m, g, 1 - beta)
    w - if rank >= 2 and beta < 0.7 { lr * sign(m) } else { lr * tanh(m) }
}

fn pair(x: [..a], y: [..b]) -> ([..a], [..b]) { sin(x), 0.5 * y }
";

/// A definition: its first line, and what it computes.
#[derive(Clone, Debug)]
pub(crate) struct Def {
    head: String,
    body: Done,
}

/// A program in parts, of which some may be left out.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub double: bool,
    /// The rows of a batch.
    pub rows: usize,
    /// The number of classes, and of the features that the model gives.
    pub classes: usize,
    /// Whether a column of texts with a padded axis is read.
    pub padded: bool,
    pub x: Ty,
    pub u: Ty,
    pub tokens: Ty,
    pub defs: Vec<Def>,
    /// Lines of the train block, each of which may be left out.
    pub lines: Vec<String>,
    /// The lines of the train block that stay, the first before the others.
    pub first: String,
    pub train: String,
}

/// The program of a seed.
pub(crate) fn draft(seed: u64) -> Draft {
    let rng = &mut Rng(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let rows = *rng.pick(&[1, 2, 3, 4, 5, 7]);
    let classes = *rng.pick(&[2, 3, 5, 8]);
    let mut draft = Draft {
        double: rng.chance(0.4),
        rows,
        classes,
        padded: rng.chance(0.2),
        x: input(rng, rows, 3),
        u: input(rng, rows, 2),
        tokens: Ty::rows(&[1 + rng.below(3)]).of(Elem::Class(*rng.pick(&[2, 3, 9]))),
        defs: vec![],
        lines: vec![],
        first: String::new(),
        train: String::new(),
    };
    let mut own = vec![];
    for i in 0..rng.below(3) {
        let takes = if rng.chance(0.6) { draft.x.clone() } else { input(rng, rows, 3) };
        let is_layer = rng.chance(0.6);
        let (def, it) = definition(rng, [i, seed as usize], is_layer, takes, rows, &own);
        draft.defs.push(def);
        own.push(it);
    }
    let model = model(rng, &draft, &own, seed as usize);
    draft.defs.push(model);
    train::block(rng, &mut draft, seed);
    draft
}

fn input(rng: &mut Rng, rows: usize, most_axes: usize) -> Ty {
    loop {
        let dims: Vec<usize> = (0..1 + rng.below(most_axes)).map(|_| *rng.pick(&crate::body::SIZES)).collect();
        if rows * dims.iter().product::<usize>() <= 600 {
            return Ty::rows(&dims);
        }
    }
}

/// Statements at random.
fn grow(b: &mut Body<'_>, n: usize) {
    let wanted = b.stmts.len() + n;
    for _ in 0..10 * n {
        if b.stmts.len() >= wanted {
            break;
        }
        let list: &[Production] = match b.rng.below(10) {
            0..=2 if b.layers => LAYERS,
            3 => FLOW,
            _ => VALUES,
        };
        let production = *b.rng.pick(list);
        if production(b).is_none() {
            b.forget();
        }
    }
}

fn definition(rng: &mut Rng, [i, turn]: [usize; 2], is_layer: bool, takes: Ty, rows: usize, own: &[Own]) -> (Def, Own) {
    let x = Val { name: "x".into(), ty: takes.clone() };
    let usable: Vec<Own> = own.iter().filter(|o| is_layer || !o.is_layer).cloned().collect();
    let mut b = Body::new(rng, is_layer, rows, vec![x], &usable);
    b.turn = 7 * turn;
    let with_gain = is_layer && b.rng.chance(0.5);
    if with_gain {
        let x = b.take(0);
        b.bind(takes.clone(), &format!("{x} * gain"));
    }
    let n = 2 + b.rng.below(5);
    grow(&mut b, n);
    let result = b.float(1).unwrap_or(0);
    let gives = b.ty(result);
    let name = format!("{}{i}", if is_layer { "Block" } else { "mix" });
    let kind = if is_layer { "layer" } else { "fn" };
    // A signature that says no sizes takes any.
    let bare: Vec<String> = takes.names();
    let inputs = if b.rng.chance(0.4) { format!("[{}]", bare.join(", ")) } else { takes.text() };
    let settings = if with_gain { "(gain: float = 0.5)" } else { "" };
    let result_type = if b.rng.chance(0.6) { format!(" -> {}", gives.text()) } else { String::new() };
    let head = format!("{kind} {name}{settings}(x: {inputs}){result_type}");
    let call = if with_gain { format!("{name}(gain = {})", b.rng.pick(&["0.25", "1.5", "scale"])) } else { name };
    let call = if is_layer && !with_gain { format!("{call}()") } else { call };
    (Def { head, body: b.finish(result) }, Own { call, is_layer, takes, gives })
}

fn model(rng: &mut Rng, draft: &Draft, own: &[Own], turn: usize) -> Def {
    let value = |name: &str, ty: &Ty| Val { name: name.into(), ty: ty.clone() };
    let inputs = vec![value("x", &draft.x), value("u", &draft.u), value("k", &draft.tokens)];
    let mut b = Body::new(rng, true, draft.rows, inputs, own);
    b.turn = 5 * turn;
    let units = b.size().min(9);
    let text = format!("{} |> Dense({units})", b.take(0));
    b.bind(draft.x.ending(units), &text);
    if draft.padded {
        reading(&mut b);
    }
    // Of rare statements each has its turn.
    let all = [LAYERS, FLOW, VALUES].concat();
    let rare = all[turn % all.len()];
    (0..8).any(|_| {
        b.forget();
        rare(&mut b).is_some()
    });
    let n = 3 + b.rng.below(9);
    grow(&mut b, n);
    let found = b.find(|t| t.is_float() && t.rows && t.dims.len() == 1);
    let flat = found.unwrap_or_else(|| {
        let x = b.take(0);
        let n = draft.x.dims.iter().product();
        b.bind(draft.x.with(vec![n]), &format!("flatten({x})")).unwrap_or(0)
    });
    let text = if draft.padded { ", text: index(_)[batch, time]" } else { "" };
    let text = text.replace('_', "words");
    let head = format!(
        "model Net(x: {}, u: {}, k: {}{text}) -> [batch, {}]",
        draft.x.text(),
        draft.u.text(),
        draft.tokens.text(),
        draft.classes
    );
    let mut body = b.finish(flat);
    body.extra = format!("Dense({})", draft.classes);
    Def { head, body }
}

/// Texts of different length become one value a row.
fn reading(b: &mut Body<'_>) {
    let stages: &[&str] = &[
        "GRU(4)",
        "LSTM(4)",
        "RNN(4)",
        "Bidirectional(GRU(2))",
        "SelfAttention(2)",
        "Dense(4) |> tanh",
        "LayerNorm",
        "Bidirectional(LSTM(2))",
        "SelfAttention(1, causal = true)",
        "Stacked(2, RNN(4))",
        "rotary",
    ];
    let mut read = "text |> Embedding(4)".to_owned();
    for _ in 0..1 + b.rng.below(2) {
        read += " |> ";
        read += b.rng.pick::<&str>(stages);
    }
    let own = "there = mask(time)\nlate = scan i over time reversed with h: [batch, n4 = 4] = 0 {\n    \
               h = where(there[time = i][.., new], tanh(0.5 * h + read[time = i]), h)\n    yield h\n}\n";
    let (scan, of) = if b.rng.chance(0.5) { (own, "late") } else { ("", "read") };
    let mean = format!("sum(where(mask(time)[.., new], {of}, 0), over = time) / max(length(time), 1)[.., new]");
    let last = format!("max(where(mask(time)[.., new], {of}, -1), over = time)");
    let text = if b.rng.chance(0.5) { mean } else { last };
    b.bind_after(&format!("read = {read}\n{scan}"), Ty::rows(&[4]), &text);
}

impl Draft {
    /// The source text.
    pub(crate) fn text(&self) -> String {
        let precision = if self.double { "precision: f64\n" } else { "" };
        let padded =
            if self.padded { "    padded: time\n    text: index(words)[batch, time] = words(name)\n" } else { "" };
        let field = |name: &str, ty: &Ty| format!("    {name}: {} = c{name} / 64 - 1\n", ty.text());
        let defs: String = self.defs.iter().map(|d| format!("{} {{\n{}}}\n\n", d.head, d.body.text())).collect();
        let text = if self.padded { ", text" } else { "" };
        format!(
            "{precision}option lr = 0.05\nscale = 3 / 4\n\ndata D {{\n    source: csv(\"table\")\n{padded}{}{}    \
             k: {} = ck\n    kind: index({classes})[batch] = ckind\n    y: [batch] = cy / 64 - 2\n    \
             w: [batch, {classes}] = cw / 64 - 2\n}}\n{HELPERS}\n{defs}train on D {{\n    batch: {}\n    epochs: 3\n{}{}}}\n\n\
             predict on D {{\n    p = softmax(Net(x, u, k{text}))\n    best = argmax(p)\n}}\n",
            field("x", &self.x),
            field("u", &self.u),
            self.tokens.text(),
            self.rows,
            self.first,
            self.lines.iter().map(|l| format!("    {l}\n")).collect::<String>() + &self.train,
            classes = self.classes,
        )
    }

    /// Programs with a little less.
    pub(crate) fn smaller(&self) -> Vec<Draft> {
        let mut all = vec![];
        for (i, def) in self.defs.iter().enumerate() {
            for body in def.body.smaller() {
                let mut less = self.clone();
                less.defs[i].body = body;
                all.push(less);
            }
            if i + 1 < self.defs.len() {
                let mut less = self.clone();
                less.defs.remove(i);
                all.push(less);
            }
        }
        for i in 0..self.lines.len() {
            let mut less = self.clone();
            less.lines.remove(i);
            all.push(less);
        }
        all
    }
}
