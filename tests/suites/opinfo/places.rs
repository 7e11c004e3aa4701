//! Places known at run time: reading and adding by number, sorting, running sums and products. The suite's whole numbers come as
//! floats, of which `index` makes places.

use super::Row;
use crate::suites::call::{Call, Outputs};
use crate::suites::literal::Arg;
use crate::suites::text::{Nn, T, axis_name, number};

/// Rows of this family.
pub(super) const ROWS: &[Row] = &[
    ("gather", |nn, call| {
        let (x, index) = (call.input()?, call.needed(2, "index")?);
        let axis = x.axis(call.num(1, "dim", 0.0));
        // The index may leave the end of other axes out.
        let x = cut(nn, &x, &index.shape, axis);
        let own = axis_name(axis);
        Ok(vec![beside(nn, &[&x, &index], axis, &format!("gather(x0, index(x1, {own}), over = {own})"), &index.shape)])
    }),
    ("index_select", |nn, call| {
        let (x, index) = (call.input()?, call.needed(2, "index")?);
        if x.rank() == 0 {
            return Ok(vec![x]);
        }
        let axis = x.axis(call.num(1, "dim", 0.0));
        let mut shape = x.shape.clone();
        shape[axis] = index.count();
        let own = axis_name(axis);
        let body = format!("x0[{own} = index(x1, {own})]");
        Ok(vec![nn.function(&[(&x, names(x.rank(), axis, None)), (&index, vec!["b".into()])], body, &shape)])
    }),
    ("index_put", index_put),
    ("scatter", |nn, call| scatter(nn, call, false)),
    ("scatter_add", |nn, call| scatter(nn, call, true)),
    ("sort", |nn, call| {
        let x = call.input()?;
        // `sort(x, stable, dim, descending)` and `sort(x, dim, descending)`.
        let first = usize::from(matches!(call.arg(1, "dim"), Some(Arg::Bool(_))));
        let down = call.flag(2 + first, "descending", false);
        let axis = x.axis(call.num(1 + first, "dim", -1.0));
        if x.rank() == 0 {
            let none = nn.map(&x, |x| format!("0 * {x}"));
            return Ok(vec![x, none]);
        }
        let values = nn.along(&x, axis, |x, over| format!("sort({x}, over = {over}, descending = {down})"));
        let order = nn.along(&x, axis, |x, over| format!("float(argsort({x}, over = {over}, descending = {down}))"));
        Ok(vec![values, order])
    }),
    ("topk", |nn, call| {
        let x = call.input()?;
        if !call.flag(3, "largest", true) {
            return Err("needs: the smallest elements".into());
        }
        let (count, axis) = (call.num(1, "k", 1.0) as usize, x.axis(call.num(2, "dim", -1.0)));
        if x.rank() == 0 {
            let none = nn.map(&x, |x| format!("0 * {x}"));
            return Ok(vec![x, none]);
        }
        let mut shape = x.shape.clone();
        shape[axis] = count;
        let call = format!("top_k(x0, {count}, over = {})", axis_name(axis));
        let values = nn.of(&x, format!("\n    values, _places = {call}\n    values\n"), &shape);
        let places = nn.of(&x, format!("\n    _values, places = {call}\n    float(places)\n"), &shape);
        Ok(vec![values, places])
    }),
    ("cumsum", |nn, call| running(nn, call, "cumsum")),
    ("cumprod", |nn, call| running(nn, call, "cumprod")),
    ("prod", |nn, call| {
        let x = call.input()?;
        let axes = call.axes(&x, 1, "dim");
        let keep = call.flag(2, "keepdim", false);
        Ok(vec![nn.reduce(&x, &axes, keep, |x, over| format!("prod({x}, over = {over})"))])
    }),
    ("nn.functional.embedding", |nn, call| {
        let (table, index) = (call.input()?, call.needed(1, "input")?);
        Ok(vec![embedding(nn, &table, &index)])
    }),
    ("nn.functional.embedding_bag", embedding_bag),
];

/// The names of axes, the one at `axis` perhaps another.
fn names(rank: usize, axis: usize, other: Option<&str>) -> Vec<String> {
    (0..rank).map(|i| other.filter(|_| i == axis).map_or_else(|| axis_name(i), str::to_owned)).collect()
}

/// A function of values with the same axes, which from the second on may have another size at `axis`.
fn beside(nn: &mut Nn, values: &[&T], axis: usize, body: &str, shape: &[usize]) -> T {
    let named = |(i, v): (usize, &&T)| names(v.rank(), axis, (i > 0).then_some("b"));
    let names: Vec<Vec<String>> = values.iter().enumerate().map(named).collect();
    let args: Vec<(&T, Vec<String>)> = values.iter().copied().zip(names).collect();
    nn.function(&args, body, shape)
}

