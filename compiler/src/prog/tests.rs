//! The meaning of instructions, interning and exact simplification, and the printed form.

use super::interp::{eval, eval_slices};
use super::{Builder, Column, E, Inst, Lane, Prog, Slice, Ty};

/// One instruction or a few on given operands, through ports so that nothing is folded.
fn run(operands: &[Lane], body: impl for<'p> Fn(&[E<'p>]) -> E<'p>) -> Lane {
    let prog = Prog::build(|p| {
        let args: Vec<E<'_>> = operands.iter().enumerate().map(|(k, lane)| p.port(k as u16, lane.ty())).collect();
        vec![body(&args)]
    });
    let ported = eval(&prog, operands, &[])[0];
    // Folding goes another way through the builder and must agree.
    let folded = Prog::build(|p| {
        let args: Vec<E<'_>> = operands.iter().map(|lane| p.constant(*lane)).collect();
        vec![body(&args)]
    });
    assert_eq!(folded.insts().len(), 1, "{folded}");
    assert!(eval(&folded, &[], &[])[0].same(ported), "folding disagrees in\n{prog}");
    ported
}

fn f(v: f32) -> Lane {
    Lane::F32(v)
}

#[test]
fn floats_follow_ieee() {
    assert_eq!(run(&[f(0.1), f(0.2)], |a| a[0] + a[1]), f(0.1 + 0.2));
    // 1 + 2^-24 rounds to even; fused, the square of 1 + 2^-23 keeps its last bit.
    assert_eq!(run(&[f(1.0), f(2f32.powi(-24))], |a| a[0] + a[1]), f(1.0));
    let x = 1.0 + f32::EPSILON;
    assert_eq!(run(&[f(x), f(-1.0 - 2.0 * f32::EPSILON)], |a| a[0].fma(a[0], a[1])), f(f32::EPSILON * f32::EPSILON));
    assert_eq!(run(&[f(f32::from_bits(2))], |a| a[0] / 2.0), f(f32::from_bits(1)));
    assert_eq!(run(&[f(2.5)], |a| a[0].nearest()), f(2.0));
    assert_eq!(run(&[f(-3.5)], |a| a[0].nearest()), f(-4.0));
    assert!(run(&[f(-0.2)], |a| a[0].ceil()).same(f(-0.0)));
    assert!(run(&[f(0.0)], |a| -a[0]).same(f(-0.0)));
    assert!(run(&[f(-1.0)], |a| a[0].sqrt()).same(f(f32::NAN)));
}

#[test]
fn comparisons_with_nan_are_false_except_ne() {
    let nan = [f(f32::NAN), f(1.0)];
    for (name, holds) in [
        ("eq", run(&nan, |a| a[0].eq(a[1]))),
        ("lt", run(&nan, |a| a[0].lt(a[1]))),
        ("le", run(&nan, |a| a[0].le(a[1]))),
        ("gt", run(&nan, |a| a[0].gt(a[1]))),
        ("ge", run(&nan, |a| a[0].ge(a[1]))),
    ] {
        assert_eq!(holds, Lane::Bool(false), "{name}");
    }
    assert_eq!(run(&nan, |a| a[0].ne(a[1])), Lane::Bool(true));
    assert_eq!(run(&[Lane::I32(-1), Lane::I32(1)], |a| a[0].lt(a[1])), Lane::Bool(true));
}

#[test]
fn max_and_min_let_nan_through_and_take_the_second_of_equals() {
    for pair in [[f(f32::NAN), f(1.0)], [f(1.0), f(f32::NAN)]] {
        assert!(run(&pair, |a| a[0].max(a[1])).same(f(f32::NAN)));
        assert!(run(&pair, |a| a[0].min(a[1])).same(f(f32::NAN)));
    }
    assert!(run(&[f(0.0), f(-0.0)], |a| a[0].max(a[1])).same(f(-0.0)));
    assert!(run(&[f(-0.0), f(0.0)], |a| a[0].min(a[1])).same(f(0.0)));
    assert_eq!(run(&[f(2.0), f(-3.0)], |a| a[0].max(a[1])), f(2.0));
}

#[test]
fn integers_wrap_and_shift_modulo_the_width() {
    let (big, one) = (Lane::I32(i32::MAX), Lane::I32(1));
    assert_eq!(run(&[big, one], |a| a[0] + a[1]), Lane::I32(i32::MIN));
    assert_eq!(run(&[Lane::I64(i64::MIN)], |a| -a[0]), Lane::I64(i64::MIN));
    assert_eq!(run(&[Lane::I32(0x1_0001), Lane::I32(0x1_0001)], |a| a[0] * a[1]), Lane::I32(0x2_0001));
    assert_eq!(run(&[one, Lane::I32(33)], |a| a[0].shl(a[1])), Lane::I32(2));
    assert_eq!(run(&[Lane::I32(-8), one], |a| a[0].shr_s(a[1])), Lane::I32(-4));
    assert_eq!(run(&[Lane::I64(-1), Lane::I64(60)], |a| a[0].shr_u(a[1])), Lane::I64(15));
    assert_eq!(run(&[Lane::I32(6), Lane::I32(3)], |a| a[0].xor(a[1]).not()), Lane::I32(-6));
}

