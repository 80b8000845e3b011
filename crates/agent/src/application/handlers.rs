//! The kubelet's probes and lifecycle handlers: what the injector has replaced, by the path at which the agent answers for it.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use hyper::http::uri::PathAndQuery;
use serde::Deserialize;
use serde_json::Value;

use super::path;

/// Where they are written down, as in Istio: a mapping in JSON.
pub const ENVIRONMENT: &str = "ISTIO_KUBE_APP_PROBERS";

/// How long a lifecycle handler may take; the kubelet itself waits as long as the pod may take to end.
const LIFECYCLE: Duration = Duration::from_secs(60);

/// The kubelet's own limit for a probe that says nothing.
const USUAL: u64 = 1;

/// All of them, and what is wrong with those that can't be read.
#[derive(Clone, Debug, Default)]
pub struct Handlers(BTreeMap<String, Result<Handler, String>>);

/// One of them.
#[derive(Clone, Debug)]
pub struct Handler {
    /// What is asked.
    pub question: Question,
    /// How long that may take.
    pub timeout: Duration,
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum Question {
    /// GET, at HTTP or HTTPS whose certificate nobody looks at.
    Http {
        /// The port.
        port: u16,
        /// The path.
        path: PathAndQuery,
        /// Over which transport.
        scheme: Scheme,
        /// What is sent besides.
        headers: Vec<(HeaderName, HeaderValue)>,
    },
    /// Whether it accepts connections.
    Tcp {
        /// The port.
        port: u16,
    },
    /// gRPC's health service.
    Grpc {
        /// The port.
        port: u16,
        /// Whose health.
        service: String,
    },
}

/// Over which transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Scheme {
    /// In the clear.
    #[default]
    Http,
    /// TLS.
    Https,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    http_get: Option<HttpGet>,
    tcp_socket: Option<TcpSocket>,
    grpc: Option<Grpc>,
    timeout_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpGet {
    port: NonZeroU16,
    path: Option<String>,
    scheme: Option<Scheme>,
    http_headers: Option<Vec<Header>>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: Option<String>,
}

#[derive(Deserialize)]
struct TcpSocket {
    port: NonZeroU16,
}

#[derive(Deserialize)]
struct Grpc {
    port: NonZeroU16,
    service: Option<String>,
}

impl Handlers {
    /// Reads them; an empty text has none. One that can't be read does not keep a pod from starting: it fails when it is
    /// asked, as it would without us.
    ///
    /// # Errors
    /// When the text is no mapping in JSON.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let written: BTreeMap<String, Value> =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        let read = written.into_iter().map(|(path, written)| {
            let handler = Handler::read(&path, written);
            if let Err(what) = &handler {
                tracing::warn!("{ENVIRONMENT}: {path:?}: {what}");
            }
            (path, handler)
        });
        Ok(Self(read.collect()))
    }

    /// The one of a path, or what is wrong with it.
    pub fn find(&self, path: &str) -> Option<Result<&Handler, &str>> {
        let handler = self.0.get(path)?;
        Some(handler.as_ref().map_err(String::as_str))
    }
}

impl Handler {
    fn read(path: &str, written: Value) -> Result<Self, String> {
        let written = serde_json::from_value(written).map_err(|error| error.to_string())?;
        let Written {
            http_get,
            tcp_socket,
            grpc,
            timeout_seconds,
        } = written;
        let question = match (http_get, tcp_socket, grpc) {
            (Some(http), None, None) => http.read()?,
            (None, Some(TcpSocket { port }), None) => Question::Tcp { port: port.get() },
            (None, None, Some(Grpc { port, service })) => Question::Grpc {
                port: port.get(),
                service: service.unwrap_or_default(),
            },
            _ => return Err("write one of httpGet, tcpSocket and grpc".to_owned()),
        };
        let timeout = if path.starts_with("/app-lifecycle/") {
            LIFECYCLE
        } else {
            Duration::from_secs(timeout_seconds.unwrap_or(USUAL).max(USUAL))
        };
        Ok(Self { question, timeout })
    }
}

