//! What runs: kernels, data, the training loop, checkpoints. Knows no syntax tree and no graph, and prints nothing.
pub mod buffer;
pub mod checkpoint;
pub mod data;
pub mod dtype;
pub mod kernels;
pub mod picture;
pub mod step;
pub mod text;
pub mod train;
