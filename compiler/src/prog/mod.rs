//! The expression program: straight-line, lane-wise scalar code as data.
//!
//! A [`Prog`] is the single meaning of an elementwise computation. The interpreter ([`interp`]) runs it for the oracle and
//! for constant folding, code generation emits the same instructions for vectors, and all of them agree to the bit because
//! every instruction is exactly specified here: IEEE-754 with rounding to nearest even and denormals kept, wrapping integers,
//! and a fused multiply-add only where the program says [`Inst::Fma`]. All NaNs count as one value, so no program may let
//! the sign or the payload of a NaN reach a result that is not NaN.
//!
//! Invariants, kept because only [`Builder`] makes programs: operands are earlier than their users, equal instructions are
//! one instruction, every instruction is reachable from an output, and every instruction satisfies the typing rule.

mod build;
mod expr;
pub mod interp;
mod lanes;
pub mod math;
mod print;
pub mod random;
pub mod reference;
mod step;
mod typing;

pub use build::Builder;
pub use expr::E;
pub use lanes::{Column, Lane, Slice};

#[cfg(test)]
mod tests;

/// The type of a value in a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ty {
    /// IEEE-754 single precision.
    F32,
    /// IEEE-754 double precision.
    F64,
    /// 32-bit integer, two's complement; unsigned only where an instruction says so.
    I32,
    /// 64-bit integer, two's complement; unsigned only where an instruction says so.
    I64,
    /// A byte in memory; the only arithmetic on it is [`Inst::Convert`] to another type.
    U8,
    /// A truth value; in memory a byte 0 or 1.
    Bool,
}

impl Ty {
    /// Whether this is `F32` or `F64`.
    pub fn is_float(self) -> bool {
        matches!(self, Ty::F32 | Ty::F64)
    }

    /// Whether this is `I32` or `I64`.
    pub fn is_int(self) -> bool {
        matches!(self, Ty::I32 | Ty::I64)
    }

    /// Bytes of one element in memory.
    pub fn bytes(self) -> usize {
        match self {
            Ty::U8 | Ty::Bool => 1,
            Ty::F32 | Ty::I32 => 4,
            Ty::F64 | Ty::I64 => 8,
        }
    }

    /// The type of the same width on the other side of [`Inst::Bitcast`], if there is one.
    pub fn bits_partner(self) -> Option<Ty> {
        match self {
            Ty::F32 => Some(Ty::I32),
            Ty::F64 => Some(Ty::I64),
            Ty::I32 => Some(Ty::F32),
            Ty::I64 => Some(Ty::F64),
            Ty::U8 | Ty::Bool => None,
        }
    }
}

/// An instruction of a program, and the value it computes: an index into [`Prog::insts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u32);

impl Id {
    /// The position in [`Prog::insts`] and [`Prog::tys`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Operations of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Un {
    /// The sign bit flipped (floats), or the wrapping negative (integers).
    Neg,
    /// The sign bit cleared; floats only.
    Abs,
    /// The correctly rounded square root; floats only.
    Sqrt,
    /// The largest integer not above; floats only.
    Floor,
    /// The smallest integer not below; floats only.
    Ceil,
    /// The integer part, towards zero; floats only.
    Trunc,
    /// The nearest integer, ties to even; floats only.
    Nearest,
    /// All bits flipped (integers), or the other truth value.
    Not,
}

/// Operations of two operands of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bin {
    /// Sum; wraps for integers.
    Add,
    /// Difference; wraps for integers.
    Sub,
    /// Product; wraps for integers.
    Mul,
    /// Quotient; floats only.
    Div,
    /// Bitwise or logical and; integers and truth values.
    And,
    /// Bitwise or logical or; integers and truth values.
    Or,
    /// Bitwise or logical exclusive or; integers and truth values.
    Xor,
    /// Shift to the left; integers. The amount is taken modulo the width. A constant amount stays a vector instruction
    /// everywhere, a varying one may be done lane by lane.
    Shl,
    /// Shift to the right, zeros coming in; amounts as for `Shl`.
    ShrU,
    /// Shift to the right, copies of the sign coming in; amounts as for `Shl`.
    ShrS,
}

impl Bin {
    /// Whether swapping the operands keeps the bits (all NaNs counted as one).
    pub fn commutes(self) -> bool {
        matches!(self, Bin::Add | Bin::Mul | Bin::And | Bin::Or | Bin::Xor)
    }
}

/// Comparisons of two numbers of one type. A comparison with NaN is false, except `Ne`, which is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cmp {
    /// Equal.
    Eq,
    /// Not equal; true on NaN.
    Ne,
    /// Less; integers as signed.
    Lt,
    /// Less or equal; integers as signed.
    Le,
    /// Greater; integers as signed.
    Gt,
    /// Greater or equal; integers as signed.
    Ge,
}

