//! PeerAuthentication: what a port takes, from plain clients and from those of the mesh.

use ferromesh_testkit::client::Request;
use ferromesh_testkit::raw::{self, Handshake, Raw};
use ferromesh_testkit::wait::eventually;

use crate::world::{self, CLIENT, World, peer_authentication};

/// What y05 of the samples says, for another namespace.
fn strict_sample() -> String {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../samples/shop/y05-istio-peerauthentication-strict.yaml"
    );
    let sample = std::fs::read_to_string(path).expect("the sample");
    assert!(sample.contains("namespace: ecommerce"));
    sample.replace("namespace: ecommerce", "namespace: shop")
}

async fn knows_the_caller(world: &World, what: &str) {
    let answer = world.get(80).await.unwrap();
    assert_eq!(answer.status, 200, "{what}");
    let seen = answer.seen_header("x-forwarded-client-cert");
    assert!(seen.contains(&format!("URI={CLIENT}")), "{what}: {seen}");
}

#[tokio::test]
async fn strict_resets_who_speaks_plainly_and_hears_the_mesh() {
    let world = World::plain().await;
    world.until_strangers("permissive", 8080, true).await;
    let stranger = world.stranger(8080).await.unwrap();
    assert_eq!(stranger.seen_header("x-forwarded-client-cert"), "");
    world::echo(world.server.inbound(8084)).await.unwrap();
    world.apply(&strict_sample());
    world.until_strangers("strict", 8080, false).await;
    // Each port has a listener of its own.
    for port in [8081, 8082, 8083] {
        world.until_strangers("strict", port, false).await;
    }
    for port in [8080, 8081, 8082, 8083] {
        let error = world.stranger(port).await.unwrap_err();
        assert!(
            error.contains("reset") || error.contains("closed"),
            "{port}: {error}"
        );
    }
    for port in [8083, 8084] {
        eventually(
            "connections in the clear are refused",
            async || match world::echo(world.server.inbound(port)).await {
                Err(_) => Ok(()),
                Ok(()) => Err(format!("{port} hears them")),
            },
        )
        .await;
    }
    // TLS alone is not enough: it takes a certificate of the mesh.
    let handshake = Handshake::tls(None, raw::HTTP, "server.shop");
    let nobody = async {
        let mut raw = Raw::open(world.server.inbound(8080), &handshake).await?;
        raw.send(b"GET / HTTP/1.1\r\nhost: server\r\n\r\n").await
    };
    nobody.await.unwrap_err();
    knows_the_caller(&world, "strict").await;
    for port in [83, 84] {
        world::echo(world.client.outbound(port)).await.unwrap();
    }
    world.apply("");
    world.until_strangers("permissive again", 8080, true).await;
    knows_the_caller(&world, "permissive").await;
}

#[tokio::test]
async fn disable_speaks_plainly_on_both_sides() {
    let world = World::open(
        "",
        &peer_authentication("shop", "default", "{mtls: {mode: DISABLE}}"),
        &[],
    )
    .await;
    world.until_strangers("disabled", 8080, true).await;
    let answer = world
        .until("no certificate is shown", 80, |answer| {
            answer.seen_header("x-forwarded-client-cert").is_empty()
        })
        .await;
    assert_eq!(answer.status, 200);
    for port in [83, 84, 85] {
        if port != 85 {
            world::echo(world.client.outbound(port)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn ports_differ_from_their_workload() {
    let policy = peer_authentication(
        "shop",
        "server",
        "{selector: {matchLabels: {app: server}}, mtls: {mode: STRICT}, \
         portLevelMtls: {8080: {mode: DISABLE}, 8081: {mode: PERMISSIVE}}}",
    );
    let world = World::open("", &policy, &[]).await;
    world.until_strangers("strict by itself", 8082, false).await;
    for port in [8080, 8081] {
        assert_eq!(world.stranger(port).await.unwrap().status, 200, "{port}");
    }
    // Clients know which of the ports speaks what.
    world
        .until("8080 is plain", 80, |answer| {
            answer.status == 200 && answer.seen_header("x-forwarded-client-cert").is_empty()
        })
        .await;
    world
        .until("8081 is the mesh's", 81, |answer| {
            let seen = answer.seen_header("x-forwarded-client-cert");
            answer.status == 200 && seen.contains(CLIENT)
        })
        .await;
    world::echo(world.client.outbound(84)).await.unwrap();
    world::echo(world.server.inbound(8084)).await.unwrap_err();
}

#[tokio::test]
async fn the_nearest_mode_counts_and_unset_is_the_one_above() {
    let strict =
        |namespace: &str| peer_authentication(namespace, "default", "{mtls: {mode: STRICT}}");
    let of_server = |mode: &str| {
        let spec =
            format!("{{selector: {{matchLabels: {{app: server}}}}, mtls: {{mode: {mode}}}}}");
        peer_authentication("shop", "server", &spec)
    };
    let unset = peer_authentication("shop", "default", "{mtls: {mode: UNSET}}");
    let permissive = peer_authentication("shop", "default", "{mtls: {mode: PERMISSIVE}}");
    let world = World::plain().await;
    for (what, policies, heard) in [
        ("the mesh is strict", strict("istio-system"), false),
        (
            "the namespace is permissive",
            strict("istio-system") + &permissive,
            true,
        ),
        (
            "the namespace says nothing",
            strict("istio-system") + &unset,
            false,
        ),
        (
            "the workload is permissive",
            strict("shop") + &of_server("PERMISSIVE"),
            true,
        ),
        (
            "the workload says nothing",
            strict("shop") + &of_server("UNSET"),
            false,
        ),
        (
            "the workload is strict",
            permissive + &of_server("STRICT"),
            false,
        ),
        ("nobody says anything", unset + &of_server("UNSET"), true),
    ] {
        world.apply(&policies);
        world.until_strangers(what, 8080, heard).await;
        knows_the_caller(&world, what).await;
    }
}

#[tokio::test]
async fn a_change_of_mode_fails_no_request() {
    let world = World::plain().await;
    let to = world.client.outbound(80);
    let (end, ended) = tokio::sync::watch::channel(false);
    let traffic = tokio::spawn(async move {
        let (mut sent, mut failed) = (0, Vec::new());
        while !*ended.borrow() {
            let outcome = Request::get("server", "/").send(to).await;
            sent += 1;
            match outcome {
                Ok(answer) if answer.status == 200 => {}
                Ok(answer) => failed.push(format!("{} {}", answer.status, answer.text())),
                Err(error) => failed.push(error),
            }
        }
        (sent, failed)
    });
    for (policies, heard) in [(strict_sample(), false), (String::new(), true)] {
        world.apply(&policies);
        world
            .until_strangers("the mode is in force", 8080, heard)
            .await;
    }
    eventually("the client still arrives", async || {
        let answer = world.get(80).await?;
        match answer.status.as_u16() {
            200 => Ok(()),
            other => Err(other.to_string()),
        }
    })
    .await;
    end.send_replace(true);
    let (sent, failed) = traffic.await.unwrap();
    assert!(sent > 0 && failed.is_empty(), "{sent}: {failed:?}");
}
