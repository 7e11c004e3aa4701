//! Operations that move elements and compute nothing.

use super::Row;
use crate::suites::call::{Call, Outputs};
use crate::suites::literal::Arg;
use crate::suites::text::{Nn, T, axis_name, number};

/// Rows of this family.
pub(super) const ROWS: &[Row] = &[
    ("reshape", reshape),
    ("view", reshape),
    ("flatten", |nn, call| {
        let x = call.input()?;
        if x.rank() == 0 {
            return Ok(vec![nn.reshape(&x, &[1])]);
        }
        let (from, to) = (x.axis(call.num(1, "start_dim", 0.0)), x.axis(call.num(2, "end_dim", -1.0)));
        let joined = x.shape[from..=to].iter().product();
        let shape: Vec<usize> =
            x.shape[..from].iter().copied().chain([joined]).chain(x.shape[to + 1..].iter().copied()).collect();
        Ok(vec![nn.reshape(&x, &shape)])
    }),
    ("squeeze", |nn, call| {
        let x = call.input()?;
        let dims = call.list(1, "dim").unwrap_or_else(|| (0..x.rank() as i64).collect());
        let mut axes: Vec<usize> =
            if x.rank() == 0 { vec![] } else { dims.iter().map(|d| x.axis(*d as f64)).collect() };
        axes.retain(|i| x.shape[*i] == 1);
        Ok(vec![nn.squeeze(&x, &axes)])
    }),
    ("unsqueeze", |nn, call| {
        let x = call.input()?;
        let dim = call.num(1, "dim", 0.0);
        let at = if dim < 0.0 { dim + x.rank() as f64 + 1.0 } else { dim } as usize;
        Ok(vec![unsqueeze(nn, &x, at)])
    }),
    ("transpose", |nn, call| {
        let x = call.input()?;
        let mut perm: Vec<usize> = (0..x.rank()).collect();
        if x.rank() > 0 {
            perm.swap(x.axis(call.num(1, "dim0", 0.0)), x.axis(call.num(2, "dim1", 0.0)));
        }
        Ok(vec![nn.permute(&x, &perm)])
    }),
    ("permute", |nn, call| {
        let x = call.input()?;
        let perm: Vec<usize> = call.list(1, "dims").unwrap_or_default().iter().map(|d| x.axis(*d as f64)).collect();
        Ok(vec![nn.permute(&x, &perm)])
    }),
    ("expand", |nn, call| {
        let x = call.input()?;
        let mut shape: Vec<i64> = call.list(1, "size").unwrap_or_default();
        let offset = shape.len() - x.rank();
        for (i, size) in shape.iter_mut().enumerate().filter(|(_, s)| **s < 0) {
            *size = x.shape[i - offset] as i64;
        }
        let shape: Vec<usize> = shape.iter().map(|s| *s as usize).collect();
        Ok(vec![nn.expand(&x, &shape)])
    }),
    ("repeat", repeat),
    ("tile", repeat),
    ("select", |nn, call| {
        let x = call.input()?;
        let axis = x.axis(call.num(1, "dim", 0.0));
        let i = call.num(2, "index", 0.0);
        let i = if i < 0.0 { i + x.shape[axis] as f64 } else { i } as usize;
        Ok(vec![nn.take(&x, axis, i)])
    }),
    ("narrow", |nn, call| {
        let x = call.input()?;
        let axis = x.axis(call.num(1, "dim", 0.0));
        // The start may come as a tensor, whose value is known here.
        let start = call
            .value(2, "start")
            .and_then(|t| Some(*call.behind(&t)?.values.first()?))
            .unwrap_or_else(|| call.num(2, "start", 0.0));
        let start = if start < 0.0 { start + x.shape[axis] as f64 } else { start } as usize;
        Ok(vec![nn.slice(&x, axis, start, start + call.num(3, "length", 0.0) as usize)])
    }),
    ("chunk", |nn, call| {
        let x = call.input()?;
        let axis = x.axis(call.num(2, "dim", 0.0));
        let part = x.shape[axis].div_ceil(call.num(1, "chunks", 1.0) as usize);
        Ok(parts(nn, &x, axis, &even(x.shape[axis], part)))
    }),
    ("split", |nn, call| {
        let x = call.input()?;
        let axis = x.axis(call.num(2, "dim", 0.0));
        let sizes = match call.arg(1, "split_size") {
            Some(Arg::Num(n)) => even(x.shape[axis], *n as usize),
            _ => call.list(1, "split_size").unwrap_or_default().iter().map(|n| *n as usize).collect(),
        };
        Ok(parts(nn, &x, axis, &sizes))
    }),
    ("cat", |nn, call| {
        let values = list(call)?;
        let axis = values[0].axis(call.num(1, "dim", 0.0));
        Ok(vec![nn.concat(&values, axis)])
    }),
    ("stack", |nn, call| {
        let values = list(call)?;
        let dim = call.num(1, "dim", 0.0);
        let at = if dim < 0.0 { dim + values[0].rank() as f64 + 1.0 } else { dim } as usize;
        let values: Vec<T> = values.iter().map(|t| unsqueeze(nn, t, at)).collect();
        Ok(vec![nn.concat(&values, at)])
    }),
    ("flip", |nn, call| {
        let mut x = call.input()?;
        for d in call.list(1, "dims").unwrap_or_default() {
            let axis = x.axis(d as f64);
            x = reverse(nn, &x, axis);
        }
        Ok(vec![x])
    }),
    ("roll", |nn, call| {
        let x = call.input()?;
        let shifts = call.list(1, "shifts").unwrap_or_default();
        let dims = call.list(2, "dims").unwrap_or_default();
        let mut t = if dims.is_empty() { nn.reshape(&x, &[x.count()]) } else { x.clone() };
        let dims = if dims.is_empty() { vec![0] } else { dims };
        for (shift, d) in shifts.iter().zip(dims) {
            let axis = t.axis(d as f64);
            let n = t.shape[axis];
            let cut = (n as i64 - shift.rem_euclid(n as i64)) as usize % n;
            if cut > 0 {
                let (head, tail) = (nn.slice(&t, axis, 0, cut), nn.slice(&t, axis, cut, n));
                t = nn.concat(&[tail, head], axis);
            }
        }
        Ok(vec![nn.reshape(&t, &x.shape)])
    }),
    ("tril", |nn, call| triangle(nn, call, "<=")),
    ("triu", |nn, call| triangle(nn, call, ">=")),
    ("nn.functional.pixel_shuffle", |nn, call| {
        let (x, r) = (call.input()?, call.num(1, "upscale_factor", 1.0) as usize);
        let [b, c, h, w] = x.shape[..] else { return Err("needs: another rank of pixel_shuffle".into()) };
        let shape = [b, c / (r * r), h * r, w * r];
        Ok(vec![nn.bind(
            format!("{} |> rearrange [b, (c p q), h, w] -> [b, c, (h p), (w q)] with p = {r}, q = {r}", x.name),
            &shape,
        )])
    }),
    ("nn.functional.pixel_unshuffle", |nn, call| {
        let (x, r) = (call.input()?, call.num(1, "downscale_factor", 1.0) as usize);
        let [b, c, h, w] = x.shape[..] else { return Err("needs: another rank of pixel_unshuffle".into()) };
        let shape = [b, c * r * r, h / r, w / r];
        Ok(vec![nn.bind(
            format!("{} |> rearrange [b, c, (h p), (w q)] -> [b, (c p q), h, w] with p = {r}, q = {r}", x.name),
            &shape,
        )])
    }),
    ("nn.functional.pad", pad),
    ("nn.functional.glu", |nn, call| {
        let x = call.input()?;
        let axis = x.axis(call.num(1, "dim", -1.0));
        let mut shape = x.shape.clone();
        shape[axis] /= 2;
        Ok(vec![nn.of(&x, format!("glu(x0, over = {})", axis_name(axis)), &shape)])
    }),
];

