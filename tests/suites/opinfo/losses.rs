//! Losses. PyTorch's default, the mean, is the library's; sums and single terms are made of it or of its formula.

use super::Row;
use crate::suites::call::{Call, Outputs};
use crate::suites::text::{Nn, T, common, number};

/// Rows of this family.
pub(super) const ROWS: &[Row] = &[
    ("nn.functional.mse_loss", |nn, call| two(nn, call, "mse({x}, {y})", "({x} - {y})^2")),
    ("nn.functional.l1_loss", |nn, call| two(nn, call, "mae({x}, {y})", "abs({x} - {y})")),
    ("nn.functional.smooth_l1_loss", |nn, call| {
        let beta = number(call.num(9, "beta", 1.0));
        let whole = format!("smooth_l1({{x}}, {{y}}, beta = {beta})");
        let term = format!(
            "where(abs({{x}} - {{y}}) < {beta}, ({{x}} - {{y}})^2 / (2 * {beta}), abs({{x}} - {{y}}) - {beta} / 2)"
        );
        two(nn, call, &whole, &term)
    }),
    ("nn.functional.huber_loss", |nn, call| {
        let delta = number(call.num(9, "delta", 1.0));
        let whole = format!("huber({{x}}, {{y}}, delta = {delta})");
        let term = format!(
            "where(abs({{x}} - {{y}}) < {delta}, ({{x}} - {{y}})^2 / 2, {delta} * (abs({{x}} - {{y}}) - {delta} / 2))"
        );
        two(nn, call, &whole, &term)
    }),
    ("nn.functional.soft_margin_loss", |nn, call| two(nn, call, "soft_margin({x}, {y})", "softplus(-{y} * {x})")),
    ("nn.functional.hinge_embedding_loss", |nn, call| {
        let margin = number(call.num(9, "margin", 1.0));
        let whole = format!("hinge_embedding({{x}}, {{y}}, margin = {margin})");
        let term = format!("where({{y}} == 1, {{x}}, relu({margin} - {{x}}))");
        two(nn, call, &whole, &term)
    }),
    ("nn.functional.kl_div", kl_div),
    ("nn.functional.poisson_nll_loss", |nn, call| {
        let (log, full) = (call.flag(2, "log_input", true), call.flag(3, "full", false));
        let eps = number(call.num(5, "eps", 1e-8));
        let whole = format!("poisson_nll({{x}}, {{y}}, log_input = {log}, full = {full}, eps = {eps})");
        let plain = if log { "exp({x}) - {y} * {x}".to_owned() } else { format!("{{x}} - {{y}} * log({{x}} + {eps})") };
        let stirling = " + where({y} > 1, {y} * log({y}) - {y} + 0.5 * log(2 * pi * {y}), 0)";
        two(nn, call, &whole, &(plain + if full { stirling } else { "" }))
    }),
    ("nn.functional.gaussian_nll_loss", gaussian_nll),
    ("nn.functional.margin_ranking_loss", |nn, call| {
        let (a, b, y) = (call.input()?, call.needed(1, "input2")?, call.needed(2, "target")?);
        let margin = number(call.num(9, "margin", 0.0));
        let whole = format!("margin_ranking({{0}}, {{1}}, {{2}}, margin = {margin})");
        let term = format!("relu({margin} - {{2}} * ({{0}} - {{1}}))");
        Ok(vec![reduced(nn, call, &[&a, &b, &y], &whole, &term)])
    }),
    ("nn.functional.cosine_embedding_loss", cosine_embedding),
    ("nn.functional.triplet_margin_loss", |nn, call| {
        let (a, p, n) = (call.input()?, call.needed(1, "positive")?, call.needed(2, "negative")?);
        let (margin, order) = (number(call.num(9, "margin", 1.0)), number(call.num(9, "p", 2.0)));
        let (eps, swap) = (number(call.num(9, "eps", 1e-6)), call.flag(9, "swap", false));
        let count = a.shape[..a.rank() - 1].iter().product::<usize>();
        let whole = format!(
            "triplet_margin({}, {}, {}, margin = {margin}, p = {order}, eps = {eps}, swap = {swap})",
            a.name, p.name, n.name
        );
        match call.text(9, "reduction", "mean").as_str() {
            "none" => {
                let shape = a.shape[..a.rank() - 1].to_vec();
                let d = |a: &T, b: &T| format!("pairwise_distance({}, {}, p = {order}, eps = {eps})", a.name, b.name);
                let far = if swap { format!("min({}, {})", d(&a, &n), d(&p, &n)) } else { d(&a, &n) };
                Ok(vec![nn.bind(format!("relu({margin} + {} - {far})", d(&a, &p)), &shape)])
            }
            "sum" => Ok(vec![nn.bind(format!("{count} * {whole}"), &[])]),
            _ => Ok(vec![nn.bind(whole, &[])]),
        }
    }),
    ("nn.functional.binary_cross_entropy", |nn, call| {
        let (x, y) = (call.input()?, call.needed(1, "target")?);
        // PyTorch bounds the logarithms from below.
        let t = nn.zip(&[&x, &y], |v| {
            format!("-({1} * max(log({0}), -100) + (1 - {1}) * max(log1p(-{0}), -100))", v[0], v[1])
        });
        let t = weighted(nn, t, call.value(2, "weight"));
        Ok(vec![nn.reduction(&t, &call.text(9, "reduction", "mean"))])
    }),
    ("nn.functional.binary_cross_entropy_with_logits", |nn, call| {
        let (x, y) = (call.input()?, call.needed(1, "target")?);
        Ok(vec![logits(nn, call, &x, &y, call.value(2, "weight"), call.value(9, "pos_weight"))])
    }),
    ("nn.functional.nll_loss", |nn, call| {
        let (x, y) = (call.input()?, call.needed(1, "target")?);
        Ok(vec![nll(nn, call, &x, &y, call.value(2, "weight"))])
    }),
    ("nn.functional.cross_entropy", |nn, call| {
        let (x, y) = (call.input()?, call.needed(1, "target")?);
        Ok(vec![cross_entropy(nn, call, &x, &y, call.value(2, "weight"))])
    }),
    ("nn.functional.multi_margin_loss", |nn, call| {
        let (x, y) = (call.input()?, call.needed(1, "target")?);
        let x = if x.rank() < 2 { nn.reshape(&x, &[1, x.count()]) } else { x };
        let y = if y.rank() < 1 { nn.reshape(&y, &[1]) } else { y };
        let [rows, classes] = x.shape[..] else { return Err("no matrix".into()) };
        let target = nn.classes(&y, classes);
        let (p, margin) = (number(call.num(2, "p", 1.0)), number(call.num(3, "margin", 1.0)));
        let w = call.value(4, "weight");
        let weight = w.map_or(String::new(), |w| format!(", weight = {}", w.name));
        let whole = format!("multi_margin({}, {}, p = {p}, margin = {margin}{weight})", x.name, target.name);
        Ok(vec![match call.text(9, "reduction", "mean").as_str() {
            "sum" => nn.bind(format!("{rows} * {whole}"), &[]),
            "mean" => nn.bind(whole, &[]),
            _ => return Err("needs: multi_margin_loss of each row".into()),
        }])
    }),
];

