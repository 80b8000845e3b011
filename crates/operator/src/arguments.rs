//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use ferromesh_identity::TrustDomain;
use ferromesh_kube_source::directory::namespace;
use ipnet::IpNet;

/// How the control plane runs.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// Where the manifests come from: "kubernetes" is the API server of the cluster that this runs
    /// in, or that of KUBECONFIG; dir:PATH is a directory that is read with its subdirectories
    /// (*.yaml, *.yml, *.json; several documents in a file; List; mesh.yaml at its root is
    /// Istio's mesh configuration) and watched from then on.
    #[arg(long, value_name = "kubernetes|dir:PATH", value_parser = source, required = true)]
    pub source: Option<Source>,

    /// With --source kubernetes: the namespace of the control plane, where its authority and the
    /// ConfigMap with the mesh configuration are.
    #[arg(long, value_name = "NAME", env = "POD_NAMESPACE", default_value = "ferromesh-system", value_parser = namespace)]
    pub own_namespace: String,

    /// With --source kubernetes: the name of this replica.
    #[arg(
        long,
        value_name = "NAME",
        env = "POD_NAME",
        default_value = "ferromesh"
    )]
    pub replica: String,

    /// The namespace of objects that name none.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = namespace)]
    pub default_namespace: String,

    /// Where certificates and tokens are kept, and root-cert.pem and tokens/NAMESPACE.NAME are
    /// written for agents. A directory cacerts in it holds another authority than our own, in
    /// Istio's files. In a cluster it has but a copy of the authority, which is a Secret. Whoever
    /// can read it can be anybody in the mesh.
    #[arg(
        long,
        value_name = "DIR",
        required_unless_present = "plaintext_xds_address"
    )]
    pub state: Option<PathBuf>,

    /// Where Envoys and agents connect by TLS, for configuration and certificates. Port 0 lets
    /// the system choose one.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:15012")]
    pub xds_address: SocketAddr,

    /// How long certificates of workloads live, in seconds; agents renew them at half of that.
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400, value_parser = clap::value_parser!(u32).range(2..))]
    pub certificate_lifetime: u32,

    /// Where Envoys connect without encryption as well: a loopback address, since nothing proves
    /// who a client is. Port 0 lets the system choose one.
    #[arg(long, value_name = "IP:PORT", value_parser = loopback)]
    pub plaintext_xds_address: Option<SocketAddr>,

    /// Where readiness, metrics and the debug pages are served. Port 0 lets the system choose one.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:15014", value_parser = loopback)]
    pub debug_address: SocketAddr,

    /// With --source kubernetes: where the API server asks about pods and about objects of the
    /// mesh. Port 0 lets the system choose one.
    #[arg(long, value_name = "IP:PORT", requires = "injection")]
    pub webhook_address: Option<SocketAddr>,

    /// How sidecars are injected: the settings of `ferromesh inject`, in YAML.
    #[arg(long, value_name = "FILE")]
    pub injection: Option<PathBuf>,

    /// Where readiness and metrics are served to the outside, and nothing else. Port 0 lets the
    /// system choose one.
    #[arg(long, value_name = "IP:PORT")]
    pub health_address: Option<SocketAddr>,

    /// Addresses at which keys of token issuers are never fetched, besides loopback, link-local and
    /// metadata services: those of the mesh's own services first of all, since whoever may write
    /// a RequestAuthentication decides what is asked.
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    pub jwks_blocked_cidrs: Vec<IpNet>,

    /// How often keys of token issuers are fetched again, in seconds; a tenth more or less.
    #[arg(long, value_name = "SECONDS", default_value_t = 1200, value_parser = clap::value_parser!(u32).range(1..))]
    pub jwks_refresh: u32,

    /// Certificates in PEM that are trusted when keys of token issuers are fetched, besides those
    /// of the system.
    #[arg(long, value_name = "FILE")]
    pub jwks_root_certs: Option<PathBuf>,

    /// How and how much is logged.
    #[command(flatten)]
    pub log: ferromesh_chassis::log::Arguments,
}

/// What else it does.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Begins a rotation of the root certificate. The control plane that runs on the state
    /// directory goes on with it: first everybody learns to trust old and new, then the new one
    /// signs, and when the last certificate of the old one has expired, the old one goes. It
    /// survives a crash at each step, and does nothing when one is under way.
    RotateRoot(RotateRoot),
}

/// Which root.
#[derive(Args, Clone, Debug)]
pub struct RotateRoot {
    /// The state directory of the control plane.
    #[arg(long, value_name = "DIR")]
    pub state: PathBuf,

    /// The trust domain of the mesh.
    #[arg(long, value_name = "NAME", default_value = "cluster.local", value_parser = trust_domain)]
    pub trust_domain: TrustDomain,
}

fn trust_domain(text: &str) -> Result<TrustDomain, String> {
    TrustDomain::new(text).map_err(|fault| fault.to_string())
}

/// Where manifests come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A directory.
    Directory(PathBuf),
    /// An API server.
    Kubernetes,
}

fn source(text: &str) -> Result<Source, String> {
    match text.strip_prefix("dir:") {
        Some("") => Err("the path is empty".to_owned()),
        Some(path) => Ok(Source::Directory(PathBuf::from(path))),
        None if text == "kubernetes" => Ok(Source::Kubernetes),
        None => Err(format!("write dir:{text} for a directory, or kubernetes")),
    }
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "write IP:PORT".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("not a loopback address; without encryption anybody could listen and ask".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::{Source, loopback, source};

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
    fn a_source_is_a_directory_or_an_api_server() {
        assert_eq!(source("dir:a/b"), Ok(Source::Directory("a/b".into())));
        assert_eq!(source("kubernetes"), Ok(Source::Kubernetes));
        assert_eq!(
            source("a/b"),
            Err("write dir:a/b for a directory, or kubernetes".to_owned())
        );
        assert!(source("dir:").is_err());
    }
}
