//! An AdmissionReview, as far as we read and write it (`admission.k8s.io/v1`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The only version that there is.
const VERSION: &str = "admission.k8s.io/v1";

/// The longest warning that API servers hand on, and how many bytes of all of them.
const LONGEST_WARNING: usize = 256;
/// The same for all of them together.
const LONGEST_WARNINGS: usize = 4096;

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Names the question; the answer repeats it.
    pub uid: String,
    /// What is about to happen.
    pub operation: Operation,
    /// The namespace; empty for kinds without one.
    #[serde(default)]
    pub namespace: String,
    /// The object as it is to be; `null` when it is to be removed.
    #[serde(default)]
    pub object: Value,
    /// The object as it is; `null` when there is none.
    #[serde(default)]
    pub old_object: Value,
}

/// What is about to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// A new object.
    Create,
    /// Another version of it.
    Update,
    /// It goes.
    Delete,
    /// A connection to a subresource.
    Connect,
}

/// The answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It may be stored, as it is or changed.
    Allowed {
        /// What is changed; empty if nothing is.
        patch: json_patch::Patch,
        /// What its author is told.
        warnings: Vec<String>,
    },
    /// It may not.
    Denied {
        /// Why not.
        message: String,
        /// What its author is told besides.
        warnings: Vec<String>,
    },
}

impl Verdict {
    /// It may be stored as it is, and its author is told this.
    pub fn as_it_is(warnings: Vec<String>) -> Self {
        Self::Allowed {
            patch: json_patch::Patch::default(),
            warnings,
        }
    }
}

/// Bytes that are no review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(pub String);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Question {
    api_version: String,
    request: Option<Request>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    api_version: &'static str,
    kind: &'static str,
    response: Response,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    uid: String,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Status {
    message: String,
    reason: &'static str,
    code: u16,
}

/// Reads a question, has it judged, and writes the answer.
///
/// # Errors
/// If the bytes are no review of a version that we know.
pub fn answer(body: &[u8], judge: impl FnOnce(Request) -> Verdict) -> Result<Bytes, Malformed> {
    let malformed = |error: serde_json::Error| Malformed(format!("no AdmissionReview: {error}"));
    let Question {
        api_version,
        request,
    } = serde_json::from_slice(body).map_err(malformed)?;
    if api_version != VERSION {
        let text = format!("apiVersion {api_version:?} is not {VERSION:?}");
        return Err(Malformed(text));
    }
    let request = request.ok_or_else(|| Malformed("there is no request".to_owned()))?;
    let uid = request.uid.clone();
    let answer = Answer {
        api_version: VERSION,
        kind: "AdmissionReview",
        response: respond(uid, judge(request)).map_err(malformed)?,
    };
    serde_json::to_vec(&answer)
        .map(Bytes::from)
        .map_err(malformed)
}

fn respond(uid: String, verdict: Verdict) -> Result<Response, serde_json::Error> {
    Ok(match verdict {
        Verdict::Allowed { patch, warnings } => {
            let patch = if patch.0.is_empty() {
                None
            } else {
                Some(STANDARD.encode(serde_json::to_vec(&patch)?))
            };
            Response {
                uid,
                allowed: true,
                status: None,
                patch_type: patch.as_ref().map(|_| "JSONPatch"),
                patch,
                warnings: short(warnings),
            }
        }
        Verdict::Denied { message, warnings } => Response {
            uid,
            allowed: false,
            status: Some(Status {
                message,
                reason: "Invalid",
                code: 422,
            }),
            patch_type: None,
            patch: None,
            warnings: short(warnings),
        },
    })
}

/// Warnings as long as API servers hand them on, and how many more there are.
fn short(warnings: Vec<String>) -> Vec<String> {
    let mut room = LONGEST_WARNINGS - LONGEST_WARNING;
    let count = warnings.len();
    let mut told: Vec<_> = warnings
        .into_iter()
        .map(|warning| {
            // With anything else API servers drop all of them.
            let mut warning = warning.replace(char::is_control, " ");
            if warning.len() > LONGEST_WARNING {
                warning.truncate(warning.floor_char_boundary(LONGEST_WARNING - 3));
                warning.push('…');
            }
            warning
        })
        .take_while(|warning| {
            let fits = warning.len() <= room;
            room = room.saturating_sub(warning.len());
            fits
        })
        .collect();
    if told.len() < count {
        told.push(format!("and {} more warnings", count - told.len()));
    }
    told
}
