//! Extracts the descriptors of the Envoy messages that Ferromesh uses.
//!
//! The `envoy-types` crate (a test dependency) ships a descriptor set of Envoy's whole API. The
//! `envoy` crate generates its types from a pruned copy that is checked in, so that a build
//! needs neither `protoc` nor that crate. Run `cargo xtask generate` after a new version of
//! `envoy-types`, or after adding a file to [`ROOTS`].

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::PathBuf;

use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet};

use crate::generated::Generated;
use crate::workspace::Workspace;

/// The crate that ships the whole set, and where in it.
const SOURCE: (&str, &str) = ("envoy-types", "src/generated/types.bin");

/// Where the pruned set goes, from the root of the workspace.
const TARGET: &str = "crates/envoy/descriptors.bin";

/// The files whose messages are used by name; what they refer to comes along.
const ROOTS: &[&str] = &[
    "envoy/config/bootstrap/v3/bootstrap.proto",
    "envoy/config/cluster/v3/cluster.proto",
    "envoy/config/common/matcher/v3/matcher.proto",
    "envoy/config/core/v3/config_source.proto",
    "envoy/config/endpoint/v3/endpoint.proto",
    "envoy/config/listener/v3/listener.proto",
    "envoy/config/rbac/v3/rbac.proto",
    "envoy/config/route/v3/route.proto",
    "envoy/extensions/access_loggers/file/v3/file.proto",
    "envoy/extensions/access_loggers/stats/v3/stats.proto",
    "envoy/extensions/access_loggers/stream/v3/stream.proto",
    "envoy/extensions/bootstrap/internal_listener/v3/internal_listener.proto",
    "envoy/extensions/clusters/dns/v3/dns_cluster.proto",
    "envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster.proto",
    "envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache.proto",
    "envoy/extensions/filters/common/fault/v3/fault.proto",
    "envoy/extensions/filters/http/cors/v3/cors.proto",
    "envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy.proto",
    "envoy/extensions/filters/http/ext_authz/v3/ext_authz.proto",
    "envoy/extensions/filters/http/fault/v3/fault.proto",
    "envoy/extensions/filters/http/grpc_stats/v3/config.proto",
    "envoy/extensions/filters/http/header_mutation/v3/header_mutation.proto",
    "envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata.proto",
    "envoy/extensions/filters/http/jwt_authn/v3/config.proto",
    "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.proto",
    "envoy/extensions/filters/http/on_demand/v3/on_demand.proto",
    "envoy/extensions/filters/http/rbac/v3/rbac.proto",
    "envoy/extensions/filters/http/router/v3/router.proto",
    "envoy/extensions/filters/http/set_filter_state/v3/set_filter_state.proto",
    "envoy/extensions/filters/listener/http_inspector/v3/http_inspector.proto",
    "envoy/extensions/filters/listener/original_dst/v3/original_dst.proto",
    "envoy/extensions/filters/listener/original_src/v3/original_src.proto",
    "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.proto",
    "envoy/extensions/filters/network/ext_authz/v3/ext_authz.proto",
    "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto",
    "envoy/extensions/filters/network/rbac/v3/rbac.proto",
    "envoy/extensions/filters/network/set_filter_state/v3/set_filter_state.proto",
    "envoy/extensions/filters/network/sni_cluster/v3/sni_cluster.proto",
    "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.proto",
    "envoy/extensions/formatter/cel/v3/cel.proto",
    "envoy/extensions/formatter/metadata/v3/metadata.proto",
    "envoy/extensions/formatter/req_without_query/v3/req_without_query.proto",
    "envoy/extensions/load_balancing_policies/cluster_provided/v3/cluster_provided.proto",
    "envoy/extensions/load_balancing_policies/common/v3/common.proto",
    "envoy/extensions/load_balancing_policies/least_request/v3/least_request.proto",
    "envoy/extensions/load_balancing_policies/maglev/v3/maglev.proto",
    "envoy/extensions/load_balancing_policies/random/v3/random.proto",
    "envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash.proto",
    "envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.proto",
    "envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality.proto",
    "envoy/extensions/matching/common_inputs/network/v3/network_inputs.proto",
    "envoy/extensions/matching/common_inputs/ssl/v3/ssl_inputs.proto",
    "envoy/extensions/path/match/uri_template/v3/uri_template_match.proto",
    "envoy/extensions/rbac/principals/mtls_authenticated/v3/mtls_authenticated.proto",
    "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.proto",
    "envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config.proto",
    "envoy/extensions/transport_sockets/internal_upstream/v3/internal_upstream.proto",
    "envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.proto",
    "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.proto",
    "envoy/extensions/transport_sockets/tls/v3/secret.proto",
    "envoy/extensions/transport_sockets/tls/v3/tls.proto",
    "envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.proto",
    "envoy/extensions/upstreams/http/v3/http_protocol_options.proto",
    "envoy/service/discovery/v3/discovery.proto",
    "google/rpc/status.proto",
];

