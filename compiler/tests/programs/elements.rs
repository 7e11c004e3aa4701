//! Element by element, over axes, and products.

use crate::body::{Body, Elem, Ty, Val};

/// Functions of one value to which a gradient flows; `#` is the value.
const UNARY: &[&str] = &[
    "relu(#)",
    "tanh(#)",
    "sigmoid(#)",
    "gelu(#)",
    "silu(#)",
    "softplus(#)",
    "elu(#, alpha = 0.7)",
    "selu(#)",
    "celu(#, alpha = 1.3)",
    "mish(#)",
    "leaky_relu(#)",
    "hardtanh(#, -0.5, 0.7)",
    "relu6(#)",
    "hardsigmoid(#)",
    "hardswish(#)",
    "hardshrink(#)",
    "softshrink(#, 0.1)",
    "softsign(#)",
    "tanhshrink(#)",
    "logsigmoid(#)",
    "gelu_tanh(#)",
    "sin(#)",
    "cos(#)",
    "tan(0.3 * tanh(#))",
    "atan(#)",
    "erf(#)",
    "asinh(#)",
    "sinh(tanh(#))",
    "cosh(tanh(#))",
    "exp(-abs(#))",
    "expm1(tanh(#))",
    "log(abs(#) + 0.5)",
    "log1p(abs(#))",
    "sqrt(abs(#) + 0.1)",
    "rsqrt(abs(#) + 0.2)",
    "root(abs(#))",
    "abs(#)",
    "-#",
    "neg(#)",
    "acos(0.9 * tanh(#))",
    "asin(0.9 * tanh(#))",
    "acosh(1.5 + abs(#))",
    "atanh(0.8 * tanh(#))",
    "log2(abs(#) + 0.3)",
    "log10(abs(#) + 0.3)",
    "settle(#)",
    "0.5 * #",
    "# / 3",
    "1 - #",
    "cubic_weight(#)",
    "# |> tanh |> sin",
    "max(#, 0.1)",
    "min(0.2, #)",
    "(# + 1)^2",
];

/// Functions without a gradient.
const STEPS: &[&str] =
    &["trunc(3 * #)", "floor(#)", "ceil(#)", "round(4 * #)", "sign(#)", "stop_gradient(#)", "float(# > 0.1)"];

/// Functions of two values of one type.
const BINARY: &[&str] = &[
    "#1 + #2",
    "#1 - #2",
    "tanh(#1) * #2",
    "#1 / (abs(#2) + 0.5)",
    "max(#1, #2)",
    "min(#1, #2)",
    "lerp(#1, #2, 0.3)",
    "atan2(#1, #2)",
    "logaddexp(#1, #2)",
    "fmod(#1, abs(#2) + 1.5)",
    "#1 % (abs(#2) + 0.7)",
    "(abs(#1) + 0.3)^tanh(#2)",
    "prelu(#1, #2)",
    "where(#1 < #2, #1, 0.5 * #2)",
    "where(#1 == #2, #1, #2)",
    "where(#1 >= 0 and not #2 > 0.5, #1, tanh(#2))",
    "where(#1 != 0 or #2 <= 0, #2, #1)",
    "#2 |> lerp(#1, 0.25)",
];

pub(crate) fn unary(b: &mut Body<'_>) -> Option<usize> {
    let x = b.find(Ty::is_float)?;
    let (list, flows) = if b.rng.chance(0.15) { (STEPS, false) } else { (UNARY, true) };
    let form = b.form(list);
    let name = if flows { b.take(x) } else { b.look(x) };
    b.bind(b.ty(x), &form.replace('#', &name))
}

pub(crate) fn binary(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let y = b.find(|t| *t == ty)?;
    let form = b.form(BINARY);
    let text = form.replace("#1", &b.take(x)).replace("#2", &b.take(y));
    b.bind(ty, &text)
}

pub(crate) fn powers(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(0)?;
    let power = *b.rng.pick(&["2", "3", "0.5", "-1", "1.7", "-0.5", "5", "0", "1"]);
    let text = format!("(abs(tanh({})) + 0.5)^{power}", b.take(x));
    // The slope of a constant power is none.
    if power == "0" {
        b.forget();
        return None;
    }
    b.bind(b.ty(x), &text)
}

/// A value that functions of functions make.
pub(crate) fn folded(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(0)?;
    let mut text = b.take(x);
    for _ in 0..3 + b.rng.below(3) {
        let form = b.form(UNARY);
        text = form.replace('#', &format!("({text})"));
        if text.len() > 300 {
            break;
        }
    }
    b.bind(b.ty(x), &text)
}

/// A condition of the same shape.
pub(crate) fn choice(b: &mut Body<'_>) -> Option<usize> {
    let c = b.find(|t| t.elem == Elem::Mask)?;
    let ty = b.ty(c).of(Elem::Float);
    let x = b.find(|t| *t == ty)?;
    let other = *b.rng.pick(&["0", "1", "0.5 * tanh(#)", "-#"]);
    let name = b.take(x);
    let text = format!("where({}, {name}, {})", b.look(c), other.replace('#', &name));
    b.bind(ty, &text)
}

