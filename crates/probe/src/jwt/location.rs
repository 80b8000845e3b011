//! Where tokens are.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use envoy::jwt_authn::JwtProvider;
use ferromesh_envoy as envoy;

use crate::header::Headers;

/// A place where a token may be. Envoy looks in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// In a header, behind a prefix. Envoy sorts by both together.
    Header {
        /// Both together.
        key: String,
        /// The header, in lower case.
        name: String,
        /// The prefix.
        prefix: String,
    },
    /// In a parameter of the query.
    Parameter(String),
    /// In a cookie.
    Cookie(String),
}

/// A token that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Where.
    pub(super) place: Place,
    /// What.
    pub(super) token: String,
}

/// The places of a provider.
pub(super) fn places(provider: &JwtProvider) -> Vec<Place> {
    let header = |name: &str, prefix: &str| {
        let name = name.to_ascii_lowercase();
        Place::Header {
            key: format!("{name}{prefix}"),
            name,
            prefix: prefix.to_owned(),
        }
    };
    let headers = provider.from_headers.iter();
    let mut places: Vec<_> = headers
        .map(|it| header(&it.name, &it.value_prefix))
        .chain(provider.from_params.iter().cloned().map(Place::Parameter))
        .chain(provider.from_cookies.iter().cloned().map(Place::Cookie))
        .collect();
    if places.is_empty() {
        places.push(header("authorization", "Bearer "));
        places.push(Place::Parameter("access_token".to_owned()));
    }
    places
}

/// The tokens at these places, in Envoy's order.
pub(super) fn tokens<'a>(
    places: impl IntoIterator<Item = &'a Place>,
    headers: &Headers,
) -> Vec<Found> {
    let places: BTreeSet<&Place> = places.into_iter().collect();
    let mut found = Vec::new();
    for place in places {
        let mut add = |token: String| {
            found.push(Found {
                place: place.clone(),
                token,
            });
        };
        match place {
            Place::Header {
                key: _,
                name,
                prefix,
            } => headers
                .get(name)
                .filter_map(|value| behind(value, prefix))
                .for_each(|token| add(token.to_owned())),
            Place::Parameter(name) => parameter(headers.path(), name).into_iter().for_each(add),
            Place::Cookie(name) => cookies(headers).remove(name).into_iter().for_each(add),
        }
    }
    found
}

/// What stands behind a prefix, which may stand anywhere, and behind what can't begin a token.
fn behind<'a>(value: &'a str, prefix: &str) -> Option<&'a str> {
    if prefix.is_empty() {
        return Some(value);
    }
    let (_, after) = value.split_once(prefix)?;
    let letter = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.');
    Some(match after.find(letter) {
        Some(start) => after.get(start..).unwrap_or(value),
        None => value,
    })
}

/// The first value of a parameter, decoded.
fn parameter(path: &str, wanted: &str) -> Option<String> {
    let (_, query) = path.split_once('?')?;
    query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name) == wanted).then(|| decoded(value))
    })
}

/// The path without a parameter.
pub(super) fn without_parameter(path: &str, name: &str) -> String {
    let Some((path, query)) = path.split_once('?') else {
        return path.to_owned();
    };
    // Envoy writes the others anew: decoded, sorted, each with a `=`.
    let mut others: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (other, value) = pair.split_once('=').unwrap_or((pair, ""));
        others
            .entry(decoded(other))
            .or_default()
            .push(decoded(value));
    }
    others.remove(name);
    let pairs = others
        .iter()
        .flat_map(|(name, values)| values.iter().map(move |value| format!("{name}={value}")));
    let query: Vec<String> = pairs.collect();
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", query.join("&"))
    }
}

/// `%41` as `A`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after
            .get(..2)
            .filter(|it| it.iter().all(u8::is_ascii_hexdigit));
        let code = digits
            .filter(|_| *first == b'%')
            .and_then(|it| std::str::from_utf8(it).ok())
            .and_then(|it| u8::from_str_radix(it, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = match code {
            Some(_) => after.get(2..).unwrap_or_default(),
            None => after,
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Cookies; the first of a name counts.
fn cookies(headers: &Headers) -> BTreeMap<String, String> {
    let mut cookies = BTreeMap::new();
    for pair in headers.get("cookie").flat_map(|value| value.split(';')) {
        if let Some((name, value)) = pair.trim_ascii().split_once('=') {
            let value = value
                .strip_prefix('"')
                .and_then(|it| it.strip_suffix('"'))
                .unwrap_or(value);
            cookies
                .entry(name.to_owned())
                .or_insert_with(|| value.to_owned());
        }
    }
    cookies
}

/// base64url as in tokens.
pub(super) fn base64url(text: &str) -> Option<Vec<u8>> {
    use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
    // Envoy doesn't mind bits behind the last byte.
    let config = GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true);
    // Nor a letter that is too much.
    let end = match text.len() % 4 {
        1 => text.len() - 1,
        _ => text.len(),
    };
    GeneralPurpose::new(&base64::alphabet::URL_SAFE, config)
        .decode(text.get(..end)?)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_where_providers_say() {
        let mut headers = Headers::default();
        headers.add(":path", "/a?b=c&access%5Ftoken=t%2Eu&access_token=v");
        headers.add("Authorization", "Bearer  abc");
        headers.add("X-Token", "def");
        headers.add("Cookie", "a=b; tok=\"ghi\"; tok=jkl");
        let all = |provider: &JwtProvider| {
            let found = tokens(&places(provider), &headers);
            found.into_iter().map(|it| it.token).collect::<Vec<_>>()
        };
        assert_eq!(all(&JwtProvider::default()), ["abc", "t.u"]);
        let provider = JwtProvider {
            from_headers: vec![envoy::jwt_authn::JwtHeader {
                name: "x-token".to_owned(),
                value_prefix: String::new(),
            }],
            from_cookies: vec!["tok".to_owned()],
            ..Default::default()
        };
        assert_eq!(all(&provider), ["def", "ghi"]);
    }

    #[test]
    fn a_parameter_is_taken_away() {
        for (path, expected) in [
            ("/a", "/a"),
            ("/a?t=1", "/a"),
            ("/a?x=1&t=1&y=%41+b&%74=3&c", "/a?c=&x=1&y=A+b"),
        ] {
            assert_eq!(without_parameter(path, "t"), expected, "{path}");
        }
    }

    #[test]
    fn a_prefix_may_stand_anywhere() {
        for (value, prefix, expected) in [
            ("abc", "", Some("abc")),
            ("Bearer abc", "Bearer ", Some("abc")),
            ("x Bearer abc", "Bearer ", Some("abc")),
            ("bearer abc", "Bearer ", None),
            ("Bearer !", "Bearer ", Some("Bearer !")),
        ] {
            assert_eq!(behind(value, prefix), expected, "{value}");
        }
    }
}
