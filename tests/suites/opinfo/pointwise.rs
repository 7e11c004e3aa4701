//! Functions that work element by element.

use super::Row;
use crate::suites::call::{Call, Outputs};
use crate::suites::text::{Nn, T, number};

/// Functions of one value, and how each is written of `x`.
pub(super) const FORMULAS: &[(&str, &str)] = &[
    ("abs", "abs({x})"),
    ("acosh", "acosh({x})"),
    ("asin", "asin({x})"),
    ("asinh", "asinh({x})"),
    ("atanh", "atanh({x})"),
    ("cos", "cos({x})"),
    ("cosh", "cosh({x})"),
    ("exp", "exp({x})"),
    ("expm1", "expm1({x})"),
    ("log", "log({x})"),
    ("log10", "log10({x})"),
    ("log1p", "log1p({x})"),
    ("log2", "log2({x})"),
    ("neg", "-{x}"),
    ("reciprocal", "1 / {x}"),
    ("rsqrt", "rsqrt({x})"),
    ("sigmoid", "sigmoid({x})"),
    ("sign", "sign({x})"),
    ("sin", "sin({x})"),
    ("sinh", "sinh({x})"),
    ("sqrt", "sqrt({x})"),
    ("square", "{x}^2"),
    ("tan", "tan({x})"),
    ("tanh", "tanh({x})"),
    ("nn.functional.hardsigmoid", "hardsigmoid({x})"),
    ("nn.functional.hardswish", "hardswish({x})"),
    ("nn.functional.logsigmoid", "logsigmoid({x})"),
    ("nn.functional.mish", "mish({x})"),
    ("nn.functional.relu", "relu({x})"),
    ("nn.functional.relu6", "relu6({x})"),
    ("nn.functional.selu", "selu({x})"),
    ("nn.functional.silu", "silu({x})"),
    ("nn.functional.softsign", "softsign({x})"),
    ("nn.functional.tanhshrink", "tanhshrink({x})"),
];

/// Rows of this family.
pub(super) const ROWS: &[Row] = &[
    ("add", |nn, call| sum(nn, call, '+')),
    ("sub", |nn, call| sum(nn, call, '-')),
    ("mul", |nn, call| two(nn, call, |v| format!("{} * {}", v[0], v[1]))),
    ("div", quotient),
    ("fmod", |nn, call| two(nn, call, |v| format!("fmod({}, {})", v[0], v[1]))),
    ("remainder", |nn, call| two(nn, call, |v| format!("{} % {}", v[0], v[1]))),
    ("atan2", |nn, call| two(nn, call, |v| format!("atan2({}, {})", v[0], v[1]))),
    ("pow", |nn, call| two(nn, call, |v| format!("{}^{}", v[0], v[1]))),
    ("logaddexp", |nn, call| two(nn, call, |v| format!("logaddexp({}, {})", v[0], v[1]))),
    ("maximum", |nn, call| two(nn, call, |v| format!("max({}, {})", v[0], v[1]))),
    ("minimum", |nn, call| two(nn, call, |v| format!("min({}, {})", v[0], v[1]))),
    ("addcmul", |nn, call| scaled(nn, call, '*')),
    ("addcdiv", |nn, call| scaled(nn, call, '/')),
    ("lerp", |nn, call| {
        let (a, b, t) = (call.input()?, call.needed(1, "end")?, call.needed(2, "weight")?);
        Ok(vec![nn.zip(&[&a, &b, &t], |v| format!("{0} + ({1} - {0}) * {2}", v[0], v[1], v[2]))])
    }),
    ("clamp", clamp),
    ("where", |nn, call| {
        let (a, condition, b) = (call.input()?, call.needed(1, "condition")?, call.needed(2, "other")?);
        let mask = call.mask(nn, &condition);
        Ok(vec![nn.zip(&[&mask, &a, &b], |v| format!("where({}, {}, {})", v[0], v[1], v[2]))])
    }),
    ("masked_fill", |nn, call| {
        let (x, mask, value) = (call.input()?, call.needed(1, "mask")?, call.needed(2, "value")?);
        let mask = call.mask(nn, &mask);
        Ok(vec![nn.zip(&[&mask, &value, &x], |v| format!("where({}, {}, {})", v[0], v[1], v[2]))])
    }),
    ("round", |nn, call| {
        let x = call.input()?;
        let unit = number(10f64.powf(-call.num(1, "decimals", 0.0)));
        Ok(vec![nn.map(&x, |x| format!("round({x} / {unit}) * {unit}"))])
    }),
    ("nn.functional.gelu", |nn, call| {
        let tanh = call.text(1, "approximate", "none") == "tanh";
        of(nn, call, |x| if tanh { format!("gelu_tanh({x})") } else { format!("gelu({x})") })
    }),
    ("nn.functional.celu", |nn, call| with(nn, call, "celu", "alpha", 1.0)),
    ("nn.functional.leaky_relu", |nn, call| with(nn, call, "leaky_relu", "negative_slope", 0.01)),
    ("nn.functional.softshrink", |nn, call| with(nn, call, "softshrink", "lambd", 0.5)),
    ("nn.functional.hardshrink", |nn, call| with(nn, call, "hardshrink", "lambd", 0.5)),
    ("nn.functional.hardtanh", |nn, call| {
        let (low, high) = (call.num(1, "min_val", -1.0), call.num(2, "max_val", 1.0));
        of(nn, call, |x| format!("hardtanh({x}, {}, {})", number(low), number(high)))
    }),
    ("nn.functional.softplus", |nn, call| {
        // Beyond PyTorch's threshold it is the identity.
        let (beta, threshold) = (number(call.num(1, "beta", 1.0)), number(call.num(2, "threshold", 20.0)));
        of(nn, call, |x| format!("where({beta} * {x} > {threshold}, {x}, softplus({beta} * {x}) / {beta})"))
    }),
    ("nn.functional.prelu", |nn, call| {
        let (x, slope) = (call.input()?, call.needed(1, "weight")?);
        let slope = channels(nn, &slope, x.rank());
        Ok(vec![nn.zip(&[&x, &slope], |v| format!("prelu({}, {})", v[0], v[1]))])
    }),
];