/// The beginning of each axis but one, as long as `shape` says.
fn cut(nn: &mut Nn, x: &T, shape: &[usize], but: usize) -> T {
    let mut t = x.clone();
    for (i, &size) in shape.iter().enumerate().filter(|(i, _)| *i != but) {
        if t.shape[i] != size {
            t = nn.slice(&t, i, 0, size);
        }
    }
    t
}

/// Zeros behind each axis, up to `shape`.
fn filled(nn: &mut Nn, x: T, shape: &[usize]) -> T {
    let mut t = x;
    for (i, &size) in shape.iter().enumerate() {
        if t.shape[i] != size {
            let mut rest = t.shape.clone();
            rest[i] = size - t.shape[i];
            let zeros = nn.bind(format!("expand(0.0, {rest:?})"), &rest);
            t = nn.concat(&[t, zeros], i);
        }
    }
    t
}

fn running(nn: &mut Nn, call: &Call<'_>, f: &str) -> Outputs {
    let x = call.input()?;
    if x.rank() == 0 {
        return Ok(vec![x]);
    }
    let axis = x.axis(call.num(1, "dim", 0.0));
    Ok(vec![nn.along(&x, axis, |x, over| format!("{f}({x}, over = {over})"))])
}

/// Elements put at, or added to, places of one axis.
fn scatter(nn: &mut Nn, call: &Call<'_>, adds: bool) -> Outputs {
    let (x, index) = (call.input()?, call.needed(2, "index")?);
    let source = call.value(3, "src").or_else(|| call.value(3, "value")).ok_or("no source")?;
    let reduce = call.text(9, "reduce", "");
    if !reduce.is_empty() {
        return Err(format!("needs: scatter by {reduce}"));
    }
    if x.rank() == 0 {
        return Ok(vec![nn.zip(&[&x, &source], |v| {
            if adds { format!("{} + {}", v[0], v[1]) } else { format!("0 * {} + {}", v[0], v[1]) }
        })]);
    }
    let axis = x.axis(call.num(1, "dim", 0.0));
    let source = if source.rank() == 0 {
        nn.expand(&source, &index.shape)
    } else {
        let t = cut(nn, &source, &index.shape, axis);
        if t.shape[axis] == index.shape[axis] { t } else { nn.slice(&t, axis, 0, index.shape[axis]) }
    };
    let n = x.shape[axis];
    let mut within = index.shape.clone();
    within[axis] = n;
    let call = |what: &str| format!("scatter_add({what}, index(x1, {n}), over = b)");
    let both: Vec<(&T, Vec<String>)> =
        [&source, &index].into_iter().map(|v| (v, names(v.rank(), axis, Some("b")))).collect();
    if adds {
        let sums = nn.function(&both, call("x0"), &within);
        let sums = filled(nn, sums, &x.shape);
        return Ok(vec![nn.zip(&[&x, &sums], |v| format!("{} + {}", v[0], v[1]))]);
    }
    if within == x.shape {
        let values = format!("scatter(x0, index(x1, {}), x2, over = {})", axis_name(axis), axis_name(axis));
        return Ok(vec![beside(nn, &[&x, &index, &source], axis, &values, &x.shape)]);
    }
    let put = nn.function(&both, call("x0"), &within);
    let hit = nn.function(&both, call("0 * x0 + 1"), &within);
    let (put, hit) = (filled(nn, put, &x.shape), filled(nn, hit, &x.shape));
    Ok(vec![nn.zip(&[&x, &put, &hit], |v| format!("where({} > 0, {}, {})", v[2], v[1], v[0]))])
}

/// Rows put at, or added to, numbers or where a mask holds.
fn index_put(nn: &mut Nn, call: &Call<'_>) -> Outputs {
    let (x, values) = (call.input()?, call.needed(2, "values")?);
    let index = call.arg(1, "indices").and_then(|a| call.tensor_of(a.items().first()?)).ok_or("no index")?;
    let adds = call.flag(3, "accumulate", false);
    let known = call.behind(&index).ok_or("no index")?;
    if known.dtype == nnc_runtime::dtype::DType::Bool {
        let text = |v: &[&str]| if adds { format!("{} + {}", v[0], v[1]) } else { format!("0 * {} + {}", v[0], v[1]) };
        let put = nn.zip(&[&x, &values], text);
        // Each row that the mask names gets the values.
        let mut perm: Vec<usize> = (1..x.rank()).collect();
        perm.push(0);
        let (last, put) = (nn.permute(&x, &perm), nn.permute(&put, &perm));
        let t = nn.zip(&[&last, &put, &index], |v| format!("where({} != 0, {}, {})", v[2], v[1], v[0]));
        let back: Vec<usize> = [x.rank() - 1].into_iter().chain(0..x.rank() - 1).collect();
        return Ok(vec![nn.permute(&t, &back)]);
    }
    let n = x.shape[0];
    let axes = |first: &str, rank: usize| -> Vec<String> {
        [first.to_owned()].into_iter().chain((1..rank).map(axis_name)).collect()
    };
    let args = [(&x, axes("a0", x.rank())), (&index, vec!["b".to_owned()]), (&values, axes("b", values.rank()))];
    let body = if adds {
        format!("x0 + scatter_add(x2, index(x1, {n}), over = b)")
    } else {
        let put = |what: &str| format!("scatter_add({what}, index(x1, {n}), over = b)");
        format!("where({} > 0, {}, x0)", put("where(x2 == 0, 1.0, 1.0)"), put("x2"))
    };
    Ok(vec![nn.function(&args, body, &x.shape)])
}

