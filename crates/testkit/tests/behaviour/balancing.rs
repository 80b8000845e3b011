//! Which instance gets a request or a connection. The instances have no proxies: the client's
//! side decides.

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::client::{Answer, Connection, Protocol, Request, Tcp, WebSocket, many};
use ferromesh_testkit::echo::Kind;
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::manifest::{endpoint_slice, pod, service};
use ferromesh_testkit::mesh::{Mesh, Settings, Workload};
use std::collections::{BTreeMap, BTreeSet};

use crate::app::{App, rule, send, service_of, until};

const PORTS: [(Kind, u16); 2] = [(Kind::Http, 8080), (Kind::Banner, 9000)];

/// A service for TCP on a port of its own.
fn tcp_of(apps: &[App], name: &str, port: u16) -> String {
    let settings = apps.iter().map(App::settings);
    service("shop", name, &[("tcp", port, 9000)])
        + &endpoint_slice("shop", name, &[("tcp", 9000)], settings)
}

/// The instance that a TCP connection meets.
async fn greeting(tcp: Result<Tcp, String>) -> Result<String, String> {
    let banner = tcp?.hear().await?.ok_or("closed")?;
    let name = banner.strip_prefix("instance ").ok_or("not greeted")?;
    Ok(name.to_owned())
}

/// Three instances, and a client.
async fn three(manifests: impl FnOnce(&[App]) -> String) -> (Workload, [App; 3], Mesh, Addresses) {
    let mut addresses = Addresses::take();
    let apps = [
        App::start("one", &PORTS, &mut addresses).await,
        App::start("two", &PORTS, &mut addresses).await,
        App::start("three", &PORTS, &mut addresses).await,
    ];
    let client = Settings::new("client", "shop", &mut addresses);
    let files = Manifests::new();
    let pods: String = apps.iter().map(|app| pod(app.settings(), &[])).collect();
    files.write("pods.yaml", &(pod(&client, &[]) + &pods));
    files.write("services.yaml", &manifests(&apps));
    let mesh = Mesh::start(files).await;
    let client = mesh.workload(client).await;
    (client, apps, mesh, addresses)
}

#[tokio::test]
async fn requests_and_connections_are_spread_evenly() {
    let (client, apps, _mesh, _addresses) = three(|apps| {
        [
            service_of(apps, "default"),
            service_of(apps, "turns"),
            rule("turns", "{loadBalancer: {simple: ROUND_ROBIN}}"),
            service_of(apps, "chance"),
            rule("chance", "{loadBalancer: {simple: RANDOM}}"),
            tcp_of(apps, "lines", 9001),
        ]
        .concat()
    })
    .await;
    let outbound = client.outbound(80);
    for host in ["default", "turns", "chance"] {
        until(&client, host, 80, Request::get(host, "/"), |answer| {
            answer.status == 200
        })
        .await;
        let tally = many(outbound, Protocol::Http1, 8, 3000, move |_| {
            Request::get(host, "/")
        })
        .await;
        assert_eq!(tally.status(200), 3000, "{host}: {tally:?}");
        // 15 % of 1000 are 5.8 σ even for throws of dice; turns leave nothing to chance.
        let tolerance = if host == "turns" { 10 } else { 150 };
        for app in &apps {
            let count = tally.instance(&app.settings().name);
            assert!(count.abs_diff(1000) <= tolerance, "{host}: {tally:?}");
        }
    }
    // Calls on a single connection are spread as well.
    let calls = many(client.outbound(81), Protocol::Http2, 1, 3000, |_| {
        Request::get("default", "/shop.Orders/Place").grpc(b"x")
    })
    .await;
    assert_eq!(calls.status(200), 3000, "{calls:?}");
    for app in &apps {
        let count = calls.instance(&app.settings().name);
        assert!(count.abs_diff(1000) <= 150, "gRPC: {calls:?}");
        app.echo().forget();
    }
    let mut connections: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..300 {
        let name = greeting(Tcp::open(client.outbound(9001)).await)
            .await
            .unwrap();
        *connections.entry(name).or_default() += 1;
        WebSocket::open(outbound, "default", "/").await.unwrap();
    }
    for app in &apps {
        let name = &app.settings().name;
        // 5 σ of 300 throws at 1/3 is 41.
        assert!(
            connections[name].abs_diff(100) <= 41,
            "TCP: {connections:?}"
        );
        let sockets = usize::try_from(app.echo().counters().requests).unwrap();
        assert!(
            sockets.abs_diff(100) <= 41,
            "{name} has {sockets} of 300 WebSockets"
        );
    }
}

/// For each key the instance that answers, which must be the same four times.
async fn instances(
    what: &str,
    count: usize,
    ask: impl AsyncFn(usize) -> Result<String, String>,
) -> Vec<String> {
    let mut instances = Vec::new();
    for key in 0..count {
        let mut seen = BTreeSet::new();
        for _ in 0..4 {
            seen.insert(
                ask(key)
                    .await
                    .unwrap_or_else(|error| panic!("{what}: {error}")),
            );
        }
        assert_eq!(seen.len(), 1, "{what}: key {key} met {seen:?}");
        instances.extend(seen);
    }
    let distinct: BTreeSet<_> = instances.iter().collect();
    assert_eq!(
        distinct.len(),
        3,
        "{what}: {count} keys met only {distinct:?}"
    );
    instances
}

