//! AuthorizationPolicies, PeerAuthentications and RequestAuthentications, and the TLS of others.

use serde_json::{Value, json};

use super::{Dice, NAMESPACES, timestamp};

/// Keys of issuers: a public one of RSA (RFC 7515, A.2), and one of ECDSA (A.3).
const KEYS: [&str; 2] = [
    r#"{"keys":[{"kty":"RSA","kid":"a","alg":"RS256","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}]}"#,
    r#"{"keys":[{"kty":"EC","kid":"b","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#,
];

fn object(dice: &mut Dice, kind: &str, namespace: &str, name: &str, spec: Value) -> Value {
    let version = dice.pick(&["v1", "v1beta1"]);
    let mut metadata = json!({"name": name, "namespace": namespace});
    timestamp(dice, &mut metadata);
    json!({
        "apiVersion": format!("security.istio.io/{version}"),
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    })
}

/// A selector, in half of the policies.
fn select(dice: &mut Dice, spec: &mut Value) {
    if dice.percent(50) {
        let labels = if dice.percent(80) {
            json!({"app": format!("svc-{}", dice.below(8))})
        } else {
            json!({"version": dice.pick(&["v1", "v2"])})
        };
        spec["selector"] = json!({"matchLabels": labels});
    }
}

/// Sets some of these fields, at least one.
fn some(dice: &mut Dice, fields: &[(&str, Value)]) -> Value {
    let mut object = json!({});
    for _ in 0..1 + dice.below(2) {
        let (field, value) = &fields[dice.below(fields.len())];
        object[*field] = value.clone();
    }
    object
}

/// What a connection has, and action CUSTOM may look at.
fn address(dice: &mut Dice) -> Value {
    some(
        dice,
        &[
            ("ipBlocks", json!(["10.0.0.0/8", "192.0.2.7"])),
            ("notIpBlocks", json!(["10.1.0.3"])),
            ("remoteIpBlocks", json!(["10.0.0.0/8", "2001:db8::/32"])),
            ("notRemoteIpBlocks", json!(["203.0.113.9"])),
        ],
    )
}

fn source(dice: &mut Dice) -> Value {
    if dice.percent(20) {
        return some(
            dice,
            &[
                ("serviceAccounts", json!(["sa-0", "beta/sa-1"])),
                ("notServiceAccounts", json!(["alpha/sa-2"])),
                ("trustDomains", json!(["cluster.local", "*.example"])),
                ("notTrustDomains", json!(["other"])),
            ],
        );
    }
    some(
        dice,
        &[
            (
                "principals",
                json!(["cluster.local/ns/alpha/sa/sa-0", "td/ns/beta/sa/sa-1"]),
            ),
            ("principals", json!(["*"])),
            ("principals", json!(["*/ns/alpha/*"])),
            ("notPrincipals", json!(["*/sa/sa-2"])),
            ("requestPrincipals", json!(["https://issuer.example/*"])),
            ("requestPrincipals", json!(["*"])),
            (
                "notRequestPrincipals",
                json!(["https://issuer.example/bad"]),
            ),
            ("namespaces", json!(["alpha", "be*"])),
            ("notNamespaces", json!(["gamma", "*a"])),
            ("ipBlocks", json!(["10.0.0.0/8"])),
            ("remoteIpBlocks", json!(["10.0.0.0/8"])),
        ],
    )
}

fn operation(dice: &mut Dice) -> Value {
    some(
        dice,
        &[
            ("hosts", json!(["svc-1", "*.example.com"])),
            ("notHosts", json!(["admin.example.com*"])),
            ("ports", json!(["8080", "9090"])),
            ("notPorts", json!(["9090"])),
            ("methods", json!(["GET", "P*"])),
            ("notMethods", json!(["DELETE"])),
            ("paths", json!(["/admin*", "*.html"])),
            ("paths", json!(["/a/{*}/b", "/c/{**}"])),
            ("notPaths", json!(["/healthz", "/x/{**}/y"])),
        ],
    )
}

