//! The floor: a server that does nothing but write bytes, encoded beforehand, to every stream.
//! What it costs is what no control plane on the same transport can undercut.

use std::io;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryResponse, Resource};
use envoy_types::pb::google::protobuf::Any;
use prost::Message;
use tokio::io::AsyncBufReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

/// Serves until stdin ends; every line on it is a push.
pub async fn run(resource_name: &str) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    ferromesh_chassis::announce::print("floor", &[("plaintext-xds", listener.local_addr()?)])
        .map_err(|failure| io::Error::other(failure.to_string()))?;
    let frame = frame(resource_name)?;
    let (push, _) = broadcast::channel::<Bytes>(16);
    let pushes = Arc::new(push);
    let accepting = Arc::clone(&pushes);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let pushes = accepting.subscribe();
            tokio::spawn(async move {
                // A client that goes away is no fault of the floor.
                let _ = serve(tcp, pushes).await;
            });
        }
    });
    let mut lines = tokio::io::BufReader::new(tokio::io::stdin()).lines();
    while lines.next_line().await?.is_some() {
        let _ = pushes.send(frame.clone());
    }
    Ok(())
}

/// One resource of the size of ten endpoints, as a whole gRPC message.
fn frame(resource_name: &str) -> io::Result<Bytes> {
    let response = DeltaDiscoveryResponse {
        type_url: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment".into(),
        nonce: "1".into(),
        resources: vec![Resource {
            name: resource_name.into(),
            version: "0123456789abcdefghijkl".into(),
            resource: Some(Any {
                type_url: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
                    .into(),
                value: vec![0; 400],
            }),
            ..Resource::default()
        }],
        ..DeltaDiscoveryResponse::default()
    };
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(response.encoded_len()).map_err(io::Error::other)?);
    response.encode(&mut frame).map_err(io::Error::other)?;
    Ok(frame.freeze())
}

async fn serve(tcp: TcpStream, mut pushes: broadcast::Receiver<Bytes>) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let mut connection = h2::server::handshake(tcp).await.map_err(io::Error::other)?;
    while let Some(stream) = connection.accept().await {
        let (request, mut respond) = stream.map_err(io::Error::other)?;
        let response = http::Response::builder()
            .header("content-type", "application/grpc")
            .body(())
            .map_err(io::Error::other)?;
        let mut send = respond
            .send_response(response, false)
            .map_err(io::Error::other)?;
        let mut body = request.into_body();
        let mut pushes = pushes.resubscribe();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    data = body.data() => {
                        let Some(Ok(data)) = data else { break };
                        if body.flow_control().release_capacity(data.len()).is_err() {
                            break;
                        }
                    }
                    Ok(frame) = pushes.recv() => {
                        if send.send_data(frame, false).is_err() {
                            break;
                        }
                    }
                }
            }
        });
    }
    let _ = pushes.try_recv();
    Ok(())
}
