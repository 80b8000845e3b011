//! Manifests that are sound as far as anybody but Envoy knows, and that Envoy refuses: their
//! author is told, the last accepted version stays in force, and everything else goes on.

use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse,
};
use envoy_types::pb::google::rpc::Status;
use ferromesh_testkit::ads_client::{AdsClient, Variant};
use ferromesh_testkit::client::Request;
use ferromesh_testkit::fake_envoy::node;
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::manifest::{endpoint_slice, pod};
use ferromesh_testkit::mesh::{Mesh, Settings, Workload};
use ferromesh_testkit::wait::{DEADLINE, eventually};
use serde_json::Value;

use crate::app::steady;
use crate::control::{metric, syncz};
use crate::shop::Shop;

/// `product` in three rules, the second of which has this in it and leads there; and `other`,
/// whose answers say this.
fn rules(extra: &str, to: &str, word: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: product, namespace: shop}}
spec:
  hosts: [product]
  http:
  - match: [{{uri: {{prefix: /a}}}}]
    route: [{{destination: {{host: product}}}}]
  - match: [{{uri: {{prefix: /b}}}}]
    {extra}
    route: [{{destination: {{host: {to}}}}}]
  - route: [{{destination: {{host: product}}}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: other, namespace: shop}}
spec:
  hosts: [other]
  http:
  - headers: {{response: {{set: {{x-word: {word}}}}}}}
    route: [{{destination: {{host: other}}}}]
"
    )
}

async fn refused(mesh: &Mesh) -> Vec<Value> {
    let list = mesh.debug_json("/debug/diagnostics").await;
    let list = list.as_array().cloned().unwrap_or_default();
    let refused = list
        .into_iter()
        .filter(|one| one["code"] == "refused-by-proxy");
    refused.collect()
}

/// Waits until these are the refused fields: objects and paths, and parts of messages.
async fn until_refused(mesh: &Mesh, expected: &[(&str, &str, &str)]) -> Vec<Value> {
    eventually("the refusals are reported", async || {
        let list = refused(mesh).await;
        let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
        let is = |one: &Value, (name, path, words): &(&str, &str, &str)| {
            one["object"]["name"] == *name
                && one["path"] == *path
                && text(one, "message").contains(words)
        };
        let all = list
            .iter()
            .zip(expected)
            .all(|(one, expected)| is(one, expected));
        if list.len() == expected.len() && all {
            Ok(list)
        } else {
            Err(format!("{list:?}"))
        }
    })
    .await
}

async fn instance(shop: &Shop, path: &str, expected: &str) {
    shop.until(
        &format!("{path} is answered by {expected}"),
        Request::get("product", path),
        |answer| answer.instance() == expected,
    )
    .await;
}

async fn word(shop: &Shop, expected: &str) {
    shop.until(
        &format!("the word {expected}"),
        Request::get("other", "/"),
        |answer| answer.header("x-word") == expected,
    )
    .await;
}

/// `product` is only this instance, so that it can be told apart.
fn only(shop: &Shop, services: &str, instance: &Workload) {
    let slice = endpoint_slice("shop", "product", &[("http", 8080)], [instance.settings()]);
    shop.mesh
        .manifests()
        .write("services.yaml", &(services.to_owned() + &slice));
}

