//! What tools read about a cluster.

use std::collections::BTreeMap;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::value::Kind;
use mesh::view::cluster::{ClusterName, ClusterService};

use crate::filters::marks;

/// Istio's filter metadata: `services` and `subset`. Its `config` (the object in force) is left
/// out: that is an origin, and origins never show in resources.
/// Besides them, what stands for requests in the mesh's TLS.
pub(super) fn metadata(
    name: &ClusterName,
    service: Option<&ClusterService>,
    mark: Option<&str>,
) -> Option<envoy::core::Metadata> {
    let (namespace, key) = marks::METADATA;
    let mut istio = service.map_or_else(envoy::Struct::default, |it| of_service(name, it));
    if let Some(mark) = mark {
        istio.fields.insert(key.to_owned(), text(mark));
    }
    (!istio.fields.is_empty()).then(|| envoy::core::Metadata {
        filter_metadata: BTreeMap::from([(namespace.to_owned(), istio)]),
        ..Default::default()
    })
}

fn of_service(name: &ClusterName, service: &ClusterService) -> envoy::Struct {
    let ClusterService {
        host,
        name: short,
        namespace,
    } = service;
    let service = structure([
        ("host", text(host.as_str())),
        ("name", text(short)),
        ("namespace", text(namespace)),
    ]);
    let services = Kind::ListValue(envoy::ListValue {
        values: vec![value(Kind::StructValue(service))],
    });
    let mut istio = structure([("services", value(services))]);
    if let ClusterName::Outbound {
        subset: Some(subset),
        ..
    } = name
    {
        istio
            .fields
            .insert("subset".to_owned(), text(subset.as_str()));
    }
    istio
}

fn structure<const N: usize>(fields: [(&str, envoy::Value); N]) -> envoy::Struct {
    envoy::Struct {
        fields: fields
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    }
}

fn text(text: &str) -> envoy::Value {
    value(Kind::StringValue(text.to_owned()))
}

fn value(kind: Kind) -> envoy::Value {
    envoy::Value { kind: Some(kind) }
}
