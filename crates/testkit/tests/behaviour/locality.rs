//! Which instances are near, who takes over when they fail, and who gets which share. The
//! instances have no proxies: the client's side decides.

use std::time::Duration;

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::client::{Protocol, Request, many};
use ferromesh_testkit::echo::Kind;
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::manifest::pod;
use ferromesh_testkit::mesh::{Mesh, Settings, Workload};
use ferromesh_testkit::wait::{eventually, within};

use crate::app::{App, rule, service_of, until};

/// A node in a zone of a region.
fn node(name: &str, region: &str, zone: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Node\nmetadata:\n  name: {name}\n  labels:\n    \
         topology.kubernetes.io/region: {region}\n    topology.kubernetes.io/zone: {zone}\n---\n"
    )
}

/// A Pod on a node.
fn pod_on(node: &str, workload: &Settings, labels: &[(&str, &str)]) -> String {
    pod(workload, labels).replace("spec:\n", &format!("spec:\n  nodeName: {node}\n"))
}

/// Four instances: in the client's zone, in another zone of its region, in two other regions.
const PLACES: [(&str, &str, &str); 4] = [
    ("near", "region-1", "zone-a"),
    ("beside", "region-1", "zone-b"),
    ("far", "region-2", "zone-c"),
    ("farther", "region-3", "zone-d"),
];

async fn places(manifests: impl FnOnce(&[App]) -> String) -> (Workload, Vec<App>, Mesh) {
    let mut addresses = Addresses::take();
    let client = Settings::new("client", "shop", &mut addresses);
    let mut pods = pod_on("near", &client, &[("version", "v2")]);
    let mut apps = Vec::new();
    for (name, region, zone) in PLACES {
        let app = App::start(name, &[(Kind::Http, 8080)], &mut addresses).await;
        let version = if name == "far" { "v2" } else { "v1" };
        pods += &node(name, region, zone);
        pods += &pod_on(name, app.settings(), &[("version", version)]);
        apps.push(app);
    }
    let files = Manifests::new();
    files.write("pods.yaml", &pods);
    files.write("services.yaml", &manifests(&apps));
    let mesh = Mesh::start(files).await;
    let client = mesh.workload(client).await;
    (client, apps, mesh)
}

/// Failing instances are ejected at once, and for longer than a test takes.
const EJECTION: &str = "outlierDetection: {consecutive5xxErrors: 2, interval: 3s, baseEjectionTime: 1s, maxEjectionPercent: 100}";

/// The interval of [`EJECTION`].
const INTERVAL: Duration = Duration::from_secs(3);

/// All of some requests meet this instance.
async fn all_meet(client: &Workload, host: &'static str, name: &str) {
    let tally = many(client.outbound(80), Protocol::Http1, 4, 100, move |_| {
        Request::get(host, "/")
    })
    .await;
    assert_eq!(
        (tally.status(200), tally.instance(name)),
        (100, 100),
        "{host}: {tally:?}"
    );
}

/// Requests meet this instance within the interval of outlier detection.
async fn soon_meets(client: &Workload, host: &'static str, name: &str) {
    within(
        INTERVAL,
        &format!("{name} takes over for {host}"),
        async || {
            let answer = Request::get(host, "/").send(client.outbound(80)).await?;
            match answer.instance() == name {
                true => Ok(()),
                false => Err(format!("{} by {:?}", answer.status, answer.instance())),
            }
        },
    )
    .await;
}

#[tokio::test]
async fn the_nearest_serve_and_the_next_take_over_when_they_fail() {
    let (client, mut apps, _mesh) = places(|apps| {
        let sent_home = format!(
            "{{{EJECTION}, loadBalancer: {{localityLbSetting: {{failover: [{{from: region-1, to: region-3}}]}}}}}}"
        );
        let by_version =
            format!("{{{EJECTION}, loadBalancer: {{localityLbSetting: {{failoverPriority: [version]}}}}}}");
        [
            service_of(apps, "nearest"),
            rule("nearest", &format!("{{{EJECTION}}}")),
            service_of(apps, "sent-home"),
            rule("sent-home", &sent_home),
            service_of(apps, "by-version"),
            rule("by-version", &by_version),
        ]
        .concat()
    })
    .await;
    for host in ["nearest", "sent-home", "by-version"] {
        until(&client, host, 80, Request::get(host, "/"), |answer| {
            answer.status == 200
        })
        .await;
    }
    all_meet(&client, "nearest", "near").await;
    all_meet(&client, "by-version", "far").await;

    apps[0].stop();
    for host in ["nearest", "sent-home"] {
        soon_meets(&client, host, "beside").await;
    }
    // And back, when the near one is.
    apps[0].restart().await;
    eventually("the near one serves again", async || {
        let answer = Request::get("nearest", "/")
            .send(client.outbound(80))
            .await?;
        if answer.instance() == "near" {
            Ok(())
        } else {
            Err(answer.instance().to_owned())
        }
    })
    .await;

    // A whole region fails: where the rule says, else anywhere.
    apps[0].stop();
    apps[1].stop();
    soon_meets(&client, "sent-home", "farther").await;
    within(INTERVAL, "another region takes over", async || {
        let answer = Request::get("nearest", "/")
            .send(client.outbound(80))
            .await?;
        match answer.instance() {
            "far" | "farther" => Ok(()),
            other => Err(format!("{} by {other:?}", answer.status)),
        }
    })
    .await;
    // By label, not by place: the other version only when there is none of the client's own.
    all_meet(&client, "by-version", "far").await;
    apps[2].stop();
    soon_meets(&client, "by-version", "farther").await;
}

