//! Distances of the programs from their references, special values, and known answers of the generator.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, FRAC_PI_4, LN_2, PI, SQRT_2};

use super::super::interp::{eval, eval_slices};
use super::super::reference::{self, Dd, ulps_f32, ulps_f64};
use super::super::{Bin, Builder, Column, E, Inst, Lane, Prog, Slice, Ty};
use super::*;

type Function = for<'p> fn(E<'p>) -> E<'p>;

/// A function, its double-precision counterpart from elsewhere, its reference, and the bounds that it keeps, in ulp, for `F32` and `F64`.
struct Case {
    name: &'static str,
    function: Function,
    double: fn(f64) -> f64,
    precise: fn(Dd) -> Dd,
    bounds: [f64; 2],
}

const CASES: [Case; 9] = [
    Case { name: "exp", function: exp, double: f64::exp, precise: reference::exp, bounds: [1.0, 1.0] },
    Case { name: "expm1", function: expm1, double: f64::exp_m1, precise: reference::expm1, bounds: [1.5, 1.5] },
    Case { name: "log", function: log, double: f64::ln, precise: reference::log, bounds: [0.8, 0.8] },
    Case { name: "log1p", function: log1p, double: f64::ln_1p, precise: reference::log1p, bounds: [0.8, 0.8] },
    Case { name: "tanh", function: tanh, double: f64::tanh, precise: reference::tanh, bounds: [1.5, 1.5] },
    Case { name: "erf", function: erf, double: libm::erf, precise: reference::erf, bounds: [1.0, 1.0] },
    Case { name: "sin", function: sin, double: f64::sin, precise: reference::sin, bounds: [0.6, 0.8] },
    Case { name: "cos", function: cos, double: f64::cos, precise: reference::cos, bounds: [0.6, 0.8] },
    Case { name: "atan", function: atan, double: f64::atan, precise: reference::atan, bounds: [1.5, 1.5] },
];

/// Arguments around which the programs change their way, or results leave the range.
const TURNS: [f64; 29] = [
    0.5,
    1.0,
    2.0,
    4.0,
    6.0,
    20.0,
    40.0,
    1e-5,
    1e22,
    1e300,
    0.4,
    0.5625,
    FRAC_1_SQRT_2,
    SQRT_2,
    LN_2,
    0.5 * LN_2,
    1.5 * LN_2,
    FRAC_PI_4,
    FRAC_PI_2,
    PI,
    // The float nearest to a multiple of π/2: 16367173·2^72.
    7.729178919452902e28,
    // Where the single-precision exp turns denormal, 0 and infinite, and where tanh becomes 1.
    87.33655,
    103.97208,
    88.72284,
    9.0107,
    // The same for double precision.
    708.396418532264,
    745.1332191019412,
    709.782712893384,
    19.0615,
];

fn unary(function: Function, ty: Ty) -> Prog {
    Prog::build(|p| vec![function(p.port(0, ty))])
}

