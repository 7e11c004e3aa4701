//! One instruction of an expression program on four lanes at once, and moving lanes to and from memory.
//!
//! Four lanes of a 32-bit type are one 128-bit vector ([`Bundle::Narrow`]), of a 64-bit type two ([`Bundle::Wide`]), so
//! programs that mix widths need nothing special. A mask is all ones or zeros in lanes of either width; a byte is widened to
//! a 32-bit lane. What no vector instruction does is done lane by lane.

use super::scalar::{self, bitcast, float_condition, int_condition};
use crate::ir::op::Reducer;
use crate::prog::{Bin, Cmp, Inst, Ty, Un};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{ConstantData, InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::FunctionBuilder;

/// Lanes of a bundle.
pub(super) const LANES: usize = 4;

/// Four lanes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bundle {
    /// 32 bits a lane.
    Narrow(Value),
    /// 64 bits a lane: lanes 0 and 1, lanes 2 and 3.
    Wide([Value; 2]),
}

impl Bundle {
    /// The vectors that it is made of.
    pub(super) fn values(&self) -> &[Value] {
        match self {
            Bundle::Narrow(x) => std::slice::from_ref(x),
            Bundle::Wide(x) => x,
        }
    }

    fn map(self, mut f: impl FnMut(Value) -> Value) -> Bundle {
        match self {
            Bundle::Narrow(x) => Bundle::Narrow(f(x)),
            Bundle::Wide([x, y]) => Bundle::Wide([f(x), f(y)]),
        }
    }

    fn zip(self, other: Bundle, mut f: impl FnMut(Value, Value) -> Value) -> Bundle {
        match (self, other) {
            (Bundle::Narrow(x), Bundle::Narrow(y)) => Bundle::Narrow(f(x, y)),
            (Bundle::Wide(x), Bundle::Wide(y)) => Bundle::Wide([f(x[0], y[0]), f(x[1], y[1])]),
            _ => unreachable!("operands of one type have lanes of one width"),
        }
    }

    /// The bundle made of these vectors, as [`Bundle::values`] gives them.
    pub(super) fn from_values(values: &[Value]) -> Bundle {
        match values {
            [x] => Bundle::Narrow(*x),
            [x, y] => Bundle::Wide([*x, *y]),
            _ => unreachable!("a bundle is one vector or two"),
        }
    }
}

/// The vector type of a type's lanes.
pub(super) fn vector_type(ty: Ty) -> Type {
    match ty {
        Ty::F32 => types::F32X4,
        Ty::F64 => types::F64X2,
        Ty::I64 => types::I64X2,
        Ty::I32 | Ty::U8 | Ty::Bool => types::I32X4,
    }
}

fn is_wide(ty: Ty) -> bool {
    ty.bytes() == 8
}

fn splat_vector(b: &mut FunctionBuilder<'_>, ty: Type, lane: u64) -> Value {
    let bytes = ty.lane_bits() as usize / 8;
    let data: Vec<u8> = lane.to_le_bytes()[..bytes].iter().copied().cycle().take(16).collect();
    let handle = b.func.dfg.constants.insert(ConstantData::from(data.as_slice()));
    b.ins().vconst(ty, handle)
}

/// A constant in every lane.
pub(super) fn constant(b: &mut FunctionBuilder<'_>, ty: Ty, bits: u64) -> Bundle {
    let bits = if ty == Ty::Bool && bits & 1 == 1 { u64::MAX } else { bits };
    let vector = splat_vector(b, vector_type(ty), bits);
    if is_wide(ty) { Bundle::Wide([vector; 2]) } else { Bundle::Narrow(vector) }
}

/// A scalar in every lane.
pub(super) fn splat(b: &mut FunctionBuilder<'_>, ty: Ty, x: Value) -> Bundle {
    let x = match ty {
        Ty::Bool => {
            let wide = b.ins().uextend(types::I32, x);
            b.ins().ineg(wide)
        }
        Ty::U8 => b.ins().uextend(types::I32, x),
        _ => x,
    };
    let vector = b.ins().splat(vector_type(ty), x);
    if is_wide(ty) { Bundle::Wide([vector; 2]) } else { Bundle::Narrow(vector) }
}

/// One lane as a scalar.
pub(super) fn extract(b: &mut FunctionBuilder<'_>, ty: Ty, x: Bundle, lane: usize) -> Value {
    if ty == Ty::Bool {
        let mask = narrow_mask(b, x);
        let bits = b.ins().extractlane(mask, lane as u8);
        let byte = b.ins().ireduce(types::I8, bits);
        return b.ins().band_imm_u(byte, 1);
    }
    let value = match x {
        Bundle::Narrow(x) => b.ins().extractlane(x, lane as u8),
        Bundle::Wide(x) => b.ins().extractlane(x[lane / 2], (lane % 2) as u8),
    };
    if ty == Ty::U8 { b.ins().ireduce(types::I8, value) } else { value }
}

