//! What attackers try: other ways to write a path, a host, a header or a token, and names that nobody has proven. Each is
//! judged by Envoy, by the probe and by the referee, for a policy that denies and for one that allows.

#[path = "bypass/grpc.rs"]
mod grpc;
#[path = "bypass/headers.rs"]
mod headers;
#[path = "bypass/hosts.rs"]
mod hosts;
#[path = "bypass/identities.rs"]
mod identities;
#[path = "bypass/paths.rs"]
mod paths;
#[path = "bypass/tokens.rs"]
mod tokens;

use serde_json::{Value, json};

use crate::arena::{Arena, Outcome};
use crate::requests::{Case, Client, Http};

/// Somebody of the mesh.
const FRONT: Client = Client::Mesh(0);

/// Another one.
const BACK: Client = Client::Mesh(1);

/// A rule, and for cases whether it matches them.
struct Trial {
    rule: Value,
    cases: Vec<(Case, bool)>,
}

fn policy(action: &str, rule: &Value) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": format!("{}-it", action.to_lowercase()), "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "server"}}, "action": action, "rules": [rule]},
    })
}

/// A request of somebody of the mesh.
fn front(http: Http) -> Case {
    Case::of(FRONT, http)
}

/// Asks all three.
async fn check(arena: &mut Arena, objects: &[Value], case: &Case, (what, due): (&str, Outcome)) {
    let emitted = arena.emitted();
    let (envoy, probe) = (arena.envoy(case).await, arena.probe(&emitted, case));
    let referee = arena.referee(objects, case);
    assert!(
        envoy == due && probe == due && referee == due,
        "{what}: it should be {due:?}, is {envoy:?} by envoy, {probe:?} by the probe, {referee:?} by the referee: {case:?}"
    );
}

/// What a rule matches is denied by `DENY` and allowed by `ALLOW`, and nothing else. Other objects are in force as well.
async fn check_both(arena: &mut Arena, trial: &Trial, others: &[Value]) {
    let Trial { rule, cases } = trial;
    for action in ["DENY", "ALLOW"] {
        let mut objects = others.to_vec();
        objects.push(policy(action, rule));
        arena.apply(&objects).await;
        for (case, is_seen) in cases {
            let expected = if *is_seen == (action == "ALLOW") {
                Outcome::Allowed
            } else {
                Outcome::Denied
            };
            let what = format!("{action} {rule}");
            check(arena, &objects, case, (&what, expected)).await;
        }
    }
}
