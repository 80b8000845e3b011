//! What the certificate authority counts, under the names of Istio's where there are any.

use std::fmt;
use std::sync::{Arc, OnceLock};

use ferromesh_ca::roots::Signs;
use ferromesh_ca::{Reason, Service};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::gauge::ConstGauge;

use super::count::Count;

/// gRPC: the caller isn't known.
const UNAUTHENTICATED: u8 = 16;

/// The authority, as soon as there is one.
#[derive(Clone, Debug, Default)]
pub struct Authority(Arc<OnceLock<Arc<Service>>>);

impl Authority {
    /// From now on it is there. There is one at most.
    pub fn show(&self, service: &Arc<Service>) {
        self.0.get_or_init(|| Arc::clone(service));
    }
}

impl Collector for Authority {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let Some(service) = self.0.get() else {
            return Ok(());
        };
        counters(service, &mut encoder)?;
        expiries(service, &mut encoder)
    }
}

fn counters(service: &Service, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
    let issued = service.metrics().issued();
    let refusals: Vec<_> = service.metrics().refusals().collect();
    let sum = |counts: fn(Reason) -> bool| -> u64 {
        let counted = refusals.iter().filter(|(reason, _)| counts(*reason));
        counted.map(|(_, count)| count).sum()
    };
    for (name, help, value) in [
        (
            "citadel_server_csr_count",
            "Requests for certificates",
            issued + sum(|_| true),
        ),
        (
            "citadel_server_success_cert_issuance_count",
            "Certificates issued",
            issued,
        ),
        (
            "citadel_server_authentication_failure_count",
            "Requests of callers that are not who they have to be",
            sum(|reason| reason.code() == UNAUTHENTICATED),
        ),
        (
            "citadel_server_csr_parsing_err_count",
            "Requests that cannot be read",
            sum(|reason| {
                matches!(
                    reason,
                    Reason::MalformedRequest | Reason::OversizedCsr | Reason::MalformedCsr
                )
            }),
        ),
        (
            "citadel_server_csr_sign_err_count",
            "Certificates that could not be signed",
            sum(|reason| matches!(reason, Reason::Unavailable | Reason::BadAnswer)),
        ),
    ] {
        let gauge = ConstGauge::new(value);
        gauge.encode(encoder.encode_descriptor(name, help, None, Count::TYPE)?)?;
    }
    let name = "ferromesh_certificates_refused";
    let help = "Requests for certificates that were refused, by reason";
    let mut family = encoder.encode_descriptor(name, help, None, Count::TYPE)?;
    for (reason, count) in refusals {
        let gauge = ConstGauge::new(count);
        gauge.encode(family.encode_family(&[("reason", reason.word())])?)?;
    }
    Ok(())
}

fn expiries(service: &Service, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
    let trust = service.trust().borrow().clone();
    let root = trust.bundle.roots().iter().map(|root| root.not_after());
    let chain = match &trust.signs {
        Signs::Here(issuer) => Some(issuer.not_after()),
        // Whoever signs elsewhere tells for itself.
        Signs::Elsewhere(_) => None,
    };
    for (name, help, value) in [
        (
            "citadel_server_root_cert_expiry_timestamp",
            "When the first of the trusted roots expires, in seconds since the epoch",
            root.min(),
        ),
        (
            "citadel_server_cert_chain_expiry_timestamp",
            "When nothing can be signed any more, in seconds since the epoch",
            chain,
        ),
    ] {
        let Some(value) = value else { continue };
        let gauge = ConstGauge::new(value);
        gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
    }
    Ok(())
}
