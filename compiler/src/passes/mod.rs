//! Passes: graph in, graph out. Each file has one public function and one contract; all of them keep every bit that the
//! oracle computes, and each can be switched off ([`crate::pipeline`]).

pub mod cse;
pub mod dce;
pub mod fold;
pub mod fuse;
pub mod rebuild;
pub mod scan;
pub mod simplify;
pub mod specialise;
