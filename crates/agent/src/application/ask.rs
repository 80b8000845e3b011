//! Asking the application.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ferromesh_chassis::grpc::{self, Call};
use ferromesh_proto::health::{CHECK, HealthCheckRequest, HealthCheckResponse};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::{http1, http2};
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, LOCATION, USER_AGENT};
use hyper::http::uri::{PathAndQuery, Scheme as UriScheme};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use super::exposition::{self, Dialect};
use super::handlers::{Handler, Question, Scheme};
use super::scrape::Target;
use super::url::Url;
use super::{Place, certificate};

/// So often the kubelet follows, too.
const REDIRECTS: usize = 10;

/// The largest answer to a probe that is looked at, and the largest metrics.
const LARGEST_ANSWER: usize = 64 << 10;
/// The same.
const LARGEST_METRICS: usize = 16 << 20;

/// Anything that can go wrong, in words.
type Fault = Box<dyn std::error::Error + Send + Sync>;

/// What the kubelet is told: 200, or what the application said, or that it said nothing.
pub async fn handler(
    place: Place,
    handler: &Handler,
    user_agent: Option<&HeaderValue>,
) -> (StatusCode, String) {
    let Handler { question, timeout } = handler;
    let asked = async {
        match question {
            Question::Http {
                port,
                path,
                scheme,
                headers,
            } => {
                let mut all: HeaderMap = headers.iter().cloned().collect();
                if let Some(user_agent) = user_agent
                    && !all.contains_key(USER_AGENT)
                {
                    all.insert(USER_AGENT, user_agent.clone());
                }
                let first = Url {
                    scheme: *scheme,
                    port: *port,
                    path: path.clone(),
                };
                followed(place, first, &all).await
            }
            Question::Tcp { port } => {
                connect(place, *port).await?;
                Ok((StatusCode::OK, "it accepts connections".to_owned()))
            }
            Question::Grpc { port, service } => health(place, *port, service).await,
        }
    };
    match tokio::time::timeout(*timeout, asked).await {
        Ok(Ok((status, text))) if status.is_success() || status.is_redirection() => {
            (StatusCode::OK, text)
        }
        Ok(Ok(answer)) => answer,
        Ok(Err(fault)) => (StatusCode::SERVICE_UNAVAILABLE, fault.to_string()),
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("no answer within {} s", timeout.as_secs()),
        ),
    }
}

/// The metrics at a target, in parts that can stand among others in Prometheus' own format.
///
/// # Errors
/// When there are none, in words.
pub async fn metrics(
    place: Place,
    target: &Target,
    patience: Duration,
) -> Result<Vec<Bytes>, String> {
    let asked = async {
        // Others scrape a pod at its address. Istio's users may have metrics that are for their pod alone.
        match metrics_at(place, target).await {
            Err(fault) if is_refused(&*fault) && !place.to.is_loopback() => {
                let loopback: IpAddr = match place.to {
                    IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                    IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
                };
                let place = Place {
                    to: loopback,
                    from: place.from,
                };
                metrics_at(place, target).await
            }
            outcome => outcome,
        }
    };
    match tokio::time::timeout(patience, asked).await {
        Ok(Ok(parts)) => Ok(parts),
        Ok(Err(fault)) => Err(fault.to_string()),
        Err(_) => Err(format!("no answer within {} ms", patience.as_millis())),
    }
}

async fn metrics_at(place: Place, target: &Target) -> Result<Vec<Bytes>, Fault> {
    let Target { port, path } = target;
    let mut headers = HeaderMap::new();
    let plain = HeaderValue::from_static("text/plain;version=0.0.4;charset=utf-8");
    headers.insert(ACCEPT, plain);
    let answer = get(place, *port, Scheme::Http, path, &headers).await?;
    let (parts, body) = answer.into_parts();
    if parts.status != StatusCode::OK {
        return Err(format!("its answer is {}", parts.status).into());
    }
    let kind = parts.headers.get(CONTENT_TYPE);
    let dialect = Dialect::of(kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default());
    let whole = Limited::new(body, LARGEST_METRICS).collect().await?;
    Ok(exposition::parts(&whole.to_bytes(), dialect)?)
}

fn is_refused(fault: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let error = fault.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

async fn connect(place: Place, port: u16) -> io::Result<TcpStream> {
    let Place { to, from } = place;
    let socket = match to {
        IpAddr::V4(_) => TcpSocket::new_v4()?,
        IpAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(from) = from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    socket.connect(SocketAddr::new(to, port)).await
}

/// Follows redirects within the pod, as the kubelet does; one that leads elsewhere is an answer. What else the application
/// says is nobody's business: whoever reaches the agent has shown no certificate.
async fn followed(
    place: Place,
    first: Url,
    headers: &HeaderMap,
) -> Result<(StatusCode, String), Fault> {
    let mut url = first;
    for _ in 0..=REDIRECTS {
        let Url { scheme, port, path } = &url;
        let (parts, body) = get(place, *port, *scheme, path, headers)
            .await?
            .into_parts();
        let status = parts.status;
        let location = parts.headers.get(LOCATION);
        let next = location.and_then(|to| url.to(to.to_str().ok()?, place.to));
        match next {
            Some(next) if status.is_redirection() => url = next,
            _ => {
                // Who can't end his answer is not well, if it is not just long.
                let _ = Limited::new(body, LARGEST_ANSWER).collect().await;
                return Ok((status, format!("its answer is {status}")));
            }
        }
    }
    Err(format!("more than {REDIRECTS} redirects").into())
}

async fn get(
    place: Place,
    port: u16,
    scheme: Scheme,
    path: &PathAndQuery,
    headers: &HeaderMap,
) -> Result<Response<hyper::body::Incoming>, Fault> {
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = Uri::from(path.clone());
    *request.headers_mut() = headers.clone();
    if !request.headers().contains_key(HOST) {
        let host = SocketAddr::new(place.to, port).to_string();
        request
            .headers_mut()
            .insert(HOST, HeaderValue::try_from(host)?);
    }
    let stream = connect(place, port).await?;
    match scheme {
        Scheme::Http => send(stream, request).await,
        Scheme::Https => {
            let connector = TlsConnector::from(Arc::new(certificate::client()?));
            let name = ServerName::IpAddress(place.to.into());
            send(connector.connect(name, stream).await?, request).await
        }
    }
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Empty<Bytes>>,
) -> Result<Response<hyper::body::Incoming>, Fault> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

async fn health(place: Place, port: u16, service: &str) -> Result<(StatusCode, String), Fault> {
    let stream = connect(place, port).await?;
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let question = HealthCheckRequest {
        service: service.to_owned(),
    };
    let call = Call {
        scheme: &UriScheme::HTTP,
        authority: &SocketAddr::new(place.to, port).to_string(),
        path: CHECK,
        token: None,
        message: &question.render(),
    };
    match grpc::call(&mut sender, call).await {
        Ok(message) if HealthCheckResponse::is_serving(&message)? => {
            Ok((StatusCode::OK, "it serves".to_owned()))
        }
        Ok(_) | Err(_) => Ok((
            StatusCode::SERVICE_UNAVAILABLE,
            "it does not serve".to_owned(),
        )),
    }
}
