//! What a status says, by remarks.

use std::sync::Arc;

use ferromesh_dialects::report::{Condition, Force, Progress, State, Status, is_reported, report};
use ferromesh_mesh::diagnostic::{Diagnostic, REFUSED_BY_PROXY, Severity};

const NETWORKING: &str = "networking.istio.io";

fn remark(severity: Severity, code: &'static str, path: &str, message: &str) -> Diagnostic {
    Diagnostic {
        severity,
        code,
        object: None,
        path: Arc::from(path),
        message: message.to_owned(),
        hint: None,
    }
}

fn state(force: Force, progress: Progress) -> State {
    State {
        generation: 7,
        force,
        progress,
    }
}

/// Each condition as `kind holds reason: message`.
#[track_caller]
fn check(kind: &str, state: State, remarks: &[Diagnostic], expected: &[&str]) {
    let remarks: Vec<_> = remarks.iter().collect();
    let Status {
        observed_generation,
        conditions,
    } = report(NETWORKING, kind, state, &remarks);
    assert_eq!(observed_generation, 7);
    let said: Vec<_> = conditions
        .into_iter()
        .map(|condition| {
            let Condition {
                kind,
                holds,
                reason,
                message,
            } = condition;
            format!("{} {holds} {reason}: {message}", kind.name())
        })
        .collect();
    assert_eq!(said, expected);
}

const SOUND: State = State {
    generation: 7,
    force: Force::Newest,
    progress: Progress::Taken,
};

#[test]
fn a_sound_object_holds_in_every_respect() {
    check(
        "VirtualService",
        SOUND,
        &[],
        &[
            "Accepted true Accepted: ",
            "ResolvedRefs true ResolvedRefs: ",
            "Programmed true Programmed: ",
        ],
    );
}

#[test]
fn each_remark_has_its_condition() {
    let warning = |code, path, message| remark(Severity::Warning, code, path, message);
    for (remark, expected) in [
        (
            warning("never-matches", "spec.http[1]", "never counts"),
            "Accepted true Accepted: spec.http[1]: never counts",
        ),
        (
            warning(
                "unknown-host",
                "spec.http[0].route[0].destination.host",
                "no service is called a",
            ),
            "ResolvedRefs false HostNotFound: spec.http[0].route[0].destination.host: no service is called a",
        ),
        (
            warning("unknown-host", "spec.host", "no service is called a"),
            "ResolvedRefs false HostNotFound: spec.host: no service is called a",
        ),
        (
            warning(
                "unknown-host",
                "spec.hosts[0]",
                "only requests to port 80 are routed",
            ),
            "ResolvedRefs true ResolvedRefs: spec.hosts[0]: only requests to port 80 are routed",
        ),
        (
            warning("unknown-subset", "spec.x", "no"),
            "ResolvedRefs false SubsetNotFound: spec.x: no",
        ),
        (
            warning("unknown-port", "spec.x", "no"),
            "ResolvedRefs false PortNotFound: spec.x: no",
        ),
        (
            warning("unknown-provider", "spec.x", "no"),
            "ResolvedRefs false ProviderNotFound: spec.x: no",
        ),
        (
            remark(Severity::Info, "missing-keys", "spec.x", "no"),
            "ResolvedRefs false KeysNotFetched: spec.x: no",
        ),
        (
            warning("conflicting-routes", "spec.hosts[0]", "b comes first"),
            "Conflicted true Conflicted: spec.hosts[0]: b comes first",
        ),
        (
            remark(
                Severity::Error,
                REFUSED_BY_PROXY,
                "spec.http[0]",
                "a.b and 3 more refused x: bad: regex",
            ),
            "Programmed false Refused: spec.http[0]: a proxy refuses this: bad: regex",
        ),
    ] {
        let all = report(NETWORKING, "VirtualService", SOUND, &[&remark]);
        let said: Vec<_> = all
            .conditions
            .iter()
            .map(|condition| {
                format!(
                    "{} {} {}: {}",
                    condition.kind.name(),
                    condition.holds,
                    condition.reason,
                    condition.message
                )
            })
            .collect();
        assert!(
            said.iter().any(|said| said == expected),
            "{said:?} lacks {expected}"
        );
        // It is in none of the others.
        let silent = said.iter().filter(|said| said.ends_with(": ")).count();
        assert_eq!(silent, said.len() - 1, "{said:?}");
    }
}

