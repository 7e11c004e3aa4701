//! The suite of modules: `module_db`'s samples, layers of the library where it has them in training, functions elsewhere.

mod layers;
mod recurrent;

use super::call::{Call, Outputs, Reason, program_name};
use super::case::{Case, Form};
use super::literal::{Arg, parse};
use super::measure::Tally;
use super::opinfo::attention::{Heads, multi_head};
use super::opinfo::ctc::{ctc, numbers};
use super::opinfo::losses::{cross_entropy, divergence, logits, nll};
use super::opinfo::normal::{affine, by_group, standardize};
use super::opinfo::pointwise::channels;
use super::opinfo::products::linear;
use super::opinfo::windows::{convolved, transposed};
use super::tensors::{Golden, Parts, Tensor, files, numbered};
use super::text::{Nn, T, number};
use nnc_runtime::dtype::DType;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A module as it is made and called.
struct Module<'a> {
    /// `nn.Linear`
    name: String,
    /// Whether it trains.
    training: bool,
    /// Its constructor.
    made: Call<'a>,
    /// The forward call, tensors by name.
    call: Call<'a>,
    tensors: &'a BTreeMap<String, Tensor>,
}

impl Module<'_> {
    fn param(&self, name: &str) -> Option<T> {
        let key = program_name(&format!("param.{name}"));
        self.tensors.get(&key).map(|t| T::new(key, &t.shape))
    }

    fn needed(&self, name: &str) -> Result<T, Reason> {
        self.param(name).ok_or_else(|| format!("no parameter {name}"))
    }

    fn input(&self, i: usize) -> Result<T, Reason> {
        let tensor = |a: &Arg| self.call.tensor_of(a);
        let mut flat =
            self.call.args.iter().flat_map(|a| if a.items().is_empty() { std::slice::from_ref(a) } else { a.items() });
        flat.nth(i).and_then(tensor).ok_or_else(|| format!("no input {i}"))
    }
}

/// Every file of the folder; what became of them.
pub(crate) fn run(folder: &Path) -> Tally {
    let paths = files(folder);
    super::parallel(&paths, |path: &PathBuf, tally, pools| {
        let name = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        one(&name, &Golden::read(path)).judge(tally, pools);
    })
}

/// Puts the names of tensors in the place of `'in'`, in order.
fn named(arg: &Arg, next: &mut usize) -> Arg {
    match arg {
        Arg::Text(word) if word == "in" => {
            let name = format!("in{next}");
            *next += 1;
            Arg::Dict(vec![("tensor".into(), Arg::Text(name))])
        }
        Arg::List(items) => Arg::List(items.iter().map(|a| named(a, next)).collect()),
        Arg::Dict(pairs) => Arg::Dict(pairs.iter().map(|(k, a)| (k.clone(), named(a, next))).collect()),
        other => other.clone(),
    }
}

fn one(name: &str, golden: &Golden) -> Case {
    let (mut parts, mut by_number) = (Parts::default(), BTreeMap::new());
    for (key, tensor) in &golden.tensors {
        match numbered(key, "grad") {
            Some(k) => drop(by_number.insert(k, tensor.clone())),
            None => parts.place(key, program_name(key), tensor),
        }
    }
    let Parts { inputs: tensors, outs, cts } = parts;
    let names = golden.meta("grads").split_whitespace().map(program_name);
    let grads: Vec<(String, Tensor)> =
        names.enumerate().filter_map(|(k, n)| Some((n, by_number.remove(&k)?))).collect();
    let all = tensors.clone();
    let call_of = |arg: &Arg| {
        let (args, kwargs) = match arg.items() {
            [args, kwargs] => (args.items().to_vec(), kwargs.clone()),
            _ => (vec![], Arg::None),
        };
        Call { variant: "", args, kwargs, tensors: &all }
    };
    let module = Module {
        name: golden.meta("module").to_owned(),
        training: golden.meta("mode") == "train",
        made: call_of(&parse(golden.meta("constructor"))),
        call: call_of(&named(&parse(golden.meta("forward")), &mut 0)),
        tensors: &all,
    };
    let mut nn = Nn::default();
    let empty = tensors.values().chain(outs.values()).any(|t| t.values.is_empty());
    // As a step of training, where parameters lie in layers; a recurrent network is the same in both modes.
    let train = |nn, outputs| {
        let (name, tensors, outs) = (name.to_owned(), tensors.clone(), outs.clone());
        let (cts, grads) = (cts.clone(), grads.clone());
        Case { name, nn, outputs: Ok(outputs), form: Form::Train, tensors, outs, cts, grads, layers: vec![] }
    };
    if !empty && let Some((out, layer)) = layers::write(&mut nn, &module) {
        return layers::trained(train(nn, vec![out]), layer);
    }
    if !empty && let Some((outputs, layers)) = recurrent::write(&mut nn, &module) {
        return recurrent::trained(train(nn, outputs), &layers);
    }
    let name = name.to_owned();
    let outputs = if empty { Err("excused: empty tensor".into()) } else { write(&mut nn, &module) };
    Case { name, nn, outputs, form: Form::Predict, tensors, outs, cts, grads, layers: vec![] }
}

