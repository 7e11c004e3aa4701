//! Near names: what a person probably meant.

use nnc_grammar::ast::Name;
use nnc_grammar::diagnostic::{Diagnostic, Safety};

/// Adds the nearest of `known` to a report about `name`, as an edit; without a near one, nothing.
pub(super) fn suggest<'n>(d: Diagnostic, name: &Name, known: impl Iterator<Item = &'n str>) -> Diagnostic {
    match nearest(&name.text, known) {
        Some(near) => d.replace(format!("there is `{near}`"), name.span, near, Safety::Safe),
        None => d,
    }
}

/// The nearest name: equal but for case and underscores, else within a third of its length (at least one) of edits, which
/// must leave something of the name: of a single letter no other is near.
pub(super) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let plain = |s: &str| s.replace('_', "").to_lowercase();
    let wanted = plain(name);
    let limit = (name.chars().count() / 3).max(1);
    let mut best: Option<(usize, &'n str)> = None;
    for candidate in known.filter(|c| *c != name) {
        let distance = if plain(candidate) == wanted { 0 } else { strsim::osa_distance(name, candidate) };
        let keeps = distance < name.chars().count().min(candidate.chars().count());
        if (distance == 0 || (distance <= limit && keeps)) && best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_what_was_meant_and_nothing_else() {
        let known = ["relu", "Dense", "cross_entropy", "sum"];
        assert_eq!(nearest("ReLU", known.into_iter()), Some("relu"));
        assert_eq!(nearest("crossentropy", known.into_iter()), Some("cross_entropy"));
        assert_eq!(nearest("Dens", known.into_iter()), Some("Dense"));
        assert_eq!(nearest("Conv", known.into_iter()), None);
        assert_eq!(nearest("d", ["a", "b"].into_iter()), None);
    }
}