/// A row of the table for each number.
pub(in crate::suites) fn embedding(nn: &mut Nn, table: &T, index: &T) -> T {
    let shape: Vec<usize> = index.shape.iter().copied().chain([table.shape[1]]).collect();
    let names = (0..index.rank()).map(axis_name).collect();
    nn.function(&[(table, vec!["k".into(), "m".into()]), (index, names)], "x0[k = index(x1, k)]", &shape)
}

/// The rows of each bag of numbers put together. Bags are rows of a matrix, or begin at offsets of a list.
fn embedding_bag(nn: &mut Nn, call: &Call<'_>) -> Outputs {
    let (table, index) = (call.input()?, call.needed(1, "input")?);
    let (mode, weights) = (call.text(9, "mode", "mean"), call.value(9, "per_sample_weights"));
    let padding = call.arg(9, "padding_idx").and_then(Arg::num);
    let padding = padding.map(|p| if p < 0.0 { p + table.shape[0] as f64 } else { p });
    let width = table.shape[1];
    if index.rank() == 2 {
        let bags: Vec<T> = (0..index.shape[0])
            .map(|i| {
                let (numbers, weights) = (nn.take(&index, 0, i), weights.as_ref().map(|w| nn.take(w, 0, i)));
                let t = bag(nn, &table, &numbers, weights.as_ref(), padding, &mode);
                nn.reshape(&t, &[1, width])
            })
            .collect();
        return Ok(vec![nn.concat(&bags, 0)]);
    }
    let offsets = call.value(9, "offsets").ok_or("no offsets")?;
    let starts: Vec<usize> = call.behind(&offsets).ok_or("no offsets")?.values.iter().map(|x| *x as usize).collect();
    let last = call.flag(9, "include_last_offset", false);
    let count = starts.len() - usize::from(last);
    let mut bags = vec![];
    for i in 0..count {
        let (from, to) = (starts[i], starts.get(i + 1).copied().unwrap_or(index.count()));
        let t = if from == to {
            nn.bind(format!("expand(0.0, [{width}])"), &[width])
        } else {
            let (numbers, weights) =
                (nn.slice(&index, 0, from, to), weights.as_ref().map(|w| nn.slice(w, 0, from, to)));
            bag(nn, &table, &numbers, weights.as_ref(), padding, &mode)
        };
        bags.push(nn.reshape(&t, &[1, width]));
    }
    Ok(vec![nn.concat(&bags, 0)])
}

/// One bag: the sum, the mean or the largest of its rows, those of the padding left out.
fn bag(nn: &mut Nn, table: &T, numbers: &T, weights: Option<&T>, padding: Option<f64>, mode: &str) -> T {
    let rows = embedding(nn, table, numbers);
    let shape = [table.shape[1]];
    let counted = nn.map(numbers, |i| match padding {
        Some(p) => format!("where({i} == {}, 0.0, 1.0)", number(p)),
        None => format!("0 * {i} + 1"),
    });
    if mode == "max" {
        let body = "max(where(x1[.., new] > 0, x0, -1e300 * 1e300), over = b)";
        let t = nn.function(&[(&rows, vec!["b".into(), "m".into()]), (&counted, vec!["b".into()])], body, &shape);
        return nn.map(&t, |t| format!("where({t} == -1e300 * 1e300, 0, {t})"));
    }
    let weights = match weights {
        Some(w) => nn.zip(&[w, &counted], |v| format!("{} * {}", v[0], v[1])),
        None => counted.clone(),
    };
    let args = [(&rows, vec!["b".to_owned(), "m".to_owned()]), (&weights, vec!["b".to_owned()])];
    let sum = nn.function(&args, "sum(x0 * x1[.., new], over = b)", &shape);
    if mode == "mean" {
        return nn.bind(format!("{} / max(sum({}), 1)", sum.name, counted.name), &shape);
    }
    sum
}
