//! What a certificate says.

use std::time::Duration;

use ferromesh_ca::service::Rate;
use ferromesh_ca::{Lifetimes, Own, Reason};
use ferromesh_identity::certificate::Role;
use rcgen::{CertificateParams, KeyPair, RsaKeySize};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::world::{
    CLIENT, Choices, NOW, World, claims, csr, csr_naming, csr_of, request, uri, verify,
};

#[tokio::test]
async fn a_pod_gets_what_its_attestation_says_and_nothing_else() {
    let (world, key) = World::new();
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "istiod");
    params.insert_extended_key_usage(rcgen::ExtendedKeyUsagePurpose::CodeSigning);
    let own = KeyPair::generate().expect("a key");
    let chain = world
        .ask_with(&key.token(&claims()), &csr_of(&params, &own))
        .await
        .expect("a certificate");

    assert_eq!(
        chain.texts.len(),
        2,
        "a leaf of a root, and the root as the last one"
    );
    assert_eq!(chain.roots(), world.published());
    verify(&chain.ders(), chain.roots(), NOW).expect("a chain");
    let leaf = chain.leaf();
    assert_eq!(leaf.uris(), [CLIENT]);
    assert_eq!(leaf.dns_names(), ["client-v1.client.v1.c1.wl.mesh"]);
    assert_eq!(leaf.other_names(), 0);
    assert_eq!(leaf.role(), Role::Leaf);
    assert_eq!(leaf.not_before(), NOW - 60);
    assert_eq!(leaf.not_after(), NOW + 24 * 3600);

    let (_, read) = X509Certificate::from_der(leaf.der()).expect("a certificate");
    assert_eq!(read.subject().iter().count(), 0, "no subject");
    assert!(
        read.subject_alternative_name()
            .expect("it")
            .expect("it")
            .critical
    );
    let usage = read.key_usage().expect("it").expect("it").value;
    assert_eq!(usage.flags, 0b101, "digital signature, key encipherment");
    let extended = read.extended_key_usage().expect("it").expect("it").value;
    assert!(extended.server_auth && extended.client_auth && !extended.code_signing);
    let constraints = read.basic_constraints().expect("it").expect("it");
    assert!(constraints.critical && !constraints.value.ca);
    assert_eq!(read.raw_serial().len(), 16);
}

#[tokio::test]
async fn serial_numbers_are_never_the_same() {
    let (world, key) = World::new();
    let mut serials = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let chain = world
            .ask_with(&key.token(&claims()), &csr())
            .await
            .expect("one");
        assert!(serials.insert(chain.leaf().serial().to_owned()));
    }
}

#[tokio::test]
async fn every_kind_of_key_that_is_taken_gets_a_certificate() {
    let (world, key) = World::new();
    let rsa = |size| KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size);
    for own in [
        KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
        KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
        KeyPair::generate_for(&rcgen::PKCS_ED25519),
        rsa(RsaKeySize::_2048),
        rsa(RsaKeySize::_4096),
    ] {
        let own = own.expect("a key");
        let csr = csr_of(&CertificateParams::default(), &own);
        let chain = world
            .ask_with(&key.token(&claims()), &csr)
            .await
            .expect("one");
        verify(&chain.ders(), chain.roots(), NOW).expect("a chain");
        let leaf = chain.leaf();
        let (_, read) = X509Certificate::from_der(leaf.der()).expect("a certificate");
        let info = rcgen::PublicKeyData::subject_public_key_info(&own);
        assert_eq!(read.public_key().raw, info);
    }
}

#[tokio::test]
async fn a_request_may_name_the_identity_that_it_gets_anyway() {
    let (world, key) = World::new();
    let csr = csr_naming(vec![uri(CLIENT)]);
    let chain = world
        .ask_with(&key.token(&claims()), &csr)
        .await
        .expect("one");
    assert_eq!(chain.leaf().uris(), [CLIENT]);
}

#[tokio::test]
async fn lifetimes_are_clamped() {
    let lifetimes = Lifetimes {
        default: Duration::from_secs(1000),
        min: Duration::from_secs(100),
        max: Duration::from_secs(5000),
        skew: Duration::from_secs(7),
    };
    let (world, key) = World::with(Choices {
        lifetimes,
        ..Choices::default()
    });
    let header = format!("Bearer {}", key.token(&claims()));
    for (wish, granted) in [
        (0, 1000),
        (-1, 1000),
        (i64::MIN, 1000),
        (1, 100),
        (3000, 3000),
        (i64::MAX, 5000),
    ] {
        let body = request(&csr(), wish).render();
        let chain = world.ask(Some(&header), &[], &body).await.expect("one");
        let leaf = chain.leaf();
        assert_eq!(leaf.not_after(), NOW + granted, "{wish}");
        assert_eq!(leaf.not_before(), NOW - 7);
    }
}

