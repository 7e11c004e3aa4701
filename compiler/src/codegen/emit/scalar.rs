//! One instruction of an expression program on one lane.
//!
//! A truth value is an `I8` of 0 or 1, a byte an `I8`. Every arm is the definition of the instruction, to the bit.

use crate::ir::op::Reducer;
use crate::prog::{Bin, Cmp, Inst, Ty, Un};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::FunctionBuilder;

/// The type of one lane.
pub(super) fn lane_type(ty: Ty) -> Type {
    match ty {
        Ty::F32 => types::F32,
        Ty::F64 => types::F64,
        Ty::I32 => types::I32,
        Ty::I64 => types::I64,
        Ty::U8 | Ty::Bool => types::I8,
    }
}

/// A constant.
pub(super) fn constant(b: &mut FunctionBuilder<'_>, ty: Ty, bits: u64) -> Value {
    match ty {
        Ty::F32 => b.ins().f32const(Ieee32::with_bits(bits as u32)),
        Ty::F64 => b.ins().f64const(Ieee64::with_bits(bits)),
        Ty::I32 => b.ins().iconst(types::I32, i64::from(bits as u32)),
        Ty::I64 => b.ins().iconst(types::I64, bits as i64),
        Ty::U8 => b.ins().iconst(types::I8, i64::from(bits as u8)),
        Ty::Bool => b.ins().iconst(types::I8, i64::from(bits as u8 & 1)),
    }
}

/// An instruction that has operands; `from` is the type of its first one, `ty` its own.
pub(super) fn instruction(b: &mut FunctionBuilder<'_>, inst: &Inst, ty: Ty, from: Ty, x: &[Value]) -> Value {
    match *inst {
        Inst::Unary(op, _) => unary(b, op, ty, x[0]),
        Inst::Binary(op, ..) => binary(b, op, ty, x[0], x[1]),
        Inst::Fma(..) => b.ins().fma(x[0], x[1], x[2]),
        Inst::Compare(op, ..) => match from.is_float().then(|| float_condition(op)) {
            Some(condition) => b.ins().fcmp(condition, x[0], x[1]),
            None => b.ins().icmp(int_condition(op), x[0], x[1]),
        },
        Inst::Select(..) => b.ins().select(x[0], x[1], x[2]),
        Inst::Convert(..) => convert(b, ty, from, x[0]),
        Inst::ZeroExtend(_) => b.ins().uextend(types::I64, x[0]),
        Inst::Bitcast(..) => bitcast(b, lane_type(ty), x[0]),
        Inst::Port(_) | Inst::Const(..) | Inst::Index(_) => {
            unreachable!("leaves are made where their values come from")
        }
    }
}

/// The same bits at another type.
pub(super) fn bitcast(b: &mut FunctionBuilder<'_>, ty: Type, x: Value) -> Value {
    if b.func.dfg.value_type(x) == ty {
        return x;
    }
    b.ins().bitcast(ty, MemFlagsData::new().with_endianness(Endianness::Little), x)
}

fn unary(b: &mut FunctionBuilder<'_>, op: Un, ty: Ty, x: Value) -> Value {
    match op {
        Un::Neg if ty.is_float() => b.ins().fneg(x),
        Un::Neg => b.ins().ineg(x),
        Un::Abs => b.ins().fabs(x),
        Un::Sqrt => b.ins().sqrt(x),
        Un::Floor => b.ins().floor(x),
        Un::Ceil => b.ins().ceil(x),
        Un::Trunc => b.ins().trunc(x),
        Un::Nearest => b.ins().nearest(x),
        Un::Not if ty == Ty::Bool => b.ins().bxor_imm_u(x, 1),
        Un::Not => b.ins().bnot(x),
    }
}