/// A formula with values in the place of `{0}`, `{1}`, … or `{x}` and `{y}`.
fn put(formula: &str, values: &[&str]) -> String {
    let mut out = formula.to_owned();
    for (i, value) in values.iter().enumerate() {
        out = out.replace(&format!("{{{i}}}"), value);
        out = out.replace(["{x}", "{y}"].get(i).copied().unwrap_or("{z}"), value);
    }
    out
}

/// A loss of the library where the mean or the sum is asked, its formula where each term is.
fn reduced(nn: &mut Nn, call: &Call<'_>, values: &[&T], whole: &str, term: &str) -> T {
    let shape = common(values);
    let kind = call.text(9, "reduction", "mean");
    let same = values.iter().all(|v| v.shape == shape);
    if kind != "none" && kind != "batchmean" && same {
        let names: Vec<&str> = values.iter().map(|v| v.name.as_str()).collect();
        let whole = put(whole, &names);
        let n = shape.iter().product::<usize>();
        return nn.bind(if kind == "sum" { format!("{n} * {whole}") } else { whole }, &[]);
    }
    let t = nn.zip(values, |v| put(term, v));
    nn.reduction(&t, &kind)
}

fn two(nn: &mut Nn, call: &Call<'_>, whole: &str, term: &str) -> Outputs {
    let (x, y) = (call.input()?, call.needed(1, "target")?);
    Ok(vec![reduced(nn, call, &[&x, &y], whole, term)])
}

fn weighted(nn: &mut Nn, t: T, weight: Option<T>) -> T {
    match weight {
        Some(w) => nn.zip(&[&t, &w], |v| format!("{} * {}", v[0], v[1])),
        None => t,
    }
}

