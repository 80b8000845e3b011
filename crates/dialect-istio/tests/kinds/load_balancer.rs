//! Load balancers and locality in a DestinationRule.

/// Checks `loadBalancer` beside outlier detection; remarks are relative to it.
#[track_caller]
fn check(balancer: &str, facts: &[&str], remarks: &[&str]) {
    let remarks: Vec<String> = remarks
        .iter()
        .map(|remark| {
            let (head, field) = remark.rsplit_once(' ').unwrap();
            format!("{head} spec.trafficPolicy.loadBalancer{field}")
        })
        .collect();
    let remarks: Vec<&str> = remarks.iter().map(String::as_str).collect();
    super::check(
        "DestinationRule",
        &format!(
            "{{host: a.b, trafficPolicy: {{outlierDetection: {{}}, loadBalancer: {balancer}}}}}"
        ),
        facts,
        &remarks,
    );
}

#[test]
fn simple_algorithms() {
    for (balancer, facts, remarks) in [
        (
            "{}",
            &["algorithm: LeastRequest", "locality: None"][..],
            &[][..],
        ),
        ("{simple: UNSPECIFIED}", &["algorithm: LeastRequest"], &[]),
        ("{simple: LEAST_REQUEST}", &["algorithm: LeastRequest"], &[]),
        (
            "{simple: LEAST_CONN}",
            &["algorithm: LeastRequest"],
            &["warning deprecated-value .simple"],
        ),
        ("{simple: RANDOM}", &["algorithm: Random"], &[]),
        ("{simple: PASSTHROUGH}", &["algorithm: Passthrough"], &[]),
        ("{simple: ROUND_ROBIN}", &["algorithm: RoundRobin"], &[]),
        (
            "{simple: FASTEST}",
            &["load_balancer: None"],
            &["error wrong-type .simple"],
        ),
        (
            "{simple: RANDOM, consistentHash: {useSourceIp: true}}",
            &[],
            &["error conflicting-fields .consistentHash"],
        ),
    ] {
        check(balancer, facts, remarks);
    }
}

#[test]
fn consistent_hashes() {
    for (hash, facts, remarks) in [
        (
            "{httpHeaderName: x-user}",
            &["key: Header(\"x-user\"), table: Ring { minimum_size: 1024 }"][..],
            &[][..],
        ),
        ("{useSourceIp: true}", &["key: SourceIp"], &[]),
        (
            "{httpQueryParameterName: q}",
            &["key: QueryParameter(\"q\")"],
            &[],
        ),
        (
            "{httpCookie: {name: c}}",
            &["Cookie { name: \"c\", path: \"\", ttl: None, attributes: [] }"],
            &[],
        ),
        (
            "{httpCookie: {name: c, path: /p, ttl: 0s, attributes: [{name: SameSite, value: Lax}, {name: Secure}]}}",
            &[
                "path: \"/p\", ttl: Some(0ns), attributes: [(\"SameSite\", \"Lax\"), (\"Secure\", \"\")]",
            ],
            &[],
        ),
        ("{}", &["algorithm: Random"], &["warning no-hash-key "]),
        (
            "{useSourceIp: false}",
            &["algorithm: Random"],
            &["warning no-hash-key "],
        ),
        (
            "{useSourceIp: true, httpHeaderName: x}",
            &[],
            &["error conflicting-fields .useSourceIp"],
        ),
        (
            "{httpHeaderName: ''}",
            &[],
            &["error missing-field .httpHeaderName"],
        ),
        (
            "{httpHeaderName: \"a\\nb\"}",
            &[],
            &["error invalid-text .httpHeaderName"],
        ),
        (
            "{httpQueryParameterName: ''}",
            &[],
            &["error missing-field .httpQueryParameterName"],
        ),
        (
            "{httpCookie: {ttl: -1s, attributes: [{name: a}, {name: a}, {}]}}",
            &[],
            &[
                "error missing-field .httpCookie.name",
                "error duplicate-attribute .httpCookie.attributes[1].name",
                "error missing-field .httpCookie.attributes[2].name",
                "error invalid-duration .httpCookie.ttl",
            ],
        ),
        (
            "{useSourceIp: true, ringHash: {minimumRingSize: 7}}",
            &["minimum_size: 7"],
            &[],
        ),
        (
            "{useSourceIp: true, ringHash: {}}",
            &["minimum_size: 1024"],
            &[],
        ),
        (
            "{useSourceIp: true, ringHash: {minimumRingSize: 8388608}}",
            &["minimum_size: 8388608"],
            &[],
        ),
        (
            "{useSourceIp: true, ringHash: {minimumRingSize: 8388609}}",
            &[],
            &["error out-of-range .ringHash.minimumRingSize"],
        ),
        (
            "{useSourceIp: true, minimumRingSize: 2048}",
            &["minimum_size: 2048"],
            &["warning deprecated-field .minimumRingSize"],
        ),
        (
            "{useSourceIp: true, minimumRingSize: 18446744073709551615}",
            &[],
            &[
                "warning deprecated-field .minimumRingSize",
                "error out-of-range .minimumRingSize",
            ],
        ),
        (
            "{useSourceIp: true, minimumRingSize: 1, maglev: {tableSize: 101}}",
            &["table_size: 101"],
            &[
                "warning deprecated-field .minimumRingSize",
                "error conflicting-fields .minimumRingSize",
            ],
        ),
        (
            "{useSourceIp: true, maglev: {tableSize: 5000003}}",
            &[],
            &["error out-of-range .maglev.tableSize"],
        ),
        (
            "{useSourceIp: true, maglev: {tableSize: 65537}}",
            &["Maglev { table_size: 65537 }"],
            &[],
        ),
        (
            "{useSourceIp: true, maglev: {tableSize: 1}}",
            &["table_size: 1 "],
            &[],
        ),
        (
            "{useSourceIp: true, maglev: {}}",
            &[],
            &["error out-of-range .maglev.tableSize"],
        ),
        (
            "{useSourceIp: true, maglev: {tableSize: 9}}",
            &[],
            &["error out-of-range .maglev.tableSize"],
        ),
        (
            "{useSourceIp: true, maglev: {tableSize: 5000011}}",
            &[],
            &["error out-of-range .maglev.tableSize"],
        ),
        (
            "{useSourceIp: true, maglev: {tableSize: 101}, ringHash: {}}",
            &[],
            &["error conflicting-fields .maglev"],
        ),
    ] {
        let remarks: Vec<String> = remarks
            .iter()
            .map(|remark| {
                let (head, field) = remark.rsplit_once(' ').unwrap();
                format!("{head} .consistentHash{field}")
            })
            .collect();
        let remarks: Vec<&str> = remarks.iter().map(String::as_str).collect();
        check(&format!("{{consistentHash: {hash}}}"), facts, &remarks);
    }
}