/// A condition that action CUSTOM may have, too.
fn open_condition(dice: &mut Dice) -> Value {
    dice.value(&[
        json!({"key": "request.headers[x-role]", "values": ["admin", "op*"]}),
        json!({"key": "request.headers[:method]", "notValues": ["*E"]}),
        json!({"key": "source.ip", "values": ["10.0.0.0/8"]}),
        json!({"key": "remote.ip", "notValues": ["192.0.2.0/24"]}),
        json!({"key": "destination.ip", "values": ["10.1.0.0/16"]}),
        json!({"key": "destination.port", "values": ["8080"], "notValues": ["9090"]}),
        json!({"key": "connection.sni", "values": ["*.example.com"]}),
        json!({"key": "experimental.envoy.filters.http.example[key]", "values": ["[a]", "b*"]}),
    ])
}

fn condition(dice: &mut Dice) -> Value {
    if dice.percent(50) {
        return open_condition(dice);
    }
    dice.value(&[
        json!({"key": "source.namespace", "values": ["alpha"]}),
        json!({"key": "source.principal", "notValues": ["*/sa/sa-1"]}),
        json!({"key": "source.serviceAccount", "values": ["alpha/sa-1"]}),
        json!({"key": "source.trustDomain", "values": ["cluster.local"]}),
        json!({"key": "request.auth.principal", "values": ["*"]}),
        json!({"key": "request.auth.audiences", "values": ["a", "b"]}),
        json!({"key": "request.auth.presenter", "notValues": ["c"]}),
        json!({"key": "request.auth.claims[group]", "values": ["admin"]}),
        json!({"key": "request.auth.claims[realm][roles]", "values": ["a*"], "notValues": ["ab"]}),
    ])
}

fn rule(dice: &mut Dice, action: &str) -> Value {
    let mut rule = json!({});
    let is_custom = action == "CUSTOM";
    if dice.percent(60) {
        let count = 1 + dice.below(2);
        let sources = (0..count).map(|_| {
            let source = if is_custom {
                address(dice)
            } else {
                source(dice)
            };
            json!({"source": source})
        });
        rule["from"] = sources.collect();
    }
    if dice.percent(60) {
        let count = 1 + dice.below(2);
        rule["to"] = (0..count)
            .map(|_| json!({"operation": operation(dice)}))
            .collect();
    }
    if dice.percent(40) {
        let count = 1 + dice.below(2);
        rule["when"] = (0..count)
            .map(|_| match is_custom {
                true => open_condition(dice),
                false => condition(dice),
            })
            .collect();
    }
    rule
}

fn authorization_spec(dice: &mut Dice) -> Value {
    let action = dice.pick(&["ALLOW", "ALLOW", "ALLOW", "DENY", "DENY", "AUDIT", "CUSTOM"]);
    let mut spec = json!({});
    if action != "ALLOW" || dice.percent(50) {
        spec["action"] = json!(action);
    }
    if action == "CUSTOM" {
        spec["provider"] = json!({"name": dice.pick(&["ext-http", "ext-grpc", "nobody"])});
    }
    // Without rules, ALLOW allows nothing; DENY and CUSTOM are refused.
    let least = usize::from(action == "DENY" || action == "CUSTOM");
    let count = least + dice.below(3);
    spec["rules"] = (0..count).map(|_| rule(dice, action)).collect();
    spec
}

pub(super) fn authorization_policy(dice: &mut Dice) -> Value {
    let namespace = dice.pick(&NAMESPACES);
    let mut spec = authorization_spec(dice);
    if dice.percent(5) {
        spec["targetRefs"] = json!([{"kind": "Service", "group": "", "name": "svc-1"}]);
    } else {
        select(dice, &mut spec);
    }
    let name = format!("ap-{}", dice.below(6));
    let mut policy = object(dice, "AuthorizationPolicy", namespace, &name, spec);
    if dice.percent(20) {
        policy["metadata"]["annotations"] =
            json!({"istio.io/dry-run": dice.pick(&["true", "false"])});
    }
    policy
}

