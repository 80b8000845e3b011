use mesh::name::Hostname;
use mesh::policy::redirect::{Redirect, RedirectPath, RedirectPort};
use mesh::policy::retry::PreviousHosts;
use mesh::policy::timeout::Timeout;
use mesh::view::route_table::{RouteTable, TableHosts, TableName, UnknownHosts};
use mesh::view::virtual_host::{Action, BackendTarget, Forward, Route, VirtualHost as Host};
use pb::route::v3::route::Action as Out;
use pb::route::v3::route_action::ClusterSpecifier;
use pb::route::v3::{RouteAction, RouteConfiguration, VirtualHost};

use super::views::clusters::{hash_keys, outbound};
use super::views::hosts::{backend, forward, headers, host, retry, route, to};
use super::*;

fn virtual_host(view: Host) -> (Emitted, VirtualHost) {
    read(View::VirtualHost(Arc::new(view)))
}

fn only_route(route: Route) -> (Emitted, pb::route::v3::Route) {
    let (emitted, mut host) = virtual_host(host("a.test", vec![route]));
    (emitted, host.routes.pop().expect("a route"))
}

fn forwarding(forward: Forward) -> (Emitted, RouteAction) {
    let (emitted, route) = only_route(route(Action::Forward(Box::new(forward))));
    match route.action {
        Some(Out::Route(action)) => (emitted, action),
        other => panic!("no forwarding: {other:?}"),
    }
}

fn missing() -> BackendTarget {
    BackendTarget::Missing(outbound("missing.test", None))
}

#[test]
fn missing_backends_keep_their_weight() {
    let (emitted, action) = forwarding(forward(vec![backend(missing(), 10), to("a.test")]));
    let Some(ClusterSpecifier::WeightedClusters(weighted)) = action.cluster_specifier else {
        panic!("not weighted");
    };
    let weights: Vec<_> = weighted
        .clusters
        .iter()
        .map(|it| (it.name.as_str(), it.weight.as_ref().map(|it| it.value)))
        .collect();
    let expected = [
        ("outbound|80||missing.test", Some(10)),
        ("outbound|80||a.test", Some(1)),
    ];
    assert_eq!(weights, expected);
    assert_eq!(emitted.refers_to, ["outbound|80||a.test"]);
}

#[test]
fn no_weight_at_all_is_a_503() {
    let nothing = forward(vec![backend(missing(), 0), backend(missing(), 0)]);
    let (_, route) = only_route(route(Action::Forward(Box::new(nothing))));
    let Some(Out::DirectResponse(answer)) = route.action else {
        panic!("no answer");
    };
    assert_eq!(answer.status, 503);
}

#[test]
fn unlimited_is_said_and_limits_hold_for_grpc_too() {
    for (timeout, expected) in [
        (Timeout::Unlimited, 0),
        (Timeout::After(std::time::Duration::from_secs(10)), 10),
    ] {
        let (_, action) = forwarding(Forward {
            timeout,
            ..forward(vec![to("a.test")])
        });
        assert_eq!(action.timeout, seconds(expected));
        #[expect(deprecated, reason = "it is what Istio emits")]
        let grpc = action.max_grpc_timeout;
        assert_eq!(grpc, seconds(expected));
    }
}

#[test]
fn retries_avoid_tried_hosts_unless_a_hash_chooses() {
    for (policy, hashed, avoids) in [
        (PreviousHosts::Avoid, true, true),
        (PreviousHosts::Reuse, false, false),
        (PreviousHosts::AvoidUnlessHashed, false, true),
        (PreviousHosts::AvoidUnlessHashed, true, false),
    ] {
        let hash = if hashed { hash_keys() } else { Vec::new() };
        let retry = Some(retry(policy));
        let (_, action) = forwarding(Forward {
            retry,
            hash,
            ..forward(vec![to("a.test")])
        });
        let policy = action.retry_policy.expect("retries");
        assert_eq!(!policy.retry_host_predicate.is_empty(), avoids);
        assert_eq!(policy.num_retries.map(|it| it.value), Some(3));
        assert_eq!(policy.per_try_timeout, seconds(2));
        assert_eq!(policy.retriable_status_codes, [503, 418]);
    }
}

#[test]
fn headers_are_set_then_added_and_pseudo_headers_left_alone() {
    let mut rich = to("b.test");
    rich.headers = headers();
    let single = Route {
        headers: headers(),
        ..route(Action::Forward(Box::new(forward(vec![rich]))))
    };
    let (_, route) = only_route(single);
    let names: Vec<_> = route
        .request_headers_to_add
        .iter()
        .filter_map(|it| it.header.as_ref())
        .map(|it| it.key.as_str())
        .collect();
    assert_eq!(names, ["x-set", "x-add", "x-set", "x-add"]);
    let actions: Vec<_> = route
        .request_headers_to_add
        .iter()
        .map(|it| it.append_action)
        .collect();
    assert_eq!(actions, [2, 0, 2, 0], "overwrite, append");
    assert_eq!(route.request_headers_to_remove, ["x-gone", "x-gone"]);
}

