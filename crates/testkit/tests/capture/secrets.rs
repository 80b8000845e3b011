//! What is secret in a pod: only the Envoy that the agent has started gets the key, whoever else shares the namespace.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};

use ferromesh_testkit::wait::eventually;
use rustix::thread::set_thread_uid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::pod::Pod;
use crate::world::{Variant, World};

/// A user of nobody's.
const STRANGER: u32 = 4321;

/// What a client of HTTP/2 says first: its preface and empty settings.
const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// The names of the sockets for secrets in the namespace of this thread. Everybody can read them.
fn sockets() -> Vec<String> {
    let table =
        std::fs::read_to_string("/proc/thread-self/net/unix").expect("the table of sockets");
    let mut names: Vec<String> = table
        .lines()
        .filter_map(|line| line.split_whitespace().nth(7)?.strip_prefix('@'))
        .filter(|name| name.starts_with("ferromesh-sds-"))
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Connects as a user, and says what was heard.
async fn heard(user: u32) -> Vec<u8> {
    let names = sockets();
    let [name] = names.as_slice() else {
        panic!("one agent, one socket: {names:?}");
    };
    // Of this thread alone, which ends with the question.
    set_thread_uid(rustix::thread::Uid::from_raw(user)).expect("root may be anybody");
    let address = SocketAddr::from_abstract_name(name).expect("a name");
    let stream = UnixStream::connect_addr(&address).expect("somebody listens");
    stream
        .set_nonblocking(true)
        .expect("a socket can be polled");
    let mut stream = tokio::net::UnixStream::from_std(stream).expect("a socket can be polled");
    let mut bytes = Vec::new();
    // Who is not served may be cut off before it has said anything, or while it speaks.
    let _ = stream.write_all(GREETING).await;
    let _ = stream.read_buf(&mut bytes).await;
    bytes
}

/// Envoy has the certificate of the pod.
fn has_certificate(pod: &Pod) -> Result<(), String> {
    let certificates = pod.ask_admin("/certs");
    if certificates.contains("spiffe://cluster.local/ns/shop/sa/") {
        Ok(())
    } else {
        Err(certificates)
    }
}

pub async fn secrets_are_for_envoy_alone(variant: Variant) {
    let world = World::open(variant).await;
    let client = &world.client;
    eventually("Envoy has a certificate", async || has_certificate(client)).await;
    let (proxy, _) = variant.mode.identity();
    // Somebody else, root, and another process of Envoy's own user, as an application that is root could be.
    for user in [STRANGER, 0, proxy] {
        let heard = client.inside(async || heard(user).await);
        assert!(heard.is_empty(), "user {user} heard {heard:?}");
    }
    for user in [STRANGER, proxy] {
        eventually("the agent tells", async || {
            let log = client.agent_log();
            let told = format!("of user {user}");
            let is_told = log.iter().any(|line| {
                line.contains("somebody else asked for the secrets") && line.contains(&told)
            });
            if is_told { Ok(()) } else { Err(log.join("\n")) }
        })
        .await;
    }
    assert_eq!(has_certificate(client), Ok(()));
}
