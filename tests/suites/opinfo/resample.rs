//! Images brought to other sizes, and sampled by grids.

use super::Row;
use super::windows::{inward, outward};
use crate::suites::call::{Call, Outputs};
use crate::suites::text::{Nn, number};

/// Rows of this family.
pub(super) const ROWS: &[Row] = &[
    ("nn.functional.interpolate", |nn, call| interpolate(nn, call, &call.text(3, "mode", "nearest"))),
    ("nn.functional.upsample_nearest", |nn, call| interpolate(nn, call, "nearest")),
    ("nn.functional.upsample_bilinear", |nn, call| interpolate(nn, call, "corners")),
    ("nn.functional.grid_sample", |nn, call| {
        let (x, grid) = (call.input()?, call.needed(1, "grid")?);
        let n = x.rank() - 2;
        let mode = match call.text(2, "mode", "bilinear").as_str() {
            "nearest" => "nearest",
            "bicubic" => "cubic",
            _ => "linear",
        };
        let (padding, corners) = (call.text(3, "padding_mode", "zeros"), call.flag(4, "align_corners", false));
        let x = inward(nn, &x, n);
        let mut shape = grid.shape.clone();
        shape[n + 1] = x.shape[n + 1];
        let text = format!(
            "grid_sample({}, {}, mode = {mode}, padding = {padding}, align_corners = {corners})",
            x.name, grid.name
        );
        let y = nn.bind(text, &shape);
        Ok(vec![outward(nn, &y, n)])
    }),
];

fn interpolate(nn: &mut Nn, call: &Call<'_>, mode: &str) -> Outputs {
    let x = call.input()?;
    let n = x.rank() - 2;
    let corners = mode == "corners" || call.flag(4, "align_corners", false);
    let factor = call.num(2, "scale_factor", 0.0);
    let sizes: Vec<usize> = match call.list(1, "size") {
        Some(one) if one.len() == 1 => vec![one[0] as usize; n],
        Some(sizes) => sizes.iter().map(|s| *s as usize).collect(),
        None => x.shape[2..].iter().map(|s| (*s as f64 * factor).floor() as usize).collect(),
    };
    // The factor itself counts unless PyTorch is to find it anew from the sizes.
    let kept = call.arg(1, "size").is_none() && !call.flag(5, "recompute_scale_factor", false);
    let scale = if kept && mode != "area" { number(factor) } else { "0".into() };
    let mode = match mode {
        "nearest" => "nearest",
        "nearest-exact" => "exact",
        "bicubic" => "cubic",
        "area" => "area",
        _ => "linear",
    };
    let t = inward(nn, &x, n);
    let shape: Vec<usize> = [x.shape[0]].into_iter().chain(sizes.iter().copied()).chain([x.shape[1]]).collect();
    let text = format!("interpolate({}, {sizes:?}, mode = {mode}, align_corners = {corners}, scale = {scale})", t.name);
    let y = nn.bind(text, &shape);
    Ok(vec![outward(nn, &y, n)])
}
