//! Whether somebody else's words, such as a proxy's error, are about something that an author
//! wrote: they mostly repeat a part of it.

/// Words that are shorter prove nothing.
const SHORTEST: usize = 3;

/// How many bytes of `text`, which an author wrote, `error` repeats: all of it, or its longest
/// word in common with the error; 0 if there is none.
pub fn quoted(error: &str, text: &str) -> usize {
    if has_word(error, text) {
        return text.len();
    }
    let words = error.split(|c: char| c.is_whitespace() || "'\"(),;".contains(c));
    words
        .map(|word| word.trim_matches(['.', ':', '%']))
        .filter(|word| has_word(text, word))
        .map(str::len)
        .max()
        .unwrap_or(0)
}

/// Whether a text contains a word, with neither end of it in the middle of another word.
fn has_word(text: &str, word: &str) -> bool {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let cut = |left: Option<char>, right: Option<char>| inside(left) && inside(right);
    let whole = |at: usize| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text
            .get(at + word.len()..)
            .and_then(|text| text.chars().next());
        !cut(before, word.chars().next()) && !cut(word.chars().next_back(), after)
    };
    word.len() >= SHORTEST && text.match_indices(word).any(|(at, _)| whole(at))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn the_longest_common_word_counts() {
        for (error, text, bytes) in [
            (
                "Not supported field in StreamInfo: NO_SUCH",
                "a %NO_SUCH% b",
                7,
            ),
            ("REQ requires parameters", "%REQ%", 3),
            ("regex '(\\PL){1000}' RE2 program size", "(\\PL){1000}", 11),
            ("token: :x?y?z", "%REQ(:x?y?z)%", 5),
            ("in another", "other", 0),
            ("others", "other", 0),
            ("more than 1", "1", 0),
            ("no", "", 0),
            ("", "no", 0),
        ] {
            assert_eq!(quoted(error, text), bytes, "{error} of {text}");
        }
    }
}
