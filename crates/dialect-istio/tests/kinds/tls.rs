//! TLS of DestinationRules.

#[track_caller]
fn check(tls: &str, facts: &[&str], remarks: &[&str]) {
    let at = |prefix: &str| -> Vec<String> {
        remarks
            .iter()
            .map(|remark| remark.replace(" tls", &format!(" {prefix}.tls")))
            .collect()
    };
    for (spec, prefix) in [
        (
            format!("{{host: a.b, trafficPolicy: {{tls: {tls}}}}}"),
            "spec.trafficPolicy",
        ),
        (
            format!(
                "{{host: a.b, trafficPolicy: {{portLevelSettings: [{{port: {{number: 80}}, tls: {tls}}}]}}}}"
            ),
            "spec.trafficPolicy.portLevelSettings[0]",
        ),
        (
            format!("{{host: a.b, subsets: [{{name: v1, trafficPolicy: {{tls: {tls}}}}}]}}"),
            "spec.subsets[0].trafficPolicy",
        ),
        (
            format!(
                "{{host: a.b, subsets: [{{name: v1, trafficPolicy: {{portLevelSettings: [{{port: {{number: 80}}, tls: {tls}}}]}}}}]}}"
            ),
            "spec.subsets[0].trafficPolicy.portLevelSettings[0]",
        ),
    ] {
        let remarks = at(prefix);
        let remarks: Vec<_> = remarks.iter().map(String::as_str).collect();
        super::check("DestinationRule", &spec, facts, &remarks);
    }
}

#[test]
fn modes() {
    for (tls, fact) in [
        ("{}", "tls: Some(Disable)"),
        ("{mode: DISABLE}", "tls: Some(Disable)"),
        (
            "{mode: ISTIO_MUTUAL}",
            "tls: Some(Mesh { sni: \"\", names: [] })",
        ),
        (
            "{mode: ISTIO_MUTUAL, sni: a.b, subjectAltNames: ['spiffe://td/ns/a/sa/b']}",
            "tls: Some(Mesh { sni: \"a.b\", names: [\"spiffe://td/ns/a/sa/b\"] })",
        ),
        (
            "{mode: SIMPLE}",
            "tls: Some(Simple(ServerCheck { sni: \"\", trust: System, names: [], revoked: \"\" }))",
        ),
        (
            "{mode: SIMPLE, caCertificates: system, sni: a.b}",
            "Simple(ServerCheck { sni: \"a.b\", trust: System,",
        ),
        (
            "{mode: SIMPLE, caCertificates: /etc/ca.pem, caCrl: /etc/crl.pem, subjectAltNames: [a, b]}",
            "Simple(ServerCheck { sni: \"\", trust: File(\"/etc/ca.pem\"), names: [\"a\", \"b\"], revoked: \"/etc/crl.pem\" })",
        ),
        (
            "{mode: SIMPLE, insecureSkipVerify: true}",
            "Simple(ServerCheck { sni: \"\", trust: Nobody,",
        ),
        (
            "{mode: SIMPLE, insecureSkipVerify: false}",
            "Simple(ServerCheck { sni: \"\", trust: System,",
        ),
        (
            "{mode: MUTUAL, clientCertificate: /c, privateKey: /k, caCertificates: /ca}",
            "Mutual { certificate: \"/c\", key: \"/k\", server: ServerCheck { sni: \"\", trust: File(\"/ca\"), names: [], revoked: \"\" } }",
        ),
        (
            "{mode: MUTUAL, clientCertificate: /c, privateKey: /k, insecureSkipVerify: true}",
            "Mutual { certificate: \"/c\", key: \"/k\", server: ServerCheck { sni: \"\", trust: Nobody,",
        ),
    ] {
        check(tls, &[fact], &[]);
    }
}

