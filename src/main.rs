//! nnc
fn main() {}
