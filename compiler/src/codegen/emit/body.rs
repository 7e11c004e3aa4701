//! One element of a nest, or four at once: what varies only with the function or the row is computed there, scalar, and
//! broadcast; the rest is computed where the element is.

use super::super::loops::{Loop, Place};
use super::lanes::{self, Bundle, LANES};
use super::scalar;
use super::{Emitter, Pointer, vector};
use crate::prog::{Bin, Id, Inst, Ty};
use cranelift_codegen::ir::{ConstantData, InstBuilder, Value, types};
use std::collections::HashMap;

/// Where an instruction has its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    /// Known to the compiler; made anew at each use.
    Constant,
    /// Once a call of the region.
    Region,
    /// Once a row.
    Row,
    /// At each element.
    Element,
}

/// The program of a nest while its loops are made.
pub(super) struct Body<'l> {
    nest: &'l Loop,
    levels: Vec<Level>,
    /// Instructions of lower levels that elements need in every lane.
    broadcast: Vec<bool>,
    scalars: Vec<Option<Value>>,
    splats: Vec<Option<Bundle>>,
    /// Ports, then stores.
    starts: Vec<Pointer>,
}

/// Where in a nest elements are computed.
pub(super) struct Spot {
    /// Ports, then stores: the element at place 0 of the lane axis.
    pub(super) pointers: Vec<Pointer>,
    /// Coordinates of the axes but the lane axis.
    pub(super) coordinates: Vec<Option<Value>>,
    /// The axis along which lanes lie.
    pub(super) lane_axis: usize,
}

impl<'l> Body<'l> {
    /// Sorts the instructions by level and computes those of the region. In the entry block.
    pub(super) fn new(e: &mut Emitter<'_, '_>, nest: &'l Loop) -> Body<'l> {
        let mut levels: Vec<Level> = vec![];
        for inst in nest.prog.insts() {
            levels.push(match *inst {
                Inst::Const(..) => Level::Constant,
                Inst::Port(k) => place_level(nest, &nest.ports[usize::from(k)]),
                Inst::Index(d) if usize::from(d) < nest.n_outer => Level::Row,
                Inst::Index(_) => Level::Element,
                _ => inst.operands().map(|id| levels[id.index()]).max().unwrap_or(Level::Constant),
            });
        }
        let mut broadcast = vec![false; levels.len()];
        let lower = |id: Id| matches!(levels[id.index()], Level::Region | Level::Row);
        for (id, inst, _) in nest.prog.iter() {
            if levels[id.index()] == Level::Element {
                let shift = matches!(inst, Inst::Binary(Bin::Shl | Bin::ShrU | Bin::ShrS, ..));
                for (i, operand) in inst.operands().enumerate().filter(|(_, id)| lower(*id)) {
                    // The amount of a shift is taken as a scalar.
                    broadcast[operand.index()] |= !(shift && i == 1);
                }
            }
        }
        for &out in nest.prog.outs().iter().filter(|id| lower(**id)) {
            broadcast[out.index()] = true;
        }
        let starts = places(nest).map(|p| start(e, p)).collect();
        let n = levels.len();
        let mut body = Body { nest, levels, broadcast, scalars: vec![None; n], splats: vec![None; n], starts };
        let pointers = body.starts.clone();
        body.compute(e, Level::Region, &pointers, &[]);
        body
    }

    /// The nest.
    pub(super) fn nest(&self) -> &'l Loop {
        self.nest
    }

    /// Where ports and stores start.
    pub(super) fn starts(&self) -> &[Pointer] {
        &self.starts
    }

