//! Operators and methods of [`Val`], so that mathematics over graphs reads like mathematics. Each names the row it adds.
//!
//! Operands of the binary operators have one type; [`Val::splat`] makes a constant of a value's type.

use super::binary::{ADD, DIV, MUL, SUB};
use super::contract::CONTRACT;
use super::logic::{CAST, SELECT};
use super::movement::{BROADCAST, PAD, PERMUTE, RESHAPE, SLICE};
use super::reduce::{FIRST_MAXIMUM, MAXIMUM, SUM, is_inner};
use super::source::{CONST, READ};
use super::unary::NEG;
use crate::ir::attrs::{Attrs, Const, Contract, Slot};
use crate::ir::builder::{Builder, Val};
use crate::ir::dim::Dim;
use crate::ir::op::Op;
use crate::ir::types::{DType, TensorType};
use std::ops::{Add, Div, Mul, Neg, Sub};

impl Builder {
    /// A constant in every element of a shape.
    pub fn constant(&self, c: Const, shape: Vec<Dim>) -> Val<'_> {
        self.add(&CONST, Attrs::Const(c, shape), &[])
    }

    /// What the runtime holds under `slot`.
    pub fn read(&self, slot: Slot, ty: TensorType) -> Val<'_> {
        self.add(&READ, Attrs::Slot(slot, Box::new(ty)), &[])
    }
}

impl<'b> Val<'b> {
    /// A row of one operand without attributes.
    pub fn unary(self, op: Op) -> Val<'b> {
        self.b.add(op, Attrs::None, &[self])
    }

    /// A row of two operands without attributes.
    pub fn binary(self, op: Op, other: Val<'b>) -> Val<'b> {
        self.b.add(op, Attrs::None, &[self, other])
    }

    /// A comparison.
    pub fn compare(self, op: Op, other: Val<'b>) -> Val<'b> {
        self.binary(op, other)
    }

    /// This mask chooses between two values.
    pub fn select(self, a: Val<'b>, b: Val<'b>) -> Val<'b> {
        self.b.add(&SELECT, Attrs::None, &[self, a, b])
    }

    /// The constant `x` of this value's type and shape.
    pub fn splat(self, x: f64) -> Val<'b> {
        let ty = self.ty();
        let c = if ty.dtype.is_float() { Const::Float(ty.dtype, x) } else { Const::Int(ty.dtype, x as i64) };
        self.b.constant(c, ty.shape)
    }

    /// Another element type; nothing when it has it already.
    pub fn cast(self, dtype: DType) -> Val<'b> {
        if self.ty().dtype == dtype { self } else { self.b.add(&CAST, Attrs::Cast(dtype), &[self]) }
    }

    /// Another shape of as many elements; nothing when it has it already.
    pub fn reshape(self, shape: Vec<Dim>) -> Val<'b> {
        if self.ty().shape == shape { self } else { self.b.add(&RESHAPE, Attrs::Reshape(shape), &[self]) }
    }

    /// Axes in the order `perm`; nothing when it is the identity.
    pub fn permute(self, perm: Vec<usize>) -> Val<'b> {
        if perm.iter().enumerate().all(|(i, &p)| i == p) {
            return self;
        }
        self.b.add(&PERMUTE, Attrs::Permute(perm), &[self])
    }

    /// Axis `i` becomes axis `map[i]` of `shape`; the other axes repeat it.
    pub fn broadcast(self, shape: Vec<Dim>, map: Vec<usize>) -> Val<'b> {
        if map.len() == shape.len() { self } else { self.b.add(&BROADCAST, Attrs::Broadcast { shape, map }, &[self]) }
    }

    /// The reverse of a reduction over `axes`: repeats the value along them to fill `shape`.
    pub fn spread(self, axes: &[usize], shape: Vec<Dim>) -> Val<'b> {
        let map = (0..shape.len()).filter(|i| !axes.contains(i)).collect();
        self.broadcast(shape, map)
    }

    /// `start..start + len` of an axis.
    pub fn slice(self, axis: usize, start: impl Into<Dim>, len: Dim) -> Val<'b> {
        let start = start.into();
        if start.as_constant() == Some(0) && self.ty().shape[axis] == len {
            return self;
        }
        self.b.add(&SLICE, Attrs::Slice { axis, start, len }, &[self])
    }

    /// Zeros around an axis.
    pub fn pad(self, axis: usize, before: impl Into<Dim>, after: impl Into<Dim>) -> Val<'b> {
        let (before, after) = (before.into(), after.into());
        let nothing = before.as_constant() == Some(0) && after.as_constant() == Some(0);
        if nothing { self } else { self.b.add(&PAD, Attrs::Pad { axis, before, after }, &[self]) }
    }

    /// The sum over axes (ascending).
    pub fn sum(self, axes: &[usize]) -> Val<'b> {
        self.reduce(&SUM, axes)
    }

    /// The largest element over axes (ascending).
    pub fn maximum(self, axes: &[usize]) -> Val<'b> {
        self.reduce(&MAXIMUM, axes)
    }

    /// The largest element over axes (ascending), the first of equals taking the gradient.
    pub fn first_maximum(self, axes: &[usize]) -> Val<'b> {
        self.reduce(&FIRST_MAXIMUM, axes)
    }

    /// A reduction by `op`: over the inner axes first, then over the outer ones.
    fn reduce(self, op: Op, axes: &[usize]) -> Val<'b> {
        if axes.is_empty() {
            return self;
        }
        let rank = self.ty().rank();
        let n_inner = axes.iter().rev().zip((0..rank).rev()).take_while(|(a, b)| **a == *b).count();
        let (outer, inner) = axes.split_at(axes.len() - n_inner);
        if outer.is_empty() || inner.is_empty() {
            return self.b.add(op, Attrs::Axes(axes.to_vec()), &[self]);
        }
        debug_assert!(is_inner(inner, rank));
        // The outer axes keep their numbers once the last ones are gone.
        self.b.add(op, Attrs::Axes(inner.to_vec()), &[self]).reduce(op, outer)
    }

    /// The sum of products over pairs of axes.
    pub fn contract(self, other: Val<'b>, rule: Contract) -> Val<'b> {
        self.b.add(&CONTRACT, Attrs::Contract(rule), &[self, other])
    }
}

macro_rules! operator {
    ($trait:ident $method:ident $row:ident) => {
        impl<'b> $trait for Val<'b> {
            type Output = Val<'b>;
            fn $method(self, other: Val<'b>) -> Val<'b> {
                self.binary(&$row, other)
            }
        }
        impl<'b> $trait<f64> for Val<'b> {
            type Output = Val<'b>;
            fn $method(self, other: f64) -> Val<'b> {
                self.binary(&$row, self.splat(other))
            }
        }
        impl<'b> $trait<Val<'b>> for f64 {
            type Output = Val<'b>;
            fn $method(self, other: Val<'b>) -> Val<'b> {
                other.splat(self).binary(&$row, other)
            }
        }
    };
}

operator!(Add add ADD);
operator!(Sub sub SUB);
operator!(Mul mul MUL);
operator!(Div div DIV);

impl<'b> Neg for Val<'b> {
    type Output = Val<'b>;
    fn neg(self) -> Val<'b> {
        self.unary(&NEG)
    }
}
