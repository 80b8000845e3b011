//! What containers of a pod run to speak to the agent that runs there: the kubelet's handlers of the proxy.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use ferromesh_chassis::Failure;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::status::ANNOUNCE_DRAIN;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The largest answer that is read.
const LARGEST: usize = 64 << 10;

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// Where the agent is.
#[derive(Args, Clone, Debug)]
pub struct Beside {
    /// The status address of the agent that runs in this pod.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:15021")]
    pub status_address: SocketAddr,
}

/// For how long to wait.
#[derive(Args, Clone, Debug)]
pub struct Wait {
    /// Where the agent is.
    #[command(flatten)]
    pub beside: Beside,

    /// For how long to wait.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub timeout_seconds: u32,
}

/// Tells the clients of the proxy that it will end.
///
/// # Errors
/// When no agent answers.
pub async fn announce_drain(beside: &Beside) -> Result<(), Failure> {
    match ask(beside.status_address, Method::POST, ANNOUNCE_DRAIN).await {
        Ok((status, _)) if status.is_success() => Ok(()),
        Ok((status, text)) => Err(Failure::new(format!("the agent answers {status}: {text}"))),
        Err(error) => Err(Failure::new(format!(
            "no agent answers at {}: {error}",
            beside.status_address
        ))),
    }
}

/// Waits until the proxy is ready.
///
/// # Errors
/// When it isn't in time.
pub async fn wait(wait: &Wait) -> Result<(), Failure> {
    let Wait {
        beside: Beside { status_address },
        timeout_seconds,
    } = wait;
    let end = Instant::now() + Duration::from_secs((*timeout_seconds).into());
    loop {
        let why = match ask(*status_address, Method::GET, "/healthz/ready").await {
            Ok((StatusCode::OK, _)) => return Ok(()),
            Ok((_, text)) => text,
            Err(error) => error,
        };
        if Instant::now() >= end {
            return Err(Failure::new(format!(
                "the proxy is not ready within {timeout_seconds} s: {why}"
            )));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn ask(to: SocketAddr, method: Method, path: &str) -> Result<(StatusCode, String), String> {
    let exchange = async {
        let stream = TcpStream::connect(to)
            .await
            .map_err(|error| error.to_string())?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, to.to_string())
            .body(Empty::<Bytes>::new())
            .map_err(|error| error.to_string())?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| error.to_string())?;
        let status = answer.status();
        let text = Limited::new(answer.into_body(), LARGEST).collect().await;
        let text = text.map_err(|error| error.to_string())?.to_bytes();
        Ok((status, String::from_utf8_lossy(&text).trim().to_owned()))
    };
    tokio::time::timeout(PATIENCE, exchange)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
}
