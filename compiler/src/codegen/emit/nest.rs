//! The loops of maps and searches; reductions are next door.
//!
//! A run along the lane axis goes in steps of several bundles, then of one, then lane by lane. Steps that cannot occur,
//! which the sizes tell, make no code.

use super::super::loops::{Form, Loop};
use super::body::{Body, Spot};
use super::lanes::LANES;
use super::{Emitter, Pointer, WideRows, inner, reduce, scalar};
use crate::prog::Inst;
use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

/// Emits the parts `begin..end` of a nest.
pub(super) fn emit(e: &mut Emitter<'_, '_>, nest: &Loop, wide: Option<&WideRows>, begin: Value, end: Value) {
    let grain = nest.grain as i64;
    let lo = e.b.ins().imul_imm_s(begin, grain);
    let hi = e.b.ins().imul_imm_s(end, grain);
    let hi = e.least(hi, nest.units() as i64);
    match nest.form {
        Form::Map => map(e, nest, wide, lo, hi),
        Form::Search => search(e, nest, lo, hi),
        Form::Inner => inner::inner(e, nest, wide, lo, hi),
        Form::Outer => reduce::outer(e, nest, lo, hi),
    }
}

/// Bundles that one step of a loop takes: short programs gain from fewer branches, long ones fill the machine alone.
fn unroll(nest: &Loop) -> usize {
    let work = nest.prog.insts().iter().filter(|i| !matches!(i, Inst::Const(..) | Inst::Index(_))).count();
    match work + nest.stores.len() {
        0..=6 => 4,
        7..=16 => 2,
        _ => 1,
    }
}

/// Runs over `lo..hi` of the lane axis in ever smaller steps: `f` gets the first place and the number of lanes, which is a
/// multiple of four or 1. `length` is `hi - lo` where it is known; `aligned` divides it in any case.
pub(super) fn runs(
    e: &mut Emitter<'_, '_>,
    lo: Value,
    hi: Value,
    length: Option<usize>,
    aligned: usize,
    unroll: usize,
    mut f: impl FnMut(&mut Emitter<'_, '_>, Value, usize),
) {
    let mut from = lo;
    let mut left = length;
    let mut divides = aligned;
    let widths = [unroll * LANES, LANES, 1];
    for &width in &widths[usize::from(unroll == 1)..] {
        if left == Some(0) {
            return;
        }
        if left.is_some_and(|n| n < width) {
            continue;
        }
        let exact = width == 1 || divides.is_multiple_of(width) || left.is_some_and(|n| n.is_multiple_of(width));
        let to = if exact {
            hi
        } else {
            let distance = e.b.ins().isub(hi, from);
            let whole = e.b.ins().band_imm_s(distance, -(width as i64));
            e.b.ins().iadd(from, whole)
        };
        e.for_each(from, to, width as i64, &[], |e, i, _| {
            f(e, i, width);
            vec![]
        });
        if exact {
            return;
        }
        from = to;
        left = left.map(|n| n % width);
        divides = 1;
    }
}

fn map(e: &mut Emitter<'_, '_>, nest: &Loop, wide: Option<&WideRows>, lo: Value, hi: Value) {
    let mut body = Body::new(e, nest);
    let lane_axis = nest.n_outer;
    let unroll = unroll(nest);
    if nest.n_outer == 0 {
        let spot = Spot { pointers: body.starts().to_vec(), coordinates: vec![None], lane_axis };
        if let Some(wide) = wide {
            wide.call(e, &body, &spot, lo, hi);
            return;
        }
        let aligned =
            if nest.columns().is_multiple_of(nest.grain) { nest.grain } else { gcd(nest.grain, nest.columns()) };
        return runs(e, lo, hi, None, aligned, unroll, |e, i, width| elements(e, &body, &spot, i, width));
    }
    let columns = nest.columns();
    e.for_each(lo, hi, 1, &[], |e, row, _| {
        let (pointers, at) = enter(e, &mut body, nest, row);
        let coordinates = at.into_iter().map(Some).chain([None]).collect();
        let spot = Spot { pointers, coordinates, lane_axis };
        let (zero, n) = (e.int(0), e.int(columns as i64));
        if let Some(wide) = wide {
            wide.call(e, &body, &spot, zero, n);
            return vec![];
        }
        runs(e, zero, n, Some(columns), 1, unroll, |e, i, width| elements(e, &body, &spot, i, width));
        vec![]
    });
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Enters row `row`: pointers and coordinates of the outer axes.
pub(super) fn enter(
    e: &mut Emitter<'_, '_>,
    body: &mut Body<'_>,
    nest: &Loop,
    row: Value,
) -> (Vec<Pointer>, Vec<Value>) {
    let at = e.decode(row, &nest.shape[..nest.n_outer]);
    let axes: Vec<usize> = (0..nest.n_outer).collect();
    let starts = body.starts().to_vec();
    let pointers = body.moved(e, &starts, &axes, &at);
    body.enter_row(e, &pointers, &at);
    (pointers, at)
}

fn elements(e: &mut Emitter<'_, '_>, body: &Body<'_>, spot: &Spot, i: Value, width: usize) {
    if width == 1 {
        body.one(e, spot, i, 0);
        return;
    }
    for lane in (0..width).step_by(LANES) {
        body.four(e, spot, i, lane);
    }
}

/// The place of the largest element of each row: the first among equals, the first NaN before all.
fn search(e: &mut Emitter<'_, '_>, nest: &Loop, lo: Value, hi: Value) {
    let mut body = Body::new(e, nest);
    let [reduction] = nest.reductions.as_slice() else { return };
    let ty = nest.prog.ty(nest.prog.outs()[reduction.out]);
    let to = super::body::start(e, &reduction.to);
    e.for_each(lo, hi, 1, &[], |e, row, _| {
        let (pointers, at) = enter(e, &mut body, nest, row);
        let coordinates = at.iter().map(|v| Some(*v)).chain([None]).collect();
        let spot = Spot { pointers, coordinates, lane_axis: nest.n_outer };
        let first = e.b.ins().iconst(types::I32, 0);
        let best = if nest.reduced_len() == 0 {
            first
        } else {
            let zero = e.int(0);
            let value = body.one(e, &spot, zero, 0)[reduction.out];
            let (one, n) = (e.int(1), e.int(nest.reduced_len() as i64));
            debug_assert_eq!(e.b.func.dfg.value_type(value), scalar::lane_type(ty));
            let found = e.for_each(one, n, 1, &[value, first], |e, i, held| {
                let x = body.one(e, &spot, i, 0)[reduction.out];
                let greater = e.b.ins().fcmp(FloatCC::GreaterThan, x, held[0]);
                let nan = e.b.ins().fcmp(FloatCC::NotEqual, x, x);
                let number = e.b.ins().fcmp(FloatCC::Equal, held[0], held[0]);
                let first_nan = e.b.ins().band(nan, number);
                let wins = e.b.ins().bor(greater, first_nan);
                let place = e.b.ins().ireduce(types::I32, i);
                vec![e.b.ins().select(wins, x, held[0]), e.b.ins().select(wins, place, held[1])]
            });
            found[1]
        };
        let axes: Vec<usize> = (0..nest.n_outer).collect();
        let at = reduce::target(e, reduction, to, &axes, &at);
        let flags = e.flags(reduction.to.buffer);
        e.b.ins().store(flags, best, at.base, at.disp);
        vec![]
    });
}
