//! Matchers of texts.

use envoy::matcher::string_matcher::MatchPattern;
use envoy::matcher::{RegexMatcher, StringMatcher};
use ferromesh_envoy as envoy;
use regex::bytes::RegexBuilder;

use crate::answer::Answer;

/// Whether a text matches. Case counts in ASCII only, and never in a regular expression.
pub(crate) fn matches(matcher: &StringMatcher, text: &str) -> Answer {
    let StringMatcher {
        ignore_case,
        match_pattern,
    } = matcher;
    let folded = |text: &str| {
        if *ignore_case {
            text.to_ascii_lowercase()
        } else {
            text.to_owned()
        }
    };
    let value = folded(text);
    match match_pattern {
        Some(MatchPattern::Exact(pattern)) => (value == folded(pattern)).into(),
        Some(MatchPattern::Prefix(pattern)) => value.starts_with(&folded(pattern)).into(),
        Some(MatchPattern::Suffix(pattern)) => value.ends_with(&folded(pattern)).into(),
        Some(MatchPattern::Contains(pattern)) => value.contains(&folded(pattern)).into(),
        Some(MatchPattern::SafeRegex(pattern)) => regex(pattern, text),
        Some(MatchPattern::Custom(other)) => {
            Answer::unknown(format!("the matcher of texts {}", other.name))
        }
        None => Answer::unknown("a matcher of texts without pattern"),
    }
}

/// Whether one of the texts matches.
pub(crate) fn matches_any<'a>(
    matcher: &StringMatcher,
    texts: impl IntoIterator<Item = &'a str>,
) -> Answer {
    Answer::any(texts.into_iter().map(|text| matches(matcher, text)))
}

/// Whether a regular expression of RE2 matches the whole text.
pub(crate) fn regex(matcher: &RegexMatcher, text: &str) -> Answer {
    let pattern = &matcher.regex;
    let unknown = || Answer::unknown(format!("the regular expression {pattern}"));
    let Some(translated) = translate(pattern, text) else {
        return unknown();
    };
    // Envoy takes each byte for a letter.
    let regex = RegexBuilder::new(&format!(r"\A(?:{translated})\z"))
        .unicode(false)
        .build();
    match regex {
        Ok(regex) => regex.is_match(text.as_bytes()).into(),
        Err(_) => unknown(),
    }
}

/// The same expression for the `regex` crate; `None` if the two engines could disagree.
fn translate(pattern: &str, text: &str) -> Option<String> {
    let mut translated = String::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(char) = chars.next() {
        match (char, chars.peek().copied()) {
            // These are letters there, borders of words here.
            ('\\', Some('<')) => translated.push_str(r"\x3C"),
            ('\\', Some('>')) => translated.push_str(r"\x3E"),
            ('\\', Some('C')) if !in_class => translated.push_str("(?s:.)"),
            ('\\', Some(class)) if class.is_ascii() && !"uUQECZ".contains(class) => {
                translated.extend([char, class]);
            }
            ('\\', Some(_)) => return None,
            ('[', _) if !in_class => {
                in_class = true;
                translated.push(char);
                push_first_of_class(&mut chars, &mut translated);
                continue;
            }
            (']', _) if in_class => {
                in_class = false;
                translated.push(char);
                continue;
            }
            // A nested class here, a letter there, unless it is a named one.
            ('[', _) if in_class => return None,
            ('&', Some('&')) | ('-', Some('-')) | ('~', Some('~')) if in_class => return None,
            ('{', Some(',')) => return None,
            ('(', Some('?')) if !in_class => {
                translated.push(char);
                let ascii = pattern.is_ascii() && text.is_ascii();
                push_flags(&mut chars, &mut translated, ascii)?;
                continue;
            }
            _ => {
                push_bytes(char, &mut translated);
                continue;
            }
        }
        chars.next();
    }
    Some(translated)
}