fn run32(prog: &Prog, ports: &[Slice<'_>], lanes: usize) -> Vec<f32> {
    match eval_slices(prog, ports, &[lanes]).pop() {
        Some(Column::F32(v)) => v,
        other => panic!("expected f32, got {other:?}"),
    }
}

fn run64(prog: &Prog, ports: &[Slice<'_>], lanes: usize) -> Vec<f64> {
    match eval_slices(prog, ports, &[lanes]).pop() {
        Some(Column::F64(v)) => v,
        other => panic!("expected f64, got {other:?}"),
    }
}

/// The f32 neighbours of the turning points, both signs, and of 0 and infinity.
fn edges32() -> Vec<f32> {
    let near =
        |v: f32| (0..129u32).map(move |i| f32::from_bits(v.abs().to_bits().saturating_add(i).saturating_sub(64)));
    let centres = TURNS.iter().map(|v| *v as f32).chain([0.0, f32::MIN_POSITIVE, f32::MAX, f32::INFINITY]);
    centres.flat_map(near).flat_map(|v| [v, -v]).collect()
}

fn edges64() -> Vec<f64> {
    let near = |v: f64| (0..33u64).map(move |i| f64::from_bits(v.to_bits().saturating_add(i).saturating_sub(16)));
    // The last is the double nearest to a multiple of π/2.
    let nearest = 6_381_956_970_095_103.0 * 2f64.powi(797);
    let centres = TURNS.iter().copied().chain([0.0, f64::MIN_POSITIVE, f64::MAX, f64::INFINITY, nearest]);
    centres.flat_map(near).flat_map(|v| [v, -v]).collect()
}

/// SplitMix64: a fixed sequence for the tests.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Random doubles: half of them over all bit patterns, half where the functions live.
fn random64(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut draw = move |i: usize| {
        let bits = random(&mut state);
        let unit = (bits >> 11) as f64 * 2f64.powi(-52) - 1.0;
        match i % 4 {
            0 => f64::from_bits(bits),
            1 => f64::from_bits(bits & !(0x7ff << 52) | (1013 + (bits >> 52) % 20) << 52),
            2 => unit * 3.0,
            _ => unit * 30.0,
        }
    };
    (0..count).map(&mut draw).collect()
}

fn worst<T: Copy>(distances: impl Iterator<Item = (T, f64)>) -> (f64, Option<T>) {
    distances.fold((0.0, None), |worst, (x, ulps)| if ulps > worst.0 { (ulps, Some(x)) } else { worst })
}

#[test]
fn single_precision_stays_within_its_bounds() {
    let mut xs: Vec<f32> = (0..=u32::MAX / 4099).map(|i| f32::from_bits(i * 4099)).collect();
    xs.extend(edges32());
    for case in CASES {
        let got = run32(&unary(case.function, Ty::F32), &[Slice::F32(&xs)], xs.len());
        let distance = |(x, got): (&f32, f32)| (*x, ulps_f32(got, Dd::from((case.double)(f64::from(*x)))));
        let (ulps, x) = worst(xs.iter().zip(got).map(distance));
        assert!(ulps <= case.bounds[0], "{} is off by {ulps} ulp at {x:?}", case.name);
    }
}

#[test]
fn double_precision_stays_within_its_bounds() {
    let mut xs = random64(100_000, 1);
    xs.extend(edges64());
    for case in CASES {
        let got = run64(&unary(case.function, Ty::F64), &[Slice::F64(&xs)], xs.len());
        let distance = |(x, got): (&f64, f64)| (*x, ulps_f64(got, (case.precise)(Dd::from(*x))));
        let (ulps, x) = worst(xs.iter().zip(got).map(distance));
        assert!(ulps <= case.bounds[1], "{} is off by {ulps} ulp at {x:?}", case.name);
    }
}

/// 4 / (eˣ + e⁻ˣ)².
fn slope_of_tanh(x: f64) -> Dd {
    let sum = reference::exp(Dd::from(x)) + reference::exp(Dd::from(-x));
    Dd::from(4.0) / (sum * sum)
}

#[test]
fn the_slope_of_tanh_keeps_its_digits() {
    let xs: Vec<f32> = (0..=u32::MAX / 4099).map(|i| f32::from_bits(i * 4099)).chain(edges32()).collect();
    let got = run32(&unary(tanh_slope, Ty::F32), &[Slice::F32(&xs)], xs.len());
    let within = xs.iter().zip(got).filter(|(x, _)| x.abs() <= 43.0);
    let (ulps, x) = worst(within.map(|(x, got)| (*x, ulps_f32(got, slope_of_tanh(f64::from(*x))))));
    assert!(ulps <= 2.0, "the slope is off by {ulps} ulp at {x:?} (f32)");

    let xs: Vec<f64> = random64(100_000, 11).into_iter().chain(edges64()).collect();
    let got = run64(&unary(tanh_slope, Ty::F64), &[Slice::F64(&xs)], xs.len());
    let within = xs.iter().zip(got).filter(|(x, _)| x.abs() <= 353.0);
    let (ulps, x) = worst(within.map(|(x, got)| (*x, ulps_f64(got, slope_of_tanh(*x)))));
    assert!(ulps <= 2.5, "the slope is off by {ulps} ulp at {x:?}");

    for (x, want) in [(0.0, 1.0), (f64::INFINITY, 0.0), (-354.0, 0.0), (f64::NAN, f64::NAN)] {
        let got = eval(&unary(tanh_slope, Ty::F64), &[Lane::F64(x)], &[])[0];
        assert!(got.same(Lane::F64(want)), "{got:?} at {x}");
        let got = eval(&unary(tanh_slope, Ty::F32), &[Lane::F32(x as f32)], &[])[0];
        assert!(got.same(Lane::F32(want as f32)), "{got:?} at {x} (f32)");
    }
}

fn power(ty: Ty) -> Prog {
    Prog::build(|p| vec![pow(p.port(0, ty), p.port(1, ty))])
}

/// Bases and exponents, a third of them with results up to e^±limit, a third with small integer exponents. One base in
/// eight is any `F32`, denormals included, one in five may be negative.
fn power_arguments(count: usize, seed: u64, limit: f64) -> (Vec<f64>, Vec<f64>) {
    let (xs, ys) = (random64(count, seed), random64(count, seed + 1));
    let mut state = seed + 2;
    let pair = |(i, (x, y)): (usize, (f64, f64))| {
        let x = if i.is_multiple_of(8) { f64::from(f32::from_bits(random(&mut state) as u32)) } else { x };
        let x = if i.is_multiple_of(5) { x } else { x.abs() };
        match i % 3 {
            0 => (x, y % 1.0 * limit / x.abs().ln()),
            1 => (x, (y % 30.0).trunc()),
            _ => (x, y),
        }
    };
    xs.into_iter().zip(ys).enumerate().map(pair).unzip()
}

#[test]
fn powers_stay_within_their_bounds() {
    let (xs, ys) = power_arguments(100_000, 5, 745.0);
    let got = run64(&power(Ty::F64), &[Slice::F64(&xs), Slice::F64(&ys)], xs.len());
    let distance =
        |((x, y), got): ((&f64, &f64), f64)| ((*x, *y), ulps_f64(got, reference::pow(Dd::from(*x), Dd::from(*y))));
    let (ulps, at) = worst(xs.iter().zip(&ys).zip(got).map(distance));
    assert!(ulps <= 1.0, "pow (f64) is off by {ulps} ulp at {at:?}");

    let (xs, ys) = power_arguments(600_000, 8, 104.0);
    let (xs, ys): (Vec<f32>, Vec<f32>) = xs.iter().zip(&ys).map(|(x, y)| (*x as f32, *y as f32)).unzip();
    let got = run32(&power(Ty::F32), &[Slice::F32(&xs), Slice::F32(&ys)], xs.len());
    let distance =
        |((x, y), got): ((&f32, &f32), f32)| ((*x, *y), ulps_f32(got, Dd::from(f64::from(*x).powf(f64::from(*y)))));
    let (ulps, at) = worst(xs.iter().zip(&ys).zip(got).map(distance));
    assert!(ulps <= 1.0, "pow (f32) is off by {ulps} ulp at {at:?}");
}

#[test]
fn programs_vectorise_in_lanes_of_one_width() {
    let narrow = CASES.iter().filter(|case| !matches!(case.name, "sin" | "cos"));
    let narrow = narrow.map(|case| (case.name, unary(case.function, Ty::F32), Ty::I32));
    let wide = CASES.iter().map(|case| (case.name, unary(case.function, Ty::F64), Ty::I64));
    let powers = [("pow", power(Ty::F32), Ty::I32), ("pow", power(Ty::F64), Ty::I64)];
    for (name, prog, int) in narrow.chain(wide).chain(powers) {
        let Some(float) = int.bits_partner() else { unreachable!("{int} has a float of its width") };
        for (id, inst, ty) in prog.iter() {
            assert!([int, float, Ty::Bool].contains(&ty), "%{} of {name} has the type {ty}", id.index());
            match inst {
                Inst::Convert(..) | Inst::Binary(Bin::ShrS, ..) => panic!("{name} ({float}) has {inst:?}"),
                Inst::Binary(Bin::Shl | Bin::ShrU, _, amount) => {
                    assert!(matches!(prog.inst(*amount), Inst::Const(..)), "{name} ({float}) has {inst:?}");
                }
                _ => {}
            }
        }
    }
}

#[test]
fn powers_of_special_values_follow_c() {
    const INF: f64 = f64::INFINITY;
    let values =
        [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 2.5, -2.5, INF, -INF, f64::NAN, 1e300, -1e-300];
    for x in values {
        for y in values {
            let (single, double) = ([Lane::F32(x as f32), Lane::F32(y as f32)], [Lane::F64(x), Lane::F64(y)]);
            let exact = x.abs() <= 3.0 && y.abs() <= 3.0 && y.trunc() == y;
            let want = x.powf(y);
            if want.is_finite() && want != 0.0 && !exact {
                continue;
            }
            let got = eval(&power(Ty::F64), &double, &[])[0];
            let Lane::F64(v) = got else { panic!("{got:?}") };
            let close = (v - want).abs() <= f64::EPSILON * want.abs();
            assert!(got.same(Lane::F64(want)) || close, "pow({x}, {y}) = {got:?}, not {want}");
            let want = (x as f32).powf(y as f32);
            let got = eval(&power(Ty::F32), &single, &[])[0];
            let Lane::F32(v) = got else { panic!("{got:?}") };
            let close = (v - want).abs() <= f32::EPSILON * want.abs();
            assert!(got.same(Lane::F32(want)) || close, "pow({x}, {y}) = {got:?}, not {want} (f32)");
        }
    }
}

#[test]
fn special_values_are_exact() {
    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    let table: [(Function, &[(f64, f64)]); 9] = [
        (exp, &[(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (1000.0, INF), (-1000.0, 0.0), (NAN, NAN)]),
        (expm1, &[(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1.0), (-100.0, -1.0), (1000.0, INF), (NAN, NAN)]),
        (log, &[(1.0, 0.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-1.0, NAN), (-INF, NAN), (NAN, NAN)]),
        (log1p, &[(0.0, 0.0), (-0.0, -0.0), (-1.0, -INF), (INF, INF), (-2.0, NAN), (-INF, NAN), (NAN, NAN)]),
        (tanh, &[(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (50.0, 1.0), (NAN, NAN)]),
        (erf, &[(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (50.0, 1.0), (NAN, NAN)]),
        (sin, &[(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (NAN, NAN)]),
        (cos, &[(0.0, 1.0), (-0.0, 1.0), (INF, NAN), (-INF, NAN), (NAN, NAN)]),
        (atan, &[(0.0, 0.0), (-0.0, -0.0), (INF, FRAC_PI_2), (-INF, -FRAC_PI_2), (1.0, FRAC_PI_4), (NAN, NAN)]),
    ];
    for (i, (function, rows)) in table.iter().enumerate() {
        for (x, want) in *rows {
            let got = eval(&unary(*function, Ty::F64), &[Lane::F64(*x)], &[])[0];
            assert!(got.same(Lane::F64(*want)), "{}({x}) = {got:?}", CASES[i].name);
            let got = eval(&unary(*function, Ty::F32), &[Lane::F32(*x as f32)], &[])[0];
            assert!(got.same(Lane::F32(*want as f32)), "{}({x}) = {got:?} (f32)", CASES[i].name);
        }
    }
    // The smallest numbers pass through the functions that look like x at 0.
    for function in [expm1 as Function, log1p, tanh, sin, atan] {
        let tiny = f32::from_bits(1);
        let got = eval(&unary(function, Ty::F32), &[Lane::F32(tiny)], &[])[0];
        assert_eq!(got, Lane::F32(tiny));
    }
}

fn philox(counter: [u32; 4], key: [u32; 2]) -> Vec<u32> {
    fn word(p: &Builder, k: usize) -> E<'_> {
        p.port(k as u16, Ty::I32)
    }
    let prog = Prog::build(|p| {
        philox4x32_10([word(p, 0), word(p, 1), word(p, 2), word(p, 3)], [word(p, 4), word(p, 5)]).to_vec()
    });
    let ports: Vec<Lane> = counter.iter().chain(&key).map(|w| Lane::I32(*w as i32)).collect();
    let words = eval(&prog, &ports, &[]);
    words.iter().map(|lane| if let Lane::I32(w) = lane { *w as u32 } else { panic!("{lane:?}") }).collect()
}

#[test]
fn philox_gives_the_known_answers() {
    assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
    assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
    assert_eq!(
        philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
    );
}

#[test]
fn uniform_draws_use_the_top_bits() {
    let prog = Prog::build(|p| {
        let (a, b) = (p.port(0, Ty::I32), p.port(1, Ty::I32));
        vec![uniform_f64(a, b)]
    });
    let draws = |a: u32, b: u32| eval(&prog, &[Lane::I32(a as i32), Lane::I32(b as i32)], &[]);
    assert_eq!(draws(0, 0), [Lane::F64(0.0)]);
    assert_eq!(draws(u32::MAX, u32::MAX), [Lane::F64(1.0 - 2f64.powi(-53))]);
    assert_eq!(draws(0x8000_00ff, 63), [Lane::F64(0.5 + 7.0 * 2f64.powi(-27))]);
}

#[test]
fn normal_draws_follow_box_and_muller_and_have_normal_moments() {
    let prog = Prog::build(|p| {
        let words = philox4x32_10(
            [p.index(0), p.int(Ty::I32, 0), p.int(Ty::I32, 3), p.int(Ty::I32, 0)],
            [p.int(Ty::I32, 42); 2],
        );
        vec![normal(words), uniform_f64(words[0], words[1]), uniform_f64(words[2], words[3])]
    });
    let count = 100_000;
    let outs = eval_slices(&prog, &[], &[count]);
    let [Column::F64(z), Column::F64(u), Column::F64(v)] = outs.as_slice() else { panic!("three f64 outputs") };
    for i in 0..1000 {
        let want = (-2.0 * (1.0 - u[i]).ln()).sqrt() * (std::f64::consts::TAU * v[i]).cos();
        assert!((z[i] - want).abs() < 1e-14, "draw {i}: {} and {want}", z[i]);
    }
    let moment = |k: i32| z.iter().map(|z| z.powi(k)).sum::<f64>() / count as f64;
    // Standard errors of the moments: 1, √2, √15, √96 over √count; five of each.
    let error = 5.0 / (count as f64).sqrt();
    assert!(moment(1).abs() < error, "mean {}", moment(1));
    assert!((moment(2) - 1.0).abs() < 1.5 * error, "second moment {}", moment(2));
    assert!(moment(3).abs() < 4.0 * error, "third moment {}", moment(3));
    assert!((moment(4) - 3.0).abs() < 10.0 * error, "fourth moment {}", moment(4));
}
