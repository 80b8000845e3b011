//! `ferromesh render`: what a proxy may be served.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use ferromesh_chassis::Failure;
use ferromesh_chassis::failure::WRONG_USAGE;
use ferromesh_compiler::{Bound, Certificates, Compiler, Interception, Proxy, Snapshot, Tables};
use ferromesh_envoy::json::to_json;
use ferromesh_kube_source::directory::{self, Loaded};
use ferromesh_kube_source::yaml;
use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::diagnostic::{Diagnostic, Severity};
use ferromesh_mesh::name::{Namespace, WorkloadName};
use ferromesh_target_envoy::{Emitted, emit};
use ferromesh_xds::Version;
use serde_json::{Value, json};

use crate::output;

/// Show everything that a proxy may be served, before it asks for anything.
///
/// The result is a list of {type_url, name, version, resource}, sorted by type and name; the
/// resource is in Envoy's JSON form, the version is that of the control plane. Virtual hosts are
/// resources of their own, as over delta xDS.
#[derive(Args, Debug)]
pub struct Arguments {
    /// The manifests: dir:PATH.
    #[arg(long, value_name = "dir:PATH", value_parser = source)]
    source: PathBuf,

    /// The namespace of objects that name none.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = directory::namespace)]
    default_namespace: String,

    /// The proxy of the Pod or WorkloadEntry of this name.
    #[arg(long, value_name = "NAME.NAMESPACE", value_parser = proxy)]
    proxy: WorkloadName,

    /// How traffic gets into the proxy.
    #[arg(long, value_enum, ignore_case = true, default_value = "NONE")]
    interception_mode: Mode,

    /// With NONE: where others reach the workload [default: the address in the manifests].
    #[arg(long, value_name = "A")]
    address: Option<IpAddr>,

    /// With NONE: where the application listens.
    #[arg(long, value_name = "B", default_value_t = LOOPBACK)]
    app_address: IpAddr,

    /// With NONE: where the proxy binds the ports of services and of the HTTP proxy.
    #[arg(long, value_name = "O", default_value_t = LOOPBACK)]
    outbound_address: IpAddr,

    /// With NONE: the port of the HTTP proxy on the outbound address.
    #[arg(long, value_name = "PORT", default_value_t = 15002)]
    http_proxy_port: u16,

    /// JSON or YAML.
    #[arg(short, long, value_enum, default_value = "json")]
    output: Format,
}

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Nothing is captured: the proxy binds ports.
    #[value(name = "NONE")]
    None,
    /// The kernel redirects connections; the client's address is lost.
    #[value(name = "REDIRECT")]
    Redirect,
    /// The kernel redirects connections; the client's address is kept.
    #[value(name = "TPROXY")]
    Tproxy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Yaml,
}

/// Reads where manifests are.
pub(crate) fn source(text: &str) -> Result<PathBuf, String> {
    match text.strip_prefix("dir:") {
        Some(path) if !path.is_empty() => Ok(PathBuf::from(path)),
        _ => Err(format!("write dir:{text} for a directory")),
    }
}

fn proxy(text: &str) -> Result<WorkloadName, String> {
    // Names may have dots, namespaces have none.
    match text.rsplit_once('.') {
        Some((name, namespace)) if !name.is_empty() && !namespace.is_empty() => Ok(WorkloadName {
            namespace: Namespace::from(namespace),
            name: Arc::from(name),
        }),
        _ => Err("write NAME.NAMESPACE".to_owned()),
    }
}

