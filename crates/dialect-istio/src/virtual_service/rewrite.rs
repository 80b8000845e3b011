//! `rewrite`.

use std::sync::Arc;

use ferromesh_api as api;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::rewrite::{PathRewrite, Rewrite};

use crate::{re2, string_match};

const CODE: &str = "invalid-rewrite";

/// Lowers rewriting; unsound parts are errors.
pub(super) fn lower(
    rewrite: &api::istio::HttpRewrite,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Rewrite {
    let api::istio::HttpRewrite {
        uri,
        authority,
        uri_regex_rewrite,
    } = rewrite;
    let regex_at = at.field("uriRegexRewrite");
    if uri.is_empty() && authority.is_empty() && uri_regex_rewrite.is_none() {
        remarks.error(
            at,
            CODE,
            "a rewrite must specify a uri, uriRegexRewrite or authority",
        );
    }
    if !uri.is_empty() && uri_regex_rewrite.is_some() {
        remarks.error(
            &regex_at,
            "conflicting-fields",
            "only one of uri and uriRegexRewrite may be set",
        );
    }
    let path = match uri_regex_rewrite {
        Some(regex) => lower_regex(regex, &regex_at, remarks),
        None => (!uri.is_empty()).then(|| PathRewrite::Matched(Arc::from(uri.as_str()))),
    };
    Rewrite {
        path,
        authority: (!authority.is_empty()).then(|| Arc::from(authority.as_str())),
    }
}

fn lower_regex(
    regex: &api::istio::RegexRewrite,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<PathRewrite> {
    let api::istio::RegexRewrite { matches, rewrite } = regex;
    if matches.is_empty() || rewrite.is_empty() {
        remarks.error(at, CODE, "both match and rewrite must be set");
        return None;
    }
    let pattern = string_match::lower_regex(matches, &at.field("match"), remarks)?;
    let groups = re2::check(matches).map_or(0, |regex| regex.groups);
    if let Err(message) = check_substitution(rewrite, groups) {
        // Neither Istio's admission nor Envoy minds; the path just stays as it is.
        remarks.warning(&at.field("rewrite"), "no-effect", message);
    }
    Some(PathRewrite::Regex {
        pattern,
        substitution: Arc::from(rewrite.as_str()),
    })
}

/// Whether RE2 can replace by this, given so many groups.
fn check_substitution(substitution: &str, groups: u32) -> Result<(), String> {
    let mut rest = substitution;
    while let Some((_, after)) = rest.split_once('\\') {
        let escaped = after.chars().next();
        match escaped.map(|c| (c, c.to_digit(10))) {
            Some((_, Some(group))) if group <= groups => {}
            Some((_, Some(group))) => {
                return Err(format!(
                    "\\{group} refers to a group that the expression doesn't have"
                ));
            }
            Some(('\\', None)) => {}
            _ => return Err("write \\\\ for a backslash, \\1 for a group".to_owned()),
        }
        rest = after.get(1..).unwrap_or_default();
    }
    Ok(())
}
