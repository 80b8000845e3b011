//! Who is who in a cluster: certificates for servers, tokens for clients, which are far less work than certificates.
//!
//! The built-in roles cover all of these clients.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use aws_lc_rs::rand;
use ferromesh_chassis::Failure;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, SanType,
};
use serde_json::json;

use super::place::Place;
use super::{at, fault};

/// A client of the API server.
struct Client {
    /// The name of its files.
    name: &'static str,
    /// Whom the API server takes it for.
    user: &'static str,
    /// In which group.
    group: &'static str,
}

const CLIENTS: [Client; 5] = [
    Client {
        name: "admin",
        user: "admin",
        group: "system:masters",
    },
    Client {
        name: "kube-controller-manager",
        user: "system:kube-controller-manager",
        group: "system:authenticated",
    },
    Client {
        name: "kube-scheduler",
        user: "system:kube-scheduler",
        group: "system:authenticated",
    },
    Client {
        name: "kube-proxy",
        user: "system:kube-proxy",
        group: "system:authenticated",
    },
    Client {
        name: "kubelet",
        user: "system:node:node1",
        group: "system:nodes",
    },
];

/// Writes them all.
///
/// # Errors
/// When files can't be written.
pub fn write(place: &Place) -> Result<(), Failure> {
    let folder = place.identities();
    let authority = authority("cluster")?;
    let front_proxies = self::authority("front-proxies")?;
    write_file(&folder.join("ca.crt"), &authority.pem())?;
    write_file(&folder.join("ca.key"), &authority.key().serialize_pem())?;
    write_file(&folder.join("front-proxies.crt"), &front_proxies.pem())?;
    let node = IpAddr::from(place.node()).to_string();
    let api = [
        node.as_str(),
        "127.0.0.1",
        "10.96.0.1",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    leaf(&folder, "apiserver", &api, "", &authority)?;
    leaf(&folder, "kubelet", &[&node], "", &authority)?;
    let masters = "system:masters";
    leaf(&folder, "apiserver-kubelet", &[], masters, &authority)?;
    leaf(&folder, "front-proxy", &[], "", &front_proxies)?;
    // Tokens of service accounts are signed as in most clusters.
    let accounts = KeyPair::generate_for(&PKCS_RSA_SHA256).map_err(fault("a key"))?;
    write_file(&folder.join("accounts.key"), &accounts.serialize_pem())?;
    write_file(&folder.join("accounts.pub"), &accounts.public_key_pem())?;
    clients(place, &authority.pem())
}

fn clients(place: &Place, root: &str) -> Result<(), Failure> {
    let folder = place.identities();
    let mut tokens = String::new();
    for Client { name, user, group } in CLIENTS {
        let mut random = [0; 16];
        rand::fill(&mut random).map_err(fault("randomness"))?;
        let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        tokens += &format!("{token},{user},{user},\"{group}\"\n");
        let server = format!("https://{}:6443", place.node());
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": place.name, "cluster": {
                "server": server, "certificate-authority-data": base64(root),
            }}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": place.name, "context": {"cluster": place.name, "user": name}}],
            "current-context": place.name,
        });
        write_file(
            &folder.join(format!("{name}.kubeconfig")),
            &format!("{config:#}\n"),
        )?;
        if name == "admin" {
            write_file(&place.kubeconfig(), &format!("{config:#}\n"))?;
        }
    }
    write_file(&folder.join("tokens.csv"), &tokens)
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, Failure> {
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished(name, "");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().map_err(fault("a key"))?;
    CertifiedIssuer::self_signed(params, key).map_err(fault("an authority"))
}

/// Writes a certificate with these names and addresses, and its key.
fn leaf(
    folder: &Path,
    name: &str,
    subjects: &[&str],
    organization: &str,
    authority: &CertifiedIssuer<'static, KeyPair>,
) -> Result<(), Failure> {
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished(name, organization);
    for subject in subjects {
        params.subject_alt_names.push(match subject.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName((*subject).try_into().map_err(fault("a name"))?),
        });
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ClientAuth,
        ExtendedKeyUsagePurpose::ServerAuth,
    ];
    let key = KeyPair::generate().map_err(fault("a key"))?;
    let certificate = params
        .signed_by(&key, authority)
        .map_err(fault("a certificate"))?;
    write_file(&folder.join(format!("{name}.crt")), &certificate.pem())?;
    write_file(&folder.join(format!("{name}.key")), &key.serialize_pem())
}

fn distinguished(name: &str, organization: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    if !organization.is_empty() {
        names.push(DnType::OrganizationName, organization);
    }
    names
}

fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(at(path))
}
