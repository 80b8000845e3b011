//! Why a client is refused, each reason under a name of its own, for people and for counters.

use std::fmt;

use ferromesh_identity::SpiffeId;
use ferromesh_mesh::name::WorkloadName;

/// The kinds of [`Denial`], by which they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The handshake took too long.
    HandshakeLate,
    /// Too many handshakes from one address, or none of the slots became free in time.
    HandshakeCrowded,
    /// The bytes were no handshake that we understand.
    HandshakeBroken,
    /// The certificate has expired.
    CertificateExpired,
    /// The certificate is not valid yet.
    CertificateNotYetValid,
    /// No trusted root has signed the certificate.
    CertificateUntrusted,
    /// The certificate has not exactly one URI, or one that is not of a workload.
    CertificateNamesNoWorkload,
    /// The certificate is of another trust domain.
    CertificateOfOtherDomain,
    /// Anything else is wrong with the certificate.
    CertificateBad,
    /// The stream has no certificate.
    NoCertificate,
    /// The certificate is another workload's.
    OtherIdentity,
    /// The workload that the node id names is not known (yet).
    UnknownWorkload,
    /// The workload has another account now.
    IdentityChanged,
    /// The workload is gone.
    WorkloadGone,
    /// Too many calls at one time.
    CallsCrowded,
}

impl Reason {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 15] = [
        Self::HandshakeLate,
        Self::HandshakeCrowded,
        Self::HandshakeBroken,
        Self::CertificateExpired,
        Self::CertificateNotYetValid,
        Self::CertificateUntrusted,
        Self::CertificateNamesNoWorkload,
        Self::CertificateOfOtherDomain,
        Self::CertificateBad,
        Self::NoCertificate,
        Self::OtherIdentity,
        Self::UnknownWorkload,
        Self::IdentityChanged,
        Self::WorkloadGone,
        Self::CallsCrowded,
    ];

    /// The name in metrics and logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::HandshakeLate => "handshake_late",
            Self::HandshakeCrowded => "handshake_crowded",
            Self::HandshakeBroken => "handshake_broken",
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateNotYetValid => "certificate_not_yet_valid",
            Self::CertificateUntrusted => "certificate_untrusted",
            Self::CertificateNamesNoWorkload => "certificate_names_no_workload",
            Self::CertificateOfOtherDomain => "certificate_of_other_domain",
            Self::CertificateBad => "certificate_bad",
            Self::NoCertificate => "no_certificate",
            Self::OtherIdentity => "other_identity",
            Self::UnknownWorkload => "unknown_workload",
            Self::IdentityChanged => "identity_changed",
            Self::WorkloadGone => "workload_gone",
            Self::CallsCrowded => "calls_crowded",
        }
    }
}

/// Why a stream is refused, or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// It came over TLS without a certificate.
    NoCertificate,
    /// The certificate is that of another workload than the one that the node id names.
    OtherIdentity(SpiffeId),
    /// Nothing is known of the workload that the node id names; the source may lag behind.
    UnknownWorkload(WorkloadName),
    /// The workload has another account than when the stream began.
    IdentityChanged(SpiffeId),
    /// The workload is gone.
    WorkloadGone(WorkloadName),
}

impl Denial {
    /// The kind.
    pub fn reason(&self) -> Reason {
        match self {
            Self::NoCertificate => Reason::NoCertificate,
            Self::OtherIdentity(_) => Reason::OtherIdentity,
            Self::UnknownWorkload(_) => Reason::UnknownWorkload,
            Self::IdentityChanged(_) => Reason::IdentityChanged,
            Self::WorkloadGone(_) => Reason::WorkloadGone,
        }
    }

    /// gRPC's status code. A proxy tries again whatever it is.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::NoCertificate => 16,
            Self::OtherIdentity(_) | Self::IdentityChanged(_) => 7,
            Self::UnknownWorkload(_) | Self::WorkloadGone(_) => 14,
        }
    }
}

/// Says nothing of what the client does not know already: not whose the node id is.
impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate => f.write_str(
                "configuration is served only to who shows a certificate of the mesh (does the agent get one?)",
            ),
            Self::OtherIdentity(identity) => write!(
                f,
                "the certificate is that of {identity}, which is not the account of the workload that the node id names"
            ),
            Self::UnknownWorkload(WorkloadName { namespace, name }) => write!(
                f,
                "no Pod or WorkloadEntry {name} is known in namespace {namespace} (yet)"
            ),
            Self::IdentityChanged(identity) => write!(
                f,
                "{identity} is no longer the account of the workload that the node id names"
            ),
            Self::WorkloadGone(WorkloadName { namespace, name }) => write!(
                f,
                "there is no Pod or WorkloadEntry {name} in namespace {namespace} any more"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn each_reason_has_its_own_place_and_word() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            let same = Reason::ALL
                .iter()
                .filter(|other| other.word() == reason.word());
            assert_eq!(same.count(), 1, "{}", reason.word());
        }
    }
}
