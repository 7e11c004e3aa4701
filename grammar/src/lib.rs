//! Text ⇄ tree: spans, the diagnostic value, the syntax tree, the parser that recovers, and the formatter. Knows nothing of
//! tensors, files or terminals.

pub mod ast;
pub mod codes;
pub mod diagnostic;
pub mod dump;
mod layout;
mod lex;
pub mod parse;
pub mod print;
pub mod span;
