//! What a training step calls: tile kernels for dense products, routines on rows by number, a
//! fork-join pool of threads, and counter-based random numbers.
//!
//! None of it allocates while a step runs, and none of its results depends on the instruction set
//! or the number of threads.

mod affinity;
mod isa;
pub mod philox;
pub mod pool;
pub mod product;
pub mod routine;

pub use isa::{Isa, KernelTable, best_kernels, kernels};
