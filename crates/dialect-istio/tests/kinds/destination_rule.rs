//! DestinationRule: everything but load balancers.

use serde_json::Value;

use super::{lower, summary};

const KIND: &str = "DestinationRule";

#[track_caller]
fn check(spec: &str, facts: &[&str], remarks: &[&str]) {
    super::check(KIND, spec, facts, remarks);
}

/// Checks one block of the policy for all ports.
#[track_caller]
fn check_block(block: &str, facts: &[&str], remarks: &[&str]) {
    check(
        &format!("{{host: a.b, trafficPolicy: {{{block}}}}}"),
        facts,
        remarks,
    );
}

#[test]
fn the_fixtures_are_accepted_as_they_stand() {
    let y01 = "apiVersion: networking.istio.io/v1beta1
kind: DestinationRule
metadata:
  name: product-service
  namespace: ecommerce
spec:
  host: product-service
  subsets:
  - name: v1
    labels:
      version: v1
  - name: v2
    labels:
      version: v2
";
    let y03 = "apiVersion: networking.istio.io/v1beta1
kind: DestinationRule
metadata:
  name: order-service
  namespace: ecommerce
spec:
  host: order-service
  trafficPolicy:
    connectionPool:
      tcp:
        maxConnections: 100
      http:
        http1MaxPendingRequests: 50
        maxRequestsPerConnection: 2
    outlierDetection:
      consecutiveErrors: 5
      interval: 30s
      baseEjectionTime: 30s
      maxEjectionPercent: 50
";
    for (yaml, facts, remarks) in [
        (
            y01,
            &[
                "host: \"product-service.ecommerce.svc.cluster.local\"",
                "name: \"v1\", labels: {\"version\": \"v1\"}",
                "name: \"v2\", labels: {\"version\": \"v2\"}",
                "export: MeshDefault",
            ][..],
            &[][..],
        ),
        (
            y03,
            &[
                "max_connections: 100, max_pending_requests: 50, max_requests: 4294967295",
                "max_requests_per_connection: 2",
                "consecutive_5xx: 5, consecutive_gateway_errors: 0",
                "interval: 30s, base_ejection_time: 30s, max_ejection_percent: 50",
            ],
            &["warning deprecated-field spec.trafficPolicy.outlierDetection.consecutiveErrors"],
        ),
    ] {
        let content: Value = serde_saphyr::from_str(yaml).unwrap();
        let (declarations, list) = lower(KIND, content);
        assert_eq!(summary(&list), remarks);
        let text = format!("{declarations:?}");
        for fact in facts {
            assert!(text.contains(fact), "{fact} is not in {text}");
        }
    }
}

#[test]
fn hosts_and_exports() {
    for (spec, facts, remarks) in [
        (
            "{host: a}",
            &["host: \"a.shop.svc.cluster.local\""][..],
            &[][..],
        ),
        ("{host: '*'}", &["host: \"*\""], &[]),
        ("{host: '*.Example.com'}", &["host: \"*.example.com\""], &[]),
        (
            "{}",
            &["!TrafficPolicies"],
            &["error missing-field spec.host"],
        ),
        ("{host: a..b}", &[], &["error invalid-host spec.host"]),
        ("{host: 10.0.0.1}", &[], &["error invalid-host spec.host"]),
        (
            "{host: [a]}",
            &["!TrafficPolicies"],
            &["error wrong-type spec.host"],
        ),
        (
            "{host: a, hsot: b}",
            &["a.shop"],
            &["error unknown-field spec.hsot"],
        ),
        ("{host: a, exportTo: [.]}", &["Only({\"shop\"})"], &[]),
        ("{host: a, exportTo: ['*']}", &["To(All)"], &[]),
        (
            "{host: a, exportTo: [~]}",
            &[],
            &["error wrong-type spec.exportTo[0]"],
        ),
        (
            "{host: a, exportTo: ['~']}",
            &[],
            &["error invalid-export spec.exportTo[0]"],
        ),
    ] {
        check(spec, facts, remarks);
    }
}

#[test]
fn a_rule_for_some_clients_is_not_applied_to_all() {
    check(
        "{host: a, workloadSelector: {matchLabels: {app: x}}}",
        &["!TrafficPolicies"],
        &["warning no-effect-yet spec.workloadSelector"],
    );
    check(
        "{host: a, exportTo: ['*'], workloadSelector: {matchLabels: {'a*': x}}}",
        &["!TrafficPolicies"],
        &[
            "error invalid-selector spec.workloadSelector.matchLabels.a*",
            "warning no-effect-yet spec.workloadSelector",
            "error invalid-export spec.exportTo[0]",
        ],
    );
}

