//! Conditions on attributes.

use std::sync::Arc;

use ferromesh_api::istio;
use ferromesh_mesh::closest::closest;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::authorization::{
    AddressAttribute, Condition, TextAttribute, TextMatch,
};

use super::values::{self, INVALID, Lists};
use super::{Scope, refuse_with_custom, shared};
use crate::header_name::is_token;

const HEADERS: &str = "request.headers";
const CLAIMS: &str = "request.auth.claims";
const FILTERS: &str = "experimental.envoy.filters.";

/// Attributes without a name in brackets.
const PLAIN: &[&str] = &[
    "source.ip",
    "remote.ip",
    "source.namespace",
    "source.principal",
    "source.serviceAccount",
    "source.trustDomain",
    "request.auth.principal",
    "request.auth.audiences",
    "request.auth.presenter",
    "destination.ip",
    "destination.port",
    "connection.sni",
];

/// What a key means.
enum Attribute {
    Text(TextAttribute),
    Address(AddressAttribute),
    Port,
    Account,
}

/// A condition at the path `at`; `None` if it is unsound, which is an error.
pub(super) fn lower(
    condition: &istio::AuthorizationCondition,
    scope: Scope<'_>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<Condition> {
    let istio::AuthorizationCondition {
        key,
        values,
        not_values,
    } = condition;
    let lists = Lists {
        any_of: ("values", values),
        none_of: ("notValues", not_values),
    };
    let at_key = at.field("key");
    let attribute = lower_key(key, &at_key, remarks)?;
    if key.starts_with("request.auth.") || is_of_peers(&attribute) {
        refuse_with_custom(scope, &at_key, remarks);
    }
    if lists.is_empty() {
        remarks
            .error(
                at,
                "missing-field",
                "values or notValues must have at least one item",
            )
            .advise("write values: [\"*\"] for any value that is there");
    }
    Some(match attribute {
        Attribute::Text(attribute) => lower_text(attribute, lists, at, remarks),
        Attribute::Address(attribute) => {
            Condition::Address(attribute, lists.lower(at, remarks, values::block))
        }
        Attribute::Port => Condition::Port(lists.lower(at, remarks, values::port)),
        Attribute::Account => {
            values::check_accounts(lists, at, remarks);
            Condition::Account(lists.lower(at, remarks, |value, at, remarks| {
                values::account(value, scope.namespace, at, remarks)
            }))
        }
    })
}

fn is_of_peers(attribute: &Attribute) -> bool {
    match attribute {
        Attribute::Text(
            TextAttribute::Namespace | TextAttribute::Principal | TextAttribute::TrustDomain,
        )
        | Attribute::Account => true,
        Attribute::Text(_) | Attribute::Address(_) | Attribute::Port => false,
    }
}

fn lower_text(
    attribute: TextAttribute,
    lists: Lists<'_>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Condition {
    let read: fn(&str, &Path<'_>, &mut Remarks) -> Option<TextMatch> = match &attribute {
        TextAttribute::Namespace => values::namespace,
        TextAttribute::Principal => values::principal,
        TextAttribute::TrustDomain => values::trust_domain,
        TextAttribute::FilterMetadata(..) => in_brackets,
        TextAttribute::Header(_)
        | TextAttribute::RequestPrincipal
        | TextAttribute::Audiences
        | TextAttribute::Presenter
        | TextAttribute::Claim(_)
        | TextAttribute::ServerName => values::text,
    };
    let set = lists.lower(at, remarks, read);
    Condition::Text(attribute, set)
}

