//! The references against digits printed elsewhere, and against identities.

use super::*;

/// |a − b| relative to b.
fn relative(a: Dd, b: Dd) -> f64 {
    ((a - b) / b).to_f64().abs()
}

#[test]
fn values_agree_with_published_digits() {
    // e, ln 10, tanh ½, erf ½, sin 1, cos 1, √2: 32 digits as two doubles each.
    let rows = [
        (exp(Dd::ONE), std::f64::consts::E, 1.4456468917292502e-16),
        (log(Dd::from(10.0)), std::f64::consts::LN_10, -2.1707562233822494e-16),
        (tanh(Dd::from(0.5)), 0.46211715726000974, 2.1916603238260928e-17),
        (erf(Dd::from(0.5)), 0.5204998778130465, 1.900077467916287e-17),
        (sin(Dd::ONE), 0.8414709848078965, 1.776845092935536e-18),
        (cos(Dd::ONE), 0.5403023058681398, -4.760954612604417e-17),
        (pow(Dd::from(2.0), Dd::from(0.5)), std::f64::consts::SQRT_2, -9.667293313452913e-17),
    ];
    for (i, (got, high, low)) in rows.into_iter().enumerate() {
        assert!(relative(got, Dd::sum(high, low)) < 1e-29, "row {i}: {got:?}");
    }
}

#[test]
fn identities_hold_to_a_hundred_bits() {
    for i in 1..200 {
        let x = Dd::from(f64::from(i) * 0.173 - 17.0) + Dd::from(1e-20);
        assert!(relative(log(exp(x)), x) < 1e-28, "log exp at {x:?}");
        assert!(relative(log1p(expm1(x.scaled(-6))), x.scaled(-6)) < 1e-29, "log1p expm1 at {x:?}");
        let (s, c) = (sin(x), cos(x));
        assert!(relative(s * s + c * c, Dd::ONE) < 1e-30, "sin² + cos² at {x:?}");
        assert!(relative(sin(x + x), (s * c).scaled(1)) < 1e-28, "sin 2x at {x:?}");
        assert!(relative(pow(exp(x), Dd::from(3.0)), exp(x * Dd::from(3.0))) < 1e-28, "pow at {x:?}");
        assert!(relative(x.abs().sqrt() * x.abs().sqrt(), x.abs()) < 1e-31, "sqrt at {x:?}");
    }
}

#[test]
fn distances_count_last_places() {
    assert_eq!(ulps_f64(1.0 + f64::EPSILON, Dd::ONE), 1.0);
    assert_eq!(ulps_f64(2.0 - f64::EPSILON, Dd::from(2.0)), 0.5);
    assert_eq!(ulps_f32(f32::from_bits(3), Dd::from(f64::from(f32::from_bits(1)))), 2.0);
    assert_eq!(ulps_f32(1.0, Dd::from(1.0 + 2f64.powi(-25))), 0.25);
    assert_eq!(ulps_f64(f64::from_bits(5), Dd::ZERO), 5.0);
    assert_eq!(ulps_f64(f64::NAN, Dd::from(f64::NAN)), 0.0);
    assert_eq!(ulps_f64(f64::INFINITY, Dd::from(f64::INFINITY)), 0.0);
    assert_eq!(ulps_f32(f32::INFINITY, Dd::from(1e39)), 0.0);
    assert_eq!(ulps_f32(f32::NEG_INFINITY, Dd::from(1e39)), f64::INFINITY);
    assert_eq!(ulps_f32(f32::MAX, Dd::from(1e39)), f64::INFINITY);
    assert_eq!(ulps_f64(f64::NAN, Dd::ONE), f64::INFINITY);
}
