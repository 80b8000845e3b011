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

/// The roots of our own trust domain: those of the authority, and those that the mesh
/// configuration adds. One that could not sign anything adds nothing, and takes nothing away.
pub fn own_roots(own: &TrustDomain, trust: &Trust, mesh: Option<&MeshConfig>) -> Bundle {
    let mut roots = trust.bundle.roots().to_vec();
    for (domains, found) in authorities(mesh) {
        if domains.is_empty() || domains.contains(own) {
            roots.extend_from_slice(found.roots());
        }
    }
    Bundle::new(roots).unwrap_or_else(|_| trust.bundle.clone())
}

/// What the mesh configuration adds, and for which trust domains.
fn authorities(mesh: Option<&MeshConfig>) -> impl Iterator<Item = (&[TrustDomain], Bundle)> {
    let authorities = mesh.into_iter().flat_map(|mesh| &mesh.security.authorities);
    authorities.filter_map(|authority| {
        let Authority {
            certificates,
            trust_domains,
        } = authority;
        // What is no certificate was remarked when the configuration was read.
        let found = Bundle::from_pem(certificates.as_bytes()).ok()?;
        Some((trust_domains.as_slice(), found))
    })
}

/// All bundles, that of our own trust domain first.
fn response(own: &TrustDomain, trust: &Trust, mesh: Option<&MeshConfig>) -> FetchResponse {
    let mut others: BTreeMap<&TrustDomain, Vec<Certificate>> = BTreeMap::new();
    for (domains, found) in authorities(mesh) {
        for domain in domains.iter().filter(|domain| *domain != own) {
            let roots = others.entry(domain).or_default();
            roots.extend_from_slice(found.roots());
        }
    }
    let others = others
        .into_iter()
        .filter_map(|(domain, roots)| Some((domain, Bundle::new(roots).ok()?)));
    let bundles: Vec<_> = std::iter::once((own, own_roots(own, trust, mesh)))
        .chain(others)
        .map(|(domain, bundle)| TrustBundle {
            trust_domain: domain.to_string(),
            pem: bundle.pem(),
        })
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use ferromesh_ca::{Lifetimes, Roots, Rotation};
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    use super::*;

    fn certificate(is_ca: IsCa) -> Arc<str> {
        let mut params = CertificateParams::default();
        params.is_ca = is_ca;
        let key = KeyPair::generate().expect("a key");
        let made = params.self_signed(&key).expect("a certificate");
        Arc::from(made.pem())
    }

    fn domain(name: &str) -> TrustDomain {
        TrustDomain::new(name).expect("a trust domain")
    }

    #[test]
    fn further_roots_speak_for_their_domains_alone() {
        let state = tempfile::tempdir().expect("a directory");
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now: Duration = now.expect("a clock after 1970");
        let own = TrustDomain::default();
        let rotation = Rotation::of(&Lifetimes::default());
        let roots = Roots::own(state.path(), &own, rotation, now).expect("roots");
        let trust = roots.watch().borrow().clone();
        let [ca, other] = [(); 2].map(|()| certificate(IsCa::Ca(BasicConstraints::Unconstrained)));
        let leaf = certificate(IsCa::NoCa);
        let authority = |certificates: &Arc<str>, trust_domains| Authority {
            certificates: certificates.clone(),
            trust_domains,
        };
        let mut mesh = MeshConfig::clone(ferromesh_compiler::Compiler::new().mesh());
        mesh.security.authorities = vec![
            authority(&ca, Vec::new()),
            authority(&other, vec![domain("other.example")]),
            authority(&leaf, Vec::new()),
            authority(&leaf, vec![domain("nobody.example")]),
        ];
        let believed = own_roots(&own, &trust, Some(&mesh));
        let ca = Bundle::from_pem(ca.as_bytes()).expect("a root");
        let other = Bundle::from_pem(other.as_bytes()).expect("a root");
        let expected = [trust.bundle.roots(), ca.roots()].concat();
        assert_eq!(believed.roots(), expected);
        let told = response(&own, &trust, Some(&mesh));
        let bundles: Vec<_> = told
            .bundles
            .iter()
            .map(|bundle| (bundle.trust_domain.as_str(), bundle.pem.clone()))
            .collect();
        assert_eq!(
            bundles,
            [
                ("cluster.local", believed.pem()),
                ("other.example", other.pem())
            ]
        );
        assert_eq!(
            response(&own, &trust, Some(&mesh)),
            told,
            "the same version"
        );
        assert_ne!(response(&own, &trust, None).version, told.version);
    }
}
