//! What the kubelet is told about an application, as the application says it.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ferromesh_agent::application::handlers::Handlers;
use ferromesh_agent::application::scrape::Targets;
use ferromesh_agent::application::{Place, ask};
use http_body_util::{Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const PLACE: Place = Place {
    to: IpAddr::V4(Ipv4Addr::LOCALHOST),
    from: None,
};

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

fn answer(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let header = |name: &str| {
        let value = request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let response = Response::builder();
    let redirect = |to: &str| Response::builder().status(302).header("location", to);
    let response = match request.uri().path() {
        "/up" => response.status(200),
        "/loop" => redirect("/loop"),
        "/to-up" => redirect("/up"),
        "/away" => redirect("http://198.51.100.1:1/"),
        "/host" => response.status(if header("host") == "web.example" {
            200
        } else {
            421
        }),
        "/agent" => response.status(if header("user-agent") == "kube-probe/1.37" {
            200
        } else {
            400
        }),
        "/metrics" => response.header("content-type", "text/plain"),
        _ => response.status(500),
    };
    response.body(Full::from("up 1\n")).expect("an answer")
}

/// An application that speaks HTTP/1.1, over TLS if there is a configuration for it.
async fn http(tls: Option<TlsAcceptor>) -> u16 {
    let (listener, port) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                let service = service_fn(async |request| Ok::<_, Infallible>(answer(&request)));
                let server = hyper::server::conn::http1::Builder::new();
                match tls {
                    None => drop(server.serve_connection(TokioIo::new(stream), service).await),
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            drop(server.serve_connection(TokioIo::new(stream), service).await);
                        }
                    }
                }
            });
        }
    });
    port
}

/// An application whose service `web` is well, and which knows no other.
async fn grpc() -> u16 {
    let (listener, port) = listen().await;
    let service = async |request: Request<Incoming>| {
        use http_body_util::BodyExt;
        let asked = request
            .into_body()
            .collect()
            .await
            .expect("a message")
            .to_bytes();
        let is_well = asked.ends_with(b"web");
        let (message, status): (&[u8], &str) = if is_well {
            (&[0, 0, 0, 0, 2, 8, 1], "0")
        } else {
            (&[], "5")
        };
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", status.parse().expect("a value"));
        let frames = [
            Frame::data(Bytes::copy_from_slice(message)),
            Frame::trailers(trailers),
        ];
        let body = StreamBody::new(futures_util::stream::iter(frames.map(Ok::<_, Infallible>)));
        let response = Response::builder().header("content-type", "application/grpc");
        Ok::<_, Infallible>(response.body(body).expect("an answer"))
    };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                let _ = server
                    .serve_connection(TokioIo::new(stream), service_fn(service))
                    .await;
            });
        }
    });
    port
}

fn tls() -> TlsAcceptor {
    let made =
        rcgen::generate_simple_self_signed(["nobody.example".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a server");
    TlsAcceptor::from(Arc::new(config))
}

/// What the kubelet is told about what an injector has written.
async fn told(written: Value) -> StatusCode {
    let text = json!({"/app-health/a/livez": written}).to_string();
    let handlers = Handlers::parse(&text).expect("what an injector writes");
    let handler = handlers.find("/app-health/a/livez").expect("it is there");
    let handler = handler.expect("it is sound");
    let kubelet = "kube-probe/1.37".parse().expect("a value");
    ask::handler(PLACE, handler, Some(&kubelet)).await.0
}

#[tokio::test]
async fn probes_by_http_are_what_the_application_answers() {
    let port = http(None).await;
    for (path, status) in [
        ("/up", 200),
        ("/down", 500),
        ("/to-up", 200),
        ("/loop", 503),
        // Where it leads to is nobody's business here, and nobody goes there.
        ("/away", 200),
        ("/agent", 200),
        ("/host", 421),
    ] {
        let told = told(json!({"httpGet": {"port": port, "path": path}})).await;
        assert_eq!(told, status, "{path}");
    }
    let named = json!({"httpGet": {"port": port, "path": "/host", "httpHeaders": [{"name": "Host", "value": "web.example"}]}});
    assert_eq!(told(named).await, 200);
}

#[tokio::test]
async fn nobody_looks_at_the_certificate_of_an_application() {
    let port = http(Some(tls())).await;
    let secure = |path: &str| json!({"httpGet": {"port": port, "path": path, "scheme": "HTTPS"}});
    assert_eq!(told(secure("/up")).await, 200);
    assert_eq!(told(secure("/down")).await, 500);
    let plain = told(json!({"httpGet": {"port": port, "path": "/up"}})).await;
    assert_eq!(plain, 503, "it speaks TLS only");
}

#[tokio::test]
async fn probes_by_tcp_and_grpc_are_answered_too() {
    let (listener, open) = listen().await;
    assert_eq!(told(json!({"tcpSocket": {"port": open}})).await, 200);
    drop(listener);
    assert_eq!(told(json!({"tcpSocket": {"port": open}})).await, 503);
    let port = grpc().await;
    assert_eq!(
        told(json!({"grpc": {"port": port, "service": "web"}})).await,
        200
    );
    assert_eq!(
        told(json!({"grpc": {"port": port, "service": "other"}})).await,
        503
    );
    assert_eq!(told(json!({"grpc": {"port": open}})).await, 503);
}

#[tokio::test]
async fn who_says_nothing_in_time_is_not_well() {
    // It accepts connections, and that is all.
    let (_silent, port) = listen().await;
    let silent = json!({"httpGet": {"port": port, "path": "/"}, "timeoutSeconds": 1});
    assert_eq!(told(silent).await, 503);
}

#[tokio::test]
async fn metrics_are_those_of_the_application_or_none() {
    let port = http(None).await;
    let read = async |text: String| {
        let targets = Targets::parse(&text).expect("what an injector writes");
        let parts = ask::metrics(PLACE, &targets.0[0], Duration::from_secs(10)).await;
        parts.map(|parts| parts.concat())
    };
    let found = read(json!({"port": port.to_string()}).to_string()).await;
    assert_eq!(found.as_deref(), Ok(&b"up 1\n"[..]));
    let missing = read(json!({"port": port.to_string(), "path": "/none"}).to_string()).await;
    assert!(missing.is_err_and(|why| why.contains("500")));
}
