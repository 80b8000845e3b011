//! Random policies against random requests: the referee, Envoy and the probe agree.

#[path = "random/cases.rs"]
mod cases;
#[path = "random/tokens.rs"]
mod tokens;

use ferromesh_testkit::oracle::Normalization;
use serde_json::{Value, json};

use crate::arena::{Arena, Outcome, name};
use crate::policies::{Pick, policies};
use crate::requests::Case;
use crate::shrink::shrink;
use cases::case;
use tokens::Wallet;

/// How many sets of policies there are for each normalisation, and how many cases for each: 11 200 in all.
const SETS: u64 = 28;
const CASES: usize = 100;

/// Where the search begins; another seed searches elsewhere.
fn seed() -> u64 {
    std::env::var("PROPTEST_RNG_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| fastrand::u64(..))
}

/// Everything that is in force: policies, whose tokens are believed, and sometimes that nobody is heard in the clear.
fn objects(pick: &mut Pick, set: u64, wallet: &Wallet) -> Vec<Value> {
    let mut objects = policies(pick, set);
    objects.push(wallet.authentication());
    if pick.chance(20) {
        objects.push(json!({
            "apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
            "metadata": {"name": "strict", "namespace": "shop"},
            "spec": {"mtls": {"mode": "STRICT"}},
        }));
    }
    objects
}

async fn agree(normalization: Normalization) {
    let seed = seed();
    // Each normalisation meets policies of its own.
    let mut pick = Pick::new(seed.wrapping_add(normalization as u64));
    let mut arena = Arena::federated(normalization).await;
    let wallet = Wallet::new();
    let mut counts = [0_usize; 5];
    for set in 0..SETS {
        let objects = objects(&mut pick, set, &wallet);
        arena.apply(&objects).await;
        let emitted = arena.emitted();
        for _ in 0..CASES {
            let case = case(&mut pick, &wallet);
            let expected = arena.referee(&objects, &case);
            let envoy = arena.envoy(&case).await;
            let probe = arena.probe(&emitted, &case);
            counts[envoy as usize] += 1;
            if envoy != expected || probe != expected {
                let what = format!("{}, seed {seed}, set {set}", name(normalization));
                disagree(&arena, &objects, &case, (&what, [expected, envoy, probe]));
            }
        }
    }
    let name = name(normalization);
    println!("{name}: allowed, denied, challenged, bad request, reset: {counts:?}");
    // Otherwise the vocabulary says nothing.
    for (outcome, fewest) in [
        (Outcome::Allowed, 300),
        (Outcome::Denied, 300),
        (Outcome::Challenged, 30),
        (Outcome::Reset, 100),
    ] {
        assert!(counts[outcome as usize] > fewest, "{counts:?}");
    }
}

/// Says who disagrees, about as little as possible.
fn disagree(arena: &Arena, objects: &[Value], case: &Case, (what, outcomes): (&str, [Outcome; 3])) {
    let [expected, envoy, probe] = outcomes;
    let smallest = shrink(objects, |objects| {
        arena.emitted_for(objects).is_some_and(|emitted| {
            // What envoy makes of less is not asked.
            probe != expected
                && arena.probe(&emitted, case) == probe
                && arena.referee(objects, case) == expected
        })
    });
    panic!(
        "{what}: the referee says {expected:?}, envoy {envoy:?}, the probe {probe:?}\n{case:#?}\n{}",
        serde_json::to_string_pretty(&smallest).expect("JSON"),
    );
}

#[tokio::test]
async fn all_agree_on_paths_as_they_are() {
    agree(Normalization::None).await;
}

#[tokio::test]
async fn all_agree_on_usual_paths() {
    agree(Normalization::Base).await;
}

#[tokio::test]
async fn all_agree_on_paths_with_merged_slashes() {
    agree(Normalization::MergeSlashes).await;
}

#[tokio::test]
async fn all_agree_on_decoded_paths() {
    agree(Normalization::DecodeAndMergeSlashes).await;
}
