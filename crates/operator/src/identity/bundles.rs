//! Which roots are trusted for which trust domain.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_ca::Trust;
use ferromesh_identity::{Bundle, Certificate, TrustDomain};
use ferromesh_mesh::decl::mesh_config::{Authority, MeshConfig};
use ferromesh_proto::trust::{FetchResponse, TrustBundle};
use tokio::sync::watch;

/// The bundles of all trust domains, as agents get them.
pub struct Bundles {
    own: TrustDomain,
    trust: watch::Receiver<Arc<Trust>>,
    mesh: watch::Receiver<Option<Arc<MeshConfig>>>,
    current: watch::Sender<Arc<FetchResponse>>,
}

impl Bundles {
    /// Those of now.
    pub fn new(
        own: TrustDomain,
        trust: watch::Receiver<Arc<Trust>>,
        mesh: watch::Receiver<Option<Arc<MeshConfig>>>,
    ) -> Self {
        let first = response(&own, &trust.borrow(), mesh.borrow().as_deref());
        Self {
            own,
            trust,
            mesh,
            current: watch::Sender::new(Arc::new(first)),
        }
    }

    /// Follows them.
    pub fn watch(&self) -> watch::Receiver<Arc<FetchResponse>> {
        self.current.subscribe()
    }

    /// Keeps them up to date.
    pub async fn keep(&self) {
        let (mut trust, mut mesh) = (self.trust.clone(), self.mesh.clone());
        loop {
            let changed = tokio::select! {
                changed = trust.changed() => changed,
                changed = mesh.changed() => changed,
            };
            if changed.is_err() {
                return;
            }
            let new = response(&self.own, &trust.borrow(), mesh.borrow().as_deref());
            self.current.send_if_modified(|current| {
                let is_new = **current != new;
                *current = Arc::new(new);
                is_new
            });
        }
    }
}

/// All bundles, that of our own trust domain first.
fn response(own: &TrustDomain, trust: &Trust, mesh: Option<&MeshConfig>) -> FetchResponse {
    let mut roots: Vec<Certificate> = trust.bundle.roots().to_vec();
    let mut others: BTreeMap<TrustDomain, Vec<Certificate>> = BTreeMap::new();
    for Authority {
        certificates,
        trust_domains,
    } in mesh.iter().flat_map(|mesh| &mesh.security.authorities)
    {
        // What is no certificate was refused when the configuration was read.
        let Ok(found) = Certificate::all_from_pem(certificates.as_bytes()) else {
            continue;
        };
        if trust_domains.is_empty() {
            roots.extend(found.iter().cloned());
        }
        for domain in trust_domains {
            if domain == own {
                roots.extend(found.iter().cloned());
            } else {
                others
                    .entry(domain.clone())
                    .or_default()
                    .extend(found.iter().cloned());
            }
        }
    }
    let bundle = |domain: &TrustDomain, roots| {
        Bundle::new(roots).ok().map(|bundle| TrustBundle {
            trust_domain: domain.to_string(),
            pem: bundle.pem(),
        })
    };
    let bundles: Vec<TrustBundle> = bundle(own, roots)
        .into_iter()
        .chain(
            others
                .into_iter()
                .filter_map(|(domain, roots)| bundle(&domain, roots)),
        )
        .collect();
    let mut hash = blake3::Hasher::new();
    for TrustBundle { trust_domain, pem } in &bundles {
        for part in [trust_domain, pem] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    FetchResponse {
        version: hash.finalize().to_hex().to_string(),
        bundles,
    }
}