#[tokio::test]
async fn what_envoy_refuses_is_reported_on_its_field_and_everything_else_goes_on() {
    let shop = Shop::open(&rules("", "other", "one")).await;
    let services = shop.mesh.manifests().read("services.yaml");
    instance(&shop, "/b", "other").await;
    word(&shop, "one").await;
    let (end, load) = steady(shop.client.outbound(80), Request::get("product", "/b"));
    let large = r"'(\PL\PL\PL\PL\PL\PL\PL\PL){1000}'";
    let cases = [
        (
            "headers: {request: {set: {x-a: '%NO_SUCH_COMMAND%'}}}".to_owned(),
            "spec.http[1].headers.request.set.x-a",
            "NO_SUCH_COMMAND",
        ),
        (
            format!("corsPolicy: {{allowOrigins: [{{exact: a}}, {{regex: {large}}}]}}"),
            "spec.http[1].corsPolicy.allowOrigins[1].regex",
            "program size",
        ),
        (
            "headers: {response: {add: {x-a: '%CEL(foo bar)%'}}}".to_owned(),
            "spec.http[1].headers.response.add.x-a",
            "Not able to parse",
        ),
    ];
    let mut rejects = 0;
    for (number, (extra, path, words)) in cases.into_iter().enumerate() {
        // The other host changes in the same response.
        let news = format!("word-{number}");
        shop.apply(&rules(&extra, "product", &news));
        let list = until_refused(&shop.mesh, &[("product", path, "client.shop and 3 more")]).await;
        let message = list[0]["message"].as_str().unwrap_or_default();
        assert!(message.contains(words), "{message}");
        assert_eq!(list[0]["line"], 10, "{list:?}");
        assert_eq!(list[0]["severity"], "error");
        word(&shop, &news).await;
        let state = syncz(&shop.mesh, "client.shop").await;
        let error = state["virtual_host_error"].as_str().unwrap_or_default();
        assert!(error.contains(words), "{state}");
        assert_eq!(
            state["virtual_host_sent"], state["virtual_host_acked"],
            "{state}"
        );
        let before = std::mem::replace(
            &mut rejects,
            metric(&shop.mesh, "pilot_total_xds_rejects").await,
        );
        assert!(rejects > before, "{rejects} after {before}");
        // Later changes go on, too: those of others, and endpoints.
        shop.apply(&rules(&extra, "product", "later"));
        word(&shop, "later").await;
        for workload in [&shop.v1, &shop.v2] {
            only(&shop, &services, workload);
            instance(&shop, "/", &workload.settings().name).await;
        }
        // What is refused is not in force: /b would go to product.
        instance(&shop, "/b", "other").await;
    }
    end.send(()).expect("the load goes on");
    let tally = load.await.expect("the load");
    assert_eq!(tally.instance("other"), tally.total(), "{tally:?}");

    shop.apply(&rules(
        "headers: {request: {set: {x-a: '%PROTOCOL%'}}}",
        "product",
        "two",
    ));
    instance(&shop, "/b", "product-v2").await;
    until_refused(&shop.mesh, &[]).await;
    eventually("no error is left", async || {
        let state = syncz(&shop.mesh, "client.shop").await;
        match state.get("virtual_host_error") {
            None => Ok(()),
            Some(error) => Err(error.to_string()),
        }
    })
    .await;
}

#[tokio::test]
async fn what_every_listener_of_the_mesh_refuses_is_one_fault_of_the_mesh_configuration() {
    let shop = Shop::open(&rules("", "other", "one")).await;
    instance(&shop, "/b", "other").await;
    let (end, load) = steady(shop.client.outbound(80), Request::get("product", "/b"));
    let configure = |format: &str| {
        let text = format!("accessLogFile: /dev/stdout\naccessLogFormat: 'logged {format}'\n");
        shop.mesh.manifests().write("mesh.yaml", &text);
    };
    configure("%NOPE%");
    let list = until_refused(
        &shop.mesh,
        &[("mesh", "accessLogFormat", "client.shop and 3 more")],
    )
    .await;
    assert_eq!(list[0]["line"], 2, "{list:?}");
    let message = list[0]["message"].as_str().unwrap_or_default();
    assert!(
        message.ends_with(": Not supported field in StreamInfo: NOPE"),
        "{message}"
    );
    // Routes, which have nothing to do with it, go on.
    shop.apply(&rules("", "other", "two"));
    word(&shop, "two").await;
    configure("%RESPONSE_CODE%");
    until_refused(&shop.mesh, &[]).await;
    eventually("the new format is in force", async || {
        shop.send(Request::get("product", "/b")).await;
        let logged = shop.client.access_log();
        match logged.iter().any(|line| line == "logged 200") {
            true => Ok(()),
            false => Err(format!("{:?}", logged.last())),
        }
    })
    .await;
    end.send(()).expect("the load goes on");
    let tally = load.await.expect("the load");
    assert_eq!(tally.instance("other"), tally.total(), "{tally:?}");
}