/// A smaller value meets the trailing axes of a larger one.
pub(crate) fn trailing(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let small = b.find(|t| t.is_float() && !t.rows && ty.dims.ends_with(&t.dims))?;
    let sign = *b.rng.pick(&["+", "*", "-"]);
    let text = format!("{} {sign} tanh({})", b.take(x), b.take(small));
    b.bind(ty, &text)
}

/// Some axes of a value, as `over` names them, and the type without them.
fn some_axes(b: &mut Body<'_>, ty: &Ty) -> (String, Ty) {
    let n = ty.dims.len();
    if n > 1 && b.rng.chance(0.2) {
        let kept = b.rng.below(n);
        return (format!("all but {}", ty.axis(kept)), Ty { rows: false, ..ty.with(vec![ty.dims[kept]]) });
    }
    if b.rng.chance(0.15) {
        return ("batch".into(), Ty { rows: false, ..ty.clone() });
    }
    if b.rng.chance(0.2) {
        return ("last".into(), ty.without(n - 1));
    }
    let gone: Vec<usize> = (0..n).filter(|_| b.rng.chance(0.5)).collect();
    let gone = if gone.is_empty() { vec![b.rng.below(n)] } else { gone };
    let names: Vec<String> = gone.iter().map(|&i| ty.axis(i)).collect();
    let dims = (0..n).filter(|i| !gone.contains(i)).map(|i| ty.dims[i]).collect();
    (if names.len() == 1 { names[0].clone() } else { format!("[{}]", names.join(", ")) }, ty.with(dims))
}

pub(crate) fn reduce(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let (mut over, mut result) = some_axes(b, &ty);
    let f = *b.rng.pick(&[
        "sum",
        "mean",
        "max",
        "min",
        "norm",
        "variance",
        "deviation",
        "logsumexp",
        "median",
        "prod",
        "moments",
    ]);
    if matches!(f, "logsumexp" | "median" | "prod") {
        let i = b.rng.below(ty.dims.len());
        (over, result) = (ty.axis(i), ty.without(i));
    }
    let name = b.take(x);
    let text = match f {
        "variance" | "deviation" => format!("{f}({name}, over = {over}, correction = 0)"),
        "moments" => {
            let (m, v) = (b.fresh("m"), b.fresh("s"));
            let before = format!("{m}, {v} = moments({name}, over = {over})\n");
            return b.bind_after(&before, result, &format!("{m} + 0.5 * {v}"));
        }
        "sum" => format!("0.2 * sum({name}, over = {over})"),
        _ => format!("{f}({name}, over = {over})"),
    };
    b.bind(result, &text)
}

/// A value without axes of its own, or rows of numbers.
pub(crate) fn flat(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let name = b.take(x);
    match b.rng.below(3) {
        0 => b.bind(Ty { rows: false, ..ty.with(vec![]) }, &format!("mean({name})")),
        1 => b.bind(Ty { rows: false, ..ty.with(vec![]) }, &format!("norm({name}, p = 3) / size({name})")),
        _ => {
            let all = ty.dims.iter().product();
            b.bind(ty.with(vec![all]), &format!("flatten({name})"))
        }
    }
}

/// `keep` and stretch axes.
pub(crate) fn centred(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let (over, _) = some_axes(b, &ty);
    let f = *b.rng.pick(&["mean", "max", "min", "sum"]);
    let name = b.take(x);
    b.bind(ty, &format!("{name} - 0.3 * {f}({name}, over = {over}, keep = true)"))
}

pub(crate) fn along(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let i = b.rng.below(ty.dims.len());
    let over =
        if i + 1 == ty.dims.len() && b.rng.chance(0.4) { String::new() } else { format!(", over = {}", ty.axis(i)) };
    let f = *b.rng.pick(&[
        "softmax",
        "log_softmax",
        "softmin",
        "normalize",
        "standardize",
        "cumsum",
        "cumprod",
        "sort",
        "reverse",
        "lrn",
    ]);
    let name = b.take(x);
    let text = match f {
        "sort" if b.rng.chance(0.5) => format!("sort({name}{over}, descending = true)"),
        "lrn" => format!("local_response_norm({name}, {})", 1 + b.rng.below(ty.last().min(4))),
        _ => format!("{f}({name}{over})"),
    };
    b.bind(ty, &text)
}

pub(crate) fn cumulative(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let y = b.find(|t| *t == ty)?;
    let i = b.rng.below(ty.dims.len());
    let text = format!("recurrence(0.9 * tanh({}), {}, over = {})", b.take(x), b.take(y), ty.axis(i));
    b.bind(ty, &text)
}

