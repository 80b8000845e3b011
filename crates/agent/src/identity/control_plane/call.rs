//! A call of one message by gRPC.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use ferromesh_chassis::grpc::{self, Call};
use http_body_util::Full;
use hyper::client::conn::http2::SendRequest;
use hyper::http::uri::Scheme;

/// What the control plane is called in calls; who it is, its certificate says.
const AUTHORITY: &str = "ferromesh";

/// gRPC: the method does not exist.
const UNIMPLEMENTED: &str = "12";

/// gRPC: who calls is not known.
const UNAUTHENTICATED: &str = "16";

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind.
    pub kind: FaultKind,
    why: String,
}

/// What kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// On our side: a file, an address.
    Ours,
    /// The control plane does not answer.
    Away,
    /// It does not know who we are.
    Unauthenticated,
    /// It refuses.
    Refused,
    /// It does not know the method.
    Unimplemented,
}

impl Fault {
    /// On our side.
    pub fn ours(why: String) -> Self {
        Self {
            kind: FaultKind::Ours,
            why,
        }
    }

    /// The control plane does not answer.
    pub fn away(why: &str) -> Self {
        Self {
            kind: FaultKind::Away,
            why: format!("the control plane is away: {why}"),
        }
    }

    fn status(code: &str, message: &str) -> Self {
        let kind = match code {
            UNIMPLEMENTED => FaultKind::Unimplemented,
            UNAUTHENTICATED => FaultKind::Unauthenticated,
            _ => FaultKind::Refused,
        };
        Self {
            kind,
            why: format!("the control plane refuses: {message}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.why)
    }
}

impl From<grpc::Fault> for Fault {
    fn from(fault: grpc::Fault) -> Self {
        match fault {
            grpc::Fault::Unsendable(what) => Self::ours(what.to_owned()),
            grpc::Fault::Broken(what) => Self::away(&what),
            grpc::Fault::Refused { code, message } => Self::status(&code, &message),
        }
    }
}

/// Sends a message and returns the one of the answer.
pub(crate) async fn unary(
    sender: &mut SendRequest<Full<Bytes>>,
    path: &'static str,
    token: Option<&str>,
    message: &[u8],
    patience: Duration,
) -> Result<Bytes, Fault> {
    let call = Call {
        scheme: &Scheme::HTTPS,
        authority: AUTHORITY,
        path,
        token,
        message,
    };
    match tokio::time::timeout(patience, grpc::call(sender, call)).await {
        Ok(answer) => answer.map_err(Fault::from),
        Err(_) => Err(Fault::away("it does not answer in time")),
    }
}