    /// Pointers moved along some axes.
    pub(super) fn moved(
        &self,
        e: &mut Emitter<'_, '_>,
        pointers: &[Pointer],
        axes: &[usize],
        at: &[Value],
    ) -> Vec<Pointer> {
        let mut known: HashMap<(Value, Vec<i64>), Value> = HashMap::new();
        places(self.nest)
            .zip(pointers)
            .map(|(place, pointer)| {
                let size = place.ty.bytes() as i64;
                let steps: Vec<i64> = axes.iter().map(|&d| place.strides[d] as i64 * size).collect();
                if steps.iter().all(|s| *s == 0) {
                    return *pointer;
                }
                let base = *known.entry((pointer.base, steps.clone())).or_insert_with(|| {
                    steps.iter().zip(at).filter(|(step, _)| **step != 0).fold(pointer.base, |base, (step, at)| {
                        let bytes = e.b.ins().imul_imm_s(*at, *step);
                        e.b.ins().iadd(base, bytes)
                    })
                });
                Pointer { base, ..*pointer }
            })
            .collect()
    }

    /// Computes what a row has in common.
    pub(super) fn enter_row(&mut self, e: &mut Emitter<'_, '_>, pointers: &[Pointer], coordinates: &[Value]) {
        self.compute(e, Level::Row, pointers, coordinates);
    }

    fn compute(&mut self, e: &mut Emitter<'_, '_>, level: Level, pointers: &[Pointer], coordinates: &[Value]) {
        for (id, inst, ty) in self.nest.prog.iter().filter(|(id, ..)| self.levels[id.index()] == level) {
            let value = match *inst {
                Inst::Port(k) => {
                    let k = usize::from(k);
                    let flags = e.flags(self.nest.ports[k].buffer);
                    e.b.ins().load(scalar::lane_type(ty), flags, pointers[k].base, pointers[k].disp)
                }
                Inst::Index(d) => e.b.ins().ireduce(types::I32, coordinates[usize::from(d)]),
                _ => self.scalar_instruction(e, id, &[]),
            };
            self.scalars[id.index()] = Some(value);
            if self.broadcast[id.index()] {
                self.splats[id.index()] = Some(lanes::splat(&mut e.b, ty, value));
            }
        }
    }

    /// An instruction on one lane; `local` holds values of elements.
    fn scalar_instruction(&self, e: &mut Emitter<'_, '_>, id: Id, local: &[Option<Value>]) -> Value {
        let prog = &self.nest.prog;
        let inst = prog.inst(id);
        let operands: Vec<Value> = inst.operands().map(|x| self.scalar(e, x, local)).collect();
        let from = inst.operands().map(|x| prog.ty(x)).next().unwrap_or(prog.ty(id));
        // The first operand of a select is its condition; no other instruction asks for the type of a select's operand.
        scalar::instruction(&mut e.b, inst, prog.ty(id), from, &operands)
    }

    pub(super) fn scalar(&self, e: &mut Emitter<'_, '_>, id: Id, local: &[Option<Value>]) -> Value {
        let known = local.get(id.index()).copied().flatten().or(self.scalars[id.index()]);
        match (known, self.nest.prog.inst(id)) {
            (Some(value), _) => value,
            (None, Inst::Const(ty, bits)) => scalar::constant(&mut e.b, *ty, *bits),
            // A constant expression, which the builder would have folded but for a scalar without a value.
            (None, _) => self.scalar_instruction(e, id, local),
        }
    }

    fn bundle(&self, e: &mut Emitter<'_, '_>, id: Id, local: &[Option<Bundle>]) -> Bundle {
        let prog = &self.nest.prog;
        match (local[id.index()].or(self.splats[id.index()]), prog.inst(id)) {
            (Some(bundle), _) => bundle,
            (None, Inst::Const(ty, bits)) => lanes::constant(&mut e.b, *ty, *bits),
            (None, _) => {
                let value = self.scalar(e, id, &[]);
                lanes::splat(&mut e.b, prog.ty(id), value)
            }
        }
    }

