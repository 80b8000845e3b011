//! Authorities besides the mesh's own.

use std::sync::Arc;

use ferromesh_api::istio;
use ferromesh_api::part::Part;
use ferromesh_identity::Bundle;
use ferromesh_mesh::decl::mesh_config::Authority;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;

use super::security::lower_domain;
use crate::{effect, faults};

/// The sound ones of a list at the path `at`.
pub(super) fn lower(
    list: &[Part<istio::CaCertificates>],
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<Authority> {
    let mut lowered = Vec::with_capacity(list.len());
    for (index, part) in list.iter().enumerate() {
        let at = at.item(index);
        if let Some(written) = faults::read_part(part, &at, remarks) {
            lowered.extend(lower_one(&written, &at, remarks));
        }
    }
    lowered
}

fn lower_one(
    written: &istio::CaCertificates,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<Authority> {
    let istio::CaCertificates {
        pem,
        spiffe_bundle_url,
        cert_signers,
        trust_domains,
    } = written;
    let errors = remarks.errors();
    if !cert_signers.is_empty() {
        effect::not_yet(&at.field("certSigners"), remarks);
    }
    let list = at.field("trustDomains");
    let domains: Vec<_> = trust_domains
        .iter()
        .enumerate()
        .filter_map(|(index, domain)| lower_domain(domain, &list.item(index), remarks))
        .collect();
    let url = at.field("spiffeBundleUrl");
    match (pem.is_empty(), spiffe_bundle_url.is_empty()) {
        (true, true) => {
            remarks.error(&at.field("pem"), "missing-field", "is required");
        }
        (true, false) => {
            remarks
                .warning(
                    &url,
                    "no-effect-yet",
                    "is not fetched yet: the authority is not trusted",
                )
                .advise("write its certificates as pem");
            return None;
        }
        (false, true) => check_pem(pem, &at.field("pem"), remarks),
        (false, false) => effect::conflict(&url, "pem", remarks),
    }
    (remarks.errors() == errors).then(|| Authority {
        certificates: Arc::from(pem.as_str()),
        trust_domains: domains,
    })
}

fn check_pem(pem: &str, at: &Path<'_>, remarks: &mut Remarks) {
    if let Err(fault) = Bundle::from_pem(pem.as_bytes()) {
        remarks
            .error(at, "invalid-certificate", fault.to_string())
            .advise("write certificates of authorities in PEM: -----BEGIN CERTIFICATE----- ...");
    }
}
