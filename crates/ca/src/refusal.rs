//! Why somebody gets no certificate.

use std::fmt;

/// Declares the reasons, with the word and the status code of gRPC that each of them has.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident, $word:literal, $code:ident;)+) => {
        /// Why somebody gets no certificate. Each reason is counted for itself.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)+
        }

        impl Reason {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The word by which logs, metrics and messages call it.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// The status code of gRPC.
            pub fn code(self) -> u8 {
                match self {
                    $(Self::$name => $code,)+
                }
            }
        }
    };
}

/// The request can't be right whoever makes it.
const INVALID_ARGUMENT: u8 = 3;
/// The caller is known, and may not have that.
const PERMISSION_DENIED: u8 = 7;
/// The caller asks too often.
const RESOURCE_EXHAUSTED: u8 = 8;
/// The answer of the signer can't be used.
const INTERNAL: u8 = 13;
/// It may work later.
const UNAVAILABLE: u8 = 14;
/// The caller isn't known.
const UNAUTHENTICATED: u8 = 16;

reasons! {
    /// Neither a token nor a client certificate.
    NoCredentials, "no-credentials", UNAUTHENTICATED;
    /// The token is longer than 8 KiB.
    OversizedToken, "oversized-token", UNAUTHENTICATED;
    /// The token is not of the form that it should have.
    MalformedToken, "malformed-token", UNAUTHENTICATED;
    /// The token is signed otherwise than its key signs.
    Algorithm, "algorithm", UNAUTHENTICATED;
    /// Nobody knows the key of the token.
    UnknownKey, "unknown-key", UNAUTHENTICATED;
    /// The signature of the token is not that of the key.
    BadSignature, "bad-signature", UNAUTHENTICATED;
    /// The token is over.
    Expired, "expired", UNAUTHENTICATED;
    /// The token is not valid yet.
    NotYetValid, "not-yet-valid", UNAUTHENTICATED;
    /// The token is meant for somebody else, or not only for us.
    ForeignAudience, "foreign-audience", UNAUTHENTICATED;
    /// The token comes from somebody else.
    ForeignIssuer, "foreign-issuer", UNAUTHENTICATED;
    /// The token is not bound to a pod.
    Unbound, "unbound", UNAUTHENTICATED;
    /// Parts of the token speak of different namespaces or accounts.
    WrongNamespace, "wrong-namespace", UNAUTHENTICATED;
    /// There is no such token in the store.
    UnknownToken, "unknown-token", UNAUTHENTICATED;
    /// There is no such pod or workload.
    PodGone, "pod-gone", UNAUTHENTICATED;
    /// The pod has finished.
    PodFinished, "pod-finished", UNAUTHENTICATED;
    /// The pod has another account, node or uid than the token says.
    PodDiffers, "pod-differs", UNAUTHENTICATED;
    /// The client certificate is not one of ours.
    ForeignCertificate, "foreign-certificate", UNAUTHENTICATED;
    /// The client certificate is not valid at this time.
    StaleCertificate, "stale-certificate", UNAUTHENTICATED;
    /// The client certificate was issued too long ago.
    OldCertificate, "old-certificate", UNAUTHENTICATED;
    /// The WorkloadEntry is gone, or there never was one: pods renew by token.
    EntryGone, "entry-gone", UNAUTHENTICATED;
    /// The identity is the control plane's own.
    ControlPlane, "control-plane", PERMISSION_DENIED;
    /// The identity is none that a certificate can name.
    UnfitIdentity, "unfit-identity", PERMISSION_DENIED;
    /// The request wants a certificate for somebody else.
    Impersonation, "impersonation", PERMISSION_DENIED;
    /// The request wants a certain signer.
    SignerMetadata, "signer-metadata", PERMISSION_DENIED;
    /// Too many requests for this identity.
    RateLimited, "rate-limited", RESOURCE_EXHAUSTED;
    /// The message is not of the form that it should have.
    MalformedRequest, "malformed-request", INVALID_ARGUMENT;
    /// The signing request is longer than 16 KiB.
    OversizedCsr, "oversized-csr", INVALID_ARGUMENT;
    /// The signing request is none.
    MalformedCsr, "malformed-csr", INVALID_ARGUMENT;
    /// The signing request wants to sign others.
    WantsCa, "wants-ca", PERMISSION_DENIED;
    /// The signing request names a wildcard.
    WildcardSan, "wildcard-san", PERMISSION_DENIED;
    /// The signing request names somebody else.
    ForeignSan, "foreign-san", PERMISSION_DENIED;
    /// The key is too weak, or of a kind that is not taken.
    WeakKey, "weak-key", INVALID_ARGUMENT;
    /// The signing request is not signed by the key that it is for.
    Possession, "possession", INVALID_ARGUMENT;
    /// Nothing can be signed at this time.
    Unavailable, "unavailable", UNAVAILABLE;
    /// The external signer's answer is not what was asked for.
    BadAnswer, "bad-answer", INTERNAL;
}

/// The longest detail: it travels in a header.
const LONGEST_DETAIL: usize = 400;

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// No certificate, and why. Never holds anything of a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Refusal {
    /// The reason.
    pub reason: Reason,
    /// What exactly, and a way out.
    pub detail: String,
}

impl Refusal {
    /// A refusal. What is longer than a line is cut: part of it may be the caller's words.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.len() > LONGEST_DETAIL {
            detail.truncate(detail.floor_char_boundary(LONGEST_DETAIL));
            detail.push('…');
        }
        Self { reason, detail }
    }
}
