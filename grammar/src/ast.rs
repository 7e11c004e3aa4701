//! The syntax tree: what was written, nothing more. Every node keeps its span; a part that could not be parsed is an
//! `Invalid` node whose names still exist, so that later stages stay silent about it.

mod expr;
mod item;
mod stmt;

pub use expr::*;
pub use item::*;
pub use stmt::*;
