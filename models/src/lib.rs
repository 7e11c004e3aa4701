//! nnc models
