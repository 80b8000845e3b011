//! Who sees what: exports, imports, unknown hosts, and what a Sidecar says of its workload.

use std::net::IpAddr;

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::client::Request;
use ferromesh_testkit::echo::{Echo, Kind};
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::manifest::{endpoint_slice, pod, service};
use ferromesh_testkit::mesh::{Mesh, Settings, Workload};
use ferromesh_testkit::wait::eventually;

use crate::app::{App, send, until};

const HTTP: [(&str, u16, u16); 1] = [("http", 80, 8080)];
const SLICE: [(&str, u16); 1] = [("http", 8080)];
const PORTS: [(Kind, u16); 1] = [(Kind::Http, 8080)];

fn get(host: &str) -> Request {
    Request::get(host, "/")
}

#[tokio::test]
async fn what_is_not_exported_or_imported_is_unknown() {
    let mut addresses = Addresses::take();
    let app = App::start("one", &PORTS, &mut addresses).await;
    let client = Settings::new("client", "shop", &mut addresses);
    let stranger = Settings::new("stranger", "elsewhere", &mut addresses);
    let of = |name: &str| {
        service("shop", name, &HTTP) + &endpoint_slice("shop", name, &SLICE, [app.settings()])
    };
    let hidden = |scope: &str| {
        let annotation =
            format!("metadata:\n  annotations: {{networking.istio.io/exportTo: '{scope}'}}\n");
        service("shop", "hidden", &HTTP).replace("metadata:\n", &annotation)
            + &endpoint_slice("shop", "hidden", &SLICE, [app.settings()])
    };
    let entry = format!(
        "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: private, namespace: shop}}
spec:
  hosts: [private.example.com]
  exportTo: ['.']
  resolution: STATIC
  ports: [{{number: 80, name: http, protocol: HTTP, targetPort: 8080}}]
  endpoints: [{{address: {}}}]
---
",
        app.settings().address
    );
    let files = Manifests::new();
    files.write(
        "mesh.yaml",
        "outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n",
    );
    files.write(
        "all.yaml",
        &[
            pod(&client, &[]),
            pod(&stranger, &[]),
            pod(app.settings(), &[]),
            of("product"),
            of("other"),
            service("elsewhere", "own", &HTTP),
            entry,
        ]
        .concat(),
    );
    files.write("hidden.yaml", &hidden("."));
    let mesh = Mesh::start(files).await;
    let client = mesh.workload(client).await;
    let stranger = mesh.workload(stranger).await;
    let is = async |workload: &Workload, host: &str, status: u16| {
        until(
            workload,
            &format!("{status} for {host}"),
            80,
            get(host),
            |a| a.status == status,
        )
        .await;
    };
    is(&client, "hidden", 200).await;
    is(&client, "private.example.com", 200).await;
    is(&stranger, "product.shop", 200).await;
    for host in ["hidden.shop", "private.example.com", "unknown.example.com"] {
        is(&stranger, host, 502).await;
        let through_proxy = get(host)
            .through_proxy()
            .send(stranger.http_proxy())
            .await
            .unwrap();
        assert_eq!(through_proxy.status, 502, "{host} through the HTTP proxy");
    }
    // To a namespace by its name.
    mesh.manifests().write("hidden.yaml", &hidden("elsewhere"));
    is(&stranger, "hidden.shop", 200).await;
    is(&client, "hidden", 502).await;

    // A Sidecar imports what it names, and no more.
    let sidecar = |spec: &str| {
        let sidecar = format!(
            "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: default, namespace: elsewhere}}\nspec: {spec}\n"
        );
        mesh.manifests().write("sidecar.yaml", &sidecar);
    };
    sidecar("{egress: [{hosts: [shop/product.shop.svc.cluster.local]}]}");
    is(&stranger, "other.shop", 502).await;
    is(&stranger, "product.shop", 200).await;
    is(&client, "other", 200).await;
    sidecar("{egress: [{hosts: ['./*']}]}");
    is(&stranger, "product.shop", 502).await;
    sidecar("{egress: [{hosts: ['*/*']}]}");
    is(&stranger, "other.shop", 200).await;
    is(&stranger, "product.shop", 200).await;
}

