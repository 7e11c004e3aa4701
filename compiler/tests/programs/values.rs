//! Statements that need no parameters: element by element, over axes, movements, places known at run time, draws.

use crate::body::{Body, Elem, Ty, Val};

/// Adds a statement; nothing where the values at hand do not fit.
pub(crate) type Production = fn(&mut Body<'_>) -> Option<usize>;

pub(crate) const VALUES: &[Production] = &[
    folded,
    filtered,
    expanded,
    stacked_windows,
    unary,
    unary,
    unary,
    binary,
    binary,
    powers,
    choice,
    flat,
    reduce,
    centred,
    along,
    along,
    cumulative,
    slice,
    place,
    join,
    parts,
    transpose,
    regroup,
    product,
    named_product,
    by_class,
    gathered,
    scattered,
    best,
    classes,
    masks,
    draw,
    hot,
    trailing,
    similarity,
    tuple,
    slope,
    resize,
    grid,
    windows,
    pooled,
    unpooled,
    heads,
    spelt,
    gates,
];

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

fn unary(b: &mut Body<'_>) -> Option<usize> {
    let x = b.find(Ty::is_float)?;
    let (list, flows) = if b.rng.chance(0.1) { (STEPS, false) } else { (UNARY, true) };
    let form = *b.rng.pick(list);
    let name = if flows { b.take(x) } else { b.look(x) };
    b.bind(b.ty(x), &form.replace('#', &name))
}

fn binary(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let y = b.find(|t| *t == ty)?;
    let form = *b.rng.pick(BINARY);
    let text = form.replace("#1", &b.take(x)).replace("#2", &b.take(y));
    b.bind(ty, &text)
}

fn powers(b: &mut Body<'_>) -> Option<usize> {
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

/// A condition of the same shape.
fn choice(b: &mut Body<'_>) -> Option<usize> {
    let c = b.find(|t| t.elem == Elem::Mask)?;
    let ty = b.ty(c).of(Elem::Float);
    let x = b.find(|t| *t == ty)?;
    let other = *b.rng.pick(&["0", "1", "0.5 * tanh(#)", "-#"]);
    let name = b.take(x);
    let text = format!("where({}, {name}, {})", b.look(c), other.replace('#', &name));
    b.bind(ty, &text)
}

/// A smaller value meets the trailing axes of a larger one.
fn trailing(b: &mut Body<'_>) -> Option<usize> {
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

fn reduce(b: &mut Body<'_>) -> Option<usize> {
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
fn flat(b: &mut Body<'_>) -> Option<usize> {
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
fn centred(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let (over, _) = some_axes(b, &ty);
    let f = *b.rng.pick(&["mean", "max", "min", "sum"]);
    let name = b.take(x);
    b.bind(ty, &format!("{name} - 0.3 * {f}({name}, over = {over}, keep = true)"))
}

fn along(b: &mut Body<'_>) -> Option<usize> {
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

fn cumulative(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let y = b.find(|t| *t == ty)?;
    let i = b.rng.below(ty.dims.len());
    let text = format!("recurrence(0.9 * tanh({}), {}, over = {})", b.take(x), b.take(y), ty.axis(i));
    b.bind(ty, &text)
}

/// A part of an axis by its name.
fn slice(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let i = b.rng.below(ty.dims.len());
    let n = ty.dims[i];
    let first = b.rng.below(n);
    let end = first + 1 + b.rng.below(n - first);
    let range = match (first, end == n) {
        (0, _) => format!("..{end}"),
        (_, true) if b.rng.chance(0.5) => format!("{first}.."),
        (_, true) => format!("{}..", first as i64 - n as i64),
        _ => format!("{first}..{end}"),
    };
    let mut dims = ty.dims.clone();
    dims[i] = end - first;
    let text = format!("{}[{} = {range}]", b.take(x), ty.axis(i));
    b.bind(ty.with(dims), &text)
}

/// One place of an axis.
fn place(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let i = b.rng.below(ty.dims.len());
    let at = b.rng.below(ty.dims[i]) as i64 - if b.rng.chance(0.4) { ty.dims[i] as i64 } else { 0 };
    let name = b.take(x);
    let text = if i + 1 == ty.dims.len() && b.rng.chance(0.5) {
        format!("{name}[.., {at}]")
    } else {
        format!("{name}[{} = {at}]", ty.axis(i))
    };
    b.bind(ty.without(i), &text)
}

fn join(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let y = b.find(|t| t.is_float() && t.rows && t.dims.len() == ty.dims.len() && ty.ending(1) == t.ending(1))?;
    let joined = ty.ending(ty.last() + b.ty(y).last());
    if !b.fits(&joined) {
        return None;
    }
    let text = format!("concat([{}, {}])", b.take(x), b.take(y));
    b.bind(joined, &text)
}

fn parts(b: &mut Body<'_>) -> Option<usize> {
    let x = b.find(|t| t.is_float() && t.rows && t.last() % 2 == 0 && !t.dims.is_empty())?;
    let ty = b.ty(x);
    let (p, q) = (b.fresh("p"), b.fresh("q"));
    let name = b.take(x);
    let half = ty.ending(ty.last() / 2);
    if b.rng.chance(0.4) {
        return b.bind(half, &format!("glu({name})"));
    }
    b.bind_after(&format!("{p}, {q} = split({name}, 2)\n"), half, &format!("{p} * tanh({q})"))
}

fn transpose(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(2)?;
    let ty = b.ty(x);
    let n = ty.dims.len();
    let (i, j) = (b.rng.below(n - 1), n - 1);
    let (mut order, mut dims) = (ty.names(), ty.dims.clone());
    order.swap(i + 1, j + 1);
    dims.swap(i, j);
    let text = format!("{} |> rearrange [{}] -> [{}]", b.take(x), ty.names().join(", "), order.join(", "));
    b.bind(ty.with(dims), &text)
}

/// An axis cut in two or two made one.
fn regroup(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let n = ty.last();
    let name = b.take(x);
    if ty.dims.len() >= 2 && b.rng.chance(0.5) {
        let before = ty.dims[ty.dims.len() - 2];
        let mut dims = ty.dims[..ty.dims.len() - 2].to_vec();
        dims.push(before * n);
        return b.bind(ty.with(dims), &format!("{name} |> rearrange [.., t, n] -> [.., (n t)]"));
    }
    let factors: Vec<usize> = (1..=n).filter(|k| n % k == 0).collect();
    let k = *b.rng.pick(&factors);
    let mut dims = ty.dims.clone();
    dims.pop();
    dims.extend([n / k, k]);
    let ty = ty.with(dims);
    let text = format!("{name} |> rearrange [.., (a k)] -> [.., a, k] with k = {k}");
    if b.fits(&ty) { b.bind(ty, &text) } else { None }
}

/// The positional product of two values.
fn product(b: &mut Body<'_>) -> Option<usize> {
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
fn named_product(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let y = b.find(|t| *t == ty)?;
    let i = b.rng.below(ty.dims.len());
    let text = format!("dot({}, tanh({}), over = {})", b.take(x), b.take(y), ty.axis(i));
    b.bind(ty.without(i), &text)
}

/// Class numbers of floats.
fn classes(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let name = b.look(x);
    match b.rng.below(3) {
        0 => b.bind(ty.without(ty.dims.len() - 1).of(Elem::Class(ty.last())), &format!("argmax({name})")),
        1 => b.bind(ty.of(Elem::Class(ty.last())), &format!("argsort({name})")),
        _ => {
            let k = b.size();
            b.bind(ty.of(Elem::Class(k)), &format!("index({name} * 3 + {}, {k})", k / 2))
        }
    }
}

fn masks(b: &mut Body<'_>) -> Option<usize> {
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

/// The element at a class.
fn by_class(b: &mut Body<'_>) -> Option<usize> {
    let c = b.find(|t| matches!(t.elem, Elem::Class(_)) && t.rows)?;
    let Elem::Class(k) = b.ty(c).elem else { return None };
    let mut wanted = b.ty(c).of(Elem::Float);
    wanted.dims.push(k);
    // The class has the axes of the value before its last, which are called otherwise where it has any.
    let x = b.find(|t| *t == wanted && t.dims.len() == 1)?;
    let text = format!("{}[n{k} = {}]", b.take(x), b.look(c));
    b.bind(Ty { elem: Elem::Float, ..b.ty(c) }, &text)
}

/// Class numbers `index(k)[batch, n]` and floats `[batch, k]` that they may pick from.
fn picked(b: &mut Body<'_>) -> Option<(usize, usize)> {
    let c = b.find(|t| matches!(t.elem, Elem::Class(_)) && t.rows && t.dims.len() == 1)?;
    let Elem::Class(k) = b.ty(c).elem else { return None };
    let x = b.find(|t| *t == Ty::rows(&[k]))?;
    Some((c, x))
}

fn gathered(b: &mut Body<'_>) -> Option<usize> {
    let (c, x) = picked(b)?;
    let text = format!("gather({}, {})", b.take(x), b.look(c));
    b.bind(b.ty(c).of(Elem::Float), &text)
}

fn scattered(b: &mut Body<'_>) -> Option<usize> {
    let (c, x) = picked(b)?;
    let ty = b.ty(c).of(Elem::Float);
    let y = b.find(|t| *t == ty)?;
    if b.rng.chance(0.5) {
        let text = format!("scatter_add({}, {})", b.take(y), b.look(c));
        return b.bind(b.ty(x), &text);
    }
    let text = format!("scatter({}, {}, {})", b.take(x), b.look(c), b.take(y));
    b.bind(b.ty(x), &text)
}

fn best(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let k = 1 + b.rng.below(ty.last());
    let (p, q) = (b.fresh("p"), b.fresh("q"));
    let before = format!("{p}, {q} = top_k({}, {k})\n", b.take(x));
    b.bind_after(&before, ty.ending(k), &format!("{p} + 0.01 * float({q})"))
}

fn hot(b: &mut Body<'_>) -> Option<usize> {
    let c = b.find(|t| matches!(t.elem, Elem::Class(_)) && t.rows)?;
    let Elem::Class(k) = b.ty(c).elem else { return None };
    let mut ty = b.ty(c).of(Elem::Float);
    ty.dims.push(k);
    if !b.fits(&ty) {
        return None;
    }
    let name = b.look(c);
    b.bind(ty, &format!("one_hot({name})"))
}

fn draw(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let f = *b.rng.pick(&["random_normal", "random_uniform"]);
    let shape = if b.rng.chance(0.5) { ty.shape() } else { format!("shape({})", b.look(x)) };
    let text = format!("{} + 0.1 * {f}({shape})", b.take(x));
    b.bind(ty, &text)
}

fn similarity(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let y = b.find(|t| *t == ty)?;
    let f = *b.rng.pick(&["cosine_similarity", "pairwise_distance"]);
    let text = format!("{f}({}, {})", b.take(x), b.take(y));
    b.bind(ty.without(ty.dims.len() - 1), &text)
}

/// Two values bound at once.
fn tuple(b: &mut Body<'_>) -> Option<usize> {
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

/// The gradient of a number as a value.
fn slope(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(0)?;
    let ty = b.ty(x);
    let y = b.find(|t| *t == ty)?;
    let form =
        *b.rng.pick(&["sum(sin(#) * @)", "mean(tanh(#)^2)", "sum(exp(-#^2)) + sum(@ * #^2)", "norm(# + tanh(@) + 2)"]);
    let (x_name, y_name) = (b.look(x), b.look(y));
    let text = format!("grad({}, {x_name})", form.replace('#', &x_name).replace('@', &y_name));
    b.bind(ty, &text)
}

/// Windows of one or two axes, with the size of the axes that windows of this kind leave.
fn window(b: &mut Body<'_>, ty: &Ty) -> Option<(Vec<usize>, usize, Vec<usize>)> {
    let slid = &ty.dims[..ty.dims.len() - 1];
    let kernel: Vec<usize> = slid.iter().map(|&n| 1 + b.rng.below(n.min(3))).collect();
    let stride = 1 + b.rng.below(2);
    let mut left: Vec<usize> = slid.iter().zip(&kernel).map(|(n, k)| (n - k) / stride + 1).collect();
    left.push(ty.last());
    Some((kernel, stride, left))
}

fn windows(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(2)?;
    let ty = b.ty(x);
    let (kernel, stride, left) = window(b, &ty)?;
    let f = *b.rng.pick(&["max_pool", "avg_pool", "lp_pool", "sum", "mean", "max", "min"]);
    let name = b.take(x);
    let text = match f {
        "max_pool" | "avg_pool" => format!("{f}({name}, {kernel:?}, stride = {stride})"),
        "lp_pool" => format!("lp_pool(abs({name}) + 0.1, 2, {kernel:?}, stride = {stride})"),
        _ => format!("{f}({name}, window = {kernel:?}, stride = {stride})"),
    };
    b.bind(ty.with(left), &text)
}

fn pooled(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(2)?;
    let ty = b.ty(x);
    let name = b.take(x);
    let last = ty.last();
    if b.rng.chance(0.4) {
        let f = *b.rng.pick(&["global_avg_pool", "global_max_pool"]);
        return b.bind(ty.with(vec![last]), &format!("{f}({name})"));
    }
    let mut into: Vec<usize> = ty.dims[..ty.dims.len() - 1].iter().map(|&n| 1 + b.rng.below(n)).collect();
    let f = *b.rng.pick(&["adaptive_avg_pool", "adaptive_max_pool"]);
    let text = format!("{f}({name}, {into:?})");
    into.push(last);
    b.bind(ty.with(into), &text)
}

fn unpooled(b: &mut Body<'_>) -> Option<usize> {
    let x = b.find(|t| t.is_float() && t.rows && t.dims.len() == 3 && t.dims[0] > 1 && t.dims[1] > 1)?;
    let ty = b.ty(x);
    let (p, q) = (b.fresh("p"), b.fresh("q"));
    let before = format!("{p}, {q} = max_pool_places({}, [2, 2])\n", b.take(x));
    b.bind_after(&before, ty.clone(), &format!("max_unpool({p}, {q}, {})", ty.dims[0]))
}

fn resize(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let mode = *b.rng.pick(&["nearest", "exact", "linear", "cubic"]);
    let corners = b.rng.chance(0.4) && matches!(mode, "linear" | "cubic");
    let name = b.take(x);
    let form = if corners { ", align_corners = true" } else { "" };
    if ty.dims.len() == 1 || b.rng.chance(0.4) {
        let n = b.size();
        let result = ty.ending(n);
        return if b.fits(&result) {
            b.bind(result, &format!("resample({name}, {n}, mode = {mode}{form})"))
        } else {
            None
        };
    }
    if b.rng.chance(0.3) {
        let dims: Vec<usize> =
            ty.dims.iter().enumerate().map(|(i, n)| if i + 1 < ty.dims.len() { 2 * n } else { *n }).collect();
        let result = ty.with(dims);
        return if b.fits(&result) { b.bind(result, &format!("upsample({name}, 2)")) } else { None };
    }
    let mut into: Vec<usize> = (1..ty.dims.len()).map(|_| b.size()).collect();
    let text = format!("interpolate({name}, {into:?}, mode = {mode}{form})");
    into.push(ty.last());
    let result = ty.with(into);
    if b.fits(&result) { b.bind(result, &text) } else { None }
}

fn grid(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(2)?;
    let ty = b.ty(x);
    let slid = ty.dims.len() - 1;
    let grid = b.find(|t| t.is_float() && t.rows && t.dims.len() >= 2 && t.last() == slid)?;
    let result = b.ty(grid).ending(ty.last());
    if !b.fits(&result) {
        return None;
    }
    let mode = *b.rng.pick(&["nearest", "linear"]);
    let padding = *b.rng.pick(&["zeros", "border", "reflection"]);
    let text = format!("grid_sample({}, tanh({}), mode = {mode}, padding = {padding})", b.take(x), b.look(grid));
    b.bind(result, &text)
}

/// What attention is made of.
fn heads(b: &mut Body<'_>) -> Option<usize> {
    let x = b.find(|t| t.is_float() && t.rows && t.dims.len() == 2)?;
    let ty = b.ty(x);
    let name = b.take(x);
    let even = ty.last() % 2 == 0;
    let text = match b.rng.below(5) {
        0 => format!("attention({name}, tanh({name}), {name})"),
        1 => format!("attention({name}, {name}, sin({name}), causal = true)"),
        2 => format!("sinusoids({name})"),
        3 if even => format!("rotary({name})"),
        _ if even => format!("join_heads(tanh(split_heads({name}, 2)))"),
        _ => format!("softmax(mask_future(dot({name}, {name}, over = n{}))) @ {name}", ty.last()).replace(
            &format!("dot({name}, {name}, over = n{})", ty.last()),
            &format!("{name} @ ({name} |> rearrange [b, t, n] -> [b, n, t])"),
        ),
    };
    b.bind(ty, &text)
}

/// The cost of spelling class numbers.
fn spelt(b: &mut Body<'_>) -> Option<usize> {
    let c = b.find(|t| matches!(t.elem, Elem::Class(k) if k > 1) && t.rows && t.dims.len() == 1 && t.dims[0] <= 3)?;
    let Elem::Class(k) = b.ty(c).elem else { return None };
    let x = b.find(|t| t.is_float() && t.rows && t.dims.len() == 2 && t.last() == k)?;
    let (n, t) = (b.ty(c).dims[0], b.ty(x).dims[0]);
    let scores = b.take(x);
    let rows = format!("{scores}[t{t} = 0, n{k} = 0]");
    let text =
        format!("ctc(log_softmax({scores}), {}, 0 * {rows} + {t}, 0 * {rows} + {n}, zero_infinity = true)", b.look(c));
    b.bind(Ty { rows: false, ..Ty::rows(&[]) }, &text)
}

/// Groups of features, standardised.
fn gates(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(2)?;
    let name = b.take(x);
    b.bind(b.ty(x), &format!("standardize_groups({name})"))
}

/// Next to each other along an axis before the last.
fn stacked_axes(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(2)?;
    let ty = b.ty(x);
    let y = b.find(|t| *t == ty)?;
    let i = b.rng.below(ty.dims.len() - 1);
    let mut dims = ty.dims.clone();
    dims[i] *= 2;
    let joined = ty.with(dims);
    if !b.fits(&joined) {
        return None;
    }
    let text = format!("concat([{}, {}], over = {})", b.take(x), b.take(y), ty.axis(i));
    b.bind(joined, &text)
}

/// A convolution whose filters are no parameters.
fn filtered(b: &mut Body<'_>) -> Option<usize> {
    if b.rng.chance(0.3) {
        return stacked_axes(b);
    }
    let x = b.float(2)?;
    let ty = b.ty(x);
    let slid = ty.dims.len() - 1;
    let kernel: Vec<usize> = ty.dims[..slid].iter().map(|&n| 1 + b.rng.below(n.min(3))).collect();
    let filters = 1 + b.rng.below(3);
    let shape = [&kernel[..], &[ty.last(), filters]].concat();
    let (name, w) = (b.take(x), b.fresh("w"));
    let before = format!(
        "{w} = sin(expand(mean({name}, over = [batch, {}]), {shape:?}",
        (0..slid).map(|i| ty.axis(i)).collect::<Vec<_>>().join(", ")
    );
    // The filters are [k.., filters, c] at first.
    let order = ["a", "b", "c"][..slid].join(", ");
    let before = before.replace(&format!("{shape:?}"), &format!("{:?}", [&kernel[..], &[filters]].concat()));
    let before = format!("{before}) |> rearrange [{order}, f, c] -> [{order}, c, f])\n");
    if b.rng.chance(0.5) {
        return b.bind_after(&before, ty.ending(filters), &format!("conv({name}, {w}, padding = same)"));
    }
    let stride = 1 + b.rng.below(2);
    let mut dims: Vec<usize> = ty.dims[..slid].iter().zip(&kernel).map(|(n, k)| (n - 1) * stride + k).collect();
    dims.push(filters);
    let result = ty.with(dims);
    let text = format!("conv_transpose({name}, {w}, stride = {stride})");
    if b.fits(&result) { b.bind_after(&before, result, &text) } else { None }
}

/// New leading axes.
fn expanded(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let n = 1 + b.rng.below(3);
    let mut dims = ty.dims.clone();
    dims.insert(0, n);
    let result = ty.with(dims);
    if !b.fits(&result) {
        return None;
    }
    let text = format!("expand({}, [{n}]) |> rearrange [a, b, ..] -> [b, a, ..]", b.take(x));
    b.bind(result, &text)
}

/// The windows themselves, summed in two ways.
fn stacked_windows(b: &mut Body<'_>) -> Option<usize> {
    let x = b.find(|t| t.is_float() && t.rows && t.dims.len() == 2)?;
    let ty = b.ty(x);
    let k = 1 + b.rng.below(ty.dims[0].min(3));
    let result = ty.with(vec![ty.dims[0] - k + 1, k, ty.last()]);
    if !b.fits(&result) {
        return None;
    }
    let text = format!("windows({}, window = [{k}], stride = 1)", b.take(x));
    b.bind(result, &text)
}

/// A value that functions of functions make.
fn folded(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(0)?;
    let mut text = b.take(x);
    for _ in 0..2 + b.rng.below(3) {
        let form = *b.rng.pick(UNARY);
        text = form.replace('#', &format!("({text})"));
        if text.len() > 300 {
            break;
        }
    }
    b.bind(b.ty(x), &text)
}
