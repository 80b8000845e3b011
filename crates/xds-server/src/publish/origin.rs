//! Who is to blame for a view.

use std::sync::Arc;

use ferromesh_compiler::acceptance::Acceptance;
use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::origin::Origin;
use ferromesh_mesh::policy::access_log::{AccessLog, AccessLogFormat};
use ferromesh_mesh::quote::quoted;
use ferromesh_mesh::view::View;
use ferromesh_mesh::view::listener::Listener;
use ferromesh_mesh::view::route_table::TableHosts;
use ferromesh_mesh::view::virtual_host::VirtualHost;

/// The object and field that a view comes from, if somebody wrote it. `error` is what a proxy
/// said about it: it helps where a view comes from several.
pub fn origin(view: &View, error: &str, objects: &Acceptance) -> Option<Origin> {
    match view {
        View::Cluster(view) => view.origin.clone(),
        View::Listener(view) => of_log(view, error, objects).or_else(|| view.origin.clone()),
        View::VirtualHost(view) => of_host(view),
        View::RouteTable(view) => match &view.hosts {
            TableHosts::Separate => None,
            TableHosts::Inline(hosts) => {
                // Texts are escaped in what is compared.
                let error = error.escape_debug().to_string();
                let bytes = |host: &VirtualHost| quoted(&error, &format!("{host:?}"));
                let scored = hosts.iter().map(|host| (bytes(host), host));
                let (bytes, best) = scored.max_by_key(|(bytes, _)| *bytes)?;
                of_host(best).filter(|_| bytes > 0)
            }
        },
        View::Endpoints(_) => None,
    }
}

/// The mesh configuration, if the error is about the format of a listener's access log.
fn of_log(view: &Listener, error: &str, objects: &Acceptance) -> Option<Origin> {
    let AccessLog::File { path: _, format } = &view.access_log else {
        return None;
    };
    let concerned = match format {
        AccessLogFormat::DefaultText | AccessLogFormat::DefaultJson => false,
        AccessLogFormat::Text(text) => quoted(error, text) > 0,
        AccessLogFormat::Json(fields) => fields.iter().any(|(_, text)| quoted(error, text) > 0),
    };
    let mut units = objects.in_force().filter(|_| concerned);
    let unit = units.find(|unit| {
        let mut declarations = unit.declarations.iter();
        declarations.any(|declaration| match declaration {
            Declaration::MeshConfig(mesh) => mesh.access_log == view.access_log,
            _ => false,
        })
    })?;
    Some(Origin {
        object: Arc::clone(&unit.object),
        path: Arc::from("spec"),
    })
}

fn of_host(host: &VirtualHost) -> Option<Origin> {
    common(host.routes.iter().filter_map(|route| route.origin.clone()))
}

/// What all have in common: the object, and the fields as far as they are the same.
fn common(origins: impl Iterator<Item = Origin>) -> Option<Origin> {
    origins.reduce(|known, other| {
        if known.object != other.object || known.path == other.path {
            return known;
        }
        let same = known
            .path
            .split('.')
            .zip(other.path.split('.'))
            .take_while(|(a, b)| a == b);
        let path: Vec<_> = same.map(|(part, _)| part).collect();
        Origin {
            object: known.object,
            path: Arc::from(path.join(".")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferromesh_mesh::origin::ObjectRef;

    #[test]
    fn several_fields_have_a_common_beginning() {
        let object = Arc::new(ObjectRef {
            group: Arc::from(""),
            kind: Arc::from("VirtualService"),
            namespace: Arc::from("ns"),
            name: Arc::from("a"),
        });
        let origin = |path: &str| Origin {
            object: Arc::clone(&object),
            path: Arc::from(path),
        };
        for (paths, expected) in [
            (&["spec.http[0]"][..], "spec.http[0]"),
            (&["spec.http[0]", "spec.http[0]"], "spec.http[0]"),
            (&["spec.http[0]", "spec.http[1]"], "spec"),
            (
                &["spec.http[0].retries", "spec.http[0].fault"],
                "spec.http[0]",
            ),
        ] {
            let found = common(paths.iter().map(|path| origin(path))).expect("an origin");
            assert_eq!(found.path.as_ref(), expected);
        }
    }
}
