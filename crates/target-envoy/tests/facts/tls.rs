use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3 as tls;
use envoy_types::pb::envoy::extensions::upstreams::http::v3::HttpProtocolOptions;
use mesh::decl::workload::PeerTls;
use mesh::policy::connection_pool::HttpVersion;
use mesh::policy::protocol::Protocol;
use mesh::policy::tls::{ClientTls, ServerCheck, ServerTrust, TlsParameters};
use mesh::view::cluster::{Discovery, MeshTls, UpstreamTls};
use pb::cluster::v3::Cluster;
use pb::core::v3::TransportSocket;
use pb::core::v3::transport_socket::ConfigType;
use pb::endpoint::v3::ClusterLoadAssignment;
use tls::common_tls_context::ValidationContextType;
use tls::tls_parameters::TlsProtocol;

use super::statements::string;
use super::views::clusters::{instances, outbound, plain};
use super::views::security;
use super::*;

fn cluster(host: &str, protocol: Protocol, http_version: HttpVersion, tls: UpstreamTls) -> Cluster {
    let view = mesh::view::cluster::Cluster {
        protocol,
        http_version,
        tls,
        ..plain(outbound(host, Some("v1")), Discovery::Endpoints)
    };
    read(View::Cluster(Arc::new(view))).1
}

fn client(socket: Option<&TransportSocket>) -> tls::UpstreamTlsContext {
    let config = socket.and_then(|it| it.config_type.as_ref());
    match config.expect("a configuration") {
        ConfigType::TypedConfig(config) => open(config),
    }
}

fn mesh(names: &[&str]) -> MeshTls {
    MeshTls {
        sni: "".into(),
        names: names.iter().map(|it| (*it).into()).collect(),
        trust_domain: security::domain("td"),
        parameters: TlsParameters::default(),
    }
}

/// The names that a server must have, and by whom they are vouched for.
fn vouched(context: &tls::CommonTlsContext) -> (Vec<String>, String) {
    let Some(ValidationContextType::CombinedValidationContext(validation)) =
        &context.validation_context_type
    else {
        panic!("no validation");
    };
    let own = validation
        .default_validation_context
        .as_ref()
        .expect("names");
    let names = own.match_typed_subject_alt_names.iter().map(|it| {
        let kind = tls::subject_alt_name_matcher::SanType::try_from(it.san_type).expect("a kind");
        format!(
            "{kind:?}{}",
            string(it.matcher.as_ref().expect("a matcher"))
        )
    });
    let secret = validation.validation_context_sds_secret_config.as_ref();
    (names.collect(), secret.expect("a secret").name.clone())
}

#[test]
fn the_meshs_tls_is_chosen_by_instance() {
    let tls = UpstreamTls::Auto(mesh(&["spiffe://td/ns/a/sa/b", "b.test"]));
    let cluster = cluster("a.test", Protocol::Http, HttpVersion::FromPort, tls);
    assert_eq!(
        cluster.transport_socket, None,
        "the others are spoken to in the clear"
    );
    let [choice] = cluster.transport_socket_matches.as_slice() else {
        panic!("one choice");
    };
    let matches = choice.r#match.as_ref().expect("a match");
    assert!(matches.fields.contains_key("tlsMode"));
    let client = client(choice.transport_socket.as_ref());
    assert_eq!(client.sni, "outbound_.80_.v1_.a.test");
    let context = client.common_tls_context.expect("a context");
    let names = ["Uri=spiffe://td/ns/a/sa/b", "Dns=b.test"].map(str::to_owned);
    assert_eq!(vouched(&context), (names.to_vec(), "ROOTCA".to_owned()));
    let parameters = context.tls_params.expect("parameters");
    let most = TlsProtocol::TlSv13 as i32;
    assert_eq!(parameters.tls_maximum_protocol_version, most);
}

#[test]
fn without_names_the_trust_domain_counts() {
    let tls = UpstreamTls::Mesh(mesh(&[]));
    let cluster = cluster("a.test", Protocol::Http, HttpVersion::FromPort, tls);
    let client = client(cluster.transport_socket.as_ref());
    let (names, _) = vouched(&client.common_tls_context.expect("a context"));
    assert_eq!(names, ["Uri^spiffe://td/"]);
}

#[test]
fn the_mark_says_what_is_spoken() {
    use HttpVersion::{FromClient, FromPort, Upgrade};
    for (protocol, version, mark, of_requests) in [
        (Protocol::Http, FromPort, "istio-http/1.1", None),
        (Protocol::Http, FromClient, "istio-http/1.1", None),
        (Protocol::Http, Upgrade, "istio-h2", None),
        (Protocol::Grpc, FromPort, "istio-h2", None),
        (Protocol::Tcp, FromPort, "istio", Some("istio-http/1.1")),
        (Protocol::Detect, FromPort, "istio", Some("istio-http/1.1")),
        (Protocol::Detect, Upgrade, "istio", Some("istio-h2")),
    ] {
        let cluster = cluster("a.test", protocol, version, UpstreamTls::Mesh(mesh(&[])));
        let client = client(cluster.transport_socket.as_ref());
        let context = client.common_tls_context.expect("a context");
        assert_eq!(context.alpn_protocols, [mark], "{protocol:?} {version:?}");
        let metadata = cluster.metadata.unwrap_or_default().filter_metadata;
        let found = metadata.get("istio").and_then(|it| it.fields.get("alpn"));
        let found = found.map(|it| format!("{:?}", it.kind));
        let expected = of_requests.map(|it| format!("Some(StringValue({it:?}))"));
        assert_eq!(found, expected, "{protocol:?} {version:?}");
    }
}

