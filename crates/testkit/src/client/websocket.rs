//! WebSockets.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

/// An open WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    socket: WebSocketStream<TcpStream>,
}

impl WebSocket {
    /// Connects to an address and asks a host for a WebSocket.
    ///
    /// # Errors
    /// When it is refused; the text has the status.
    pub async fn open(to: SocketAddr, host: &str, path: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(to)
            .await
            .map_err(|error| format!("{to}: {error}"))?;
        let asked = tokio_tungstenite::client_async(format!("ws://{host}{path}"), stream).await;
        let (socket, _) = asked.map_err(|error| match error {
            Error::Http(response) => format!("refused with status {}", response.status()),
            other => other.to_string(),
        })?;
        Ok(Self { socket })
    }

    /// Sends a text and returns the next one that comes.
    ///
    /// # Errors
    /// When the socket is closed.
    pub async fn exchange(&mut self, text: &str) -> Result<String, String> {
        self.socket
            .send(Message::text(text))
            .await
            .map_err(|error| error.to_string())?;
        match self.socket.next().await {
            Some(Ok(message)) => message
                .into_text()
                .map(|text| text.to_string())
                .map_err(|error| error.to_string()),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("closed".to_owned()),
        }
    }
}
