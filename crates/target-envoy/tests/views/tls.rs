//! TLS of every sort.

use std::sync::Arc;

use ferromesh_identity::TrustDomain;
use ferromesh_mesh as mesh;

use mesh::policy::tls::{
    ClientTls, Compliance, ServerCheck, ServerTrust, TlsParameters, TlsVersion,
};
use mesh::view::cluster::{MeshTls, UpstreamTls};

use super::every;

/// Parameters of TLS of every sort.
pub fn parameters() -> Vec<TlsParameters> {
    let versions = every! {
        TlsVersion::V1_2 => TlsVersion::V1_2,
        TlsVersion::V1_3 => TlsVersion::V1_3,
    };
    let compliances = every! {
        Compliance::Free => Compliance::Free,
        Compliance::Fips => Compliance::Fips,
    };
    let mut all = Vec::new();
    for min_version in versions {
        for compliance in &compliances {
            all.push(TlsParameters {
                min_version,
                cipher_suites: vec!["ECDHE-ECDSA-AES128-GCM-SHA256".into()],
                curves: vec!["P-256".into(), "X25519".into()],
                compliance: *compliance,
            });
            all.push(TlsParameters {
                min_version,
                compliance: *compliance,
                ..TlsParameters::default()
            });
        }
    }
    all
}

/// TLS towards instances.
pub fn all() -> Vec<UpstreamTls> {
    let mesh = |sni: &str, names: &[&str], parameters| MeshTls {
        sni: sni.into(),
        names: names.iter().map(|it| Arc::from(*it)).collect(),
        trust_domain: TrustDomain::default(),
        parameters,
    };
    let plain = || mesh("", &[], TlsParameters::default());
    let trusts = every! {
        ServerTrust::File(_) => ServerTrust::File("/etc/certs/root.pem".into()),
        ServerTrust::System => ServerTrust::System,
        ServerTrust::Nobody => ServerTrust::Nobody,
    };
    let check = |trust, sni: &str, names: &[&str]| ServerCheck {
        sni: sni.into(),
        trust,
        names: names.iter().map(|it| Arc::from(*it)).collect(),
        revoked: "".into(),
    };
    let mutual = |server| ClientTls::Mutual {
        certificate: "/etc/certs/cert.pem".into(),
        key: "/etc/certs/key.pem".into(),
        server,
    };
    let clients = every! {
        ClientTls::Disable => ClientTls::Disable,
        ClientTls::Mesh { .. } => ClientTls::Mesh { sni: "".into(), names: Vec::new() },
        ClientTls::Simple(_) => ClientTls::Simple(check(ServerTrust::System, "", &[])),
        ClientTls::Mutual { .. } => mutual(check(ServerTrust::System, "", &[])),
    };
    let mut all = every! {
        UpstreamTls::Off => UpstreamTls::Off,
        UpstreamTls::Auto(_) => UpstreamTls::Auto(plain()),
        UpstreamTls::Mesh(_) => UpstreamTls::Mesh(plain()),
        UpstreamTls::Other(..) => UpstreamTls::Other(clients[2].clone(), TlsParameters::default()),
    };
    let names = ["spiffe://cluster.local/ns/shop/sa/front", "a.test", ""];
    let long = "x".repeat(300);
    for parameters in parameters() {
        all.push(UpstreamTls::Auto(mesh("a.test", &names, parameters)));
    }
    all.push(UpstreamTls::Mesh(mesh(
        &long,
        &names,
        TlsParameters::default(),
    )));
    let other = |client| UpstreamTls::Other(client, TlsParameters::default());
    all.extend(clients.into_iter().map(other));
    for trust in trusts {
        for (sni, names) in [
            ("", &[][..]),
            ("a.test", &names[..]),
            (long.as_str(), &[][..]),
        ] {
            let check = check(trust.clone(), sni, names);
            all.push(other(ClientTls::Simple(check.clone())));
            all.push(other(mutual(check)));
        }
    }
    all
}
