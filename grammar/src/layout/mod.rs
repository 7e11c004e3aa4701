//! Tokens to chunks: which brackets belong together, where each item and statement begins and ends, and the text of one
//! chunk for the strict parser. Nothing here fails: a mistake is a fault and the rest keeps its place.

pub(crate) mod brackets;
pub(crate) mod fragment;
pub(crate) mod outline;
pub(crate) mod words;

/// How many brackets may stand inside one another. Deeper text is refused before any recursive stage sees it.
pub(crate) const MAX_DEPTH: usize = 200;

/// How high the tree of one expression may grow through operators, calls and members side by side, which nest in the
/// tree without any bracket.
pub(crate) const MAX_HEIGHT: usize = 500;
