//! Asking the application.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ferromesh_proto::health::{CHECK, HealthCheckRequest, HealthCheckResponse};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::{http1, http2};
use hyper::header::{HOST, HeaderMap, HeaderValue, LOCATION, USER_AGENT};
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use super::handlers::{Handler, Question, Scheme};
use super::scrape::Target;
use super::{Place, certificate};
use crate::identity::control_plane::exchange;

/// So often the kubelet follows, too.
const REDIRECTS: usize = 10;

/// The largest answer to a probe that is looked at, and the largest metrics.
const LARGEST_ANSWER: usize = 64 << 10;
/// The same.
const LARGEST_METRICS: usize = 32 << 20;

/// How long metrics may take; Prometheus itself waits ten seconds.
const SCRAPE: Duration = Duration::from_secs(8);

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
                followed(place, *port, *scheme, path, &all).await
            }
            Question::Tcp { port } => {
                connect(place, *port).await?;
                Ok((StatusCode::OK, "it accepts connections".to_owned()))
            }
            Question::Grpc { port, service } => grpc(place, *port, service).await,
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

/// The metrics at a target, as text.
///
/// # Errors
/// When there are none, in words.
pub async fn metrics(place: Place, target: &Target) -> Result<Bytes, String> {
    let Target { port, path } = target;
    let asked = async {
        let mut headers = HeaderMap::new();
        let plain = HeaderValue::from_static("text/plain;version=0.0.4;charset=utf-8");
        headers.insert(hyper::header::ACCEPT, plain);
        let (parts, body) = get(place, *port, Scheme::Http, path, &headers)
            .await?
            .into_parts();
        if parts.status != StatusCode::OK {
            return Err(format!("its answer is {}", parts.status).into());
        }
        let whole = Limited::new(body, LARGEST_METRICS).collect().await?;
        Ok::<_, Fault>(whole.to_bytes())
    };
    match tokio::time::timeout(SCRAPE, asked).await {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(fault)) => Err(fault.to_string()),
        Err(_) => Err(format!("no answer within {} s", SCRAPE.as_secs())),
    }
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

/// Follows redirects within the application, as the kubelet does; one that leads elsewhere is an answer.
async fn followed(
    place: Place,
    port: u16,
    scheme: Scheme,
    path: &PathAndQuery,
    headers: &HeaderMap,
) -> Result<(StatusCode, String), Fault> {
    let mut path = path.clone();
    for _ in 0..=REDIRECTS {
        let (parts, body) = get(place, port, scheme, &path, headers).await?.into_parts();
        let next = parts
            .headers
            .get(LOCATION)
            .and_then(|to| inside(to, place, port));
        match next {
            Some(next) if parts.status.is_redirection() => path = next,
            _ => {
                // What it says further is its own business.
                let text = Limited::new(body, LARGEST_ANSWER).collect().await;
                let text =
                    text.map(|whole| String::from_utf8_lossy(&whole.to_bytes()).into_owned());
                return Ok((parts.status, text.unwrap_or_default()));
            }
        }
    }
    Err(format!("more than {REDIRECTS} redirects").into())
}

/// The path of a redirect that leads to the same place.
fn inside(location: &HeaderValue, place: Place, port: u16) -> Option<PathAndQuery> {
    let uri: Uri = location.to_str().ok()?.parse().ok()?;
    let is_here = match uri.authority() {
        None => true,
        Some(authority) => {
            authority.host() == place.to.to_string() && authority.port_u16().unwrap_or(port) == port
        }
    };
    uri.path_and_query()
        .filter(|path| is_here && path.as_str().starts_with('/'))
        .cloned()
}

async fn get(
    place: Place,
    port: u16,
    scheme: Scheme,
    path: &PathAndQuery,
    headers: &HeaderMap,
) -> Result<Response<hyper::body::Incoming>, Fault> {
    let mut request = Request::get(path.as_str()).body(Empty::<Bytes>::new())?;
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

async fn grpc(place: Place, port: u16, service: &str) -> Result<(StatusCode, String), Fault> {
    let stream = connect(place, port).await?;
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let question = HealthCheckRequest {
        service: service.to_owned(),
    };
    let answer = exchange(&mut sender, CHECK, None, &question.render()).await;
    match answer {
        Ok(message) if HealthCheckResponse::is_serving(&message)? => {
            Ok((StatusCode::OK, "it serves".to_owned()))
        }
        Ok(_) | Err(_) => Ok((
            StatusCode::SERVICE_UNAVAILABLE,
            "it does not serve".to_owned(),
        )),
    }
}