/// Istio has `[abc]` for an item of a list, and `abc` for a text; here each value may be either.
fn in_brackets(value: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<TextMatch> {
    let item = value
        .strip_prefix('[')
        .and_then(|value| value.strip_suffix(']'));
    values::text(item.unwrap_or(value), at, remarks)
}

/// The attribute that a key names; `None` if there is none, which is an error.
fn lower_key(key: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<Attribute> {
    if key.is_empty() {
        remarks.error(at, "missing-field", "is required");
        return None;
    }
    if let Some(attribute) = plain(key) {
        return Some(attribute);
    }
    let (name, brackets) = match key.find('[') {
        Some(at) => key.split_at(at),
        None => (key, ""),
    };
    let is_nested = name == HEADERS || name == CLAIMS || name.starts_with(FILTERS);
    if !is_nested {
        refuse_key(key, name, at, remarks);
        return None;
    }
    let Some(names) = names(brackets) else {
        remarks
            .error(
                at,
                INVALID,
                format!("{key:?} must end with a name in brackets"),
            )
            .advise(format!("write {name}[NAME]"));
        return None;
    };
    nested(name, names, at, remarks).map(Attribute::Text)
}

fn plain(key: &str) -> Option<Attribute> {
    Some(match key {
        "source.ip" => Attribute::Address(AddressAttribute::Source),
        "remote.ip" => Attribute::Address(AddressAttribute::Remote),
        "destination.ip" => Attribute::Address(AddressAttribute::Destination),
        "source.namespace" => Attribute::Text(TextAttribute::Namespace),
        "source.principal" => Attribute::Text(TextAttribute::Principal),
        "source.trustDomain" => Attribute::Text(TextAttribute::TrustDomain),
        "source.serviceAccount" => Attribute::Account,
        "request.auth.principal" => Attribute::Text(TextAttribute::RequestPrincipal),
        "request.auth.audiences" => Attribute::Text(TextAttribute::Audiences),
        "request.auth.presenter" => Attribute::Text(TextAttribute::Presenter),
        "destination.port" => Attribute::Port,
        "connection.sni" => Attribute::Text(TextAttribute::ServerName),
        _ => return None,
    })
}

/// The names in `[a][b]`; `None` if that is not its form.
fn names(brackets: &str) -> Option<Vec<&str>> {
    let inner = brackets.strip_prefix('[')?.strip_suffix(']')?;
    let names: Vec<_> = inner.split("][").collect();
    let sound = names
        .iter()
        .all(|name| !name.is_empty() && !name.contains(['[', ']']));
    sound.then_some(names)
}

fn nested(
    name: &str,
    names: Vec<&str>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<TextAttribute> {
    let path = || names.iter().map(|name| shared(name)).collect::<Vec<_>>();
    if name == CLAIMS {
        return Some(TextAttribute::Claim(path()));
    }
    if name != HEADERS {
        let filter = name.strip_prefix("experimental.").unwrap_or(name);
        return Some(TextAttribute::FilterMetadata(shared(filter), path()));
    }
    match names[..] {
        [header] if is_token(header.strip_prefix(':').unwrap_or(header)) => Some(
            TextAttribute::Header(Arc::from(header.to_ascii_lowercase())),
        ),
        _ => {
            let header = names.join("][");
            remarks
                .error(
                    at,
                    INVALID,
                    format!("{header:?} can't be the name of a header"),
                )
                .advise("write request.headers[NAME]");
            None
        }
    }
}

/// A key that is unknown, or that Istio had once.
fn refuse_key(key: &str, name: &str, at: &Path<'_>, remarks: &mut Remarks) {
    let way_out = match name {
        "destination.namespace" => Some("the policy's own namespace says it".to_owned()),
        "destination.labels" => Some("write selector.matchLabels".to_owned()),
        "destination.name" | "destination.user" => {
            Some("select the workload by selector.matchLabels".to_owned())
        }
        _ => {
            let bracketed = [HEADERS, CLAIMS];
            let known = PLAIN.iter().chain(&bracketed).copied();
            closest(name, known).map(|meant| {
                let brackets = key.get(name.len()..).unwrap_or_default();
                match (bracketed.contains(&meant), brackets) {
                    (true, "") => format!("did you mean \"{meant}[NAME]\"?"),
                    (true, brackets) => format!("did you mean \"{meant}{brackets}\"?"),
                    (false, _) => format!("did you mean {meant:?}?"),
                }
            })
        }
    };
    let remark = remarks.error(
        at,
        "unknown-attribute",
        format!("unknown attribute {key:?}"),
    );
    remark.advise(way_out.unwrap_or_else(|| {
        format!(
            "known: {}, {HEADERS}[NAME], {CLAIMS}[NAME]",
            PLAIN.join(", ")
        )
    }));
}