#[tokio::test]
async fn no_leaf_outlives_its_root_and_a_root_that_is_over_signs_nothing() {
    let (world, key) = World::new();
    let root = crate::world::read(&world.published()).remove(0);
    world.clock.forward(root.not_after() - NOW - 100);
    let mut claims = claims();
    claims["exp"] = (root.not_after() + 10_000).into();
    let chain = world
        .ask_with(&key.token(&claims), &csr())
        .await
        .expect("one");
    assert_eq!(chain.leaf().not_after(), root.not_after());
    world.clock.forward(200);
    world
        .refuses(Reason::Unavailable, &key.token(&claims), &csr())
        .await;
}

#[tokio::test]
async fn a_flood_of_one_identity_leaves_the_others_as_they_are() {
    let (world, key) = World::with(Choices {
        rate: Rate {
            burst: 3.0,
            per_second: 1.0,
        },
        ..Choices::default()
    });
    let token = key.token(&claims());
    for _ in 0..3 {
        world.ask_with(&token, &csr()).await.expect("one");
    }
    for _ in 0..20 {
        world.refuses(Reason::RateLimited, &token, &csr()).await;
    }
    let other = world.directory_token("thief-1");
    world
        .ask_with(&other, &csr())
        .await
        .expect("another account's");
    world.clock.forward(1);
    world.ask_with(&token, &csr()).await.expect("one");
    world.refuses(Reason::RateLimited, &token, &csr()).await;
}

#[tokio::test]
async fn the_control_plane_has_its_own_certificate_and_nobody_else_gets_one_like_it() {
    let (world, key) = World::new();
    let own = Own::issue(world.service.clone()).await.expect("its own");
    let first = own.watch().borrow().clone();
    verify(&first.chain, &world.published(), NOW).expect("a chain");
    let leaf = ferromesh_identity::Certificate::from_der(&first.chain[0]).expect("a leaf");
    assert_eq!(
        leaf.uris(),
        ["spiffe://cluster.local/ns/istio-system/sa/ferromesh"]
    );
    assert_eq!(leaf.dns_names(), ["istiod.istio-system.svc"]);
    let pair = KeyPair::try_from(&first.key[..]).expect("a key");
    let (_, read) = X509Certificate::from_der(leaf.der()).expect("a certificate");
    assert_eq!(
        read.public_key().raw,
        rcgen::PublicKeyData::subject_public_key_info(&pair)
    );
    own.renew().await.expect("renewed");
    assert_ne!(own.watch().borrow().chain, first.chain);

    let name = ("istio-system".to_owned(), "thief-1".to_owned());
    let thief = crate::world::pod("ferromesh");
    world.source.pods.lock().expect("pods").insert(name, thief);
    let mut claims = claims();
    claims["sub"] = "system:serviceaccount:istio-system:ferromesh".into();
    let binding = &mut claims["kubernetes.io"];
    binding["namespace"] = "istio-system".into();
    binding["pod"]["name"] = "thief-1".into();
    binding["serviceaccount"]["name"] = "ferromesh".into();
    world
        .refuses(Reason::ControlPlane, &key.token(&claims), &csr())
        .await;

    // The same account in another namespace is somebody else.
    let token = world.directory_token("thief-1");
    let chain = world.ask_with(&token, &csr()).await.expect("one");
    assert_eq!(
        chain.leaf().uris(),
        ["spiffe://cluster.local/ns/shop/sa/ferromesh"]
    );
}

#[tokio::test]
async fn the_own_certificate_follows_the_roots() {
    let (world, _) = World::new();
    let own = std::sync::Arc::new(Own::issue(world.service.clone()).await.expect("its own"));
    let mut watch = own.watch();
    let before = watch.borrow_and_update().clone();
    let keeping = tokio::spawn({
        let own = own.clone();
        async move { own.keep().await }
    });
    // The task has to listen before there is something to hear.
    tokio::task::yield_now().await;
    let now = Duration::from_secs(NOW);
    let domain = ferromesh_identity::TrustDomain::default();
    ferromesh_ca::begin_rotation(world.state.path(), &domain, now).expect("begun");
    world.roots.step(now).expect("a step");
    watch.changed().await.expect("a new one");
    assert_ne!(watch.borrow().chain, before.chain);
    keeping.abort();
}
