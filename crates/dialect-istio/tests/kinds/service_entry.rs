//! ServiceEntry.

#[track_caller]
fn check(spec: &str, facts: &[&str], remarks: &[&str]) {
    super::check("ServiceEntry", spec, facts, remarks);
}

const PORT: &str = "ports: [{number: 80, name: http, protocol: HTTP}]";

#[test]
fn a_service_for_each_host() {
    check(
        "hosts: [A.example.com, '*.b.example.com']
addresses: [10.0.0.1, 10.1.0.0/16, '2001:db8::1']
exportTo: ['~']
ports:
- {number: 80, name: http, protocol: http, targetPort: 8080}
- {number: 443, name: tls, protocol: TLS}
",
        &[
            "host: \"a.example.com\", namespace: \"shop\", registry: Entry, aliases: [], short_name: None, addresses: [10.0.0.1/32, 10.1.0.0/16, 2001:db8::1/128]",
            "host: \"*.b.example.com\"",
            "ServicePort { number: 80, name: \"http\", protocol: Http, target: Number(8080) }",
            "ServicePort { number: 443, name: \"tls\", protocol: Tls, target: Number(443) }",
            "resolution: Original, external: true, selector: None, publish_not_ready: false, distribution: Any",
            "export: To(Only({}))",
            "!Endpoints",
        ],
        &[],
    );
    check(
        "{hosts: [short], resolution: STATIC, location: MESH_INTERNAL}",
        &[
            "host: \"short\"",
            "resolution: Declared, external: false",
            "export: MeshDefault",
        ],
        &[],
    );
}

#[test]
fn hosts_and_addresses() {
    for (spec, remarks) in [
        ("{}", &["error missing-field spec.hosts"][..]),
        ("{hosts: ['*']}", &["error invalid-host spec.hosts[0]"]),
        ("{hosts: [a_b]}", &["error invalid-host spec.hosts[0]"]),
        (
            "{hosts: ['*a.com']}",
            &["warning partial-wildcard spec.hosts[0]"],
        ),
        ("{hosts: [a.b, A.B]}", &["warning no-effect spec.hosts[1]"]),
        (
            "{hosts: [a.b], addresses: [10.0.0.300, 10.0.0.0/33, a.b]}",
            &[
                "error invalid-address spec.addresses[0]",
                "error invalid-address spec.addresses[1]",
                "error invalid-address spec.addresses[2]",
            ],
        ),
        (
            "{hosts: [a.b], addresses: [10.0.0.0/8], resolution: DNS}",
            &["error conflicting-fields spec.addresses[0]"],
        ),
        (
            "{hosts: [a.b], exportTo: ['~', '*']}",
            &[
                "error invalid-export spec.exportTo[0]",
                "error invalid-export spec.exportTo[1]",
            ],
        ),
        ("{hosts: [a.b], subjectAltNames: [x]}", &[]),
        (
            "{hosts: [a.b], subjectAltNames: ['']}",
            &["error invalid-value spec.subjectAltNames[0]"],
        ),
    ] {
        check(spec, &[], remarks);
    }
}

#[test]
fn ports() {
    for (port, facts, remarks) in [
        ("{number: 1, name: a}", &["protocol: Detect"][..], &[][..]),
        (
            "{number: 1, name: a, protocol: grpc-web}",
            &["protocol: GrpcWeb"],
            &[],
        ),
        (
            "{number: 1, name: a, protocol: MySQL}",
            &["protocol: Opaque"],
            &[],
        ),
        (
            "{number: 1, name: a, protocol: HTTP_PROXY}",
            &["protocol: Http"],
            &["warning no-effect-yet .protocol"],
        ),
        (
            "{number: 1, name: a, protocol: HTP}",
            &["ports: []"],
            &["error invalid-protocol .protocol"],
        ),
        (
            "{number: 70000, targetPort: 65536}",
            &["ports: []"],
            &[
                "error missing-field .name",
                "error invalid-port .number",
                "error invalid-port .targetPort",
            ],
        ),
        (
            "{number: 0, name: a_b}",
            &["ports: []"],
            &["error invalid-name .name", "error invalid-port .number"],
        ),
        (
            "{number: http, name: a}",
            &["ports: []"],
            &["error wrong-type .number"],
        ),
    ] {
        let remarks: Vec<String> = remarks
            .iter()
            .map(|remark| remark.replacen(" .", " spec.ports[0].", 1))
            .collect();
        let remarks: Vec<&str> = remarks.iter().map(String::as_str).collect();
        check(
            &format!("{{hosts: [a.b], addresses: [10.0.0.1], ports: [{port}]}}"),
            facts,
            &remarks,
        );
    }
    check(
        "{hosts: [a.b], addresses: [10.0.0.1], ports: [{number: 1, name: a}, {number: 1, name: b}, {number: 2, name: a}, null]}",
        &["ports: [ServicePort { number: 1, name: \"a\", protocol: Detect, target: Number(1) }]"],
        &[
            "error duplicate-port spec.ports[1].number",
            "error duplicate-port spec.ports[2].name",
            "error wrong-type spec.ports[3]",
        ],
    );
}