#[tokio::test]
async fn a_pod_that_starts_gets_the_version_before_the_one_that_others_refused() {
    let mut shop = Shop::open(&rules("", "other", "one")).await;
    let late = Settings::new("late", "shop", &mut shop.addresses);
    let pods = shop.mesh.manifests().read("workloads.yaml") + &pod(&late, &[("app", "late")]);
    shop.mesh.manifests().write("workloads.yaml", &pods);
    instance(&shop, "/b", "other").await;
    let bad = "headers: {request: {set: {x-a: '%NO_SUCH_COMMAND%'}}}";
    shop.apply(&rules(bad, "product", "two"));
    until_refused(
        &shop.mesh,
        &[(
            "product",
            "spec.http[1].headers.request.set.x-a",
            "client.shop and 3 more",
        )],
    )
    .await;
    let rejects = metric(&shop.mesh, "pilot_total_xds_rejects").await;
    let late = shop.mesh.workload(late).await;
    let answer = Request::get("product", "/b")
        .send(late.outbound(80))
        .await
        .expect("an answer");
    assert_eq!(answer.instance(), "other", "{}", answer.text());
    let answer = Request::get("other", "/")
        .send(late.outbound(80))
        .await
        .expect("an answer");
    assert_eq!(answer.header("x-word"), "two");
    assert_eq!(metric(&shop.mesh, "pilot_total_xds_rejects").await, rejects);
    shop.apply(&rules("", "product", "three"));
    eventually("the correction reaches it", async || {
        let answer = Request::get("product", "/b")
            .send(late.outbound(80))
            .await?;
        match answer.instance() {
            "product-v1" | "product-v2" => Ok(()),
            other => Err(other.to_owned()),
        }
    })
    .await;
}

#[tokio::test]
async fn a_restart_leaves_the_last_accepted_version_in_force() {
    let mut shop = Shop::open(&rules("", "other", "one")).await;
    instance(&shop, "/b", "other").await;
    let bad = "headers: {request: {set: {x-a: '%NO_SUCH_COMMAND%'}}}";
    let fault = [(
        "product",
        "spec.http[1].headers.request.set.x-a",
        "client.shop and 3 more",
    )];
    shop.apply(&rules(bad, "product", "two"));
    until_refused(&shop.mesh, &fault).await;
    word(&shop, "two").await;
    let (end, load) = steady(shop.client.outbound(80), Request::get("product", "/b"));
    // The new control plane has never seen a version that anybody accepted; the proxies have it.
    shop.mesh.restart().await;
    until_refused(&shop.mesh, &fault).await;
    shop.apply(&rules(bad, "product", "three"));
    word(&shop, "three").await;
    // Nor is there anything that a new pod could get instead; it gets everything else.
    let late = Settings::new("late", "shop", &mut shop.addresses);
    shop.mesh.manifests().write("late.yaml", &pod(&late, &[]));
    let late = shop.mesh.workload(late).await;
    eventually("everything else is there", async || {
        let answer = Request::get("other", "/").send(late.outbound(80)).await?;
        match answer.header("x-word") {
            "three" => Ok(()),
            _ => Err(format!("{} {}", answer.status, answer.text())),
        }
    })
    .await;
    end.send(()).expect("the load goes on");
    let tally = load.await.expect("the load");
    assert_eq!(tally.instance("other"), tally.total(), "{tally:?}");
    shop.apply(&rules("", "client", "three"));
    instance(&shop, "/b", "client").await;
    until_refused(&shop.mesh, &[]).await;
}

const VIRTUAL_HOST: &str = "type.googleapis.com/envoy.config.route.v3.VirtualHost";

/// A pod that wants only virtual hosts, and says of each response what it is told to say.
struct Peer(AdsClient);

impl Peer {
    async fn open(mesh: &Mesh, name: &str) -> Self {
        let mut client = AdsClient::connect(mesh.xds(), Variant::Delta)
            .await
            .expect("a stream");
        client
            .send(&DeltaDiscoveryRequest {
                node: Some(node("shop", name, "10.1.0.1")),
                type_url: VIRTUAL_HOST.into(),
                resource_names_subscribe: vec!["80".into()],
                ..DeltaDiscoveryRequest::default()
            })
            .expect("an open stream");
        Self(client)
    }

