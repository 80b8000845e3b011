//! Sets of keys, with the examples of the specifications as witnesses.

use ferromesh_ca::jwt::{KeySet, Token};
use serde_json::{Value, json};

use crate::world::TokenKey;

const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const RS256: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const ES256: &str =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const ED25519: &str =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

fn rsa() -> Value {
    json!({"kty": "RSA", "kid": "k", "n": RSA_N, "e": "AQAB"})
}

fn elliptic() -> Value {
    json!({
        "kty": "EC", "crv": "P-256", "kid": "k",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    })
}

fn edwards() -> Value {
    json!({
        "kty": "OKP", "crv": "Ed25519", "kid": "k",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    })
}

fn parsed(keys: &[Value]) -> Result<KeySet, String> {
    let document = json!({"keys": keys}).to_string();
    KeySet::parse(document.as_bytes()).map_err(|fault| fault.to_string())
}

fn with(mut key: Value, field: &str, value: Value) -> Value {
    key[field] = value;
    key
}

#[test]
fn the_examples_of_rfc_7515_and_8037_are_verified() {
    for (key, header, payload, signature) in [
        (rsa(), "eyJhbGciOiJSUzI1NiJ9", CLAIMS, RS256),
        (elliptic(), "eyJhbGciOiJFUzI1NiJ9", CLAIMS, ES256),
        (
            edwards(),
            "eyJhbGciOiJFZERTQSJ9",
            "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
            ED25519,
        ),
    ] {
        let set = parsed(&[key]).expect("keys");
        let key = set.get("k").expect("the key");
        let text = format!("{header}.{payload}.{signature}");
        Token::parse(&text)
            .expect("a token")
            .verified(key)
            .expect("signed");
        let changed = text
            .replacen("RXh", "SXh", 1)
            .replacen("eyJpc3", "eyJpd3", 1);
        assert_ne!(changed, text);
        Token::parse(&changed)
            .expect("a token")
            .verified(key)
            .expect_err("changed");
    }
}

#[test]
fn keys_that_can_not_verify_a_token_are_left_out() {
    for (key, expected) in [
        (json!({"kty": "oct", "kid": "k", "k": "c2VjcmV0"}), "kty"),
        (json!({"kid": "k"}), "kty"),
        (json!({"kty": "RSA", "n": RSA_N, "e": "AQAB"}), "kid"),
        (with(rsa(), "kid", json!("")), "kid"),
        (with(rsa(), "kid", json!(7)), "string"),
        (with(rsa(), "use", json!("enc")), "use"),
        (with(rsa(), "key_ops", json!(["sign"])), "key_ops"),
        (with(rsa(), "alg", json!("HS256")), "alg"),
        (with(rsa(), "alg", json!("none")), "alg"),
        (with(rsa(), "alg", json!("ES256")), "alg"),
        (with(elliptic(), "alg", json!("RS256")), "alg"),
        (with(edwards(), "alg", json!("ES256")), "alg"),
        (with(rsa(), "e", json!("AQ")), "e:"),
        (with(rsa(), "e", json!("Aw")), "e:"),
        (with(rsa(), "e", json!("AQAA")), "e:"),
        (with(rsa(), "e", json!("")), "e:"),
        (with(rsa(), "n", json!("")), "RSA key"),
        (with(rsa(), "n", json!(&RSA_N[..171])), "n: not base64url"),
        (with(rsa(), "n", json!(&RSA_N[..172])), "RSA key"),
        (with(rsa(), "n", json!("+/==")), "n: not base64url"),
        (with(elliptic(), "crv", json!("P-521")), "crv"),
        (with(elliptic(), "crv", json!("secp256k1")), "crv"),
        (with(elliptic(), "x", json!("AQAB")), "x: not 32 bytes"),
        (
            with(elliptic(), "y", elliptic()["x"].clone()),
            "not a public key",
        ),
        (with(edwards(), "crv", json!("X25519")), "crv"),
        (with(edwards(), "x", json!("AQAB")), "not a public key"),
    ] {
        let fault = parsed(std::slice::from_ref(&key)).expect_err(expected);
        assert!(fault.contains(expected), "{key}: {fault}");
        let other = TokenKey::new("other");
        let set = parsed(&[other.public(), key]).expect("the other one");
        assert_eq!(set.len(), 1);
        assert!(set.get("other").is_some());
    }
}

#[test]
fn what_is_no_set_of_keys_is_refused() {
    let many: Vec<_> = (0..257)
        .map(|index| with(edwards(), "kid", json!(index.to_string())))
        .collect();
    assert!(parsed(&many).expect_err("many").contains("257 keys"));
    assert!(parsed(&many[..256]).is_ok());
    assert!(
        parsed(&[rsa(), elliptic()])
            .expect_err("twice")
            .contains("twice")
    );
    assert!(parsed(&[]).expect("none").is_empty());
    for document in [
        &b""[..],
        b"{}",
        b"[]",
        b"{\"keys\":{}}",
        b"{\"keys\":[],\"keys\":[]}",
        b"\xff",
    ] {
        assert!(KeySet::parse(document).is_err());
    }
    let long = format!("{{\"keys\":[]}}{}", " ".repeat(1024 * 1024));
    assert!(KeySet::parse(long.as_bytes()).is_err());
    let deep = format!("{{\"keys\":[{}]}}", "[".repeat(100_000));
    assert!(KeySet::parse(deep.as_bytes()).is_err());
}
