//! Plain TCP: everything comes back.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Serves one connection until the client has closed its half. With a name the server speaks first.
pub(super) async fn serve(mut stream: TcpStream, banner: Option<&str>) {
    let (mut reader, mut writer) = stream.split();
    if let Some(name) = banner
        && writer
            .write_all(format!("instance {name}\n").as_bytes())
            .await
            .is_err()
    {
        return;
    }
    let _ = tokio::io::copy(&mut reader, &mut writer).await;
    let _ = writer.shutdown().await;
}
