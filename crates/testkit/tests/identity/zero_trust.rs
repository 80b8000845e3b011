//! Zero trust: mutual TLS everywhere, and only pairs that are named may talk.

use ferromesh_testkit::mesh::Settings;
use ferromesh_testkit::mesh::manifest::pod;

use crate::world::{self, World, peer_authentication};

const ALLOW_NOTHING: &str = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n\
    metadata: {name: allow-nothing, namespace: istio-system}\nspec: {}\n---\n";

const ALLOW_CLIENT: &str = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n\
    metadata: {name: client-to-server, namespace: shop}\n\
    spec:\n  selector: {matchLabels: {app: server}}\n  \
    rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/client]}}]}]\n---\n";

#[tokio::test]
async fn only_pairs_that_are_named_talk() {
    let mut world = World::plain().await;
    let other = Settings::new("other", "shop", &mut world.addresses).account("other");
    let manifest = pod(&other, &[("app", "other")]);
    world.mesh.manifests().write("other.yaml", &manifest);
    let other = world.mesh.workload(other).await;
    let strict = peer_authentication("istio-system", "default", "{mtls: {mode: STRICT}}");

    world.apply(&(strict.clone() + ALLOW_NOTHING));
    world
        .until("nobody may", 80, |answer| answer.status == 403)
        .await;
    assert_eq!(world.get(80).await.unwrap().text(), "RBAC: access denied");
    world.until_strangers("strict", 8080, false).await;
    for port in [83, 84] {
        world::echo(world.client.outbound(port)).await.unwrap_err();
    }

    world.apply(&(strict + ALLOW_NOTHING + ALLOW_CLIENT));
    world
        .until("the named one may", 80, |answer| answer.status == 200)
        .await;
    for port in [83, 84] {
        world::echo(world.client.outbound(port)).await.unwrap();
        world::echo(other.outbound(port)).await.unwrap_err();
    }
    let refused = world::get(&other, 80).await.unwrap();
    assert_eq!(
        (refused.status.as_u16(), refused.text().as_str()),
        (403, "RBAC: access denied")
    );
    world.stranger(8080).await.unwrap_err();
}
