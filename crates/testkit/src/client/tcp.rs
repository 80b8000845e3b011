//! Plain TCP, in lines.

use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::PATIENCE;

/// An open TCP connection.
#[derive(Debug)]
pub struct Tcp {
    stream: BufReader<TcpStream>,
}

impl Tcp {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn open(to: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(to)
            .await
            .map_err(|error| format!("{to}: {error}"))?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Connects from one of our addresses.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_from(from: IpAddr, to: SocketAddr) -> Result<Self, String> {
        Ok(Self {
            stream: BufReader::new(super::connect_from(from, to).await?),
        })
    }

    /// Sends a line.
    ///
    /// # Errors
    /// When the connection is broken.
    pub async fn say(&mut self, line: &str) -> Result<(), String> {
        let line = format!("{line}\n");
        self.stream
            .get_mut()
            .write_all(line.as_bytes())
            .await
            .map_err(|error| error.to_string())
    }

    /// Reads a line, without its end. `None` when the other side has closed.
    ///
    /// # Errors
    /// When the connection is broken, or nothing comes for a minute.
    pub async fn hear(&mut self) -> Result<Option<String>, String> {
        let mut line = String::new();
        let heard = tokio::time::timeout(PATIENCE, self.stream.read_line(&mut line)).await;
        let length = heard
            .map_err(|_| format!("nothing within {PATIENCE:?}"))?
            .map_err(|error| error.to_string())?;
        Ok((length > 0).then(|| line.trim_end().to_owned()))
    }
}
