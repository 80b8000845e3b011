//! WorkloadEntry.

#[track_caller]
fn check(spec: &str, facts: &[&str], remarks: &[&str]) {
    super::check("WorkloadEntry", spec, facts, remarks);
}

#[test]
fn a_workload() {
    check(
        "{address: 10.0.0.1, ports: {http: 8080}, labels: {app: vm, version: v1}, network: net, locality: r/z/s/x, weight: 9, serviceAccount: sa}",
        &[
            "Workload { name: WorkloadName { namespace: \"shop\", name: \"x\" }, kind: Entry, addresses: [\"10.0.0.1\"], state: Ready, labels: {\"app\": \"own\", \"version\": \"v1\"}, service_account: \"sa\", peer_tls: Mesh, node: None, locality: Some(Locality { region: \"r\", zone: \"z\", subzone: \"s/x\" }), network: \"net\", ports: {\"http\": 8080}, weight: 9",
        ],
        &["warning no-effect-yet spec.network"],
    );
    check(
        "{address: vm.example.com, weight: 0}",
        &[
            "addresses: [\"vm.example.com\"]",
            "locality: None",
            "weight: 1,",
        ],
        &["warning no-effect-yet spec.address"],
    );
}

#[test]
fn unsound_ones() {
    for (spec, facts, remarks) in [
        (
            "{}",
            &["!Workload"][..],
            &["error missing-field spec.address"][..],
        ),
        (
            "{network: net}",
            &["addresses: []"],
            &["warning no-effect-yet spec.address"],
        ),
        (
            "{address: a_b}",
            &["!Workload"],
            &["error invalid-address spec.address"],
        ),
        (
            "{address: 'unix:///run/x'}",
            &["addresses: []"],
            &["warning no-effect-yet spec.address"],
        ),
        (
            "{address: 'unix://x'}",
            &["!Workload"],
            &["error invalid-address spec.address"],
        ),
        (
            "{address: 1.2.3.4, ports: {a_b: 70000}, labels: {a: 'b c'}, weight: 16777217}",
            &["weight: 16777216", "ports: {}"],
            &[
                "error invalid-label spec.labels.a",
                "error out-of-range spec.weight",
                "error invalid-name spec.ports.a_b",
                "error invalid-port spec.ports.a_b",
            ],
        ),
        (
            "{address: 1.2.3.4, weight: -1}",
            &["!Workload"],
            &["error wrong-type spec.weight"],
        ),
    ] {
        check(spec, facts, remarks);
    }
    let long = "a".repeat(3000);
    check(
        &format!("{{address: 1.2.3.4, network: {long}, locality: {long}, serviceAccount: {long}}}"),
        &[],
        &[
            "error out-of-range spec.network",
            "error out-of-range spec.locality",
            "error out-of-range spec.serviceAccount",
            "warning no-effect-yet spec.network",
        ],
    );
}

#[test]
fn who_speaks_the_meshs_tls() {
    for (entry, peer_tls) in [
        ("", "Plain"),
        ("serviceAccount: sa", "Mesh"),
        ("labels: {security.istio.io/tlsMode: istio}", "Mesh"),
        (
            "serviceAccount: sa, labels: {security.istio.io/tlsMode: disabled}",
            "Plain",
        ),
        ("labels: {security.istio.io/tlsMode: Istio}", "Plain"),
    ] {
        check(
            &format!("{{address: 10.0.0.1, {entry}}}"),
            &[&format!("peer_tls: {peer_tls}")],
            &[],
        );
    }
}