    /// Four elements from place `i + lane` of the lane axis on: their results, after the stores.
    pub(super) fn four(&self, e: &mut Emitter<'_, '_>, spot: &Spot, i: Value, lane: usize) -> Vec<Bundle> {
        let prog = &self.nest.prog;
        let mut local: Vec<Option<Bundle>> = vec![None; prog.insts().len()];
        for (id, inst, ty) in prog.iter().filter(|(id, ..)| self.levels[id.index()] == Level::Element) {
            let value = match *inst {
                Inst::Port(k) => {
                    let place = &self.nest.ports[usize::from(k)];
                    load_four(e, place, spot.pointers[usize::from(k)], spot.lane_axis, i, lane)
                }
                Inst::Index(d) => match spot.coordinates.get(usize::from(d)).copied().flatten() {
                    Some(at) => {
                        let at = e.b.ins().ireduce(types::I32, at);
                        lanes::splat(&mut e.b, Ty::I32, at)
                    }
                    None => count(e, i, lane),
                },
                _ => {
                    let operands: Vec<Bundle> = inst.operands().map(|x| self.bundle(e, x, &local)).collect();
                    let from = inst.operands().map(|x| prog.ty(x)).next().unwrap_or(ty);
                    let amount = self.amount(e, inst);
                    vector::instruction(&mut e.b, inst, ty, from, &operands, amount)
                }
            };
            local[id.index()] = Some(value);
        }
        let outs: Vec<Bundle> = prog.outs().iter().map(|id| self.bundle(e, *id, &local)).collect();
        for (s, (out, place)) in self.nest.stores.iter().enumerate() {
            let pointer = spot.pointers[self.nest.ports.len() + s];
            store_four(e, place, pointer, spot.lane_axis, i, lane, outs[*out]);
        }
        outs
    }

    /// The amount of a shift as one scalar, where it is the same in all lanes.
    fn amount(&self, e: &mut Emitter<'_, '_>, inst: &Inst) -> Option<Value> {
        let Inst::Binary(Bin::Shl | Bin::ShrU | Bin::ShrS, _, amount) = *inst else { return None };
        if self.levels[amount.index()] == Level::Element {
            return None;
        }
        let value = self.scalar(e, amount, &[]);
        // The amount is taken modulo the width of a lane.
        let width = 8 * self.nest.prog.ty(amount).bytes() as i64;
        let masked = e.b.ins().band_imm_u(value, width - 1);
        Some(if width == 64 { e.b.ins().ireduce(types::I32, masked) } else { masked })
    }

    /// One element, at place `i + lane` of the lane axis: its results, after the stores.
    pub(super) fn one(&self, e: &mut Emitter<'_, '_>, spot: &Spot, i: Value, lane: usize) -> Vec<Value> {
        let prog = &self.nest.prog;
        let mut local: Vec<Option<Value>> = vec![None; prog.insts().len()];
        for (id, inst, ty) in prog.iter().filter(|(id, ..)| self.levels[id.index()] == Level::Element) {
            let value = match *inst {
                Inst::Port(k) => {
                    let place = &self.nest.ports[usize::from(k)];
                    let flags = e.flags(place.buffer);
                    let at = element(e, place, spot.pointers[usize::from(k)], spot.lane_axis, i, lane);
                    e.b.ins().load(scalar::lane_type(ty), flags, at.base, at.disp)
                }
                Inst::Index(d) => match spot.coordinates.get(usize::from(d)).copied().flatten() {
                    Some(at) => e.b.ins().ireduce(types::I32, at),
                    None => {
                        let at = e.b.ins().iadd_imm_s(i, lane as i64);
                        e.b.ins().ireduce(types::I32, at)
                    }
                },
                _ => self.scalar_instruction(e, id, &local),
            };
            local[id.index()] = Some(value);
        }
        let outs: Vec<Value> = prog.outs().iter().map(|id| self.scalar(e, *id, &local)).collect();
        for (s, (out, place)) in self.nest.stores.iter().enumerate() {
            let flags = e.flags(place.buffer);
            let at = element(e, place, spot.pointers[self.nest.ports.len() + s], spot.lane_axis, i, lane);
            e.b.ins().store(flags, outs[*out], at.base, at.disp);
        }
        outs
    }
}

