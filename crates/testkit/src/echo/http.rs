//! Requests: the answer says what arrived.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::drip::Drip;
use super::order::{Failing, Order};
use super::{ActiveRequest, Connection, Instance, control, grpc, websocket};

type Answer = Response<UnsyncBoxBody<Bytes, hyper::Error>>;

/// Breaks the connection instead of answering.
#[derive(Debug)]
pub(super) struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}

/// Answers one request of a connection.
pub(super) async fn answer(
    request: Request<Incoming>,
    instance: Arc<Instance>,
    connection: Connection,
) -> Result<Answer, Broken> {
    if request.uri().path() == control::METRICS {
        let metrics = control::metrics(&instance);
        let mut answer = whole(StatusCode::OK, metrics.into());
        let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        answer.headers_mut().insert(CONTENT_TYPE, kind);
        return Ok(answer);
    }
    if request.uri().path().starts_with(control::PREFIX) {
        let (status, value) = control::answer(&instance, request.method(), request.uri());
        return Ok(whole(status, value.to_string().into()));
    }
    let active = ActiveRequest::count(&instance);
    let order = match Order::read(&request) {
        Ok(order) => order,
        Err(why) => {
            return Ok(whole(
                StatusCode::BAD_REQUEST,
                json!({ "error": why }).to_string().into(),
            ));
        }
    };
    let key = order.key_or_id(request.headers());
    let (attempt, fault) = {
        let mut state = instance.state();
        (state.count_key(key), state.fault)
    };
    let delay = order
        .delay
        .and_then(|delay| delay.of(attempt))
        .unwrap_or_default();
    tokio::time::sleep(delay + fault.map(|fault| fault.delay).unwrap_or_default()).await;
    let failing = order
        .fail
        .and_then(|fail| fail.of(attempt))
        .or(fault.and_then(|fault| fault.fail));
    if failing == Some(Failing::Reset) {
        return Err(Broken("ordered to break the connection".to_owned()));
    }
    if grpc::is_health(request.uri()) {
        return Ok(grpc::answer(request, &instance));
    }
    let failed = failing.and_then(|failing| match failing {
        Failing::Status(status) => Some(status),
        Failing::Reset => None,
    });
    if failed.is_none() && websocket::is_meant(request.headers()) {
        return Ok(websocket::answer(request, active));
    }
    if failed.is_none() && grpc::is_meant(request.headers()) {
        return Ok(grpc::answer(request, &instance));
    }
    let status = failed.or(order.status).unwrap_or(StatusCode::OK);
    let further = further_headers(request.headers());
    let drip = order.drip;
    let seen = describe(request, &instance.name, connection, attempt).await?;
    let body = order.size.map_or_else(
        || Bytes::from(format!("{seen}\n")),
        |size| Bytes::from(vec![b'x'; size]),
    );
    let mut answer = whole(status, body);
    let headers = answer.headers_mut();
    headers.extend(further);
    headers.insert("x-echo-attempt", HeaderValue::from(attempt));
    if let Ok(name) = HeaderValue::from_str(&instance.name) {
        headers.insert("x-echo-instance", name);
    }
    if let Some(pause) = drip {
        *answer.body_mut() = Drip::every(pause).boxed_unsync();
    }
    drop(active);
    Ok(answer)
}

fn whole(status: StatusCode, body: Bytes) -> Answer {
    let body = Full::new(body).map_err(|never: Infallible| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Everything about the request that a test may want to know.
async fn describe(
    request: Request<Incoming>,
    instance: &str,
    connection: Connection,
    attempt: u64,
) -> Result<Value, Broken> {
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map_err(|error| Broken(error.to_string()))?
        .to_bytes();
    let mut headers = Map::new();
    for name in parts.headers.keys() {
        let values = parts
            .headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()));
        headers.insert(
            name.to_string(),
            Value::String(values.collect::<Vec<_>>().join(",")),
        );
    }
    let authority = parts.uri.authority().map(ToString::to_string);
    let host = authority.or_else(|| {
        headers
            .get(HOST.as_str())
            .and_then(Value::as_str)
            .map(str::to_owned)
    });
    Ok(json!({
        "instance": instance,
        "method": parts.method.as_str(),
        "host": host,
        "path": parts.uri.path(),
        "query": parts.uri.query(),
        "protocol": format!("{:?}", parts.version),
        "headers": headers,
        "bodyLength": body.len(),
        "connection": connection.number,
        "client": connection.client.to_string(),
        "attempt": attempt,
    }))
}

/// The headers of `x-echo-response`.
fn further_headers(headers: &HeaderMap) -> HeaderMap {
    let given = headers
        .get("x-echo-response")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let pairs = given.split(',').filter_map(|pair| pair.split_once('='));
    let parsed = pairs.filter_map(|(name, value)| {
        Some((
            HeaderName::try_from(name.trim()).ok()?,
            HeaderValue::from_str(value.trim()).ok()?,
        ))
    });
    parsed.collect()
}
