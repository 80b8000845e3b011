//! gRPC's statuses.

use std::fmt::Write;

use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const INVALID_ARGUMENT: u8 = 3;
pub(crate) const DEADLINE_EXCEEDED: u8 = 4;
pub(crate) const RESOURCE_EXHAUSTED: u8 = 8;
pub(crate) const UNIMPLEMENTED: u8 = 12;
pub(crate) const INTERNAL: u8 = 13;

/// The trailers that end a stream.
pub(crate) fn status_trailers(status: u8, message: &str) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(2);
    trailers.insert(
        HeaderName::from_static("grpc-status"),
        HeaderValue::from(u16::from(status)),
    );
    if status != 0
        && let Ok(value) = HeaderValue::from_str(&percent_encoded(message))
    {
        trailers.insert(HeaderName::from_static("grpc-message"), value);
    }
    trailers
}

/// As gRPC has it: what is not printable ASCII, and the percent sign.
fn percent_encoded(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for byte in message.bytes() {
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_headers() {
        let message = |text| {
            let trailers = status_trailers(3, text);
            trailers["grpc-message"].to_str().map(str::to_owned).ok()
        };
        assert_eq!(message("as it is").as_deref(), Some("as it is"));
        assert_eq!(message("100 %\nähm").as_deref(), Some("100 %25%0A%C3%A4hm"));
        assert!(!status_trailers(0, "fine").contains_key("grpc-message"));
    }
}
