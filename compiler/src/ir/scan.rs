//! A loop over an axis as one node. Its body is a step graph of its own: what it carries are its states, what it is given
//! are its inputs, and the position along the axis is its step.

use super::dim::Dim;
use super::graph::Graph;
use super::types::TensorType;
use std::hash::{Hash, Hasher};

/// A loop. Operands of its node: the first values of the carries, the stacks whose elements the turns take, and values that
/// are the same for all turns. Results: the last values of the carries, then the stacks of what the turns yield.
#[derive(Clone)]
pub struct Scan {
    /// One turn. State `i` is carry `i`; the states behind the carries are yields, which the body updates and never reads.
    /// Input `j` is the element of stack `j` at the position; the inputs behind them are the values the same for all turns.
    pub body: Graph,
    /// How many turns.
    pub turns: Dim,
    /// How many values are carried.
    pub carries: usize,
    /// How many operands are stacks.
    pub stacks: usize,
    /// Whether the positions run from the last to the first.
    pub reversed: bool,
}

impl Scan {
    /// How many stacks the turns yield.
    pub fn yields(&self) -> usize {
        self.body.updates.len() - self.carries
    }

    /// The type of what the body gives to state `i`: the next value of a carry, or a yield.
    pub fn next_type(&self, i: usize) -> Option<&TensorType> {
        self.body.updates.iter().find(|u| u.0 as usize == i).map(|u| self.body.ty(u.1))
    }

    /// A type with the axis of the turns before its own.
    pub fn stacked(&self, element: &TensorType) -> TensorType {
        let shape = std::iter::once(self.turns.clone()).chain(element.shape.iter().cloned());
        TensorType::new(element.dtype, shape.collect())
    }

    /// How many turns, once that is a number.
    pub fn count(&self) -> Option<usize> {
        usize::try_from(self.turns.as_constant()?).ok()
    }
}

impl PartialEq for Scan {
    fn eq(&self, other: &Scan) -> bool {
        (&self.turns, self.carries, self.stacks, self.reversed)
            == (&other.turns, other.carries, other.stacks, other.reversed)
            && self.body.same(&other.body)
    }
}

impl Eq for Scan {}

impl Hash for Scan {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.turns, self.carries, self.stacks, self.reversed, self.body.len()).hash(state);
    }
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a loop of {} turns over {:?}", self.turns, self.body)
    }
}
