//! One connection: one task for the HTTP/2 state and all streams on it, so that a push costs one
//! wake-up.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use ferromesh_xds::Variant;
use h2::RecvStream;
use h2::server::{Connection as Http2, SendResponse};
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Sleep, sleep_until};

use crate::calls::{Exchange, head, refuse};
use crate::chunk::Chunk;
use crate::counters::add;
use crate::denial::Reason;
use crate::peer::Peer;
use crate::server::Shared;
use crate::status::{RESOURCE_EXHAUSTED, UNIMPLEMENTED};
use crate::stream::Ads;

const DELTA: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const SOTW: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

/// Requests are received into windows of this size; nothing more of a client is ever held unread.
const STREAM_WINDOW: u32 = 32 << 10;
const CONNECTION_WINDOW: u32 = 128 << 10;

/// How much of what was written may wait for the client. A response is added as soon as less
/// than this waits.
const UNSENT: usize = 16 << 10;

/// How soon something that is late is looked at again.
const RETRY: Duration = Duration::from_millis(10);

const HEADERS: u32 = 16 << 10;

/// Serves one connection to its end.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    socket: S,
    peer: Peer,
    shared: Arc<Shared>,
) -> Result<(), h2::Error> {
    let handshake = h2::server::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(shared.limits.streams)
        .max_header_list_size(HEADERS)
        .max_send_buffer_size(UNSENT)
        .handshake(socket);
    let Ok(http2) = tokio::time::timeout(shared.limits.patience, handshake).await else {
        return Ok(());
    };
    let draining = shared.draining.clone();
    let mut connection = Connection::new(http2?, peer, shared);
    // A future of its own so that the connection's is one `poll_fn` and nothing is boxed twice.
    let drain = wait_for_drain(draining);
    tokio::pin!(drain);
    let mut drained = false;
    poll_fn(|cx| {
        if !drained && drain.as_mut().poll(cx).is_ready() {
            drained = true;
            connection.drain();
        }
        connection.poll(cx)
    })
    .await
}

async fn wait_for_drain(mut draining: watch::Receiver<bool>) {
    // If the sender is gone, the server has ended, which is drain enough.
    let _ = draining.wait_for(|draining| *draining).await;
}

struct Connection<S> {
    http2: Http2<S, Chunk>,
    streams: Vec<Ads>,
    calls: Vec<Exchange>,
    peer: Arc<Peer>,
    /// When the client's certificate expires; `None` once that has been dealt with, too.
    expires: Option<Instant>,
    shared: Arc<Shared>,
    ping: Option<Ping>,
    /// When the connection was last of use: it has streams, or had them then.
    idle_since: Instant,
    timer: Pin<Box<Sleep>>,
    draining: bool,
}

struct Ping {
    pings: h2::PingPong,
    next: Instant,
    /// The last one has not been answered.
    open: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    fn new(mut http2: Http2<S, Chunk>, peer: Peer, shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        let next = now + shared.limits.ping;
        let ping = http2.ping_pong().map(|pings| Ping {
            pings,
            next,
            open: false,
        });
        let timer = Box::pin(sleep_until(now.into()));
        Self {
            http2,
            streams: Vec::new(),
            calls: Vec::new(),
            expires: peer.expires(),
            peer: Arc::new(peer),
            shared,
            ping,
            idle_since: now,
            timer,
            draining: false,
        }
    }

    fn drain(&mut self) {
        self.draining = true;
        for stream in &mut self.streams {
            stream.drain();
        }
        self.http2.graceful_shutdown();
    }

