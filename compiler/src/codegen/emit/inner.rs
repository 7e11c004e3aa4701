//! The loops of reductions along the innermost axes: a block is sixteen lanes, four bundles of accumulators.

use super::super::loops::Loop;
use super::body::{self, Body, Spot};
use super::lanes::{self, Bundle, LANES};
use super::nest::enter;
use super::reduce::{SHORT, State, element_type, target, unit};
use super::{Emitter, Pointer, WideRows, scalar};
use crate::ops::order::{INNER_BLOCK, LANES as CHAINS};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Value, types};

/// Reductions along the innermost axes.
pub(super) fn inner(e: &mut Emitter<'_, '_>, nest: &Loop, wide: Option<&WideRows>, lo: Value, hi: Value) {
    let mut body = Body::new(e, nest);
    let blocks = nest.blocks();
    let starts: Vec<Pointer> = nest.reductions.iter().map(|r| body::start(e, &r.to)).collect();
    let axes: Vec<usize> = (0..nest.n_outer).collect();
    e.for_each(lo, hi, 1, &[], |e, u, _| {
        let (row, block) = unit(e, u, blocks);
        let (pointers, at) = enter(e, &mut body, nest, row);
        let results = if nest.n_reduced == 1 {
            let coordinates = at.iter().map(|v| Some(*v)).chain([None]).collect();
            let spot = Spot { pointers, coordinates, lane_axis: nest.n_outer };
            match wide {
                Some(wide) => {
                    let (lo, hi) = range(e, block, nest.reduced_len());
                    let sums = wide.call(e, &body, &spot, lo, hi);
                    joined(e, nest, sums)
                }
                None => gathered(e, nest, &body, &spot, block, blocks),
            }
        } else {
            scattered(e, nest, &body, &pointers, &at, block)
        };
        for ((reduction, start), result) in nest.reductions.iter().zip(&starts).zip(results) {
            let mut to = target(e, reduction, *start, &axes, &at);
            if blocks > 1 {
                let bytes = e.b.ins().imul_imm_s(block, reduction.block_stride as i64 * reduction.to.ty.bytes() as i64);
                to.base = e.b.ins().iadd(to.base, bytes);
            }
            let flags = e.flags(reduction.to.buffer);
            e.b.ins().store(flags, result, to.base, to.disp);
        }
        vec![]
    });
}

/// The elements of a block of a row of `n`.
fn range(e: &mut Emitter<'_, '_>, block: Value, n: usize) -> (Value, Value) {
    let lo = e.b.ins().imul_imm_s(block, INNER_BLOCK as i64);
    let hi = e.b.ins().iadd_imm_s(lo, INNER_BLOCK as i64);
    (lo, e.least(hi, n as i64))
}

/// The results of chains that lie in memory, reduction by reduction.
fn joined(e: &mut Emitter<'_, '_>, nest: &Loop, sums: Value) -> Vec<Value> {
    let results = nest.reductions.iter().enumerate().map(|(i, r)| {
        let ty = element_type(nest, r);
        let bundles: Vec<Bundle> = (0..CHAINS / LANES)
            .map(|b| {
                let at = (i * CHAINS + b * LANES) * ty.bytes();
                lanes::load(&mut e.b, ty, MemFlagsData::new(), sums, at as i32)
            })
            .collect();
        lanes::join_lanes(&mut e.b, r.reducer, &bundles)
    });
    results.collect()
}

