//! A call of one message by gRPC.

use std::fmt;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2::SendRequest;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, TE};
use hyper::{Method, Request, Version};

/// The length of gRPC's prefix: a flag for compression and the length of the message.
const PREFIX: usize = 5;

/// The largest answer that is read.
const LARGEST: usize = 1 << 20;

/// gRPC: the method does not exist.
const UNIMPLEMENTED: &str = "12";

/// gRPC: who calls is not known.
const UNAUTHENTICATED: &str = "16";

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind.
    pub kind: FaultKind,
    why: String,
}

/// What kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// On our side: a file, an address.
    Ours,
    /// The control plane does not answer.
    Away,
    /// It does not know who we are.
    Unauthenticated,
    /// It refuses.
    Refused,
    /// It does not know the method.
    Unimplemented,
}

impl Fault {
    /// On our side.
    pub fn ours(why: String) -> Self {
        Self {
            kind: FaultKind::Ours,
            why,
        }
    }

    /// The control plane does not answer.
    pub fn away(why: &str) -> Self {
        Self {
            kind: FaultKind::Away,
            why: format!("the control plane is away: {why}"),
        }
    }

    fn status(code: &str, message: &str) -> Self {
        let kind = match code {
            UNIMPLEMENTED => FaultKind::Unimplemented,
            UNAUTHENTICATED => FaultKind::Unauthenticated,
            _ => FaultKind::Refused,
        };
        Self {
            kind,
            why: format!("the control plane refuses: {message}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.why)
    }
}

/// Sends a message and returns the one of the answer.
pub(crate) async fn unary(
    sender: &mut SendRequest<Full<Bytes>>,
    path: &'static str,
    token: Option<&str>,
    message: &[u8],
    patience: Duration,
) -> Result<Bytes, Fault> {
    tokio::time::timeout(patience, exchange(sender, path, token, message))
        .await
        .unwrap_or_else(|_| Err(Fault::away("it does not answer in time")))
}

/// The same, however long it takes.
pub(crate) async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    path: &'static str,
    token: Option<&str>,
    message: &[u8],
) -> Result<Bytes, Fault> {
    let away = |error: &dyn fmt::Display| Fault::away(&error.to_string());
    let request = request(path, token, message)?;
    let answer = sender
        .send_request(request)
        .await
        .map_err(|error| away(&error))?;
    // Without a body, the status stands among the headers.
    check(answer.headers())?;
    let body = Limited::new(answer.into_body(), LARGEST).collect().await;
    let body = body.map_err(|error| Fault::away(&error.to_string()))?;
    if let Some(trailers) = body.trailers() {
        check(trailers)?;
    }
    let mut frame = body.to_bytes();
    if frame.len() < PREFIX || frame.get_u8() != 0 || frame.get_u32() as usize != frame.len() {
        return Err(Fault::away("not an answer: no single uncompressed message"));
    }
    Ok(frame)
}

fn request(
    path: &'static str,
    token: Option<&str>,
    message: &[u8],
) -> Result<Request<Full<Bytes>>, Fault> {
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    let mut request = Request::new(Full::new(frame.freeze()));
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = format!("https://ferromesh{path}")
        .parse()
        .map_err(|_| Fault::ours(format!("{path} is no path")))?;
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    if let Some(token) = token {
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| {
            Fault::ours("the token has characters that no header can have".to_owned())
        })?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(request)
}

fn check(headers: &HeaderMap) -> Result<(), Fault> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("grpc-status") {
        None | Some("0") => Ok(()),
        Some(code) => Err(Fault::status(
            code,
            &decoded(text("grpc-message").unwrap_or("without a reason")),
        )),
    }
}

/// A message without gRPC's percent encoding, in one line.
fn decoded(text: &str) -> String {
    let clean = |character: char| {
        if character.is_control() {
            ' '
        } else {
            character
        }
    };
    let text = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    text.chars().map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_decoded_and_stay_in_one_line() {
        for (text, plain) in [
            ("plain", "plain"),
            ("a%20b%0Ac", "a b c"),
            ("100%", "100%"),
            ("%zz%", "%zz%"),
            ("%C3%A4", "ä"),
        ] {
            assert_eq!(decoded(text), plain, "{text}");
        }
    }
}