impl HttpGet {
    fn read(self) -> Result<Question, String> {
        let Self {
            port,
            path,
            scheme,
            http_headers,
        } = self;
        let path = path.unwrap_or_default();
        let headers = http_headers.into_iter().flatten();
        let headers = headers.map(|Header { name, value }| {
            let value = value.unwrap_or_default();
            let name: HeaderName = name.parse().map_err(|_| format!("{name:?} is no header"))?;
            let value =
                HeaderValue::from_str(&value).map_err(|_| format!("{value:?} is no value"))?;
            Ok((name, value))
        });
        Ok(Question::Http {
            port: port.get(),
            path: path::read(&path).ok_or_else(|| format!("{path:?} is no path"))?,
            scheme: scheme.unwrap_or_default(),
            headers: headers.collect::<Result<_, String>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_injector_writes_is_read() {
        let handlers = Handlers::parse(
            r#"{
                "/app-health/a/livez": {"httpGet": {"path": "up?x=1", "port": 8080, "scheme": "HTTPS",
                    "httpHeaders": [{"name": "Host", "value": "web"}]}, "timeoutSeconds": 3},
                "/app-health/a/readyz": {"tcpSocket": {"port": 9000}},
                "/app-health/a/startupz": {"grpc": {"port": 9001, "service": "web"}},
                "/app-lifecycle/a/prestop": {"httpGet": {"port": 8080}}
            }"#,
        )
        .expect("handlers");
        let handler = |path| handlers.find(path).expect("a handler").expect("sound");
        let live = handler("/app-health/a/livez");
        assert!(
            matches!(&live.question, Question::Http { path, scheme: Scheme::Https, headers, .. }
            if path.as_str() == "/up?x=1" && headers.len() == 1)
        );
        assert_eq!(live.timeout, Duration::from_secs(3));
        assert_eq!(
            handler("/app-health/a/readyz").timeout,
            Duration::from_secs(1)
        );
        assert!(matches!(
            handler("/app-health/a/startupz").question,
            Question::Grpc { port: 9001, .. }
        ));
        assert_eq!(handler("/app-lifecycle/a/prestop").timeout, LIFECYCLE);
        assert!(handlers.find("/app-health/b/livez").is_none());
    }

    #[test]
    fn what_no_injector_writes_is_refused() {
        assert!(Handlers::parse("").expect("none").0.is_empty());
        for text in ["[]", "{", "null", r#"{"/a": {}} x"#] {
            assert!(Handlers::parse(text).is_err(), "{text}");
        }
        for written in [
            "null",
            "{}",
            r#"{"exec": {"command": ["id"]}}"#,
            r#"{"httpGet": {"path": "/"}}"#,
            r#"{"httpGet": {"port": 80}, "tcpSocket": {"port": 80}}"#,
            r#"{"httpGet": {"port": 65536}}"#,
            r#"{"httpGet": {"port": 0}}"#,
            r#"{"tcpSocket": {"port": "http"}}"#,
            r#"{"httpGet": {"port": 80, "scheme": "FILE"}}"#,
            r#"{"httpGet": {"port": 80, "httpHeaders": [{"name": "a\nb", "value": "c"}]}}"#,
            r#"{"httpGet": {"port": 80, "httpHeaders": [{"name": "a", "value": "b\r\nc: d"}]}}"#,
        ] {
            let text = format!(r#"{{"/a": {written}, "/b": {{"tcpSocket": {{"port": 80}}}}}}"#);
            let handlers = Handlers::parse(&text).expect("a mapping");
            assert!(
                handlers.find("/a").is_some_and(|found| found.is_err()),
                "{written}"
            );
            assert!(
                handlers.find("/b").is_some_and(|found| found.is_ok()),
                "{written}"
            );
        }
        let nothing = r#"{"/a": {"httpGet": {"port": 80, "path": null, "scheme": null, "httpHeaders": null}, "timeoutSeconds": null}}"#;
        let handlers = Handlers::parse(nothing).expect("a mapping");
        assert!(handlers.find("/a").is_some_and(|found| found.is_ok()));
    }
}
