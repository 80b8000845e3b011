//! `ferromesh-echo`: the application of the demo, and of tests that need one in a process of its own.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ferromesh_chassis::{Failure, Shutdown, announce, failure};
use ferromesh_testkit::authority::self_signed;
use ferromesh_testkit::echo::{Echo, Kind};
use ferromesh_testkit::tls_server::TlsServer;

/// How long clients may take to go when it ends.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers requests by saying what it received and who it is, and fails when it is asked to.
#[derive(Parser)]
#[command(name = "ferromesh-echo")]
struct Arguments {
    /// The name of this instance, which is in every answer.
    #[arg(long)]
    instance: String,

    /// Serves HTTP/1.1 and HTTP/2 here (requests, gRPC, WebSockets). May be repeated; port 0 lets the system choose.
    #[arg(long, value_name = "IP:PORT")]
    http: Vec<SocketAddr>,

    /// Answers HTTPS here, by a certificate that nobody has signed. May be repeated.
    #[arg(long, value_name = "IP:PORT")]
    https: Vec<SocketAddr>,

    /// Sends everything back that comes in over TCP here. May be repeated.
    #[arg(long, value_name = "IP:PORT")]
    tcp: Vec<SocketAddr>,

    /// As --tcp, but speaks first. May be repeated.
    #[arg(long, value_name = "IP:PORT")]
    banner: Vec<SocketAddr>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    failure::exit(run(ferromesh_chassis::arguments::read()).await)
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments {
        instance,
        http,
        https,
        tcp,
        banner,
    } = arguments;
    let shutdown = Shutdown::on_signals()?;
    let mut echo = Echo::new(&instance);
    let mut addresses = Vec::new();
    for (name, kind, wanted) in [
        ("http", Kind::Http, http),
        ("tcp", Kind::Tcp, tcp),
        ("banner", Kind::Banner, banner),
    ] {
        for (position, address) in wanted.into_iter().enumerate() {
            let fault = |error| Failure::new(format!("--{name} {address}: {error}"));
            let chosen = echo.listen(kind, address).await.map_err(fault)?;
            // The second of a kind is `http-1`.
            let name = if position == 0 {
                name.to_owned()
            } else {
                format!("{name}-{position}")
            };
            addresses.push((name, chosen));
        }
    }
    let mut secured = Vec::new();
    for address in https {
        let server = TlsServer::start(address, &self_signed(&["echo"]).certified, None).await;
        addresses.push(("https".to_owned(), server.address()));
        secured.push(server);
    }
    let named: Vec<(&str, SocketAddr)> = addresses
        .iter()
        .map(|(name, address)| (name.as_str(), *address))
        .collect();
    announce::print("ferromesh-echo", &named)?;
    shutdown.begun().await;
    // Clients that stay for longer are cut off.
    let _ = tokio::time::timeout(PATIENCE, echo.end()).await;
    Ok(())
}
