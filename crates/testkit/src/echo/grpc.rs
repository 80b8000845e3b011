//! gRPC without a schema: every message comes back as it was sent, at once, and the status is in the trailers.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Request, Response, Uri};

use super::Instance;

/// Whether a request is gRPC.
pub(super) fn is_meant(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// How whoever checks our health by gRPC asks.
const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// Its answers, each in a frame: field 1 is `SERVING` or `NOT_SERVING`.
const SERVING: &[u8] = &[0, 0, 0, 0, 2, 8, 1];
const NOT_SERVING: &[u8] = &[0, 0, 0, 0, 2, 8, 2];

/// Whether a request asks for our health, which no fault of requests keeps from being told.
pub(super) fn is_health(uri: &Uri) -> bool {
    uri.path() == HEALTH
}

/// Streams the messages back; whoever asks for our health is told of it.
pub(super) fn answer(
    request: Request<Incoming>,
    instance: &Arc<Instance>,
) -> Response<UnsyncBoxBody<Bytes, hyper::Error>> {
    let zero = HeaderValue::from_static("0");
    let status = request
        .headers()
        .get("x-echo-grpc-status")
        .cloned()
        .unwrap_or(zero);
    let trailers = HeaderMap::from_iter([(
        hyper::header::HeaderName::from_static("grpc-status"),
        status,
    )]);
    let body = if is_health(request.uri()) {
        let is_faulty = instance.state().fault.is_some();
        let health = if is_faulty { NOT_SERVING } else { SERVING };
        Full::new(Bytes::from_static(health))
            .map_err(|never: Infallible| match never {})
            .boxed_unsync()
    } else {
        request.into_body().boxed_unsync()
    };
    let body = body.with_trailers(async { Some(Ok(trailers)) });
    let mut response = Response::new(body.boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    if let Ok(name) = HeaderValue::from_str(&instance.name) {
        headers.insert("x-echo-instance", name);
    }
    response
}
