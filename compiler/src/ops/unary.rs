//! Functions of one float, element by element. Error bounds of the transcendental ones are those of `prog::math`.

use super::infer;
use super::logic::LT;
use crate::ir::op::{Arity, Domain, Lower, Meaning, OpDef, Reference, ScalarFn, Vjp};
use crate::ir::types::DType;
use crate::prog::reference::{Dd, atan, cos, erf, exp, expm1, log, log1p, sin, tanh};
use crate::prog::{Ty, math};

const REAL: &[Domain] = &[Domain::Float(-4.0, 4.0)];
const POSITIVE: &[Domain] = &[Domain::Float(0.05, 8.0)];

const fn unary(
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
        arity: Arity::Exactly(1),
        infer: infer::float,
        meaning: Meaning::Scalar(meaning),
        reference,
        vjp,
        lower: Lower::Elementwise,
        domain,
    }
}

/// −x.
pub static NEG: OpDef = OpDef {
    infer: infer::number,
    ..unary(
        "neg",
        "-x",
        |s| -s.args[0],
        Reference::Function { value: |x| -x[0], slope: |_, _| -Dd::ONE },
        Vjp::Rule(|n| vec![Some(-n.ct())]),
        REAL,
    )
};

/// |x|; the slope at 0 is 0.
pub static ABS: OpDef = unary(
    "abs",
    "the absolute value; its slope at 0 is 0",
    |s| s.args[0].abs(),
    Reference::Function { value: |x| x[0].abs(), slope: |x, _| Dd::from(x[0].to_f64().signum()) },
    Vjp::Rule(|n| vec![Some(n.ct() * n.args[0].unary(&SIGN))]),
    REAL,
);

/// −1, 0 or 1.
pub static SIGN: OpDef = unary(
    "sign",
    "-1, 0 or 1 with the sign of x",
    |s| {
        let x = s.args[0];
        let zero = s.p.f(x.ty(), 0.0);
        let one = s.p.f(x.ty(), 1.0);
        // A NaN fails both comparisons and stays itself; so does a zero, with its sign.
        x.gt(zero).select(one, x.lt(zero).select(-one, x))
    },
    Reference::Value(|x| if x[0] == 0.0 { x[0] } else { x[0].signum() }),
    Vjp::Zero("constant almost everywhere"),
    REAL,
);

/// eˣ.
pub static EXP: OpDef = unary(
    "exp",
    "e to the power x",
    |s| math::exp(s.args[0]),
    Reference::Function { value: |x| exp(x[0]), slope: |x, _| exp(x[0]) },
    Vjp::Rule(|n| vec![Some(n.ct() * n.out())]),
    REAL,
);

/// eˣ − 1.
pub static EXPM1: OpDef = unary(
    "expm1",
    "e to the power x, minus 1, exact for small x",
    |s| math::expm1(s.args[0]),
    Reference::Function { value: |x| expm1(x[0]), slope: |x, _| exp(x[0]) },
    // Not the result + 1, which has lost the digits of eˣ where that is small.
    Vjp::Rule(|n| vec![Some(n.ct() * n.args[0].unary(&EXP))]),
    REAL,
);

/// ln x.
pub static LOG: OpDef = unary(
    "log",
    "the natural logarithm",
    |s| math::log(s.args[0]),
    Reference::Function { value: |x| log(x[0]), slope: |x, _| Dd::ONE / x[0] },
    Vjp::Rule(|n| vec![Some(n.ct() / n.args[0])]),
    POSITIVE,
);

/// ln (1 + x).
pub static LOG1P: OpDef = unary(
    "log1p",
    "the natural logarithm of 1 + x, exact for small x",
    |s| math::log1p(s.args[0]),
    Reference::Function { value: |x| log1p(x[0]), slope: |x, _| Dd::ONE / (Dd::ONE + x[0]) },
    Vjp::Rule(|n| vec![Some(n.ct() / (n.args[0] + 1.0))]),
    &[Domain::Float(-0.9, 4.0)],
);

/// √x.
pub static SQRT: OpDef = unary(
    "sqrt",
    "the square root",
    |s| s.args[0].sqrt(),
    Reference::Function { value: |x| x[0].sqrt(), slope: |x, _| Dd::from(0.5) / x[0].sqrt() },
    Vjp::Rule(|n| vec![Some(n.ct() / (n.out() * 2.0))]),
    POSITIVE,
);