/// The bundle with one lane replaced; floats and integers only.
pub(super) fn insert(b: &mut FunctionBuilder<'_>, x: Bundle, lane: usize, value: Value) -> Bundle {
    match x {
        Bundle::Narrow(x) => Bundle::Narrow(b.ins().insertlane(x, value, lane as u8)),
        Bundle::Wide(mut x) => {
            x[lane / 2] = b.ins().insertlane(x[lane / 2], value, (lane % 2) as u8);
            Bundle::Wide(x)
        }
    }
}

/// Four scalars as a bundle.
pub(super) fn gather(b: &mut FunctionBuilder<'_>, ty: Ty, lanes: [Value; LANES]) -> Bundle {
    let mut bundle = splat(b, ty, lanes[0]);
    for (i, lane) in lanes.into_iter().enumerate().skip(1) {
        let lane = match ty {
            Ty::Bool => {
                let wide = b.ins().uextend(types::I32, lane);
                b.ins().ineg(wide)
            }
            Ty::U8 => b.ins().uextend(types::I32, lane),
            _ => lane,
        };
        bundle = insert(b, bundle, i, lane);
    }
    bundle
}

fn shuffle(b: &mut FunctionBuilder<'_>, x: Value, y: Value, bytes: [u8; 16]) -> Value {
    let ty = b.func.dfg.value_type(x);
    let (x, y) = (bitcast(b, types::I8X16, x), bitcast(b, types::I8X16, y));
    let mask = b.func.dfg.immediates.push(ConstantData::from(bytes.as_slice()));
    let res = b.ins().shuffle(x, y, mask);
    bitcast(b, ty, res)
}

/// The lanes at even places of two vectors of 32-bit or 64-bit lanes (`odd` = 0), or those at odd places (1).
fn every_other(b: &mut FunctionBuilder<'_>, x: Value, y: Value, odd: u8) -> Value {
    let bytes = (b.func.dfg.value_type(x).lane_bits() / 8) as u8;
    let mask = std::array::from_fn(|i| {
        let (lane, byte) = (i as u8 / bytes, i as u8 % bytes);
        (2 * lane + odd) * bytes + byte
    });
    shuffle(b, x, y, mask)
}

/// The upper half of a vector in the lower half.
fn upper(b: &mut FunctionBuilder<'_>, x: Value) -> Value {
    shuffle(b, x, x, std::array::from_fn(|i| 8 + i as u8 % 8))
}

/// The lower halves of two vectors.
fn lowers(b: &mut FunctionBuilder<'_>, x: Value, y: Value) -> Value {
    shuffle(b, x, y, std::array::from_fn(|i| if i < 8 { i as u8 } else { i as u8 + 8 }))
}

fn narrow_mask(b: &mut FunctionBuilder<'_>, mask: Bundle) -> Value {
    match mask {
        Bundle::Narrow(x) => x,
        Bundle::Wide([x, y]) => {
            let (x, y) = (bitcast(b, types::I32X4, x), bitcast(b, types::I32X4, y));
            every_other(b, x, y, 0)
        }
    }
}