#[test]
fn what_comes_and_goes_with_pods_writes_nothing() {
    let sound = report(NETWORKING, "VirtualService", SOUND, &[]);
    for code in [
        "selects-nothing",
        "unknown-account",
        "port-taken",
        "without-certificate",
    ] {
        let remark = remark(Severity::Warning, code, "spec", "no pod");
        assert_eq!(
            report(NETWORKING, "VirtualService", SOUND, &[&remark]),
            sound,
            "{code}"
        );
    }
}

#[test]
fn a_refused_version_is_told_from_the_one_in_force() {
    let error =
        remark(Severity::Error, "invalid-regex", "spec.x", "unclosed group").hint("close it");
    for (force, message) in [
        (
            Force::Older,
            "the last version that was accepted stays in force",
        ),
        (
            Force::SoundPart,
            "only what is sound of it is in force: no version of it was accepted",
        ),
    ] {
        check(
            "VirtualService",
            state(force, Progress::Taken),
            std::slice::from_ref(&error),
            &[
                "Accepted false Invalid: spec.x: unclosed group (close it)",
                "ResolvedRefs true ResolvedRefs: ",
                &format!("Programmed false Invalid: {message}"),
            ],
        );
    }
}

#[test]
fn progress_is_told() {
    for (progress, expected) in [
        (
            Progress::NoProxies,
            "Programmed true NoProxies: no proxy was connected that could take it",
        ),
        (
            Progress::Pending,
            "Programmed false Pending: not every connected proxy has taken it yet",
        ),
    ] {
        let expected = [
            "Accepted true Accepted: ",
            "ResolvedRefs true ResolvedRefs: ",
            expected,
        ];
        check("Sidecar", state(Force::Newest, progress), &[], &expected);
    }
}

#[test]
fn kinds_without_effect_say_so() {
    let remark = remark(
        Severity::Warning,
        "no-effect-yet",
        "kind",
        "Gateway has no effect yet in Ferromesh",
    );
    check(
        "Gateway",
        SOUND,
        &[remark],
        &["Accepted true NoEffectYet: kind: Gateway has no effect yet in Ferromesh"],
    );
}

#[test]
fn a_message_is_bounded_and_says_nothing_twice() {
    let long = "ä".repeat(10_000);
    let mut remarks: Vec<_> = (0..100)
        .map(|at| {
            remark(
                Severity::Warning,
                "never-matches",
                &format!("spec.http[{at}]"),
                &long,
            )
        })
        .collect();
    remarks.push(remarks[0].clone());
    let remarks: Vec<_> = remarks.iter().collect();
    let status = report(NETWORKING, "VirtualService", SOUND, &remarks);
    let message = &status.conditions[0].message;
    assert!(message.len() < 2_000, "{}", message.len());
    assert!(message.ends_with("; and 96 more"), "{message}");
}

#[test]
fn only_istios_kinds_are_reported() {
    for (group, kind, expected) in [
        (NETWORKING, "VirtualService", true),
        (NETWORKING, "Gateway", true),
        ("telemetry.istio.io", "Telemetry", true),
        ("mesh.istio.io", "MeshConfig", false),
        ("gateway.networking.k8s.io", "HTTPRoute", false),
        ("", "Service", false),
        (NETWORKING, "Unheard", false),
    ] {
        assert_eq!(is_reported(group, kind), expected, "{group} {kind}");
    }
}