/// Hyperbolic tangent.
pub static TANH: OpDef = unary(
    "tanh",
    "the hyperbolic tangent",
    |s| math::tanh(s.args[0]),
    Reference::Function { value: |x| tanh(x[0]), slope: |x, _| slope_of_tanh(x[0]) },
    // Not 1 − tanh², which has lost the digits of the slope where tanh is close to 1.
    Vjp::Rule(|n| vec![Some(n.ct() * n.args[0].unary(&TANH_SLOPE))]),
    REAL,
);

/// The slope of the hyperbolic tangent, s = 1 − tanh²; its own is −2s·tanh.
pub static TANH_SLOPE: OpDef = unary(
    "tanh_slope",
    "1 - tanh(x)^2, exact where tanh(x) is close to 1, too",
    |s| math::tanh_slope(s.args[0]),
    Reference::Function {
        value: |x| slope_of_tanh(x[0]),
        slope: |x, _| Dd::from(-2.0) * slope_of_tanh(x[0]) * tanh(x[0]),
    },
    Vjp::Rule(|n| vec![Some(n.ct() * (n.out() * n.args[0].unary(&TANH) * -2.0))]),
    REAL,
);

/// 1 − tanh² = 4 / (eˣ + e⁻ˣ)², without cancellation.
fn slope_of_tanh(x: Dd) -> Dd {
    let sum = exp(x) + exp(-x);
    Dd::from(4.0) / (sum * sum)
}

/// The logistic function y = 1 / (1 + e⁻ˣ), of e^−|x| so that nothing overflows and small values keep their digits; its slope is y(1 − y).
pub static LOGISTIC: OpDef = unary(
    "logistic",
    "1 / (1 + exp(-x)), exact for small values too",
    |s| {
        let x = s.args[0];
        let (one, below) = (x.c(1.0), x.lt(x.c(0.0)));
        let e = math::exp(below.select(x, -x));
        below.select(e, one) / (one + e)
    },
    Reference::Function {
        value: |x| Dd::ONE / (Dd::ONE + exp(-x[0])),
        slope: |x, _| {
            let e = exp(-x[0].abs());
            e / ((Dd::ONE + e) * (Dd::ONE + e))
        },
    },
    Vjp::Rule(|n| vec![Some(n.ct() * (n.out() * (1.0 - n.out())))]),
    REAL,
);

/// The error function; d erf = 2/√π · e^(−x²).
pub static ERF: OpDef = unary(
    "erf",
    "the error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x",
    |s| math::erf(s.args[0]),
    Reference::Function { value: |x| erf(x[0]), slope: |x, _| Dd::TWO_OVER_SQRT_PI * exp(-(x[0] * x[0])) },
    Vjp::Rule(|n| {
        let x = n.args[0];
        vec![Some(n.ct() * ((-(x * x)).unary(&EXP) * std::f64::consts::FRAC_2_SQRT_PI))]
    }),
    REAL,
);

/// sin x.
pub static SIN: OpDef = unary(
    "sin",
    "the sine",
    |s| math::sin(s.args[0]),
    Reference::Function { value: |x| sin(x[0]), slope: |x, _| cos(x[0]) },
    Vjp::Rule(|n| vec![Some(n.ct() * n.args[0].unary(&COS))]),
    REAL,
);

/// cos x.
pub static COS: OpDef = unary(
    "cos",
    "the cosine",
    |s| math::cos(s.args[0]),
    Reference::Function { value: |x| cos(x[0]), slope: |x, _| -sin(x[0]) },
    Vjp::Rule(|n| vec![Some(-(n.ct() * n.args[0].unary(&SIN)))]),
    REAL,
);

/// arctan x; d arctan = 1 / (1 + x²).
pub static ATAN: OpDef = unary(
    "atan",
    "the angle between -pi/2 and pi/2 whose tangent is x",
    |s| math::atan(s.args[0]),
    Reference::Function { value: |x| atan(x[0]), slope: |x, _| Dd::ONE / (Dd::ONE + x[0] * x[0]) },
    Vjp::Rule(|n| {
        let x = n.args[0];
        vec![Some(n.ct() / (x * x + 1.0))]
    }),
    REAL,
);

