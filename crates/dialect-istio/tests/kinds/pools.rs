//! Connection pools, outlier detection and retry budgets in a DestinationRule.

/// Checks one block of the policy for all ports.
#[track_caller]
fn check_block(block: &str, facts: &[&str], remarks: &[&str]) {
    super::check(
        "DestinationRule",
        &format!("{{host: a.b, trafficPolicy: {{{block}}}}}"),
        facts,
        remarks,
    );
}

#[test]
fn connection_pools() {
    const AT: &str = "spec.trafficPolicy.connectionPool";
    for (pool, facts, remarks) in [
        ("{}", &[][..], &["error empty-block "][..]),
        (
            "{tcp: {maxConnections: 1, connectTimeout: 2s, maxConnectionDuration: 3s}}",
            &[
                "max_connections: 1,",
                "connect_timeout: Some(2s)",
                "max_connection_duration: Some(3s)",
            ],
            &[],
        ),
        (
            "{http: {http1MaxPendingRequests: 2, http2MaxRequests: 3, maxRetries: 4}}",
            &[
                "max_connections: 4294967295, max_pending_requests: 2, max_requests: 3, max_retries: 4",
            ],
            &[],
        ),
        (
            "{http: {maxRequestsPerConnection: 5, maxConcurrentStreams: 6}}",
            &["max_requests_per_connection: 5, max_concurrent_streams: 6"],
            &[],
        ),
        (
            "{tcp: {idleTimeout: 0s}}",
            &["http_idle_timeout: Some(0ns), tcp_idle_timeout: Some(0ns)"],
            &[],
        ),
        (
            "{tcp: {idleTimeout: 9s}, http: {idleTimeout: 8s}}",
            &["http_idle_timeout: Some(8s), tcp_idle_timeout: Some(9s)"],
            &[],
        ),
        (
            "{tcp: {idleTimeout: 9s}, http: {}}",
            &["http_idle_timeout: Some(9s), tcp_idle_timeout: Some(9s)"],
            &[],
        ),
        (
            "{http: {idleTimeout: 0s}}",
            &[],
            &["error invalid-duration .http.idleTimeout"],
        ),
        (
            "{tcp: {idleTimeout: 1500us}}",
            &[],
            &["error invalid-duration .tcp.idleTimeout"],
        ),
        (
            "{tcp: {connectTimeout: -1s}}",
            &[],
            &["error invalid-duration .tcp.connectTimeout"],
        ),
        (
            "{tcp: {connectTimeout: 3}}",
            &[],
            &["error wrong-type .tcp.connectTimeout"],
        ),
        (
            "{tcp: {maxConnections: -1}, http: {maxRetries: -2147483648}}",
            &["max_connections: 4294967295", "max_retries: 4294967295"],
            &[
                "error out-of-range .tcp.maxConnections",
                "error out-of-range .http.maxRetries",
            ],
        ),
        (
            "{tcp: {maxConnections: 2147483648}}",
            &[],
            &["error wrong-type .tcp.maxConnections"],
        ),
        (
            "{http: {h2UpgradePolicy: DEFAULT}}",
            &["http_version: FromPort"],
            &[],
        ),
        (
            "{http: {h2UpgradePolicy: DO_NOT_UPGRADE}}",
            &["http_version: FromPort"],
            &[],
        ),
        (
            "{http: {h2UpgradePolicy: UPGRADE}}",
            &["http_version: Upgrade"],
            &[],
        ),
        (
            "{http: {h2UpgradePolicy: upgrade}}",
            &[],
            &["error wrong-type .http.h2UpgradePolicy"],
        ),
        (
            "{http: {useClientProtocol: true}}",
            &["http_version: FromClient"],
            &[],
        ),
        (
            "{http: {useClientProtocol: true, h2UpgradePolicy: UPGRADE}}",
            &[],
            &["error conflicting-fields .http.useClientProtocol"],
        ),
        (
            "{http: {http2KeepAlive: {interval: 1m, timeout: 5s}}}",
            &["Some(Http2Keepalive { interval: 60s, timeout: 5s })"],
            &[],
        ),
        (
            "{http: {http2KeepAlive: {}}}",
            &["http2_keepalive: None"],
            &[
                "error missing-field .http.http2KeepAlive.interval",
                "error missing-field .http.http2KeepAlive.timeout",
            ],
        ),
        (
            "{tcp: {tcpKeepalive: {}}}",
            &["Some(TcpKeepalive { probes: None, time: None, interval: None })"],
            &[],
        ),
        (
            "{tcp: {tcpKeepalive: {probes: 3, time: 2h, interval: 75s}}}",
            &["probes: Some(3), time: Some(7200s), interval: Some(75s)"],
            &[],
        ),
        (
            "{tcp: {tcpKeepalive: {probes: 4294967295, time: 1500ms, interval: 24h}}}",
            &["probes: Some(127), time: Some(1s), interval: Some(32767s)"],
            &[
                "warning limited .tcp.tcpKeepalive.probes",
                "warning limited .tcp.tcpKeepalive.time",
                "warning limited .tcp.tcpKeepalive.interval",
            ],
        ),
    ] {
        let remarks: Vec<String> = remarks.iter().map(|text| absolute(text, AT)).collect();
        let remarks: Vec<&str> = remarks.iter().map(String::as_str).collect();
        check_block(&format!("connectionPool: {pool}"), facts, &remarks);
    }
}