#[test]
fn static_instances() {
    check(
        &format!(
            "{{hosts: [a.b], resolution: STATIC, {PORT}, endpoints: [
  {{address: 10.0.0.1, ports: {{http: 8080}}, labels: {{version: v1}}, network: n1, locality: r/z/s, weight: 7, serviceAccount: sa}},
  {{address: '2001:db8::1'}},
  {{address: 10.0.0.3, labels: {{istio-locality: r.z, topology.istio.io/network: n2}}}}]}}"
        ),
        &[
            "Endpoints { host: \"a.b\", namespace: \"shop\", ports: {\"http\": 80}, instances: [Endpoint { address: \"10.0.0.1\", state: Ready, identity: Inline { labels: {\"version\": \"v1\"}, locality: Locality { region: \"r\", zone: \"z\", subzone: \"s\" }, network: \"n1\", peer_tls: Mesh, service_account: \"sa\", weight: 7 }, zone: \"\", node: None, ports: {\"http\": 8080}, for_zones: [] }",
            "address: \"2001:db8::1\"",
            "locality: Locality { region: \"r\", zone: \"z\", subzone: \"\" }, network: \"n2\", peer_tls: Plain, service_account: \"\", weight: 1",
        ],
        &[
            "warning no-effect-yet spec.endpoints[0].network",
        ],
    );
}

#[test]
fn unsound_instances_are_left_out() {
    for (resolution, endpoint, remarks) in [
        (
            "STATIC",
            "{address: a.b}",
            &["error invalid-address .address"][..],
        ),
        ("STATIC", "{}", &["error missing-field .address"]),
        (
            "STATIC",
            "{network: net}",
            &["warning no-effect-yet .address"],
        ),
        (
            "STATIC",
            "{address: 'unix:///s'}",
            &["warning no-effect-yet .address"],
        ),
        (
            "STATIC",
            "{address: 'unix:///s/'}",
            &["error invalid-address .address"],
        ),
        (
            "STATIC",
            "{address: 'unix://@s', ports: {http: 1}}",
            &[
                "error conflicting-fields .ports",
                "warning no-effect-yet .address",
            ],
        ),
        (
            "STATIC",
            "{address: 1.2.3.4, ports: {x: 1}}",
            &["error unknown-port .ports.x"],
        ),
        (
            "STATIC",
            "{address: 1.2.3.4, ports: {http: 0}}",
            &["error invalid-port .ports.http"],
        ),
        (
            "STATIC",
            "{address: 1.2.3.4, weight: 4294967295}",
            &["error out-of-range .weight"],
        ),
        (
            "STATIC",
            "{address: 1.2.3.4, labels: {a b: c}}",
            &["error invalid-label .labels.a b"],
        ),
        ("STATIC", "{address: 5}", &["error wrong-type .address"]),
        ("DNS", "{address: a_b}", &["error invalid-address .address"]),
        (
            "DNS",
            "{address: 'unix:///s'}",
            &[
                "warning no-effect-yet .address",
                "error invalid-address .address",
            ],
        ),
    ] {
        let remarks: Vec<String> = remarks
            .iter()
            .map(|remark| remark.replacen(" .", " spec.endpoints[0].", 1))
            .collect();
        let remarks: Vec<&str> = remarks.iter().map(String::as_str).collect();
        check(
            &format!("{{hosts: [h.b], resolution: {resolution}, {PORT}, endpoints: [{endpoint}]}}"),
            &["resolution: Declared", "!Endpoints {"],
            &remarks,
        );
    }
}

