//! gRPC without a schema: every message comes back as it was sent, at once, and the status is in the trailers.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Request, Response};

use super::Instance;

/// Whether a request is gRPC.
pub(super) fn is_meant(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// Streams the messages back.
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
    let body = request
        .into_body()
        .with_trailers(async { Some(Ok(trailers)) });
    let mut response = Response::new(body.boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    if let Ok(name) = HeaderValue::from_str(&instance.name) {
        headers.insert("x-echo-instance", name);
    }
    response
}
