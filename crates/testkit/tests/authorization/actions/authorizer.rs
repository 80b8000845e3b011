//! An external authorizer, by HTTP and by gRPC on the same port, that says what it has been told to say and remembers what
//! it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{BufMut, Bytes, BytesMut};
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use prost::Message;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// The path of the only call.
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// What it says.
#[derive(Clone, Debug)]
pub enum Speech {
    /// This status, with these headers and this body.
    Http(u16, Vec<(&'static str, &'static str)>, &'static str),
    /// This message.
    Grpc(Box<CheckResponse>),
    /// A call that fails with this status.
    Failure(u8),
    /// Nothing, for ever.
    Silence,
}

/// What it was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// With the query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Asked {
    /// A header's value, or "".
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|it| it.to_str().ok()).unwrap_or("")
    }

    /// The question of a call.
    pub fn check(&self) -> CheckRequest {
        assert_eq!(self.path, CHECK, "by gRPC");
        CheckRequest::decode(self.body.slice(5..)).expect("a question")
    }
}

#[derive(Debug)]
struct State {
    speech: Speech,
    asked: Vec<Asked>,
}

/// A running one. Dropping it closes its port.
#[derive(Debug)]
pub struct Authorizer {
    state: Arc<Mutex<State>>,
    accepting: JoinHandle<()>,
}

impl Drop for Authorizer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Authorizer {
    /// One that allows everything that is asked by HTTP.
    pub async fn start(at: SocketAddr) -> Self {
        let listener = TcpListener::bind(at).await.expect("a free port");
        let state = Arc::new(Mutex::new(State {
            speech: Speech::Http(200, Vec::new(), ""),
            asked: Vec::new(),
        }));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { state, accepting }
    }

    /// Makes it say this from now on.
    pub fn say(&self, speech: Speech) {
        lock(&self.state).speech = speech;
    }

    /// What it was asked since somebody looked.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut lock(&self.state).asked)
    }

    /// The only question since somebody looked.
    pub fn asked_once(&self) -> Asked {
        let mut asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.remove(0)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, Arc::clone(&state)));
    }
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) {
    let service = service_fn(move |request| answer(request, Arc::clone(&state)));
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

type Answer = Response<UnsyncBoxBody<Bytes, hyper::Error>>;

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Answer, hyper::Error> {
    let (parts, body) = request.into_parts();
    let asked = Asked {
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        headers: parts.headers,
        body: body.collect().await?.to_bytes(),
    };
    // HTTP/2 says the authority as well.
    let asked = Asked {
        path: parts
            .uri
            .path_and_query()
            .map_or(asked.path, ToString::to_string),
        ..asked
    };
    let speech = {
        let mut state = lock(&state);
        state.asked.push(asked);
        state.speech.clone()
    };
    match speech {
        Speech::Http(status, headers, body) => Ok(http(status, headers, body)),
        Speech::Grpc(message) => {
            let mut framed = BytesMut::new();
            framed.put_u8(0);
            framed.put_u32(u32::try_from(message.encoded_len()).expect("a small message"));
            framed.put_slice(&message.encode_to_vec());
            Ok(call(framed.freeze(), 0))
        }
        Speech::Failure(status) => Ok(call(Bytes::new(), status)),
        Speech::Silence => std::future::pending().await,
    }
}

fn http(status: u16, headers: Vec<(&'static str, &'static str)>, body: &'static str) -> Answer {
    let whole = Full::new(Bytes::from_static(body.as_bytes())).map_err(|never| match never {});
    let mut response = Response::new(whole.boxed_unsync());
    *response.status_mut() = status.try_into().expect("a status");
    for (name, value) in headers {
        let value = HeaderValue::from_static(value);
        response.headers_mut().append(name, value);
    }
    response
}

fn call(message: Bytes, status: u8) -> Answer {
    let trailers = async move {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", u16::from(status).into());
        Some(Ok(trailers))
    };
    let whole = Full::new(message).map_err(|never| match never {});
    let mut response = Response::new(whole.with_trailers(trailers).boxed_unsync());
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
