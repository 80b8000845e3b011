//! Virtual machines renew by the certificate that they have; nobody else does.

use std::time::Duration;

use ferromesh_ca::{Kind, Reason};
use rcgen::{CertificateParams, KeyPair, SanType};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::world::{CLIENT, NOW, VM, World, csr, labels, request, uri, verify, workload};

fn enter(world: &World, name: &str) {
    let entry = workload(Kind::Entry, "vm", name);
    let mut entries = world.source.entries.lock().expect("entries");
    entries.push(("shop".to_owned(), entry));
}

/// A leaf that the root of the world signs without asking anybody.
fn signed_by_the_root(world: &World, names: Vec<SanType>, (from, to): (u64, u64)) -> Vec<Vec<u8>> {
    let ca = world.state.path().join("ca");
    let root = std::fs::read_dir(ca)
        .expect("roots")
        .map(|entry| entry.expect("it").path())
        .find(|path| path.is_dir())
        .expect("a root");
    let text = |name: &str| std::fs::read_to_string(root.join(name)).expect(name);
    let key = KeyPair::from_pem(&text("root-key.pem")).expect("the key");
    let der = CertificateDer::from_pem_slice(text("root-cert.pem").as_bytes()).expect("PEM");
    let issuer = rcgen::Issuer::from_ca_cert_der(&der, key).expect("the root");
    vec![leaf(&issuer, names, (from, to))]
}

fn leaf(
    issuer: &rcgen::Issuer<'_, KeyPair>,
    names: Vec<SanType>,
    (from, to): (u64, u64),
) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names;
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(from);
    params.not_after = epoch + Duration::from_secs(to);
    let key = KeyPair::generate().expect("a key");
    params
        .signed_by(&key, issuer)
        .expect("a leaf")
        .der()
        .to_vec()
}

fn named(name: &str) -> Vec<SanType> {
    let dns = labels(name).dns_name().try_into().expect("ascii");
    vec![uri(VM), SanType::DnsName(dns)]
}

#[tokio::test]
async fn a_machine_renews_as_long_as_its_entry_is_there() {
    let (world, _) = World::new();
    enter(&world, "other");
    enter(&world, "vm-1");
    let body = request(&csr(), 0).render();
    let mut chain = signed_by_the_root(&world, named("vm-1"), (NOW - 60, NOW + 3600));
    for _ in 0..3 {
        let renewed = world.ask(None, &chain, &body).await.expect("renewed");
        verify(&renewed.ders(), renewed.roots(), NOW).expect("a chain");
        assert_eq!(renewed.leaf().uris(), [VM]);
        assert_eq!(renewed.leaf().dns_names(), [labels("vm-1").dns_name()]);
        chain = renewed.ders();
    }
    world.source.entries.lock().expect("entries").pop();
    world
        .refuses_call(Reason::EntryGone, (None, &chain), &body)
        .await;
    world.source.entries.lock().expect("entries").clear();
    world
        .refuses_call(Reason::EntryGone, (None, &chain), &body)
        .await;
}

#[tokio::test]
async fn a_certificate_without_labels_is_any_entry_of_its_account() {
    let (world, _) = World::new();
    enter(&world, "vm-1");
    let body = request(&csr(), 0).render();
    let chain = signed_by_the_root(&world, vec![uri(VM)], (NOW - 60, NOW + 3600));
    let renewed = world.ask(None, &chain, &body).await.expect("renewed");
    assert_eq!(renewed.leaf().dns_names(), [labels("vm-1").dns_name()]);
}

#[tokio::test]
async fn certificates_that_prove_nothing_are_refused() {
    let (world, _) = World::new();
    enter(&world, "vm-1");
    let body = request(&csr(), 0).render();
    let valid = (NOW - 60, NOW + 3600);
    let other = vec![uri("spiffe://other.domain/ns/shop/sa/vm")];
    let two = vec![uri(VM), uri(CLIENT)];
    let stranger = {
        let mut params = CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        vec![leaf(&rcgen::Issuer::new(params, key), named("vm-1"), valid)]
    };
    for (what, chain, reason) in [
        (
            "a pod's",
            signed_by_the_root(&world, vec![uri(CLIENT)], valid),
            Reason::EntryGone,
        ),
        (
            "domain B by CA A",
            signed_by_the_root(&world, other, valid),
            Reason::ForeignCertificate,
        ),
        (
            "two identities",
            signed_by_the_root(&world, two, valid),
            Reason::ForeignCertificate,
        ),
        (
            "none",
            signed_by_the_root(&world, vec![], valid),
            Reason::ForeignCertificate,
        ),
        ("another CA", stranger, Reason::ForeignCertificate),
        (
            "no certificate",
            vec![b"hello".to_vec()],
            Reason::ForeignCertificate,
        ),
        (
            "over",
            signed_by_the_root(&world, named("vm-1"), (NOW - 60, NOW - 1)),
            Reason::StaleCertificate,
        ),
        (
            "not yet",
            signed_by_the_root(&world, named("vm-1"), (NOW + 1, NOW + 60)),
            Reason::StaleCertificate,
        ),
        (
            "too old",
            signed_by_the_root(&world, named("vm-1"), (NOW - 12 * 3600 - 1, NOW + 3600)),
            Reason::OldCertificate,
        ),
    ] {
        eprintln!("{what}");
        world.refuses_call(reason, (None, &chain), &body).await;
    }
}

#[tokio::test]
async fn a_token_that_is_refused_is_not_saved_by_a_certificate() {
    let (world, _) = World::new();
    enter(&world, "vm-1");
    let chain = signed_by_the_root(&world, named("vm-1"), (NOW - 60, NOW + 3600));
    let body = request(&csr(), 0).render();
    world
        .refuses_call(Reason::UnknownToken, (Some("Bearer stolen"), &chain), &body)
        .await;
}
