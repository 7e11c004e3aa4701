//! Text for messages: what a misspelt name meant, and quotations.

/// Longer names, in characters, are only compared for equality: the time of a distance grows with the square of the length.
const LONGEST: usize = 256;

/// The candidate that `wanted` most probably meant, if one is near enough; `wanted` itself is none.
///
/// A candidate that differs only in case and underscores wins. Otherwise the distance is that of Damerau and Levenshtein
/// in its restricted form (insertions, deletions, replacements, swaps of neighbours, each counting 1), ignoring case. It
/// may be at most a third of the length of `wanted`, but 1 is always allowed, and must leave something of both names: of
/// a single letter no other is near. Among equally near candidates the first is taken.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let (bare, folded) = (plain(wanted), wanted.to_lowercase());
    let length = folded.chars().count();
    let limit = (length / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates.into_iter().filter(|candidate| *candidate != wanted) {
        if plain(candidate) == bare {
            return Some(candidate);
        }
        let other = candidate.to_lowercase();
        // Lengths alone bound the distance from below.
        let other_length = other.chars().count();
        if length > LONGEST || other_length.abs_diff(length) > limit {
            continue;
        }
        let distance = strsim::osa_distance(&folded, &other);
        let near = distance <= limit && distance < length.min(other_length);
        if near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The text in double quotes, cut to `limit` characters, with everything that could disturb a terminal escaped.
pub fn quoted(text: &str, limit: usize) -> String {
    let mut shown: String = text.chars().take(limit).flat_map(char::escape_debug).collect();
    if text.chars().nth(limit).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        let columns = ["images", "labels", "Area"];
        assert_eq!(nearest("image", columns), Some("images"));
        assert_eq!(nearest("lables", columns), Some("labels"));
        assert_eq!(nearest("AREA", columns), Some("Area"));
        assert_eq!(nearest("price", columns), None);
        assert_eq!(nearest("", columns), None);
        assert_eq!(nearest("d", ["a", "b"]), None);
    }

    #[test]
    fn case_and_underscores_alone_beat_every_distance() {
        assert_eq!(nearest("w", ["v", "W"]), Some("W"));
        assert_eq!(nearest("ReLU", ["rely", "relu"]), Some("relu"));
        assert_eq!(nearest("crossentropy", ["cross_entropy"]), Some("cross_entropy"));
        assert_eq!(nearest("loss", ["loss", "Loss"]), Some("Loss"));
    }

    #[test]
    fn names_of_any_length_are_cheap() {
        let (long, other) = ("a".repeat(1 << 20), "a".repeat((1 << 20) + 1));
        assert_eq!(nearest(&long, [other.as_str(), "a"]), None);
        assert_eq!(nearest("relu", [other.as_str(), "rely"]), Some("rely"));
    }

    #[test]
    fn ties_go_to_the_first() {
        assert_eq!(nearest("cat", ["bat", "hat"]), Some("bat"));
    }

    #[test]
    fn quoting_escapes_and_cuts() {
        assert_eq!(quoted("a\u{1b}[31m", 40), "\"a\\u{1b}[31m\"");
        assert_eq!(quoted("\u{202e}x", 40), "\"\\u{202e}x\"");
        assert_eq!(quoted("abcdef", 3), "\"abc…\"");
    }
}
