//! The loops of reductions, in the orders of [`crate::ops::order`]: an inner block is sixteen lanes, four bundles of
//! accumulators; an outer block is a chain down the rows, vectors lying along the columns.

use super::super::loops::{COLUMNS, Loop, Reduction, Tree};
use super::body::{self, Body, Spot};
use super::nest::{enter, runs};
use super::vector::{self, Bundle, LANES};
use super::{Emitter, Pointer, scalar};
use crate::ops::order::{INNER_BLOCK, LANES as CHAINS, OUTER_BLOCK};
use crate::prog::Ty;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Value, types};

/// Programs up to this length are emitted four times for the sixteen lanes; longer ones once, the accumulators rotating.
const SHORT: usize = 24;

/// Where the result of a reduction goes at these coordinates.
pub(super) fn target(
    e: &mut Emitter<'_, '_>,
    reduction: &Reduction,
    start: Pointer,
    axes: &[usize],
    at: &[Value],
) -> Pointer {
    let size = reduction.to.ty.bytes() as i64;
    let mut base = start.base;
    for (&d, &at) in axes.iter().zip(at) {
        let step = reduction.to.strides[d] as i64 * size;
        if step != 0 {
            let bytes = e.b.ins().imul_imm_s(at, step);
            base = e.b.ins().iadd(base, bytes);
        }
    }
    Pointer { base, ..start }
}

fn element_type(nest: &Loop, reduction: &Reduction) -> Ty {
    nest.prog.ty(nest.prog.outs()[reduction.out])
}

/// The row and the block of a unit.
fn unit(e: &mut Emitter<'_, '_>, unit: Value, inner: usize) -> (Value, Value) {
    if inner == 1 {
        return (unit, e.int(0));
    }
    let n = e.int(inner as i64);
    (e.b.ins().udiv(unit, n), e.b.ins().urem(unit, n))
}

/// Reductions along the innermost axes.
pub(super) fn inner(e: &mut Emitter<'_, '_>, nest: &Loop, lo: Value, hi: Value) {
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
            lanes(e, nest, &body, &spot, block, blocks)
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

/// One block of a row whose elements lie along one axis.
fn lanes(
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
        .map(|(r, accumulators)| vector::join_lanes(&mut e.b, r.reducer, accumulators))
        .collect()
}

/// The accumulators of all reductions of a nest.
#[derive(Clone)]
struct State {
    /// By reduction.
    accumulators: Vec<Vec<Bundle>>,
}

impl State {
    fn start(e: &mut Emitter<'_, '_>, nest: &Loop) -> State {
        State::of(e, nest, CHAINS / LANES)
    }

    fn of(e: &mut Emitter<'_, '_>, nest: &Loop, bundles: usize) -> State {
        let accumulators = nest.reductions.iter().map(|r| {
            let ty = element_type(nest, r);
            let start = vector::constant(&mut e.b, ty, scalar::start(r.reducer, ty));
            vec![start; bundles]
        });
        State { accumulators: accumulators.collect() }
    }

    fn flat(&self) -> Vec<Value> {
        self.accumulators.iter().flatten().flat_map(|b| b.values().to_vec()).collect()
    }

    /// The same accumulators with other values.
    fn with(&self, values: &[Value]) -> State {
        let mut rest = values;
        let accumulators = self.accumulators.iter().map(|list| {
            let bundle = |b: &Bundle| {
                let (now, later) = rest.split_at(b.values().len());
                rest = later;
                Bundle::from_values(now)
            };
            list.iter().map(bundle).collect()
        });
        State { accumulators: accumulators.collect() }
    }

    fn join(&mut self, e: &mut Emitter<'_, '_>, nest: &Loop, bundle: usize, outs: &[Bundle]) {
        for (r, list) in nest.reductions.iter().zip(&mut self.accumulators) {
            list[bundle] = vector::join(&mut e.b, r.reducer, list[bundle], outs[r.out]);
        }
    }

    fn join_one(&mut self, e: &mut Emitter<'_, '_>, nest: &Loop, lane: usize, outs: &[Value]) {
        for (r, list) in nest.reductions.iter().zip(&mut self.accumulators) {
            let bundle = &mut list[lane / LANES];
            let ty = nest.prog.ty(nest.prog.outs()[r.out]);
            let held = vector::extract(&mut e.b, ty, *bundle, lane % LANES);
            let sum = scalar::join(&mut e.b, r.reducer, held, outs[r.out]);
            *bundle = vector::insert(&mut e.b, *bundle, lane % LANES, sum);
        }
    }
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
            let start = vector::constant(&mut e.b, ty, scalar::start(r.reducer, ty));
            for lane in (0..CHAINS).step_by(LANES) {
                vector::store(&mut e.b, ty, MemFlagsData::new(), start, address, (lane * ty.bytes()) as i32);
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
            .map(|i| vector::load(&mut e.b, ty, MemFlagsData::new(), *slot, (i * LANES * ty.bytes()) as i32))
            .collect();
        vector::join_lanes(&mut e.b, r.reducer, &bundles)
    });
    results.collect()
}

