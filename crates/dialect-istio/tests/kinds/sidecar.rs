//! Sidecar.

#[track_caller]
fn check(spec: &str, facts: &[&str], remarks: &[&str]) {
    super::check("Sidecar", spec, facts, remarks);
}

#[test]
fn the_whole() {
    check(
        "workloadSelector: {labels: {app: x}}
outboundTrafficPolicy: {mode: ALLOW_ANY}
inboundConnectionPool: {tcp: {maxConnections: 4}}
ingress:
- {port: {number: 9080, protocol: HTTP, name: http}, bind: 10.0.0.1, captureMode: NONE, defaultEndpoint: '127.0.0.1:8080', connectionPool: {http: {maxRetries: 2}}}
egress:
- {port: {number: 9000, protocol: HTTP, name: e}, bind: 127.0.0.1, captureMode: IPTABLES, hosts: [./*]}
- {hosts: ['*/*.example.com', '~other/*']}
",
        &[
            "Sidecar { namespace: \"shop\", name: \"x\", selector: Selector({\"app\": \"x\"})",
            "outbound: Some(AllowAny)",
            "inbound_pool: Some(ConnectionPool { max_connections: 4",
            "IngressListener { port: ListenerPort { number: 9080, name: \"http\", protocol: Http }, bind: \"10.0.0.1\", capture: None, app: Loopback(127.0.0.1:8080), pool: Some(",
            "max_retries: 2",
            "EgressListener { port: Some(ListenerPort { number: 9000, name: \"e\", protocol: Http }), bind: \"127.0.0.1\", capture: Redirect, hosts: [HostSelector { namespaces: One(\"shop\"), host: \"*\", exclude: false }]",
            "EgressListener { port: None, bind: \"\", capture: Default, hosts: [HostSelector { namespaces: Any, host: \"*.example.com\", exclude: false }, HostSelector { namespaces: One(\"other\"), host: \"*\", exclude: true }]",
        ],
        &[],
    );
}

#[test]
fn selectors_and_policies() {
    for (spec, facts, remarks) in [
        ("{}", &[][..], &["error empty-block spec"][..]),
        (
            "{workloadSelector: {}, egress: [{hosts: ['*/*']}]}",
            &["selector: Selector({})"],
            &["warning empty-selector spec.workloadSelector.labels"],
        ),
        (
            "{outboundTrafficPolicy: {}}",
            &["outbound: Some(RegistryOnly)"],
            &[],
        ),
        (
            "{inboundConnectionPool: {tcp: {}}}",
            &["outbound: None"],
            &[],
        ),
        (
            "{outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS}}",
            &["outbound: None"],
            &["error wrong-type spec.outboundTrafficPolicy.mode"],
        ),
        (
            "{outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: a.b, subset: v1, port: {number: 80}}}}",
            &["outbound: Some(AllowAny)"],
            &["warning no-effect-yet spec.outboundTrafficPolicy.egressProxy"],
        ),
        (
            "{outboundTrafficPolicy: {egressProxy: {subset: a_b}}}",
            &[],
            &[
                "error conflicting-fields spec.outboundTrafficPolicy.egressProxy",
                "error invalid-host spec.outboundTrafficPolicy.egressProxy.host",
                "error invalid-name spec.outboundTrafficPolicy.egressProxy.subset",
                "error missing-field spec.outboundTrafficPolicy.egressProxy.port",
                "warning no-effect-yet spec.outboundTrafficPolicy.egressProxy",
            ],
        ),
    ] {
        check(spec, facts, remarks);
    }
}

#[test]
fn default_endpoints() {
    for (text, facts, remarks) in [
        ("''", &["app: Default"][..], &[][..]),
        ("':80'", &["app: Loopback(127.0.0.1:80)"], &[]),
        ("'[::1]:80'", &["app: Loopback([::1]:80)"], &[]),
        ("'0.0.0.0:80'", &["app: Instance(80)"], &[]),
        ("'[::]:80'", &["app: Instance(80)"], &[]),
        ("'unix:///run/x'", &["app: Unix(\"/run/x\")"], &[]),
        (
            "'unix://run/x'",
            &["ingress: []"],
            &["error invalid-address spec.ingress[0].defaultEndpoint"],
        ),
        (
            "'10.0.0.1:80'",
            &["ingress: []"],
            &["error invalid-address spec.ingress[0].defaultEndpoint"],
        ),
        (
            "'127.0.0.1'",
            &["ingress: []"],
            &["error invalid-address spec.ingress[0].defaultEndpoint"],
        ),
        (
            "'127.0.0.1:0'",
            &["ingress: []"],
            &["error invalid-address spec.ingress[0].defaultEndpoint"],
        ),
        (
            "'127.0.0.1:65536'",
            &["ingress: []"],
            &["error invalid-address spec.ingress[0].defaultEndpoint"],
        ),
        (
            "'::1:80'",
            &["ingress: []"],
            &["error invalid-address spec.ingress[0].defaultEndpoint"],
        ),
    ] {
        check(
            &format!(
                "{{ingress: [{{port: {{number: 80, protocol: TCP}}, defaultEndpoint: {text}}}]}}"
            ),
            facts,
            remarks,
        );
    }
}

#[test]
fn unsound_ingress() {
    for (ingress, remarks) in [
        ("{}", &["error missing-field .port"][..]),
        (
            "{port: {number: 0, protocol: x, name: a_b, targetPort: 1}, bind: localhost}",
            &[
                "error unsupported-field .port.targetPort",
                "error invalid-name .port.name",
                "error invalid-port .port.number",
                "error invalid-protocol .port.protocol",
                "error invalid-address .bind",
            ],
        ),
        (
            "{port: {number: 80, protocol: HTTP}, tls: {mode: ISTIO_MUTUAL, httpsRedirect: true}}",
            &[
                "warning no-effect-yet .tls",
                "error conflicting-fields .tls",
                "error unsupported-field .tls.httpsRedirect",
                "error unsupported-field .tls.mode",
            ],
        ),
        (
            "{port: {number: 80, protocol: HTTPS}, tls: {mode: MUTUAL}}",
            &[
                "warning no-effect-yet .tls",
                "error missing-field .tls.caCertificates",
                "error missing-field .tls.serverCertificate",
                "error missing-field .tls.privateKey",
            ],
        ),
    ] {
        let remarks: Vec<String> = remarks
            .iter()
            .map(|remark| remark.replacen(" .", " spec.ingress[0].", 1))
            .collect();
        let remarks: Vec<&str> = remarks.iter().map(String::as_str).collect();
        check(
            &format!("{{ingress: [{ingress}]}}"),
            &["ingress: []"],
            &remarks,
        );
    }
    check(
        "{ingress: [{port: {number: 80}}, {port: {number: 80}}, null]}",
        &["number: 80"],
        &[
            "error duplicate-port spec.ingress[1].port",
            "error wrong-type spec.ingress[2]",
        ],
    );
    check(
        "{ingress: [{port: {number: 443, protocol: TLS}, connectionPool: {http: {maxRetries: 1}}, tls: {mode: SIMPLE, serverCertificate: a, privateKey: b, minProtocolVersion: TLSV1_0}}]}",
        &["number: 443"],
        &[
            "warning no-effect-yet spec.ingress[0].tls",
            "warning missing-field spec.ingress[0].tls.minProtocolVersion",
            "warning no-effect spec.ingress[0].connectionPool.http",
        ],
    );
}

#[test]
fn egress_hosts() {
    for (hosts, facts, remarks) in [
        (
            "['*/*']",
            &["namespaces: Any, host: \"*\", exclude: false"][..],
            &[][..],
        ),
        (
            "['~/*']",
            &["namespaces: Any, host: \"*\", exclude: true"],
            &[],
        ),
        (
            "['~./a.b']",
            &["namespaces: One(\"shop\"), host: \"a.b\", exclude: true"],
            &[],
        ),
        (
            "[ns/A.b]",
            &["namespaces: One(\"ns\"), host: \"a.b\", exclude: false"],
            &[],
        ),
        (
            "[ns/a.b, ns/a.b]",
            &[],
            &["warning duplicate-host .hosts[1]"],
        ),
        ("['*/*', ns/a.b]", &[], &["warning duplicate-host .hosts"]),
        ("['*/*', '~ns/a.b']", &[], &[]),
        ("[]", &["exclude: false"], &["error missing-field .hosts"]),
        ("[a.b]", &[], &["error invalid-host .hosts[0]"]),
        ("[./short]", &[], &["error invalid-host .hosts[0]"]),
        ("['./*a.b']", &[], &["error invalid-host .hosts[0]"]),
        ("[a_b/*]", &[], &["error invalid-host .hosts[0]"]),
        ("[/*]", &[], &["error invalid-host .hosts[0]"]),
        (
            "[ns/a..b]",
            &["namespaces: Nobody"],
            &["error invalid-host .hosts[0]"],
        ),
    ] {
        let remarks: Vec<String> = remarks
            .iter()
            .map(|remark| remark.replacen(" .", " spec.egress[0].", 1))
            .collect();
        let remarks: Vec<&str> = remarks.iter().map(String::as_str).collect();
        check(
            &format!("{{egress: [{{hosts: {hosts}}}]}}"),
            facts,
            &remarks,
        );
    }
}

#[test]
fn egress_listeners() {
    for (egress, facts, remarks) in [
        (
            "[{hosts: ['*/*']}, {hosts: ['*/*']}]",
            &[][..],
            &["error misplaced-listener spec.egress[0]"][..],
        ),
        (
            "[{port: {number: 80}, hosts: ['*/*']}, {port: {number: 80}, hosts: ['*/*']}]",
            &[],
            &["error duplicate-port spec.egress[1].port"],
        ),
        (
            "[{port: {protocol: HTTP}, bind: 'unix:///s', hosts: ['*/*']}]",
            &["egress: [EgressListener { port: None", "namespaces: Nobody"],
            &["warning no-effect-yet spec.egress[0].bind"],
        ),
        (
            "[{port: {number: 80, targetPort: 1}, bind: x, hosts: ['*/*']}]",
            &["namespaces: Nobody"],
            &[
                "error invalid-address spec.egress[0].bind",
                "error unsupported-field spec.egress[0].port.targetPort",
            ],
        ),
        (
            "[{bind: 10.0.0.1, captureMode: NONE, hosts: ['*/*']}]",
            &["port: None, bind: \"\", capture: Default"],
            &[
                "warning no-effect-yet spec.egress[0].bind",
                "warning no-effect-yet spec.egress[0].captureMode",
            ],
        ),
    ] {
        check(&format!("{{egress: {egress}}}"), facts, remarks);
    }
}
