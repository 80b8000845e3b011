//! `networking.istio.io` HTTPMatchRequest.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::StringMatch;

/// What a request must look like; all fields must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpMatch {
    /// Name, appended to the rule's.
    pub name: String,
    /// The path without its query.
    pub uri: Option<StringMatch>,
    /// Whether case is ignored in `uri`.
    pub ignore_uri_case: bool,
    /// The scheme.
    pub scheme: Option<StringMatch>,
    /// The method.
    pub method: Option<StringMatch>,
    /// The authority.
    pub authority: Option<StringMatch>,
    /// Headers; an empty match = the header is there.
    pub headers: BTreeMap<String, StringMatch>,
    /// Headers that must not match.
    pub without_headers: BTreeMap<String, StringMatch>,
    /// Query parameters.
    pub query_params: BTreeMap<String, StringMatch>,
    /// The port that the client addressed; 0 = any.
    pub port: u32,
    /// Labels that the client must have.
    pub source_labels: BTreeMap<String, String>,
    /// The client's namespace; empty = any.
    pub source_namespace: String,
    /// Gateways at which it counts; none = those of the VirtualService.
    pub gateways: Vec<String>,
    /// Prefix of statistics; empty = none.
    pub stat_prefix: String,
}
