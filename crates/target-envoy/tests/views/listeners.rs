//! Listeners of every sort.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ferromesh_mesh as mesh;

use mesh::policy::access_log::{AccessLog, AccessLogFormat};
use mesh::policy::mtls::MtlsMode;
use mesh::view::View;
use mesh::view::cluster::ClusterName;
use mesh::view::listener::{Affinity, Bind, InboundPort, InboundTraffic, Listener, ListenerName};
use mesh::view::listener::{ListenerTraffic, Outbound, TcpForward};
use mesh::view::route_table::TableName;
use mesh::view::security::InboundSecurity;

use super::clusters::outbound;
use super::{every, security};

/// An address on loopback; the validation opens no port.
pub fn at(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// A listener without log.
pub fn listener(name: ListenerName, traffic: ListenerTraffic) -> Listener {
    Listener {
        name,
        traffic,
        access_log: AccessLog::Off,
        detection_timeout: Duration::from_millis(100),
        origin: None,
    }
}

/// Connections to one cluster.
pub fn tcp() -> TcpForward {
    TcpForward {
        clusters: vec![(outbound("a.test", Some("v1")), 1)],
        idle_timeout: None,
        server_first: false,
        affinity: Affinity::None,
    }
}

/// An inbound port.
pub fn port(port: u16, traffic: InboundTraffic, mtls: MtlsMode) -> InboundPort {
    InboundPort {
        port,
        cluster: ClusterName::Inbound { port: 8080 },
        traffic,
        mtls,
        label: "a.test:80".into(),
    }
}

/// What is spoken on inbound ports.
pub fn inbound() -> Vec<InboundTraffic> {
    let mut all = every! {
        InboundTraffic::Http => InboundTraffic::Http,
        InboundTraffic::Tcp { .. } => InboundTraffic::Tcp { server_first: true },
        InboundTraffic::Detect => InboundTraffic::Detect,
    };
    all.push(InboundTraffic::Tcp {
        server_first: false,
    });
    all
}

/// Which connections are taken.
pub fn modes() -> Vec<MtlsMode> {
    every! {
        MtlsMode::Disable => MtlsMode::Disable,
        MtlsMode::Permissive => MtlsMode::Permissive,
        MtlsMode::Strict => MtlsMode::Strict,
    }
}

/// What is spoken, and which connections are taken.
pub fn ports() -> Vec<(InboundTraffic, MtlsMode)> {
    inbound()
        .into_iter()
        .flat_map(|it| modes().into_iter().map(move |mode| (it, mode)))
        .collect()
}

/// Some things are demanded.
fn some() -> Arc<InboundSecurity> {
    Arc::new(security::some())
}

/// Every log.
pub fn logs() -> Vec<AccessLog> {
    let formats = every! {
        AccessLogFormat::DefaultText => AccessLogFormat::DefaultText,
        AccessLogFormat::DefaultJson => AccessLogFormat::DefaultJson,
        AccessLogFormat::Text(_) => AccessLogFormat::Text(
            "%REQ_WITHOUT_QUERY(:PATH)% %METADATA(ROUTE:istio)% %CEL(request.method)%".into(),
        ),
        AccessLogFormat::Json(_) => AccessLogFormat::Json(vec![
            ("status".into(), "%RESPONSE_CODE%".into()),
            ("path".into(), "%REQ(:PATH)%".into()),
        ]),
    };
    let file = |format| AccessLog::File {
        path: "/dev/stdout".into(),
        format,
    };
    let mut all = every! {
        AccessLog::Off => AccessLog::Off,
        AccessLog::File { .. } => file(AccessLogFormat::DefaultText),
    };
    all.extend(formats.into_iter().map(file));
    all
}

fn outbounds() -> Vec<Outbound> {
    let table = TableName::Port(80);
    let forwards = [
        tcp(),
        TcpForward {
            clusters: vec![(outbound("a.test", None), 3), (outbound("b.test", None), 1)],
            idle_timeout: Some(Duration::ZERO),
            server_first: true,
            affinity: Affinity::SourceAddress,
        },
        TcpForward {
            clusters: vec![
                (outbound("a.test", None), u32::MAX),
                (outbound("b.test", None), u32::MAX),
            ],
            idle_timeout: Some(Duration::from_secs(60)),
            server_first: false,
            affinity: Affinity::None,
        },
        TcpForward {
            clusters: vec![(outbound("a.test", None), 0)],
            ..tcp()
        },
    ];
    let mut all = every! {
        Outbound::Http(_) => Outbound::Http(table.clone()),
        Outbound::Tcp(_) => Outbound::Tcp(tcp()),
        Outbound::Detect { .. } => Outbound::Detect { http: table.clone(), tcp: tcp() },
    };
    all.extend(forwards.map(Outbound::Tcp));
    all
}

fn names() -> Vec<ListenerName> {
    every! {
        ListenerName::VirtualOutbound => ListenerName::VirtualOutbound,
        ListenerName::VirtualInbound => ListenerName::VirtualInbound,
        ListenerName::Outbound(_) => ListenerName::Outbound(at(7000)),
        ListenerName::Inbound(_) => ListenerName::Inbound(at(7001)),
        ListenerName::HttpProxy(_) => ListenerName::HttpProxy(at(7002)),
    }
}

/// What a listener of this name does, in every variant.
fn traffic(name: &ListenerName) -> Vec<ListenerTraffic> {
    let both = |port| vec![([0, 0, 0, 0], port).into(), ([0u16; 8], port).into()];
    match name {
        ListenerName::VirtualOutbound => vec![ListenerTraffic::VirtualOutbound {
            addresses: both(15001),
            fallback: ClusterName::Passthrough,
        }],
        ListenerName::VirtualInbound => [true, false]
            .into_iter()
            .flat_map(|transparent| modes().into_iter().map(move |it| (transparent, it)))
            .map(|(transparent, rest_mtls)| ListenerTraffic::VirtualInbound {
                addresses: both(15006),
                transparent,
                ports: (8080..)
                    .zip(ports())
                    .map(|(number, (traffic, mtls))| port(number, traffic, mtls))
                    .collect(),
                rest: ClusterName::InboundPassthrough,
                rest_mtls,
                security: some(),
            })
            .collect(),
        ListenerName::Outbound(_) => outbound_traffic(),
        ListenerName::Inbound(_) => ports()
            .into_iter()
            .flat_map(|it| [(it, Arc::new(security::open())), (it, some())])
            .chain(
                security::all()
                    .into_iter()
                    .map(|it| ((InboundTraffic::Detect, MtlsMode::Permissive), it)),
            )
            .map(|((traffic, mtls), security)| ListenerTraffic::Inbound {
                port: port(7001, traffic, mtls),
                security,
            })
            .collect(),
        ListenerName::HttpProxy(_) => vec![ListenerTraffic::HttpProxy {
            table: TableName::HttpProxy,
        }],
    }
}

fn outbound_traffic() -> Vec<ListenerTraffic> {
    let binds = every! {
        Bind::Captured => Bind::Captured,
        Bind::Bound => Bind::Bound,
    };
    let some = ["10.1.0.0/16", "fd00::/8"].map(|range| (range.parse().expect("a range"), tcp()));
    let mut all = Vec::new();
    for bind in binds {
        for traffic in outbounds() {
            for ranges in [Vec::new(), some.to_vec()] {
                all.push(ListenerTraffic::Outbound {
                    bind,
                    ranges,
                    traffic: traffic.clone(),
                    fallback: ClusterName::Passthrough,
                });
            }
        }
    }
    all
}

/// Every listener, with every log in turn.
pub fn all() -> Vec<View> {
    let mut logs = logs().into_iter().cycle();
    names()
        .into_iter()
        .flat_map(|name| traffic(&name).into_iter().map(move |it| (name.clone(), it)))
        .map(|(name, traffic)| {
            let access_log = logs.next().expect("an endless cycle");
            let view = Listener {
                access_log,
                ..listener(name, traffic)
            };
            View::Listener(Arc::new(view))
        })
        .collect()
}
