//! Stages become Cranelift functions. A region is `extern "C" fn(ctx, begin, end)` over a run of its parts; the step calls
//! the regions in order.
//!
//! - [`scalar`], [`vector`]: one instruction of a program, on one lane and on four ([`lanes`])
//! - [`body`]: one element, or four, of a nest: hoisting, loads, stores
//! - [`nest`]: the loops of maps and searches; [`inner`], [`reduce`]: those of reductions
//! - [`wide`]: rows that a function of the wide emitter computes
//! - [`step`]: the step function, products and the guard

mod body;
mod inner;
mod lanes;
mod nest;
mod reduce;
mod scalar;
mod step;
mod vector;
mod wide;

pub(super) use scalar::start;
pub(super) use wide::{WideRows, rows_signature};

pub(super) use step::{kernel_signature, region_signature, step_function, step_signature};

use super::kernels::{Buffer, Home, Kernel, Stage};
use super::loops::BufferId;
use super::plan::Plan;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AliasRegion, AliasRegionData, BlockArg, FuncRef, GlobalValue, InstBuilder, MemFlagsData, Value, types,
};
use cranelift_frontend::FunctionBuilder;
use nnc_runtime::step::StepCtx;
use std::collections::HashMap;
use std::mem::offset_of;

/// What every function of a step is made from.
#[derive(Clone, Copy)]
pub(super) struct Env<'a> {
    /// By [`BufferId`].
    pub(super) buffers: &'a [Buffer],
    /// Where those in the arena lie.
    pub(super) plan: &'a Plan,
    /// The constants beside the code, as the function knows them.
    pub(super) tables: &'a [GlobalValue],
}

/// An address: a value and a constant number of bytes.
#[derive(Debug, Clone, Copy)]
struct Pointer {
    base: Value,
    disp: i32,
}

/// A function being made.
struct Emitter<'f, 'a> {
    b: FunctionBuilder<'f>,
    env: Env<'a>,
    ctx: Value,
    arena: Option<Value>,
    regions: HashMap<BufferId, AliasRegion>,
    written: Vec<BufferId>,
}

/// Defines the region of a stage. `callee` is the kernel and the descriptor of a product or of a routine, `wide` the function of the
/// rows of a nest.
pub(super) fn region(
    b: FunctionBuilder<'_>,
    env: Env<'_>,
    stage: &Stage,
    (callee, wide): (Option<(FuncRef, GlobalValue)>, Option<&WideRows>),
    config: cranelift_codegen::isa::TargetFrontendConfig,
) {
    let (mut e, begin, end) = Emitter::start(b, env, stage.kernel.buffers().1);
    match &stage.kernel {
        Kernel::Loop(nest) => nest::emit(&mut e, nest, wide, begin, end),
        Kernel::Tree(tree) => reduce::tree(&mut e, tree, begin, end),
        Kernel::Product(p) => {
            let size = p.ty.bytes() as i64;
            e.kernel(callee, [Some((p.a, size)), Some((p.b, size))], p.c, p.scratch, begin, end);
        }
        Kernel::Call(c) => {
            let size = c.bytes as i64;
            let b = c.b.map(|b| (b, if c.desc.count > 0 { size_of::<i32>() as i64 } else { size }));
            e.kernel(callee, [Some((c.a, size)), b], c.c, None, begin, end);
        }
        Kernel::Guard(..) | Kernel::Turns(_) => {}
    }
    e.b.ins().return_(&[]);
    e.b.seal_all_blocks();
    e.b.finalize(config);
}

impl<'f, 'a> Emitter<'f, 'a> {
    fn start(mut b: FunctionBuilder<'f>, env: Env<'a>, written: Vec<BufferId>) -> (Emitter<'f, 'a>, Value, Value) {
        let block = b.create_block();
        b.append_block_params_for_function_params(block);
        b.switch_to_block(block);
        let [ctx, begin, end] = match b.block_params(block) {
            [ctx, begin, end] => [*ctx, *begin, *end],
            _ => unreachable!("a region has three parameters"),
        };
        let begin = b.ins().uextend(types::I64, begin);
        let end = b.ins().uextend(types::I64, end);
        let e = Emitter { b, env, ctx, arena: None, regions: HashMap::new(), written };
        (e, begin, end)
    }

