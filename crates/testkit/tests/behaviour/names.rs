//! What is found under which name: services of every type, and entries for what Kubernetes does
//! not know.

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::client::{Protocol, Request, many};
use ferromesh_testkit::echo::{Echo, Kind};
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::manifest::{endpoint_slice, pod, service};
use ferromesh_testkit::mesh::{Mesh, Settings};
use ferromesh_testkit::wait::eventually;

use crate::app::{App, send, steady, until};

const HTTP: [(&str, u16, u16); 1] = [("http", 80, 8080)];
const SLICE: [(&str, u16); 1] = [("http", 8080)];
const PORTS: [(Kind, u16); 1] = [(Kind::Http, 8080)];

fn get(host: &str) -> Request {
    Request::get(host, "/")
}

#[tokio::test]
async fn a_service_answers_to_all_of_its_names() {
    let mut addresses = Addresses::take();
    let app = App::start("one", &PORTS, &mut addresses).await;
    let client = Settings::new("client", "shop", &mut addresses);
    // The same short name means another service elsewhere.
    let namesake = App::start("namesake", &PORTS, &mut addresses).await;
    let stranger = Settings::new("stranger", "elsewhere", &mut addresses);
    let ports = [("http", 80, 8080), ("http-more", 8000, 8080)];
    let slices = [("http", 8080), ("http-more", 8080)];
    let files = Manifests::new();
    files.write(
        "all.yaml",
        &[
            pod(&client, &[]),
            pod(&stranger, &[]),
            pod(app.settings(), &[]),
            pod(namesake.settings(), &[]),
            service("shop", "product", &ports)
                .replace("spec:\n", "spec:\n  clusterIP: 10.96.1.2\n"),
            endpoint_slice("shop", "product", &slices, [app.settings()]),
            service("elsewhere", "product", &HTTP),
            endpoint_slice("elsewhere", "product", &SLICE, [namesake.settings()]),
        ]
        .concat(),
    );
    let mesh = Mesh::start(files).await;
    let client = mesh.workload(client).await;
    let stranger = mesh.workload(stranger).await;
    until(&client, "the service", 80, get("product"), |answer| {
        answer.status == 200
    })
    .await;
    until(&stranger, "the namesake", 80, get("product"), |answer| {
        answer.status == 200
    })
    .await;
    let names = [
        "product",
        "product.shop",
        "product.shop.svc",
        "product.shop.svc.cluster.local",
        "10.96.1.2",
    ];
    for name in names {
        for port in [80, 8000] {
            for host in [
                name.to_owned(),
                format!("{name}:{port}"),
                name.to_uppercase(),
            ] {
                let answer = send(&client, port, get(&host)).await;
                assert_eq!(
                    answer.instance(),
                    "one",
                    "{host} on {port}: {}",
                    answer.status
                );
            }
            // An HTTP proxy takes the port from the host, which has none for 80.
            let host = if port == 80 {
                name.to_owned()
            } else {
                format!("{name}:{port}")
            };
            let answer = get(&host)
                .through_proxy()
                .send(client.http_proxy())
                .await
                .unwrap();
            assert_eq!(
                answer.instance(),
                "one",
                "{host} through the HTTP proxy: {}",
                answer.status
            );
        }
    }
    for (host, instance) in [
        ("product", "namesake"),
        ("product.elsewhere", "namesake"),
        ("product.shop", "one"),
        ("product.shop.svc.cluster.local:80", "one"),
    ] {
        let answer = send(&stranger, 80, get(host)).await;
        assert_eq!(
            answer.instance(),
            instance,
            "{host} from elsewhere: {}",
            answer.status
        );
    }
    // A name nearly right is nobody's.
    for host in [
        "product.shop.svc.cluster",
        "roduct",
        "product.shop.svc.cluster.local.evil.example",
    ] {
        let answer = send(&client, 80, get(host)).await;
        assert_eq!(answer.instance(), "", "{host}");
    }
}

