//! Pods whose authors mean harm. Whatever they write, a pod with a proxy may do what it could do before, and what
//! capturing needs; nothing of theirs becomes a part of a command but as a value that was parsed; nobody but the proxy
//! gets its token; and an honest author loses nothing.

mod pods;
#[path = "../support.rs"]
mod support;

use std::collections::BTreeSet;

use ferromesh_injector::{NamespaceFacts, Settings, decide, inject};
use pods::{any_json, pod};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{containers, is_kept};

/// What a pod may do beyond an ordinary one, as a set of words. Written without looking at the injector's own.
fn privileges(pod: &Value) -> BTreeSet<String> {
    let spec = &pod["spec"];
    let mut all = BTreeSet::new();
    for name in ["hostNetwork", "hostPID", "hostIPC"] {
        if spec[name] == true {
            all.insert(name.to_owned());
        }
    }
    for volume in spec["volumes"].as_array().into_iter().flatten() {
        if !volume["hostPath"].is_null() {
            all.insert(format!("path {}", volume["hostPath"]["path"]));
        }
    }
    for container in containers(pod) {
        let name = container["name"].as_str().unwrap_or_default();
        let security = &container["securityContext"];
        let user = match &security["runAsUser"] {
            Value::Null => &spec["securityContext"]["runAsUser"],
            user => user,
        };
        let mut add = |what: String| all.insert(format!("{name}: {what}"));
        if security["privileged"] == true {
            add("privileged".to_owned());
        }
        if security["allowPrivilegeEscalation"] == true {
            add("escalation".to_owned());
        }
        if user == 0 {
            add("root".to_owned());
        }
        let capabilities = security["capabilities"]["add"].as_array();
        for capability in capabilities.into_iter().flatten() {
            add(format!("capability {capability}"));
        }
        for port in container["ports"].as_array().into_iter().flatten() {
            if port["hostPort"].as_u64().unwrap_or(0) != 0 {
                add(format!("port {}", port["hostPort"]));
            }
        }
    }
    all
}

/// What capture needs; with TPROXY the proxy needs it, too.
fn of_capture(pod: &Value) -> BTreeSet<String> {
    let asks_for_tproxy = pod["metadata"]["annotations"]
        .to_string()
        .contains("TPROXY");
    let names = ["istio-init", "istio-proxy"];
    let names = names.iter().take(if asks_for_tproxy { 2 } else { 1 });
    names
        .flat_map(|name| {
            [
                format!("{name}: root"),
                format!("{name}: capability \"NET_ADMIN\""),
            ]
        })
        .collect()
}

/// Whether an argument of ours is a value that was parsed, or a word of ours.
fn is_sound(argument: &str) -> bool {
    let references = ["$(POD_NAME)", "$(POD_NAMESPACE)", "$(INSTANCE_IP)", "*"];
    let sound = |c: char| c.is_ascii_alphanumeric() || "-_.,:/@[]".contains(c);
    references.contains(&argument) || argument.chars().all(sound)
}

fn check(pod: &Value) -> Result<bool, TestCaseError> {
    let settings = Settings::default();
    let namespace = NamespaceFacts::default();
    let Ok(injected) = inject(pod, &settings, &namespace) else {
        return Ok(false);
    };
    let after = &injected.pod;
    let mut allowed = privileges(pod);
    allowed.extend(of_capture(pod));
    let gained: Vec<_> = privileges(after).difference(&allowed).cloned().collect();
    prop_assert!(gained.is_empty(), "gained {gained:?}: {after:#}");

    let user_args = pod.to_string().contains("\"args\"");
    let is_injected = pod["metadata"]["annotations"]["sidecar.istio.io/status"].is_string();
    for container in containers(after) {
        let name = container["name"].as_str().unwrap_or_default();
        let is_ours = matches!(name, "istio-proxy" | "istio-init");
        for mount in container["volumeMounts"].as_array().into_iter().flatten() {
            let is_secret = mount["name"] == "istio-token" || mount["name"] == "istio-envoy";
            prop_assert!(!is_secret || name == "istio-proxy", "{name}: {mount}");
        }
        if is_ours && !user_args && !is_injected {
            for argument in container["args"].as_array().into_iter().flatten() {
                let argument = argument.as_str().unwrap_or("no text");
                prop_assert!(is_sound(argument), "{name}: {argument:?}");
            }
        }
    }
    let again = inject(after, &settings, &namespace);
    let again = again.map(|injected| injected.pod);
    prop_assert_eq!(again.as_ref(), Ok(after), "twice is not once");
    if !is_injected {
        let kept = is_kept(pod, after);
        prop_assert!(kept.is_ok(), "{kept:?} is lost");
    }
    Ok(true)
}

#[test]
fn nobody_gains_privileges_by_injection() {
    let injected = std::cell::Cell::new(0);
    let default = ProptestConfig::default();
    let cases = default.cases.max(12_000);
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..default
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let outcome = runner.run(&pod(), |pod| {
        injected.set(injected.get() + u32::from(check(&pod)?));
        Ok(())
    });
    outcome.unwrap_or_else(|fault| panic!("{fault}"));
    // Else nearly everything was refused, and the property says little.
    assert!(injected.get() > cases / 4, "only {}", injected.get());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(5_000)))]

    /// Reviews may have anything in them.
    #[test]
    fn any_json_has_an_answer(metadata in any_json(), spec in any_json(), whole in any_json()) {
        let settings = Settings::default();
        let namespace = NamespaceFacts::default();
        for pod in [json!({"metadata": metadata, "spec": spec}), whole] {
            let _ = decide(&pod, &settings, &namespace);
            if let Ok(injected) = inject(&pod, &settings, &namespace) {
                prop_assert!(injected.pod.is_object());
            }
        }
    }
}