/// The program of a module.
fn write(nn: &mut Nn, m: &Module<'_>) -> Outputs {
    let out = match m.name.as_str() {
        "nn.Linear" => {
            let (x, w) = (m.input(0)?, m.needed("weight")?);
            linear(nn, &x, &w, m.param("bias").as_ref())
        }
        "nn.PReLU" => {
            let (x, slope) = (m.input(0)?, m.needed("weight")?);
            let slope = channels(nn, &slope, x.rank());
            nn.zip(&[&x, &slope], |v| format!("prelu({}, {})", v[0], v[1]))
        }
        "nn.MSELoss" => loss(nn, m, "mse({x}, {y})", "({x} - {y})^2")?,
        "nn.HuberLoss" => loss(nn, m, "huber({x}, {y})", "")?,
        "nn.KLDivLoss" => {
            let (x, mut y) = (m.input(0)?, m.input(1)?);
            // One case passes one tensor twice, so that its gradients are those of both places together.
            if m.tensors.get(&x.name).map(|t| &t.values) == m.tensors.get(&y.name).map(|t| &t.values) {
                y = x.clone();
            }
            divergence(nn, &m.made, &x, &y)
        }
        "nn.BCEWithLogitsLoss" => {
            let (x, y) = (m.input(0)?, m.input(1)?);
            let (w, p) = (weights(nn, m, "weight"), weights(nn, m, "pos_weight"));
            logits(nn, &m.made, &x, &y, w, p)
        }
        "nn.NLLLoss" => {
            let (x, y, w) = (m.input(0)?, m.input(1)?, weights(nn, m, "weight"));
            nll(nn, &m.made, &x, &y, w)
        }
        "nn.CrossEntropyLoss" => {
            let (x, y, w) = (m.input(0)?, m.input(1)?, weights(nn, m, "weight"));
            // What is asked of a loss stands in its constructor; its tensors are the call's.
            cross_entropy(nn, &m.made, &x, &y, w)
        }
        "nn.LayerNorm" | "nn.RMSNorm" => {
            let x = m.input(0)?;
            let n = m.made.list(0, "normalized_shape").unwrap_or_default().len();
            let axes: Vec<usize> = (x.rank() - n..x.rank()).collect();
            if m.name == "nn.LayerNorm" {
                let t = standardize(nn, &x, &axes, m.made.num(1, "eps", 1e-5));
                affine(nn, t, m.param("weight"), m.param("bias"))
            } else {
                let eps = number(m.made.num(1, "eps", f64::EPSILON));
                let r = nn.reduce(&x, &axes, true, |x, over| format!("rsqrt(mean({x}^2, over = {over}) + {eps})"));
                let t = nn.zip(&[&x, &r], |v| format!("{} * {}", v[0], v[1]));
                affine(nn, t, m.param("weight"), None)
            }
        }
        "nn.GroupNorm" => {
            let x = m.input(0)?;
            let t = by_group(nn, &x, m.made.num(0, "num_groups", 1.0) as usize, m.made.num(2, "eps", 1e-5));
            by_channel(nn, m, t)
        }
        "nn.InstanceNorm2d" => {
            let x = m.input(0)?;
            let eps = m.made.num(1, "eps", 1e-5);
            let rows = if x.rank() == 3 { nn.reshape(&x, &[&[1][..], &x.shape].concat()) } else { x.clone() };
            let t = match (m.param("running_mean"), m.param("running_var")) {
                (Some(mean), Some(var)) if !m.training => running(nn, &rows, &mean, &var, eps),
                _ => standardize(nn, &rows, &[2, 3], eps),
            };
            let t = by_channel(nn, m, t);
            nn.reshape(&t, &x.shape)
        }
        "nn.BatchNorm1d" | "nn.BatchNorm2d" => {
            let x = m.input(0)?;
            let eps = m.made.num(1, "eps", 1e-5);
            let t = match (m.param("running_mean"), m.param("running_var")) {
                (Some(mean), Some(var)) if !m.training => running(nn, &x, &mean, &var, eps),
                _ => {
                    let axes: Vec<usize> = (0..x.rank()).filter(|i| *i != 1).collect();
                    standardize(nn, &x, &axes, eps)
                }
            };
            by_channel(nn, m, t)
        }
        "nn.LSTMCell" | "nn.GRUCell" => return cell(nn, m),
        "nn.MultiheadAttention" => return attention(nn, m),
        "nn.TransformerEncoderLayer" => encoder_layer(nn, m)?,
        "nn.RNN" | "nn.LSTM" | "nn.GRU" if m.training => return Err("excused: dropout mask baked in".into()),
        "nn.CTCLoss" => return ctc_loss(nn, m),
        // Kernel, stride, padding, dilation and groups have the places of the function's.
        "nn.Conv1d" | "nn.Conv2d" => {
            let n = if m.name == "nn.Conv1d" { 1 } else { 2 };
            return convolved(nn, &m.made, (m.input(0)?, m.needed("weight")?, m.param("bias")), n);
        }
        "nn.ConvTranspose2d" => {
            return transposed(nn, &m.made, (m.input(0)?, m.needed("weight")?, m.param("bias")), 2);
        }
        name => return Err(format!("no row for {name}")),
    };
    Ok(vec![out])
}