/// `error CODE .FIELD` with the field under `at`.
fn absolute(remark: &str, at: &str) -> String {
    let (head, field) = remark.rsplit_once(' ').unwrap();
    format!("{head} {at}{field}")
}

#[test]
fn outlier_detection() {
    const AT: &str = "spec.trafficPolicy.outlierDetection";
    for (outlier, facts, remarks) in [
        (
            "{}",
            &[
                "OutlierDetection { consecutive_5xx: 5, consecutive_gateway_errors: 0, consecutive_local_origin_failures: 0, split_external_local_origin_errors: false, interval: 10s, base_ejection_time: 30s, max_ejection_percent: 10, min_health_percent: 0, error_codes: [] }",
            ][..],
            &[][..],
        ),
        ("{consecutive5xxErrors: 0}", &["consecutive_5xx: 0"], &[]),
        ("{consecutive5xxErrors: 7}", &["consecutive_5xx: 7"], &[]),
        (
            "{consecutiveGatewayErrors: 3}",
            &["consecutive_gateway_errors: 3"],
            &[],
        ),
        (
            "{consecutiveErrors: 1, consecutive5xxErrors: 9}",
            &["consecutive_5xx: 9"],
            &["warning deprecated-field .consecutiveErrors"],
        ),
        (
            "{splitExternalLocalOriginErrors: true}",
            &["consecutive_local_origin_failures: 5, split_external_local_origin_errors: true"],
            &[],
        ),
        (
            "{splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2}",
            &["consecutive_local_origin_failures: 2"],
            &[],
        ),
        (
            "{consecutiveLocalOriginFailures: 2}",
            &[],
            &["error conflicting-fields .consecutiveLocalOriginFailures"],
        ),
        (
            "{interval: 1s, baseEjectionTime: 1m, maxEjectionPercent: 100, minHealthPercent: 50}",
            &[
                "interval: 1s, base_ejection_time: 60s, max_ejection_percent: 100, min_health_percent: 50",
            ],
            &[],
        ),
        (
            "{interval: 0s, baseEjectionTime: x, maxEjectionPercent: 101, minHealthPercent: -1}",
            &[
                "interval: 10s, base_ejection_time: 30s, max_ejection_percent: 10, min_health_percent: 0",
            ],
            &[
                "error invalid-duration .interval",
                "error invalid-duration .baseEjectionTime",
                "error out-of-range .maxEjectionPercent",
                "error out-of-range .minHealthPercent",
            ],
        ),
        (
            "{outlierDetectionHttpErrorCodes: [429, 503]}",
            &["error_codes: [429, 503]"],
            &[],
        ),
        (
            "{outlierDetectionHttpErrorCodes: [99, 200, 4294967295]}",
            &["error_codes: [200]"],
            &[
                "error out-of-range .outlierDetectionHttpErrorCodes[0]",
                "error out-of-range .outlierDetectionHttpErrorCodes[2]",
            ],
        ),
        (
            "{consecutive5xxErrors: -1}",
            &["outlier: None"],
            &["error wrong-type .consecutive5xxErrors"],
        ),
    ] {
        let remarks: Vec<String> = remarks.iter().map(|text| absolute(text, AT)).collect();
        let remarks: Vec<&str> = remarks.iter().map(String::as_str).collect();
        check_block(&format!("outlierDetection: {outlier}"), facts, &remarks);
    }
}

#[test]
fn retry_budgets() {
    const AT: &str = "spec.trafficPolicy.retryBudget";
    for (budget, facts, remarks) in [
        (
            "{}",
            &["millipercent: 20000, min_concurrency: 3, interval: None"][..],
            &[][..],
        ),
        (
            "{percent: 0.5, minRetryConcurrency: 7, budgetInterval: 100ms}",
            &["millipercent: 500, min_concurrency: 7, interval: Some(100ms)"],
            &[],
        ),
        (
            "{percent: 0, budgetInterval: 0s}",
            &["millipercent: 0,", "interval: None"],
            &[],
        ),
        ("{percent: 100.5}", &[], &["error out-of-range .percent"]),
        ("{percent: -0.1}", &[], &["error out-of-range .percent"]),
        (
            "{minRetryConcurrency: -1}",
            &["retry_budget: None"],
            &["error wrong-type .minRetryConcurrency"],
        ),
    ] {
        let remarks: Vec<String> = remarks.iter().map(|text| absolute(text, AT)).collect();
        let remarks: Vec<&str> = remarks.iter().map(String::as_str).collect();
        check_block(&format!("retryBudget: {budget}"), facts, &remarks);
    }
}