/// ⌊x⌋.
pub static FLOOR: OpDef = unary(
    "floor",
    "the largest whole number not above x",
    |s| s.args[0].floor(),
    Reference::Value(|x| x[0].floor()),
    Vjp::Zero("constant almost everywhere"),
    REAL,
);

/// ⌈x⌉.
pub static CEIL: OpDef = unary(
    "ceil",
    "the smallest whole number not below x",
    |s| s.args[0].ceil(),
    Reference::Value(|x| x[0].ceil()),
    Vjp::Zero("constant almost everywhere"),
    REAL,
);

/// x rounded, halves to even.
pub static ROUND: OpDef = unary(
    "round",
    "the nearest whole number, halves to the even one",
    |s| s.args[0].nearest(),
    Reference::Value(|x| x[0].round_ties_even()),
    Vjp::Zero("constant almost everywhere"),
    REAL,
);

/// x, or 0 where |x| lies below the normal numbers of its type: what a state stores. A NaN stays.
///
/// A moment that only decays would otherwise spend hundreds of steps among numbers with few digits left, which many processors
/// compute with a hundred times slower than with any other.
pub static SETTLE: OpDef = unary(
    "settle",
    "x, or 0 where |x| is less than the smallest normal number of its precision",
    |s| {
        let x = s.args[0];
        let (ty, exponent) = match s.ty.dtype {
            DType::F32 => (Ty::I32, i64::from(f32::INFINITY.to_bits())),
            _ => (Ty::I64, f64::INFINITY.to_bits() as i64),
        };
        let exponent = x.bits(ty).and(s.p.int(ty, exponent));
        exponent.eq(exponent.n(0)).select(x.c(0.0), x)
    },
    Reference::Function { value: |x| x[0], slope: |_, _| Dd::ONE },
    Vjp::Rule(|n| {
        let (x, ct) = (n.args[0], n.ct());
        let gone = x.unary(&ABS).compare(&LT, x.splat(smallest_normal(x.ty().dtype)));
        vec![Some(gone.select(ct.splat(0.0), ct))]
    }),
    REAL,
);

fn smallest_normal(dtype: DType) -> f64 {
    if dtype == DType::F32 { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE }
}

/// The rows of this family.
pub(super) const ROWS: &[&OpDef] = &[
    &NEG,
    &ABS,
    &SIGN,
    &EXP,
    &EXPM1,
    &LOG,
    &LOG1P,
    &SQRT,
    &TANH,
    &TANH_SLOPE,
    &LOGISTIC,
    &ERF,
    &SIN,
    &COS,
    &ATAN,
    &FLOOR,
    &CEIL,
    &ROUND,
    &SETTLE,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::attrs::Attrs;
    use crate::ir::types::TensorType;
    use crate::prog::{Lane, Prog, interp};

    /// `settle` of one number.
    fn settled(x: Lane, dtype: DType) -> Lane {
        let Meaning::Scalar(meaning) = SETTLE.meaning else { panic!("element by element") };
        let ty = TensorType::scalar(dtype);
        let prog = Prog::build(|p| {
            vec![meaning(&crate::ir::op::ScalarArgs {
                p,
                args: &[p.port(0, x.ty())],
                attrs: &Attrs::None,
                ty: &ty,
                index: &[],
            })]
        });
        interp::eval(&prog, &[x], &[])[0]
    }

    #[test]
    fn only_what_lies_below_the_normal_numbers_settles() {
        let (tiny, below) = (f32::MIN_POSITIVE, f32::from_bits(f32::MIN_POSITIVE.to_bits() - 1));
        for x in [tiny, -tiny, 1.0, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            assert_eq!(settled(Lane::F32(x), DType::F32), Lane::F32(x));
        }
        for x in [below, -below, f32::from_bits(1), 0.0, -0.0] {
            assert_eq!(settled(Lane::F32(x), DType::F32).to_bits(), 0, "{x:e}");
        }
        assert!(matches!(settled(Lane::F32(f32::NAN), DType::F32), Lane::F32(x) if x.is_nan()));
        let below = f64::from_bits(f64::MIN_POSITIVE.to_bits() - 1);
        assert_eq!(settled(Lane::F64(-f64::MIN_POSITIVE), DType::F64), Lane::F64(-f64::MIN_POSITIVE));
        assert_eq!(settled(Lane::F64(-below), DType::F64).to_bits(), 0);
    }
}