fn loss(nn: &mut Nn, m: &Module<'_>, whole: &str, term: &str) -> Result<T, Reason> {
    let (x, y) = (m.input(0)?, m.input(1)?);
    let put = |text: &str| text.replace("{x}", &x.name).replace("{y}", &y.name);
    let kind = m.made.text(9, "reduction", "mean");
    Ok(match kind.as_str() {
        "mean" => nn.bind(put(whole), &[]),
        "sum" => nn.bind(format!("{} * {}", x.count(), put(whole)), &[]),
        _ => nn.bind(put(term), &x.shape),
    })
}

/// Weights that the constructor spells out, as a value.
fn weights(nn: &mut Nn, m: &Module<'_>, name: &str) -> Option<T> {
    let items = m.made.kwargs.get(name)?.items();
    let n = items.len();
    // A list of numbers is no tensor of the language: one at its place, zero elsewhere, added up.
    let terms: Vec<String> = items
        .iter()
        .enumerate()
        .filter_map(|(i, x)| Some(format!("where(indices({n}) == {i}, {}, 0.0)", number(x.num()?))))
        .collect();
    (!terms.is_empty()).then(|| nn.bind(terms.join(" + "), &[n]))
}

/// Connectionist temporal classification, whose settings stand in the constructor.
fn ctc_loss(nn: &mut Nn, m: &Module<'_>) -> Outputs {
    let (frames, labels) = (numbers(&m.call, 2, "input_lengths")?, numbers(&m.call, 3, "target_lengths")?);
    ctc(nn, &m.made, (&m.input(0)?, &m.input(1)?), frames, labels, m.made.num(0, "blank", 0.0))
}

/// (x − mean) / sqrt(var + eps) by channel.
fn running(nn: &mut Nn, x: &T, mean: &T, var: &T, eps: f64) -> T {
    let (mean, var) = (channels(nn, mean, x.rank()), channels(nn, var, x.rank()));
    let eps = number(eps);
    nn.zip(&[x, &mean, &var], |v| format!("({} - {}) * rsqrt({} + {eps})", v[0], v[1], v[2]))
}

