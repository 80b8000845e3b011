//! Whatever is sent, the answer is a refusal and never a panic.

use std::sync::LazyLock;

use ferromesh_ca::csr::Csr;
use ferromesh_ca::jwt::{KeySet, Token};
use proptest::prelude::*;
use serde_json::json;

use crate::world::{TokenKey, claims};

/// The part of [`CSR`] that is signed: what follows are the algorithm and the signature.
const SIGNED: std::ops::Range<usize> = 4..187;

static KEY: LazyLock<TokenKey> = LazyLock::new(|| TokenKey::new("k1"));
const CSR: &str = include_str!("../../testdata/p256.csr");

/// Changes some bytes of a text or cuts it.
fn mangled(sound: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), any::<u8>());
    let edits = prop::collection::vec(edit, 0..4);
    (edits, any::<prop::sample::Index>(), any::<bool>()).prop_map(move |(edits, end, cut)| {
        let mut bytes = sound.to_vec();
        for (index, byte) in edits {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        bytes
    })
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig {
        // Tests don't write into the source tree.
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_request_that_is_taken_is_one_that_its_key_has_signed(
        der in mangled(DER.as_slice())
    ) {
        let pem = format!(
            "-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n",
            base64(&der)
        );
        if let Ok(csr) = Csr::parse(&pem) {
            // A signature of other bytes can't be found by chance; what is not signed says nothing.
            prop_assert_eq!(&csr.der()[SIGNED], &DER[SIGNED]);
        }
    }

    #[test]
    fn requests_of_any_text_are_survived(text in "\\PC{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Csr::parse(&text);
        let wrapped = format!(
            "-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n",
            base64(&bytes)
        );
        prop_assert!(Csr::parse(&wrapped).is_err());
    }

    #[test]
    fn a_token_that_is_taken_is_one_that_was_signed(text in mangled(TOKEN.as_bytes())) {
        let document = json!({"keys": [KEY.public()]}).to_string();
        let keys = KeySet::parse(document.as_bytes()).expect("keys");
        let key = keys.get("k1").expect("the key");
        let Ok(text) = std::str::from_utf8(&text) else { return Ok(()) };
        if let Ok(token) = Token::parse(text)
            && let Ok(payload) = token.verified(key)
        {
            prop_assert_eq!(payload, claims().to_string().into_bytes());
        }
    }

    #[test]
    fn tokens_of_any_text_are_survived(text in "[a-zA-Z0-9_.{}:\"-]{0,120}|\\PC{0,80}") {
        let _ = Token::parse(&text);
    }

    #[test]
    fn sets_of_keys_of_any_text_are_survived(
        document in mangled(JWKS.as_bytes()),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = KeySet::parse(&document);
        let _ = KeySet::parse(&noise);
    }
}

static DER: LazyLock<Vec<u8>> =
    LazyLock::new(|| Csr::parse(CSR).expect("a request").der().to_vec());
static TOKEN: LazyLock<String> = LazyLock::new(|| KEY.token(&claims()));
static JWKS: LazyLock<String> = LazyLock::new(|| {
    json!({"keys": [KEY.public(), {
        "kty": "RSA", "kid": "r", "alg": "RS256", "e": "AQAB", "n": "sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri23bOdgWp4Dy1WlUzewbgBHod5pcM9H95GQRV3JDXboIRROSBigeC5yjU1hGzHHyXss8UDprecbAYxknTcQkhslANGRUZmdTOQ5qTRsLAt6BTYuyvVRdhS8exSZEy_c4gs_7svlJJQ4H9_NxsiIoLwAEk7-Q3UXERGYw_75IDrGA84-lA_-Ct4eTlXHBIY2EaV7t7LjJaynVJCpkv4LKjTTAumiGUIuQhrNhZLuF_RJLqHpM2kgWFLU7-VTdL1VbC2tejvcI2BlMkEpk1BzBZI0KQB0GaDWFLN-aEAw3vRw",
    }, {"kty": "OKP", "crv": "Ed25519", "kid": "e", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}).to_string()
});
