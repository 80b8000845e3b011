//! "Did you mean": the known word that is closest to a mistyped one.

/// The candidate closest to `word` by edit distance, if it is close enough to be what the author
/// meant: at most a third of the word's length, at least one edit, at most three.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Long words are no typing mistakes, and would make the distance costly.
    if word.len() > 64 {
        return None;
    }
    let limit = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits from one to the other, without regard to case; two letters swapped are one.
fn distance(left: &str, right: &str) -> usize {
    strsim::osa_distance(&left.to_lowercase(), &right.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn finds_what_was_meant() {
        let words = ["exact", "prefix", "regex", "5xx", "gateway-error"];
        for (word, meant) in [
            ("5xxx", Some("5xx")),
            ("prefx", Some("prefix")),
            ("Exact", Some("exact")),
            ("gateway_error", Some("gateway-error")),
            ("reegx", Some("regex")),
            ("banana", None),
            ("", None),
        ] {
            assert_eq!(closest(word, words), meant, "{word}");
        }
    }
}
