//! Sums, extremes and statistics over axes.

use super::Row;
use super::pointwise::two;
use crate::suites::call::{Call, Outputs};
use crate::suites::literal::Arg;
use crate::suites::text::{Nn, T};

/// Rows of this family.
pub(super) const ROWS: &[Row] = &[
    ("sum", |nn, call| reduce(nn, call, "sum")),
    ("mean", |nn, call| reduce(nn, call, "mean")),
    ("amax", |nn, call| reduce(nn, call, "max")),
    ("amin", |nn, call| reduce(nn, call, "min")),
    ("max", |nn, call| extreme(nn, call, "max")),
    ("min", |nn, call| extreme(nn, call, "min")),
    ("var", |nn, call| variance(nn, call, false)),
    ("std", |nn, call| variance(nn, call, true)),
    ("logsumexp", |nn, call| {
        let x = call.input()?;
        let axes = call.axes(&x, 1, "dim");
        // Over several axes one after the other.
        let mut t = x.clone();
        for axis in axes.iter().rev() {
            t = nn.reduce(&t, &[*axis], false, |x, over| {
                format!("logsumexp({x}, over = {})", over.trim_matches(['[', ']']))
            });
        }
        Ok(vec![kept(nn, t, &x, &axes, call.flag(2, "keepdim", false))])
    }),
    ("softmax", |nn, call| along(nn, call, "softmax")),
    ("log_softmax", |nn, call| along(nn, call, "log_softmax")),
    ("nn.functional.softmin", |nn, call| along(nn, call, "softmin")),
];

/// Axes of size 1 in the place of those that were reduced, if they are kept.
fn kept(nn: &mut Nn, t: T, x: &T, axes: &[usize], keep: bool) -> T {
    if !keep || x.rank() == 0 {
        return t;
    }
    let shape: Vec<usize> = (0..x.rank()).map(|i| if axes.contains(&i) { 1 } else { x.shape[i] }).collect();
    nn.reshape(&t, &shape)
}

fn reduce(nn: &mut Nn, call: &Call<'_>, f: &str) -> Outputs {
    let x = call.input()?;
    let axes = call.axes(&x, 1, "dim");
    let keep = call.flag(2, "keepdim", false);
    Ok(vec![nn.reduce(&x, &axes, keep, |x, over| format!("{f}({x}, over = {over})"))])
}

fn along(nn: &mut Nn, call: &Call<'_>, f: &str) -> Outputs {
    let x = call.input()?;
    if x.rank() == 0 {
        // One element is all there is.
        return Ok(vec![
            nn.map(&x, |x| if f == "log_softmax" { format!("{x} - {x}") } else { format!("exp({x} - {x})") }),
        ]);
    }
    let axis = x.axis(call.num(1, "dim", -1.0));
    Ok(vec![nn.along(&x, axis, |x, over| format!("{f}({x}, over = {over})"))])
}

/// `max(x)`, `max(x, dim)` with the place, or `max(x, y)`.
fn extreme(nn: &mut Nn, call: &Call<'_>, f: &str) -> Outputs {
    if call.variant == "binary" {
        return two(nn, call, |v| format!("{f}({}, {})", v[0], v[1]));
    }
    let values = reduce(nn, call, f)?;
    if call.arg(1, "dim").is_none() {
        return Ok(values);
    }
    let x = call.input()?;
    let axis = x.axis(call.num(1, "dim", 0.0));
    let place = if x.rank() == 0 {
        nn.map(&x, |x| format!("0 * {x}"))
    } else {
        let sign = if f == "max" { "" } else { "-" };
        let t = nn.reduce(&x, &[axis], false, |x, over| {
            format!("float(argmax({sign}{x}, over = {}))", over.trim_matches(['[', ']']))
        });
        kept(nn, t, &x, &[axis], call.flag(2, "keepdim", false))
    };
    Ok(values.into_iter().chain([place]).collect())
}

/// Σ (x − mean)² / (n − correction), and its root.
fn variance(nn: &mut Nn, call: &Call<'_>, root: bool) -> Outputs {
    let x = call.input()?;
    // `var(x, unbiased)` or `var(x, dim, …)`.
    let first = call.arg(1, "dim");
    let unbiased = match first {
        Some(Arg::Bool(unbiased)) => Some(*unbiased),
        _ => call.kwargs.get("unbiased").and_then(Arg::num).map(|x| x != 0.0),
    };
    let axes = if matches!(first, Some(Arg::Bool(_))) { (0..x.rank()).collect() } else { call.axes(&x, 1, "dim") };
    let correction = match (unbiased, call.kwargs.get("correction")) {
        (Some(unbiased), _) => f64::from(u8::from(unbiased)),
        (None, Some(Arg::Num(correction))) => *correction,
        _ => 1.0,
    };
    let keep = call.flag(9, "keepdim", false);
    let f = if root { "deviation" } else { "variance" };
    Ok(vec![nn.reduce(&x, &axes, keep, |x, over| format!("{f}({x}, over = {over}, correction = {correction})"))])
}
