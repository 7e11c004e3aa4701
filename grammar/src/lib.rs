//! nnc grammar
