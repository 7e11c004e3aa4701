//! The operations: one row each, in the file of its family. Nothing else in the program lists them.

pub mod binary;
pub mod build;
pub mod contract;
pub mod conv;
mod infer;
pub mod logic;
pub mod movement;
pub mod order;
pub mod reduce;
pub mod rows;
pub mod scan;
pub mod sequence;
pub mod source;
pub mod unary;
pub mod window;

use crate::ir::op::{Op, OpDef};

/// The families joined.
const FAMILIES: &[&[&OpDef]] = &[
    unary::ROWS,
    binary::ROWS,
    logic::ROWS,
    reduce::ROWS,
    contract::ROWS,
    conv::ROWS,
    movement::ROWS,
    window::ROWS,
    rows::ROWS,
    sequence::ROWS,
    source::ROWS,
    scan::ROWS,
];

/// Every row.
pub fn all() -> impl Iterator<Item = Op> {
    FAMILIES.iter().flat_map(|family| family.iter().map(|row| -> Op { row }))
}

/// The row of a name.
pub fn lookup(name: &str) -> Option<Op> {
    all().find(|op| op.name == name)
}
