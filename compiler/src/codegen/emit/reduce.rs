//! What reductions have in common, and the loops of those along outer axes: a block is a chain down the rows, vectors lying
//! along the columns. Orders are those of [`crate::ops::order`].

use super::super::loops::{COLUMNS, Loop, Reduction, Tree};
use super::body::{self, Body, Spot};
use super::lanes::{self, Bundle, LANES};
use super::nest::{enter, runs};
use super::{Emitter, Pointer, scalar};
use crate::ops::order::{LANES as CHAINS, OUTER_BLOCK};
use crate::prog::Ty;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

/// Programs up to this length are emitted four times for the sixteen lanes; longer ones once, the accumulators rotating.
pub(super) const SHORT: usize = 24;

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

pub(super) fn element_type(nest: &Loop, reduction: &Reduction) -> Ty {
    nest.prog.ty(nest.prog.outs()[reduction.out])
}

/// The row and the block of a unit.
pub(super) fn unit(e: &mut Emitter<'_, '_>, unit: Value, inner: usize) -> (Value, Value) {
    if inner == 1 {
        return (unit, e.int(0));
    }
    let n = e.int(inner as i64);
    (e.b.ins().udiv(unit, n), e.b.ins().urem(unit, n))
}

/// The accumulators of all reductions of a nest.
#[derive(Clone)]
pub(super) struct State {
    /// By reduction.
    pub(super) accumulators: Vec<Vec<Bundle>>,
}

impl State {
    pub(super) fn start(e: &mut Emitter<'_, '_>, nest: &Loop) -> State {
        State::of(e, nest, CHAINS / LANES)
    }

    pub(super) fn of(e: &mut Emitter<'_, '_>, nest: &Loop, bundles: usize) -> State {
        let accumulators = nest.reductions.iter().map(|r| {
            let ty = element_type(nest, r);
            let start = lanes::constant(&mut e.b, ty, scalar::start(r.reducer, ty));
            vec![start; bundles]
        });
        State { accumulators: accumulators.collect() }
    }

    pub(super) fn flat(&self) -> Vec<Value> {
        self.accumulators.iter().flatten().flat_map(|b| b.values().to_vec()).collect()
    }

    /// The same accumulators with other values.
    pub(super) fn with(&self, values: &[Value]) -> State {
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

    pub(super) fn join(&mut self, e: &mut Emitter<'_, '_>, nest: &Loop, bundle: usize, outs: &[Bundle]) {
        for (r, list) in nest.reductions.iter().zip(&mut self.accumulators) {
            list[bundle] = lanes::join(&mut e.b, r.reducer, list[bundle], outs[r.out]);
        }
    }

    pub(super) fn join_one(&mut self, e: &mut Emitter<'_, '_>, nest: &Loop, lane: usize, outs: &[Value]) {
        for (r, list) in nest.reductions.iter().zip(&mut self.accumulators) {
            let bundle = &mut list[lane / LANES];
            let ty = nest.prog.ty(nest.prog.outs()[r.out]);
            let held = lanes::extract(&mut e.b, ty, *bundle, lane % LANES);
            let sum = scalar::join(&mut e.b, r.reducer, held, outs[r.out]);
            *bundle = lanes::insert(&mut e.b, *bundle, lane % LANES, sum);
        }
    }
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
            lanes::store(&mut e.b, r.to.ty, flags, *bundle, to.base, to.disp);
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
                let x = lanes::load(&mut e.b, tree.ty, read, left, from.disp);
                let y = lanes::load(&mut e.b, tree.ty, read, right, from.disp);
                let sum = lanes::join(&mut e.b, tree.reducer, x, y);
                lanes::store(&mut e.b, tree.ty, read, sum, left, from.disp);
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
            let sum = lanes::load(&mut e.b, tree.ty, read, column, from.disp);
            lanes::store(&mut e.b, tree.ty, write, sum, target, to.disp);
        }
    });
}
