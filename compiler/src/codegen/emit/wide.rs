//! Rows that a function of the wide emitter computes: addresses and shared values are handed over in memory, and so are the chains
//! of reductions.

use super::super::wide::SUM_BYTES;
use super::Emitter;
use super::body::{Body, Spot};
use crate::prog::{Id, Ty};
use cranelift_codegen::ir::{
    AbiParam, FuncRef, InstBuilder, MemFlagsData, Signature, StackSlotData, StackSlotKind, Value, types,
};
use cranelift_codegen::isa::CallConv;

/// The function of the rows of a nest.
pub(in super::super) struct WideRows {
    pub(in super::super) function: FuncRef,
    /// The values that all lanes of a row share, as the function takes them.
    pub(in super::super) scalars: Vec<Id>,
}

/// `rows(places, scalars, begin, end, sums)`.
pub(in super::super) fn rows_signature() -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.extend([AbiParam::new(types::I64); 5]);
    signature
}

impl WideRows {
    /// Computes the lanes `lo..hi` of the row at a spot; gives the address of the chains.
    pub(super) fn call(&self, e: &mut Emitter<'_, '_>, body: &Body<'_>, spot: &Spot, lo: Value, hi: Value) -> Value {
        let places: Vec<Value> =
            spot.pointers.iter().map(|at| e.b.ins().iadd_imm_s(at.base, i64::from(at.disp))).collect();
        let scalars: Vec<Value> = self
            .scalars
            .iter()
            .map(|id| {
                let value = body.scalar(e, *id, &[]);
                match body.nest().prog.ty(*id) {
                    // A truth value is a lane of ones or zeros.
                    Ty::Bool => {
                        let number = e.b.ins().uextend(types::I32, value);
                        e.b.ins().ineg(number)
                    }
                    _ => value,
                }
            })
            .collect();
        let (places, scalars) = (in_memory(e, &places, 8), in_memory(e, &scalars, 4));
        let bytes = (SUM_BYTES * body.nest().reductions.len().max(1)) as u32;
        let sums = e.b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 6));
        let sums = e.b.ins().stack_addr(types::I64, sums, 0);
        e.b.ins().call(self.function, &[places, scalars, lo, hi, sums]);
        sums
    }
}

/// Values one behind the other on the stack, and where.
fn in_memory(e: &mut Emitter<'_, '_>, values: &[Value], size: i32) -> Value {
    let bytes = size as u32 * values.len().max(1) as u32;
    let slot = e.b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 3));
    let address = e.b.ins().stack_addr(types::I64, slot, 0);
    for (i, value) in (0..).zip(values) {
        e.b.ins().store(MemFlagsData::new(), *value, address, i * size);
    }
    address
}