pub(super) fn touch_authorization(dice: &mut Dice, object: &mut Value) {
    let mut spec = authorization_spec(dice);
    for kept in ["selector", "targetRefs"] {
        if let Some(value) = object["spec"].get(kept) {
            spec[kept] = value.clone();
        }
    }
    object["spec"] = spec;
}

const MODES: [&str; 4] = ["UNSET", "DISABLE", "PERMISSIVE", "STRICT"];

pub(super) fn peer_authentication(dice: &mut Dice) -> Value {
    let namespace = dice.pick(&NAMESPACES);
    let mut spec = json!({});
    if dice.percent(80) {
        spec["mtls"] = json!({"mode": dice.pick(&MODES)});
    }
    select(dice, &mut spec);
    if spec["selector"].is_object() && dice.percent(50) {
        let mut ports = json!({});
        for port in ["8080", "9090", "80"] {
            if dice.percent(60) || port == "80" {
                ports[port] = json!({"mode": dice.pick(&MODES)});
            }
        }
        spec["portLevelMtls"] = ports;
    }
    let name = format!("pa-{}", dice.below(4));
    object(dice, "PeerAuthentication", namespace, &name, spec)
}

pub(super) fn touch_peer(dice: &mut Dice, object: &mut Value) {
    object["spec"]["mtls"] = json!({"mode": dice.pick(&MODES)});
}

fn token_rule(dice: &mut Dice, number: usize) -> Value {
    let mut rule = json!({"issuer": format!("https://issuer-{number}.example")});
    match dice.below(4) {
        0 => rule["jwksUri"] = json!("https://issuer.example/keys"),
        1 => {}
        key => rule["jwks"] = json!(KEYS[key % 2]),
    }
    dice.maybe(
        &mut rule,
        "audiences",
        40,
        &[json!(["a"]), json!(["a", "b"])],
    );
    dice.maybe(
        &mut rule,
        "fromHeaders",
        30,
        &[
            json!([{"name": "x-token"}]),
            json!([{"name": "Authorization", "prefix": "Token "}, {"name": "x-other"}]),
        ],
    );
    dice.maybe(&mut rule, "fromParams", 20, &[json!(["token", "t"])]);
    dice.maybe(&mut rule, "fromCookies", 20, &[json!(["session"])]);
    dice.maybe(
        &mut rule,
        "outputPayloadToHeader",
        20,
        &[json!("x-payload")],
    );
    dice.maybe(
        &mut rule,
        "outputClaimToHeaders",
        20,
        &[json!([{"header": "x-sub", "claim": "sub"}, {"header": "x-role", "claim": "realm.role"}])],
    );
    dice.maybe(&mut rule, "spaceDelimitedClaims", 20, &[json!(["roles"])]);
    dice.maybe(
        &mut rule,
        "forwardOriginalToken",
        40,
        &[json!(true), json!(false)],
    );
    dice.maybe(&mut rule, "timeout", 20, &[json!("2s")]);
    rule
}

fn token_rules(dice: &mut Dice) -> Value {
    let count = dice.below(3);
    let first = dice.below(3);
    (0..count).map(|at| token_rule(dice, first + at)).collect()
}

pub(super) fn request_authentication(dice: &mut Dice) -> Value {
    let namespace = dice.pick(&NAMESPACES);
    let mut spec = json!({"jwtRules": token_rules(dice)});
    select(dice, &mut spec);
    let name = format!("ra-{}", dice.below(4));
    object(dice, "RequestAuthentication", namespace, &name, spec)
}

pub(super) fn touch_request(dice: &mut Dice, object: &mut Value) {
    object["spec"]["jwtRules"] = token_rules(dice);
}

