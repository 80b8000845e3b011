//! `mirror`, `mirrors` and the shares of the former.

use ferromesh_api as api;
use ferromesh_mesh::decl::http_routes::Mirror;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::percent::PartsPerMillion;

use super::{destination, percent};

/// Lowers the copies of the rule at the path `at`; unsound parts are errors.
pub(super) fn lower(
    rule: &api::istio::HttpRoute,
    namespace: &Namespace,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<Mirror> {
    let share = lower_share(rule, at, remarks);
    let mut mirrors = Vec::new();
    if let Some(mirror) = &rule.mirror {
        if !rule.mirrors.is_empty() {
            remarks.error(
                &at.field("mirrors"),
                "conflicting-fields",
                "only one of mirror and mirrors may be set",
            );
        }
        mirrors.push(Mirror {
            destination: destination::lower(mirror, namespace, &at.field("mirror"), remarks),
            share,
        });
    }
    let list_at = at.field("mirrors");
    for (index, mirror) in rule.mirrors.iter().enumerate() {
        let api::istio::HttpMirror {
            destination,
            percentage,
        } = mirror;
        let at = list_at.item(index);
        let share = percentage.as_ref().map_or(PartsPerMillion::ALL, |share| {
            percent::lower(share, &at.field("percentage"), remarks)
        });
        let at = at.field("destination");
        mirrors.push(Mirror {
            destination: destination::lower(destination, namespace, &at, remarks),
            share,
        });
    }
    // An explicit zero means no copies.
    mirrors.retain(|mirror| mirror.share > PartsPerMillion(0));
    mirrors
}

/// The share of `mirror`: `mirrorPercentage`, or else the deprecated fields, or else all.
fn lower_share(
    rule: &api::istio::HttpRoute,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> PartsPerMillion {
    let snake_at = at.field("mirror_percent");
    let camel_at = at.field("mirrorPercent");
    let deprecated = match (rule.mirror_percent, rule.mirror_percent_snake) {
        (None, None) => None,
        (Some(percent), None) => Some((percent, &camel_at)),
        (None, Some(percent)) => Some((percent, &snake_at)),
        (Some(percent), Some(_)) => {
            remarks.error(
                &snake_at,
                "conflicting-fields",
                "mirror_percent is another spelling of mirrorPercent; only one may be set",
            );
            Some((percent, &camel_at))
        }
    };
    let deprecated = deprecated.map(|(percent, at)| {
        remarks
            .warning(at, "deprecated-field", "mirrorPercent is deprecated")
            .advise("write mirrorPercentage.value");
        (percent::lower_whole(percent, at, remarks), at)
    });
    let percentage_at = at.field("mirrorPercentage");
    let percentage = rule
        .mirror_percentage
        .as_ref()
        .map(|share| percent::lower(share, &percentage_at, remarks));
    let written_at = percentage
        .map(|_| &percentage_at)
        .or(deprecated.map(|(_, at)| at));
    if let (None, Some(at)) = (&rule.mirror, written_at) {
        remarks.warning(at, "no-effect", "without mirror, its share has no effect");
    }
    percentage
        .or(deprecated.map(|(share, _)| share))
        .unwrap_or(PartsPerMillion::ALL)
}