/// What is unsound, or can't be honoured yet, lets no connection come about.
#[test]
fn no_connection_is_less_safe_than_was_asked_for() {
    const NONE: &str = "trust: File(\"credential:\")";
    for (tls, facts, remarks) in [
        (
            "{mode: SIMPLE, credentialName: cred}",
            &["trust: File(\"credential:cred\")"][..],
            &["warning no-effect-yet tls.credentialName"][..],
        ),
        (
            "{mode: MUTUAL, credentialName: cred}",
            &["trust: File(\"credential:cred\")"],
            &["warning no-effect-yet tls.credentialName"],
        ),
        (
            "{mode: MUTUAL, credentialName: cred, insecureSkipVerify: true}",
            &["trust: File(\"credential:cred\")"],
            &["warning no-effect-yet tls.credentialName"],
        ),
        (
            "{mode: istio_mutual}",
            &[NONE],
            &["error wrong-type tls.mode"],
        ),
        ("5", &[NONE], &["error wrong-type tls"]),
        (
            "{mode: SIMPLE, caCertificate: x}",
            &[NONE],
            &["error unknown-field tls.caCertificate"],
        ),
        (
            "{mode: MUTUAL}",
            &[NONE],
            &[
                "error missing-field tls.clientCertificate",
                "error missing-field tls.privateKey",
            ],
        ),
        (
            "{mode: SIMPLE, credentialName: x, caCertificates: ca, caCrl: z}",
            &[NONE],
            &[
                "error conflicting-fields tls.caCertificates",
                "error conflicting-fields tls.caCrl",
            ],
        ),
        (
            "{mode: SIMPLE, insecureSkipVerify: true, subjectAltNames: [a]}",
            &[NONE],
            &["error conflicting-fields tls.subjectAltNames"],
        ),
        (
            "{mode: SIMPLE, insecureSkipVerify: true, caCertificates: a, credentialName: b}",
            &[NONE],
            &[
                "error conflicting-fields tls.caCertificates",
                "error conflicting-fields tls.credentialName",
                "error conflicting-fields tls.caCertificates",
            ],
        ),
        (
            "{mode: SIMPLE, credentialName: 'configmap://other/x'}",
            &[NONE],
            &["error invalid-credential tls.credentialName"],
        ),
        (
            "{mode: MUTUAL, clientCertificate: /a~b, privateKey: /k, caCertificates: 'credential:'}",
            &[NONE],
            &[
                "error invalid-file tls.clientCertificate",
                "error invalid-file tls.caCertificates",
            ],
        ),
        (
            "{mode: SIMPLE, subjectAltNames: ['']}",
            &[NONE],
            &["error invalid-value tls.subjectAltNames[0]"],
        ),
    ] {
        check(tls, facts, remarks);
    }
    super::check(
        "DestinationRule",
        "{host: a.b, trafficPolicy: {tls: {mode: SIMPLE}, portLevelSettings: 5}}",
        &[NONE],
        &["error wrong-type spec.trafficPolicy.portLevelSettings"],
    );
}

#[test]
fn fields_that_say_nothing_with_a_mode_are_told() {
    for (tls, remarks) in [
        (
            "{sni: a, caCertificates: b}",
            &[
                "warning no-effect tls.caCertificates",
                "warning no-effect tls.sni",
            ][..],
        ),
        (
            "{mode: ISTIO_MUTUAL, clientCertificate: a, privateKey: b, credentialName: c, insecureSkipVerify: true, caCrl: d}",
            &[
                "warning no-effect tls.clientCertificate",
                "warning no-effect tls.privateKey",
                "warning no-effect tls.credentialName",
                "warning no-effect tls.insecureSkipVerify",
                "warning no-effect tls.caCrl",
            ],
        ),
        (
            "{mode: SIMPLE, clientCertificate: a, privateKey: b}",
            &[
                "warning no-effect tls.clientCertificate",
                "warning no-effect tls.privateKey",
            ],
        ),
    ] {
        check(tls, &["tls: Some("], remarks);
    }
}