/// TLS towards instances. Envoy itself reads files with revoked certificates, and refuses what
/// names one that is not there: none is named.
pub(super) fn client_tls(dice: &mut Dice) -> Value {
    dice.value(&[
        json!({"mode": "DISABLE"}),
        json!({"mode": "ISTIO_MUTUAL"}),
        json!({"mode": "ISTIO_MUTUAL", "sni": "other.example.com", "subjectAltNames": ["spiffe://cluster.local/ns/alpha/sa/sa-1"]}),
        json!({"mode": "SIMPLE", "sni": "ext.example.com"}),
        json!({"mode": "SIMPLE", "caCertificates": "/etc/certs/ca.pem", "subjectAltNames": ["ext.example.com"]}),
        json!({"mode": "SIMPLE", "insecureSkipVerify": true}),
        json!({"mode": "SIMPLE", "credentialName": "not-yet"}),
        json!({"mode": "MUTUAL", "clientCertificate": "/etc/certs/cert.pem", "privateKey": "/etc/certs/key.pem", "caCertificates": "/etc/certs/ca.pem"}),
    ])
}

/// Security settings of the whole mesh.
pub(super) fn mesh_settings(dice: &mut Dice, spec: &mut Value) {
    dice.maybe(
        spec,
        "trustDomain",
        20,
        &[json!("td"), json!("cluster.local")],
    );
    dice.maybe(
        spec,
        "trustDomainAliases",
        30,
        &[json!(["old"]), json!(["td", "old"])],
    );
    dice.maybe(spec, "enableAutoMtls", 30, &[json!(false), json!(true)]);
    dice.maybe(
        spec,
        "meshMTLS",
        20,
        &[
            json!({"minProtocolVersion": "TLSV1_3"}),
            json!({"cipherSuites": ["ECDHE-ECDSA-AES128-GCM-SHA256"]}),
        ],
    );
    dice.maybe(
        spec,
        "tlsDefaults",
        20,
        &[json!({"minProtocolVersion": "TLSV1_2", "ecdhCurves": ["P-256", "X25519MLKEM768"]})],
    );
    dice.maybe(
        spec,
        "pathNormalization",
        40,
        &[
            json!({"normalization": "NONE"}),
            json!({"normalization": "BASE"}),
            json!({"normalization": "MERGE_SLASHES"}),
            json!({"normalization": "DECODE_AND_MERGE_SLASHES"}),
        ],
    );
    dice.maybe(
        spec,
        "defaultConfig",
        15,
        &[json!({"proxyMetadata": {"COMPLIANCE_POLICY": "fips-140-3"}})],
    );
    if dice.percent(60) {
        spec["extensionProviders"] = authorizers(dice);
    }
}

fn authorizers(dice: &mut Dice) -> Value {
    let service = super::service_name(dice);
    let host = format!("{service}.{}.svc.cluster.local", dice.namespace());
    let mut http = json!({"service": host, "port": 80});
    let mut grpc = json!({"service": "alpha/svc-1.alpha.svc.cluster.local", "port": 9000});
    for provider in [&mut http, &mut grpc] {
        dice.maybe(provider, "timeout", 40, &[json!("1s")]);
        dice.maybe(provider, "failOpen", 20, &[json!(true)]);
        dice.maybe(provider, "clearRouteCache", 20, &[json!(true)]);
        dice.maybe(provider, "statusOnError", 20, &[json!("503")]);
        dice.maybe(
            provider,
            "includeRequestBodyInCheck",
            30,
            &[
                json!({"maxRequestBytes": 4096}),
                json!({"maxRequestBytes": 10, "allowPartialMessage": true, "packAsBytes": true}),
            ],
        );
    }
    dice.maybe(&mut http, "pathPrefix", 30, &[json!("/check")]);
    let patterns = [json!(["x-*", "cookie", "*-id"])];
    for field in [
        "includeRequestHeadersInCheck",
        "headersToUpstreamOnAllow",
        "headersToDownstreamOnDeny",
        "headersToDownstreamOnAllow",
    ] {
        dice.maybe(&mut http, field, 40, &patterns);
    }
    dice.maybe(
        &mut http,
        "includeAdditionalHeadersInCheck",
        30,
        &[json!({"x-from": "mesh"})],
    );
    json!([
        {"name": "ext-http", "envoyExtAuthzHttp": http},
        {"name": "ext-grpc", "envoyExtAuthzGrpc": grpc},
    ])
}
