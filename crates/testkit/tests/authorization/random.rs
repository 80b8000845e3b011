//! Random policies against random requests: the referee, Envoy and the probe agree.

use ferromesh_testkit::oracle::{self, Normalization, Verdict};
use ferromesh_testkit::tokens::Issuer;
use serde_json::{Value, json};

use crate::arena::{Arena, Outcome};
use crate::policies::{Pick, policies};
use crate::requests::{Case, case};
use crate::shrink::shrink;

/// How many sets of policies, and how many cases for each.
const SETS: u64 = 110;
const CASES: usize = 100;

/// Where the search begins; another seed searches elsewhere.
fn seed() -> u64 {
    std::env::var("PROPTEST_RNG_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| fastrand::u64(..))
}

/// What the referee says.
fn expected(policies: &[Value], case: &Case, arena: &Arena) -> Outcome {
    let mesh = arena.referee(Normalization::Base);
    let asked = case.asked(arena.address(case.port));
    match oracle::verdict(policies, &asked, &mesh) {
        Verdict::Allowed => Outcome::Allowed,
        Verdict::BadRequest => Outcome::BadRequest,
        Verdict::Denied(_) if case.http.is_some() => Outcome::Denied,
        Verdict::Denied(_) => Outcome::Reset,
    }
}

fn authorization(objects: &[Value]) -> impl Iterator<Item = &Value> {
    objects
        .iter()
        .filter(|object| object["kind"] == "AuthorizationPolicy")
}

#[tokio::test]
async fn envoy_the_probe_and_the_referee_agree() {
    let seed = seed();
    let mut pick = Pick::new(seed);
    let mut arena = Arena::start("outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n").await;
    let issuer = Issuer::new("issuer.example");
    let tokens: Vec<(String, Value)> = [
        json!({"sub": "alice", "aud": "web", "azp": "app", "groups": ["dev", "ops"], "realm": {"roles": ["editor"]}}),
        json!({"sub": "bob", "aud": ["web", "mobile"], "groups": "dev"}),
        json!({"sub": "carol", "groups": [], "realm": {"roles": "author"}}),
    ]
    .into_iter()
    .map(|claims| issuer.sign(&claims))
    .collect();
    let mut counts = [0_usize; 5];
    for set in 0..SETS {
        let set_of_policies = policies(&mut pick, set);
        let mut objects = set_of_policies.clone();
        objects.push(json!({
            "apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication",
            "metadata": {"name": "tokens", "namespace": "shop"},
            "spec": {"jwtRules": [{"issuer": "issuer.example", "jwks": issuer.key_set()}]},
        }));
        arena.apply(&objects).await;
        let emitted = arena.emitted();
        for _ in 0..CASES {
            let case = case(&mut pick, &tokens);
            let expected = expected(&set_of_policies, &case, &arena);
            let envoy = arena.envoy(&case).await;
            let probe = arena.probe(&emitted, &case);
            counts[envoy as usize] += 1;
            if envoy == expected && probe == expected {
                continue;
            }
            let smallest = shrink(&objects, |objects| {
                let policies: Vec<Value> = authorization(objects).cloned().collect();
                let probe = arena.probe(&arena.emitted_for(objects), &case);
                (probe == envoy) != (probe == self::expected(&policies, &case, &arena))
            });
            panic!(
                "seed {seed}, set {set}: the referee says {expected:?}, envoy {envoy:?}, the probe {probe:?}\n\
                 {case:#?}\n{}",
                serde_json::to_string_pretty(&smallest).expect("JSON"),
            );
        }
    }
    println!("allowed, denied, challenged, bad request, reset: {counts:?}");
    // Otherwise the vocabulary says nothing.
    assert!(counts[Outcome::Allowed as usize] > 1_000 && counts[Outcome::Denied as usize] > 1_000);
}
