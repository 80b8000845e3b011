use std::sync::Arc;

use bytes::Bytes;
use ferromesh_identity::{Certificate, SpiffeId};
use ferromesh_proto::progress::{ASK, AskRequest, AskResponse, MOST_VERSIONS, State, Version};
use ferromesh_xds_server::{Call, Peer, Plane, Proof, Verified};
use rcgen::{CertificateParams, KeyPair, SanType};

use super::{INVALID_ARGUMENT, PERMISSION_DENIED, ask};
use crate::cluster::status::Reports;

const REPLICA: &str = "spiffe://cluster.local/ns/root/sa/ferromesh";

fn reports() -> Reports {
    let (_, handle) = Plane::new(Box::new(|_| {}));
    Reports {
        findings: Default::default(),
        subjects: Default::default(),
        hub: Arc::clone(handle.hub()),
    }
}

/// The proof of whoever has this identity.
fn certificate(identity: &str) -> Proof {
    let mut params = CertificateParams::default();
    let name = identity.try_into().expect("a name");
    params.subject_alt_names = vec![SanType::URI(name)];
    let key = KeyPair::generate().expect("a key");
    let der = params
        .self_signed(&key)
        .expect("a certificate")
        .der()
        .to_vec();
    Proof::Certificate(Verified {
        leaf: Certificate::from_der(&der).expect("a certificate"),
        chain: vec![der],
        identity: identity.parse().expect("an identity"),
    })
}

fn asked(proof: Proof, versions: usize) -> Result<Bytes, u8> {
    let version = Version {
        uid: "u".to_owned(),
        generation: 1,
    };
    let call = Call {
        path: ASK.to_owned(),
        authorization: None,
        peer: Arc::new(Peer {
            address: ([127, 0, 0, 1], 1).into(),
            proof,
        }),
        body: AskRequest {
            versions: vec![version; versions],
        }
        .render(),
    };
    let replica: SpiffeId = REPLICA.parse().expect("an identity");
    ask(&replica, &reports(), &call).map_err(|status| status.code)
}

#[test]
fn only_replicas_are_told_what_proxies_have() {
    for stranger in [
        Proof::Loopback,
        Proof::Anonymous,
        certificate("spiffe://cluster.local/ns/root/sa/another"),
        certificate("spiffe://cluster.local/ns/another/sa/ferromesh"),
        certificate("spiffe://another/ns/root/sa/ferromesh"),
    ] {
        assert_eq!(asked(stranger, 1), Err(PERMISSION_DENIED));
    }
    let answer = asked(certificate(REPLICA), 2).expect("an answer");
    let AskResponse { words } = AskResponse::parse(&answer).expect("a message");
    let states: Vec<_> = words.iter().map(|word| word.state()).collect();
    // Whatever is not known here may come.
    assert_eq!(states, [State::Pending; 2]);
    let too_many = asked(certificate(REPLICA), MOST_VERSIONS + 1);
    assert_eq!(too_many, Err(INVALID_ARGUMENT));
}