    /// The word in the next version of the host `other` that comes, which it answers so.
    async fn hear(&mut self, refuse: bool) -> String {
        let answer = async {
            loop {
                let response: DeltaDiscoveryResponse = self
                    .0
                    .receive()
                    .await
                    .expect("a sound stream")
                    .expect("an open stream");
                let mut bodies = response
                    .resources
                    .iter()
                    .filter_map(|resource| resource.resource.as_ref());
                let word = bodies.find_map(|body| {
                    let text = String::from_utf8_lossy(&body.value).into_owned();
                    let (_, rest) = text.split_once("word-")?;
                    Some(
                        rest.chars()
                            .take_while(char::is_ascii_alphanumeric)
                            .collect::<String>(),
                    )
                });
                let error_detail = (refuse && word.is_some()).then(|| Status {
                    code: 3,
                    message: "I don't like it".to_owned(),
                    details: Vec::new(),
                });
                self.0
                    .send(&DeltaDiscoveryRequest {
                        type_url: VIRTUAL_HOST.into(),
                        response_nonce: response.nonce,
                        error_detail,
                        ..DeltaDiscoveryRequest::default()
                    })
                    .expect("an open stream");
                if let Some(word) = word {
                    return word;
                }
            }
        };
        tokio::time::timeout(DEADLINE, answer)
            .await
            .expect("a version comes")
    }
}

/// What a pod gets that starts now.
async fn newcomer(mesh: &Mesh, name: &str) -> String {
    Peer::open(mesh, name).await.hear(false).await
}

#[tokio::test]
async fn one_pod_alone_takes_nothing_from_the_others() {
    let files = Manifests::new();
    let services: String = ["product", "other"]
        .map(|name| {
            format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\n\
                 spec: {{clusterIP: 10.96.0.1, ports: [{{name: http, port: 80}}]}}\n---\n"
            )
        })
        .concat();
    files.write("services.yaml", &services);
    files.write("policies.yaml", &rules("", "other", "word-one"));
    let mesh = Mesh::start(files).await;
    let mut peers = [
        Peer::open(&mesh, "a").await,
        Peer::open(&mesh, "a").await,
        Peer::open(&mesh, "b").await,
    ];
    for peer in &mut peers {
        assert_eq!(peer.hear(false).await, "one");
    }
    let [first, again, other] = &mut peers;
    mesh.manifests()
        .write("policies.yaml", &rules("", "other", "word-two"));
    // A pod that refuses gets what it had; twice the same pod is one.
    for peer in [first, again] {
        assert_eq!(peer.hear(true).await, "two");
        assert_eq!(peer.hear(false).await, "one");
    }
    until_refused(&mesh, &[("other", "spec.http[0]", "a.shop refused")]).await;
    assert_eq!(newcomer_refuses(&mesh).await, "two");
    assert_eq!(
        other.hear(false).await,
        "two",
        "a client's refusal is its own affair"
    );
    // Accepted by one, refused by two: those that start get the newest.
    assert_eq!(newcomer(&mesh, "d").await, "two");

    // Refused by two, accepted by none.
    mesh.manifests()
        .write("policies.yaml", &rules("", "other", "word-three"));
    for peer in &mut peers {
        assert_eq!(peer.hear(true).await, "three");
    }
    until_refused(&mesh, &[("other", "spec.http[0]", "a.shop and 1 more")]).await;
    assert_eq!(newcomer(&mesh, "e").await, "two");
    // A correction goes to everybody.
    mesh.manifests()
        .write("policies.yaml", &rules("", "other", "word-four"));
    assert_eq!(newcomer_until(&mesh, "f", "four").await, "four");
}

/// A second pod refuses what a first one has refused, too.
async fn newcomer_refuses(mesh: &Mesh) -> String {
    Peer::open(mesh, "c").await.hear(true).await
}

async fn newcomer_until(mesh: &Mesh, name: &str, word: &str) -> String {
    let mut peer = Peer::open(mesh, name).await;
    loop {
        let heard = peer.hear(false).await;
        if heard == word {
            return heard;
        }
    }
}
