//! `ferromesh-echo`: the application of the demo, and of tests that need one in a process of its own.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use ferromesh_chassis::{Failure, Shutdown, announce, failure};
use ferromesh_testkit::echo::{Echo, Kind};

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
    let named: Vec<(&str, SocketAddr)> = addresses
        .iter()
        .map(|(name, address)| (name.as_str(), *address))
        .collect();
    announce::print("ferromesh-echo", &named)?;
    shutdown.begun().await;
    Ok(())
}