fn places(nest: &Loop) -> impl Iterator<Item = &Place> {
    nest.ports.iter().chain(nest.stores.iter().map(|s| &s.1))
}

/// The element of a place at the origin.
pub(super) fn start(e: &mut Emitter<'_, '_>, place: &Place) -> Pointer {
    let buffer = e.start_of(place.buffer);
    e.at(buffer, place.offset as i64 * place.ty.bytes() as i64)
}

fn place_level(nest: &Loop, place: &Place) -> Level {
    let varies = |axes: std::ops::Range<usize>| axes.into_iter().any(|d| nest.shape[d] > 1 && place.strides[d] != 0);
    if varies(nest.n_outer..nest.shape.len()) {
        Level::Element
    } else if varies(0..nest.n_outer) {
        Level::Row
    } else {
        Level::Region
    }
}

/// `i + lane`, and the three numbers after it.
fn count(e: &mut Emitter<'_, '_>, i: Value, lane: usize) -> Bundle {
    let first = e.b.ins().ireduce(types::I32, i);
    let Bundle::Narrow(first) = lanes::splat(&mut e.b, Ty::I32, first) else {
        unreachable!("an i32 is narrow");
    };
    let steps: Vec<u8> = (lane as u32..).take(LANES).flat_map(u32::to_le_bytes).collect();
    let steps = e.b.func.dfg.constants.insert(ConstantData::from(steps.as_slice()));
    let steps = e.b.ins().vconst(types::I32X4, steps);
    Bundle::Narrow(e.b.ins().iadd(first, steps))
}

/// The address of place `i + lane` along an axis.
fn element(e: &mut Emitter<'_, '_>, place: &Place, start: Pointer, axis: usize, i: Value, lane: usize) -> Pointer {
    let size = place.ty.bytes() as i64;
    let stride = place.strides[axis] as i64;
    let base = match stride {
        0 => start.base,
        // The machine scales by element sizes within an address.
        1 => {
            let bytes = e.b.ins().ishl_imm_u(i, i64::from(place.ty.bytes().trailing_zeros()));
            e.b.ins().iadd(start.base, bytes)
        }
        _ => {
            let bytes = e.b.ins().imul_imm_s(i, stride * size);
            e.b.ins().iadd(start.base, bytes)
        }
    };
    e.at(Pointer { base, disp: start.disp }, lane as i64 * stride * size)
}

fn load_four(e: &mut Emitter<'_, '_>, place: &Place, start: Pointer, axis: usize, i: Value, lane: usize) -> Bundle {
    let flags = e.flags(place.buffer);
    let lane_type = scalar::lane_type(place.ty);
    match place.strides[axis] {
        0 => {
            let value = e.b.ins().load(lane_type, flags, start.base, start.disp);
            lanes::splat(&mut e.b, place.ty, value)
        }
        1 => {
            let at = element(e, place, start, axis, i, lane);
            lanes::load(&mut e.b, place.ty, flags, at.base, at.disp)
        }
        _ => {
            let lanes = std::array::from_fn(|l| {
                let at = element(e, place, start, axis, i, lane + l);
                e.b.ins().load(lane_type, flags, at.base, at.disp)
            });
            lanes::gather(&mut e.b, place.ty, lanes)
        }
    }
}

fn store_four(
    e: &mut Emitter<'_, '_>,
    place: &Place,
    start: Pointer,
    axis: usize,
    i: Value,
    lane: usize,
    value: Bundle,
) {
    let flags = e.flags(place.buffer);
    if place.strides[axis] == 1 {
        let at = element(e, place, start, axis, i, lane);
        return lanes::store(&mut e.b, place.ty, flags, value, at.base, at.disp);
    }
    for l in 0..LANES {
        let at = element(e, place, start, axis, i, lane + l);
        let value = lanes::extract(&mut e.b, place.ty, value, l);
        e.b.ins().store(flags, value, at.base, at.disp);
    }
}