fn instance(answer: &Answer) -> Result<String, String> {
    match answer.status.as_u16() {
        200 => Ok(answer.instance().to_owned()),
        status => Err(format!("{status} {}", answer.text())),
    }
}

/// That one of three instances gets none of so many keys by chance is as likely as 6 σ.
const KEYS: usize = 60;

#[tokio::test]
async fn a_key_sticks_to_its_instance() {
    let hash = |key: &str| format!("{{loadBalancer: {{consistentHash: {{{key}}}}}}}");
    let (client, _apps, _mesh, _addresses) = three(|apps| {
        let rules = [
            ("by-header", hash("httpHeaderName: x-user")),
            ("by-maglev", hash("httpHeaderName: x-user, maglev: {}")),
            ("by-query", hash("httpQueryParameterName: user")),
            (
                "by-cookie",
                hash("httpCookie: {name: user, path: /here, ttl: 60s}"),
            ),
            ("by-own-cookie", hash("httpCookie: {name: user}")),
        ];
        let rules = rules
            .iter()
            .map(|(name, policy)| service_of(apps, name) + &rule(name, policy));
        rules.collect::<String>()
    })
    .await;
    let outbound = client.outbound(80);
    for host in [
        "by-header",
        "by-maglev",
        "by-query",
        "by-cookie",
        "by-own-cookie",
    ] {
        until(&client, host, 80, Request::get(host, "/"), |answer| {
            answer.status == 200
        })
        .await;
    }
    let by = async |request: Request| instance(&request.send(outbound).await?);
    let header =
        |host, user: usize| Request::get(host, "/").header("x-user", &format!("user {user}"));
    instances("header", KEYS, async |user| {
        by(header("by-header", user)).await
    })
    .await;
    instances("Maglev", KEYS, async |user| {
        by(header("by-maglev", user)).await
    })
    .await;
    let query = |user: usize| {
        Request::get(
            "by-query",
            &format!("/?user={user}&time={}", fastrand::u32(..)),
        )
    };
    instances("query", KEYS, async |user| by(query(user)).await).await;
    let own = |user: usize| {
        Request::get("by-own-cookie", "/").header("cookie", &format!("a=b; user={user}"))
    };
    instances("own cookie", KEYS, async |user| by(own(user)).await).await;
    // A client without the cookie gets one, and stays where it was.
    let mut given = Vec::new();
    for _ in 0..KEYS {
        let answer = send(&client, 80, Request::get("by-cookie", "/here")).await;
        let cookie = answer.header("set-cookie").to_owned();
        for part in ["user=\"", "Max-Age=60", "Path=/here"] {
            assert!(cookie.contains(part), "{part} is not in {cookie}");
        }
        let pair = cookie.split(';').next().unwrap_or_default().to_owned();
        given.push((pair, instance(&answer).unwrap()));
    }
    let returning =
        |user: usize| Request::get("by-cookie", "/here").header("cookie", &given[user].0);
    let stayed = instances("cookie", KEYS, async |user| by(returning(user)).await).await;
    let first: Vec<_> = given.iter().map(|(_, instance)| instance.clone()).collect();
    assert_eq!(stayed, first);
    let answer = send(&client, 80, returning(0)).await;
    assert_eq!(
        answer.header("set-cookie"),
        "",
        "whoever has one gets no other"
    );
    let answer = send(&client, 80, Request::get("by-own-cookie", "/")).await;
    assert_eq!(
        answer.header("set-cookie"),
        "",
        "without a ttl none is made"
    );
}

#[tokio::test]
async fn an_address_sticks_to_its_instance() {
    let (client, _apps, _mesh, mut addresses) = three(|apps| {
        let by_source = "{loadBalancer: {consistentHash: {useSourceIp: true}}}";
        let affine = service_of(apps, "affine").replace(
            "spec:\n  selector",
            "spec:\n  sessionAffinity: ClientIP\n  selector",
        );
        [
            service_of(apps, "by-source"),
            rule("by-source", by_source),
            affine,
            tcp_of(apps, "lines-by-source", 9001),
            rule("lines-by-source", by_source),
        ]
        .concat()
    })
    .await;
    let sources: Vec<_> = (0..KEYS).map(|_| addresses.next_ip()).collect();
    let outbound = client.outbound(80);
    for host in ["by-source", "affine"] {
        until(&client, host, 80, Request::get(host, "/"), |answer| {
            answer.status == 200
        })
        .await;
        instances(host, KEYS, async |user| {
            let connection = Connection::open_from(sources[user], outbound, Protocol::Http1);
            instance(&connection.await?.send(Request::get(host, "/")).await?)
        })
        .await;
    }
    instances("TCP", KEYS, async |user| {
        greeting(Tcp::open_from(sources[user], client.outbound(9001)).await).await
    })
    .await;
}