fn by_channel(nn: &mut Nn, m: &Module<'_>, t: T) -> T {
    let of = |nn: &mut Nn, name: &str| m.param(name).map(|p| channels(nn, &p, t.rank()));
    let (w, b) = (of(nn, "weight"), of(nn, "bias"));
    affine(nn, t.clone(), w, b)
}

/// One step of a recurrent cell; PyTorch's gates are i, f, g, o and r, z, n.
fn cell(nn: &mut Nn, m: &Module<'_>) -> Outputs {
    let (x, h) = (m.input(0)?, m.input(1)?);
    let size = h.shape[h.rank() - 1];
    let (bi, bh) = (m.param("bias_ih"), m.param("bias_hh"));
    let wi = linear(nn, &x, &m.needed("weight_ih")?, bi.as_ref());
    let wh = linear(nn, &h, &m.needed("weight_hh")?, bh.as_ref());
    let gate = |nn: &mut Nn, t: &T, i: usize| nn.slice(t, t.rank() - 1, i * size, (i + 1) * size);
    if m.name == "nn.GRUCell" {
        let [r, z] = [0, 1].map(|i| {
            let (a, b) = (gate(nn, &wi, i), gate(nn, &wh, i));
            nn.zip(&[&a, &b], |v| format!("sigmoid({} + {})", v[0], v[1]))
        });
        let (a, b) = (gate(nn, &wi, 2), gate(nn, &wh, 2));
        let n = nn.zip(&[&a, &r, &b], |v| format!("tanh({} + {} * {})", v[0], v[1], v[2]));
        return Ok(vec![nn.zip(&[&z, &n, &h], |v| format!("(1 - {0}) * {1} + {0} * {2}", v[0], v[1], v[2]))]);
    }
    let c = m.input(2)?;
    let all = nn.zip(&[&wi, &wh], |v| format!("{} + {}", v[0], v[1]));
    let [i, f, g, o] = [0, 1, 2, 3].map(|k| gate(nn, &all, k));
    let c = nn.zip(&[&f, &c, &i, &g], |v| format!("sigmoid({}) * {} + sigmoid({}) * tanh({})", v[0], v[1], v[2], v[3]));
    let h = nn.zip(&[&o, &c], |v| format!("sigmoid({}) * tanh({})", v[0], v[1]));
    Ok(vec![h, c])
}

/// 0, or minus infinity where a mask of truth values holds; float masks as they are.
fn added(nn: &mut Nn, m: &Module<'_>, mask: &T) -> T {
    match m.call.behind(mask) {
        Some(t) if t.dtype == DType::Bool => nn.map(mask, |x| format!("where({x} != 0, -1e300 * 1e300, 0.0)")),
        _ => mask.clone(),
    }
}

/// The sum of both masks as it meets scores `[batch, heads, queries, keys]`.
fn masks(nn: &mut Nn, m: &Module<'_>, names: [(usize, &str); 2], batch: usize, heads: usize) -> Option<T> {
    let of = |(place, name): (usize, &str)| m.call.value(place, name);
    let attn = of(names[0]).map(|t| {
        let t = added(nn, m, &t);
        // `[batch · heads, queries, keys]` is taken apart.
        match t.shape[..] {
            [n, q, k] if n == batch * heads => nn.reshape(&t, &[batch, heads, q, k]),
            _ => t,
        }
    });
    let keys = of(names[1]).map(|t| {
        let t = added(nn, m, &t);
        let n = t.shape[t.rank() - 1];
        nn.reshape(&t, &[batch, 1, 1, n])
    });
    match (attn, keys) {
        (Some(a), Some(k)) => Some(nn.zip(&[&a, &k], |v| format!("{} + {}", v[0], v[1]))),
        (a, k) => a.or(k),
    }
}

fn heads(m: &Module<'_>, prefix: &str, heads: usize, zero: bool, mask: Option<T>) -> Result<Heads, Reason> {
    let name = |n: &str| format!("{prefix}{n}");
    Ok(Heads {
        heads,
        in_weight: m.needed(&name("in_proj_weight"))?,
        in_bias: m.param(&name("in_proj_bias")),
        out_weight: m.needed(&name("out_proj.weight"))?,
        out_bias: m.param(&name("out_proj.bias")),
        bias_k: m.param(&name("bias_k")),
        bias_v: m.param(&name("bias_v")),
        zero,
        mask,
    })
}

