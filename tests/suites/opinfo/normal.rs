//! Norms, distances and normalisations.

use super::Row;
use super::pointwise::channels;
use crate::suites::call::{Call, Outputs};
use crate::suites::literal::Arg;
use crate::suites::text::{Nn, T, number};

/// Rows of this family.
pub(super) const ROWS: &[Row] = &[
    ("norm", |nn, call| {
        let x = call.input()?;
        let axes = call.axes(&x, 2, "dim");
        let keep = call.flag(3, "keepdim", false);
        match call.arg(1, "p") {
            Some(Arg::Text(kind)) if kind == "nuc" => Err("excused: needs an SVD".into()),
            Some(Arg::Num(p)) => Ok(vec![norm(nn, &x, *p, &axes, keep)]),
            _ => Ok(vec![norm(nn, &x, 2.0, &axes, keep)]),
        }
    }),
    ("linalg.vector_norm", |nn, call| {
        let x = call.input()?;
        let axes = call.axes(&x, 2, "dim");
        Ok(vec![norm(nn, &x, call.num(1, "ord", 2.0), &axes, call.flag(3, "keepdim", false))])
    }),
    ("linalg.norm", matrix_norm),
    ("nn.functional.normalize", |nn, call| {
        let x = call.input()?;
        let (p, axis) = (call.num(1, "p", 2.0), x.axis(call.num(2, "dim", 1.0)));
        let eps = number(call.num(3, "eps", 1e-12));
        if p == 2.0 {
            return Ok(vec![nn.along(&x, axis, |x, over| format!("normalize({x}, over = {over}, eps = {eps})"))]);
        }
        let n = norm(nn, &x, p, &[axis], true);
        Ok(vec![nn.zip(&[&x, &n], |v| format!("{} / max({}, {eps})", v[0], v[1]))])
    }),
    ("nn.functional.cosine_similarity", |nn, call| {
        let (a, b) = (call.input()?, call.needed(1, "x2")?);
        let eps = number(call.num(3, "eps", 1e-8));
        if a.rank() == 0 {
            let (a, b) = (nn.reshape(&a, &[1]), nn.reshape(&b, &[1]));
            return Ok(vec![nn.bind(format!("cosine_similarity({}, {}, eps = {eps})", a.name, b.name), &[])]);
        }
        let shape = crate::suites::text::common(&[&a, &b]);
        let (a, b) = (nn.expand(&a, &shape), nn.expand(&b, &shape));
        let axis = a.axis(call.num(2, "dim", 1.0));
        let names: Vec<String> = (0..shape.len()).map(crate::suites::text::axis_name).collect();
        let mut left = shape.clone();
        left.remove(axis);
        let body = format!("cosine_similarity(x0, x1, over = {}, eps = {eps})", names[axis]);
        Ok(vec![nn.function(&[(&a, names.clone()), (&b, names)], body, &left)])
    }),
    ("nn.functional.pairwise_distance", |nn, call| {
        let (a, b) = (call.input()?, call.needed(1, "x2")?);
        let (p, eps) = (number(call.num(2, "p", 2.0)), number(call.num(3, "eps", 1e-6)));
        let t = nn.zip(&[&a, &b], |v| format!("pairwise_distance({}, {}, p = {p}, eps = {eps})", v[0], v[1]));
        let mut shape = a.shape.clone();
        shape.pop();
        let t = T::new(t.name, &shape);
        if call.flag(4, "keepdim", false) {
            shape.push(1);
        }
        Ok(vec![nn.reshape(&t, &shape)])
    }),
    ("nn.functional.layer_norm", |nn, call| {
        let x = call.input()?;
        let axes = last(&x, call.list(1, "normalized_shape").unwrap_or_default().len());
        let t = standardize(nn, &x, &axes, call.num(4, "eps", 1e-5));
        Ok(vec![affine(nn, t, call.value(2, "weight"), call.value(3, "bias"))])
    }),
    ("nn.functional.rms_norm", |nn, call| {
        let x = call.input()?;
        let axes = last(&x, call.list(1, "normalized_shape").unwrap_or_default().len());
        let eps = number(call.num(3, "eps", f64::EPSILON));
        let r = nn.reduce(&x, &axes, true, |x, over| format!("rsqrt(mean({x}^2, over = {over}) + {eps})"));
        let t = nn.zip(&[&x, &r], |v| format!("{} * {}", v[0], v[1]));
        Ok(vec![affine(nn, t, call.value(2, "weight"), None)])
    }),
    ("nn.functional.group_norm", |nn, call| {
        let (x, groups) = (call.input()?, call.num(1, "num_groups", 1.0) as usize);
        let t = by_group(nn, &x, groups, call.num(4, "eps", 1e-5));
        let (w, b) = of_channels(nn, call, &x, 2);
        Ok(vec![affine(nn, t, w, b)])
    }),
    ("nn.functional.instance_norm", |nn, call| {
        let x = call.input()?;
        let t = standardize(nn, &x, &(2..x.rank()).collect::<Vec<_>>(), call.num(7, "eps", 1e-5));
        let (w, b) = of_channels(nn, call, &x, 3);
        Ok(vec![affine(nn, t, w, b)])
    }),
    ("nn.functional.batch_norm", |nn, call| {
        let x = call.input()?;
        let eps = call.num(7, "eps", 1e-5);
        let t = if call.flag(5, "training", false) {
            let axes: Vec<usize> = (0..x.rank()).filter(|i| *i != 1).collect();
            standardize(nn, &x, &axes, eps)
        } else {
            let (m, v) = (call.needed(1, "running_mean")?, call.needed(2, "running_var")?);
            let (m, v) = (channels(nn, &m, x.rank()), channels(nn, &v, x.rank()));
            let eps = number(eps);
            nn.zip(&[&x, &m, &v], |v| format!("({} - {}) * rsqrt({} + {eps})", v[0], v[1], v[2]))
        };
        let (w, b) = of_channels(nn, call, &x, 3);
        Ok(vec![affine(nn, t, w, b)])
    }),
];

