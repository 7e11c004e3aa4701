//! [`E`]: a value of a program under construction, written like mathematics.

use std::fmt;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{Bin, Builder, Cmp, Id, Inst, Ty, Un};

/// A value of the program that a [`Builder`] is making. Operators and methods add instructions; a literal takes the type of
/// the other operand. Wrong types panic (see [`Builder`]).
#[derive(Clone, Copy)]
pub struct E<'p> {
    builder: &'p Builder,
    id: Id,
}

impl fmt::Debug for E<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}: {}", self.id.index(), self.ty())
    }
}

#[allow(
    clippy::should_implement_trait,
    reason = "not and shl stand in chains beside and, or and xor; the operators are kept for arithmetic"
)]
impl<'p> E<'p> {
    pub(super) fn new(builder: &'p Builder, id: Id) -> E<'p> {
        E { builder, id }
    }

    /// The builder that this value belongs to.
    pub fn builder(self) -> &'p Builder {
        self.builder
    }

    /// The name of the value while its builder lives; a finished program renumbers.
    pub fn id(self) -> Id {
        self.id
    }

    /// The type of the value.
    pub fn ty(self) -> Ty {
        self.builder.ty(self.id)
    }

    /// The float constant `value` at the type of `self`.
    pub fn c(self, value: f64) -> E<'p> {
        self.builder.f(self.ty(), value)
    }

    /// The integer constant `value` at the type of `self`.
    pub fn n(self, value: i64) -> E<'p> {
        self.builder.int(self.ty(), value)
    }

    /// The id of `other`, which must belong to the same program.
    fn beside(self, other: E<'p>) -> Id {
        debug_assert!(std::ptr::eq(self.builder, other.builder), "values of two programs in one instruction");
        other.id
    }

    fn unary(self, op: Un) -> E<'p> {
        self.builder.insert(Inst::Unary(op, self.id))
    }

    fn binary(self, op: Bin, b: E<'p>) -> E<'p> {
        self.builder.insert(Inst::Binary(op, self.id, self.beside(b)))
    }

    fn compare(self, op: Cmp, b: E<'p>) -> E<'p> {
        self.builder.insert(Inst::Compare(op, self.id, self.beside(b)))
    }

    /// The absolute value (sign bit cleared).
    pub fn abs(self) -> E<'p> {
        self.unary(Un::Abs)
    }

    /// The square root.
    pub fn sqrt(self) -> E<'p> {
        self.unary(Un::Sqrt)
    }

    /// The largest integer not above.
    pub fn floor(self) -> E<'p> {
        self.unary(Un::Floor)
    }

    /// The smallest integer not below.
    pub fn ceil(self) -> E<'p> {
        self.unary(Un::Ceil)
    }

    /// The integer part.
    pub fn trunc(self) -> E<'p> {
        self.unary(Un::Trunc)
    }

    /// The nearest integer, ties to even.
    pub fn nearest(self) -> E<'p> {
        self.unary(Un::Nearest)
    }

    /// self·b + c, rounded once.
    pub fn fma(self, b: E<'p>, c: E<'p>) -> E<'p> {
        self.builder.insert(Inst::Fma(self.id, self.beside(b), self.beside(c)))
    }

    /// self = b; false on NaN.
    pub fn eq(self, b: E<'p>) -> E<'p> {
        self.compare(Cmp::Eq, b)
    }

    /// self ≠ b; true on NaN.
    pub fn ne(self, b: E<'p>) -> E<'p> {
        self.compare(Cmp::Ne, b)
    }

    /// self < b.
    pub fn lt(self, b: E<'p>) -> E<'p> {
        self.compare(Cmp::Lt, b)
    }

    /// self ≤ b.
    pub fn le(self, b: E<'p>) -> E<'p> {
        self.compare(Cmp::Le, b)
    }

    /// self > b.
    pub fn gt(self, b: E<'p>) -> E<'p> {
        self.compare(Cmp::Gt, b)
    }

    /// self ≥ b.
    pub fn ge(self, b: E<'p>) -> E<'p> {
        self.compare(Cmp::Ge, b)
    }

    /// Whether a float is NaN.
    pub fn is_nan(self) -> E<'p> {
        self.ne(self)
    }

    /// The greater of two floats; NaN if one is NaN, the second where they are equal.
    pub fn max(self, b: E<'p>) -> E<'p> {
        self.gt(b).or(self.is_nan()).select(self, b)
    }

    /// The smaller of two floats; NaN if one is NaN, the second where they are equal.
    pub fn min(self, b: E<'p>) -> E<'p> {
        self.lt(b).or(self.is_nan()).select(self, b)
    }

    /// `a` where this truth value holds, else `b`.
    pub fn select(self, a: E<'p>, b: E<'p>) -> E<'p> {
        self.builder.insert(Inst::Select(self.id, self.beside(a), self.beside(b)))
    }

    /// The value converted to `ty` (see [`Inst::Convert`]).
    pub fn to(self, ty: Ty) -> E<'p> {
        self.builder.insert(Inst::Convert(ty, self.id))
    }

    /// An `I32` as `I64` with zeros above.
    pub fn zero_extend(self) -> E<'p> {
        self.builder.insert(Inst::ZeroExtend(self.id))
    }

    /// The same bits at the type `ty` of the same width.
    pub fn bits(self, ty: Ty) -> E<'p> {
        self.builder.insert(Inst::Bitcast(ty, self.id))
    }

    /// Bitwise or logical and.
    pub fn and(self, b: E<'p>) -> E<'p> {
        self.binary(Bin::And, b)
    }

    /// Bitwise or logical or.
    pub fn or(self, b: E<'p>) -> E<'p> {
        self.binary(Bin::Or, b)
    }

    /// Bitwise or logical exclusive or.
    pub fn xor(self, b: E<'p>) -> E<'p> {
        self.binary(Bin::Xor, b)
    }

    /// All bits flipped, or the other truth value.
    pub fn not(self) -> E<'p> {
        self.unary(Un::Not)
    }

    /// Shifted to the left by `amount` (of the same type, modulo the width; see [`Bin::Shl`]).
    pub fn shl(self, amount: E<'p>) -> E<'p> {
        self.binary(Bin::Shl, amount)
    }

    /// Shifted to the right with zeros coming in.
    pub fn shr_u(self, amount: E<'p>) -> E<'p> {
        self.binary(Bin::ShrU, amount)
    }

    /// Shifted to the right with copies of the sign coming in.
    pub fn shr_s(self, amount: E<'p>) -> E<'p> {
        self.binary(Bin::ShrS, amount)
    }
}

impl<'p> Neg for E<'p> {
    type Output = E<'p>;
    fn neg(self) -> E<'p> {
        self.unary(Un::Neg)
    }
}

/// One operator for value and value, value and literal, literal and value.
macro_rules! operator {
    ($trait:ident, $method:ident) => {
        impl<'p> $trait for E<'p> {
            type Output = E<'p>;
            fn $method(self, b: E<'p>) -> E<'p> {
                self.binary(Bin::$trait, b)
            }
        }

        impl<'p> $trait<f64> for E<'p> {
            type Output = E<'p>;
            fn $method(self, b: f64) -> E<'p> {
                self.binary(Bin::$trait, self.c(b))
            }
        }

        impl<'p> $trait<E<'p>> for f64 {
            type Output = E<'p>;
            fn $method(self, b: E<'p>) -> E<'p> {
                b.c(self).binary(Bin::$trait, b)
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);
