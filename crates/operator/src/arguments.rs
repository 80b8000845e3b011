//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use ferromesh_kube_source::directory::namespace;

/// The control plane of Ferromesh: reads Kubernetes and Istio manifests and serves Envoys by xDS.
///
/// It watches a source, compiles what it finds, and pushes every change to the proxies that it
/// concerns. Mistakes in manifests are reported (in the log and at /debug/diagnostics) with file,
/// line, field and a way out, while the last accepted version stays in force; they never end the
/// program.
///
/// At the start it prints one JSON line with the addresses that it listens on. SIGTERM and SIGINT
/// end it after its streams have been closed in good order.
#[derive(Debug, Parser)]
#[command(
    name = "ferromesh-operator",
    after_long_help = "\
Examples:
  ferromesh-operator --source dir:samples/shop --default-namespace ecommerce
  ferromesh-operator --source dir:. --plaintext-xds-address 127.0.0.1:0 --debug-address 127.0.0.1:0

Paths on the debug address:
  /ready                                200 once everything found at the start is compiled
  /version                              the version of this build
  /metrics                              Prometheus metrics; names that dashboards know are Istio's
  /debug/syncz                          which proxies are connected and whether they are up to date
  /debug/config_dump?proxy=NAME.NAMESPACE   what a connected proxy is served, as Envoy shows it
  /debug/endpointz                      the endpoints of every cluster
  /debug/diagnostics                    what is wrong with the manifests, as `ferromesh analyze -o json`"
)]
pub struct Arguments {
    /// Where the manifests come from: dir:PATH is a directory that is read with its
    /// subdirectories (*.yaml, *.yml, *.json; several documents in a file; List; mesh.yaml at
    /// its root is Istio's mesh configuration) and watched from then on.
    #[arg(long, value_name = "dir:PATH", value_parser = source)]
    pub source: PathBuf,

    /// The namespace of objects that name none.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = namespace)]
    pub default_namespace: String,

    /// Where Envoys connect without encryption: a loopback address, since nothing proves who a
    /// client is. Port 0 lets the system choose one.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:15010", value_parser = loopback)]
    pub plaintext_xds_address: SocketAddr,

    /// Where readiness, metrics and the debug pages are served. Port 0 lets the system choose one.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:15014")]
    pub debug_address: SocketAddr,

    /// How and how much is logged.
    #[command(flatten)]
    pub log: ferromesh_chassis::log::Arguments,
}

fn source(text: &str) -> Result<PathBuf, String> {
    match text.strip_prefix("dir:") {
        Some("") => Err("the path is empty".to_owned()),
        Some(path) => Ok(PathBuf::from(path)),
        None => Err(format!(
            "write dir:{text} for a directory; there is no other source yet"
        )),
    }
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "write IP:PORT".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("not a loopback address; plaintext clients could be anybody".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::{loopback, source};

    #[test]
    fn plaintext_stays_on_this_machine() {
        for (text, fine) in [
            ("127.0.0.1:15010", true),
            ("127.9.8.7:0", true),
            ("[::1]:0", true),
            ("0.0.0.0:15010", false),
            ("10.0.0.1:15010", false),
            ("15010", false),
        ] {
            assert_eq!(loopback(text).is_ok(), fine, "{text}");
        }
    }

    #[test]
    fn a_source_is_a_directory_for_now() {
        assert_eq!(source("dir:a/b"), Ok("a/b".into()));
        assert_eq!(
            source("a/b"),
            Err("write dir:a/b for a directory; there is no other source yet".to_owned())
        );
        assert!(source("dir:").is_err());
    }
}
