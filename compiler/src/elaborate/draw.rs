//! Keyed draws, and the fans that scale initial values.

use super::Elab;
use super::num::Num;
use super::primitives::Call;
use super::value::{Axis, Tensor, Value};
use crate::ir::attrs::{Attrs, Const, Slot};
use crate::ir::types::{DType, TensorType};
use crate::ops::logic::LT;
use crate::ops::source::{COUNTER, NORMAL, SIZE, UNIFORM};
use crate::ops::unary::FLOOR;
use nnc_grammar::span::Span;

/// 2^24: a single-precision number holds whole numbers up to here.
const TOP_BITS: f64 = 16_777_216.0;

/// Which side of a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fan {
    In,
    Out,
}

impl<'a> Elab<'a> {
    /// `random_uniform(shape)`: from [0, 1). In single precision it has the top 24 bits of the number in double precision, so
    /// that it stays below 1.
    pub(super) fn draw_uniform(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some(axes) = self.shape_argument(call.arg(0)) else { return Value::Invalid };
        let handle = self.b.clone();
        let mut drawn = handle.val(self.drawn(&UNIFORM, &axes, call.span));
        if self.float == DType::F32 {
            drawn = (drawn * TOP_BITS).unary(&FLOOR) / TOP_BITS;
        }
        let node = drawn.cast(self.float).value;
        Value::Tensor(Tensor { node, dtype: self.float, axes, classes: None, scalar: false })
    }

    /// `random_normal(shape)`: from the standard normal, drawn in double precision and rounded.
    pub(super) fn draw_normal(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some(axes) = self.shape_argument(call.arg(0)) else { return Value::Invalid };
        let handle = self.b.clone();
        let node = handle.val(self.drawn(&NORMAL, &axes, call.span)).cast(self.float).value;
        Value::Tensor(Tensor { node, dtype: self.float, axes, classes: None, scalar: false })
    }

    /// `random_mask(shape, share)`: holds with probability `share`. Whole numbers below 2^24 are compared, so that both
    /// precisions draw the same mask.
    pub(super) fn draw_mask(&mut self, call: &Call<'a>) -> Value<'a> {
        let Some(axes) = self.shape_argument(call.arg(0)) else { return Value::Invalid };
        let (share, at) = call.arg(1);
        let Some(share) = self.scalar_node(&share, at) else { return Value::Invalid };
        let handle = self.b.clone();
        let drawn = (handle.val(self.drawn(&UNIFORM, &axes, call.span)) * TOP_BITS).unary(&FLOOR);
        let limit = (handle.val(share.node) * TOP_BITS).broadcast(drawn.ty().shape, vec![]);
        let node = drawn.compare(&LT, limit).value;
        Value::Tensor(Tensor { node, dtype: DType::Bool, axes, classes: None, scalar: false })
    }

    /// A draw in double precision. Its key is the seed, the purpose, the path, its number among the draws of that path, the
    /// step, and the turn of every loop around it.
    fn drawn(&mut self, row: crate::ir::op::Op, axes: &[Axis], span: Span) -> crate::ir::graph::Value {
        let path = self.frame().path.clone();
        let draw = self.draws.entry(path.clone()).or_insert(0);
        *draw += 1;
        let key = format!("{} {path} {draw}", self.mode.purpose());
        let stream = self.stream(key);
        self.here(span);
        let handle = self.b.clone();
        let counter = |slot| handle.add(&COUNTER, Attrs::Slot(slot, Box::new(TensorType::scalar(DType::I64))), &[]);
        let shape = axes.iter().map(|a| a.size.clone()).collect();
        let turn = handle.val(self.turn());
        handle.add(row, Attrs::Random { stream, shape }, &[counter(Slot::Seed), counter(Slot::Step), turn]).value
    }

    /// The turn of all loops around, counted as one number from 0.
    fn turn(&mut self) -> crate::ir::graph::Value {
        let handle = self.b.clone();
        let start = handle.constant(Const::Int(DType::I64, 0), vec![]);
        let turns = self.loops.iter().fold(start, |outer, open| {
            let n = handle.add(&SIZE, Attrs::Size(DType::I64, open.turns.clone()), &[]);
            outer * n + handle.val(open.position)
        });
        turns.value
    }

    /// The stream of a key: its FNV-1a hash, moved on where another key has it.
    fn stream(&mut self, key: String) -> u32 {
        let mut hash: u32 = 0x811c_9dc5;
        for byte in key.bytes() {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
        // The permutations of the rows have the last stream for themselves.
        while hash == u32::MAX || self.streams.get(&hash).is_some_and(|known| *known != key) {
            hash = hash.wrapping_add(0x9e37_79b9);
        }
        self.streams.insert(hash, key);
        hash
    }

    /// How many inputs or outputs a weight of this shape joins: the second to last and the last size, each times the sizes
    /// before them (the window of a convolution).
    pub(super) fn fan(&mut self, side: Fan, call: &Call<'a>) -> Value<'a> {
        let (Value::List(sizes), at) = call.arg(0) else {
            let (value, at) = call.arg(0);
            return self.wrong_kind(&value, at, "a shape");
        };
        let sizes: Option<Vec<usize>> = sizes.iter().map(|s| self.count(s, at, "a size", 0)).collect();
        let Some(sizes) = sizes else { return Value::Invalid };
        // Exact numbers cannot overflow.
        let product = |sizes: &[usize]| sizes.iter().fold(Num::int(1), |n, &s| n.mul(&Num::int(s as i64)));
        Value::Num(match (sizes.as_slice(), side) {
            ([window @ .., inputs, _], Fan::In) => product(window).mul(&Num::int(*inputs as i64)),
            ([window @ .., _, outputs], Fan::Out) => product(window).mul(&Num::int(*outputs as i64)),
            (few, _) => product(few),
        })
    }
}