    fn int(&mut self, n: i64) -> Value {
        self.b.ins().iconst(types::I64, n)
    }

    /// A field of the context, which does not change during a step.
    fn field(&mut self, offset: usize) -> Value {
        let flags = MemFlagsData::new().with_notrap().with_can_move().with_readonly();
        self.b.ins().load(types::I64, flags, self.ctx, offset as i32)
    }

    /// Where a buffer starts. Called in the entry block only, whose values all others see.
    fn start_of(&mut self, id: BufferId) -> Pointer {
        let pointers = MemFlagsData::new().with_notrap().with_can_move().with_readonly();
        let (base, disp) = match self.env.buffers[id.0].home {
            Home::Arena => {
                let arena = match self.arena {
                    Some(arena) => arena,
                    None => self.field(offset_of!(StepCtx, arena)),
                };
                self.arena = Some(arena);
                (arena, self.env.plan.slots[id.0].map_or(0, |slot| slot.offset))
            }
            Home::State(i) => {
                let table = self.field(offset_of!(StepCtx, states));
                (self.b.ins().load(types::I64, pointers, table, 8 * i as i32), 0)
            }
            Home::Input(i) => {
                let table = self.field(offset_of!(StepCtx, inputs));
                (self.b.ins().load(types::I64, pointers, table, 8 * i as i32), 0)
            }
            Home::Element { stack, stride, position } => {
                let (stack, at) = (self.start_of(stack), self.start_of(position));
                let position = self.b.ins().load(types::I64, pointers, at.base, at.disp);
                let bytes = self.b.ins().imul_imm_s(position, stride as i64);
                let base = self.b.ins().iadd(stack.base, bytes);
                return Pointer { base, ..stack };
            }
            Home::Table(i) => (self.b.ins().symbol_value(types::I64, self.env.tables[i]), 0),
            Home::Seed => (self.ctx, offset_of!(StepCtx, seed)),
            Home::Step => (self.ctx, offset_of!(StepCtx, step)),
        };
        self.at(Pointer { base, disp: 0 }, disp as i64)
    }

    /// An address some bytes further. Small distances stay constants of the loads; room is left for lanes and unrolling.
    fn at(&mut self, pointer: Pointer, bytes: i64) -> Pointer {
        let disp = i64::from(pointer.disp) + bytes;
        match i32::try_from(disp) {
            Ok(disp) if disp.abs() < 1 << 30 => Pointer { disp, ..pointer },
            _ => Pointer { base: self.b.ins().iadd_imm_s(pointer.base, disp), disp: 0 },
        }
    }

    /// How a buffer is accessed: each is disjoint from all others of the function.
    fn flags(&mut self, id: BufferId) -> MemFlagsData {
        let regions = &mut self.b.func.dfg.alias_regions;
        let region = *self
            .regions
            .entry(id)
            .or_insert_with(|| regions.insert(AliasRegionData { user_id: id.0 as u32, description: "buffer".into() }));
        let flags = MemFlagsData::new().with_notrap().with_alias_region(Some(region));
        if self.written.contains(&id) { flags } else { flags.with_readonly().with_can_move() }
    }

