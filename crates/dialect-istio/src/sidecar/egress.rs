//! Outbound listeners of a Sidecar.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferromesh_api::istio;
use ferromesh_api::part::Part;
use ferromesh_mesh::decl::sidecar::{CaptureMode, EgressListener, HostSelector, NamespaceSelector};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::{Hostname, Namespace};
use ferromesh_mesh::path::Path;

use super::{ingress, lower_capture};
use crate::{effect, faults, host, protocol, workload_entry};

/// The sound listeners. If none is, one that sees nothing stands for them: an empty list would
/// see everything.
pub(super) fn lower_all(
    listeners: &[Part<istio::EgressListener>],
    author: &Namespace,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<EgressListener> {
    let mut seen = BTreeSet::new();
    let mut lowered = Vec::with_capacity(listeners.len());
    for (index, part) in listeners.iter().enumerate() {
        let item = at.item(index);
        let Some(listener) = faults::read_part(part, &item, remarks) else {
            continue;
        };
        if listener.port.is_none() && index + 1 < listeners.len() {
            remarks.error(
                &item,
                "misplaced-listener",
                "only the last listener can do without a port",
            );
            continue;
        }
        let key = listener
            .port
            .as_ref()
            .map(|port| match port.number {
                0 => listener.bind.clone(),
                number => number.to_string(),
            })
            .filter(|key| !seen.insert(key.clone()));
        if let Some(key) = key {
            remarks.error(
                &item.field("port"),
                "duplicate-port",
                format!("{key:?} is listened on twice"),
            );
            continue;
        }
        lowered.extend(lower(&listener, author, &item, remarks));
    }
    if lowered.is_empty() && !listeners.is_empty() {
        lowered.push(EgressListener {
            port: None,
            bind: Arc::from(""),
            capture: CaptureMode::Default,
            hosts: vec![HostSelector {
                namespaces: NamespaceSelector::Nobody,
                host: Hostname::new("*"),
                exclude: false,
            }],
            origin: remarks.origin(at),
        });
    }
    lowered
}

fn lower(
    listener: &istio::EgressListener,
    author: &Namespace,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<EgressListener> {
    let istio::EgressListener {
        port,
        bind,
        capture_mode,
        hosts,
    } = listener;
    let errors = remarks.errors();
    let hosts = lower_hosts(hosts, author, &at.field("hosts"), remarks);
    let mut is_socket = false;
    let port = match port {
        None => {
            // Istio looks at neither without a port.
            for (field, written) in [
                ("bind", !bind.is_empty()),
                ("captureMode", *capture_mode == istio::CaptureMode::None),
            ] {
                if written {
                    remarks.warning(
                        &at.field(field),
                        "no-effect-yet",
                        "has no effect yet without a port",
                    );
                }
            }
            None
        }
        Some(port) if port.number == 0 => {
            is_socket = true;
            check_socket(listener, port, at, remarks);
            None
        }
        Some(port) => {
            ingress::check_bind(bind, &at.field("bind"), remarks);
            ingress::lower_port(port, &at.field("port"), remarks)
        }
    };
    if is_socket || remarks.errors() > errors {
        return None;
    }
    Some(EgressListener {
        bind: match port {
            Some(_) => Arc::from(bind.as_str()),
            None => Arc::from(""),
        },
        capture: match port {
            Some(_) => lower_capture(*capture_mode),
            None => CaptureMode::Default,
        },
        port,
        hosts,
        origin: remarks.origin(at),
    })
}

fn check_socket(
    listener: &istio::EgressListener,
    port: &istio::SidecarPort,
    at: &Path<'_>,
    remarks: &mut Remarks,
) {
    let bind = at.field("bind");
    protocol::lower(&port.protocol, &at.field("port").field("protocol"), remarks);
    match listener.bind.strip_prefix("unix://") {
        Some(path) => {
            workload_entry::check_socket(path, &bind, remarks);
        }
        None => {
            remarks.error(
                &bind,
                "invalid-address",
                "port 0 needs a Unix domain socket",
            );
        }
    }
    if listener.capture_mode == istio::CaptureMode::Iptables {
        effect::conflict(&at.field("captureMode"), "a Unix domain socket", remarks);
    }
    effect::not_yet(&bind, remarks);
}

fn lower_hosts(
    hosts: &[String],
    author: &Namespace,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<HostSelector> {
    if hosts.is_empty() {
        remarks.error(at, "missing-field", "must have at least one host");
    }
    let mut lowered: Vec<HostSelector> = Vec::with_capacity(hosts.len());
    for (index, text) in hosts.iter().enumerate() {
        let at = at.item(index);
        let Some(selector) = lower_host(text, author, &at, remarks) else {
            continue;
        };
        if !selector.exclude && lowered.iter().any(|earlier| repeats(earlier, &selector)) {
            remarks.warning(
                &at,
                "duplicate-host",
                format!("{text:?} selects what another entry selects, too"),
            );
        }
        lowered.push(selector);
    }
    let everything = |selector: &HostSelector| {
        selector.namespaces == NamespaceSelector::Any && selector.host.as_str() == "*"
    };
    let includes = || lowered.iter().filter(|selector| !selector.exclude);
    if includes().any(everything)
        && includes().any(|selector| selector.namespaces != NamespaceSelector::Any)
    {
        remarks.warning(
            at,
            "duplicate-host",
            "\"*/*\" selects everything: no other hosts are needed",
        );
    }
    lowered
}

/// Whether one of two entries of the same namespace selects all that the other one does.
fn repeats(earlier: &HostSelector, later: &HostSelector) -> bool {
    !earlier.exclude
        && earlier.namespaces == later.namespaces
        && (earlier.host == later.host
            || earlier.host.as_str() == "*"
            || later.host.as_str() == "*")
}

fn lower_host(
    text: &str,
    author: &Namespace,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<HostSelector> {
    const CODE: &str = "invalid-host";
    let Some((namespace, name)) = text.split_once('/') else {
        remarks
            .error(at, CODE, format!("{text:?} must be NAMESPACE/HOST"))
            .advise("write \"./*\" for this namespace, \"*/*\" for all, \"~/*\" for none");
        return None;
    };
    // A bare `~` excludes from every namespace, so that `~/*` leaves nothing.
    let (included, exclude) = match namespace.strip_prefix('~') {
        Some("") => ("*", true),
        Some(excluded) => (excluded, true),
        None => (namespace, false),
    };
    let namespaces = match included {
        "*" => NamespaceSelector::Any,
        "." => NamespaceSelector::One(author.clone()),
        name if host::is_label(name) => NamespaceSelector::One(Namespace::from(name)),
        _ => {
            remarks.error(at, CODE, format!("invalid namespace {namespace:?}"));
            return None;
        }
    };
    let message = if name != "*" && !name.contains('.') {
        format!("{name:?} must be a full name: short names are not allowed here")
    } else if name.starts_with('*') && name != "*" && !name.starts_with("*.") {
        format!("{name:?}: only a whole label can be a wildcard")
    } else if let Err(message) = host::check_pattern(name) {
        message
    } else {
        return Some(HostSelector {
            namespaces,
            host: Hostname::new(name),
            exclude,
        });
    };
    remarks.error(at, CODE, message);
    None
}