/// Tensors of a list.
pub(super) fn list(call: &Call<'_>) -> Outputs {
    let items = call.arg(0, "tensors").map_or(&[][..], Arg::items);
    let values: Option<Vec<T>> = items.iter().map(|a| call.tensor_of(a)).collect();
    values.filter(|v| !v.is_empty()).ok_or_else(|| "no list of tensors".into())
}

fn reshape(nn: &mut Nn, call: &Call<'_>) -> Outputs {
    let x = call.input()?;
    let sizes = call.list(1, "shape").unwrap_or_default();
    let known: i64 = sizes.iter().filter(|s| **s >= 0).product();
    let shape: Vec<usize> =
        sizes.iter().map(|s| if *s < 0 { x.count() / known as usize } else { *s as usize }).collect();
    Ok(vec![nn.reshape(&x, &shape)])
}

fn unsqueeze(nn: &mut Nn, x: &T, at: usize) -> T {
    let mut shape = x.shape.clone();
    shape.insert(at, 1);
    nn.reshape(x, &shape)
}

fn even(n: usize, part: usize) -> Vec<usize> {
    (0..n.div_ceil(part)).map(|i| part.min(n - i * part)).collect()
}

fn parts(nn: &mut Nn, x: &T, axis: usize, sizes: &[usize]) -> Vec<T> {
    let mut from = 0;
    let mut out = vec![];
    for n in sizes {
        out.push(nn.slice(x, axis, from, from + n));
        from += n;
    }
    out
}