#[tokio::test]
async fn unknown_hosts_are_found_by_their_names_unless_that_is_forbidden() {
    let mut addresses = Addresses::take();
    let client = Settings::new("client", "shop", &mut addresses);
    let app = App::start("one", &PORTS, &mut addresses).await;
    let mut outside = [Echo::new("outside"), Echo::new("local")];
    let mut sockets = Vec::new();
    for (echo, ip) in outside
        .iter_mut()
        .zip([addresses.next_ip(), IpAddr::from([127, 0, 0, 1])])
    {
        sockets.push(echo.listen(Kind::Http, (ip, 0).into()).await.unwrap());
    }
    let (by_address, local) = (sockets[0].to_string(), sockets[1].port());
    let by_name = format!("localhost:{local}");
    let files = Manifests::new();
    files.write("mesh.yaml", "outboundTrafficPolicy: {mode: ALLOW_ANY}\n");
    files.write(
        "all.yaml",
        &[
            pod(&client, &[]),
            // Its second port is one on which somebody else listens elsewhere.
            service(
                "shop",
                "product",
                &[("http", 80, 8080), ("http-too", local, 8080)],
            ),
            endpoint_slice(
                "shop",
                "product",
                &[("http", 8080), ("http-too", 8080)],
                [app.settings()],
            ),
        ]
        .concat(),
    );
    let mesh = Mesh::start(files).await;
    let client = mesh.workload(client).await;
    until(&client, "the port", local, get("product"), |a| {
        a.instance() == "one"
    })
    .await;
    let through_proxy = async |host: &str| {
        let request = get(host).through_proxy();
        request.send(client.http_proxy()).await.unwrap()
    };
    for (host, instance) in [(&by_address, "outside"), (&by_name, "local")] {
        let answer = through_proxy(host).await;
        assert_eq!(answer.instance(), instance, "{host}: {}", answer.text());
        assert_eq!(answer.seen_header("host"), *host);
        for port in [80, local] {
            let answer = send(&client, port, get(host)).await;
            assert_eq!(answer.instance(), instance, "{host} on {port}");
        }
    }
    // Without a port it is that of the listener.
    let answer = send(&client, local, get("localhost")).await;
    assert_eq!(answer.instance(), "local", "{}", answer.text());
    assert_eq!(answer.seen_header("host"), by_name);
    assert_eq!(answer.seen_header("x-ferromesh-authority"), "");
    assert!(
        client
            .cluster_stat("PassthroughCluster", "upstream_rq_total")
            .await
            >= 7
    );
    // Nobody listens there.
    assert_eq!(through_proxy("localhost:1").await.status, 503);

    // Whoever addresses the proxy itself is not sent round and round.
    let own = client.outbound(80).to_string();
    assert_eq!(send(&client, 80, get(&own)).await.status, 508);
    let own = client.http_proxy().to_string();
    assert_eq!(through_proxy(&own).await.status, 508);
    assert_eq!(send(&client, local, get(&own)).await.status, 508);

    mesh.manifests().write(
        "mesh.yaml",
        "outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n",
    );
    until(&client, "refused", 80, get(&by_name), |a| a.status == 502).await;
    until(&client, "refused", local, get("localhost"), |a| {
        a.status == 502
    })
    .await;
    eventually("refused by the HTTP proxy", async || {
        match through_proxy(&by_name).await.status.as_u16() {
            502 => Ok(()),
            status => Err(status.to_string()),
        }
    })
    .await;
    mesh.manifests()
        .write("mesh.yaml", "outboundTrafficPolicy: {mode: ALLOW_ANY}\n");
    until(&client, "allowed again", 80, get(&by_name), |a| {
        a.instance() == "local"
    })
    .await;
}

#[tokio::test]
async fn a_sidecar_says_where_its_application_listens() {
    let mut addresses = Addresses::take();
    let client = Settings::new("client", "shop", &mut addresses);
    let server = Settings::new("server", "shop", &mut addresses).port(Kind::Http, 7001);
    let mut loopback = Echo::new("loopback");
    let at = loopback
        .listen(Kind::Http, (IpAddr::from([127, 0, 0, 1]), 0).into())
        .await
        .unwrap();
    let ports = [("http", 80, 8080), ("http-more", 81, 8081)];
    let files = Manifests::new();
    files.write(
        "all.yaml",
        &[
            pod(&client, &[]),
            pod(&server, &[("app", "server")]),
            service("shop", "server", &ports),
            endpoint_slice(
                "shop",
                "server",
                &[("http", 8080), ("http-more", 8081)],
                [&server],
            ),
        ]
        .concat(),
    );
    files.write(
        "sidecar.yaml",
        &format!(
            "
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: server, namespace: shop}}
spec:
  workloadSelector: {{labels: {{app: server}}}}
  ingress:
  - {{port: {{number: 8080, protocol: HTTP, name: http}}, defaultEndpoint: 127.0.0.1:{}}}
  - {{port: {{number: 8081, protocol: HTTP, name: http-more}}, defaultEndpoint: 0.0.0.0:7001}}
",
            at.port()
        ),
    );
    let mesh = Mesh::start(files).await;
    let client = mesh.workload(client).await;
    let server = mesh.workload(server).await;
    until(&client, "a loopback address", 80, get("server"), |a| {
        a.instance() == "loopback"
    })
    .await;
    until(&client, "the workload's own", 81, get("server"), |a| {
        a.instance() == "server"
    })
    .await;
    let answer = get("anything.at.all")
        .send(server.inbound(8080))
        .await
        .unwrap();
    assert_eq!(answer.instance(), "loopback");
    // Without the Sidecar the application would have to listen on the ports themselves.
    mesh.manifests().remove("sidecar.yaml");
    until(&client, "without the Sidecar", 80, get("server"), |a| {
        a.status == 503
    })
    .await;
}