#[test]
fn warm_up() {
    for (balancer, facts, remarks) in [
        (
            "{warmup: {duration: 1m}}",
            &["Warmup { duration: 60s, minimum_percent: 10, aggression_milli: 1000 }"][..],
            &[][..],
        ),
        (
            "{simple: ROUND_ROBIN, warmup: {duration: 1m, minimumPercent: 0, aggression: 1.5}}",
            &["minimum_percent: 0, aggression_milli: 1500"],
            &[],
        ),
        (
            "{warmup: {duration: 1m, minimumPercent: 12.6, aggression: 1e300}}",
            &["minimum_percent: 13, aggression_milli: 4294967295"],
            &["warning limited .warmup.minimumPercent"],
        ),
        (
            "{warmup: {duration: 1m, aggression: 1e-9}}",
            &["aggression_milli: 1 "],
            &[],
        ),
        (
            "{warmup: {minimumPercent: 101, aggression: 0}}",
            &["warmup: None"],
            &[
                "error missing-field .warmup.duration",
                "error out-of-range .warmup.minimumPercent",
                "error out-of-range .warmup.aggression",
            ],
        ),
        (
            "{warmupDurationSecs: 30s}",
            &["duration: 30s, minimum_percent: 10"],
            &["warning deprecated-field .warmupDurationSecs"],
        ),
        (
            "{warmupDurationSecs: 30s, warmup: {duration: 1m}}",
            &["duration: 60s"],
            &[
                "warning deprecated-field .warmupDurationSecs",
                "warning no-effect .warmupDurationSecs",
            ],
        ),
        (
            "{simple: RANDOM, warmup: {duration: 1m}}",
            &["warmup: None"],
            &["warning no-effect .warmup"],
        ),
    ] {
        check(balancer, facts, remarks);
    }
}

