//! Statements that need no parameters.

use crate::body::Body;
use crate::{elements, movements, places};

/// Adds a statement; nothing where the values at hand do not fit.
pub(crate) type Production = fn(&mut Body<'_>) -> Option<usize>;

/// What comes often stands here more than once.
pub(crate) const VALUES: &[Production] = &[
    elements::folded,
    movements::filtered,
    movements::expanded,
    movements::stacked_windows,
    elements::unary,
    elements::unary,
    elements::unary,
    elements::binary,
    elements::binary,
    elements::powers,
    elements::choice,
    elements::flat,
    elements::reduce,
    elements::centred,
    elements::along,
    elements::along,
    elements::cumulative,
    movements::slice,
    movements::place,
    movements::join,
    movements::parts,
    movements::transpose,
    movements::regroup,
    elements::product,
    elements::named_product,
    places::by_class,
    places::gathered,
    places::scattered,
    places::best,
    places::classes,
    elements::masks,
    elements::draw,
    places::hot,
    elements::trailing,
    elements::similarity,
    elements::tuple,
    elements::slope,
    movements::resize,
    movements::grid,
    movements::windows,
    movements::pooled,
    movements::unpooled,
    places::heads,
    places::spelt,
    elements::gates,
    elements::listed,
];
