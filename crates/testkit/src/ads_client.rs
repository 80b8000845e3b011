//! A client of the aggregated discovery service on a plain HTTP/2 connection: what fake and
//! hostile proxies are made of. It says exactly what it is told to say, and nothing by itself.
//! Messages are those of the `envoy-types` crate, so that our own encoding is not its own judge.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::{RecvStream, SendStream};
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Which variant of the protocol a stream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// `DeltaAggregatedResources`.
    Delta,
    /// `StreamAggregatedResources`.
    StateOfTheWorld,
}

impl Variant {
    fn path(self) -> &'static str {
        match self {
            Self::Delta => {
                "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
            }
            Self::StateOfTheWorld => {
                "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
            }
        }
    }
}

/// One aggregated stream on a connection of its own.
#[derive(Debug)]
pub struct AdsClient {
    send: SendStream<Bytes>,
    receive: RecvStream,
    buffer: BytesMut,
    /// Whole messages that have been read and not yet been asked for.
    ready: VecDeque<Bytes>,
    /// Bytes received on the stream, gRPC prefixes included, HTTP/2 framing excluded.
    pub received: u64,
    connection: tokio::task::JoinHandle<()>,
}

impl Drop for AdsClient {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}

impl AdsClient {
    /// Connects and opens a stream.
    ///
    /// # Errors
    /// If the server is not there, or does not answer with status 200.
    pub async fn connect(address: SocketAddr, variant: Variant) -> io::Result<Self> {
        Self::connect_with_window(address, variant, 1 << 20).await
    }

    /// The same with so many bytes that the server may send before the client has read any.
    ///
    /// # Errors
    /// As for [`Self::connect`].
    pub async fn connect_with_window(
        address: SocketAddr,
        variant: Variant,
        window: u32,
    ) -> io::Result<Self> {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        Self::begin(tcp, variant, window).await
    }

    /// Opens a stream on a connection that is there already, by TLS for example.
    ///
    /// # Errors
    /// As for [`Self::connect`].
    pub async fn on(
        connection: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        variant: Variant,
    ) -> io::Result<Self> {
        Self::begin(connection, variant, 1 << 20).await
    }

    async fn begin(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        variant: Variant,
        window: u32,
    ) -> io::Result<Self> {
        let (mut client, connection) = h2::client::Builder::new()
            .initial_window_size(window)
            .initial_connection_window_size(4 << 20)
            .handshake(stream)
            .await
            .map_err(other)?;
        let connection = tokio::spawn(async move {
            // Why it ended shows on the stream.
            let _ = connection.await;
        });
        let request = http::Request::post(format!("http://control-plane{}", variant.path()))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .map_err(other)?;
        let (response, send) = client.send_request(request, false).map_err(other)?;
        let response = response.await.map_err(other)?;
        if response.status() != http::StatusCode::OK {
            return Err(io::Error::other(format!("status {}", response.status())));
        }
        Ok(Self {
            send,
            receive: response.into_body(),
            buffer: BytesMut::new(),
            ready: VecDeque::new(),
            received: 0,
            connection,
        })
    }

    /// Sends a request, a `DeltaDiscoveryRequest` or a `DiscoveryRequest`.
    ///
    /// # Errors
    /// If the stream has ended.
    pub fn send(&mut self, request: &impl Message) -> io::Result<()> {
        let length = request.encoded_len();
        let mut framed = BytesMut::with_capacity(length + 5);
        framed.put_u8(0);
        framed.put_u32(u32::try_from(length).map_err(other)?);
        request.encode(&mut framed).map_err(other)?;
        self.send_raw(framed.freeze())
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// If the stream has ended.
    pub fn send_raw(&mut self, bytes: Bytes) -> io::Result<()> {
        self.send.send_data(bytes, false).map_err(other)
    }

    /// The next message, undecoded; `None` when the server has ended the stream.
    ///
    /// # Errors
    /// If the connection breaks or the stream is reset.
    pub async fn receive_raw(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(Some(message));
            }
            let Some(data) = self.receive.data().await else {
                return Ok(None);
            };
            let data = data.map_err(other)?;
            self.received += data.len() as u64;
            self.receive
                .flow_control()
                .release_capacity(data.len())
                .map_err(other)?;
            self.buffer.extend_from_slice(&data);
            self.split();
        }
    }

    fn split(&mut self) {
        while let Some(&[_, a, b, c, d]) = self.buffer.first_chunk::<5>() {
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            if self.buffer.len() < 5 + length {
                return;
            }
            self.buffer.advance(5);
            self.ready.push_back(self.buffer.split_to(length).freeze());
        }
    }

    /// The next response, a `DeltaDiscoveryResponse` or a `DiscoveryResponse`; `None` when the
    /// server has ended the stream.
    ///
    /// # Errors
    /// If the connection breaks, the stream is reset, or the server sends garbage.
    pub async fn receive<M: Message + Default>(&mut self) -> io::Result<Option<M>> {
        let Some(message) = self.receive_raw().await? else {
            return Ok(None);
        };
        M::decode(message).map(Some).map_err(other)
    }

    /// The gRPC status with which the server has ended the stream, and its message.
    ///
    /// # Errors
    /// If the connection broke before the trailers came.
    pub async fn status(&mut self) -> io::Result<Option<(String, String)>> {
        let Some(trailers) = self.receive.trailers().await.map_err(other)? else {
            return Ok(None);
        };
        let text = |name: &str| {
            trailers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        Ok(Some((text("grpc-status"), text("grpc-message"))))
    }
}