/// Also right for vectors, but for shifts, whose amount is one scalar there.
pub(super) fn binary(b: &mut FunctionBuilder<'_>, op: Bin, ty: Ty, x: Value, y: Value) -> Value {
    match (op, ty.is_float()) {
        (Bin::Add, true) => b.ins().fadd(x, y),
        (Bin::Add, false) => b.ins().iadd(x, y),
        (Bin::Sub, true) => b.ins().fsub(x, y),
        (Bin::Sub, false) => b.ins().isub(x, y),
        (Bin::Mul, true) => b.ins().fmul(x, y),
        (Bin::Mul, false) => b.ins().imul(x, y),
        (Bin::Div, _) => b.ins().fdiv(x, y),
        (Bin::And, _) => b.ins().band(x, y),
        (Bin::Or, _) => b.ins().bor(x, y),
        (Bin::Xor, _) => b.ins().bxor(x, y),
        // Amounts are taken modulo the width, here as there.
        (Bin::Shl, _) => b.ins().ishl(x, y),
        (Bin::ShrU, _) => b.ins().ushr(x, y),
        (Bin::ShrS, _) => b.ins().sshr(x, y),
    }
}

/// The condition on floats; false on NaN but for `Ne`.
pub(super) fn float_condition(op: Cmp) -> FloatCC {
    match op {
        Cmp::Eq => FloatCC::Equal,
        Cmp::Ne => FloatCC::NotEqual,
        Cmp::Lt => FloatCC::LessThan,
        Cmp::Le => FloatCC::LessThanOrEqual,
        Cmp::Gt => FloatCC::GreaterThan,
        Cmp::Ge => FloatCC::GreaterThanOrEqual,
    }
}

/// The condition on integers.
pub(super) fn int_condition(op: Cmp) -> IntCC {
    match op {
        Cmp::Eq => IntCC::Equal,
        Cmp::Ne => IntCC::NotEqual,
        Cmp::Lt => IntCC::SignedLessThan,
        Cmp::Le => IntCC::SignedLessThanOrEqual,
        Cmp::Gt => IntCC::SignedGreaterThan,
        Cmp::Ge => IntCC::SignedGreaterThanOrEqual,
    }
}

/// A value in another type.
pub(super) fn convert(b: &mut FunctionBuilder<'_>, to: Ty, from: Ty, x: Value) -> Value {
    let lane = lane_type(to);
    match (from, to) {
        (Ty::F32, Ty::F64) => b.ins().fpromote(lane, x),
        (Ty::F64, Ty::F32) => b.ins().fdemote(lane, x),
        (Ty::I32 | Ty::I64, Ty::F32 | Ty::F64) => b.ins().fcvt_from_sint(lane, x),
        (Ty::U8 | Ty::Bool, Ty::F32 | Ty::F64) => {
            let wide = b.ins().uextend(types::I32, x);
            b.ins().fcvt_from_sint(lane, wide)
        }
        (Ty::F32 | Ty::F64, Ty::I32 | Ty::I64) => b.ins().fcvt_to_sint_sat(lane, x),
        (Ty::I32, Ty::I64) => b.ins().sextend(lane, x),
        (Ty::I64, Ty::I32) => b.ins().ireduce(lane, x),
        (Ty::U8 | Ty::Bool, Ty::I32 | Ty::I64) => b.ins().uextend(lane, x),
        _ => x,
    }
}

/// Joins two values of a reduction, the earlier one first.
pub(super) fn join(b: &mut FunctionBuilder<'_>, reducer: Reducer, x: Value, y: Value) -> Value {
    match reducer {
        Reducer::Sum => b.ins().fadd(x, y),
        Reducer::Max | Reducer::ArgMax => {
            let greater = b.ins().fcmp(FloatCC::GreaterThan, y, x);
            let nan = b.ins().fcmp(FloatCC::NotEqual, y, y);
            let wins = b.ins().bor(greater, nan);
            b.ins().select(wins, y, x)
        }
    }
}

/// What a reduction starts from.
pub(in super::super) fn start(reducer: Reducer, ty: Ty) -> u64 {
    match (reducer, ty) {
        (Reducer::Sum, _) => 0,
        (_, Ty::F32) => u64::from(f32::NEG_INFINITY.to_bits()),
        _ => f64::NEG_INFINITY.to_bits(),
    }
}
