//! One instruction over a block of lanes: the definition of every instruction.
//!
//! Arms that the typing rule excludes cannot be reached, because a [`super::Prog`] satisfies it; operations that the rule
//! excludes share the last arm of their match.

use super::{Bin, Cmp, Column, Inst, Un};

/// `out[i] = $value` for the first `$n` lanes, with each name bound to its operand's lane.
macro_rules! lanes {
    ($n:ident, $out:ident = |$a:ident| $value:expr) => {
        for (out, &$a) in $out[..$n].iter_mut().zip(&$a[..$n]) {
            *out = $value;
        }
    };
    ($n:ident, $out:ident = |$a:ident, $b:ident| $value:expr) => {
        for ((out, &$a), &$b) in $out[..$n].iter_mut().zip(&$a[..$n]).zip(&$b[..$n]) {
            *out = $value;
        }
    };
    ($n:ident, $out:ident = |$a:ident, $b:ident, $c:ident| $value:expr) => {
        for (((out, &$a), &$b), &$c) in $out[..$n].iter_mut().zip(&$a[..$n]).zip(&$b[..$n]).zip(&$c[..$n]) {
            *out = $value;
        }
    };
}

macro_rules! float_unary {
    ($op:ident, $out:ident, $a:ident, $n:ident) => {
        match $op {
            Un::Neg => lanes!($n, $out = |$a| -$a),
            Un::Abs => lanes!($n, $out = |$a| $a.abs()),
            Un::Sqrt => lanes!($n, $out = |$a| $a.sqrt()),
            Un::Floor => lanes!($n, $out = |$a| $a.floor()),
            Un::Ceil => lanes!($n, $out = |$a| $a.ceil()),
            Un::Trunc => lanes!($n, $out = |$a| $a.trunc()),
            Un::Nearest | Un::Not => lanes!($n, $out = |$a| $a.round_ties_even()),
        }
    };
}

macro_rules! int_unary {
    ($op:ident, $out:ident, $a:ident, $n:ident) => {
        match $op {
            Un::Neg => lanes!($n, $out = |$a| $a.wrapping_neg()),
            _ => lanes!($n, $out = |$a| !$a),
        }
    };
}

macro_rules! float_binary {
    ($op:ident, $out:ident, $a:ident, $b:ident, $n:ident) => {
        match $op {
            Bin::Add => lanes!($n, $out = |$a, $b| $a + $b),
            Bin::Sub => lanes!($n, $out = |$a, $b| $a - $b),
            Bin::Mul => lanes!($n, $out = |$a, $b| $a * $b),
            _ => lanes!($n, $out = |$a, $b| $a / $b),
        }
    };
}

/// `wrapping_shl` and `wrapping_shr` take the amount modulo the width.
macro_rules! int_binary {
    ($op:ident, $out:ident, $a:ident, $b:ident, $n:ident, $unsigned:ty, $signed:ty) => {
        match $op {
            Bin::Add => lanes!($n, $out = |$a, $b| $a.wrapping_add($b)),
            Bin::Sub => lanes!($n, $out = |$a, $b| $a.wrapping_sub($b)),
            Bin::And => lanes!($n, $out = |$a, $b| $a & $b),
            Bin::Or => lanes!($n, $out = |$a, $b| $a | $b),
            Bin::Xor => lanes!($n, $out = |$a, $b| $a ^ $b),
            Bin::Shl => lanes!($n, $out = |$a, $b| $a.wrapping_shl($b as u32)),
            Bin::ShrU => lanes!($n, $out = |$a, $b| ($a as $unsigned).wrapping_shr($b as u32) as $signed),
            Bin::ShrS => lanes!($n, $out = |$a, $b| $a.wrapping_shr($b as u32)),
            Bin::Mul | Bin::Div => lanes!($n, $out = |$a, $b| $a.wrapping_mul($b)),
        }
    };
}