#[tokio::test]
async fn a_name_moves_to_another_service_and_back_and_no_request_fails() {
    let mut addresses = Addresses::take();
    let one = App::start("one", &PORTS, &mut addresses).await;
    let two = App::start("two", &PORTS, &mut addresses).await;
    let client = Settings::new("client", "shop", &mut addresses);
    // For an entry it is the whole name, for a Service only the short one: the entry wins.
    let entry = format!(
        "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: product, namespace: shop}}
spec:
  hosts: [product]
  resolution: STATIC
  ports: [{{number: 80, name: http, protocol: HTTP, targetPort: 8080}}]
  endpoints: [{{address: {}}}]
",
        two.settings().address
    );
    let files = Manifests::new();
    files.write(
        "all.yaml",
        &[
            pod(&client, &[]),
            pod(one.settings(), &[]),
            service("shop", "product", &HTTP),
            endpoint_slice("shop", "product", &SLICE, [one.settings()]),
        ]
        .concat(),
    );
    let mesh = Mesh::start(files).await;
    let client = mesh.workload(client).await;
    until(&client, "the service", 80, get("product"), |a| {
        a.instance() == "one"
    })
    .await;
    let (end, load) = steady(client.outbound(80), get("product"));
    for _ in 0..3 {
        mesh.manifests().write("entry.yaml", &entry);
        until(&client, "the entry", 80, get("product"), |a| {
            a.instance() == "two"
        })
        .await;
        let answer = send(&client, 80, get("product.shop")).await;
        assert_eq!(answer.instance(), "one");
        mesh.manifests().remove("entry.yaml");
        until(&client, "the service again", 80, get("product"), |a| {
            a.instance() == "one"
        })
        .await;
    }
    end.send(()).unwrap();
    let tally = load.await.unwrap();
    assert_eq!(tally.status(200), tally.total(), "{tally:?}");
}

#[tokio::test]
async fn headless_and_external_services_and_named_target_ports_work() {
    let mut addresses = Addresses::take();
    let apps = [
        App::start("db-0", &PORTS, &mut addresses).await,
        App::start("db-1", &PORTS, &mut addresses).await,
    ];
    let mut outside = Echo::new("outside");
    let outside_at = outside
        .listen(Kind::Http, ([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    let client = Settings::new("client", "shop", &mut addresses);
    let named = Settings::new("named", "shop", &mut addresses).port(Kind::Http, 8181);
    let container = "containers: [{name: app, ports: [{name: web, containerPort: 8181}]}]";
    let port = outside_at.port();
    let files = Manifests::new();
    files.write(
        "all.yaml",
        &[
            pod(&client, &[]),
            apps.iter().map(|app| pod(app.settings(), &[])).collect::<String>(),
            service("shop", "db", &HTTP).replace("spec:\n", "spec:\n  clusterIP: None\n"),
            endpoint_slice("shop", "db", &SLICE, apps.iter().map(App::settings)),
            pod(&named, &[("app", "named")]).replace("containers: []", container),
            service("shop", "named", &[("http", 80, 0)]).replace("targetPort: 0", "targetPort: web"),
            endpoint_slice("shop", "named", &[("http", 8181)], [&named]),
            format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{name: outside, namespace: shop}}\n\
                 spec: {{type: ExternalName, externalName: localhost, ports: [{{name: http, port: {port}}}]}}\n"
            ),
        ]
        .concat(),
    );
    let mesh = Mesh::start(files).await;
    let client = mesh.workload(client).await;
    let named = mesh.workload(named).await;
    until(&client, "headless", 80, get("db"), |answer| {
        answer.status == 200
    })
    .await;
    let tally = many(
        client.outbound(80),
        Protocol::Http1,
        4,
        200,
        |number| match number % 2 {
            0 => get("db"),
            // The name of a single pod goes through the same table.
            _ => get("db-0.db.shop.svc.cluster.local"),
        },
    )
    .await;
    assert_eq!(tally.status(200), 200, "{tally:?}");
    assert!(
        tally.instance("db-0") > 0 && tally.instance("db-1") > 0,
        "{tally:?}"
    );

    until(&client, "the named port", 80, get("named"), |answer| {
        answer.instance() == "named"
    })
    .await;
    // Through the server's proxy, which binds the port that the name means.
    let answer = get("named").send(named.inbound(8181)).await.unwrap();
    assert_eq!(answer.instance(), "named");

    until(&client, "outside", port, get("outside"), |answer| {
        answer.instance() == "outside"
    })
    .await;
    let answer = send(
        &client,
        port,
        get(&format!("outside.shop.svc.cluster.local:{port}")),
    )
    .await;
    assert_eq!(answer.instance(), "outside");
}

#[tokio::test]
async fn service_entries_describe_what_kubernetes_does_not_know() {
    let mut addresses = Addresses::take();
    let inline = [
        App::start("inline-1", &[(Kind::Http, 8080)], &mut addresses).await,
        App::start("inline-2", &[(Kind::Http, 9090)], &mut addresses).await,
    ];
    let selected_pod = App::start("pod-1", &PORTS, &mut addresses).await;
    // A machine with a proxy of its own.
    let machine = Settings::new("machine", "shop", &mut addresses).port(Kind::Http, 8080);
    let mut local = Echo::new("local");
    let local_at = local
        .listen(Kind::Http, ([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    let client = Settings::new("client", "shop", &mut addresses);
    let address = |app: &App| app.settings().address;
    let (first, second, at, port) = (
        address(&inline[0]),
        address(&inline[1]),
        machine.address,
        local_at.port(),
    );
    let entries = format!(
        "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: inline, namespace: shop}}
spec:
  hosts: [inline.example.com, also.example.com, '*.wild.example.com']
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: 80, name: http, protocol: HTTP, targetPort: 8080}}]
  endpoints:
  - {{address: {first}, weight: 3}}
  - {{address: {second}, ports: {{http: 9090}}}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: selected, namespace: shop}}
spec:
  hosts: [selected.example.com]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: 80, name: http, protocol: HTTP, targetPort: 8080}}]
  workloadSelector: {{labels: {{app: selected}}}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: resolved, namespace: shop}}
