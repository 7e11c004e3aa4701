//! One instruction of an expression program on four lanes at once. What no vector instruction does is done lane by lane.

use super::lanes::{
    Bundle, every_other, extract, gather, is_wide, lowers, narrow_mask, splat_vector, upper, vector_type, wide_mask,
};
use super::scalar::{self, bitcast, float_condition, int_condition};
use crate::prog::{Bin, Cmp, Inst, Ty, Un};
use cranelift_codegen::ir::{InstBuilder, InstructionData, Opcode, Value, types};
use cranelift_frontend::FunctionBuilder;

/// An instruction that has operands. `from` is the type of its first one; `amount` is the scalar amount of a shift, where
/// there is one.
pub(super) fn instruction(
    b: &mut FunctionBuilder<'_>,
    inst: &Inst,
    ty: Ty,
    from: Ty,
    x: &[Bundle],
    amount: Option<Value>,
) -> Bundle {
    match *inst {
        Inst::Unary(op, _) => x[0].map(|x| unary(b, op, ty, x)),
        Inst::Binary(op @ (Bin::Shl | Bin::ShrU | Bin::ShrS), ..) => match amount {
            Some(amount) => x[0].map(|x| scalar::binary(b, op, ty, x, amount)),
            None => by_lane(b, ty, |b, lane| {
                let (value, amount) = (extract(b, ty, x[0], lane), extract(b, ty, x[1], lane));
                scalar::binary(b, op, ty, value, amount)
            }),
        },
        Inst::Binary(op, ..) if ty == Ty::Bool => {
            let (x, y) = same_width(b, x[0], x[1]);
            x.zip(y, |x, y| scalar::binary(b, op, ty, x, y))
        }
        Inst::Binary(op, ..) => x[0].zip(x[1], |x, y| scalar::binary(b, op, ty, x, y)),
        Inst::Fma(..) => match (x[0], x[1], x[2]) {
            (Bundle::Narrow(x), Bundle::Narrow(y), Bundle::Narrow(z)) => Bundle::Narrow(b.ins().fma(x, y, z)),
            (Bundle::Wide(x), Bundle::Wide(y), Bundle::Wide(z)) => {
                Bundle::Wide([b.ins().fma(x[0], y[0], z[0]), b.ins().fma(x[1], y[1], z[1])])
            }
            _ => unreachable!("operands of one type have lanes of one width"),
        },
        Inst::Compare(op, ..) => x[0].zip(x[1], |x, y| compare(b, op, from, x, y)),
        Inst::Select(..) => select(b, ty, x[0], x[1], x[2]),
        Inst::Convert(..) => convert(b, ty, from, x[0]),
        Inst::ZeroExtend(_) => match x[0] {
            Bundle::Narrow(x) => Bundle::Wide([b.ins().uwiden_low(x), b.ins().uwiden_high(x)]),
            wide => wide,
        },
        Inst::Bitcast(..) => x[0].map(|x| bitcast(b, vector_type(ty), x)),
        Inst::Port(_) | Inst::Const(..) | Inst::Index(_) => {
            unreachable!("leaves are made where their values come from")
        }
    }
}

fn by_lane(b: &mut FunctionBuilder<'_>, ty: Ty, mut f: impl FnMut(&mut FunctionBuilder<'_>, usize) -> Value) -> Bundle {
    let lanes = std::array::from_fn(|lane| f(b, lane));
    gather(b, ty, lanes)
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
        Un::Not => b.ins().bnot(x),
    }
}

/// A comparison of two vectors: a mask of the operands' width.
fn compare(b: &mut FunctionBuilder<'_>, op: Cmp, from: Ty, x: Value, y: Value) -> Value {
    if from.is_float() {
        return b.ins().fcmp(float_condition(op), x, y);
    }
    b.ins().icmp(int_condition(op), x, y)
}

/// Two masks in lanes of one width.
fn same_width(b: &mut FunctionBuilder<'_>, x: Bundle, y: Bundle) -> (Bundle, Bundle) {
    match (x, y) {
        (Bundle::Narrow(_), Bundle::Wide(_)) => (Bundle::Wide(wide_mask(b, x)), y),
        (Bundle::Wide(_), Bundle::Narrow(_)) => (x, Bundle::Wide(wide_mask(b, y))),
        same => same,
    }
}

