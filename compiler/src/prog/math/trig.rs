//! Sine and cosine over the whole range.
//!
//! The argument becomes n quarter turns and a rest r, |r| ≤ π/4, as a sum of two floats ([`super::reduce`]); n selects
//! between the two polynomials and the sign. `F32` works in `F64` inside, which makes the reduction cheap and the result
//! almost correctly rounded.

use super::reduce::{Rest, quarter_turns};
use super::{E, Ty, polynomial};

/// p in sin(r) = r + r·z·p(z), z = r², |r| ≤ π/4: degree 2, relative error 2^-28 (for `F32`, in `F64` arithmetic).
const SIN32: [f64; 3] = [-0.16666654674879122, 0.008332165525261826, -0.00019515920523686007];

/// The same for double precision: degree 5, 2^-57.8.
const SIN64: [f64; 6] = [
    -0.1666666666666663,
    0.008333333333321974,
    -0.000198412698295229,
    2.7557313608031443e-06,
    -2.505074662800555e-08,
    1.5896201015007677e-10,
];

/// p in cos(r) = 1 − z/2 + z²·p(z), z = r², |r| ≤ π/4: degree 2, error 2^-33 (for `F32`, in `F64` arithmetic).
const COS32: [f64; 3] = [0.0416666462305849, -0.0013887341178481585, 2.4435815417973444e-05];

/// The same for double precision: degree 5, 2^-64.
const COS64: [f64; 6] = [
    0.041666666666666595,
    -0.001388888888887346,
    2.4801587289117557e-05,
    -2.755731425783967e-07,
    2.0875711572673512e-09,
    -1.13590895051783e-11,
];

/// How exact the result has to be.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Precision {
    Single,
    Double,
}

/// sin x.
pub fn sin<'p>(x: E<'p>) -> E<'p> {
    // x itself where x²/6 is below a quarter of the last place, which also keeps −0.
    let tiny = super::by_type(x, 2f64.powi(-13), 2f64.powi(-27));
    x.abs().lt(x.c(tiny)).select(x, circular(x, 0))
}

/// cos x.
pub fn cos<'p>(x: E<'p>) -> E<'p> {
    circular(x, 1)
}

/// sin(x + quarters·π/2).
fn circular<'p>(x: E<'p>, quarters: i64) -> E<'p> {
    match x.ty() {
        Ty::F32 => {
            let rest = quarter_turns(x.to(Ty::F64), Precision::Single);
            sine_of_rest(rest, quarters, Precision::Single).to(Ty::F32)
        }
        _ => sine_of_rest(quarter_turns(x, Precision::Double), quarters, Precision::Double),
    }
}

/// The sine of `rest` and `quarters` more quarter turns, in `F64`.
pub(super) fn sine_of_rest<'p>(rest: Rest<'p>, quarters: i64, precision: Precision) -> E<'p> {
    let Rest { turns, high: r, low } = rest;
    let (sin_table, cos_table): (&[f64], &[f64]) = match precision {
        Precision::Single => (&SIN32, &COS32),
        Precision::Double => (&SIN64, &COS64),
    };
    let z = r * r;
    let half = z * 0.5;
    let base = 1.0 - half;
    // d sin = cos·low ≈ (1 − z/2)·low; d cos = −sin·low ≈ −r·low.
    let sine = r + (r * z).fma(polynomial(z, sin_table), base * low);
    let cosine = base + (((1.0 - base) - half) + (z * z).fma(polynomial(z, cos_table), -(r * low)));

    let shifter = r.c(super::F64.shifter);
    let n = (turns + shifter).bits(Ty::I64) + r.builder().int(Ty::I64, quarters);
    let odd = n.and(n.n(1)).eq(n.n(1));
    let sign = n.and(n.n(2)).shl(n.n(62));
    odd.select(cosine, sine).bits(Ty::I64).xor(sign).bits(Ty::F64)
}
