//! What Envoy gets from the agent, in both variants of the protocol.

use std::convert::Infallible;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net as unix;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use ferromesh_agent::sds::files::Files;
use ferromesh_agent::sds::guest::Guest;
use ferromesh_agent::sds::secret;
use ferromesh_agent::sds::server::Socket;
use ferromesh_agent::sds::store::Store;
use ferromesh_xds::wire::{Request as Wanted, Response as Told};
use ferromesh_xds::{ResourceType, Variant};
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2;
use hyper::{Method, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

/// How long nothing must come.
const SILENCE: Duration = Duration::from_millis(300);

/// A client of the secret discovery service.
struct Envoy {
    variant: Variant,
    requests: mpsc::UnboundedSender<Bytes>,
    answers: Incoming,
    unread: BytesMut,
}

impl Envoy {
    async fn connect(path: &str, variant: Variant) -> Self {
        let io = TokioIo::new(connect(path));
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        let (requests, taken) = mpsc::unbounded_channel::<Bytes>();
        let frames = stream::unfold(taken, async |mut taken| {
            let bytes = taken.recv().await?;
            Some((Ok::<_, Infallible>(Frame::data(bytes)), taken))
        });
        let method = match variant {
            Variant::Delta => "DeltaSecrets",
            Variant::StateOfTheWorld => "StreamSecrets",
        };
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!(
                "http://agent/envoy.service.secret.v3.SecretDiscoveryService/{method}"
            ))
            .header("content-type", "application/grpc")
            .body(Box::pin(StreamBody::new(frames)))
            .unwrap();
        let answer = sender.send_request(request).await.unwrap();
        Self {
            variant,
            requests,
            answers: answer.into_body(),
            unread: BytesMut::new(),
        }
    }

    fn ask(&self, names: &[&str], nonce: &str) {
        let request = Wanted {
            type_url: ResourceType::Secret.type_url().to_owned(),
            subscribe: names.iter().map(|name| (*name).to_owned()).collect(),
            nonce: nonce.to_owned(),
            ..Wanted::default()
        };
        let message = match self.variant {
            Variant::Delta => request.encode_delta(),
            Variant::StateOfTheWorld => request.encode_sotw(),
        };
        let mut frame = BytesMut::new();
        frame.put_u8(0);
        frame.put_u32(u32::try_from(message.len()).unwrap());
        frame.extend_from_slice(&message);
        self.requests.send(frame.freeze()).unwrap();
    }

    async fn told(&mut self) -> Told {
        loop {
            if let Some(mut head) = self.unread.get(1..5) {
                let length = head.get_u32() as usize;
                if self.unread.len() >= 5 + length {
                    self.unread.advance(5);
                    let message = self.unread.split_to(length);
                    return match self.variant {
                        Variant::Delta => Told::decode_delta(message),
                        Variant::StateOfTheWorld => Told::decode_sotw(message),
                    }
                    .unwrap();
                }
            }
            let frame = self.answers.frame().await.expect("the stream goes on");
            let data = frame.unwrap().into_data().unwrap();
            self.unread.extend_from_slice(&data);
        }
    }

    async fn is_told_nothing(&mut self) {
        let told = tokio::time::timeout(SILENCE, self.told()).await;
        assert!(told.is_err(), "{told:?}");
    }
}

fn connect(path: &str) -> UnixStream {
    let name = path.strip_prefix('@').expect("an abstract name");
    let address = unix::SocketAddr::from_abstract_name(name).unwrap();
    let socket = unix::UnixStream::connect_addr(&address).unwrap();
    socket.set_nonblocking(true).unwrap();
    UnixStream::from_std(socket).unwrap()
}

/// Says what a client of HTTP/2 says first, and hears whether anybody answers.
async fn is_heard(path: &str) -> bool {
    let mut stream = connect(path);
    // Who isn't served may be gone already.
    let _ = stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await;
    matches!(stream.read(&mut [0; 64]).await, Ok(1..))
}

#[tokio::test]
async fn only_the_expected_process_is_heard() {
    let store = Store::default();
    let socket = Socket::bind().unwrap();
    let path = socket.path();
    let guest = Guest::default();
    tokio::spawn(socket.serve(guest.clone(), store.clone(), Files::new(store)));
    assert!(!is_heard(&path).await, "nobody is expected yet");
    guest.expect(std::process::id());
    assert!(is_heard(&path).await);
    // Of the same user, as every process of this test.
    guest.expect(std::process::id() + 1);
    assert!(!is_heard(&path).await, "another process is expected");
    guest.expect(std::process::id());
    assert!(is_heard(&path).await);
    guest.forget();
    assert!(!is_heard(&path).await, "Envoy has died");
}

async fn check(variant: Variant) {
    let own = |chain: &str| secret::certificate(secret::OWN, chain.to_owned(), "key".to_owned());
    let store = Store::default();
    let socket = Socket::bind().unwrap();
    let path = socket.path();
    let guest = Guest::default();
    guest.expect(std::process::id());
    tokio::spawn(socket.serve(guest, store.clone(), Files::new(store.clone())));
    let mut envoy = Envoy::connect(&path, variant).await;
    // A secret that is not there yet must not be answered by its absence.
    envoy.ask(&[secret::OWN], "");
    envoy.is_told_nothing().await;
    store.put(&secret::authorities(secret::ROOTS, "roots".to_owned()));
    envoy.is_told_nothing().await;
    store.put(&own("first"));
    let told = envoy.told().await;
    assert_eq!(told.resources.len(), 1, "{told:?}");
    let accepted: &[&str] = match variant {
        Variant::Delta => &[],
        Variant::StateOfTheWorld => &[secret::OWN],
    };
    envoy.ask(accepted, &told.nonce);
    // The same again is no news; another one is.
    store.put(&own("first"));
    envoy.is_told_nothing().await;
    store.put(&own("second"));
    let next = envoy.told().await;
    assert_ne!(next.resources, told.resources);
    // What nobody serves is waited for.
    let mut other = Envoy::connect(&path, variant).await;
    other.ask(&["neighbour"], "");
    other.is_told_nothing().await;
}

#[tokio::test]
async fn incrementally() {
    check(Variant::Delta).await;
}

#[tokio::test]
async fn as_the_state_of_the_world() {
    check(Variant::StateOfTheWorld).await;
}