/// `[rows, n]` as a batch of one; with the batch in the second axis unless it comes first.
fn batched(nn: &mut Nn, x: &T, batch_first: bool) -> T {
    match (x.shape[..].len(), batch_first) {
        (2, _) => nn.reshape(x, &[1, x.shape[0], x.shape[1]]),
        (_, true) => x.clone(),
        _ => nn.permute(x, &[1, 0, 2]),
    }
}

fn attention(nn: &mut Nn, m: &Module<'_>) -> Outputs {
    let first = m.made.flag(9, "batch_first", false);
    let n_heads = m.made.num(9, "num_heads", 1.0) as usize;
    let (q, k, v) = (m.input(0)?, m.input(1)?, m.input(2)?);
    let single = q.rank() == 2;
    let [a, b, c] = [&q, &k, &v].map(|x| batched(nn, x, first));
    let mask = masks(nn, m, [(9, "attn_mask"), (9, "key_padding_mask")], a.shape[0], n_heads);
    let parts = heads(m, "", n_heads, m.made.flag(9, "add_zero_attn", false), mask)?;
    let (out, p) = multi_head(nn, (&a, &b, &c), &parts);
    if single {
        return Ok(vec![nn.reshape(&out, &q.shape), nn.reshape(&p, &p.shape[1..])]);
    }
    let out = if first { out } else { nn.permute(&out, &[1, 0, 2]) };
    Ok(vec![out, p])
}

fn encoder_layer(nn: &mut Nn, m: &Module<'_>) -> Result<T, Reason> {
    let dropout = m.made.num(3, "dropout", 0.1);
    if m.training && dropout > 0.0 {
        return Err("excused: dropout mask baked in".into());
    }
    let first = m.made.flag(6, "batch_first", false);
    let norm_first = m.made.flag(7, "norm_first", false);
    let n_heads = m.made.num(1, "nhead", 1.0) as usize;
    let eps = m.made.num(5, "layer_norm_eps", 1e-5);
    let f = match m.made.text(4, "activation", "relu").as_str() {
        "relu" => "relu",
        name if name.contains("gelu") => "gelu",
        name => return Err(format!("needs: the activation {name}")),
    };
    let given = m.input(0)?;
    let x = batched(nn, &given, first);
    let mask = masks(nn, m, [(1, "src_mask"), (2, "src_key_padding_mask")], x.shape[0], n_heads);
    let parts = heads(m, "self_attn.", n_heads, false, mask)?;
    let norm = |nn: &mut Nn, x: &T, i: usize| {
        let t = standardize(nn, x, &[2], eps);
        affine(nn, t, m.param(&format!("norm{i}.weight")), m.param(&format!("norm{i}.bias")))
    };
    let (w1, b1) = (m.needed("linear1.weight")?, m.param("linear1.bias"));
    let (w2, b2) = (m.needed("linear2.weight")?, m.param("linear2.bias"));
    let dense = |nn: &mut Nn, x: &T| {
        let t = linear(nn, x, &w1, b1.as_ref());
        let t = nn.map(&t, |x| format!("{f}({x})"));
        linear(nn, &t, &w2, b2.as_ref())
    };
    let plus = |nn: &mut Nn, a: &T, b: &T| nn.zip(&[a, b], |v| format!("{} + {}", v[0], v[1]));
    let out = if norm_first {
        let n = norm(nn, &x, 1);
        let (a, _) = multi_head(nn, (&n, &n, &n), &parts);
        let x = plus(nn, &x, &a);
        let n = norm(nn, &x, 2);
        let d = dense(nn, &n);
        plus(nn, &x, &d)
    } else {
        let (a, _) = multi_head(nn, (&x, &x, &x), &parts);
        let x = plus(nn, &x, &a);
        let x = norm(nn, &x, 1);
        let d = dense(nn, &x);
        let x = plus(nn, &x, &d);
        norm(nn, &x, 2)
    };
    Ok(match (given.rank(), first) {
        (2, _) => nn.reshape(&out, &given.shape),
        (_, true) => out,
        _ => nn.permute(&out, &[1, 0, 2]),
    })
}