#[test]
fn subsets() {
    for (subsets, facts, remarks) in [
        ("[{name: v1}]", &["name: \"v1\", labels: {}"][..], &[][..]),
        (
            "[{labels: {a: b}}]",
            &["subsets: []"],
            &["error missing-field spec.subsets[0].name"],
        ),
        (
            "[{name: v_1}]",
            &["subsets: []"],
            &["error invalid-name spec.subsets[0].name"],
        ),
        (
            "[null, {name: v1}]",
            &["name: \"v1\""],
            &["error wrong-type spec.subsets[0]"],
        ),
        (
            "[{name: 1}, {name: v1}]",
            &["name: \"v1\""],
            &["error wrong-type spec.subsets[0].name"],
        ),
        (
            "[{name: v1}, {name: v1, labels: {a: b}}]",
            &["!\"b\""],
            &["error duplicate-subset spec.subsets[1].name"],
        ),
        (
            "[{name: v1, labels: {-a: b}}]",
            &["\"-a\": \"b\""],
            &["error invalid-label spec.subsets[0].labels.-a"],
        ),
        (
            "[{name: v1, trafficPolicy: {}}]",
            &[],
            &["error empty-block spec.subsets[0].trafficPolicy"],
        ),
        (
            "[{name: v1, trafficPolicy: {outlierDetection: {interval: 7s}}}]",
            &[
                "policy: PolicySet { all: TrafficPolicy { load_balancer: None, locality: None, connection_pool: None, outlier: Some",
                "interval: 7s",
            ],
            &[],
        ),
    ] {
        check(
            &format!("{{host: a.b, subsets: {subsets}}}"),
            facts,
            remarks,
        );
    }
}

#[test]
fn a_ports_policy_does_not_inherit_except_the_retry_budget_of_a_subset() {
    const BUDGET: &str = "Some(RetryBudget { millipercent: 33000";
    check(
        "host: a.b
trafficPolicy:
  retryBudget: {percent: 33}
  connectionPool: {tcp: {maxConnections: 7}}
  portLevelSettings:
  - {port: {number: 80}, outlierDetection: {}}
  - {port: {number: 80}, outlierDetection: {interval: 9s}}
  - {port: {number: 0}, outlierDetection: {}}
",
        &[
            BUDGET,
            "ports: {80: TrafficPolicy { load_balancer: None, locality: None, connection_pool: None, outlier: Some(OutlierDetection {",
            "retry_budget: None, tls: None }}",
            "!9s",
        ],
        &[
            "warning no-effect spec.trafficPolicy.portLevelSettings[1]",
            "warning no-effect spec.trafficPolicy.portLevelSettings[2].port.number",
        ],
    );
    check(
        "host: a.b
trafficPolicy:
  retryBudget: {percent: 33}
subsets:
- name: v1
  trafficPolicy:
    portLevelSettings:
    - {port: {number: 80}, connectionPool: {tcp: {maxConnections: 5}}}
",
        &[
            "ports: {80: TrafficPolicy {",
            "retry_budget: Some(RetryBudget { millipercent: 33000, min_concurrency: 3, interval: None }), tls: None }}",
        ],
        &[],
    );
    check_block(
        "portLevelSettings: [{port: {number: 80}}, {tls: {}}, null]",
        &[],
        &[
            "error empty-block spec.trafficPolicy.portLevelSettings[0]",
            "error missing-field spec.trafficPolicy.portLevelSettings[1].port",
            "error wrong-type spec.trafficPolicy.portLevelSettings[2]",
        ],
    );
}

#[test]
fn an_empty_policy_is_refused_and_a_broken_one_leaves_the_subsets() {
    check(
        "{host: a.b, trafficPolicy: {}}",
        &[],
        &["error empty-block spec.trafficPolicy"],
    );
    check(
        "{host: a.b, trafficPolicy: {tls: 1}, subsets: [{name: v1}]}",
        &["name: \"v1\""],
        &["error wrong-type spec.trafficPolicy.tls"],
    );
    check(
        "{host: a.b, trafficPolicy: null}",
        &["TrafficPolicies"],
        &[],
    );
}

#[test]
fn what_has_no_effect_yet_is_validated_whole() {
    const TUNNEL: &str = "warning no-effect-yet spec.trafficPolicy.tunnel";
    for (block, remarks) in [
        ("tunnel: {targetHost: a.b, targetPort: 443}", &[TUNNEL][..]),
        (
            "tunnel: {protocol: GET, targetHost: a_b}",
            &[
                TUNNEL,
                "error invalid-protocol spec.trafficPolicy.tunnel.protocol",
                "error invalid-host spec.trafficPolicy.tunnel.targetHost",
                "error invalid-port spec.trafficPolicy.tunnel.targetPort",
            ],
        ),
        (
            "proxyProtocol: {version: V2}",
            &["warning no-effect-yet spec.trafficPolicy.proxyProtocol"],
        ),
        (
            "proxyProtocol: {}, tunnel: {targetHost: 10.0.0.1, targetPort: 1}",
            &[
                "error conflicting-fields spec.trafficPolicy.proxyProtocol",
                TUNNEL,
                "warning no-effect-yet spec.trafficPolicy.proxyProtocol",
            ],
        ),
    ] {
        check_block(block, &["TrafficPolicies"], remarks);
    }
}
