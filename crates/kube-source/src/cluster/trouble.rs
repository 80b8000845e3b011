//! What goes wrong with requests, and what is said of it.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use http::StatusCode;
use serde::Deserialize;

use super::kinds::Kind;
use crate::batch::SourceFault;

/// Why a request, or the stream that it opened, failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nobody answered, or the answer broke off.
    Unreachable(String),
    /// The server does not know who asks.
    Unauthorized(String),
    /// Who asks may not.
    Forbidden(String),
    /// The kind is not there (any more, or yet).
    NotServed,
    /// The server does not remember so long.
    Expired,
    /// The server does not understand the request.
    NotUnderstood(String),
    /// The server has too much to do, or is about to begin with it.
    Busy(String),
    /// Anything else that the server says.
    Refused(String),
    /// Something that is no answer of an API server.
    Unreadable(String),
}

/// The parts of `metav1.Status` that count.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
    message: String,
    reason: String,
    details: Details,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    causes: Vec<Cause>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cause {
    reason: String,
}

impl Trouble {
    /// Nobody answered, for the innermost reason.
    pub fn unreachable(error: &(dyn Error + 'static)) -> Self {
        let mut innermost = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        Self::Unreachable(innermost.to_string())
    }

    /// By the status of an answer and its body.
    pub fn of_answer(status: StatusCode, body: &[u8]) -> Self {
        let said: Status = serde_json::from_slice(body).unwrap_or_default();
        Self::of_status(status.as_u16(), said)
    }

    /// By the object of an event of type ERROR.
    pub fn of_event(object: &str) -> Self {
        match serde_json::from_str::<Status>(object) {
            Ok(status) => Self::of_status(status.code, status),
            Err(error) => Self::Unreadable(error.to_string()),
        }
    }

    fn of_status(code: u16, said: Status) -> Self {
        let Status {
            code: _,
            message,
            reason,
            details: Details { causes },
        } = said;
        // After a restore from a backup, the server has not come so far yet.
        let is_ahead = causes
            .iter()
            .any(|cause| cause.reason == "ResourceVersionTooLarge");
        let message = match &*message {
            "" => format!("status {code}"),
            message => message.to_owned(),
        };
        match code {
            401 => Self::Unauthorized(message),
            403 => Self::Forbidden(message),
            404 => Self::NotServed,
            410 => Self::Expired,
            _ if is_ahead || matches!(&*reason, "Expired" | "Gone") => Self::Expired,
            400 | 422 => Self::NotUnderstood(message),
            429 | 503 | 504 => Self::Busy(message),
            _ => Self::Refused(message),
        }
    }

    /// What is said of it. What concerns every kind alike is said in the same words for all.
    pub fn fault(&self, kind: &Kind) -> SourceFault {
        const IN_FORCE: &str = "what was last read from it stays in force until it is back";
        let resource = match kind.group {
            "" => kind.plural.to_owned(),
            _ => kind.definition(),
        };
        let (code, message, hint) = match self {
            Self::Unreachable(reason) => (
                "unreachable-api-server",
                format!("the API server can't be reached: {reason}"),
                Some(IN_FORCE.to_owned()),
            ),
            Self::Unauthorized(reason) => (
                "unauthorized",
                format!("the API server does not know who we are: {reason}"),
                Some(
                    "look at the token or certificate that the control plane was given".to_owned(),
                ),
            ),
            Self::Forbidden(reason) => (
                "forbidden",
                format!("{resource} can't be watched: {reason}"),
                Some(rule(kind)),
            ),
            Self::NotServed => {
                let message =
                    format!("{resource} are defined, but the API server does not serve them");
                ("not-served", message, Some(IN_FORCE.to_owned()))
            }
            Self::Expired => {
                let message = format!("{resource} change faster than they can be listed");
                ("refused-by-api-server", message, None)
            }
            Self::NotUnderstood(reason) | Self::Busy(reason) | Self::Refused(reason) => {
                let message = format!("{resource} can't be watched: {reason}");
                ("refused-by-api-server", message, None)
            }
            Self::Unreadable(reason) => {
                let message = format!("an answer about {resource} is not readable: {reason}");
                ("unreadable-answer", message, None)
            }
        };
        SourceFault {
            file: Arc::from(Path::new("")),
            line: 0,
            path: String::new(),
            code,
            message,
            hint,
            object: None,
            api_version: String::new(),
        }
    }
}

/// The rule that is missing.
fn rule(kind: &Kind) -> String {
    let Kind { group, plural, .. } = kind;
    let rule = |group: &str, resource: &str| {
        format!("{{apiGroups: [{group:?}], resources: [{resource:?}], verbs: [get, list, watch]}}")
    };
    format!(
        "the role of the control plane's service account lacks {}",
        rule(group, plural)
    )
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::Trouble;
    use crate::cluster::kinds::NAMESPACE;

    #[test]
    fn answers_are_told_apart() {
        let answer = |code: u16, body: &str| {
            Trouble::of_answer(
                StatusCode::from_u16(code).expect("a status"),
                body.as_bytes(),
            )
        };
        for (code, body, trouble) in [
            (404, "404 page not found", Trouble::NotServed),
            (410, "", Trouble::Expired),
            (
                504,
                r#"{"reason":"Timeout","details":{"causes":[{"reason":"ResourceVersionTooLarge","message":"x"}]}}"#,
                Trouble::Expired,
            ),
            (
                403,
                r#"{"message":"no"}"#,
                Trouble::Forbidden("no".to_owned()),
            ),
            (
                429,
                r#"{"message":"storage is (re)initializing"}"#,
                Trouble::Busy("storage is (re)initializing".to_owned()),
            ),
            (500, "oops", Trouble::Refused("status 500".to_owned())),
            (
                422,
                r#"{"message":"sendInitialEvents is forbidden"}"#,
                Trouble::NotUnderstood("sendInitialEvents is forbidden".to_owned()),
            ),
        ] {
            assert_eq!(answer(code, body), trouble);
        }
        let expired = r#"{"kind":"Status","code":410,"reason":"Expired","message":"too old"}"#;
        assert_eq!(Trouble::of_event(expired), Trouble::Expired);
    }

    #[test]
    fn a_missing_right_is_named() {
        let fault = Trouble::Forbidden("no".to_owned()).fault(&NAMESPACE);
        let hint = fault.hint.expect("a hint");
        assert!(
            hint.ends_with(
                r#"{apiGroups: [""], resources: ["namespaces"], verbs: [get, list, watch]}"#
            ),
            "{hint}"
        );
    }
}
