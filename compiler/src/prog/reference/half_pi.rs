//! The remainder of a double by π/2, from π as an integer of some thousand bits.

use std::sync::OnceLock;

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{Signed, ToPrimitive};

use super::Dd;

/// π/2 is kept as an integer multiple of 2^-SCALE: 1024 bits for the largest quotient, 160 for the remainder's precision,
/// and more than the 1074 that make the smallest double an integer.
const SCALE: i32 = 1300;

fn half_pi() -> &'static BigInt {
    static VALUE: OnceLock<BigInt> = OnceLock::new();
    VALUE.get_or_init(|| {
        // Machin: π/4 = 4·atan(1/5) − atan(1/239), with 40 guard bits.
        let one = BigInt::from(1) << (SCALE + 40);
        let quarter = 4 * arctangent_of_inverse(&one, 5) - arctangent_of_inverse(&one, 239);
        (quarter * 2) >> 40
    })
}

/// atan(1/n) = 1/n − 1/(3n³) + 1/(5n⁵) − …, in units of 1/one.
fn arctangent_of_inverse(one: &BigInt, n: i64) -> BigInt {
    let mut power = one / n;
    let mut sum = power.clone();
    let mut k = 1;
    while power.is_positive() {
        power /= n * n;
        k += 2;
        let term = &power / k;
        if k % 4 == 1 { sum += term } else { sum -= term }
    }
    sum
}

/// `n mod 4` and r with x = n·π/2 + r, |r| ≤ π/4, for finite x.
pub(super) fn remainder(x: f64) -> (i64, Dd) {
    let bits = x.abs().to_bits();
    let (field, fraction) = ((bits >> 52) as i32, (bits & ((1 << 52) - 1)) as i64);
    let (significand, exponent) = if field == 0 { (fraction, -1074) } else { (fraction | 1 << 52, field - 1075) };
    let scaled = BigInt::from(significand) << (exponent + SCALE);
    let divisor = half_pi();
    let (mut turns, mut rest) = scaled.div_mod_floor(divisor);
    if &rest * 2 > *divisor {
        rest -= divisor;
        turns += 1;
    }
    let turns = turns.mod_floor(&BigInt::from(4)).to_i64().unwrap_or(0);
    let rest = scaled_to_dd(&rest);
    if x < 0.0 { ((4 - turns) % 4, -rest) } else { (turns, rest) }
}

/// value·2^-SCALE from its leading bits.
fn scaled_to_dd(value: &BigInt) -> Dd {
    // The top 120 bits as three exact doubles of 40.
    let extra = (value.bits() as i32 - 120).max(0);
    let top = value.abs() >> extra;
    let part = |shift: i32| ((&top >> shift) & BigInt::from((1i64 << 40) - 1)).to_f64().unwrap_or(0.0);
    let sum = Dd::from(part(80)).scaled(80) + Dd::from(part(40)).scaled(40) + Dd::from(part(0));
    let magnitude = sum.scaled(extra - SCALE);
    if value.is_negative() { -magnitude } else { magnitude }
}
