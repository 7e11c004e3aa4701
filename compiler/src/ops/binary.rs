//! Functions of two numbers, element by element.

use super::infer;
use super::logic::{EQ, GT, LT};
use super::unary::LOG;
use crate::ir::op::{Arity, Domain, Lower, Meaning, OpDef, Reference, ScalarFn, Vjp, VjpArgs};
use crate::prog::math;
use crate::prog::reference::{Dd, log, pow};

const REAL: &[Domain] = &[Domain::Float(-4.0, 4.0), Domain::Float(-4.0, 4.0)];
const DIVISOR: &[Domain] = &[Domain::Float(-4.0, 4.0), Domain::Float(0.1, 4.0)];
const POWER: &[Domain] = &[Domain::Float(0.1, 4.0), Domain::Float(-3.0, 3.0)];

const fn binary(
    name: &'static str,
    doc: &'static str,
    meaning: ScalarFn,
    reference: Reference,
    vjp: Vjp,
    domain: &'static [Domain],
) -> OpDef {
    OpDef {
        name,
        doc,
        arity: Arity::Exactly(2),
        infer: infer::number,
        meaning: Meaning::Scalar(meaning),
        reference,
        vjp,
        lower: Lower::Elementwise,
        domain,
    }
}

/// a + b.
pub static ADD: OpDef = binary(
    "add",
    "a + b",
    |s| s.args[0] + s.args[1],
    Reference::Function { value: |x| x[0] + x[1], slope: |_, _| Dd::ONE },
    Vjp::Rule(|n| vec![Some(n.ct()), Some(n.ct())]),
    REAL,
);

/// a − b.
pub static SUB: OpDef = binary(
    "sub",
    "a - b",
    |s| s.args[0] - s.args[1],
    Reference::Function { value: |x| x[0] - x[1], slope: |_, i| if i == 0 { Dd::ONE } else { -Dd::ONE } },
    Vjp::Rule(|n| vec![Some(n.ct()), Some(-n.ct())]),
    REAL,
);

/// a · b.
pub static MUL: OpDef = binary(
    "mul",
    "a * b",
    |s| s.args[0] * s.args[1],
    Reference::Function { value: |x| x[0] * x[1], slope: |x, i| x[1 - i] },
    Vjp::Rule(|n| vec![Some(n.ct() * n.args[1]), Some(n.ct() * n.args[0])]),
    REAL,
);

/// a / b; division is never replaced by a product with the reciprocal.
pub static DIV: OpDef = OpDef {
    infer: infer::float,
    ..binary(
        "div",
        "a / b",
        |s| s.args[0] / s.args[1],
        Reference::Function {
            value: |x| x[0] / x[1],
            slope: |x, i| if i == 0 { Dd::ONE / x[1] } else { -x[0] / (x[1] * x[1]) },
        },
        Vjp::Rule(|n| vec![Some(n.ct() / n.args[1]), Some(-(n.ct() * n.out() / n.args[1]))]),
        DIVISOR,
    )
};

/// The smaller; a NaN wins, and of equals the second.
pub static MIN: OpDef = OpDef {
    infer: infer::float,
    ..binary(
        "min",
        "the smaller of a and b; a NaN wins",
        |s| {
            let (a, b) = (s.args[0], s.args[1]);
            a.lt(b).or(a.ne(a)).select(a, b)
        },
        Reference::Function {
            value: |x| if is_less(x, 0) { x[0] } else { x[1] },
            slope: |x, i| if is_less(x, i) { Dd::ONE } else { Dd::ZERO },
        },
        Vjp::Rule(|n| extreme(n, &LT)),
        REAL,
    )
};

/// The larger; a NaN wins, and of equals the second.
pub static MAX: OpDef = OpDef {
    infer: infer::float,
    ..binary(
        "max",
        "the larger of a and b; a NaN wins",
        |s| {
            let (a, b) = (s.args[0], s.args[1]);
            a.gt(b).or(a.ne(a)).select(a, b)
        },
        Reference::Function {
            value: |x| if is_less(x, 1) { x[0] } else { x[1] },
            slope: |x, i| if is_less(x, 1 - i) { Dd::ONE } else { Dd::ZERO },
        },
        Vjp::Rule(|n| extreme(n, &GT)),
        REAL,
    )
};

/// Whether operand `i` of two is less than the other one.
fn is_less(x: &[Dd], i: usize) -> bool {
    x[i].to_f64() < x[1 - i].to_f64()
}

/// The side that wins takes the cotangent; equals share it evenly.
fn extreme<'b>(n: &VjpArgs<'_, 'b>, wins: crate::ir::op::Op) -> Vec<Option<crate::ir::builder::Val<'b>>> {
    let (a, b, ct) = (n.args[0], n.args[1], n.ct());
    let half = a.compare(&EQ, b).select(ct * 0.5, ct.splat(0.0));
    vec![Some(a.compare(wins, b).select(ct, half)), Some(b.compare(wins, a).select(ct, half))]
}

/// aᵇ. At a = 0 the slope by b, and at b = 0 the slope by a, are 0.
pub static POW: OpDef = OpDef {
    infer: infer::float,
    ..binary(
        "pow",
        "a to the power b",
        |s| math::pow(s.args[0], s.args[1]),
        Reference::Function {
            value: |x| pow(x[0], x[1]),
            slope: |x, i| if i == 0 { x[1] * pow(x[0], x[1] - Dd::ONE) } else { pow(x[0], x[1]) * log(x[0]) },
        },
        Vjp::Rule(|n| {
            let (a, b, ct) = (n.args[0], n.args[1], n.ct());
            let zero = ct.splat(0.0);
            let by_a = ct * (b * a.binary(&POW, b - 1.0));
            let by_b = ct * (n.out() * a.unary(&LOG));
            vec![Some(b.compare(&EQ, zero).select(zero, by_a)), Some(a.compare(&EQ, zero).select(zero, by_b))]
        }),
        POWER,
    )
};

/// The rows of this family.
pub(super) const ROWS: &[&OpDef] = &[&ADD, &SUB, &MUL, &DIV, &MIN, &MAX, &POW];
