//! Redirects.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::route::redirect_action::{
    PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier,
};
use mesh::policy::redirect::{Redirect, RedirectPath, RedirectPort};

/// The redirect. `port` is the one that the client addressed.
pub(super) fn redirect(redirect: &Redirect, port: u16) -> envoy::route::RedirectAction {
    let Redirect {
        path,
        authority,
        scheme,
        port: _,
        status,
    } = redirect;
    envoy::route::RedirectAction {
        host_redirect: authority.as_deref().unwrap_or_default().to_owned(),
        port_redirect: self::port(redirect, port),
        response_code: code(*status) as i32,
        scheme_rewrite_specifier: scheme
            .as_ref()
            .map(|scheme| SchemeRewriteSpecifier::SchemeRedirect(scheme.to_string())),
        path_rewrite_specifier: match path {
            RedirectPath::Keep => None,
            RedirectPath::Full(path) => Some(PathRewriteSpecifier::PathRedirect(path.to_string())),
            RedirectPath::Prefix(path) => {
                Some(PathRewriteSpecifier::PrefixRewrite(path.to_string()))
            }
        },
        ..Default::default()
    }
}

/// The port to write; 0 = none. Envoy can't take it from the request, but all requests of a
/// virtual host are for the same one. The default of the scheme (sidecars see plain HTTP) is
/// left out, unless the authority stays and may have another one.
fn port(redirect: &Redirect, of_request: u16) -> u32 {
    let (port, in_doubt) = match redirect.port {
        RedirectPort::FromRequest => (of_request, false),
        RedirectPort::SchemeDefault => (0, false),
        RedirectPort::Port(port) => (port, redirect.authority.is_none()),
    };
    match (port, redirect.scheme.as_deref().unwrap_or("http")) {
        (80, "http") | (443, "https") if !in_doubt => 0,
        _ => port.into(),
    }
}

fn code(status: u16) -> RedirectResponseCode {
    match status {
        302 => RedirectResponseCode::Found,
        303 => RedirectResponseCode::SeeOther,
        307 => RedirectResponseCode::TemporaryRedirect,
        308 => RedirectResponseCode::PermanentRedirect,
        _ => RedirectResponseCode::MovedPermanently,
    }
}
