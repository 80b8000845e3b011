//! Host names: Istio's short names and what its admission accepts.

use std::net::IpAddr;

use ferromesh_mesh::name::Hostname;

/// Domain of the services of a cluster.
const CLUSTER_DOMAIN: &str = "cluster.local";

/// The full name of a host: `reviews` in namespace `shop` is `reviews.shop.svc.cluster.local`;
/// names with a dot, `*` and addresses stay as they are.
pub fn expand(host: &str, namespace: &str) -> Hostname {
    if host.is_empty() || host == "*" || host.contains('.') || is_address(host) {
        Hostname::new(host)
    } else {
        Hostname::new(&format!("{host}.{namespace}.svc.{CLUSTER_DOMAIN}"))
    }
}

/// Whether this is an IPv4 or IPv6 address.
pub fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

/// Whether this is a label in the sense of DNS (RFC 1123), in lower or upper case.
pub fn is_label(text: &str) -> bool {
    text.len() <= 63
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether this is a fully qualified name, or a relative one such as `reviews`.
///
/// # Errors
/// A message for the author.
pub fn check_name(name: &str) -> Result<(), String> {
    check_length(name)?;
    check_labels(name, name)
}

/// Like [`check_name`], but the first label may be `*`, or start with `*` or `*-`.
///
/// # Errors
/// A message for the author.
pub fn check_pattern(pattern: &str) -> Result<(), String> {
    check_length(pattern)?;
    let (first, rest) = match pattern.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (pattern, None),
    };
    let label = match first.strip_prefix('*') {
        Some(rest) => rest.strip_prefix('-').unwrap_or(rest),
        None => first,
    };
    if first.len() > 63 || (first != "*" && !is_label(label)) {
        return Err(invalid_label(pattern, first));
    }
    rest.map_or(Ok(()), |rest| check_labels(pattern, rest))
}

fn check_length(name: &str) -> Result<(), String> {
    if name.is_empty() {
        Err("a host name must not be empty".to_owned())
    } else if name.len() > 255 {
        Err("a host name has at most 255 characters".to_owned())
    } else {
        Ok(())
    }
}

fn check_labels(whole: &str, labels: &str) -> Result<(), String> {
    // A final dot marks a fully qualified name.
    let labels = labels.strip_suffix('.').unwrap_or(labels);
    if labels.is_empty() {
        return Ok(());
    }
    let last = labels.rsplit('.').next().unwrap_or(labels);
    if last.bytes().all(|byte| byte.is_ascii_digit()) && !last.is_empty() {
        return Err(format!(
            "invalid host name {whole:?} (the last label {last:?} must not be a number)"
        ));
    }
    match labels.split('.').find(|label| !is_label(label)) {
        Some(label) => Err(invalid_label(whole, label)),
        None => Ok(()),
    }
}

fn invalid_label(whole: &str, label: &str) -> String {
    format!("invalid host name {whole:?} (label {label:?} is not a DNS label)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_expanded() {
        for (host, full) in [
            ("Reviews", "reviews.shop.svc.cluster.local"),
            ("reviews.prod", "reviews.prod"),
            ("*", "*"),
            ("*-canary", "*-canary.shop.svc.cluster.local"),
            ("*.example.com", "*.example.com"),
            ("10.0.0.1", "10.0.0.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("", ""),
        ] {
            assert_eq!(expand(host, "shop").as_str(), full);
        }
    }

    #[test]
    fn accepts_what_istio_accepts() {
        for (name, is_name, is_pattern) in [
            ("reviews", true, true),
            ("a.example.com", true, true),
            ("example.com.", true, true),
            ("Example-1.com", true, true),
            ("*", false, true),
            ("*.example.com", false, true),
            ("*-a.example.com", false, true),
            ("*a.example.com", false, true),
            ("a.*.com", false, false),
            ("*-", false, false),
            ("-a.com", false, false),
            ("a..com", false, false),
            ("", false, false),
            ("10.0.0.1", false, false),
            ("a_b.com", false, false),
            ("x.2", false, false),
        ] {
            assert_eq!(check_name(name).is_ok(), is_name, "{name}");
            assert_eq!(check_pattern(name).is_ok(), is_pattern, "{name}");
        }
        assert!(check_pattern(&format!("{}.com", "a".repeat(64))).is_err());
        assert!(check_pattern(&"a.".repeat(130)).is_err());
    }
}