/// Σ target · (log target − input); the library's is its mean over rows.
fn kl_div(nn: &mut Nn, call: &Call<'_>) -> Outputs {
    let (x, y) = (call.input()?, call.needed(1, "target")?);
    Ok(vec![divergence(nn, call, &x, &y)])
}

/// The divergence by PyTorch's reductions.
pub(in crate::suites) fn divergence(nn: &mut Nn, call: &Call<'_>, x: &T, y: &T) -> T {
    let log = call.flag(9, "log_target", false);
    let kind = call.text(9, "reduction", "mean");
    if !log && kind != "none" && x.rank() > 1 {
        let rows = x.shape[..x.rank() - 1].iter().product::<usize>() as f64;
        let factor = match kind.as_str() {
            "batchmean" => rows / x.shape[0] as f64,
            "sum" => rows,
            _ => rows / x.count() as f64,
        };
        return nn.bind(format!("{} * kl_div({}, {})", number(factor), x.name, y.name), &[]);
    }
    let term = if log {
        "exp({y}) * ({y} - {x})"
    } else {
        "where({y} == 0, 0, {y} * log(where({y} == 0, 1, {y}))) - {y} * {x}"
    };
    let t = nn.zip(&[x, y], |v| put(term, v));
    nn.reduction(&t, &kind)
}

fn gaussian_nll(nn: &mut Nn, call: &Call<'_>) -> Outputs {
    let (x, y, v) = (call.input()?, call.needed(1, "target")?, call.needed(2, "var")?);
    // A variance of all but the last axis stands for each of its elements.
    let v = if v.rank() + 1 == x.rank() && v.shape[..] == x.shape[..v.rank()] {
        let mut shape = v.shape.clone();
        shape.push(1);
        nn.reshape(&v, &shape)
    } else {
        v
    };
    let (full, eps) = (call.flag(3, "full", false), number(call.num(4, "eps", 1e-6)));
    let constant = if full { " + 0.5 * log(2 * pi)" } else { "" };
    let bounded = format!("({{2}} + stop_gradient(max({eps} - {{2}}, 0)))");
    let term = format!("0.5 * (log({bounded}) + ({{0}} - {{1}})^2 / {bounded}){constant}");
    let whole = format!("gaussian_nll({{0}}, {{1}}, {{2}}, full = {full}, eps = {eps})");
    Ok(vec![reduced(nn, call, &[&x, &y, &v], &whole, &term)])
}

/// 1 − cos where the target is 1, what cos exceeds the margin by where it is −1.
fn cosine_embedding(nn: &mut Nn, call: &Call<'_>) -> Outputs {
    let (a, b, y) = (call.input()?, call.needed(1, "input2")?, call.needed(2, "target")?);
    let margin = number(call.num(9, "margin", 0.0));
    let kind = call.text(9, "reduction", "mean");
    let whole = format!("cosine_embedding({}, {}, {}, margin = {margin})", a.name, b.name, y.name);
    Ok(vec![match kind.as_str() {
        "mean" => nn.bind(whole, &[]),
        "sum" => nn.bind(format!("{} * {whole}", y.count()), &[]),
        _ => {
            let term = format!("cosine_embedding_terms({}, {}, {}, {margin})", a.name, b.name, y.name);
            nn.bind(term, &y.shape)
        }
    }])
}

/// Binary cross-entropy from logits.
pub(in crate::suites) fn logits(
    nn: &mut Nn,
    call: &Call<'_>,
    x: &T,
    y: &T,
    weight: Option<T>,
    positive: Option<T>,
) -> T {
    if weight.is_none() && positive.is_none() {
        return reduced(nn, call, &[x, y], "bce({x}, {y})", "softplus({x}) - {x} * {y}");
    }
    let t = match positive {
        Some(w) => nn.zip(&[x, y, &w], |v| put("(1 - {1}) * {0} + (1 + ({2} - 1) * {1}) * softplus(-{0})", v)),
        None => nn.zip(&[x, y], |v| put("softplus({x}) - {x} * {y}", v)),
    };
    let t = weighted(nn, t, weight);
    nn.reduction(&t, &call.text(9, "reduction", "mean"))
}

/// PyTorch's classes lie in the second axis; the library's in the last.
fn classes_last(nn: &mut Nn, x: &T) -> T {
    if x.rank() < 3 {
        return x.clone();
    }
    let perm: Vec<usize> = [0].into_iter().chain(2..x.rank()).chain([1]).collect();
    nn.permute(x, &perm)
}