#[test]
fn names_are_resolved() {
    check(
        &format!("{{hosts: [a.b, c.d], resolution: DNS, {PORT}}}"),
        &[
            "Dns([DnsTarget { address: \"a.b\", ports: [], labels: {}, locality: Locality { region: \"\", zone: \"\", subzone: \"\" }, weight: 1 }])",
            "Dns([DnsTarget { address: \"c.d\"",
        ],
        &[],
    );
    check(
        &format!(
            "{{hosts: ['*.b'], resolution: DNS_ROUND_ROBIN, {PORT}, endpoints: [{{address: x.y, ports: {{http: 8}}, weight: 3, locality: r, labels: {{v: a}}, serviceAccount: sa, network: net}}]}}"
        ),
        &[
            "DnsRoundRobin([DnsTarget { address: \"x.y\", ports: [(\"http\", 8)], labels: {\"v\": \"a\"}, locality: Locality { region: \"r\", zone: \"\", subzone: \"\" }, weight: 3 }])",
        ],
        &[
            "warning no-effect-yet spec.endpoints[0].network",
            "warning no-effect-yet spec.endpoints[0].serviceAccount",
        ],
    );
    for (spec, remarks) in [
        (
            "hosts: ['*.b'], resolution: DNS",
            &["error invalid-host spec.hosts[0]"][..],
        ),
        (
            "hosts: [a.b], resolution: DNS_ROUND_ROBIN, endpoints: [{address: x.y}, {address: 1.2.3.4}]",
            &["error conflicting-fields spec.endpoints"],
        ),
    ] {
        check(&format!("{{{spec}, {PORT}}}"), &[], remarks);
    }
}

#[test]
fn workloads_by_label() {
    for (resolution, facts, remarks) in [
        (
            "STATIC",
            &[
                "resolution: Workloads",
                "selector: Some(Selector({\"app\": \"x\"}))",
            ][..],
            &[][..],
        ),
        (
            "DNS",
            &["resolution: Workloads"],
            &["warning no-effect-yet spec.workloadSelector"],
        ),
        (
            "NONE",
            &["resolution: Original"],
            &["warning no-effect spec.workloadSelector"],
        ),
    ] {
        check(
            &format!(
                "{{hosts: [a.b], resolution: {resolution}, {PORT}, workloadSelector: {{labels: {{app: x}}}}}}"
            ),
            facts,
            remarks,
        );
    }
    check(
        "{hosts: [a.b], resolution: STATIC, workloadSelector: {}, endpoints: [{address: 1.2.3.4}]}",
        &[],
        &[
            "warning empty-selector spec.workloadSelector.labels",
            "error conflicting-fields spec.endpoints",
        ],
    );
}

#[test]
fn faults_between_fields() {
    for (spec, remarks) in [
        (
            "{hosts: [a.b], endpoints: [{address: 1.2.3.4}]}",
            &["error conflicting-fields spec.endpoints"][..],
        ),
        (
            "{hosts: [a.b, c.d], resolution: STATIC, ports: [{number: 1, name: a, protocol: TCP}]}",
            &["error conflicting-fields spec.hosts"],
        ),
        (
            "{hosts: [a.b, c.d], ports: [{number: 1, name: a, protocol: TCP}]}",
            &["warning missing-address spec.addresses"],
        ),
        (
            "{hosts: [a.b, c.d], addresses: [10.0.0.1], resolution: DNS, ports: [{number: 1, name: a, protocol: TLS}]}",
            &["warning several-hosts spec.hosts"],
        ),
        (
            "{hosts: [a.b], resolution: dns}",
            &["error wrong-type spec.resolution"],
        ),
    ] {
        check(spec, &[], remarks);
    }
}

#[test]
fn dynamic_dns_declares_nothing_yet() {
    check(
        &format!("{{hosts: ['*.b'], resolution: DYNAMIC_DNS, {PORT}}}"),
        &["!Service"],
        &["warning no-effect-yet spec.resolution"],
    );
    check(
        "{hosts: [a.b], resolution: DYNAMIC_DNS, addresses: [10.0.0.1], endpoints: [{address: a.b}], ports: [{number: 1, name: a, protocol: TCP}]}",
        &["!Service"],
        &[
            "error invalid-host spec.hosts[0]",
            "error conflicting-fields spec.addresses",
            "error conflicting-fields spec.endpoints",
            "error conflicting-fields spec.ports",
            "warning no-effect-yet spec.resolution",
        ],
    );
}

#[test]
fn annotations() {
    for (value, distribution, remarks) in [
        ("PreferClose", "PreferSameZone", &[][..]),
        ("prefersamenode", "PreferSameNode", &[]),
        (
            "near",
            "Any",
            &[
                "warning invalid-value metadata.annotations[\"networking.istio.io/traffic-distribution\"]",
            ],
        ),
    ] {
        let mut object = super::object("ServiceEntry", serde_json::json!({"hosts": ["a.b"]}));
        object["metadata"]["annotations"] =
            serde_json::json!({"networking.istio.io/traffic-distribution": value});
        let (declarations, list) = super::lower("ServiceEntry", object);
        assert_eq!(super::summary(&list), remarks);
        let text = format!("{declarations:?}");
        assert!(
            text.contains(&format!("distribution: {distribution},")),
            "{text}"
        );
    }
}
