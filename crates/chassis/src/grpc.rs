//! A gRPC call of one message each way, on a connection that is there.

use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::header::{AUTHORIZATION, CONTENT_TYPE, TE};
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2::SendRequest;

/// The length of gRPC's prefix: a flag for compression and the length of the message.
const PREFIX: usize = 5;

/// The largest answer that is read.
const LARGEST: usize = 1 << 20;

/// What is called.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// How the connection is made: in the clear, or by TLS.
    pub scheme: &'a Scheme,
    /// Whom it reaches, for its log.
    pub authority: &'a str,
    /// The path of the method.
    pub path: &'static str,
    /// Who calls, as a bearer token; it never stands in a log.
    pub token: Option<&'a str>,
    /// The message.
    pub message: &'a [u8],
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Something of the call can't be sent.
    Unsendable(&'static str),
    /// The connection is over, or says what is no answer.
    Broken(String),
    /// The server refuses.
    Refused {
        /// The status code of gRPC.
        code: String,
        /// The server's words, in one line.
        message: String,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsendable(what) => f.write_str(what),
            Self::Broken(what) => f.write_str(what),
            Self::Refused { code, message } => write!(f, "refused by status {code}: {message}"),
        }
    }
}

impl std::error::Error for Fault {}

/// Sends a message and returns the one of the answer, however long that takes.
///
/// # Errors
/// When there is none.
pub async fn call(sender: &mut SendRequest<Full<Bytes>>, call: Call<'_>) -> Result<Bytes, Fault> {
    let broken = |error: &dyn fmt::Display| Fault::Broken(error.to_string());
    let answer = sender.send_request(request(call)?).await;
    let answer = answer.map_err(|error| broken(&error))?;
    // Without a body, the status stands among the headers.
    check(answer.headers())?;
    let body = Limited::new(answer.into_body(), LARGEST).collect().await;
    let body = body.map_err(|error| broken(&error))?;
    if let Some(trailers) = body.trailers() {
        check(trailers)?;
    }
    let mut frame = body.to_bytes();
    if frame.len() < PREFIX || frame.get_u8() != 0 || frame.get_u32() as usize != frame.len() {
        return Err(broken(&"not an answer: no single uncompressed message"));
    }
    Ok(frame)
}

fn request(call: Call<'_>) -> Result<Request<Full<Bytes>>, Fault> {
    let Call {
        scheme,
        authority,
        path,
        token,
        message,
    } = call;
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(0);
    frame.put_u32(
        u32::try_from(message.len()).map_err(|_| Fault::Unsendable("the message is too long"))?,
    );
    frame.put_slice(message);
    let uri = Uri::builder()
        .scheme(scheme.clone())
        .authority(authority)
        .path_and_query(path)
        .build()
        .map_err(|_| Fault::Unsendable("the address has characters that none can have"))?;
    let mut request = Request::new(Full::new(frame.freeze()));
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    if let Some(token) = token {
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| Fault::Unsendable("the token has characters that no header can have"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(request)
}

fn check(headers: &HeaderMap) -> Result<(), Fault> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("grpc-status") {
        None | Some("0") => Ok(()),
        Some(code) => Err(Fault::Refused {
            code: code.to_owned(),
            message: decoded(text("grpc-message").unwrap_or("without a reason")),
        }),
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

    #[test]
    fn a_call_names_the_server_and_hides_its_token() {
        let call = Call {
            scheme: &Scheme::HTTP,
            authority: "10.0.0.1:9000",
            path: "/a.B/C",
            token: Some("secret"),
            message: b"hi",
        };
        let request = request(call).expect("a request");
        assert_eq!(request.uri().to_string(), "http://10.0.0.1:9000/a.B/C");
        assert!(!format!("{:?}", request.headers()).contains("secret"));
        for (authority, token) in [("a b", None), ("a", Some("line\nbreak"))] {
            let bad = Call {
                authority,
                token,
                ..call
            };
            assert!(matches!(super::request(bad), Err(Fault::Unsendable(_))));
        }
    }
}
