//! What is spoken on a port of a Service: Istio's rules (`pkg/config/kube/conversion.go`).

use ferromesh_mesh::policy::protocol::Protocol;

/// Ports on which the server speaks first, or nobody speaks HTTP: SMTP, DNS, MySQL, MongoDB.
/// Without a name that says otherwise, nothing is detected there.
const WELL_KNOWN: [u16; 4] = [25, 53, 3306, 27017];

/// The protocol of a port that is captured (`TCP`): by `appProtocol`, else by the port's name,
/// either up to its first `-`.
pub fn select(port: u16, name: &str, app_protocol: Option<&str>) -> Protocol {
    let text = match app_protocol {
        Some("kubernetes.io/h2c") => return Protocol::Http2,
        Some("kubernetes.io/ws") => return Protocol::Http,
        Some("kubernetes.io/wss") => return Protocol::Https,
        Some(app_protocol) => app_protocol,
        None => name,
    };
    let text = text.to_ascii_lowercase();
    // The only one with a `-` in it.
    if text.starts_with("grpc-web") {
        return Protocol::GrpcWeb;
    }
    match text.split('-').next().unwrap_or_default() {
        "http" | "http_proxy" => Protocol::Http,
        "http2" => Protocol::Http2,
        "grpc" => Protocol::Grpc,
        "https" => Protocol::Https,
        "tls" => Protocol::Tls,
        "tcp" => Protocol::Tcp,
        "mongo" | "mysql" | "redis" => Protocol::Opaque,
        // A name that contradicts the transport says nothing.
        _ if WELL_KNOWN.contains(&port) => Protocol::Opaque,
        _ => Protocol::Detect,
    }
}

#[cfg(test)]
mod tests {
    use ferromesh_mesh::policy::protocol::Protocol;

    use super::select;

    #[test]
    fn names_and_app_protocols_are_read_as_istio_reads_them() {
        for (port, name, app_protocol, expected) in [
            (80, "", None, Protocol::Detect),
            (80, "web", None, Protocol::Detect),
            (80, "http", None, Protocol::Http),
            (80, "HTTP-web", None, Protocol::Http),
            (80, "httpweb", None, Protocol::Detect),
            (80, "http2-x", None, Protocol::Http2),
            (80, "grpc", None, Protocol::Grpc),
            (80, "grpc-x", None, Protocol::Grpc),
            (80, "grpc-web", None, Protocol::GrpcWeb),
            (80, "gRPC-Web-x", None, Protocol::GrpcWeb),
            (443, "https-x", None, Protocol::Https),
            (443, "tls", None, Protocol::Tls),
            (80, "tcp-x", None, Protocol::Tcp),
            (80, "mongo", None, Protocol::Opaque),
            (80, "mysql-x", None, Protocol::Opaque),
            (80, "redis", None, Protocol::Opaque),
            (3306, "", None, Protocol::Opaque),
            (25, "smtp", None, Protocol::Opaque),
            (53, "dns-tcp", None, Protocol::Opaque),
            (3306, "http", None, Protocol::Http),
            (3307, "", None, Protocol::Detect),
            (80, "udp-x", None, Protocol::Detect),
            (80, "tcp", Some("http"), Protocol::Http),
            (80, "http", Some("tcp"), Protocol::Tcp),
            (80, "http", Some("kubernetes.io/h2c"), Protocol::Http2),
            (80, "tcp", Some("kubernetes.io/ws"), Protocol::Http),
            (80, "tcp", Some("kubernetes.io/wss"), Protocol::Https),
            (80, "http", Some("example.com/own"), Protocol::Detect),
            (80, "", Some("grpc-web"), Protocol::GrpcWeb),
        ] {
            assert_eq!(
                select(port, name, app_protocol),
                expected,
                "{port} {name:?} {app_protocol:?}"
            );
        }
    }
}
