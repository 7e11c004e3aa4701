//! Pure: sources, library and options in, an executable or diagnostics out. No files, no environment, no printing.

pub mod autodiff;
pub mod codegen;
pub mod elaborate;
pub mod interp;
pub mod ir;
pub mod ops;
pub mod passes;
pub mod pipeline;
pub mod prog;
pub mod program;
pub mod world;
