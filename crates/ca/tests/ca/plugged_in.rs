//! Authorities that somebody else made, in Istio's files.

use std::path::Path;
use std::time::Duration;

use ferromesh_ca::{RootFault, Roots};
use ferromesh_identity::TrustDomain;
use rcgen::{
    BasicConstraints, CertificateParams, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints,
};

use crate::world::{CLIENT, Choices, NOW, World, claims, csr, verify};

/// A root and an authority below it.
struct Authority {
    root: String,
    certificate: String,
    key: String,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(rcgen::DnType::OrganizationName, "Acme");
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.use_authority_key_identifier_extension = true;
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(NOW - 1000);
    params.not_after = epoch + Duration::from_secs(NOW + 7200);
    params
}

impl Authority {
    fn new(key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let root_key = KeyPair::generate().expect("a key");
        let root = params("root").self_signed(&root_key).expect("a root").pem();
        let issuer = Issuer::new(params("root"), root_key);
        let mut below = params("intermediate");
        change(&mut below);
        Self {
            root,
            certificate: below.signed_by(key, &issuer).expect("it").pem(),
            key: key.serialize_pem(),
        }
    }

    fn sound() -> Self {
        Self::new(&KeyPair::generate().expect("a key"), |_| {})
    }

    fn write(&self, directory: &Path) {
        let chain = format!("{}{}", self.certificate, self.root);
        for (name, text) in [
            ("root-cert.pem", &self.root),
            ("ca-cert.pem", &self.certificate),
            ("ca-key.pem", &self.key),
            ("cert-chain.pem", &chain),
        ] {
            std::fs::write(directory.join(name), text).expect("a file");
        }
    }
}

fn opened(state: &Path, directory: &Path) -> Result<Roots, RootFault> {
    let now = Duration::from_secs(NOW);
    Roots::plugged_in(directory, state, &TrustDomain::default(), now)
}

fn world(authority: &Authority) -> (World, crate::world::TokenKey, tempfile::TempDir) {
    let plugged = tempfile::tempdir().expect("a directory");
    authority.write(plugged.path());
    let state = tempfile::tempdir().expect("a directory");
    let roots = opened(state.path(), plugged.path()).expect("roots");
    let (world, key) = World::on(state, roots, Choices::default());
    (world, key, plugged)
}

#[tokio::test]
async fn leaves_come_with_the_intermediate_and_never_outlive_it() {
    let rsa = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("a key");
    for authority in [Authority::sound(), Authority::new(&rsa, |_| {})] {
        let (world, key, _plugged) = world(&authority);
        let chain = world
            .ask_with(&key.token(&claims()), &csr())
            .await
            .expect("one");
        assert_eq!(chain.texts.len(), 3);
        assert_eq!(chain.texts[1], authority.certificate, "without the root");
        assert_eq!(chain.texts[2], authority.root);
        assert_eq!(world.published(), authority.root);
        verify(&chain.ders(), chain.roots(), NOW).expect("a chain");
        assert_eq!(chain.leaf().not_after(), NOW + 7200);
        assert_eq!(chain.leaf().dns_names().len(), 1);
    }
}

#[tokio::test]
async fn name_constraints_that_forbid_labels_leave_the_identity() {
    let key = KeyPair::generate().expect("a key");
    let constrained = Authority::new(&key, |params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("acme.example".to_owned())],
            excluded_subtrees: vec![],
        });
    });
    let (world, key, _plugged) = world(&constrained);
    let chain = world
        .ask_with(&key.token(&claims()), &csr())
        .await
        .expect("one");
    verify(&chain.ders(), chain.roots(), NOW).expect("a chain");
    assert_eq!(chain.leaf().uris(), [CLIENT]);
    assert!(chain.leaf().dns_names().is_empty());
    let own = ferromesh_ca::Own::issue(world.service.clone())
        .await
        .expect("its own");
    verify(&own.watch().borrow().chain, &world.published(), NOW).expect("a chain");
}

#[tokio::test]
async fn files_are_read_again_and_what_does_not_fit_changes_nothing() {
    let (first, second) = (Authority::sound(), Authority::sound());
    let (world, key, plugged) = world(&first);
    let now = Duration::from_secs(NOW);
    let token = key.token(&claims());

    // Half of the files are new.
    std::fs::write(plugged.path().join("ca-cert.pem"), &second.certificate).expect("a file");
    world.roots.step(now).expect_err("the key is another");
    let chain = world.ask_with(&token, &csr()).await.expect("one");
    assert_eq!(chain.roots(), first.root);

    second.write(plugged.path());
    world.roots.step(now).expect("they fit");
    let chain = world.ask_with(&token, &csr()).await.expect("one");
    assert_eq!(chain.roots(), second.root);
    assert_eq!(world.published(), second.root);
    verify(&chain.ders(), chain.roots(), NOW).expect("a chain");

    std::fs::remove_file(plugged.path().join("root-cert.pem")).expect("removed");
    world.roots.step(now).expect_err("a file is gone");
    let chain = world.ask_with(&token, &csr()).await.expect("one");
    assert_eq!(chain.roots(), second.root);
}

#[test]
fn what_can_not_sign_is_refused_at_the_start() {
    let key = KeyPair::generate().expect("a key");
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let over = Authority::new(&key, |params| {
        params.not_after = epoch + Duration::from_secs(NOW - 1);
    });
    let leaf = Authority::new(&key, |params| params.is_ca = IsCa::ExplicitNoCa);
    let no_signer = Authority::new(&key, |params| {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    });
    let other_key = Authority {
        key: KeyPair::generate().expect("a key").serialize_pem(),
        ..Authority::sound()
    };
    let other_root = Authority {
        root: Authority::sound().root,
        ..Authority::sound()
    };
    let no_key = Authority {
        key: "hello".to_owned(),
        ..Authority::sound()
    };
    for (authority, expected) in [
        (over, "valid from"),
        (leaf, "without CA:TRUE"),
        (no_signer, "key usage without keyCertSign"),
        (other_key, "the key is not that of the certificate"),
        (other_root, "doesn't lead to a trusted root"),
        (no_key, "ca-key.pem: no PEM key"),
    ] {
        let (state, plugged) = (
            tempfile::tempdir().expect("it"),
            tempfile::tempdir().expect("it"),
        );
        authority.write(plugged.path());
        let fault = opened(state.path(), plugged.path()).expect_err(expected);
        assert!(fault.to_string().contains(expected), "{expected}: {fault}");
        assert!(!state.path().join("root-cert.pem").exists());
    }
}