/// Reductions along axes outside the innermost.
pub(super) fn outer(e: &mut Emitter<'_, '_>, nest: &Loop, lo: Value, hi: Value) {
    let mut body = Body::new(e, nest);
    let (blocks, columns) = (nest.blocks(), nest.columns());
    let groups = columns.div_ceil(COLUMNS);
    let starts: Vec<Pointer> = nest.reductions.iter().map(|r| body::start(e, &r.to)).collect();
    let axes: Vec<usize> = (0..nest.n_outer).collect();
    // Several chains at once hide the latency of each.
    let unroll = if nest.prog.insts().len() <= SHORT { 4 / nest.reductions.len().clamp(1, 4) } else { 1 };
    e.for_each(lo, hi, 1, &[], |e, u, _| {
        let (rest, group) = unit(e, u, groups);
        let (row, block) = unit(e, rest, blocks);
        let (pointers, at) = enter(e, &mut body, nest, row);
        let targets: Vec<Pointer> = nest
            .reductions
            .iter()
            .zip(&starts)
            .map(|(reduction, start)| {
                let mut to = target(e, reduction, *start, &axes, &at);
                if blocks > 1 {
                    let step = reduction.block_stride as i64 * reduction.to.ty.bytes() as i64;
                    let bytes = e.b.ins().imul_imm_s(block, step);
                    to.base = e.b.ins().iadd(to.base, bytes);
                }
                to
            })
            .collect();
        let first = e.b.ins().imul_imm_s(group, COLUMNS as i64);
        let last = e.b.ins().iadd_imm_s(first, COLUMNS as i64);
        let last = e.least(last, columns as i64);
        let length = (groups == 1).then_some(columns);
        let aligned = if columns.is_multiple_of(COLUMNS) { COLUMNS } else { 1 };
        runs(e, first, last, length, aligned, unroll, |e, column, width| {
            chains(e, nest, &body, Block { row: &pointers, at: &at, block, targets: &targets }, column, width);
        });
        vec![]
    });
}

/// A block of rows of an outer reduction.
struct Block<'b> {
    row: &'b [Pointer],
    at: &'b [Value],
    block: Value,
    targets: &'b [Pointer],
}

/// Chains down the rows of a block for `width` columns from `column` on.
fn chains(e: &mut Emitter<'_, '_>, nest: &Loop, body: &Body<'_>, at: Block<'_>, column: Value, width: usize) {
    let lane_axis = nest.n_outer + nest.n_reduced;
    let axes: Vec<usize> = (nest.n_outer..lane_axis).collect();
    let sizes = &nest.shape[nest.n_outer..lane_axis];
    let lo = e.b.ins().imul_imm_s(at.block, OUTER_BLOCK as i64);
    let hi = e.b.ins().iadd_imm_s(lo, OUTER_BLOCK as i64);
    let hi = e.least(hi, nest.reduced_len() as i64);
    let spot = |e: &mut Emitter<'_, '_>, flat: Value| {
        let inner = e.decode(flat, sizes);
        let pointers = body.moved(e, at.row, &axes, &inner);
        let coordinates = at.at.iter().chain(&inner).map(|v| Some(*v)).chain([None]).collect();
        Spot { pointers, coordinates, lane_axis }
    };
    if width == 1 {
        let starts: Vec<Value> = nest
            .reductions
            .iter()
            .map(|r| {
                let ty = element_type(nest, r);
                scalar::constant(&mut e.b, ty, scalar::start(r.reducer, ty))
            })
            .collect();
        let sums = e.for_each(lo, hi, 1, &starts, |e, flat, held| {
            let spot = spot(e, flat);
            let outs = body.one(e, &spot, column, 0);
            nest.reductions.iter().zip(held).map(|(r, h)| scalar::join(&mut e.b, r.reducer, *h, outs[r.out])).collect()
        });
        for ((r, to), sum) in nest.reductions.iter().zip(at.targets).zip(sums) {
            let (flags, to) = (e.flags(r.to.buffer), column_of(e, r, *to, lane_axis, column, 0));
            e.b.ins().store(flags, sum, to.base, to.disp);
        }
        return;
    }
    let state = State::of(e, nest, width / LANES);
    let values = e.for_each(lo, hi, 1, &state.flat(), |e, flat, held| {
        let mut state = state.with(held);
        let spot = spot(e, flat);
        for lane in (0..width).step_by(LANES) {
            let outs = body.four(e, &spot, column, lane);
            state.join(e, nest, lane / LANES, &outs);
        }
        state.flat()
    });
    let state = state.with(&values);
    for ((r, to), bundles) in nest.reductions.iter().zip(at.targets).zip(&state.accumulators) {
        let flags = e.flags(r.to.buffer);
        for (i, bundle) in bundles.iter().enumerate() {
            let to = column_of(e, r, *to, lane_axis, column, i * LANES);
            vector::store(&mut e.b, r.to.ty, flags, *bundle, to.base, to.disp);
        }
    }
}

