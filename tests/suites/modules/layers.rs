//! Modules that train as layers of the library: parameters lie in the layer and their gradients come from an optimizer.

use super::Module;
use crate::suites::case::Case;
use crate::suites::tensors::Tensor;
use crate::suites::text::{Nn, T, number};

/// What PyTorch's parameter is called in the layer, and whether it is transposed there.
pub(super) type Parameters = &'static [(&'static str, &'static str, bool)];

const AFFINE: Parameters = &[("param_weight", "scale", false), ("param_bias", "shift", false)];

/// Applies the layer that a module in training is, where the library has it as it is set.
pub(super) fn write(nn: &mut Nn, m: &Module<'_>) -> Option<(T, Parameters)> {
    let x = m.training.then(|| m.input(0).ok())??;
    let eps = |place: usize| number(m.made.num(place, "eps", 1e-5));
    let both = m.param("weight").is_some() && m.param("bias").is_some();
    match m.name.as_str() {
        "nn.Linear" if both => {
            let units = m.param("weight")?.shape[0];
            let shape: Vec<usize> = x.shape[..x.rank() - 1].iter().copied().chain([units]).collect();
            let out = nn.bind(format!("{} |> Dense({units}) as layer", x.name), &shape);
            Some((out, &[("param_weight", "w", true), ("param_bias", "b", false)]))
        }
        "nn.Embedding" => {
            let w = m.param("weight")?;
            let shape: Vec<usize> = x.shape.iter().copied().chain([w.shape[1]]).collect();
            let text = format!("index({}, {}) |> Embedding({}) as layer", x.name, w.shape[0], w.shape[1]);
            Some((nn.bind(text, &shape), &[("param_weight", "w", false)]))
        }
        "nn.LayerNorm" if both && m.param("weight")?.rank() == 1 => {
            Some((nn.bind(format!("{} |> LayerNorm(eps = {}) as layer", x.name, eps(1)), &x.shape), AFFINE))
        }
        "nn.RMSNorm" if m.param("weight").is_some_and(|w| w.rank() == 1) => {
            let out = nn.bind(format!("{} |> RMSNorm(eps = {}) as layer", x.name, eps(1)), &x.shape);
            Some((out, &[("param_weight", "scale", false)]))
        }
        "nn.GroupNorm" if both => {
            let groups = m.made.num(0, "num_groups", 1.0);
            Some((channels_last(nn, &x, &format!("GroupNorm({groups}, eps = {})", eps(2))), AFFINE))
        }
        "nn.InstanceNorm2d" if both && x.rank() == 4 => {
            Some((channels_last(nn, &x, &format!("InstanceNorm(affine = true, eps = {})", eps(1))), AFFINE))
        }
        "nn.BatchNorm1d" | "nn.BatchNorm2d" if both => {
            Some((channels_last(nn, &x, &format!("BatchNorm(eps = {})", eps(1))), AFFINE))
        }
        "nn.PReLU" if m.param("weight").is_some_and(|w| w.count() > 1) => {
            Some((channels_last(nn, &x, "PReLU()"), &[("param_weight", "slope", false)]))
        }
        _ => None,
    }
}

/// A layer whose features are PyTorch's second axis.
fn channels_last(nn: &mut Nn, x: &T, layer: &str) -> T {
    let to: Vec<usize> = [0].into_iter().chain(2..x.rank()).chain([1]).collect();
    let back: Vec<usize> = [0, x.rank() - 1].into_iter().chain(1..x.rank() - 1).collect();
    let t = nn.permute(x, &to);
    let t = nn.bind(format!("{} |> {layer} as layer", t.name), &t.shape);
    nn.permute(&t, &back)
}

/// The case with its parameters in the layer.
pub(super) fn trained(mut case: Case, parameters: Parameters) -> Case {
    for (theirs, ours, transposed) in parameters {
        let path = format!("layer.{ours}");
        let turned = |t: &Tensor| if *transposed { t.transposed() } else { t.clone() };
        if let Some(t) = case.tensors.remove(*theirs) {
            case.layers.push((path.clone(), turned(&t)));
        }
        for (name, grad) in case.grads.iter_mut().filter(|(name, _)| name == theirs) {
            (*name, *grad) = (path.clone(), turned(grad));
        }
    }
    // Running statistics are the layer's own.
    case.tensors.retain(|name, _| !name.starts_with("param_"));
    case
}
