//! Near names: what a person probably meant.

use nnc_grammar::ast::Name;
use nnc_grammar::diagnostic::{Diagnostic, Safety};
use nnc_runtime::text::nearest;

/// Adds the nearest of `known` to a report about `name`, as an edit; without a near one, nothing.
pub(super) fn suggest<'n>(d: Diagnostic, name: &Name, known: impl Iterator<Item = &'n str>) -> Diagnostic {
    match nearest(&name.text, known) {
        Some(near) => d.replace(format!("there is `{near}`"), name.span, near, Safety::Safe),
        None => d,
    }
}