/// Folders of files that only declare options (validation rules, annotations). `prost-types`
/// keeps no options that it does not know, so nothing refers to these any more.
const ONLY_OPTIONS: &[&str] = &[
    "validate/",
    "udpa/annotations/",
    "xds/annotations/",
    "envoy/annotations/",
];

/// Reads the descriptor set of the `envoy-types` crate that this workspace is locked to and
/// takes the part that Ferromesh needs: the file of the `envoy` crate.
///
/// # Errors
///
/// When the crate is not among the dependencies, or a root is missing.
pub fn generate(workspace: &Workspace) -> Result<Generated, Box<dyn Error>> {
    let bytes = std::fs::read(source(workspace)?)?;
    let pruned = prune(FileDescriptorSet::decode(bytes.as_slice())?, ROOTS)?;
    Ok(Generated {
        path: workspace.root.join(TARGET),
        content: pruned.encode_to_vec(),
    })
}

fn source(workspace: &Workspace) -> Result<PathBuf, Box<dyn Error>> {
    let (name, file) = SOURCE;
    workspace
        .packages
        .values()
        .find(|package| package.name == name)
        .and_then(|package| package.manifest.parent())
        .map(|folder| folder.join(file))
        .ok_or_else(|| format!("{name} is not a dependency of this workspace").into())
}

/// The files that `roots` need, each after those that it imports, without comments.
fn prune(set: FileDescriptorSet, roots: &[&str]) -> Result<FileDescriptorSet, Box<dyn Error>> {
    let mut files: BTreeMap<String, FileDescriptorProto> = set
        .file
        .into_iter()
        .map(|file| (file.name().to_owned(), without_options(file)))
        .collect();
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    for root in roots {
        visit(root, &files, &mut seen, &mut order)?;
    }
    Ok(FileDescriptorSet {
        file: order.iter().filter_map(|name| files.remove(name)).collect(),
    })
}

fn visit(
    name: &str,
    files: &BTreeMap<String, FileDescriptorProto>,
    seen: &mut BTreeSet<String>,
    order: &mut Vec<String>,
) -> Result<(), Box<dyn Error>> {
    if !seen.insert(name.to_owned()) {
        return Ok(());
    }
    let file = files
        .get(name)
        .ok_or_else(|| format!("no file {name} in the descriptor set"))?;
    for import in &file.dependency {
        visit(import, files, seen, order)?;
    }
    order.push(name.to_owned());
    Ok(())
}

/// Drops comments, services (our streams are written by hand) and imports for options.
fn without_options(file: FileDescriptorProto) -> FileDescriptorProto {
    let dependency = file
        .dependency
        .into_iter()
        .filter(|import| !ONLY_OPTIONS.iter().any(|folder| import.starts_with(folder)))
        .collect();
    FileDescriptorProto {
        dependency,
        public_dependency: Vec::new(),
        weak_dependency: Vec::new(),
        service: Vec::new(),
        extension: Vec::new(),
        source_code_info: None,
        ..file
    }
}
