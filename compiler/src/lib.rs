//! nnc compiler
