//! What Envoy makes of a row.

use std::net::IpAddr;

use ferromesh_testkit::raw::{self, Handshake, Raw};
use ferromesh_testkit::tokens::Issuer;
use http_body_util::Empty;
use hyper::Uri;
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Map, Value};

use super::row::{Protocol, Row};
use super::world::{Speaker, World, split};
use crate::arena::Outcome;
use crate::requests::Http;

/// By which the mesh's proxies know requests of HTTP/2 of each other.
const HTTP2: &[&str] = &["istio-h2"];

/// What is said on a connection of no protocol.
const BYTES: &[u8] = b"\0hello\n";

/// Asks Envoy.
pub(super) async fn outcome(
    world: &World,
    row: &Row,
    protocol: Protocol,
    issuer: &Issuer,
) -> Outcome {
    let (speaker, address) = world.speaker(&row.from, &row.to);
    let own = address.to_string();
    let source: IpAddr = row.value("--source-ip", &own).parse().expect("an address");
    let handshake = match speaker {
        Speaker::Plaintext => Handshake::Plaintext,
        Speaker::Mesh(certificate) => {
            Handshake::tls(Some(certificate), marks(protocol), &server_name(&row.to))
        }
    };
    // Who is not let in may learn it now or with the first answer.
    let Ok(mut raw) = Raw::open_from(source, world.address(&row.to), &handshake).await else {
        return Outcome::Reset;
    };
    let status = match protocol {
        Protocol::Tcp => {
            // What comes back may be an alert of TLS.
            return match raw.echo(BYTES).await {
                Ok(echoed) if echoed == BYTES => Outcome::Allowed,
                Ok(_) | Err(_) => Outcome::Reset,
            };
        }
        Protocol::Http1 => {
            let bytes = http(row, issuer).bytes();
            raw.send(&bytes).await.ok().map(|reply| reply.status)
        }
        Protocol::Http2 => http2(raw, http(row, issuer)).await,
    };
    match status {
        None => Outcome::Reset,
        Some(200) => Outcome::Allowed,
        Some(400) => Outcome::BadRequest,
        Some(401) => Outcome::Challenged,
        Some(403) => Outcome::Denied,
        Some(other) => panic!("{other} for {row}"),
    }
}

fn marks(protocol: Protocol) -> &'static [&'static str] {
    match protocol {
        Protocol::Http1 => raw::HTTP,
        Protocol::Http2 => HTTP2,
        Protocol::Tcp => raw::TCP,
    }
}

/// The server name that the mesh's clients ask for.
fn server_name(to: &str) -> String {
    let (host, port) = split(to);
    format!("outbound_.{port}_._.{host}.svc.cluster.local")
}

/// The request of a row.
fn http(row: &Row, issuer: &Issuer) -> Http {
    let to = &row.to;
    let mut host = to.strip_suffix(":80").unwrap_or(to).to_owned();
    let mut headers = Vec::new();
    for header in row.values("-H") {
        let (name, value) = header.split_once(':').expect("a header");
        match name {
            "host" => value.clone_into(&mut host),
            name => headers.push((name.to_owned(), value.trim().to_owned())),
        }
    }
    let claims = row.values("--claim");
    if !claims.is_empty() {
        let (token, _) = issuer.sign(&token(&claims));
        headers.push(("authorization".to_owned(), format!("Bearer {token}")));
    }
    Http {
        method: row.value("-X", "GET").to_owned(),
        path: row.value("--path", "/").to_owned(),
        host,
        headers,
        claims: None,
    }
}

/// Claims as in `a=b`, `a[b]=c`; those that stand twice are lists.
fn token(claims: &[&str]) -> Value {
    let mut token = Map::new();
    for claim in claims {
        let (name, value) = claim.split_once('=').expect("a claim");
        let value: Value = match name {
            "exp" => value.parse::<u64>().expect("a time").into(),
            _ => value.into(),
        };
        match name.split_once('[') {
            None => add(&mut token, name, value),
            Some((outer, inner)) => {
                let outer = token
                    .entry(outer)
                    .or_insert_with(|| Map::new().into())
                    .as_object_mut()
                    .expect("an object");
                add(outer, inner.trim_end_matches(']'), value);
            }
        }
    }
    token.into()
}

fn add(object: &mut Map<String, Value>, name: &str, value: Value) {
    let all = match object.remove(name) {
        None => value,
        Some(Value::Array(list)) => list.into_iter().chain([value]).collect(),
        Some(one) => vec![one, value].into(),
    };
    object.insert(name.to_owned(), all);
}

/// The status of the answer, if there is one.
async fn http2(raw: Raw, http: Http) -> Option<u16> {
    let io = TokioIo::new(raw.into_stream());
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .ok()?;
    let driver = tokio::spawn(connection);
    let Http {
        method,
        path,
        host,
        headers,
        claims: _,
    } = http;
    let uri = Uri::builder()
        .scheme("http")
        .authority(host)
        .path_and_query(path)
        .build()
        .expect("a URI");
    let mut request = hyper::Request::builder().method(method.as_str()).uri(uri);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Empty::<Bytes>::new()).expect("a request");
    let status = sender
        .send_request(request)
        .await
        .ok()
        .map(|answer| answer.status().as_u16());
    driver.abort();
    status
}
