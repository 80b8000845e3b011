//! The end of a pod is announced before it comes.

use ferromesh_testkit::client::{Connection, Protocol, Request};
use ferromesh_testkit::mesh::Workload;
use ferromesh_testkit::process::Process;
use ferromesh_testkit::wait::eventually;
use hyper::Method;

use super::{PORT, workload};

/// What the kubelet runs in the proxy's container.
async fn announce(workload: &Workload) {
    let status = workload.status().to_string();
    let mut handler = Process::run(
        "ferromesh-agent",
        ["announce-drain", "--status-address", status.as_str()],
    );
    let ended = handler.ended().await;
    assert!(ended.success(), "{:?}", handler.stderr());
}

async fn in_flight(workload: &Workload, count: u64) {
    eventually("requests are in flight", async || {
        match workload.echo().counters().active {
            active if active == count => Ok(()),
            active => Err(format!("{active} requests are active")),
        }
    })
    .await;
}

#[tokio::test]
async fn clients_are_sent_away_while_everything_goes_on() {
    let (_ads, mut workload) =
        workload(&["--drain-idle-seconds", "3600", "--drain-seconds", "3600"]).await;
    let inbound = workload.inbound(PORT);
    let mut kept = Connection::open(inbound, Protocol::Http1).await.unwrap();
    let before = kept.send(Request::get("shop", "/")).await.unwrap();
    assert_ne!(before.header("connection"), "close");
    let mut streams = Connection::open(inbound, Protocol::Http2).await.unwrap();
    let first = streams.send(Request::get("shop", "/")).await.unwrap();
    assert_eq!(first.status, 200);
    let slow = tokio::spawn(Request::get("shop", "/?delay=1s").send(inbound));
    in_flight(&workload, 1).await;

    announce(&workload).await;
    // It may be said twice: the kubelet runs a handler at least once.
    announce(&workload).await;
    workload.ready().await;

    eventually("clients of HTTP/1.1 are sent away", async || {
        if !kept.is_open() {
            return Ok(());
        }
        let answer = kept.send(Request::get("shop", "/")).await?;
        assert_eq!(answer.status, 200);
        match answer.header("connection") {
            "close" => Ok(()),
            other => Err(format!("connection: {other:?}")),
        }
    })
    .await;
    eventually("clients of HTTP/2 are sent away", async || {
        if !streams.is_open() {
            return Ok(());
        }
        let answer = streams.send(Request::get("shop", "/")).await?;
        assert_eq!(answer.status, 200);
        Err("the connection is still open".to_owned())
    })
    .await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let late = Request::get("shop", "/").send_by(inbound, protocol).await;
        assert_eq!(late.unwrap().status, 200, "who comes now is served");
    }
    assert_eq!(slow.await.unwrap().unwrap().status, 200);

    // An hour of patience with idle connections is none when their clients know.
    let mut idle = Connection::open(inbound, Protocol::Http1).await.unwrap();
    idle.send(Request::get("shop", "/")).await.unwrap();
    workload.agent().terminate();
    let status = workload.agent_mut().ended().await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn work_in_flight_ends_after_an_announcement_and_sigterm() {
    let (_ads, mut workload) = workload(&[]).await;
    let slow = tokio::spawn(Request::get("shop", "/?delay=3s").send(workload.inbound(PORT)));
    in_flight(&workload, 1).await;
    announce(&workload).await;
    workload.agent().terminate();
    assert_eq!(slow.await.unwrap().unwrap().status, 200);
    let status = workload.agent_mut().ended().await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn nobody_else_announces_an_end() {
    let (_ads, workload) = workload(&[]).await;
    // It counts as a method of its own: a link that somebody follows ends nothing.
    for method in [Method::GET, Method::HEAD, Method::PUT] {
        let request = Request::get("x", "/drain").method(method.clone());
        let answer = request.send(workload.status()).await.unwrap();
        assert!(!answer.status.is_success(), "{method}");
    }
    let answer = Request::get("shop", "/").send(workload.inbound(PORT)).await;
    assert_ne!(answer.unwrap().header("connection"), "close");

    let nowhere = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let mut handler = Process::run(
        "ferromesh-agent",
        ["announce-drain", "--status-address", nowhere.as_str()],
    );
    assert_eq!(handler.ended().await.code(), Some(1));
    let said = handler.stderr();
    assert!(said[0].contains("no agent answers at"), "{said:?}");
}
