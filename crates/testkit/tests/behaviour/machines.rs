//! Machines that Kubernetes doesn't run, as instances of its services.

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::client::{Protocol, Request, many};
use ferromesh_testkit::echo::Kind;
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::manifest::{endpoint_slice, pod, service};
use ferromesh_testkit::mesh::{Mesh, Settings};
use ferromesh_testkit::wait::eventually;

use crate::app::App;

#[tokio::test]
async fn a_service_selects_machines_beside_its_pods() {
    let mut addresses = Addresses::take();
    let pod_1 = App::start("pod-1", &[(Kind::Http, 8080)], &mut addresses).await;
    let client = Settings::new("client", "shop", &mut addresses);
    // A machine with a proxy of its own, whose application has another port.
    let machine = Settings::new("machine", "shop", &mut addresses).port(Kind::Http, 7070);
    let entry = |address: &str| {
        format!(
            "
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: machine, namespace: shop}}
spec: {{address: {address}, labels: {{app: product}}, ports: {{http: 7070}}, serviceAccount: machine}}
"
        )
    };
    let files = Manifests::new();
    files.write(
        "all.yaml",
        &[
            pod(&client, &[]),
            pod(pod_1.settings(), &[("app", "product")]),
            service("shop", "product", &[("http", 80, 8080)]),
            endpoint_slice("shop", "product", &[("http", 8080)], [pod_1.settings()]),
        ]
        .concat(),
    );
    files.write("machine.yaml", &entry(&machine.address.to_string()));
    let mesh = Mesh::start(files).await;
    let client = mesh.workload(client).await;
    let machine = mesh.workload(machine).await;
    let only = async |what: &str, instances: &[&str]| {
        eventually(what, async || {
            let tally = many(client.outbound(80), Protocol::Http1, 4, 40, |_| {
                Request::get("product", "/")
            })
            .await;
            let answers = instances.iter().map(|name| tally.instance(name));
            if answers.clone().all(|count| count > 0) && answers.sum::<usize>() == 40 {
                Ok(())
            } else {
                Err(format!("{tally:?}"))
            }
        })
        .await;
    };
    only("pods and machines", &["pod-1", "machine"]).await;
    // It came through the machine's own proxy, which serves the port that the entry says.
    let answer = Request::get("product", "/")
        .send(machine.inbound(7070))
        .await
        .unwrap();
    assert_eq!(answer.instance(), "machine");

    // What Kubernetes says of an address counts.
    let address = pod_1.settings().address.to_string();
    mesh.manifests().write("machine.yaml", &entry(&address));
    only("the pod's port", &["pod-1"]).await;
    let cluster = "outbound|80||product.shop.svc.cluster.local";
    let members = client.cluster_stat(cluster, "membership_total").await;
    assert_eq!(members, 1, "a retry could hide a second one");
    mesh.manifests().write(
        "machine.yaml",
        &entry(&machine.settings().address.to_string()),
    );
    only("the machine again", &["pod-1", "machine"]).await;
    mesh.manifests().remove("machine.yaml");
    only("the machine has gone", &["pod-1"]).await;
}
