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

/// Levenshtein's distance, without regard to case.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, l) in left.to_lowercase().chars().enumerate() {
        let mut diagonal = above;
        let mut before = above + 1;
        let mut next = Vec::with_capacity(row.len());
        next.push(before);
        for (up, r) in row.iter().skip(1).zip(&right) {
            let here = (diagonal + usize::from(l != *r))
                .min(up + 1)
                .min(before + 1);
            diagonal = *up;
            before = here;
            next.push(here);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
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
            ("banana", None),
            ("", None),
        ] {
            assert_eq!(closest(word, words), meant, "{word}");
        }
    }
}