fn last(x: &T, n: usize) -> Vec<usize> {
    (x.rank() - n..x.rank()).collect()
}

/// The p-norm over axes, infinite ones as extremes.
fn norm(nn: &mut Nn, x: &T, p: f64, axes: &[usize], keep: bool) -> T {
    let x = if x.rank() == 0 { nn.reshape(x, &[1]) } else { x.clone() };
    let single = x.shape == [1] && axes.is_empty();
    let axes = if single { &[0][..] } else { axes };
    let t = nn.reduce(&x, axes, keep && !single, |x, over| match p {
        0.0 => format!("sum(where({x} == 0, 0.0, 1.0), over = {over})"),
        f64::INFINITY => format!("max(abs({x}), over = {over})"),
        f64::NEG_INFINITY => format!("min(abs({x}), over = {over})"),
        2.0 => format!("norm({x}, over = {over})"),
        _ => format!("norm({x}, over = {over}, p = {p})"),
    });
    if single { nn.reshape(&t, &[]) } else { t }
}

/// Of a matrix 1 and infinity are sums of absolute values along one axis, the largest or smallest of them.
fn matrix_norm(nn: &mut Nn, call: &Call<'_>) -> Outputs {
    let x = call.input()?;
    let keep = call.flag(3, "keepdim", false);
    let dims = call.list(2, "dim");
    let axes = call.axes(&x, 2, "dim");
    let order = match call.arg(1, "ord") {
        None => return Ok(vec![norm(nn, &x, 2.0, &axes, keep)]),
        Some(Arg::Text(kind)) if kind == "fro" => return Ok(vec![norm(nn, &x, 2.0, &axes, keep)]),
        Some(Arg::Num(order)) => *order,
        Some(_) => return Err("excused: needs an SVD".into()),
    };
    if x.rank() == 1 || dims.is_some_and(|d| d.len() == 1) {
        return Ok(vec![norm(nn, &x, order, &axes, keep)]);
    }
    let [rows, columns] = axes[..] else { return Err("no matrix".into()) };
    let summed = match order.abs() {
        1.0 => rows,
        f64::INFINITY => columns,
        _ => return Err("excused: needs an SVD".into()),
    };
    let sums = nn.reduce(&x, &[summed], true, |x, over| format!("sum(abs({x}), over = {over})"));
    let f = if order > 0.0 { "max" } else { "min" };
    let other = if summed == rows { columns } else { rows };
    let t = nn.reduce(&sums, &[other], true, |x, over| format!("{f}({x}, over = {over})"));
    Ok(vec![if keep { t } else { nn.squeeze(&t, &[rows, columns]) }])
}

/// (x − mean) / sqrt(var + eps) over axes.
pub(in crate::suites) fn standardize(nn: &mut Nn, x: &T, axes: &[usize], eps: f64) -> T {
    let over: Vec<String> = axes.iter().map(|i| crate::suites::text::axis_name(*i)).collect();
    nn.of(x, format!("standardize(x0, over = [{}], eps = {})", over.join(", "), number(eps)), &x.shape)
}

/// Channels, PyTorch's second axis, in groups: each group over its channels and all later axes.
pub(in crate::suites) fn by_group(nn: &mut Nn, x: &T, groups: usize, eps: f64) -> T {
    let mut shape = vec![x.shape[0], groups, x.shape[1] / groups];
    shape.extend(&x.shape[2..]);
    let apart = nn.reshape(x, &shape);
    let t = standardize(nn, &apart, &(2..shape.len()).collect::<Vec<_>>(), eps);
    nn.reshape(&t, &x.shape)
}

/// Weight and bias of each channel as they meet the input.
fn of_channels(nn: &mut Nn, call: &Call<'_>, x: &T, place: usize) -> (Option<T>, Option<T>) {
    let w = call.value(place, "weight").map(|w| channels(nn, &w, x.rank()));
    let b = call.value(place + 1, "bias").map(|b| channels(nn, &b, x.rank()));
    (w, b)
}

/// t · weight + bias, each where there is one.
pub(in crate::suites) fn affine(nn: &mut Nn, mut t: T, w: Option<T>, b: Option<T>) -> T {
    if let Some(w) = w {
        t = nn.zip(&[&t, &w], |v| format!("{} * {}", v[0], v[1]));
    }
    if let Some(b) = b {
        t = nn.zip(&[&t, &b], |v| format!("{} + {}", v[0], v[1]));
    }
    t
}