fn wide_mask(b: &mut FunctionBuilder<'_>, mask: Bundle) -> [Value; 2] {
    match mask {
        Bundle::Wide(x) => x,
        Bundle::Narrow(x) => [b.ins().swiden_low(x), b.ins().swiden_high(x)],
    }
}

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
        Inst::Port(_) | Inst::Scalar(_) | Inst::Const(..) | Inst::Index(_) => {
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
    if let Some(condition) = float_condition(op).filter(|_| from.is_float()) {
        return b.ins().fcmp(condition, x, y);
    }
    if op == Cmp::ULt {
        // Unsigned order is signed order with the sign bits flipped.
        let sign = 1u64 << (8 * from.bytes() - 1);
        let flip = splat_vector(b, vector_type(from), sign);
        let (x, y) = (b.ins().bxor(x, flip), b.ins().bxor(y, flip));
        return b.ins().icmp(IntCC::SignedLessThan, x, y);
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
    let pick = |b: &mut FunctionBuilder<'_>, c, x, y| b.ins().bitselect(c, x, y);
    match (mask, x, y) {
        (Bundle::Narrow(c), Bundle::Narrow(x), Bundle::Narrow(y)) => Bundle::Narrow(pick(b, c, x, y)),
        (Bundle::Wide(c), Bundle::Wide(x), Bundle::Wide(y)) => {
            Bundle::Wide([pick(b, c[0], x[0], y[0]), pick(b, c[1], x[1], y[1])])
        }
        _ => unreachable!("operands of one type have lanes of one width"),
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

/// Loads four neighbours.
pub(super) fn load(b: &mut FunctionBuilder<'_>, ty: Ty, flags: MemFlagsData, at: Value, offset: i32) -> Bundle {
    match ty {
        Ty::F32 | Ty::I32 => Bundle::Narrow(b.ins().load(vector_type(ty), flags, at, offset)),
        Ty::F64 | Ty::I64 => {
            let low = b.ins().load(vector_type(ty), flags, at, offset);
            Bundle::Wide([low, b.ins().load(vector_type(ty), flags, at, offset + 16)])
        }
        Ty::U8 | Ty::Bool => {
            let four = b.ins().load(types::I32, flags, at, offset);
            let bytes = b.ins().scalar_to_vector(types::I32X4, four);
            let bytes = bitcast(b, types::I8X16, bytes);
            let halves = b.ins().uwiden_low(bytes);
            let lanes = b.ins().uwiden_low(halves);
            if ty == Ty::U8 {
                return Bundle::Narrow(lanes);
            }
            let zero = splat_vector(b, types::I32X4, 0);
            Bundle::Narrow(b.ins().icmp(IntCC::NotEqual, lanes, zero))
        }
    }
}

/// Stores four neighbours.
pub(super) fn store(b: &mut FunctionBuilder<'_>, ty: Ty, flags: MemFlagsData, x: Bundle, at: Value, offset: i32) {
    match (ty, x) {
        (Ty::Bool, mask) => {
            let mask = narrow_mask(b, mask);
            let halves = b.ins().snarrow(mask, mask);
            let bytes = b.ins().snarrow(halves, halves);
            let one = splat_vector(b, types::I8X16, 1);
            let bytes = b.ins().band(bytes, one);
            store_bytes(b, flags, bytes, at, offset);
        }
        (Ty::U8, Bundle::Narrow(x)) => {
            let halves = b.ins().snarrow(x, x);
            let bytes = b.ins().unarrow(halves, halves);
            store_bytes(b, flags, bytes, at, offset);
        }
        (_, x) => {
            for (i, &x) in x.values().iter().enumerate() {
                b.ins().store(flags, x, at, offset + 16 * i as i32);
            }
        }
    }
}

fn store_bytes(b: &mut FunctionBuilder<'_>, flags: MemFlagsData, bytes: Value, at: Value, offset: i32) {
    let words = bitcast(b, types::I32X4, bytes);
    let four = b.ins().extractlane(words, 0);
    b.ins().store(flags, four, at, offset);
}

/// Joins two bundles of a reduction lane by lane, the earlier values first.
pub(super) fn join(b: &mut FunctionBuilder<'_>, reducer: Reducer, x: Bundle, y: Bundle) -> Bundle {
    x.zip(y, |x, y| join_vectors(b, reducer, x, y))
}

fn join_vectors(b: &mut FunctionBuilder<'_>, reducer: Reducer, x: Value, y: Value) -> Value {
    match reducer {
        Reducer::Sum => b.ins().fadd(x, y),
        Reducer::Max | Reducer::ArgMax => {
            let greater = b.ins().fcmp(FloatCC::GreaterThan, y, x);
            let nan = b.ins().fcmp(FloatCC::NotEqual, y, y);
            let wins = b.ins().bor(greater, nan);
            let ty = b.func.dfg.value_type(x);
            let wins = bitcast(b, ty, wins);
            b.ins().bitselect(wins, y, x)
        }
    }
}

/// Joins the sixteen lanes of four bundles by the tree of strides 1, 2, 4, 8.
pub(super) fn join_lanes(b: &mut FunctionBuilder<'_>, reducer: Reducer, bundles: &[Bundle]) -> Value {
    let mut vectors: Vec<Value> = bundles.iter().flat_map(|x| x.values().to_vec()).collect();
    // Each round joins every lane at an even place with its neighbour; the results stay in order.
    while vectors.len() > 1 {
        vectors = vectors
            .chunks(2)
            .map(|pair| {
                let even = every_other(b, pair[0], pair[pair.len() - 1], 0);
                let odd = every_other(b, pair[0], pair[pair.len() - 1], 1);
                join_vectors(b, reducer, even, odd)
            })
            .collect();
    }
    let last = vectors[0];
    let lanes = b.func.dfg.value_type(last).lane_count();
    let mut lanes: Vec<Value> = (0..lanes).map(|i| b.ins().extractlane(last, i as u8)).collect();
    while lanes.len() > 1 {
        lanes = lanes.chunks(2).map(|pair| scalar::join(b, reducer, pair[0], pair[1])).collect();
    }
    lanes[0]
}
