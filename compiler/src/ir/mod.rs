//! The graph: typed values, nodes, the builder that infers on insertion, the printer and the verifier. Names no operation.

pub mod array;
pub mod attrs;
pub mod builder;
pub mod dim;
pub mod graph;
pub mod op;
pub mod print;
pub mod scan;
pub mod types;
pub mod verify;
