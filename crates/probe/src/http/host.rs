//! Whom a request is for.

use envoy::hcm::HttpConnectionManager;
use envoy::hcm::http_connection_manager::StripPortMode;
use ferromesh_envoy as envoy;

use super::bad_request;
use super::codec::unsound;
use crate::request::HttpVersion;
use crate::traffic::Traffic;
use crate::verdict::Outcome;

/// Refuses requests for nobody, or nobody sound.
pub(super) fn check(version: HttpVersion, traffic: &Traffic<'_>) -> Result<(), Outcome> {
    let Some(host) = traffic.headers.first(":authority") else {
        return Err(bad_request("missing_host_header"));
    };
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%@:[]".contains(&byte);
    if host.bytes().all(sound) {
        Ok(())
    } else {
        Err(unsound(version, "http.invalid_authority"))
    }
}

/// Strips the port and the dot at the end, if asked to.
pub(super) fn normalize(manager: &HttpConnectionManager, traffic: &mut Traffic<'_>) {
    let port = traffic.connection.destination.port();
    let Some(host) = traffic.headers.first(":authority") else {
        return;
    };
    let mut stripped = host.to_owned();
    if manager.strip_trailing_host_dot {
        stripped = without_dot(&stripped);
    }
    let any = matches!(
        manager.strip_port_mode,
        Some(StripPortMode::StripAnyHostPort(true))
    );
    if (any || manager.strip_matching_host_port)
        && let Some((name, digits)) = split_port(&stripped)
        && digits
            .parse::<u32>()
            .is_ok_and(|it| any || it == u32::from(port))
    {
        stripped = name.to_owned();
    }
    if stripped != host {
        traffic.headers.set(":authority", &stripped);
    }
}

/// The host and its port; the colons in an address of IPv6 are not before a port.
fn split_port(host: &str) -> Option<(&str, &str)> {
    host.rsplit_once(':')
        .filter(|(_, digits)| !digits.contains(']'))
}

fn without_dot(host: &str) -> String {
    if let Some(name) = host.strip_suffix('.') {
        return name.to_owned();
    }
    match host.rsplit_once(".:") {
        Some((name, port)) if !port.contains('.') => format!("{name}:{port}"),
        _ => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{split_port, without_dot};

    #[test]
    fn ports_and_dots_are_found() {
        for (host, expected) in [
            ("a:80", Some(("a", "80"))),
            ("a", None),
            ("[::1]:80", Some(("[::1]", "80"))),
            ("[::1]", None),
        ] {
            assert_eq!(split_port(host), expected, "{host}");
        }
        for (host, expected) in [
            ("a.", "a"),
            ("a.:80", "a:80"),
            ("a.b:80", "a.b:80"),
            ("a", "a"),
        ] {
            assert_eq!(without_dot(host), expected, "{host}");
        }
    }
}