    /// The client has to come back with a new certificate, on a new connection.
    fn expire(&mut self) {
        self.expires = None;
        for stream in &mut self.streams {
            stream.expire();
        }
        self.draining = true;
        self.http2.graceful_shutdown();
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            let now = Instant::now();
            if self.expires.is_some_and(|time| time <= now) {
                self.expire();
            }
            if let Poll::Ready(end) = self.poll_http2(cx) {
                return Poll::Ready(end);
            }
            let mut written = false;
            self.streams.retain_mut(|stream| {
                let open = stream.poll(cx, now).is_pending();
                written |= stream.take_written() || !open;
                open
            });
            self.calls.retain_mut(|call| {
                let open = call.poll(cx, now).is_pending();
                written |= !open;
                open
            });
            if !self.streams.is_empty() || !self.calls.is_empty() {
                self.idle_since = now;
            }
            if self.poll_ping(cx, now).is_ready() {
                self.http2.abrupt_shutdown(h2::Reason::NO_ERROR);
                written = true;
            }
            if !written && self.poll_timer(cx, now).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Reads and writes, and takes in new streams.
    fn poll_http2(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            match self.http2.poll_accept(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(Some(Ok((request, respond)))) => self.accept(request, respond)?,
            }
        }
    }

    fn accept(
        &mut self,
        request: Request<RecvStream>,
        mut respond: SendResponse<Chunk>,
    ) -> Result<(), h2::Error> {
        let grpc = request
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
        if request.method() != Method::POST || !grpc {
            let mut response = Response::new(());
            *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            respond.send_response(response, true)?;
            return Ok(());
        }
        let variant = match request.uri().path() {
            DELTA => Variant::Delta,
            SOTW => Variant::StateOfTheWorld,
            _ => {
                self.take_call(request, respond);
                return Ok(());
            }
        };
        let send = respond.send_response(head(), false)?;
        let mut stream = Ads::new(
            variant,
            request.into_body(),
            send,
            Arc::clone(&self.peer),
            Arc::clone(&self.shared),
        );
        if self.draining {
            stream.drain();
        }
        self.streams.push(stream);
        Ok(())
    }

    fn take_call(&mut self, request: Request<RecvStream>, mut respond: SendResponse<Chunk>) {
        let Some(calls) = self.shared.answers() else {
            return refuse(&mut respond, UNIMPLEMENTED, "no such method");
        };
        let counters = &self.shared.plane.hub().counters;
        let Ok(permit) = Arc::clone(&self.shared.calls).try_acquire_owned() else {
            add(counters.denied(Reason::CallsCrowded), 1);
            return refuse(&mut respond, RESOURCE_EXHAUSTED, "too many calls at a time");
        };
        add(&counters.calls, 1);
        let tie = (Arc::clone(calls), permit);
        let peer = Arc::clone(&self.peer);
        self.calls
            .push(Exchange::new(request, respond, peer, &self.shared, tie));
    }

    /// Ready when the client does not answer.
    fn poll_ping(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        let Some(ping) = &mut self.ping else {
            return Poll::Pending;
        };
        if ping.open && ping.pings.poll_pong(cx).is_ready() {
            ping.open = false;
        }
        if now < ping.next {
            return Poll::Pending;
        }
        if ping.open || ping.pings.send_ping(h2::Ping::opaque()).is_err() {
            self.ping = None;
            return Poll::Ready(());
        }
        ping.open = true;
        ping.next = now + self.shared.limits.ping;
        // Registers for the answer.
        if ping.pings.poll_pong(cx).is_ready() {
            ping.open = false;
        }
        Poll::Pending
    }

    /// Ready when some time limit has passed; then everything has to be polled again.
    fn poll_timer(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        let idle = self.streams.is_empty() && self.calls.is_empty() && !self.draining;
        let idle = idle.then(|| self.idle_since + self.shared.limits.patience);
        if idle.is_some_and(|time| time <= now) {
            self.draining = true;
            self.http2.graceful_shutdown();
            return Poll::Ready(());
        }
        let streams = self
            .streams
            .iter()
            .filter_map(|stream| stream.deadline(now));
        let ping = self.ping.as_ref().map(|ping| ping.next);
        let calls = self.calls.iter().map(Exchange::deadline);
        let others = calls.chain(ping).chain(idle).chain(self.expires);
        let Some(next) = streams.chain(others).min() else {
            return Poll::Pending;
        };
        // Whatever is late and was not dealt with gets another look soon, but not in a loop.
        let next = next.max(now + RETRY);
        if self.timer.deadline() != next.into() {
            self.timer.as_mut().reset(next.into());
        }
        self.timer.as_mut().poll(cx)
    }
}
