//! Signers outside of the program: what they answer is verified.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferromesh_ca::signer::{Answer, Order, SignerFault};
use ferromesh_ca::{Own, Reason, Roots, Signer};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, IsCa, Issuer, KeyPair,
    SanType,
};
use rustls_pki_types::CertificateSigningRequestDer;

use crate::world::{CLIENT, Choices, NOW, TokenKey, World, claims, csr, uri, verify};

/// How the signer behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    Sound,
    RefusesDnsNames,
    LeavesDnsNamesOut,
    Away,
    OtherIdentity,
    TwoIdentities,
    MoreNames,
    OtherKey,
    Authority,
    OtherRoot,
    Over,
    ForEver,
    Garbage,
}

struct Fake {
    manner: Mutex<Manner>,
    issuer: Issuer<'static, KeyPair>,
    stranger: Issuer<'static, KeyPair>,
    orders: Mutex<Vec<usize>>,
}

fn authority(name: &str) -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    (params, KeyPair::generate().expect("a key"))
}

impl Fake {
    fn answer(&self, order: Order<'_>) -> Result<String, SignerFault> {
        let manner = *self.manner.lock().expect("it");
        self.orders.lock().expect("it").push(order.dns_names.len());
        match manner {
            Manner::Away => return Err(SignerFault::Unavailable("gone fishing".to_owned())),
            Manner::RefusesDnsNames if !order.dns_names.is_empty() => {
                return Err(SignerFault::DnsNames("only URIs".to_owned()));
            }
            Manner::Garbage => return Ok("hello".to_owned()),
            _ => {}
        }
        let der = CertificateSigningRequestDer::from(order.csr);
        let mut request = CertificateSigningRequestParams::from_der(&der).expect("a request");
        let params = &mut request.params;
        params.subject_alt_names = vec![uri(&order.identity.to_string())];
        for name in order.dns_names {
            let name = name.as_str().try_into().expect("ascii");
            params.subject_alt_names.push(SanType::DnsName(name));
        }
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        params.not_before = epoch + Duration::from_secs(NOW - 60);
        params.not_after = epoch + Duration::from_secs(NOW) + order.lifetime;
        spoil(params, manner);
        let issuer = match manner {
            Manner::OtherRoot => &self.stranger,
            _ => &self.issuer,
        };
        let signed = match manner {
            Manner::OtherKey => params.signed_by(&KeyPair::generate().expect("a key"), issuer),
            _ => params.signed_by(&request.public_key, issuer),
        };
        Ok(signed.expect("a leaf").pem())
    }
}

fn spoil(params: &mut CertificateParams, manner: Manner) {
    match manner {
        Manner::LeavesDnsNamesOut => params.subject_alt_names.truncate(1),
        Manner::OtherIdentity => {
            params.subject_alt_names = vec![uri("spiffe://cluster.local/ns/shop/sa/admin")];
        }
        Manner::TwoIdentities => {
            let other = uri("spiffe://cluster.local/ns/shop/sa/admin");
            params.subject_alt_names.push(other);
        }
        Manner::MoreNames => {
            let name = "istiod.istio-system.svc".try_into().expect("ascii");
            params.subject_alt_names.push(SanType::DnsName(name));
        }
        Manner::Authority => params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
        Manner::ForEver => params.not_after = rcgen::date_time_ymd(9999, 1, 1),
        Manner::Over => {
            params.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(NOW - 1);
        }
        _ => {}
    }
}

impl Signer for Fake {
    fn sign<'a>(&'a self, order: Order<'a>) -> Answer<'a> {
        Box::pin(async move { self.answer(order) })
    }
}

fn world() -> (World, TokenKey, Arc<Fake>) {
    let state = tempfile::tempdir().expect("a directory");
    let (params, key) = authority("theirs");
    let root = params.self_signed(&key).expect("a root");
    let (other, other_key) = authority("theirs");
    let fake = Arc::new(Fake {
        manner: Mutex::new(Manner::Sound),
        issuer: Issuer::new(params, key),
        stranger: Issuer::new(other, other_key),
        orders: Mutex::default(),
    });
    let file = state.path().join("theirs.pem");
    std::fs::write(&file, root.pem()).expect("a file");
    let now = Duration::from_secs(NOW);
    let roots = Roots::external(&file, state.path(), fake.clone(), now).expect("roots");
    let (world, key) = World::on(state, roots, Choices::default());
    (world, key, fake)
}

#[tokio::test]
async fn a_sound_answer_is_handed_on() {
    let (world, key, fake) = world();
    let chain = world
        .ask_with(&key.token(&claims()), &csr())
        .await
        .expect("one");
    verify(&chain.ders(), chain.roots(), NOW).expect("a chain");
    assert_eq!(chain.leaf().uris(), [CLIENT]);
    assert_eq!(chain.leaf().dns_names(), ["client-v1.client.v1.c1.wl.mesh"]);
    assert_eq!(chain.roots(), world.published());
    assert_eq!(*fake.orders.lock().expect("it"), [1]);
}

#[tokio::test]
async fn without_labels_if_the_signer_refuses_dns_names() {
    let (world, key, fake) = world();
    for (manner, orders) in [
        (Manner::RefusesDnsNames, &[1, 0][..]),
        (Manner::LeavesDnsNamesOut, &[1]),
    ] {
        *fake.manner.lock().expect("it") = manner;
        fake.orders.lock().expect("it").clear();
        let chain = world
            .ask_with(&key.token(&claims()), &csr())
            .await
            .expect("one");
        assert_eq!(chain.leaf().uris(), [CLIENT]);
        assert!(chain.leaf().dns_names().is_empty());
        assert_eq!(*fake.orders.lock().expect("it"), orders);
    }
}

#[tokio::test]
async fn a_wrong_answer_reaches_nobody() {
    let (world, key, fake) = world();
    for (manner, reason) in [
        (Manner::Away, Reason::Unavailable),
        (Manner::OtherIdentity, Reason::BadAnswer),
        (Manner::TwoIdentities, Reason::BadAnswer),
        (Manner::MoreNames, Reason::BadAnswer),
        (Manner::OtherKey, Reason::BadAnswer),
        (Manner::Authority, Reason::BadAnswer),
        (Manner::OtherRoot, Reason::BadAnswer),
        (Manner::Over, Reason::BadAnswer),
        (Manner::ForEver, Reason::BadAnswer),
        (Manner::Garbage, Reason::BadAnswer),
    ] {
        eprintln!("{manner:?}");
        *fake.manner.lock().expect("it") = manner;
        world.refuses(reason, &key.token(&claims()), &csr()).await;
    }
}

#[tokio::test]
async fn the_control_plane_gets_its_own_certificate_there_as_well() {
    let (world, _, fake) = world();
    let own = Own::issue(world.service.clone()).await.expect("its own");
    let chain = own.watch().borrow().chain.clone();
    verify(&chain, &world.published(), NOW).expect("a chain");
    *fake.manner.lock().expect("it") = Manner::OtherIdentity;
    let refusal = own.renew().await.expect_err("refused");
    assert_eq!(refusal.reason, Reason::BadAnswer);
    assert_eq!(own.watch().borrow().chain, chain, "it stays");
}
