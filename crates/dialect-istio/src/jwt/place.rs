//! Where tokens are.

use std::sync::Arc;

use ferromesh_api::istio;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::jwt::TokenPlace;

use super::texts;
use crate::faults;
use crate::header_name::is_token;

/// The places of a rule at the path `at`.
pub(super) fn lower(
    rule: &istio::JwtRule,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<TokenPlace> {
    let mut places = lower_headers(rule, &at.field("fromHeaders"), remarks);
    let parameters = texts(&rule.from_params, &at.field("fromParams"), remarks);
    places.extend(parameters.into_iter().map(TokenPlace::Parameter));
    let at = at.field("fromCookies");
    let cookies = texts(&rule.from_cookies, &at, remarks);
    if !cookies.is_empty() && !rule.forward_original_token {
        remarks
            .warning(
                &at,
                "token-not-removed",
                "tokens are not taken out of cookies: the application gets them",
            )
            .advise("write forwardOriginalToken: true beside it, which is what happens");
    }
    places.extend(cookies.into_iter().map(TokenPlace::Cookie));
    places
}

fn lower_headers(rule: &istio::JwtRule, at: &Path<'_>, remarks: &mut Remarks) -> Vec<TokenPlace> {
    let mut places = Vec::with_capacity(rule.from_headers.len());
    for (index, part) in rule.from_headers.iter().enumerate() {
        let at = at.item(index);
        let Some(istio::JwtHeader { name, prefix }) = faults::read_part(part, &at, remarks) else {
            continue;
        };
        if name.is_empty() {
            remarks.error(&at.field("name"), "missing-field", "is required");
        } else if !is_token(&name) {
            remarks.error(
                &at.field("name"),
                "invalid-header",
                format!("{name:?} can't be the name of a header"),
            );
        } else if prefix.contains(['\0', '\r', '\n']) {
            remarks.error(
                &at.field("prefix"),
                "invalid-value",
                "can't stand in a header",
            );
        } else {
            places.push(TokenPlace::Header(Arc::from(name), Arc::from(prefix)));
        }
    }
    places
}
