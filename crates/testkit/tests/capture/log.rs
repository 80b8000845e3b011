//! Access logs.

use ferromesh_testkit::client::Request;
use ferromesh_testkit::wait::eventually;

use crate::addresses::{Host, Service, Version};
use crate::pod::Pod;
use crate::rules::Mode;
use crate::tcp::exchange;
use crate::world::{Variant, World};

/// The fields of a line in Istio's default format, without their quotes and brackets. A space in them separates nothing.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut field, mut end) = (Vec::new(), String::new(), None);
    for letter in line.chars() {
        match (letter, end) {
            (' ', None) => fields.push(std::mem::take(&mut field)),
            ('"', None) if field.is_empty() => end = Some('"'),
            ('[', None) if field.is_empty() && fields.is_empty() => end = Some(']'),
            (letter, Some(last)) if letter == last => end = None,
            (letter, _) => field.push(letter),
        }
    }
    fields.push(field);
    fields
}

/// Waits for a line with this text.
async fn line(pod: &Pod, text: &str) -> Vec<String> {
    let line = eventually(text, async || {
        let lines = pod.access_log();
        let found = lines.iter().find(|line| line.contains(text)).cloned();
        found.ok_or_else(|| lines.join("\n"))
    })
    .await;
    fields(&line)
}

/// The positions of the fields that are asserted.
const REQUEST: usize = 1;
const STATUS: usize = 2;
const FLAGS: usize = 3;
const RECEIVED: usize = 7;
const SENT: usize = 8;
const REQUEST_ID: usize = 13;
const AUTHORITY: usize = 14;
const UPSTREAM_HOST: usize = 15;
const UPSTREAM_CLUSTER: usize = 16;
const UPSTREAM_LOCAL: usize = 17;
const DOWNSTREAM_LOCAL: usize = 18;
const DOWNSTREAM_REMOTE: usize = 19;
const SERVER_NAME: usize = 20;
const ROUTE: usize = 21;
/// Who asked, which Istio's line lacks.
const PEER: usize = 22;

/// A request and a connection leave a line on both sides, which say where from, where to and what became of it.
pub async fn both_sides_log_as_istio(variant: Variant) {
    let world = World::open(variant).await;
    for version in world.versions() {
        let path = format!("/logged-{}", fastrand::u64(..));
        let request = Request::get("web", &path).header("user-type", "premium");
        let web = Service::Web.at(*version, 80);
        let answer = world
            .client
            .inside(async || request.send(web).await)
            .unwrap();
        assert_eq!(answer.instance(), "v2");
        let (client, server) = (
            line(&world.client, &path).await,
            line(&world.v2, &path).await,
        );
        // Which family the proxy takes is its own choice.
        let taken =
            |version: &&Version| Host::V2.at(**version, 8080).to_string() == client[UPSTREAM_HOST];
        let taken = *world
            .versions()
            .iter()
            .find(taken)
            .expect("an address of the pod");
        let app = Host::V2.at(taken, 8080).to_string();
        let (address, inner) = (
            version.pod(Host::Client).to_string(),
            taken.pod(Host::Client).to_string(),
        );
        let asked = "outbound_.80_.v2_.web.shop.svc.cluster.local";
        for (side, length, server_name) in [(&client, 22, "-"), (&server, 23, asked)] {
            assert_eq!(side.len(), length, "{side:?}");
            assert_eq!(side[REQUEST], format!("GET {path} HTTP/1.1"));
            assert_eq!(
                (side[STATUS].as_str(), side[FLAGS].as_str()),
                ("200", "-"),
                "{side:?}"
            );
            assert_eq!(side[REQUEST_ID], answer.seen_header("x-request-id"));
            assert_eq!(side[AUTHORITY], "web");
            assert_eq!(side[UPSTREAM_HOST], app);
            assert_eq!(side[SERVER_NAME], server_name);
        }
        assert_eq!(
            client[UPSTREAM_CLUSTER],
            "outbound|80|v2|web.shop.svc.cluster.local"
        );
        assert_eq!(client[DOWNSTREAM_LOCAL], web.to_string());
        assert!(client[DOWNSTREAM_REMOTE].contains(&address), "{client:?}");
        assert!(client[UPSTREAM_LOCAL].contains(&inner), "{client:?}");
        assert!(server[DOWNSTREAM_REMOTE].contains(&inner), "{server:?}");
        assert_eq!(client[ROUTE], "premium");
        assert_eq!(server[PEER], "spiffe://cluster.local/ns/shop/sa/client");
        assert_eq!(server[UPSTREAM_CLUSTER], "inbound|8080||");
        assert_eq!(server[DOWNSTREAM_LOCAL], app);
        let source = world.seen_as(taken, Host::Client).to_string();
        assert!(
            server[UPSTREAM_LOCAL].contains(&source),
            "{:?}: {server:?}",
            Mode::name(world.variant.mode)
        );
        assert_eq!(server[ROUTE], "default");

        let echo = Service::Web.at(*version, 9000);
        let heard = world.client.inside(async || exchange(echo).await);
        assert_eq!(heard, Ok(Some("hello".to_owned())));
        let client = line(&world.client, &format!(" {echo} ")).await;
        assert_eq!(client.len(), 22, "{client:?}");
        assert_eq!(
            (client[REQUEST].as_str(), client[STATUS].as_str()),
            ("- - -", "0")
        );
        assert_eq!(
            (client[RECEIVED].as_str(), client[SENT].as_str()),
            ("6", "6")
        );
        assert_eq!(
            client[UPSTREAM_CLUSTER],
            "outbound|9000||web.shop.svc.cluster.local"
        );
        assert!(client[DOWNSTREAM_REMOTE].contains(&address), "{client:?}");
    }
}
