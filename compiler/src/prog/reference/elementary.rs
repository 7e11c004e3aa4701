//! Elementary functions on [`Dd`], from their series: simple, slow, and written without a look at [`crate::prog::math`].

use super::Dd;
use super::half_pi::remainder;

/// Arguments beyond these give 0, 1 or ∞ in double precision.
const EXP_LIMIT: f64 = 760.0;

/// e^x.
pub fn exp(x: Dd) -> Dd {
    let v = x.to_f64();
    if v.is_nan() {
        return x;
    }
    if v.abs() > EXP_LIMIT {
        return Dd::from(if v > 0.0 { f64::INFINITY } else { 0.0 });
    }
    let (n, e) = reduced_expm1(x);
    (Dd::ONE + e).scaled(n)
}

/// e^x − 1.
pub fn expm1(x: Dd) -> Dd {
    let v = x.to_f64();
    if v.is_nan() {
        return x;
    }
    if v.abs() > EXP_LIMIT {
        return Dd::from(if v > 0.0 { f64::INFINITY } else { -1.0 });
    }
    let (n, e) = reduced_expm1(x);
    if n == 0 { e } else { (Dd::ONE + e).scaled(n) - Dd::ONE }
}

/// n and e^r − 1 with x = n·ln 2 + r, |r| ≤ ln 2 / 2.
fn reduced_expm1(x: Dd) -> (i32, Dd) {
    const HALVINGS: i32 = 8;
    // So near to 0, e^x − 1 is x to more bits than there are, and the halvings would lose some of x.
    if x.to_f64().abs() < 2f64.powi(-400) {
        return (0, x);
    }
    let n = (x.to_f64() * std::f64::consts::LOG2_E).round_ties_even();
    let r = (x - Dd::from(n) * Dd::LN_2).scaled(-HALVINGS);
    // |r| ≤ 2^-9.5: fifteen terms of the series reach 2^-180.
    let mut e = Dd::ZERO;
    for k in (1..=15).rev() {
        e = (Dd::ONE + e) * r / Dd::from(f64::from(k));
    }
    // e^(2r) − 1 = e·(2 + e).
    for _ in 0..HALVINGS {
        e = e * (Dd::from(2.0) + e);
    }
    (n as i32, e)
}

/// ln x.
pub fn log(x: Dd) -> Dd {
    let v = x.to_f64();
    if v.is_nan() || v < 0.0 {
        return Dd::from(f64::NAN);
    }
    if v == 0.0 || v.is_infinite() {
        return Dd::from(v.ln());
    }
    // Denormals first move into the normal range; then the scale brings x into [√½, √2].
    let (x, shift) = if v < f64::MIN_POSITIVE { (x.scaled(100), -100) } else { (x, 0) };
    let k = x.to_f64().log2().round_ties_even() as i32;
    Dd::from(f64::from(k + shift)) * Dd::LN_2 + near_log1p(x.scaled(-k) - Dd::ONE)
}

/// ln(1 + x).
pub fn log1p(x: Dd) -> Dd {
    if x.to_f64().abs() < 0.4 { near_log1p(x) } else { log(Dd::ONE + x) }
}

/// ln(1 + t) for |t| < ½: from y₀ in double precision, e^(y − y₀) = (1 + t)/(1 + e) with e = e^y₀ − 1, and the difference by
/// ln q ≈ 2(q − 1)/(q + 1), whose error is the cube of 2^-53.
fn near_log1p(t: Dd) -> Dd {
    let start = Dd::from(t.to_f64().ln_1p());
    let e = expm1(start);
    start + Dd::from(2.0) * (t - e) / (Dd::from(2.0) + t + e)
}

/// The hyperbolic tangent.
pub fn tanh(x: Dd) -> Dd {
    if x.to_f64().abs() > 50.0 {
        return Dd::from(1f64.copysign(x.to_f64()));
    }
    let e = expm1(x + x);
    e / (e + Dd::from(2.0))
}

/// The error function: 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (1·3·…·(2n+1)), all terms of one sign.
pub fn erf(x: Dd) -> Dd {
    let v = x.to_f64();
    if v.abs() > 9.0 {
        return Dd::from(1f64.copysign(v));
    }
    let double_square = (x * x).scaled(1);
    let (mut term, mut sum) = (x, x);
    let mut n = 0;
    // A NaN leaves at once: no comparison with it holds.
    while term.to_f64().abs() > sum.to_f64().abs() * 2f64.powi(-110) {
        n += 1;
        term = term * double_square / Dd::from(f64::from(2 * n + 1));
        sum = sum + term;
    }
    Dd::TWO_OVER_SQRT_PI * exp(-(x * x)) * sum
}

/// The sine.
pub fn sin(x: Dd) -> Dd {
    circular(x, 0)
}

/// The cosine.
pub fn cos(x: Dd) -> Dd {
    circular(x, 1)
}

/// sin(x + quarters·π/2).
fn circular(x: Dd, quarters: i64) -> Dd {
    if !x.to_f64().is_finite() {
        return Dd::from(f64::NAN);
    }
    let (turns, rest) = remainder(x.to_f64());
    let r = rest + Dd::from(x.low());
    let n = turns + quarters;
    let value = if n % 2 == 0 { series(r, r, 1) } else { series(r, Dd::ONE, 0) };
    if n / 2 % 2 == 0 { value } else { -value }
}

/// first·(1 − r²/((k+1)(k+2)) + …): the sine from r and k = 1, the cosine from 1 and k = 0.
fn series(r: Dd, first: Dd, k: i32) -> Dd {
    let square = r * r;
    let (mut term, mut sum) = (first, first);
    for i in 0..16 {
        let (a, b) = (f64::from(k + 2 * i + 1), f64::from(k + 2 * i + 2));
        term = -(term * square) / Dd::from(a * b);
        sum = sum + term;
    }
    sum
}

/// The inverse tangent: from y₀ in double precision, y = y₀ + atan(q) with q = (x·cos y₀ − sin y₀) / (cos y₀ + x·sin y₀), and
/// atan(q) ≈ q − q³/3, whose error is the fifth power of 2^-53.
pub fn atan(x: Dd) -> Dd {
    let start = x.to_f64().atan();
    if !x.to_f64().is_finite() {
        // Beyond 2^1000 the angle is π/2 to more bits than there are.
        return if start.is_nan() { x } else { atan(Dd::from(2f64.powi(1000).copysign(start))) };
    }
    let (s, c) = (sin(Dd::from(start)), cos(Dd::from(start)));
    let q = (x * c - s) / (c + x * s);
    Dd::from(start) + q - q * q * q / Dd::from(3.0)
}

/// x^y, with the special cases of C.
pub fn pow(x: Dd, y: Dd) -> Dd {
    let (a, b) = (x.to_f64(), y.to_f64());
    // Whatever the other is, a signalling NaN included (the system's function would make it a quiet one).
    if b == 0.0 || x == Dd::ONE {
        return Dd::ONE;
    }
    if a == 0.0 || !a.is_finite() || !b.is_finite() {
        return Dd::from(a.powf(b));
    }
    let whole = b.trunc() == b && y.low() == 0.0;
    if a < 0.0 && !whole {
        return Dd::from(f64::NAN);
    }
    let magnitude = exp(y * log(x.abs()));
    if a < 0.0 && b % 2.0 != 0.0 { -magnitude } else { magnitude }
}