#[test]
fn conversions_truncate_saturate_and_extend() {
    let to = |from: Lane, ty: Ty| run(&[from], move |a| a[0].to(ty));
    assert_eq!(to(f(-2.9), Ty::I32), Lane::I32(-2));
    assert_eq!(to(f(1e20), Ty::I32), Lane::I32(i32::MAX));
    assert_eq!(to(Lane::F64(f64::NEG_INFINITY), Ty::I64), Lane::I64(i64::MIN));
    assert_eq!(to(f(f32::NAN), Ty::I64), Lane::I64(0));
    assert_eq!(to(Lane::I32(16_777_217), Ty::F32), f(16_777_216.0));
    assert_eq!(to(Lane::F64(1.0 + 2f64.powi(-24)), Ty::F32), f(1.0));
    assert_eq!(to(Lane::I64(0x1_8000_0000), Ty::I32), Lane::I32(i32::MIN));
    assert_eq!(to(Lane::I32(-1), Ty::I64), Lane::I64(-1));
    assert_eq!(run(&[Lane::I32(-1)], |a| a[0].zero_extend()), Lane::I64(0xffff_ffff));
    assert_eq!(to(Lane::U8(200), Ty::F32), f(200.0));
    assert_eq!(to(Lane::Bool(true), Ty::F64), Lane::F64(1.0));
    assert_eq!(run(&[f(1.0)], |a| a[0].bits(Ty::I32)), Lane::I32(0x3f80_0000));
}

#[test]
fn equal_expressions_are_one_and_dead_ones_leave() {
    let prog = Prog::build(|p| {
        let (x, y) = (p.port(0, Ty::F64), p.port(1, Ty::F64));
        let _unused = x.sqrt();
        vec![(x + y) * (y + x)]
    });
    assert_eq!(
        prog.to_string(),
        "%0: f64 = port 0\n%1: f64 = port 1\n%2: f64 = add %0, %1\n%3: f64 = mul %2, %2\nout %3\n"
    );
}

#[test]
fn only_exact_simplifications_happen() {
    let exact = Prog::build(|p| {
        let (x, c) = (p.port(0, Ty::F32), p.port(1, Ty::Bool));
        vec![
            x * 1.0,
            x / 1.0,
            -(-x),
            c.select(x, x),
            p.truth(false).select(x, -x),
            x.bits(Ty::I32).bits(Ty::F32),
            x.to(Ty::F32),
        ]
    });
    let x = exact.outs()[0];
    assert!(exact.outs().iter().enumerate().all(|(i, out)| (*out == x) != (i == 4)), "{exact}");
    // −0 + 0 is +0, and NaN·0 is NaN: these must stay.
    let kept = Prog::build(|p| {
        let x = p.port(0, Ty::F32);
        vec![x + 0.0, x * 0.0, x - x, x * 2.0 / 2.0]
    });
    assert!(kept.outs().iter().all(|out| !matches!(kept.inst(*out), Inst::Port(_) | Inst::Const(..))), "{kept}");
}

#[test]
fn printed_constants_are_shortest_decimals() {
    let prog = Prog::build(|p| {
        let x = p.port(0, Ty::F64).to(Ty::F32);
        let i = p.index(1);
        vec![x.fma(p.f(Ty::F32, 0.1), p.f(Ty::F32, 1e-8)), i + i.n(7)]
    });
    let lines: Vec<String> = prog.to_string().lines().map(str::to_owned).collect();
    assert!(lines.iter().any(|l| l.contains("= fma") && l.ends_with("0.1, 1e-8")), "{prog}");
    assert!(lines.iter().any(|l| l.contains(": i32 = add") && l.ends_with(", 7")), "{prog}");
}

#[test]
fn an_inlined_program_means_the_same() {
    let inner = Prog::build(|p| {
        let (x, y) = (p.port(0, Ty::F64), p.port(1, Ty::F64));
        vec![x - y * 3.0, x + p.index(0).to(Ty::F64)]
    });
    let outer = Prog::build(|p| {
        let (a, b) = (p.port(0, Ty::F64), p.port(1, Ty::F64));
        p.inline(&inner, &[b, a], &[p.index(1)])
    });
    let outs = eval(&outer, &[Lane::F64(2.0), Lane::F64(10.0)], &[0, 5]);
    assert_eq!(outs, [Lane::F64(4.0), Lane::F64(15.0)]);
}

#[test]
fn slices_agree_with_single_lanes_across_blocks() {
    let prog = Prog::build(|p| {
        let (x, k) = (p.port(0, Ty::F32), p.port(1, Ty::F32));
        vec![(x * k + p.index(0).to(Ty::F32)) * 0.25 - p.index(1).to(Ty::F32)]
    });
    let (rows, columns) = (7, 61);
    let xs: Vec<f32> = (0..rows * columns).map(|i| i as f32 * 0.37).collect();
    let k = Lane::F32(1.5);
    let outs = eval_slices(&prog, &[Slice::F32(&xs), Slice::Splat(k)], &[rows, columns]);
    let [Column::F32(out)] = outs.as_slice() else { panic!("one f32 output") };
    for (i, got) in out.iter().enumerate() {
        let at = [(i / columns) as i32, (i % columns) as i32];
        assert_eq!(eval(&prog, &[Lane::F32(xs[i]), k], &at), [Lane::F32(*got)]);
    }
    assert_eq!(eval_slices(&prog, &[Slice::F32(&[]), Slice::Splat(k)], &[0, 3])[0].len(), 0);
}

#[test]
#[should_panic(expected = "operands have the types f32 and f64")]
fn mixed_types_are_a_bug() {
    let p = Builder::new();
    let _ = p.port(0, Ty::F32) + p.port(1, Ty::F64);
}
