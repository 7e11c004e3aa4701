//! Rules on numbers, masks and conversions.

use super::{Expr, Rule, made_by};
use crate::ir::attrs::{Attrs, Const};
use crate::ir::builder::Val;
use crate::ir::types::DType;
use crate::ops::binary::{ADD, DIV, MUL, SUB};
use crate::ops::logic::{CAST, NOT, SELECT};
use crate::ops::unary::NEG;

/// The rules of this file.
pub(super) static RULES: &[Rule] = &[
    Rule { name: "times-one", contract: "x * 1 and 1 * x become x", apply: times_one },
    Rule { name: "over-one", contract: "x / 1 becomes x", apply: over_one },
    Rule { name: "minus-zero", contract: "x - (+0) becomes x; with -0 it would turn -0 into +0", apply: minus_zero },
    Rule { name: "plus-nothing", contract: "x + (-0) becomes x, for integers x + 0", apply: plus_nothing },
    Rule { name: "twice-negated", contract: "-(-x) becomes x, and not not x", apply: twice_negated },
    Rule {
        name: "over-power-of-two",
        contract: "x / 2^k becomes x * 2^-k where 2^-k is a float: both round the same real number",
        apply: over_power_of_two,
    },
    Rule { name: "same-branches", contract: "where(c, x, x) becomes x", apply: same_branches },
    Rule {
        name: "known-condition",
        contract: "where(true, x, y) becomes x, where(false, x, y) y",
        apply: known_condition,
    },
    Rule { name: "cast-to-itself", contract: "x at the type it has is x", apply: cast_to_itself },
    Rule {
        name: "cast-and-back",
        contract: "x at a type that holds all values of its own, and back, is x",
        apply: cast_and_back,
    },
];

/// The value of a float constant at its own type.
fn float(value: Val<'_>) -> Option<f64> {
    match value.as_const()? {
        Const::Float(DType::F32, x) => Some(f64::from(x as f32)),
        Const::Float(_, x) => Some(x),
        Const::Int(..) => None,
    }
}

fn is_integer(value: Val<'_>, n: i64) -> bool {
    matches!(value.as_const(), Some(Const::Int(_, m)) if m == n)
}

fn is_one(value: Val<'_>) -> bool {
    float(value) == Some(1.0) || is_integer(value, 1)
}

/// A float zero with this sign.
fn is_zero(value: Val<'_>, negative: bool) -> bool {
    float(value).is_some_and(|x| x == 0.0 && x.is_sign_negative() == negative)
}

fn times_one<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    match e.args {
        [x, y] if e.is(&MUL) && is_one(*y) => Some(*x),
        [x, y] if e.is(&MUL) && is_one(*x) => Some(*y),
        _ => None,
    }
}

fn over_one<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    match e.args {
        [x, y] if e.is(&DIV) && is_one(*y) => Some(*x),
        _ => None,
    }
}

fn minus_zero<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    match e.args {
        [x, y] if e.is(&SUB) && (is_zero(*y, false) || is_integer(*y, 0)) => Some(*x),
        _ => None,
    }
}

fn plus_nothing<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    let nothing = |v: Val<'b>| is_zero(v, true) || is_integer(v, 0);
    match e.args {
        [x, y] if e.is(&ADD) && nothing(*y) => Some(*x),
        [x, y] if e.is(&ADD) && nothing(*x) => Some(*y),
        _ => None,
    }
}

fn twice_negated<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    match e.args {
        [x] if e.is(&NEG) || e.is(&NOT) => Some(made_by(*x, e.op)?.0),
        _ => None,
    }
}

fn over_power_of_two<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    match e.args {
        [x, y] if e.is(&DIV) => Some(x.binary(&MUL, x.splat(exact_reciprocal(y.as_const()?)?))),
        _ => None,
    }
}

/// 1/c where c is ±2^k and ±2^−k is a number of its type, denormal or not.
fn exact_reciprocal(c: Const) -> Option<f64> {
    let Const::Float(dtype, x) = c else { return None };
    let x = if dtype == DType::F32 { f64::from(x as f32) } else { x };
    let reciprocal = 1.0 / x;
    let held = if dtype == DType::F32 { f64::from(reciprocal as f32) } else { reciprocal };
    (is_power_of_two(x) && is_power_of_two(reciprocal) && held == reciprocal).then_some(reciprocal)
}

/// Whether |x| is 2^k: one bit of the significand, counting the hidden one of normal numbers.
fn is_power_of_two(x: f64) -> bool {
    let (exponent, mantissa) = (x.to_bits() >> 52 & 0x7ff, x.to_bits() << 12);
    match exponent {
        0 => mantissa.count_ones() == 1,
        0x7ff => false,
        _ => mantissa == 0,
    }
}

fn same_branches<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    match e.args {
        [_, x, y] if e.is(&SELECT) && x.value == y.value => Some(*x),
        _ => None,
    }
}

fn known_condition<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    match (e.args, e.args.first()?.as_const()) {
        ([_, x, y], Some(Const::Int(_, holds))) if e.is(&SELECT) => Some(if holds != 0 { *x } else { *y }),
        _ => None,
    }
}

fn cast_to_itself<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    match (e.args, e.attrs) {
        ([x], Attrs::Cast(to)) if x.ty().dtype == *to => Some(*x),
        _ => None,
    }
}

fn cast_and_back<'b>(e: &Expr<'_, 'b>) -> Option<Val<'b>> {
    let ([middle], Attrs::Cast(to)) = (e.args, e.attrs) else { return None };
    let (x, _) = made_by(*middle, &CAST)?;
    (x.ty().dtype == *to && holds_all(middle.ty().dtype, *to)).then_some(x)
}

/// Whether every value of `narrow` is one of `wide`.
fn holds_all(wide: DType, narrow: DType) -> bool {
    matches!((narrow, wide), (DType::F32, DType::F64) | (DType::I32, DType::I64 | DType::F64))
}