/// One block of a row whose elements lie along one axis.
fn gathered(
    e: &mut Emitter<'_, '_>,
    nest: &Loop,
    body: &Body<'_>,
    spot: &Spot,
    block: Value,
    blocks: usize,
) -> Vec<Value> {
    let n = nest.reduced_len();
    let tail = n % CHAINS;
    let lo = e.b.ins().imul_imm_s(block, INNER_BLOCK as i64);
    let hi = e.b.ins().iadd_imm_s(lo, INNER_BLOCK as i64);
    let hi = e.least(hi, (n - tail) as i64);
    let mut state = State::start(e, nest);
    let short = nest.prog.insts().len() <= SHORT;
    let step = if short { CHAINS } else { LANES };
    if n >= CHAINS {
        let values = e.for_each(lo, hi, step as i64, &state.flat(), |e, i, held| {
            let mut state = state.with(held);
            for lane in (0..step).step_by(LANES) {
                let outs = body.four(e, spot, i, lane);
                state.join(e, nest, lane / LANES, &outs);
            }
            if !short {
                // The bundle just joined goes last: after a multiple of four turns all are where they were.
                state.accumulators.iter_mut().for_each(|a| a.rotate_left(1));
            }
            state.flat()
        });
        state = state.with(&values);
    }
    if tail > 0 {
        let from = e.int((n - tail) as i64);
        let rest = |e: &mut Emitter<'_, '_>, mut state: State| {
            for lane in (0..tail - tail % LANES).step_by(LANES) {
                let outs = body.four(e, spot, from, lane);
                state.join(e, nest, lane / LANES, &outs);
            }
            for lane in tail - tail % LANES..tail {
                let outs = body.one(e, spot, from, lane);
                state.join_one(e, nest, lane, &outs);
            }
            state
        };
        if blocks == 1 {
            state = rest(e, state);
        } else {
            let last = e.b.ins().icmp_imm_s(IntCC::Equal, block, blocks as i64 - 1);
            let template = state.clone();
            let values = e.when(last, &state.flat(), |e| rest(e, state).flat());
            state = template.with(&values);
        }
    }
    nest.reductions
        .iter()
        .zip(&state.accumulators)
        .map(|(r, accumulators)| lanes::join_lanes(&mut e.b, r.reducer, accumulators))
        .collect()
}

/// One block of a row whose elements do not lie along one axis: one by one, sixteen accumulators in memory.
fn scattered(
    e: &mut Emitter<'_, '_>,
    nest: &Loop,
    body: &Body<'_>,
    row: &[Pointer],
    at: &[Value],
    block: Value,
) -> Vec<Value> {
    let axes: Vec<usize> = (nest.n_outer..nest.shape.len()).collect();
    let sizes = &nest.shape[nest.n_outer..];
    let slots: Vec<Value> = nest
        .reductions
        .iter()
        .map(|r| {
            let ty = element_type(nest, r);
            let data = StackSlotData::new(StackSlotKind::ExplicitSlot, (CHAINS * ty.bytes()) as u32, 4);
            let slot = e.b.create_sized_stack_slot(data);
            let address = e.b.ins().stack_addr(types::I64, slot, 0);
            let start = lanes::constant(&mut e.b, ty, scalar::start(r.reducer, ty));
            for lane in (0..CHAINS).step_by(LANES) {
                lanes::store(&mut e.b, ty, MemFlagsData::new(), start, address, (lane * ty.bytes()) as i32);
            }
            address
        })
        .collect();
    let lo = e.b.ins().imul_imm_s(block, INNER_BLOCK as i64);
    let hi = e.b.ins().iadd_imm_s(lo, INNER_BLOCK as i64);
    let hi = e.least(hi, nest.reduced_len() as i64);
    e.for_each(lo, hi, 1, &[], |e, flat, _| {
        let inner = e.decode(flat, sizes);
        let pointers = body.moved(e, row, &axes, &inner);
        let coordinates = at.iter().chain(&inner).map(|v| Some(*v)).collect();
        let zero = e.int(0);
        let outs = body.one(e, &Spot { pointers, coordinates, lane_axis: axes[0] }, zero, 0);
        let lane = e.b.ins().band_imm_u(flat, CHAINS as i64 - 1);
        for (r, slot) in nest.reductions.iter().zip(&slots) {
            let ty = element_type(nest, r);
            let bytes = e.b.ins().imul_imm_s(lane, ty.bytes() as i64);
            let address = e.b.ins().iadd(*slot, bytes);
            let held = e.b.ins().load(scalar::lane_type(ty), MemFlagsData::new(), address, 0);
            let sum = scalar::join(&mut e.b, r.reducer, held, outs[r.out]);
            e.b.ins().store(MemFlagsData::new(), sum, address, 0);
        }
        vec![]
    });
    let results = nest.reductions.iter().zip(&slots).map(|(r, slot)| {
        let ty = element_type(nest, r);
        let bundles: Vec<Bundle> = (0..CHAINS / LANES)
            .map(|i| lanes::load(&mut e.b, ty, MemFlagsData::new(), *slot, (i * LANES * ty.bytes()) as i32))
            .collect();
        lanes::join_lanes(&mut e.b, r.reducer, &bundles)
    });
    results.collect()
}