macro_rules! compare {
    ($op:ident, $out:ident, $a:ident, $b:ident, $n:ident) => {
        match $op {
            Cmp::Eq => lanes!($n, $out = |$a, $b| $a == $b),
            Cmp::Ne => lanes!($n, $out = |$a, $b| $a != $b),
            Cmp::Lt => lanes!($n, $out = |$a, $b| $a < $b),
            Cmp::Le => lanes!($n, $out = |$a, $b| $a <= $b),
            Cmp::Gt => lanes!($n, $out = |$a, $b| $a > $b),
            Cmp::Ge => lanes!($n, $out = |$a, $b| $a >= $b),
        }
    };
}

/// One instruction over the first `n` lanes; `values` are the earlier values.
#[inline(always)]
pub(super) fn step(inst: &Inst, out: &mut Column, values: &[Column], n: usize) {
    use Column as C;
    let at = |id: super::Id| &values[id.index()];
    match *inst {
        Inst::Port(_) | Inst::Const(..) | Inst::Index(_) => {}
        Inst::Unary(op, a) => match (out, at(a)) {
            (C::F32(out), C::F32(a)) => float_unary!(op, out, a, n),
            (C::F64(out), C::F64(a)) => float_unary!(op, out, a, n),
            (C::I32(out), C::I32(a)) => int_unary!(op, out, a, n),
            (C::I64(out), C::I64(a)) => int_unary!(op, out, a, n),
            (C::Bool(out), C::Bool(a)) => lanes!(n, out = |a| !a),
            _ => ill_typed(inst),
        },
        Inst::Binary(op, a, b) => match (out, at(a), at(b)) {
            (C::F32(out), C::F32(a), C::F32(b)) => float_binary!(op, out, a, b, n),
            (C::F64(out), C::F64(a), C::F64(b)) => float_binary!(op, out, a, b, n),
            (C::I32(out), C::I32(a), C::I32(b)) => int_binary!(op, out, a, b, n, u32, i32),
            (C::I64(out), C::I64(a), C::I64(b)) => int_binary!(op, out, a, b, n, u64, i64),
            (C::Bool(out), C::Bool(a), C::Bool(b)) => match op {
                Bin::And => lanes!(n, out = |a, b| a & b),
                Bin::Or => lanes!(n, out = |a, b| a | b),
                _ => lanes!(n, out = |a, b| a ^ b),
            },
            _ => ill_typed(inst),
        },
        Inst::Fma(a, b, c) => match (out, at(a), at(b), at(c)) {
            (C::F32(out), C::F32(a), C::F32(b), C::F32(c)) => lanes!(n, out = |a, b, c| a.mul_add(b, c)),
            (C::F64(out), C::F64(a), C::F64(b), C::F64(c)) => lanes!(n, out = |a, b, c| a.mul_add(b, c)),
            _ => ill_typed(inst),
        },
        Inst::Compare(op, a, b) => match (out, at(a), at(b)) {
            (C::Bool(out), C::F32(a), C::F32(b)) => compare!(op, out, a, b, n),
            (C::Bool(out), C::F64(a), C::F64(b)) => compare!(op, out, a, b, n),
            (C::Bool(out), C::I32(a), C::I32(b)) => compare!(op, out, a, b, n),
            (C::Bool(out), C::I64(a), C::I64(b)) => compare!(op, out, a, b, n),
            _ => ill_typed(inst),
        },
        Inst::Select(c, a, b) => match (out, at(c), at(a), at(b)) {
            (C::F32(out), C::Bool(c), C::F32(a), C::F32(b)) => lanes!(n, out = |c, a, b| if c { a } else { b }),
            (C::F64(out), C::Bool(c), C::F64(a), C::F64(b)) => lanes!(n, out = |c, a, b| if c { a } else { b }),
            (C::I32(out), C::Bool(c), C::I32(a), C::I32(b)) => lanes!(n, out = |c, a, b| if c { a } else { b }),
            (C::I64(out), C::Bool(c), C::I64(a), C::I64(b)) => lanes!(n, out = |c, a, b| if c { a } else { b }),
            (C::U8(out), C::Bool(c), C::U8(a), C::U8(b)) => lanes!(n, out = |c, a, b| if c { a } else { b }),
            (C::Bool(out), C::Bool(c), C::Bool(a), C::Bool(b)) => lanes!(n, out = |c, a, b| if c { a } else { b }),
            _ => ill_typed(inst),
        },
        // Rust's `as` is the conversion of the instruction set: nearest even, truncation with saturation, NaN to 0,
        // sign extension, the low half.
        Inst::Convert(_, a) => match (out, at(a)) {
            (C::F32(out), C::F32(a)) => out[..n].copy_from_slice(&a[..n]),
            (C::F32(out), C::F64(a)) => lanes!(n, out = |a| a as f32),
            (C::F32(out), C::I32(a)) => lanes!(n, out = |a| a as f32),
            (C::F32(out), C::I64(a)) => lanes!(n, out = |a| a as f32),
            (C::F32(out), C::U8(a)) => lanes!(n, out = |a| f32::from(a)),
            (C::F32(out), C::Bool(a)) => lanes!(n, out = |a| f32::from(u8::from(a))),
            (C::F64(out), C::F64(a)) => out[..n].copy_from_slice(&a[..n]),
            (C::F64(out), C::F32(a)) => lanes!(n, out = |a| f64::from(a)),
            (C::F64(out), C::I32(a)) => lanes!(n, out = |a| f64::from(a)),
            (C::F64(out), C::I64(a)) => lanes!(n, out = |a| a as f64),
            (C::F64(out), C::U8(a)) => lanes!(n, out = |a| f64::from(a)),
            (C::F64(out), C::Bool(a)) => lanes!(n, out = |a| f64::from(u8::from(a))),
            (C::I32(out), C::F32(a)) => lanes!(n, out = |a| a as i32),
            (C::I32(out), C::F64(a)) => lanes!(n, out = |a| a as i32),
            (C::I32(out), C::I32(a)) => out[..n].copy_from_slice(&a[..n]),
            (C::I32(out), C::I64(a)) => lanes!(n, out = |a| a as i32),
            (C::I32(out), C::U8(a)) => lanes!(n, out = |a| i32::from(a)),
            (C::I32(out), C::Bool(a)) => lanes!(n, out = |a| i32::from(a)),
            (C::I64(out), C::F32(a)) => lanes!(n, out = |a| a as i64),
            (C::I64(out), C::F64(a)) => lanes!(n, out = |a| a as i64),
            (C::I64(out), C::I32(a)) => lanes!(n, out = |a| i64::from(a)),
            (C::I64(out), C::I64(a)) => out[..n].copy_from_slice(&a[..n]),
            (C::I64(out), C::U8(a)) => lanes!(n, out = |a| i64::from(a)),
            (C::I64(out), C::Bool(a)) => lanes!(n, out = |a| i64::from(a)),
            (C::U8(_) | C::Bool(_), _) => ill_typed(inst),
        },
        Inst::ZeroExtend(a) => match (out, at(a)) {
            (C::I64(out), C::I32(a)) => lanes!(n, out = |a| i64::from(a as u32)),
            _ => ill_typed(inst),
        },
        Inst::Bitcast(_, a) => match (out, at(a)) {
            (C::I32(out), C::F32(a)) => lanes!(n, out = |a| a.to_bits() as i32),
            (C::I64(out), C::F64(a)) => lanes!(n, out = |a| a.to_bits() as i64),
            (C::F32(out), C::I32(a)) => lanes!(n, out = |a| f32::from_bits(a as u32)),
            (C::F64(out), C::I64(a)) => lanes!(n, out = |a| f64::from_bits(a as u64)),
            _ => ill_typed(inst),
        },
    }
}

#[cold]
fn ill_typed(inst: &Inst) -> ! {
    unreachable!("{inst:?} breaks the typing rule")
}