    /// `for i in (lo..hi).step_by(step)`, with values carried from turn to turn. The distance is a multiple of the step.
    fn for_each(
        &mut self,
        lo: Value,
        hi: Value,
        step: i64,
        carried: &[Value],
        mut body: impl FnMut(&mut Self, Value, &[Value]) -> Vec<Value>,
    ) -> Vec<Value> {
        let (turn, exit) = (self.b.create_block(), self.b.create_block());
        let i = self.b.append_block_param(turn, types::I64);
        for value in carried {
            let ty = self.b.func.dfg.value_type(*value);
            self.b.append_block_param(turn, ty);
            self.b.append_block_param(exit, ty);
        }
        let args = |first: Option<Value>, rest: &[Value]| -> Vec<BlockArg> {
            first.iter().chain(rest).map(|v| BlockArg::Value(*v)).collect()
        };
        let more = self.b.ins().icmp(IntCC::SignedLessThan, lo, hi);
        self.b.ins().brif(more, turn, &args(Some(lo), carried), exit, &args(None, carried));
        self.b.switch_to_block(turn);
        let inside: Vec<Value> = self.b.block_params(turn)[1..].to_vec();
        let out = body(self, i, &inside);
        let next = self.b.ins().iadd_imm_s(i, step);
        let more = self.b.ins().icmp(IntCC::SignedLessThan, next, hi);
        self.b.ins().brif(more, turn, &args(Some(next), &out), exit, &args(None, &out));
        self.b.switch_to_block(exit);
        self.b.block_params(exit).to_vec()
    }

    /// Runs `body` where `condition` holds; its values, else `otherwise`.
    fn when(
        &mut self,
        condition: Value,
        otherwise: &[Value],
        body: impl FnOnce(&mut Self) -> Vec<Value>,
    ) -> Vec<Value> {
        let (then, exit) = (self.b.create_block(), self.b.create_block());
        for value in otherwise {
            let ty = self.b.func.dfg.value_type(*value);
            self.b.append_block_param(exit, ty);
        }
        let args = |values: &[Value]| -> Vec<BlockArg> { values.iter().map(|v| BlockArg::Value(*v)).collect() };
        self.b.ins().brif(condition, then, &[], exit, &args(otherwise));
        self.b.switch_to_block(then);
        let out = body(self);
        self.b.ins().jump(exit, &args(&out));
        self.b.switch_to_block(exit);
        self.b.block_params(exit).to_vec()
    }

    /// The smaller of two counts.
    fn least(&mut self, x: Value, y: i64) -> Value {
        let y = self.int(y);
        let less = self.b.ins().icmp(IntCC::SignedLessThan, x, y);
        self.b.ins().select(less, x, y)
    }

    /// The coordinates of row number `flat` in a space of these sizes.
    fn decode(&mut self, flat: Value, sizes: &[usize]) -> Vec<Value> {
        let mut coordinates = vec![flat; sizes.len()];
        let mut rest = flat;
        for (d, &size) in sizes.iter().enumerate().skip(1).rev() {
            let size = self.int(size as i64);
            coordinates[d] = self.b.ins().urem(rest, size);
            rest = self.b.ins().udiv(rest, size);
        }
        if let Some(first) = coordinates.first_mut() {
            *first = rest;
        }
        coordinates
    }

    /// Calls a kernel on its descriptor, operands (each with the bytes of an element), result and scratch.
    fn kernel(
        &mut self,
        callee: Option<(FuncRef, GlobalValue)>,
        operands: [Option<((BufferId, isize), i64)>; 2],
        result: BufferId,
        scratch: Option<BufferId>,
        begin: Value,
        end: Value,
    ) {
        let Some((kernel, desc)) = callee else { return };
        let mut address = |place: Option<((BufferId, isize), i64)>| match place {
            Some(((buffer, offset), size)) => {
                let start = self.start_of(buffer);
                let at = self.at(start, offset as i64 * size);
                self.b.ins().iadd_imm_s(at.base, i64::from(at.disp))
            }
            None => self.int(0),
        };
        let [x, y] = operands.map(&mut address);
        let (z, scratch) = (address(Some(((result, 0), 0))), address(scratch.map(|s| ((s, 0), 0))));
        let desc = self.b.ins().symbol_value(types::I64, desc);
        let (begin, end) = (self.b.ins().ireduce(types::I32, begin), self.b.ins().ireduce(types::I32, end));
        self.b.ins().call(kernel, &[desc, x, y, z, scratch, begin, end]);
    }
}