/// Results of neighbouring columns are neighbours, since results are row-major and the column is the last kept axis.
fn column_of(
    e: &mut Emitter<'_, '_>,
    reduction: &Reduction,
    to: Pointer,
    axis: usize,
    column: Value,
    lane: usize,
) -> Pointer {
    let size = reduction.to.ty.bytes() as i64;
    debug_assert!(reduction.to.strides[axis] <= 1, "columns of a result are neighbours");
    let bytes = e.b.ins().ishl_imm_u(column, i64::from(reduction.to.ty.bytes().trailing_zeros()));
    let base = e.b.ins().iadd(to.base, bytes);
    e.at(Pointer { base, disp: to.disp }, lane as i64 * size)
}

/// The parts `begin..end` of a tree: `x[i] ∘= x[i + s]` for distances s = 1, 2, 4 …, then the first block is the result.
pub(super) fn tree(e: &mut Emitter<'_, '_>, tree: &Tree, begin: Value, end: Value) {
    let grain = tree.grain as i64;
    let lo = e.b.ins().imul_imm_s(begin, grain);
    let hi = e.b.ins().imul_imm_s(end, grain);
    let hi = e.least(hi, tree.columns as i64);
    let (from, to) = (e.start_of(tree.from), e.start_of(tree.to));
    let (read, write) = (e.flags(tree.from), e.flags(tree.to));
    let size = tree.ty.bytes() as i64;
    let row = tree.columns as i64 * size;
    let blocks = e.int(tree.blocks as i64);
    runs(e, lo, hi, None, 1, 1, |e, column, width| {
        let bytes = e.b.ins().imul_imm_s(column, size);
        let column = e.b.ins().iadd(from.base, bytes);
        let one = e.int(1);
        let (pass, exit) = (e.b.create_block(), e.b.create_block());
        let stride = e.b.append_block_param(pass, types::I64);
        e.b.ins().jump(pass, &[one.into()]);
        e.b.switch_to_block(pass);
        let twice = e.b.ins().ishl_imm_u(stride, 1);
        let last = e.b.ins().isub(blocks, stride);
        // Turns i = 0, 2s, 4s … below blocks − s, counted by their number.
        let rounded = e.b.ins().iadd(last, twice);
        let rounded = e.b.ins().iadd_imm_s(rounded, -1);
        let turns = e.b.ins().udiv(rounded, twice);
        let zero = e.int(0);
        e.for_each(zero, turns, 1, &[], |e, turn, _| {
            let i = e.b.ins().imul(turn, twice);
            let left = e.b.ins().imul_imm_s(i, row);
            let left = e.b.ins().iadd(column, left);
            let right = e.b.ins().imul_imm_s(stride, row);
            let right = e.b.ins().iadd(left, right);
            if width == 1 {
                let lane = scalar::lane_type(tree.ty);
                let x = e.b.ins().load(lane, read, left, from.disp);
                let y = e.b.ins().load(lane, read, right, from.disp);
                let sum = scalar::join(&mut e.b, tree.reducer, x, y);
                e.b.ins().store(read, sum, left, from.disp);
            } else {
                let x = vector::load(&mut e.b, tree.ty, read, left, from.disp);
                let y = vector::load(&mut e.b, tree.ty, read, right, from.disp);
                let sum = vector::join(&mut e.b, tree.reducer, x, y);
                vector::store(&mut e.b, tree.ty, read, sum, left, from.disp);
            }
            vec![]
        });
        let more = e.b.ins().icmp(IntCC::SignedLessThan, twice, blocks);
        e.b.ins().brif(more, pass, &[twice.into()], exit, &[]);
        e.b.switch_to_block(exit);
        let target = e.b.ins().iadd(to.base, bytes);
        if width == 1 {
            let sum = e.b.ins().load(scalar::lane_type(tree.ty), read, column, from.disp);
            e.b.ins().store(write, sum, target, to.disp);
        } else {
            let sum = vector::load(&mut e.b, tree.ty, read, column, from.disp);
            vector::store(&mut e.b, tree.ty, write, sum, target, to.disp);
        }
    });
}