#[test]
fn ports_of_redirects_are_written_when_they_matter() {
    let port = |port, scheme: Option<&str>, authority: Option<&str>| {
        let redirect = Redirect {
            path: RedirectPath::Keep,
            authority: authority.map(Into::into),
            scheme: scheme.map(Into::into),
            port,
            status: 308,
        };
        match only_route(route(Action::Redirect(redirect))).1.action {
            Some(Out::Redirect(redirect)) => redirect.port_redirect,
            other => panic!("no redirect: {other:?}"),
        }
    };
    for (new, scheme, authority, written) in [
        (RedirectPort::FromRequest, None, None, 0),
        (RedirectPort::FromRequest, Some("https"), None, 80),
        (RedirectPort::SchemeDefault, Some("https"), None, 0),
        (RedirectPort::Port(443), Some("https"), Some("b.test"), 0),
        (RedirectPort::Port(443), Some("https"), None, 443),
        (RedirectPort::Port(8443), Some("https"), None, 8443),
    ] {
        assert_eq!(
            port(new, scheme, authority),
            written,
            "{new:?} {scheme:?} {authority:?}"
        );
    }
}

#[test]
fn unknown_hosts_have_a_virtual_host_of_their_own() {
    let inline = || TableHosts::Inline(vec![Arc::new(host("a.test", Vec::new()))]);
    for (fallback, hosts, names, passes) in [
        (
            UnknownHosts::Original,
            TableHosts::Separate,
            &["allow_any"][..],
            true,
        ),
        (
            UnknownHosts::Refused,
            TableHosts::Separate,
            &["block_all"],
            false,
        ),
        (
            UnknownHosts::Original,
            inline(),
            &["a.test:80", "allow_any"],
            true,
        ),
    ] {
        let separate = hosts == TableHosts::Separate;
        let view = RouteTable {
            name: TableName::Port(80),
            hosts,
            fallback,
        };
        let (emitted, table): (_, RouteConfiguration) = read(View::RouteTable(Arc::new(view)));
        let found: Vec<_> = table
            .virtual_hosts
            .iter()
            .map(|it| it.name.as_str())
            .collect();
        assert_eq!(found, names);
        assert_eq!(table.vhds.is_some(), separate);
        assert_eq!(emitted.refers_to == ["PassthroughCluster"], passes);
    }
}

#[test]
fn who_is_passed_on_by_name_names_a_port_and_not_for_ever() {
    for (name, count) in [
        (TableName::Port(80), 2),
        (TableName::HttpProxy, 2),
        (TableName::Port(8000), 3),
    ] {
        let view = RouteTable {
            name,
            hosts: TableHosts::Separate,
            fallback: UnknownHosts::Named,
        };
        let (emitted, table): (_, RouteConfiguration) = read(View::RouteTable(Arc::new(view)));
        assert_eq!(emitted.refers_to, ["PassthroughCluster"]);
        let routes = &table.virtual_hosts[0].routes;
        assert_eq!(routes.len(), count);
        let Some((Some(Out::DirectResponse(often)), passes)) = routes
            .split_first()
            .map(|(first, rest)| (&first.action, rest))
        else {
            panic!("{routes:?}");
        };
        assert_eq!(often.status, 508);
        for pass in passes {
            let header = pass.request_headers_to_add[0].header.clone();
            assert_eq!(
                header.map(|it| (it.key, it.value)),
                Some((
                    "x-ferromesh-passed".into(),
                    "%REQ(x-ferromesh-passed)%>".into()
                ))
            );
        }
        // Only the last route of three has no port to go to.
        let configured: Vec<_> = passes
            .iter()
            .map(|pass| pass.typed_per_filter_config.len())
            .collect();
        assert_eq!(configured, [&[0][..], &[0, 2]][count - 2]);
        if let Some(mutation) = passes.last().and_then(|pass| {
            pass.typed_per_filter_config
                .get("envoy.filters.http.header_mutation")
        }) {
            let text = String::from_utf8_lossy(&mutation.value);
            assert!(text.contains("%REQ(:AUTHORITY)%:8000"), "{text}");
        }
    }
}

#[test]
fn domains_fit_the_table() {
    let own = TableName::HostPort(Hostname::new("a.test"), 9000);
    for (table, domains) in [
        (TableName::Port(80), &["a.test", "[::1]"][..]),
        (TableName::HttpProxy, &["a.test", "a.test:80", "[::1]"]),
        (own, &["*"]),
    ] {
        let view = Host {
            table,
            ..host("a.test", Vec::new())
        };
        assert_eq!(virtual_host(view).1.domains, domains);
    }
}
