//! Four lanes of a program: how they lie in vectors, and moving them around, to and from memory.
//!
//! Four lanes of a 32-bit type are one 128-bit vector ([`Bundle::Narrow`]), of a 64-bit type two ([`Bundle::Wide`]), so
//! programs that mix widths need nothing special. A mask is all ones or zeros in lanes of either width; a byte is widened to
//! a 32-bit lane.

use super::scalar::{self, bitcast};
use crate::ir::op::Reducer;
use crate::prog::Ty;
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

    pub(super) fn map(self, mut f: impl FnMut(Value) -> Value) -> Bundle {
        match self {
            Bundle::Narrow(x) => Bundle::Narrow(f(x)),
            Bundle::Wide([x, y]) => Bundle::Wide([f(x), f(y)]),
        }
    }

    pub(super) fn zip(self, other: Bundle, mut f: impl FnMut(Value, Value) -> Value) -> Bundle {
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

pub(super) fn is_wide(ty: Ty) -> bool {
    ty.bytes() == 8
}

pub(super) fn splat_vector(b: &mut FunctionBuilder<'_>, ty: Type, lane: u64) -> Value {
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
pub(super) fn every_other(b: &mut FunctionBuilder<'_>, x: Value, y: Value, odd: u8) -> Value {
    let bytes = (b.func.dfg.value_type(x).lane_bits() / 8) as u8;
    let mask = std::array::from_fn(|i| {
        let (lane, byte) = (i as u8 / bytes, i as u8 % bytes);
        (2 * lane + odd) * bytes + byte
    });
    shuffle(b, x, y, mask)
}

/// The upper half of a vector in the lower half.
pub(super) fn upper(b: &mut FunctionBuilder<'_>, x: Value) -> Value {
    shuffle(b, x, x, std::array::from_fn(|i| 8 + i as u8 % 8))
}

/// The lower halves of two vectors.
pub(super) fn lowers(b: &mut FunctionBuilder<'_>, x: Value, y: Value) -> Value {
    shuffle(b, x, y, std::array::from_fn(|i| if i < 8 { i as u8 } else { i as u8 + 8 }))
}

pub(super) fn narrow_mask(b: &mut FunctionBuilder<'_>, mask: Bundle) -> Value {
    match mask {
        Bundle::Narrow(x) => x,
        Bundle::Wide([x, y]) => {
            let (x, y) = (bitcast(b, types::I32X4, x), bitcast(b, types::I32X4, y));
            every_other(b, x, y, 0)
        }
    }
}

pub(super) fn wide_mask(b: &mut FunctionBuilder<'_>, mask: Bundle) -> [Value; 2] {
    match mask {
        Bundle::Wide(x) => x,
        Bundle::Narrow(x) => [b.ins().swiden_low(x), b.ins().swiden_high(x)],
    }
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