/// The negative logarithm of the probability of each target's class.
pub(in crate::suites) fn nll(nn: &mut Nn, call: &Call<'_>, x: &T, y: &T, weight: Option<T>) -> T {
    let x = classes_last(nn, x);
    let kind = call.text(9, "reduction", "mean");
    let k = x.shape[x.rank() - 1];
    let ignored = call.num(9, "ignore_index", -100.0);
    let target = nn.classes(y, k);
    if kind == "mean" && ignored == -100.0 {
        let w = weight.map_or(String::new(), |w| format!(", weight = {}", w.name));
        return nn.bind(format!("nll({}, {}{w})", x.name, target.name), &[]);
    }
    let w = weight.map_or_else(|| "1.0".into(), |w| w.name);
    let hit = nn.bind(
        format!("{}[.., new] == indices({k}) and {}[.., new] != {}", target.name, y.name, number(ignored)),
        &x.shape,
    );
    let t = nn.bind(format!("sum(where({}, -{w} * {}, 0), over = last)", hit.name, x.name), &y.shape);
    if kind == "mean" {
        return nn.bind(format!("sum({}) / sum(where({}, {w}, 0.0))", t.name, hit.name), &[]);
    }
    nn.reduction(&t, &kind)
}

/// Cross-entropy of logits with class numbers or probabilities.
pub(in crate::suites) fn cross_entropy(nn: &mut Nn, call: &Call<'_>, x: &T, y: &T, weight: Option<T>) -> T {
    let logits = classes_last(nn, x);
    let k = logits.shape[logits.rank() - 1];
    let kind = call.text(9, "reduction", "mean");
    let smoothing = call.num(9, "label_smoothing", 0.0);
    let w = weight.as_ref().map_or_else(|| "1.0".to_owned(), |w| w.name.clone());
    let plain = matches!(call.behind(y), Some(t) if t.dtype.is_float());
    let ignored = call.num(9, "ignore_index", -100.0);
    let smooth = |p: &str| {
        if smoothing > 0.0 { format!("({} * {p} + {})", 1.0 - smoothing, smoothing / k as f64) } else { p.to_owned() }
    };
    let rows = &logits.shape[..logits.rank() - 1];
    if plain {
        let target = classes_last(nn, y);
        let t =
            nn.bind(format!("-sum({w} * log_softmax({}) * {}, over = last)", logits.name, smooth(&target.name)), rows);
        return match kind.as_str() {
            "mean" if t.rank() > 0 => nn.bind(format!("sum({}) / {}", t.name, t.count()), &[]),
            kind => nn.reduction(&t, kind),
        };
    }
    let target = nn.classes(y, k);
    if kind == "mean" && ignored == -100.0 {
        match weight {
            None => {
                let text = format!("cross_entropy({}, {}, label_smoothing = {smoothing})", logits.name, target.name);
                return nn.bind(text, &[]);
            }
            Some(w) if smoothing == 0.0 => {
                let text = format!("nll(log_softmax({}), {}, weight = {})", logits.name, target.name, w.name);
                return nn.bind(text, &[]);
            }
            Some(_) => {}
        }
    }
    let hot = nn.bind(format!("where({}[.., new] == indices({k}), 1.0, 0.0)", target.name), &logits.shape);
    let mut counted = nn.bind(format!("sum({w} * {}, over = last)", hot.name), rows);
    let mut t = nn.bind(format!("-sum({w} * log_softmax({}) * {}, over = last)", logits.name, smooth(&hot.name)), rows);
    if ignored != -100.0 {
        let ignored = nn.bind(format!("{} == {}", y.name, number(ignored)), rows);
        t = nn.bind(format!("where({}, 0, {})", ignored.name, t.name), rows);
        counted = nn.bind(format!("where({}, 0, {})", ignored.name, counted.name), rows);
    }
    match kind.as_str() {
        "mean" => nn.bind(format!("sum({}) / sum({})", t.name, counted.name), &[]),
        kind => nn.reduction(&t, kind),
    }
}

#[cfg(test)]
mod tests {
    use super::put;

    #[test]
    fn formulas_take_values() {
        assert_eq!(put("{x} - {y} * {x}", &["a", "b"]), "a - b * a");
        assert_eq!(put("{0} + {2}", &["a", "b", "c"]), "a + c");
    }
}
