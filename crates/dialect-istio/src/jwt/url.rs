//! Addresses that keys are fetched from.

/// Whether this is an `http` or `https` URL that keys can be fetched from.
///
/// # Errors
/// A message for the author.
pub(super) fn check(url: &str) -> Result<(), String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(format!("{url:?} is no URL"));
    };
    if !["http", "https"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
    {
        return Err(format!(
            "scheme {scheme:?} is not supported, only https and http"
        ));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        // Never repeat them.
        return Err("must not have a user or a password: who reads policies would see them".into());
    }
    if path.contains('#') {
        return Err("must not have a fragment".to_owned());
    }
    let sound = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`');
    if !url.chars().all(sound) {
        return Err(format!("{url:?} has characters that a URL can't have"));
    }
    let (host, port) = split_port(authority);
    if host.is_empty() {
        return Err(format!("{url:?} has no host"));
    }
    match port.map(str::parse::<u16>) {
        None => Ok(()),
        Some(Ok(port)) if port > 0 => Ok(()),
        Some(_) => Err(format!("{authority:?} has no port from 1 to 65535")),
    }
}

/// The host and the port of an authority; an IPv6 address stands in brackets.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn keys_are_fetched_by_http_without_secrets() {
        for (url, sound) in [
            ("https://issuer.example.com/keys", true),
            ("http://keys.idp:8080", true),
            ("HTTPS://[2001:db8::1]:443/keys?a=b", true),
            ("https://[2001:db8::1]/keys", true),
            ("issuer.example.com/keys", false),
            ("file:///etc/keys", false),
            ("ftp://example.com", false),
            ("https://", false),
            ("https:///keys", false),
            ("https://:443", false),
            ("https://a:0/", false),
            ("https://a:70000/", false),
            ("https://a:b/", false),
            ("https://user:secret@example.com/", false),
            ("https://a/#b", false),
            ("https://a b/", false),
            ("https://a\n/", false),
        ] {
            assert_eq!(check(url).is_ok(), sound, "{url}");
        }
        let message = check("https://user:secret@example.com/").unwrap_err();
        assert!(!message.contains("secret"), "{message}");
    }
}