/// A value for each channel, in the second axis of PyTorch's tensors, as one that meets a tensor of that rank.
pub(in crate::suites) fn channels(nn: &mut Nn, x: &T, rank: usize) -> T {
    if x.rank() == 0 || rank < 2 || x.count() == 1 {
        return nn.reshape(x, &[]);
    }
    let shape: Vec<usize> = (1..rank).map(|i| if i == 1 { x.count() } else { 1 }).collect();
    nn.reshape(x, &shape)
}

fn of(nn: &mut Nn, call: &Call<'_>, expr: impl Fn(&str) -> String) -> Outputs {
    let x = call.input()?;
    Ok(vec![nn.map(&x, expr)])
}

/// `f(x, argument)`
fn with(nn: &mut Nn, call: &Call<'_>, f: &str, name: &str, default: f64) -> Outputs {
    let argument = number(call.num(1, name, default));
    of(nn, call, |x| format!("{f}({x}, {argument})"))
}

pub(super) fn two(nn: &mut Nn, call: &Call<'_>, expr: impl Fn(&[&str]) -> String) -> Outputs {
    let (a, b) = (call.input()?, call.needed(1, "other")?);
    Ok(vec![nn.zip(&[&a, &b], expr)])
}

fn sum(nn: &mut Nn, call: &Call<'_>, sign: char) -> Outputs {
    let alpha = call.num(2, "alpha", 1.0);
    two(nn, call, |v| match alpha {
        1.0 => format!("{} {sign} {}", v[0], v[1]),
        _ => format!("{} {sign} {} * {}", v[0], number(alpha), v[1]),
    })
}

fn quotient(nn: &mut Nn, call: &Call<'_>) -> Outputs {
    let mode = call.text(2, "rounding_mode", "");
    two(nn, call, |v| {
        let quotient = format!("{} / {}", v[0], v[1]);
        match mode.as_str() {
            "floor" => format!("floor({quotient})"),
            "trunc" => format!("trunc({quotient})"),
            _ => quotient,
        }
    })
}

/// x + value · a · b, or a / b.
fn scaled(nn: &mut Nn, call: &Call<'_>, op: char) -> Outputs {
    let (x, a, b) = (call.input()?, call.needed(1, "tensor1")?, call.needed(2, "tensor2")?);
    let value = number(call.num(3, "value", 1.0));
    Ok(vec![nn.zip(&[&x, &a, &b], |v| format!("{} + {value} * {} {op} {}", v[0], v[1], v[2]))])
}

/// The slope goes to the bound where it is taken.
fn clamp(nn: &mut Nn, call: &Call<'_>) -> Outputs {
    let mut x = call.input()?;
    if let Some(low) = call.value(1, "min") {
        x = nn.zip(&[&x, &low], |v| format!("where({} < {}, {}, {})", v[0], v[1], v[1], v[0]));
    }
    if let Some(high) = call.value(2, "max") {
        x = nn.zip(&[&x, &high], |v| format!("where({} > {}, {}, {})", v[0], v[1], v[1], v[0]));
    }
    Ok(vec![x])
}
