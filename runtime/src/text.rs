//! Suggestions for misspelt names of columns and tensors.

/// The candidate that `wanted` most probably meant, if one is near enough.
///
/// A candidate that differs only in case wins. Otherwise the distance is that of Damerau and Levenshtein in its
/// restricted form (insertions, deletions, replacements, swaps of neighbours, each counting 1), ignoring case, and it
/// may be at most a third of the length of `wanted`, but 1 is always allowed. Among equally near candidates the first
/// is taken.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = wanted.to_lowercase();
    let length = folded.chars().count();
    let limit = (length / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let other = candidate.to_lowercase();
        if other == folded {
            return Some(candidate);
        }
        // Lengths alone bound the distance from below; this keeps hostile, very long names cheap.
        let other_length = other.chars().take(length + limit + 1).count();
        if other_length.abs_diff(length) > limit {
            continue;
        }
        let distance = strsim::osa_distance(&folded, &other);
        if distance <= limit && best.is_none_or(|(least, _)| distance < least) {
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
    }

    #[test]
    fn case_alone_beats_every_distance() {
        assert_eq!(nearest("w", ["v", "W"]), Some("W"));
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
