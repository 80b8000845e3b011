//! What a request may say about its client's certificate (`x-forwarded-client-cert`).

use envoy::hcm::HttpConnectionManager;
use envoy::hcm::http_connection_manager::ForwardClientCertDetails;
use ferromesh_envoy as envoy;

use crate::answer::unknown;
use crate::traffic::Traffic;
use crate::verdict::Outcome;

const HEADER: &str = "x-forwarded-client-cert";

/// Keeps, drops or rewrites the header.
pub(super) fn describe(
    manager: &HttpConnectionManager,
    traffic: &mut Traffic<'_>,
) -> Result<(), Outcome> {
    let details = ForwardClientCertDetails::try_from(manager.forward_client_cert_details)
        .map_err(|_| unknown("what happens to x-forwarded-client-cert"))?;
    let shown = traffic.connection.tls.certificate().is_some();
    match (details, shown) {
        (ForwardClientCertDetails::AlwaysForwardOnly, _)
        | (ForwardClientCertDetails::ForwardOnly, true) => {}
        (ForwardClientCertDetails::Sanitize, _) | (_, false) => traffic.headers.remove(HEADER),
        // It has hashes of certificates.
        (ForwardClientCertDetails::AppendForward | ForwardClientCertDetails::SanitizeSet, true) => {
            traffic.headers.forget(HEADER);
        }
    }
    Ok(())
}