/// The gradient of a number as a value.
pub(crate) fn slope(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(0)?;
    let ty = b.ty(x);
    let y = b.find(|t| *t == ty)?;
    let form =
        *b.rng.pick(&["sum(sin(#) * @)", "mean(tanh(#)^2)", "sum(exp(-#^2)) + sum(@ * #^2)", "norm(# + tanh(@) + 2)"]);
    let (x_name, y_name) = (b.look(x), b.look(y));
    let text = format!("grad({}, {x_name})", form.replace('#', &x_name).replace('@', &y_name));
    b.bind(ty, &text)
}

/// Two values bound at once.
pub(crate) fn tuple(b: &mut Body<'_>) -> Option<usize> {
    let (x, y) = (b.float(0)?, b.float(0)?);
    let (tx, ty) = (b.ty(x), b.ty(y));
    let (p, q) = (b.fresh("p"), b.fresh("q"));
    let first = format!("{p}, {q} = pair({}, {})\n", b.take(x), b.take(y));
    let names = [b.fresh("v"), format!("v{}", b.vals.len() + 1)];
    let text = format!("{first}{}: {} = {p}\n{}: {} = {q}\n", names[0], tx.text(), names[1], ty.text());
    let [name, second] = names;
    b.push(text, vec![Val { name, ty: tx }, Val { name: second, ty }]);
    Some(b.vals.len() - 1)
}

pub(crate) fn similarity(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let y = b.find(|t| *t == ty)?;
    let f = *b.rng.pick(&["cosine_similarity", "pairwise_distance"]);
    let text = format!("{f}({}, {})", b.take(x), b.take(y));
    b.bind(ty.without(ty.dims.len() - 1), &text)
}

/// The positional product of two values.
pub(crate) fn product(b: &mut Body<'_>) -> Option<usize> {
    // A part of an axis has no name, so that it meets one of another name.
    let x = b.find(|t| t.is_float() && t.rows && t.dims.len() == 2)?;
    let ty = b.ty(x);
    let y = b.find(|t| t.is_float() && t.rows && t.dims.len() == 2 && t.dims[0] == ty.last())?;
    let result = ty.ending(b.ty(y).last());
    if !b.fits(&result) {
        return None;
    }
    let text = format!("tanh({}) @ {}[t{} = 0..]", b.take(x), b.take(y), ty.last());
    b.bind(result, &text)
}

/// The product by name: all axes summed, or one.
pub(crate) fn named_product(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let y = b.find(|t| *t == ty)?;
    let i = b.rng.below(ty.dims.len());
    let text = format!("dot({}, tanh({}), over = {})", b.take(x), b.take(y), ty.axis(i));
    b.bind(ty.without(i), &text)
}

pub(crate) fn masks(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let name = b.look(x);
    let y = b.find(|t| *t == ty)?;
    let other = b.look(y);
    let form = *b.rng.pick(&["# > 0.2", "# < @", "not # <= @", "# > 0 and @ < 1", "# >= @ or # < -1"]);
    let text = if b.rng.chance(0.2) {
        format!("random_mask({}, 0.4)", ty.shape())
    } else {
        form.replace('#', &name).replace('@', &other)
    };
    b.bind(ty.of(Elem::Mask), &text)
}

pub(crate) fn draw(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let f = *b.rng.pick(&["random_normal", "random_uniform"]);
    let shape = if b.rng.chance(0.5) { ty.shape() } else { format!("shape({})", b.look(x)) };
    let text = format!("{} + 0.1 * {f}({shape})", b.take(x));
    b.bind(ty, &text)
}

/// Groups of features, standardised.
pub(crate) fn gates(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(2)?;
    let name = b.take(x);
    b.bind(b.ty(x), &format!("standardize_groups({name})"))
}

/// So many numbers, or truth values, in brackets.
fn list(b: &mut Body<'_>, n: usize, of: &[&str]) -> String {
    let items: Vec<&str> = (0..n).map(|_| *b.rng.pick(of)).collect();
    format!("[{}]", items.join(", "))
}

/// A list of numbers meets a value, or gives the number of each class.
pub(crate) fn listed(b: &mut Body<'_>) -> Option<usize> {
    const NUMBERS: &[&str] = &["0.5", "-1", "0", "2", "0.25", "1"];
    let classes = |t: &Ty| matches!(t.elem, Elem::Class(_));
    if b.rng.chance(0.3)
        && let Some(c) = b.find(classes)
        && let ty = b.ty(c)
        && let Elem::Class(k) = ty.elem
    {
        let numbers = list(b, k, NUMBERS);
        let text = format!("{numbers}[{}]", b.look(c));
        return b.bind(ty.of(Elem::Float), &text);
    }
    let x = b.float(1)?;
    let ty = b.ty(x);
    let (numbers, holds) = (list(b, ty.last(), NUMBERS), list(b, ty.last(), &["true", "false"]));
    let form = *b.rng.pick(&["# * @", "# + @", "max(#, @)", "@ - #", "where(!, #, @)", "tanh(#) * exp(@)"]);
    let name = b.take(x);
    b.bind(ty, &form.replace('#', &name).replace('@', &numbers).replace('!', &holds))
}