/// A letter as it is; of one that is not ASCII, the bytes.
fn push_bytes(char: char, translated: &mut String) {
    if char.is_ascii() {
        translated.push(char);
        return;
    }
    let mut bytes = [0; 4];
    for byte in char.encode_utf8(&mut bytes).bytes() {
        translated.push_str(&format!(r"\x{byte:02X}"));
    }
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// The first letter of a class ends it nowhere.
fn push_first_of_class(chars: &mut Chars<'_>, translated: &mut String) {
    translated.extend(chars.next_if_eq(&'^'));
    if chars.next_if_eq(&']').is_some() {
        translated.push_str(r"\]");
    }
}

/// What stands between `(?` and `)` or `:`.
fn push_flags(chars: &mut Chars<'_>, translated: &mut String, ascii: bool) -> Option<()> {
    translated.extend(chars.next_if_eq(&'?'));
    while let Some(flag) = chars.next_if(|char| char.is_ascii_alphabetic() || *char == '-') {
        let known = match flag {
            'P' | '<' => {
                translated.push(flag);
                return Some(());
            }
            'i' => ascii,
            's' | 'm' | 'U' | '-' => true,
            _ => false,
        };
        if !known {
            return None;
        }
        translated.push(flag);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(pattern: MatchPattern, ignore_case: bool) -> StringMatcher {
        StringMatcher {
            ignore_case,
            match_pattern: Some(pattern),
        }
    }

    #[test]
    fn texts_match_as_envoy_says() {
        use MatchPattern::{Contains, Exact, Prefix, Suffix};
        let of = str::to_owned;
        for (pattern, ignore_case, text, expected) in [
            (Exact(of("a")), false, "a", true),
            (Exact(of("a")), false, "A", false),
            (Exact(of("a")), true, "A", true),
            (Exact(of("ä")), true, "Ä", false),
            (Exact(of("")), false, "", true),
            (Prefix(of("/ad")), false, "/admin", true),
            (Prefix(of("/AD")), true, "/admin", true),
            (Prefix(of("/AD")), false, "/admin", false),
            (Suffix(of("in")), false, "/admin", true),
            (Suffix(of("IN")), true, "/admin", true),
            (Contains(of("dm")), false, "/admin", true),
            (Contains(of("DM")), true, "/aDmin", true),
            (Contains(of("x")), false, "/admin", false),
        ] {
            let matcher = matcher(pattern, ignore_case);
            assert_eq!(
                matches(&matcher, text),
                Answer::from(expected),
                "{matcher:?} {text}"
            );
        }
        assert!(matches!(
            matches(&StringMatcher::default(), "a"),
            Answer::Unknown(_)
        ));
    }

    #[test]
    fn regular_expressions_match_whole_texts_as_re2() {
        let unknown = Answer::unknown("");
        for (pattern, text, expected) in [
            ("a|ab", "ab", Answer::Yes),
            ("a", "ab", Answer::No),
            (".*", "a\nb", Answer::No),
            ("(?s).*", "a\nb", Answer::Yes),
            ("a.c", "aäc", Answer::No),
            ("a..c", "aäc", Answer::Yes),
            ("aä?c", "aäc", Answer::Yes),
            ("aä?c", "ac", Answer::No),
            ("ä", "ä", Answer::Yes),
            ("ä", "Ä", Answer::No),
            ("[ä]+", "ä", Answer::Yes),
            (r"a\C\Cc", "aäc", Answer::Yes),
            (r"\C+", "a\nä", Answer::Yes),
            (r"\C+", "", Answer::No),
            ("(?i)ä", "Ä", unknown.clone()),
            (r"\W+", "ä", Answer::Yes),
            (r"a\<b\>", "a<b>", Answer::Yes),
            (r"[\]a]+", "a]a", Answer::Yes),
            ("[]a]+", "]a", Answer::Yes),
            ("[^]a]+", "b", Answer::Yes),
            (r"\w+", "ab1_", Answer::Yes),
            (r"\w+", "ä", Answer::No),
            ("(?i)AB", "ab", Answer::Yes),
            ("(?P<x>a)b", "ab", Answer::Yes),
            ("[a[b]", "a", unknown.clone()),
            ("[a&&b]", "a", unknown.clone()),
            ("a{,2}", "a", unknown.clone()),
            (r"\Qa\E", "a", unknown.clone()),
            ("(?x)a b", "ab", unknown.clone()),
            ("(", "a", unknown.clone()),
            (
                r"spiffe://[^/]+/ns/a\-b/.*",
                "spiffe://td/ns/a-b/sa/c",
                Answer::Yes,
            ),
            (
                r"spiffe://[^/]+/ns/a\-b/.*",
                "spiffe://td/x/ns/a-b/sa/c",
                Answer::No,
            ),
        ] {
            let matcher = RegexMatcher {
                regex: pattern.to_owned(),
                ..Default::default()
            };
            let answer = match regex(&matcher, text) {
                Answer::Unknown(_) => unknown.clone(),
                answer => answer,
            };
            assert_eq!(answer, expected, "{pattern} {text:?}");
        }
    }
}