#[tokio::test]
async fn localities_get_the_shares_that_the_rule_says() {
    let (client, _apps, _mesh) = places(|apps| {
        let shares = "{region-1/zone-a/*: 70, region-1/zone-b/*: 20, region-2/*: 10}";
        service_of(apps, "shared")
            + &rule(
                "shared",
                &format!(
                    "{{loadBalancer: {{localityLbSetting: {{distribute: [{{from: region-1/zone-a/*, to: {shares}}}]}}}}}}"
                ),
            )
    })
    .await;
    until(
        &client,
        "shared",
        80,
        Request::get("shared", "/"),
        |answer| answer.status == 200,
    )
    .await;
    let tally = many(client.outbound(80), Protocol::Http1, 4, 2000, |_| {
        Request::get("shared", "/")
    })
    .await;
    assert_eq!(tally.status(200), 2000, "{tally:?}");
    // 5 σ of 2000 throws at 0.7, 0.2 and 0.1.
    for (name, expected, tolerance) in [
        ("near", 1400, 103),
        ("beside", 400, 90),
        ("far", 200, 68),
        ("farther", 0, 0),
    ] {
        let count = tally.instance(name);
        assert!(count.abs_diff(expected) <= tolerance, "{name}: {tally:?}");
    }
}

#[tokio::test]
async fn a_service_can_wish_for_near_instances() {
    // A wish needs no rule and no outlier detection.
    let wish = |apps: &[App], name: &str, wish: &str| {
        service_of(apps, name).replace(
            "spec:\n  selector",
            &format!("spec:\n  trafficDistribution: {wish}\n  selector"),
        )
    };
    let wishes = [
        ("close", "PreferClose"),
        ("same-zone", "PreferSameZone"),
        ("same-node", "PreferSameNode"),
    ];
    let (client, apps, mesh) = places(|apps| {
        wishes
            .iter()
            .map(|(name, text)| wish(apps, name, text))
            .collect::<String>()
    })
    .await;
    for (host, _) in wishes {
        until(&client, host, 80, Request::get(host, "/"), |answer| {
            answer.status == 200
        })
        .await;
        all_meet(&client, host, "near").await;
    }
    // No instance is near: the others serve.
    let (_, others) = apps.split_at(1);
    let without: String = wishes
        .iter()
        .map(|(name, text)| wish(others, name, text))
        .collect();
    mesh.manifests().write("services.yaml", &without);
    for (host, _) in wishes {
        until(&client, host, 80, Request::get(host, "/"), |answer| {
            answer.status == 200 && answer.instance() != "near"
        })
        .await;
    }
}

#[tokio::test]
async fn hints_and_a_local_traffic_policy_choose_near_instances() {
    let zones = ["zone-a", "zone-b", "zone-a", "zone-c"];
    // Kubernetes hints that the client's zone shall use its own instance and one from afar.
    let hinted = |apps: &[App]| {
        let mut manifests = service_of(apps, "hinted");
        for (app, zone) in apps.iter().zip(zones) {
            let address = format!("- addresses: [\"{}\"]\n", app.settings().address);
            let with_hint = format!("{address}  hints: {{forZones: [{{name: {zone}}}]}}\n");
            assert!(manifests.contains(&address), "{manifests}");
            manifests = manifests.replace(&address, &with_hint);
        }
        manifests
    };
    let local = |apps: &[App]| {
        service_of(apps, "local").replace(
            "spec:\n  selector",
            "spec:\n  internalTrafficPolicy: Local\n  selector",
        )
    };
    let (client, apps, mesh) = places(|apps| hinted(apps) + &local(apps)).await;
    for host in ["hinted", "local"] {
        until(&client, host, 80, Request::get(host, "/"), |answer| {
            answer.status == 200
        })
        .await;
    }
    all_meet(&client, "local", "near").await;
    let tally = many(client.outbound(80), Protocol::Http1, 4, 200, |_| {
        Request::get("hinted", "/")
    })
    .await;
    assert!(
        tally.instance("near") > 0 && tally.instance("far") > 0,
        "{tally:?}"
    );
    assert_eq!(
        tally.instance("near") + tally.instance("far"),
        200,
        "{tally:?}"
    );
    // Local means nobody else, even if there is nobody.
    let (_, others) = apps.split_at(1);
    mesh.manifests().write("services.yaml", &local(others));
    until(
        &client,
        "nobody is local",
        80,
        Request::get("local", "/"),
        |answer| answer.status == 503,
    )
    .await;
}
