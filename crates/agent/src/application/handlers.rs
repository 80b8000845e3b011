//! The kubelet's probes and lifecycle handlers: what the injector has replaced, by the path at which the agent answers for it.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use hyper::http::uri::PathAndQuery;
use serde::Deserialize;

/// Where they are written down, as in Istio: a mapping in JSON.
pub const ENVIRONMENT: &str = "ISTIO_KUBE_APP_PROBERS";

/// How long a lifecycle handler may take; the kubelet itself waits as long as the pod may take to end.
const LIFECYCLE: Duration = Duration::from_secs(60);

/// The kubelet's own limit for a probe that says nothing.
const USUAL: u64 = 1;

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Handlers(BTreeMap<String, Handler>);

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
    port: u16,
    #[serde(default)]
    path: String,
    #[serde(default)]
    scheme: Scheme,
    #[serde(default)]
    http_headers: Vec<Header>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct TcpSocket {
    port: u16,
}

#[derive(Deserialize)]
struct Grpc {
    port: u16,
    #[serde(default)]
    service: Option<String>,
}

impl Handlers {
    /// Reads them; an empty text has none.
    ///
    /// # Errors
    /// When the text is not what an injector writes.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let written: BTreeMap<String, Written> =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        let read = written.into_iter().map(|(path, written)| {
            let handler =
                Handler::read(&path, written).map_err(|what| format!("{path}: {what}"))?;
            Ok((path, handler))
        });
        read.collect::<Result<_, String>>().map(Self)
    }

    /// The one of a path.
    pub fn find(&self, path: &str) -> Option<&Handler> {
        self.0.get(path)
    }
}

impl Handler {
    fn read(path: &str, written: Written) -> Result<Self, String> {
        let Written {
            http_get,
            tcp_socket,
            grpc,
            timeout_seconds,
        } = written;
        let question = match (http_get, tcp_socket, grpc) {
            (Some(http), None, None) => http.read()?,
            (None, Some(TcpSocket { port }), None) => Question::Tcp { port },
            (None, None, Some(Grpc { port, service })) => Question::Grpc {
                port,
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
        let path = if path.starts_with('/') {
            path
        } else {
            format!("/{path}")
        };
        let headers = http_headers.into_iter().map(|Header { name, value }| {
            let name: HeaderName = name.parse().map_err(|_| format!("{name:?} is no header"))?;
            let value =
                HeaderValue::from_str(&value).map_err(|_| format!("{value:?} is no value"))?;
            Ok((name, value))
        });
        Ok(Question::Http {
            port,
            path: path.parse().map_err(|_| format!("{path:?} is no path"))?,
            scheme,
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
        let handler = |path| handlers.find(path).expect("a handler");
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
        for text in [
            "[]",
            "{",
            r#"{"/a": {}}"#,
            r#"{"/a": {"httpGet": {"path": "/"}}}"#,
            r#"{"/a": {"httpGet": {"port": 80}, "tcpSocket": {"port": 80}}}"#,
            r#"{"/a": {"httpGet": {"port": 65536}}}"#,
            r#"{"/a": {"httpGet": {"port": 80, "path": "/ HTTP/1.1\r\nx: y"}}}"#,
            r#"{"/a": {"httpGet": {"port": 80, "httpHeaders": [{"name": "a\nb", "value": "c"}]}}}"#,
        ] {
            assert!(Handlers::parse(text).is_err(), "{text}");
        }
    }
}