fn select(b: &mut FunctionBuilder<'_>, ty: Ty, mask: Bundle, x: Bundle, y: Bundle) -> Bundle {
    let (x, y) = if ty == Ty::Bool { same_width(b, x, y) } else { (x, y) };
    let mask = match x {
        Bundle::Narrow(_) => Bundle::Narrow(narrow_mask(b, mask)),
        Bundle::Wide(_) => Bundle::Wide(wide_mask(b, mask)),
    };
    let mask = mask.zip(x, |mask, x| {
        let ty = b.func.dfg.value_type(x);
        bitcast(b, ty, mask)
    });
    let pick = |b: &mut FunctionBuilder<'_>, c, x, y| match (is_zero(b, x), is_zero(b, y)) {
        (true, _) => b.ins().band_not(y, c),
        (_, true) => b.ins().band(x, c),
        _ => b.ins().bitselect(c, x, y),
    };
    match (mask, x, y) {
        (Bundle::Narrow(c), Bundle::Narrow(x), Bundle::Narrow(y)) => Bundle::Narrow(pick(b, c, x, y)),
        (Bundle::Wide(c), Bundle::Wide(x), Bundle::Wide(y)) => {
            Bundle::Wide([pick(b, c[0], x[0], y[0]), pick(b, c[1], x[1], y[1])])
        }
        _ => unreachable!("operands of one type have lanes of one width"),
    }
}

/// Whether a vector is the constant of zero bits: choosing between it and another one is a single cheap operation.
fn is_zero(b: &FunctionBuilder<'_>, x: Value) -> bool {
    let dfg = &b.func.dfg;
    match dfg.value_def(x).inst().map(|inst| dfg.insts[inst]) {
        Some(InstructionData::UnaryConst { opcode: Opcode::Vconst, constant_handle }) => {
            dfg.constants.get(constant_handle).iter().all(|byte| *byte == 0)
        }
        _ => false,
    }
}

fn convert(b: &mut FunctionBuilder<'_>, to: Ty, from: Ty, x: Bundle) -> Bundle {
    match (from, to, x) {
        (Ty::F32, Ty::F64, Bundle::Narrow(x)) => {
            let high = upper(b, x);
            Bundle::Wide([b.ins().fvpromote_low(x), b.ins().fvpromote_low(high)])
        }
        (Ty::F64, Ty::F32, Bundle::Wide([x, y])) => {
            let (x, y) = (b.ins().fvdemote(x), b.ins().fvdemote(y));
            Bundle::Narrow(lowers(b, x, y))
        }
        (Ty::I32 | Ty::U8, Ty::F32, Bundle::Narrow(x)) => Bundle::Narrow(b.ins().fcvt_from_sint(types::F32X4, x)),
        (Ty::I32 | Ty::U8, Ty::F64, Bundle::Narrow(x)) => {
            let high = upper(b, x);
            let widened = [b.ins().swiden_low(x), b.ins().swiden_low(high)];
            Bundle::Wide(widened.map(|x| b.ins().fcvt_from_sint(types::F64X2, x)))
        }
        (Ty::Bool, _, mask) => from_mask(b, to, mask),
        (Ty::F32, Ty::I32, Bundle::Narrow(x)) => Bundle::Narrow(b.ins().fcvt_to_sint_sat(types::I32X4, x)),
        (Ty::I32 | Ty::U8, Ty::I64, Bundle::Narrow(x)) => Bundle::Wide([b.ins().swiden_low(x), b.ins().swiden_high(x)]),
        (Ty::I64, Ty::I32, Bundle::Wide([x, y])) => {
            let (x, y) = (bitcast(b, types::I32X4, x), bitcast(b, types::I32X4, y));
            Bundle::Narrow(every_other(b, x, y, 0))
        }
        (Ty::F32 | Ty::F64, Ty::I32 | Ty::I64, x) | (Ty::I64, Ty::F32 | Ty::F64, x) => by_lane(b, to, |b, lane| {
            let value = extract(b, from, x, lane);
            scalar::convert(b, to, from, value)
        }),
        (_, _, same) => same,
    }
}

/// 1 where the mask holds, else 0: the bits of 1 under the mask.
fn from_mask(b: &mut FunctionBuilder<'_>, to: Ty, mask: Bundle) -> Bundle {
    let one = match to {
        Ty::F32 => u64::from(1f32.to_bits()),
        Ty::F64 => 1f64.to_bits(),
        _ => 1,
    };
    let mask = if is_wide(to) { Bundle::Wide(wide_mask(b, mask)) } else { Bundle::Narrow(narrow_mask(b, mask)) };
    mask.map(|mask| {
        let ty = b.func.dfg.value_type(mask);
        let one = splat_vector(b, ty, one);
        let bits = b.ins().band(mask, one);
        bitcast(b, vector_type(to), bits)
    })
}
