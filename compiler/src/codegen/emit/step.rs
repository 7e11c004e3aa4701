//! The step function: the regions in order, on the pool where that pays, and the check before any state is written.

use super::super::kernels::{Kernel, Stage};
use super::{Emitter, Env, Pointer};
use crate::prog::Ty;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{AbiParam, FuncRef, InstBuilder, SigRef, Signature, Value, types};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::FunctionBuilder;
use nnc_runtime::step::StepCtx;
use std::collections::HashMap;
use std::mem::offset_of;

/// Nanoseconds of work from which a region goes to the pool: a fork and join costs a quarter of a microsecond, and each of
/// two threads should have a microsecond or two to do.
const PARALLEL_NS: f64 = 4000.0;

/// `step(ctx) -> u32`.
pub(in super::super) fn step_signature(convention: CallConv) -> Signature {
    let mut signature = Signature::new(convention);
    signature.params.push(AbiParam::new(types::I64));
    signature.returns.push(AbiParam::new(types::I32));
    signature
}

/// `region(ctx, begin, end)`.
pub(in super::super) fn region_signature(convention: CallConv) -> Signature {
    signature(convention, &[types::I64, types::I32, types::I32])
}

/// A tile kernel: `kernel(desc, a, b, c, scratch, begin, end)`.
pub(in super::super) fn kernel_signature(convention: CallConv) -> Signature {
    signature(convention, &[types::I64, types::I64, types::I64, types::I64, types::I64, types::I32, types::I32])
}

fn signature(convention: CallConv, params: &[types::Type]) -> Signature {
    let mut signature = Signature::new(convention);
    signature.params.extend(params.iter().map(|ty| AbiParam::new(*ty)));
    signature
}

/// Defines the step; `regions[i]` is the function of leaf `i` of the stages, if it has one.
pub(in super::super) fn step_function(
    mut b: FunctionBuilder<'_>,
    env: Env<'_>,
    stages: &[Stage],
    regions: &[Option<FuncRef>],
    convention: CallConv,
    config: TargetFrontendConfig,
) {
    let parallel = b.import_signature(signature(convention, &[types::I64, types::I64, types::I64, types::I32]));
    let block = b.create_block();
    b.append_block_params_for_function_params(block);
    b.switch_to_block(block);
    let ctx = b.block_params(block)[0];
    let mut e = Emitter { b, env, ctx, arena: None, regions: HashMap::new(), written: vec![] };
    let threads = e.field(offset_of!(StepCtx, threads));
    let several = e.b.ins().icmp_imm_s(IntCC::SignedGreaterThan, threads, 1);
    let always = e.field(offset_of!(StepCtx, threads_always));
    let always = e.b.ins().icmp_imm_s(IntCC::NotEqual, always, 0);
    let always = e.b.ins().band(several, always);
    let (pool, run) = (e.field(offset_of!(StepCtx, pool)), e.field(offset_of!(StepCtx, parallel)));
    let machine = Machine { parallel, several, always, pool, run };
    // Addresses are made in the entry block.
    let mut places = vec![];
    addresses(&mut e, stages, &mut places);
    calls(&mut e, stages, &mut regions.iter().copied(), &mut places.into_iter(), &machine);
    let done = e.b.ins().iconst(types::I32, 0);
    e.b.ins().return_(&[done]);
    e.b.seal_all_blocks();
    e.b.finalize(config);
}

/// What a call of a region needs to know.
struct Machine {
    parallel: SigRef,
    /// Whether there are several threads.
    several: Value,
    /// Whether they are to be used for every region.
    always: Value,
    pool: Value,
    run: Value,
}

/// The addresses that the step itself looks at: guarded values and positions, in the order of the stages.
fn addresses(e: &mut Emitter<'_, '_>, stages: &[Stage], out: &mut Vec<Pointer>) {
    for stage in stages {
        match &stage.kernel {
            Kernel::Guard(buffer, _) => out.push(e.start_of(*buffer)),
            Kernel::Turns(turns) => {
                out.push(e.start_of(turns.position));
                addresses(e, &turns.stages, out);
            }
            _ => {}
        }
    }
}

