//! Serves secrets to Envoy.

use std::convert::Infallible;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net as unix;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use ferromesh_chassis::Failure;
use ferromesh_xds::wire::Request as Wanted;
use ferromesh_xds::{Publication, ResourceType, Session, Variant};
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::files::Files;
use super::guest::Guest;
use super::store::{Opened, Store};

const DELTA: &str = "/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets";
const SOTW: &str = "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets";

/// The length of gRPC's prefix: a flag for compression and the length of the message.
const PREFIX: usize = 5;

/// The largest request; Envoy asks for one name at a time.
const LARGEST: usize = 64 << 10;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A socket for Envoy alone.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    name: String,
}

impl Socket {
    /// Listens at a name that nobody can guess.
    ///
    /// # Errors
    /// When the system allows no sockets.
    pub fn bind() -> Result<Self, Failure> {
        let name = format!(
            "ferromesh-sds-{:016x}{:016x}",
            fastrand::u64(..),
            fastrand::u64(..)
        );
        let bind = || -> io::Result<UnixListener> {
            let address = unix::SocketAddr::from_abstract_name(&name)?;
            let listener = unix::UnixListener::bind_addr(&address)?;
            listener.set_nonblocking(true)?;
            UnixListener::from_std(listener)
        };
        let listener = bind().map_err(|error| {
            Failure::new(format!("cannot listen for envoy on a Unix socket: {error}"))
        })?;
        Ok(Self { listener, name })
    }

    /// The path in Envoy's configuration.
    pub fn path(&self) -> String {
        format!("@{}", self.name)
    }

    /// Serves one guest alone until it is dropped.
    pub async fn serve(self, guest: Guest, store: Store, files: Files) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => match guest.recognize(&stream) {
                    Ok(()) => {
                        tokio::spawn(connection(stream, store.clone(), files.clone()));
                    }
                    Err(stranger) => {
                        tracing::warn!(%stranger, "somebody else asked for the secrets and got nothing");
                    }
                },
                Err(error) => {
                    tracing::warn!(%error, "cannot accept envoy's connection for secrets");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

async fn connection(stream: UnixStream, store: Store, files: Files) {
    let service = service_fn(move |request| {
        let answer = answer(request, &store, &files);
        async move { Ok::<_, Infallible>(answer) }
    });
    // Envoy ends it by ending itself.
    let _ = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn answer(request: Request<Incoming>, store: &Store, files: &Files) -> Response<Body> {
    let variant = match request.uri().path() {
        DELTA => Some(Variant::Delta),
        SOTW => Some(Variant::StateOfTheWorld),
        _ => None,
    };
    let mut response = match variant {
        Some(variant) => {
            let subscription =
                Subscription::new(variant, request.into_body(), store.clone(), files.clone());
            let frames = stream::unfold(subscription, async |mut subscription| {
                let frame = subscription.next().await?;
                Some((Ok(Frame::data(frame)), subscription))
            });
            Response::new(StreamBody::new(frames).boxed_unsync())
        }
        None => {
            let mut response = Response::new(Empty::new().boxed_unsync());
            // gRPC: the method does not exist.
            response
                .headers_mut()
                .insert("grpc-status", HeaderValue::from_static("12"));
            response
        }
    };
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// One stream.
struct Subscription {
    variant: Variant,
    body: Incoming,
    unread: BytesMut,
    session: Session,
    news: mpsc::UnboundedReceiver<Arc<Publication>>,
    store: Store,
    files: Files,
}

impl Subscription {
    fn new(variant: Variant, body: Incoming, store: Store, files: Files) -> Self {
        let Opened { session, news } = store.open(variant);
        Self {
            variant,
            body,
            unread: BytesMut::new(),
            session,
            news,
            store,
            files,
        }
    }

    /// The next response. `None` when the stream is over.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            while self.take_request()?.is_some() {}
            if let Some(mut frame) = self.session.next_frame(Instant::now()) {
                let length = frame.remaining();
                return Some(frame.copy_to_bytes(length));
            }
            self.report();
            tokio::select! {
                frame = self.body.frame() => {
                    let Ok(data) = frame?.ok()?.into_data() else {
                        return None;
                    };
                    if self.unread.len() + data.len() > LARGEST {
                        return None;
                    }
                    self.unread.extend_from_slice(&data);
                }
                publication = self.news.recv() => {
                    let publication = publication?;
                    self.session.publish(&publication);
                }
            }
        }
    }

    /// Takes the next request that has arrived whole, once what it names is there: `Some(None)` until then, `None` if
    /// it is no request.
    fn take_request(&mut self) -> Option<Option<()>> {
        let Some(mut head) = self.unread.get(..PREFIX) else {
            return Some(None);
        };
        let is_compressed = head.get_u8() != 0;
        let length = head.get_u32() as usize;
        if is_compressed || length > LARGEST {
            return None;
        }
        let Some(message) = self.unread.get(PREFIX..PREFIX + length) else {
            return Some(None);
        };
        let request = match self.variant {
            Variant::Delta => Wanted::decode_delta(message),
            Variant::StateOfTheWorld => Wanted::decode_sotw(message),
        };
        let request = request.ok()?;
        if ResourceType::from_type_url(&request.type_url) != Some(ResourceType::Secret) {
            return None;
        }
        for name in &request.subscribe {
            self.files.want(name);
        }
        // A certificate that isn't there yet must not be answered by its absence.
        if !request.subscribe.iter().all(|name| self.store.has(name)) {
            return Some(None);
        }
        while let Ok(publication) = self.news.try_recv() {
            self.session.publish(&publication);
        }
        self.unread.advance(PREFIX + length);
        self.session.request(&request, Instant::now()).ok()?;
        // Nobody is woken by names here: every stream gets all news.
        self.session.take_interest();
        Some(Some(()))
    }

    fn report(&mut self) {
        for event in self.session.take_events() {
            if let ferromesh_xds::Event::Refused(refusal) = event {
                tracing::error!(secret = %refusal.name, error = %refusal.error, "envoy refused a secret");
            }
        }
    }
}
