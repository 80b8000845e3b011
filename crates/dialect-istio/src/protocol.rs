//! Application protocols of ports, as `protocol` of a port writes them.

use ferromesh_mesh::closest::closest;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::protocol::Protocol;

const KNOWN: &[(&str, Protocol)] = &[
    ("GRPC", Protocol::Grpc),
    ("GRPC-Web", Protocol::GrpcWeb),
    ("HTTP", Protocol::Http),
    ("HTTP2", Protocol::Http2),
    ("HTTPS", Protocol::Https),
    ("HTTP_PROXY", Protocol::Http),
    ("Mongo", Protocol::Opaque),
    ("MySQL", Protocol::Opaque),
    ("Redis", Protocol::Opaque),
    ("TCP", Protocol::Tcp),
    ("TLS", Protocol::Tls),
    ("UDP", Protocol::Udp),
];

/// A protocol at the path `at`, in any case; empty means that it is detected. An unknown one is
/// an error, and is detected, too.
pub fn lower(text: &str, at: &Path<'_>, remarks: &mut Remarks) -> Protocol {
    if text.is_empty() {
        return Protocol::Detect;
    }
    if text.eq_ignore_ascii_case("HTTP_PROXY") {
        remarks.warning(at, "no-effect-yet", "HTTP_PROXY is taken as HTTP yet");
    }
    let known = KNOWN
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    if let Some((_, protocol)) = known {
        return *protocol;
    }
    let remark = remarks.error(at, "invalid-protocol", format!("unknown protocol {text:?}"));
    match closest(text, KNOWN.iter().map(|(name, _)| *name)) {
        Some(name) => remark.advise(format!("did you mean {name:?}?")),
        None => remark.advise("write HTTP, HTTP2, GRPC, GRPC-Web, HTTPS, TLS, TCP, UDP or nothing"),
    }
    Protocol::Detect
}
