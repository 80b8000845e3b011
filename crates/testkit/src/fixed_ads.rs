//! A control plane that serves fixed resources over delta ADS: for tests of what stands before or behind it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use ferromesh_envoy::discovery::{DeltaDiscoveryRequest, DeltaDiscoveryResponse, Resource};
use ferromesh_envoy::{Any, Message, any, cluster, core, listener};
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// A running server. Dropping it closes its streams.
#[derive(Debug)]
pub struct FixedAds {
    address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
    task: JoinHandle<()>,
}

/// What clients have said.
#[derive(Debug, Default)]
struct Heard {
    node: Option<core::Node>,
    refusals: Vec<String>,
}

impl FixedAds {
    /// Serves these to everybody, on a loopback port that the system chooses.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start(
        listeners: Vec<listener::Listener>,
        clusters: Vec<cluster::Cluster>,
    ) -> Self {
        let resource = |name: &str, body: Any| Resource {
            name: name.to_owned(),
            version: "1".to_owned(),
            resource: Some(body),
            ..Resource::default()
        };
        let listeners = listeners
            .iter()
            .map(|listener| resource(&listener.name, any(listener)));
        let clusters = clusters
            .iter()
            .map(|cluster| resource(&cluster.name, any(cluster)));
        Self::serve(listeners.chain(clusters).collect()).await
    }

    /// As [`Self::start`], for resources of any type.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn serve(resources: Vec<Resource>) -> Self {
        let all: Arc<[Resource]> = resources.into();
        let socket = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a loopback port");
        let address = socket.local_addr().expect("a bound socket has an address");
        let heard = Arc::default();
        let task = tokio::spawn(accept(socket, all, Arc::clone(&heard)));
        Self {
            address,
            heard,
            task,
        }
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The last node that has introduced itself.
    pub fn node(&self) -> Option<core::Node> {
        lock(&self.heard).node.clone()
    }

    /// Why clients have refused something.
    pub fn refusals(&self) -> Vec<String> {
        lock(&self.heard).refusals.clone()
    }
}

impl Drop for FixedAds {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(socket: TcpListener, all: Arc<[Resource]>, heard: Arc<Mutex<Heard>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = socket.accept().await {
        let (all, heard) = (Arc::clone(&all), Arc::clone(&heard));
        let service =
            service_fn(move |request| answer(request, Arc::clone(&all), Arc::clone(&heard)));
        connections.spawn(async move {
            // Envoy ends its stream by ending itself.
            let _ = http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// One stream: each subscription is answered by everything of its type.
struct Subscriptions {
    body: Incoming,
    unread: BytesMut,
    answered: Vec<String>,
    all: Arc<[Resource]>,
    heard: Arc<Mutex<Heard>>,
}

async fn answer(
    request: Request<Incoming>,
    all: Arc<[Resource]>,
    heard: Arc<Mutex<Heard>>,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, Infallible> {
    let begin = Subscriptions {
        body: request.into_body(),
        unread: BytesMut::new(),
        answered: Vec::new(),
        all,
        heard,
    };
    let frames = stream::unfold(begin, async |mut subscriptions| {
        let response = subscriptions.next().await?;
        Some((Ok(Frame::data(response)), subscriptions))
    });
    let mut response = Response::new(StreamBody::new(frames));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    Ok(response)
}

impl Subscriptions {
    /// The next response, framed. `None` when the client is gone.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            while let Some(request) = self.request() {
                let is_new = !self.answered.contains(&request.type_url);
                let is_subscription = is_new || !request.resource_names_subscribe.is_empty();
                self.hear(&request);
                if is_subscription {
                    self.answered.push(request.type_url.clone());
                    return Some(self.everything_of(&request.type_url));
                }
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                self.unread.extend_from_slice(&data);
            }
        }
    }

    fn hear(&self, request: &DeltaDiscoveryRequest) {
        let mut heard = lock(&self.heard);
        if let Some(node) = &request.node {
            heard.node = Some(node.clone());
        }
        if let Some(status) = &request.error_detail {
            heard.refusals.push(status.message.clone());
        }
    }

    /// The next request that has arrived whole.
    fn request(&mut self) -> Option<DeltaDiscoveryRequest> {
        let length = self
            .unread
            .get(1..5)?
            .try_into()
            .map(u32::from_be_bytes)
            .ok()? as usize;
        if self.unread.len() < 5 + length {
            return None;
        }
        self.unread.advance(5);
        DeltaDiscoveryRequest::decode(self.unread.split_to(length)).ok()
    }

    fn everything_of(&self, type_url: &str) -> Bytes {
        let is_meant = |resource: &&Resource| {
            resource
                .resource
                .as_ref()
                .is_some_and(|body| body.type_url == type_url)
        };
        let response = DeltaDiscoveryResponse {
            type_url: type_url.to_owned(),
            nonce: type_url.to_owned(),
            resources: self.all.iter().filter(is_meant).cloned().collect(),
            ..DeltaDiscoveryResponse::default()
        };
        let encoded = response.encode_to_vec();
        let mut framed = BytesMut::with_capacity(5 + encoded.len());
        framed.put_u8(0);
        framed.put_u32(u32::try_from(encoded.len()).expect("a small message"));
        framed.extend_from_slice(&encoded);
        framed.freeze()
    }
}
