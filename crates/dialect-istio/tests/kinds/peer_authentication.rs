//! PeerAuthentication.

#[track_caller]
fn check(spec: &str, facts: &[&str], remarks: &[&str]) {
    super::check("PeerAuthentication", spec, facts, remarks);
}

#[test]
fn modes() {
    for (spec, fact) in [
        ("{}", "mode: Inherit, ports: {}"),
        ("{mtls: {}}", "mode: Inherit, ports: {}"),
        ("{mtls: {mode: UNSET}}", "mode: Inherit, ports: {}"),
        ("{mtls: {mode: DISABLE}}", "mode: Mode(Disable), ports: {}"),
        ("{mtls: {mode: PERMISSIVE}}", "mode: Mode(Permissive)"),
        ("{mtls: {mode: STRICT}}", "mode: Mode(Strict)"),
        (
            "{selector: {matchLabels: {a: b}}, mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: DISABLE}, 81: {}}}",
            "selector: Selector({\"a\": \"b\"}), mode: Mode(Strict), ports: {81: Inherit, 8080: Mode(Disable)}",
        ),
    ] {
        check(spec, &[fact], &[]);
    }
    check(
        "{}",
        &[
            "PeerAuthentication { namespace: \"shop\", name: \"x\", selector: Selector({})",
            "age: Age { created: \"\", tie: \"x.shop\" }",
        ],
        &[],
    );
}

/// What is unsound demands mutual TLS everywhere.
#[test]
fn unsound_ones_are_strict() {
    const STRICT: &str = "mode: Mode(Strict), ports: {}";
    for (spec, remarks) in [
        (
            "{mtls: {mode: OFF}}",
            &["error wrong-type spec.mtls.mode"][..],
        ),
        ("{mtls: DISABLE}", &["error wrong-type spec.mtls"]),
        (
            "{mtls: {mode: DISABLE, x: 1}}",
            &["error unknown-field spec.mtls.x"],
        ),
        (
            "{mtls: {mode: DISABLE}, portLevelMtls: {80: {mode: STRICT}}}",
            &["error conflicting-fields spec.portLevelMtls"],
        ),
        (
            "{selector: {matchLabels: {a: b}}, mtls: {mode: DISABLE}, portLevelMtls: {0: {}, 65536: {}, http: {}}}",
            &[
                "error invalid-port spec.portLevelMtls.0",
                "error invalid-port spec.portLevelMtls.65536",
                "error invalid-port spec.portLevelMtls.http",
            ],
        ),
        (
            "{selector: {matchLabels: {a: b}}, mtls: {mode: DISABLE}, portLevelMtls: {80: {mode: strict}}}",
            &["error wrong-type spec.portLevelMtls.80.mode"],
        ),
        (
            "{selector: {matchLabels: {a: b}}, mtls: {mode: DISABLE}, portLevelMtls: {}}",
            &["error empty-block spec.portLevelMtls"],
        ),
        (
            "{selector: {matchLabels: {a: 'b*'}}, mtls: {mode: DISABLE}}",
            &["error invalid-selector spec.selector.matchLabels.a"],
        ),
        (
            "{mtls: {mode: DISABLE}, targetRefs: []}",
            &["error unknown-field spec.targetRefs"],
        ),
        ("5", &["error wrong-type spec"]),
    ] {
        check(spec, &[STRICT], remarks);
    }
}
