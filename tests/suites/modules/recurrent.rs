//! Recurrent networks by the library's layers: one for each level and direction, with PyTorch's weights transposed.

use super::{Module, batched};
use crate::suites::case::Case;
use crate::suites::tensors::Tensor;
use crate::suites::text::{Nn, T};
use std::fmt::Write as _;

/// A layer of the program: its name there, what PyTorch's parameters end in, and its units.
pub(super) struct Layer {
    name: String,
    suffix: String,
    units: usize,
    gru: bool,
}

/// The outputs of a recurrent network, its last states among them, and its layers.
pub(super) fn write(nn: &mut Nn, m: &Module<'_>) -> Option<(Vec<T>, Vec<Layer>)> {
    let number = |name: &str, default: f64| m.made.num(9, name, default) as usize;
    let (units, features) = (number("hidden_size", 0.0), number("proj_size", 0.0));
    let (bias, first) = (m.made.flag(9, "bias", true), m.made.flag(9, "batch_first", false));
    if m.training && m.made.num(9, "dropout", 0.0) > 0.0 {
        return None;
    }
    let (layer, size, n_states) = match m.name.as_str() {
        "nn.RNN" => {
            let f = m.made.text(9, "nonlinearity", "tanh");
            (format!("RNN({units}, activation = {f}, bias = {bias}, states = true)"), units, 1)
        }
        "nn.GRU" => (format!("GRU({units}, bias = {bias}, states = true)"), units, 1),
        "nn.LSTM" if features > 0 => {
            (format!("ProjectedLSTM({units}, {features}, bias = {bias}, states = true)"), features, 2)
        }
        "nn.LSTM" => (format!("LSTM({units}, bias = {bias}, states = true)"), units, 2),
        _ => return None,
    };
    let given = m.input(0).ok()?;
    let begin: Vec<T> = (1..=n_states).filter_map(|i| m.input(i).ok()).collect();
    let mut x = batched(nn, &given, first);
    let (batch, time) = (x.shape[0], x.shape[1]);
    // Of one row the states have no axis for the batch.
    let rows: &[usize] = if given.rank() == 2 { &[] } else { &[batch] };
    let (mut layers, mut last) = (vec![], vec![vec![]; n_states]);
    let directions = if m.made.flag(9, "bidirectional", false) { &["", "_reverse"][..] } else { &[""] };
    for level in 0..number("num_layers", 1.0) {
        let mut ways = vec![];
        for suffix in directions {
            let k = layers.len();
            let turn = |nn: &mut Nn, x: &T| match *suffix {
                "" => x.clone(),
                _ => nn.along(x, 1, |x, over| format!("reverse({x}, over = {over})")),
            };
            let from = turn(nn, &x);
            let begin: Vec<String> = begin
                .iter()
                .map(|t| {
                    let t = nn.take(t, 0, k);
                    let size = t.shape[t.rank() - 1];
                    nn.reshape(&t, &[batch, size]).name
                })
                .collect();
            let begin = if begin.is_empty() { String::new() } else { format!("({})", begin.join(", ")) };
            let states = [T::new(format!("h{k}"), &[batch, size]), T::new(format!("c{k}"), &[batch, units])];
            let names: Vec<&str> = states[..n_states].iter().map(|t| t.name.as_str()).collect();
            let line = format!("{} |> {layer}{begin} as layer{k}", from.name);
            let _ = writeln!(nn.lines, "    y{k}, {} = {line}", names.join(", "));
            ways.push(turn(nn, &T::new(format!("y{k}"), &[batch, time, size])));
            for (all, t) in last.iter_mut().zip(&states) {
                all.push(nn.reshape(t, &[&[1], rows, &t.shape[1..]].concat()));
            }
            layers.push(Layer {
                name: format!("layer{k}"),
                suffix: format!("_l{level}{suffix}"),
                units,
                gru: m.name == "nn.GRU",
            });
        }
        x = nn.concat(&ways, 2);
    }
    let out = match (given.rank(), first) {
        (2, _) => nn.reshape(&x, &x.shape[1..]),
        (_, true) => x,
        _ => nn.permute(&x, &[1, 0, 2]),
    };
    let last: Vec<T> = last.iter().map(|parts| nn.concat(parts, 0)).collect();
    Some(([vec![out], last].concat(), layers))
}

/// The case with its parameters in the layers. `b` is the sum of PyTorch's two biases; of its gate n, a GRU has the second apart,
/// as `c`.
pub(super) fn trained(mut case: Case, layers: &[Layer]) -> Case {
    for layer in layers {
        let theirs = |what: &str| format!("param_{what}{}", layer.suffix);
        let path = |ours: &str| format!("{}.{ours}", layer.name);
        for (what, ours) in [("weight_ih", "w"), ("weight_hh", "u"), ("weight_hr", "p")] {
            if let Some(t) = case.tensors.remove(&theirs(what)) {
                case.layers.push((path(ours), t.transposed()));
            }
            rename(&mut case, &theirs(what), &path(ours), Tensor::transposed);
        }
        let both = (case.tensors.remove(&theirs("bias_ih")), case.tensors.remove(&theirs("bias_hh")));
        let (Some(mut b), Some(hidden)) = both else { continue };
        // The gates whose biases meet nowhere else than in their sum.
        let together = if layer.gru { 2 * layer.units } else { b.values.len() };
        for (x, y) in b.values.iter_mut().zip(&hidden.values[..together]) {
            *x += y;
        }
        case.layers.push((path("b"), b));
        rename(&mut case, &theirs("bias_ih"), &path("b"), Tensor::clone);
        if layer.gru {
            let tail =
                |t: &Tensor| Tensor { shape: vec![layer.units], dtype: t.dtype, values: t.values[together..].to_vec() };
            case.layers.push((path("c"), tail(&hidden)));
            rename(&mut case, &theirs("bias_hh"), &path("c"), tail);
        } else {
            rename(&mut case, &theirs("bias_hh"), &path("b"), Tensor::clone);
        }
    }
    case
}

/// Takes a gradient by another path, in the form that it has there.
fn rename(case: &mut Case, theirs: &str, path: &str, form: impl Fn(&Tensor) -> Tensor) {
    for (name, grad) in case.grads.iter_mut().filter(|(name, _)| name == theirs) {
        (*name, *grad) = (path.to_owned(), form(grad));
    }
}
