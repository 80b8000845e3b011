//! What a request asks of the echo server, by headers, or by its path and query.
//!
//! | what | effect |
//! |---|---|
//! | `/status/503` | that status |
//! | `?size=1000` | that many bytes instead of JSON |
//! | `x-echo-delay: 200ms*2`, `?delay=2s` | waits before it answers; with `*N` only the first N requests of the key |
//! | `x-echo-fail: 503*2`, `?fail=503` | that status; with `*N` only the first N requests of the key |
//! | `x-echo-fail: reset*1` | breaks the connection instead of answering |
//! | `x-echo-drip: 500ms` | answers at once with a body that never ends: one byte after every such pause |
//! | `x-echo-key: abc` | the key under which requests are counted; otherwise `x-request-id`, which retries keep |
//! | `x-echo-response: a=b,c=d` | further headers of the response |
//! | `x-echo-grpc-status: 14` | the status in the trailers of a gRPC answer |

use std::time::Duration;

use hyper::header::HeaderMap;
use hyper::{Request, StatusCode};

/// What a request asks for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Order {
    /// The status of the path.
    pub status: Option<StatusCode>,
    /// The size of the body.
    pub size: Option<usize>,
    /// How long to wait.
    pub delay: Option<Limited<Duration>>,
    /// How to fail.
    pub fail: Option<Limited<Failing>>,
    /// The pause between the bytes of a body that never ends.
    pub drip: Option<Duration>,
    /// The key under which the request is counted, if it names one.
    pub key: Option<String>,
}

/// A way to fail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failing {
    /// By a status.
    Status(StatusCode),
    /// By breaking the connection.
    Reset,
}

/// Something that happens always, or only to the first few requests of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limited<T> {
    /// What happens.
    pub what: T,
    /// To how many requests.
    pub first: Option<u64>,
}

impl<T: Copy> Limited<T> {
    /// What happens to the request with this number, counted from 1.
    pub fn of(&self, number: u64) -> Option<T> {
        self.first
            .is_none_or(|first| number <= first)
            .then_some(self.what)
    }

    fn parse(text: &str, parse: impl Fn(&str) -> Option<T>) -> Option<Self> {
        let (what, first) = match text.split_once('*') {
            Some((what, first)) => (what, Some(first.parse().ok()?)),
            None => (text, None),
        };
        Some(Self {
            what: parse(what)?,
            first,
        })
    }
}

impl Order {
    /// Reads the order.
    ///
    /// # Errors
    /// The part that can't be understood: a test with a typing error must not pass.
    pub fn read<B>(request: &Request<B>) -> Result<Self, String> {
        let (headers, uri) = (request.headers(), request.uri());
        let status = uri
            .path()
            .strip_prefix("/status/")
            .map(|code| understood(code, status))
            .transpose()?;
        let given = |name: &str| {
            let header = headers
                .get(format!("x-echo-{name}"))
                .and_then(|value| value.to_str().ok());
            header
                .or_else(|| query(uri.query(), name))
                .map(str::to_owned)
        };
        let limited = |name: &str| given(name).map(|text| (text, name.to_owned()));
        let delay = limited("delay")
            .map(|(text, _)| understood(&text, |text| Limited::parse(text, duration)));
        let fail = limited("fail")
            .map(|(text, _)| understood(&text, |text| Limited::parse(text, failing)));
        Ok(Self {
            status,
            size: given("size")
                .map(|text| understood(&text, |text| text.parse().ok()))
                .transpose()?,
            delay: delay.transpose()?,
            fail: fail.transpose()?,
            drip: given("drip")
                .map(|text| understood(&text, duration))
                .transpose()?,
            key: given("key"),
        })
    }

    /// The key under which this request counts: its own, or what a proxy keeps the same over retries.
    pub fn key_or_id(&self, headers: &HeaderMap) -> String {
        let id = || {
            headers
                .get("x-request-id")
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        self.key.clone().or_else(id).unwrap_or_default()
    }
}

fn understood<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, String> {
    parse(text).ok_or_else(|| format!("the echo server does not understand {text:?}"))
}

/// The value of a name in a query; values need no decoding here.
pub(super) fn query<'query>(query: Option<&'query str>, name: &str) -> Option<&'query str> {
    query?.split('&').find_map(|pair| {
        pair.split_once('=')
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value)
    })
}

pub(super) fn status(text: &str) -> Option<StatusCode> {
    text.parse().ok()
}

pub(super) fn failing(text: &str) -> Option<Failing> {
    if text == "reset" {
        Some(Failing::Reset)
    } else {
        status(text).map(Failing::Status)
    }
}

/// `200ms` or `2s`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (text.strip_suffix('s')?, 1000),
    };
    Some(Duration::from_millis(
        number.parse::<u64>().ok()?.checked_mul(unit)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders() {
        let read = |uri: &str, headers: &[(&str, &str)]| {
            let mut request = Request::builder().uri(uri);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            Order::read(&request.body(()).unwrap())
        };
        assert_eq!(read("/", &[]), Ok(Order::default()));
        assert_eq!(
            read(
                "/status/418?size=7&delay=2s",
                &[("x-echo-fail", "503*2"), ("x-echo-key", "k")]
            ),
            Ok(Order {
                status: Some(StatusCode::IM_A_TEAPOT),
                size: Some(7),
                delay: Some(Limited {
                    what: Duration::from_secs(2),
                    first: None
                }),
                fail: Some(Limited {
                    what: Failing::Status(StatusCode::SERVICE_UNAVAILABLE),
                    first: Some(2)
                }),
                drip: None,
                key: Some("k".to_owned()),
            })
        );
        for (uri, header) in [
            ("/status/x", "reset"),
            ("/", "50x"),
            ("/", "503*"),
            ("/?delay=2", "reset"),
        ] {
            assert!(
                read(uri, &[("x-echo-fail", header)]).is_err(),
                "{uri} {header}"
            );
        }
    }

    #[test]
    fn limits_count_from_one() {
        let twice = Limited {
            what: (),
            first: Some(2),
        };
        assert_eq!(
            [1, 2, 3].map(|number| twice.of(number).is_some()),
            [true, true, false]
        );
    }
}