/// Prints the resources.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    check_source(&arguments.source)?;
    let Loaded {
        objects,
        faults,
        stdin: _,
    } = directory::load(&[&arguments.source], &arguments.default_namespace);
    let mut compiler = Compiler::new();
    let mut address = None;
    let mut errors = faults.len();
    let units = objects
        .iter()
        .map(|located| ferromesh_dialects::lower(&located.object));
    for unit in ferromesh_dialects::default_units().into_iter().chain(units) {
        address = address.or_else(|| address_in(&unit.declarations, &arguments.proxy));
        errors += unit.diagnostics.iter().filter(is_error).count();
        compiler.replace(Arc::new(unit));
    }
    say_errors(errors, &arguments.source);
    let WorkloadName { namespace, name } = &arguments.proxy;
    if address.is_none() {
        eprintln!(
            "no Pod or WorkloadEntry {namespace}/{name} with an address is known: outbound configuration only"
        );
    }
    let proxy = compiler.open(Proxy {
        workload: arguments.proxy.clone(),
        interception: interception(arguments, address),
        tables: Tables::Separate,
        certificates: Certificates::Sds,
    });
    let mut snapshot = Snapshot::new();
    for edit in compiler.compile() {
        snapshot.apply(edit);
    }
    let mut resources: Vec<_> = snapshot
        .views_of(proxy)
        .map(|(_, view)| emit(view))
        .collect();
    resources.sort_by_cached_key(|resource| (resource.kind.type_url(), resource.name.clone()));
    let all: Value = resources.iter().map(describe).collect::<Result<_, _>>()?;
    let text = match arguments.output {
        Format::Json => format!("{all:#}\n"),
        Format::Yaml => yaml::render(&all).map_err(Failure::new)?,
    };
    output::print([text])?;
    Ok(ExitCode::SUCCESS)
}

/// Refuses what is no directory.
pub(crate) fn check_source(source: &Path) -> Result<(), Failure> {
    if source.is_dir() {
        return Ok(());
    }
    let what = if source.exists() {
        "not a directory"
    } else {
        "no such directory"
    };
    let text = format!("{}: {what}", source.display());
    Err(Failure::with_status(text, WRONG_USAGE))
}

/// Says that errors are left out, if there are any.
pub(crate) fn say_errors(errors: usize, source: &Path) {
    if errors > 0 {
        let path = source.display();
        let (what, say) = if errors == 1 {
            ("error", "it says")
        } else {
            ("errors", "they say")
        };
        eprintln!(
            "{errors} {what} in the manifests; what {say} is left out (ferromesh analyze {path} says what)"
        );
    }
}

fn is_error(diagnostic: &&Diagnostic) -> bool {
    diagnostic.severity == Severity::Error
}

/// The first address of the workload, if these declarations are about it.
fn address_in(declarations: &[Declaration], name: &WorkloadName) -> Option<IpAddr> {
    declarations
        .iter()
        .find_map(|declaration| match declaration {
            Declaration::Workload(workload) if workload.name == *name => workload
                .addresses
                .iter()
                .find_map(|address| address.parse().ok()),
            _ => None,
        })
}

fn interception(arguments: &Arguments, address: Option<IpAddr>) -> Interception {
    match arguments.interception_mode {
        Mode::Redirect => Interception::Redirect,
        Mode::Tproxy => Interception::Tproxy,
        Mode::None => Interception::None(Bound {
            inbound: arguments.address.or(address).unwrap_or(LOOPBACK),
            app: arguments.app_address,
            outbound: arguments.outbound_address,
            http_proxy_port: Some(arguments.http_proxy_port),
        }),
    }
}

/// A resource as people see it.
fn describe(resource: &Emitted) -> Result<Value, Failure> {
    let type_url = resource.kind.type_url();
    let content = to_json(&type_url, &resource.body)
        .map_err(|error| Failure::new(format!("{}: {error}", resource.name)))?;
    let version = Version::of([
        type_url.as_bytes(),
        resource.name.as_bytes(),
        &resource.body,
    ]);
    Ok(json!({
        "type_url": type_url,
        "name": resource.name,
        "version": version.to_string(),
        "resource": content,
    }))
}

#[cfg(test)]
mod tests {
    use super::proxy;

    #[test]
    fn the_last_part_is_the_namespace() {
        let name =
            proxy("web-0.v1.shop").map(|name| (name.name.to_string(), name.namespace.to_string()));
        assert_eq!(name, Ok(("web-0.v1".to_owned(), "shop".to_owned())));
        for text in ["web", "web.", ".shop"] {
            assert!(proxy(text).is_err(), "{text}");
        }
    }
}