spec:
  hosts: [resolved.example.com]
  location: MESH_EXTERNAL
  resolution: DNS
  ports: [{{number: 80, name: http, protocol: HTTP, targetPort: {port}}}]
  endpoints: [{{address: localhost}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: itself, namespace: shop}}
spec:
  hosts: [localhost]
  resolution: DNS
  ports: [{{number: {port}, name: http, protocol: HTTP}}]
"
    );
    let machine_entry = format!(
        "
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: machine, namespace: shop}}
spec: {{address: {at}, labels: {{app: selected, version: v2}}, serviceAccount: machine}}
"
    );
    let rule = "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: selected, namespace: shop}
spec: {host: selected.example.com, subsets: [{name: v2, labels: {version: v2}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: selected, namespace: shop}
spec:
  hosts: [selected.example.com]
  http:
  - match: [{uri: {prefix: /v2}}]
    route: [{destination: {host: selected.example.com, subset: v2}}]
  - route: [{destination: {host: selected.example.com}}]
";
    let files = Manifests::new();
    files.write(
        "pods.yaml",
        &(pod(&client, &[]) + &pod(selected_pod.settings(), &[("app", "selected")])),
    );
    files.write("entries.yaml", &entries);
    files.write("machine.yaml", &machine_entry);
    files.write("rule.yaml", rule);
    let mesh = Mesh::start(files).await;
    let client = mesh.workload(client).await;
    let _machine = mesh.workload(machine).await;

    let outbound = client.outbound(80);
    for host in [
        "inline.example.com",
        "also.example.com",
        "any.wild.example.com",
    ] {
        until(&client, host, 80, get(host), |answer| answer.status == 200).await;
    }
    // One at a time: requests that are being served would count as well.
    let tally = many(outbound, Protocol::Http1, 1, 800, |_| {
        get("inline.example.com")
    })
    .await;
    // 5 σ of 800 throws at 3/4 is 61.
    assert!(tally.instance("inline-1").abs_diff(600) <= 61, "{tally:?}");
    assert_eq!(
        tally.instance("inline-1") + tally.instance("inline-2"),
        800,
        "{tally:?}"
    );

    eventually("pods and machines are selected", async || {
        let tally = many(outbound, Protocol::Http1, 4, 40, |_| {
            get("selected.example.com")
        })
        .await;
        let both = tally.instance("pod-1") > 0 && tally.instance("machine") > 0;
        if both && tally.status(200) == 40 {
            Ok(())
        } else {
            Err(format!("{tally:?}"))
        }
    })
    .await;
    let tally = many(outbound, Protocol::Http1, 4, 40, |_| {
        Request::get("selected.example.com", "/v2")
    })
    .await;
    assert_eq!(tally.instance("machine"), 40, "{tally:?}");
    mesh.manifests().remove("machine.yaml");
    eventually("the machine has gone", async || {
        let tally = many(outbound, Protocol::Http1, 4, 40, |_| {
            get("selected.example.com")
        })
        .await;
        if tally.instance("pod-1") == 40 {
            Ok(())
        } else {
            Err(format!("{tally:?}"))
        }
    })
    .await;

    until(&client, "by DNS", 80, get("resolved.example.com"), |a| {
        a.instance() == "local"
    })
    .await;
    until(&client, "by its own name", port, get("localhost"), |a| {
        a.instance() == "local"
    })
    .await;
}