/// One instruction. Its type is in [`Prog::tys`] at the same position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Inst {
    /// The element of input port k, loaded at the port's own type.
    Port(u16),
    /// A constant: its bits in the low part (`F32`: 32 bits; `I32`: 32 bits, zeros above; `Bool`: 0 or 1).
    Const(Ty, u64),
    /// The coordinate along loop axis d, as `I32` so that it has the lane width of `F32`; an axis has at most 2^31 − 1 steps.
    Index(u8),
    /// An operation of one operand.
    Unary(Un, Id),
    /// An operation of two operands.
    Binary(Bin, Id, Id),
    /// a·b + c rounded once; floats.
    Fma(Id, Id, Id),
    /// A comparison; the result is `Bool`.
    Compare(Cmp, Id, Id),
    /// The second operand where the first (`Bool`) holds, else the third.
    Select(Id, Id, Id),
    /// A value in another type. Float to float and integer to float: nearest even. Float to integer: truncated, saturated,
    /// NaN gives 0. `I32` to `I64` extends the sign, `I64` to `I32` keeps the low half. `Bool` gives 0 or 1, `U8` its
    /// unsigned value. Nothing converts to `U8` or `Bool`.
    Convert(Ty, Id),
    /// `I32` to `I64` with zeros above.
    ZeroExtend(Id),
    /// The same bits at the other type of the same width: `F32` and `I32`, `F64` and `I64`.
    Bitcast(Ty, Id),
}

impl Inst {
    /// The operands in order.
    pub fn operands(&self) -> impl Iterator<Item = Id> {
        let list = match *self {
            Inst::Port(_) | Inst::Const(..) | Inst::Index(_) => [None; 3],
            Inst::Unary(_, a) | Inst::Convert(_, a) | Inst::ZeroExtend(a) | Inst::Bitcast(_, a) => {
                [Some(a), None, None]
            }
            Inst::Binary(_, a, b) | Inst::Compare(_, a, b) => [Some(a), Some(b), None],
            Inst::Fma(a, b, c) | Inst::Select(a, b, c) => [Some(a), Some(b), Some(c)],
        };
        list.into_iter().flatten()
    }

    /// The same instruction with every operand replaced.
    pub fn map_operands(&self, mut f: impl FnMut(Id) -> Id) -> Inst {
        match *self {
            leaf @ (Inst::Port(_) | Inst::Const(..) | Inst::Index(_)) => leaf,
            Inst::Unary(op, a) => Inst::Unary(op, f(a)),
            Inst::Binary(op, a, b) => Inst::Binary(op, f(a), f(b)),
            Inst::Fma(a, b, c) => Inst::Fma(f(a), f(b), f(c)),
            Inst::Compare(op, a, b) => Inst::Compare(op, f(a), f(b)),
            Inst::Select(c, a, b) => Inst::Select(f(c), f(a), f(b)),
            Inst::Convert(ty, a) => Inst::Convert(ty, f(a)),
            Inst::ZeroExtend(a) => Inst::ZeroExtend(f(a)),
            Inst::Bitcast(ty, a) => Inst::Bitcast(ty, f(a)),
        }
    }
}

/// A straight-line program over one lane. Made by [`Prog::build`] or [`Builder::finish`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Prog {
    insts: Vec<Inst>,
    tys: Vec<Ty>,
    outs: Vec<Id>,
}

impl Prog {
    /// The program whose outputs are what `body` returns.
    ///
    /// ```
    /// use nnc_compiler::prog::{Prog, Ty};
    /// let square = Prog::build(|p| {
    ///     let x = p.port(0, Ty::F32);
    ///     vec![x * x]
    /// });
    /// assert_eq!(square.to_string(), "%0: f32 = port 0\n%1: f32 = mul %0, %0\nout %1\n");
    /// ```
    pub fn build(body: impl for<'p> FnOnce(&'p Builder) -> Vec<E<'p>>) -> Prog {
        let builder = Builder::new();
        let outs: Vec<Id> = body(&builder).into_iter().map(|e| e.id()).collect();
        builder.finish(&outs)
    }

    /// The instructions, operands before their users.
    pub fn insts(&self) -> &[Inst] {
        &self.insts
    }

    /// The type of each instruction.
    pub fn tys(&self) -> &[Ty] {
        &self.tys
    }

    /// The values that the program computes.
    pub fn outs(&self) -> &[Id] {
        &self.outs
    }

    /// The instruction that computes `id`.
    pub fn inst(&self, id: Id) -> &Inst {
        &self.insts[id.index()]
    }

    /// The type of `id`.
    pub fn ty(&self, id: Id) -> Ty {
        self.tys[id.index()]
    }

    /// All instructions with their ids and types, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Id, &Inst, Ty)> {
        // Builder refuses programs of 2^32 instructions, so the position fits.
        self.insts.iter().zip(&self.tys).enumerate().map(|(i, (inst, ty))| (Id(i as u32), inst, *ty))
    }

    /// The ports that are read, with their types, in the order of their first use.
    pub fn ports(&self) -> impl Iterator<Item = (u16, Ty)> {
        self.iter().filter_map(|(_, inst, ty)| match inst {
            Inst::Port(k) => Some((*k, ty)),
            _ => None,
        })
    }
}
