//! Calls by gRPC to the secured port, with any certificate or none. Whom to believe is not their part.

use std::io;
use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};
use ferromesh_testkit::raw::{Certified, Handshake, Raw, Stream};
use h2::client::SendRequest;

/// How a call ended: code and message.
pub type Status = (String, String);

/// A connection.
pub struct Rpc {
    requests: SendRequest<Bytes>,
    connection: tokio::task::JoinHandle<()>,
}

impl Drop for Rpc {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Connects by TLS for HTTP/2.
pub async fn connect(to: SocketAddr, own: Option<&Certified>) -> io::Result<Box<dyn Stream>> {
    let handshake = Handshake::tls(own, &["h2"], "control-plane");
    Ok(Raw::open(to, &handshake).await?.into_stream())
}

impl Rpc {
    pub async fn open(to: SocketAddr, own: Option<&Certified>) -> io::Result<Self> {
        let stream = connect(to, own).await?;
        let handshake = h2::client::handshake(stream).await;
        let (requests, connection) = handshake.map_err(io::Error::other)?;
        let connection = tokio::spawn(async move {
            // Why it ended shows on the call.
            let _ = connection.await;
        });
        Ok(Self {
            requests,
            connection,
        })
    }

    /// Sends a message and returns the one of the answer.
    pub async fn call(
        &mut self,
        path: &str,
        authorization: Option<&str>,
        body: &[u8],
    ) -> Result<Bytes, Status> {
        self.exchange(path, authorization, body)
            .await
            .unwrap_or_else(|error| Err(("broken".to_owned(), error.to_string())))
    }

    async fn exchange(
        &mut self,
        path: &str,
        authorization: Option<&str>,
        body: &[u8],
    ) -> io::Result<Result<Bytes, Status>> {
        let mut request = http::Request::post(format!("https://control-plane{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let request = request.body(()).map_err(io::Error::other)?;
        let sent = self.requests.send_request(request, false);
        let (response, mut send) = sent.map_err(io::Error::other)?;
        let mut frame = BytesMut::new();
        frame.put_u8(0);
        frame.put_u32(u32::try_from(body.len()).map_err(io::Error::other)?);
        frame.put_slice(body);
        // Who is refused for its headers is not waited for.
        let _ = send.send_data(frame.freeze(), true);
        let response = response.await.map_err(io::Error::other)?;
        if let Some(status) = status(response.headers()) {
            return Ok(Err(status));
        }
        let http = response.status().as_u16();
        let mut receive = response.into_body();
        let mut answer = BytesMut::new();
        while let Some(data) = receive.data().await {
            let data = data.map_err(io::Error::other)?;
            let _ = receive.flow_control().release_capacity(data.len());
            answer.extend_from_slice(&data);
        }
        let trailers = receive.trailers().await.map_err(io::Error::other)?;
        Ok(match trailers.as_ref().and_then(status) {
            Some((code, _)) if code == "0" => Ok(answer.freeze().slice(5..)),
            Some(status) => Err(status),
            None => Err((format!("HTTP {http}"), String::new())),
        })
    }
}

fn status(headers: &http::HeaderMap) -> Option<Status> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let message = text("grpc-message").unwrap_or_default().to_owned();
    Some((text("grpc-status")?.to_owned(), message))
}