/// The elements of an axis in the opposite order.
fn reverse(nn: &mut Nn, x: &T, axis: usize) -> T {
    nn.along(x, axis, |x, over| format!("reverse({x}, over = {over})"))
}

fn repeat(nn: &mut Nn, call: &Call<'_>) -> Outputs {
    let mut x = call.input()?;
    let mut times: Vec<usize> = call.list(1, "repeats").unwrap_or_default().iter().map(|n| *n as usize).collect();
    while times.len() < x.rank() {
        times.insert(0, 1);
    }
    let mut shape = vec![1; times.len() - x.rank()];
    shape.extend(&x.shape);
    x = nn.reshape(&x, &shape);
    for (axis, n) in times.iter().enumerate().filter(|(_, n)| **n != 1) {
        x = nn.concat(&vec![x.clone(); *n], axis);
    }
    Ok(vec![x])
}

/// Rows and columns whose difference lies on one side of the diagonal.
fn triangle(nn: &mut Nn, call: &Call<'_>, side: &str) -> Outputs {
    let x = call.input()?;
    let diagonal = number(call.num(1, "diagonal", 0.0));
    let [.., rows, columns] = x.shape[..] else { return Err("no matrix".into()) };
    let mask = nn.bind(
        format!(
            "float(indices({columns})) - (expand(float(indices({rows})), [{columns}]) |> rearrange [c, r] -> [r, c])"
        ),
        &[rows, columns],
    );
    let mask = format!("{} {side} {diagonal}", mask.name);
    Ok(vec![nn.map(&x, |x| format!("where({mask}, {x}, 0)"))])
}

/// Axes from the last on get elements before and after; negative counts take some away.
fn pad(nn: &mut Nn, call: &Call<'_>) -> Outputs {
    let mut x = call.input()?;
    let counts = call.list(1, "pad").unwrap_or_default();
    let mode = call.text(2, "mode", "constant");
    let value = number(call.num(3, "value", 0.0));
    for (i, pair) in counts.chunks(2).enumerate() {
        let &[before, after] = pair else { continue };
        let axis = x.rank() - 1 - i;
        let n = x.shape[axis];
        // Places from..to of an axis that goes on in both directions.
        let (from, to, n) = (-before, n as i64 + after, n as i64);
        let part = |nn: &mut Nn, from: i64, to: i64| nn.slice(&x, axis, from as usize, to as usize);
        let side = |nn: &mut Nn, count: i64, front: bool| -> Option<T> {
            if count <= 0 {
                return None;
            }
            Some(match mode.as_str() {
                "replicate" => {
                    let edge = if front { part(nn, 0, 1) } else { part(nn, n - 1, n) };
                    nn.concat(&vec![edge; count as usize], axis)
                }
                "reflect" => {
                    let part = if front { part(nn, 1, 1 + count) } else { part(nn, n - 1 - count, n - 1) };
                    reverse(nn, &part, axis)
                }
                "circular" => {
                    if front {
                        part(nn, n - count, n)
                    } else {
                        part(nn, 0, count)
                    }
                }
                _ => {
                    let mut shape = x.shape.clone();
                    shape[axis] = count as usize;
                    nn.bind(format!("expand({value}, {shape:?})"), &shape)
                }
            })
        };
        let (front, back) = (side(nn, to.min(0) - from, true), side(nn, to - from.max(n), false));
        let (first, last) = (from.max(0), to.min(n));
        let middle = match (first, last) {
            (0, last) if last == n => Some(x.clone()),
            (first, last) if first < last => Some(part(nn, first, last)),
            _ => None,
        };
        let all: Vec<T> = front.into_iter().chain(middle).chain(back).collect();
        x = nn.concat(&all, axis);
    }
    Ok(vec![x])
}