/// The stages in order.
fn calls(
    e: &mut Emitter<'_, '_>,
    stages: &[Stage],
    regions: &mut dyn Iterator<Item = Option<FuncRef>>,
    places: &mut dyn Iterator<Item = Pointer>,
    machine: &Machine,
) {
    for stage in stages {
        match &stage.kernel {
            Kernel::Guard(buffer, ty) => {
                // As many places as guards and turns were made.
                let (Some(at), _) = (places.next(), regions.next()) else { return };
                // The value is written by functions called from here, so it is no constant of this one.
                e.written.push(*buffer);
                let flags = e.flags(*buffer);
                check(e, *ty, at, flags);
            }
            Kernel::Turns(turns) => {
                let Some(at) = places.next() else { return };
                let (zero, count) = (e.int(0), e.int(turns.count as i64));
                e.written.push(turns.position);
                let flags = e.flags(turns.position);
                e.for_each(zero, count, 1, &[], |e, turn, _| {
                    let position = if turns.reversed {
                        let last = e.int(turns.count as i64 - 1);
                        e.b.ins().isub(last, turn)
                    } else {
                        turn
                    };
                    e.b.ins().store(flags, position, at.base, at.disp);
                    calls(e, &turns.stages, regions, places, machine);
                    vec![]
                });
            }
            kernel => {
                if let Some(Some(region)) = regions.next() {
                    call(e, kernel, region, machine);
                }
            }
        }
    }
}

/// One region, on the pool where that pays.
fn call(e: &mut Emitter<'_, '_>, kernel: &Kernel, region: FuncRef, machine: &Machine) {
    let parts = kernel.parts();
    let ctx = e.ctx;
    let (zero, count) = (e.b.ins().iconst(types::I32, 0), e.b.ins().iconst(types::I32, i64::from(parts)));
    if parts <= 1 {
        e.b.ins().call(region, &[ctx, zero, count]);
        return;
    }
    let pays = if kernel.cost() >= PARALLEL_NS { machine.several } else { machine.always };
    let (fork, alone, next) = (e.b.create_block(), e.b.create_block(), e.b.create_block());
    e.b.ins().brif(pays, fork, &[], alone, &[]);
    e.b.switch_to_block(fork);
    let address = e.b.ins().func_addr(types::I64, region);
    e.b.ins().call_indirect(machine.parallel, machine.run, &[machine.pool, address, ctx, count]);
    e.b.ins().jump(next, &[]);
    e.b.switch_to_block(alone);
    e.b.ins().call(region, &[ctx, zero, count]);
    e.b.ins().jump(next, &[]);
    e.b.switch_to_block(next);
}

/// Returns 1 unless the float is finite.
fn check(e: &mut Emitter<'_, '_>, ty: Ty, at: Pointer, flags: cranelift_codegen::ir::MemFlagsData) {
    let value = e.b.ins().load(super::scalar::lane_type(ty), flags, at.base, at.disp);
    let size = e.b.ins().fabs(value);
    let infinity = match ty {
        Ty::F64 => e.b.ins().f64const(Ieee64::with_float(f64::INFINITY)),
        _ => e.b.ins().f32const(Ieee32::with_float(f32::INFINITY)),
    };
    // Fails for infinities and, since comparisons with NaN do, for NaN.
    let finite = e.b.ins().fcmp(FloatCC::LessThan, size, infinity);
    let (fault, next) = (e.b.create_block(), e.b.create_block());
    e.b.set_cold_block(fault);
    e.b.ins().brif(finite, next, &[], fault, &[]);
    e.b.switch_to_block(fault);
    let one = e.b.ins().iconst(types::I32, 1);
    e.b.ins().return_(&[one]);
    e.b.switch_to_block(next);
}