#[test]
fn locality() {
    const FIELD: &str = ".localityLbSetting";
    for (setting, facts, remarks) in [
        ("{}", &["Some(Nearest { failover: [] })"][..], &[][..]),
        ("{enabled: false}", &["Some(Ignored)"], &[]),
        ("{enabled: null}", &["Some(Nearest"], &[]),
        (
            "{failover: [{from: a, to: b}]}",
            &["failover: [(\"a\", \"b\")]"],
            &[],
        ),
        (
            "{failoverPriority: [topology.kubernetes.io/zone, version=v1, 'x=']}",
            &[
                "PriorityLabel { key: \"topology.kubernetes.io/zone\", value: None }",
                "PriorityLabel { key: \"version\", value: Some(\"v1\") }",
                "PriorityLabel { key: \"x\", value: Some(\"\") }",
            ],
            &[],
        ),
        (
            "{distribute: [{from: a/*, to: {a/z2/*: 20, a/z1/*: 80}}]}",
            &["Distribution { from: \"a/*\", to: [(\"a/z1/*\", 80), (\"a/z2/*\", 20)] }"],
            &[],
        ),
        (
            "{distribute: [{from: a/b/c, to: {a: 100}}, {from: a/b/*, to: {a: 100}}, {from: '*', to: {a: 100}}]}",
            &["from: \"*\""],
            &[],
        ),
        (
            "{distribute: [{from: a, to: {a: 100}}], failoverPriority: [x]}",
            &["Distribute("],
            &["warning no-effect .failoverPriority"],
        ),
        (
            "{failover: [{from: a, to: b}], failoverPriority: [x]}",
            &["LabelPriority("],
            &["warning no-effect-yet .failover"],
        ),
        (
            "{failover: [{from: a, to: b}], failoverPriority: [topology.kubernetes.io/region]}",
            &[],
            &[
                "error conflicting-fields .failoverPriority[0]",
                "warning no-effect-yet .failover",
            ],
        ),
        (
            "{distribute: [{from: a, to: {a: 100}}], failover: [{from: a, to: b}]}",
            &[],
            &["error conflicting-fields .failover"],
        ),
        (
            "{failover: [{from: a, to: a}, {from: a/b, to: c}, {from: a, to: '*'}]}",
            &[],
            &[
                "error invalid-locality .failover[0]",
                "error invalid-locality .failover[1]",
                "error invalid-locality .failover[2]",
            ],
        ),
        (
            "{distribute: [{from: a, to: {}}, {from: '', to: {b: 100}}, {from: 'c*d', to: {c: 0, d: 4294967295}}]}",
            &["Distribute([])"],
            &[
                "error invalid-locality .distribute[0].to",
                "error invalid-locality .distribute[1].from",
                "error invalid-locality .distribute[2].from",
                "error out-of-range .distribute[2].to.c",
                "error out-of-range .distribute[2].to.d",
                "error invalid-locality .distribute[2].to",
            ],
        ),
        (
            "{distribute: [{from: '*', to: {a: 100}}, {from: b, to: {a/b: 50, a/b/c: 50}}]}",
            &[],
            &[
                "error invalid-locality .distribute[1].from",
                "error invalid-locality .distribute[1].to.a/b/c",
            ],
        ),
    ] {
        let remarks: Vec<String> = remarks
            .iter()
            .map(|remark| {
                let (head, field) = remark.rsplit_once(' ').unwrap();
                format!("{head} {FIELD}{field}")
            })
            .collect();
        let remarks: Vec<&str> = remarks.iter().map(String::as_str).collect();
        check(
            &format!("{{localityLbSetting: {setting}}}"),
            facts,
            &remarks,
        );
    }
}

#[test]
fn zone_awareness_is_validated() {
    check(
        "{zoneAwareLbSetting: {enabled: true, minClusterSize: 0, failover: [{from: a, to: a}], failoverPriority: [topology.kubernetes.io/zone]}}",
        &["algorithm: LeastRequest"],
        &[
            "error conflicting-fields .zoneAwareLbSetting.failoverPriority[0]",
            "error invalid-locality .zoneAwareLbSetting.failover[0]",
            "error out-of-range .zoneAwareLbSetting.minClusterSize",
            "warning no-effect-yet .zoneAwareLbSetting",
        ],
    );
    check(
        "{zoneAwareLbSetting: {}, localityLbSetting: {}}",
        &[],
        &[
            "error conflicting-fields .zoneAwareLbSetting",
            "warning no-effect-yet .zoneAwareLbSetting",
        ],
    );
}

#[test]
fn failover_needs_outlier_detection() {
    super::check(
        "DestinationRule",
        "{host: a.b, trafficPolicy: {loadBalancer: {localityLbSetting: {failoverPriority: [x]}}}}",
        &["LabelPriority("],
        &[
            "warning failover-without-outlier-detection spec.trafficPolicy.loadBalancer.localityLbSetting",
        ],
    );
}