#[test]
fn who_speaks_it_says_so_once_if_all_do() {
    let of = |mesh: &[usize]| {
        let mut view = instances(outbound("a.test", None));
        for (index, endpoint) in view.groups[0].endpoints.iter_mut().enumerate() {
            endpoint.peer_tls = if mesh.contains(&index) {
                PeerTls::Mesh
            } else {
                PeerTls::Plain
            };
        }
        let (_, message): (_, ClusterLoadAssignment) = read(View::Endpoints(Arc::new(view)));
        let group = message.endpoints[0].clone();
        let each = group.lb_endpoints.iter().map(|it| it.metadata.is_some());
        (group.metadata.is_some(), each.collect::<Vec<_>>())
    };
    assert_eq!(of(&[]), (false, vec![false, false, false]));
    assert_eq!(of(&[1]), (false, vec![false, true, false]));
    assert_eq!(of(&[0, 1, 2]), (true, vec![false, false, false]));
}

/// What a client asks and demands: server name, names with authorities, and what follows requests.
fn asked(host: &str, protocol: Protocol, check: ServerCheck) -> String {
    let tls = UpstreamTls::Other(ClientTls::Simple(check), TlsParameters::default());
    let cluster = cluster(host, protocol, HttpVersion::FromPort, tls);
    let client = client(cluster.transport_socket.as_ref());
    let context = client.common_tls_context.expect("a context");
    let demanded = context.validation_context_type.as_ref().map(|_| {
        let (names, by) = vouched(&context);
        format!("{} by {by}", names.join(" "))
    });
    let options = cluster.typed_extension_protocol_options.values().next();
    let options =
        options.and_then(|it| open::<HttpProtocolOptions>(it).upstream_http_protocol_options);
    let follows = options.map_or_else(String::new, |it| {
        format!(" auto {} {}", it.auto_sni, it.auto_san_validation)
    });
    format!("{}: {}{follows}", client.sni, demanded.unwrap_or_default())
}

#[test]
fn servers_outside_must_be_who_is_asked_for() {
    let check = |sni: &str, names: &[&str], trust| ServerCheck {
        sni: sni.into(),
        trust,
        names: names.iter().map(|it| (*it).into()).collect(),
        revoked: "".into(),
    };
    let system = || ServerTrust::System;
    let file = ServerTrust::File("/r.pem".into());
    let cases = [
        (
            "a.test",
            Protocol::Http,
            check("", &[], system()),
            ":  by file-root:system auto true true",
        ),
        (
            "a.test",
            Protocol::Http,
            check("b.test", &[], file.clone()),
            "b.test: Dns=b.test by file-root:/r.pem",
        ),
        (
            "a.test",
            Protocol::Http,
            check("", &["c.test"], file),
            ": Dns=c.test by file-root:/r.pem auto true false",
        ),
        (
            "a.test",
            Protocol::Tls,
            check("", &[], system()),
            "a.test: Dns=a.test by file-root:system",
        ),
        (
            "*.test",
            Protocol::Tls,
            check("", &[], system()),
            ": Dns$.test by file-root:system auto true true",
        ),
        (
            "a.test",
            Protocol::Http,
            check("", &[], ServerTrust::Nobody),
            ":  auto true false",
        ),
        (
            "a.test",
            Protocol::Tcp,
            check("", &[], ServerTrust::Nobody),
            "a.test: ",
        ),
    ];
    for (host, protocol, check, said) in cases {
        assert_eq!(
            asked(host, protocol, check.clone()),
            said,
            "{host} {check:?}"
        );
    }
}

#[test]
fn a_client_shows_the_certificate_of_its_files() {
    let tls = ClientTls::Mutual {
        certificate: "/c.pem".into(),
        key: "/k.pem".into(),
        server: ServerCheck {
            sni: "a.test".into(),
            trust: ServerTrust::System,
            names: Vec::new(),
            revoked: "/crl.pem".into(),
        },
    };
    let tls = UpstreamTls::Other(tls, TlsParameters::default());
    let cluster = cluster("a.test", Protocol::Http, HttpVersion::FromPort, tls);
    let context = client(cluster.transport_socket.as_ref()).common_tls_context;
    let context = context.expect("a context");
    let secrets = context.tls_certificate_sds_secret_configs.iter();
    let names: Vec<_> = secrets.map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["file-cert:/c.pem~/k.pem"]);
    let text = format!("{:?}", context.validation_context_type);
    assert!(text.contains("/crl.pem"), "{text}");
}
