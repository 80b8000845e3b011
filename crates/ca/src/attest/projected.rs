//! Projected service-account tokens, as the kubelet mounts them into pods.
//!
//! They are verified here, by the API server's published keys and by the pods that we know. Only
//! what can't be decided here (another issuer or key, a pod that we have not heard of yet) goes to
//! a [`Reviewer`].

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ferromesh_identity::{TrustDomain, WorkloadLabels};
use serde::Deserialize;

use super::{Answer, Attested, Attestor, Credentials, identified};
use crate::jwt::{Keys, Token};
use crate::refusal::{Reason, Refusal};
use crate::workloads::{Kind, Phase, Pod, Workload, Workloads};

/// By how much the clocks of the API server and ours may differ.
const LEEWAY: u64 = 60;

/// Knows pods by tokens that the API server signed.
pub struct ProjectedTokens {
    /// The API server's keys.
    pub keys: Arc<Keys>,
    /// What is known of pods.
    pub workloads: Arc<dyn Workloads>,
    /// Who signs tokens, such as `https://kubernetes.default.svc.cluster.local`.
    pub issuer: String,
    /// For whom they have to be, and for nobody else: `istio-ca`.
    pub audience: String,
    /// The trust domain of all pods.
    pub trust_domain: TrustDomain,
    /// Who is asked for what can't be decided here.
    pub reviewer: Arc<dyn Reviewer>,
}

/// What somebody else says of a token.
pub type Review<'a> = Pin<Box<dyn Future<Output = Result<Reviewed, Refusal>> + Send + 'a>>;

/// Verifies tokens in our stead: the API server by its TokenReview.
pub trait Reviewer: Send + Sync + 'static {
    /// Whose token it is, for the audience `audience`; `undecided` is what could not be decided
    /// here, to be returned by those who know no more.
    fn review<'a>(&'a self, token: &'a str, audience: &'a str, undecided: Refusal) -> Review<'a>;
}

/// The pod that a token is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewed {
    /// The namespace.
    pub namespace: String,
    /// The service account.
    pub account: String,
    /// The name of the pod.
    pub pod: String,
    /// The uid of the pod.
    pub uid: String,
}

/// Nobody can be asked.
#[derive(Clone, Copy, Debug)]
pub struct NoReviews;

impl Reviewer for NoReviews {
    fn review<'a>(&'a self, _token: &'a str, _audience: &'a str, undecided: Refusal) -> Review<'a> {
        Box::pin(std::future::ready(Err(undecided)))
    }
}

/// What such a token says; other claims say nothing to us.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    exp: u64,
    nbf: u64,
    sub: String,
    #[serde(rename = "kubernetes.io")]
    binding: Option<Binding>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct Binding {
    namespace: String,
    pod: Option<Reference>,
    node: Option<Reference>,
    serviceaccount: Reference,
}

#[derive(Deserialize)]
struct Reference {
    name: String,
    #[serde(default)]
    uid: String,
}

impl ProjectedTokens {
    async fn pod(&self, token: &str, now: Duration) -> Result<Attested, Refusal> {
        let token = Token::parse(token)?;
        let key = self.keys.key(token.key_id(), now).await?;
        let claims: Claims = token.verified(&key).and_then(|payload| {
            serde_json::from_slice(&payload).map_err(|error| {
                // The position is told and the content isn't.
                Refusal::new(
                    Reason::MalformedToken,
                    format!(
                        "token: claims: {:?} (exp, nbf, iss, aud and sub are needed)",
                        error.classify()
                    ),
                )
            })
        })?;
        self.check_scope(&claims, now.as_secs())?;
        self.bound(&claims)
    }

    fn check_scope(&self, claims: &Claims, now: u64) -> Result<(), Refusal> {
        let refused = |reason, what: String| Err(Refusal::new(reason, format!("token: {what}")));
        if claims.exp.saturating_add(LEEWAY) <= now {
            let since = now - claims.exp;
            return refused(Reason::Expired, format!("exp: over for {since} s"));
        }
        if claims.nbf > now.saturating_add(LEEWAY) {
            let wait = claims.nbf - now;
            return refused(Reason::NotYetValid, format!("nbf: valid in {wait} s"));
        }
        if claims.iss != self.issuer {
            let (iss, own) = (&claims.iss, &self.issuer);
            return refused(Reason::ForeignIssuer, format!("iss: {iss:?}, not {own:?}"));
        }
        let alone = match &claims.aud {
            Audience::One(one) => *one == self.audience,
            Audience::Several(several) => **several == [self.audience.as_str()],
        };
        if !alone {
            let own = &self.audience;
            return refused(Reason::ForeignAudience, format!("aud: not {own:?} alone"));
        }
        Ok(())
    }

    /// Compares the pod that the token is bound to with the one that we know.
    fn bound(&self, claims: &Claims) -> Result<Attested, Refusal> {
        let refused = |reason, what: String| Err(Refusal::new(reason, format!("token: {what}")));
        let Some((binding, pod)) = claims
            .binding
            .as_ref()
            .and_then(|binding| Some((binding, binding.pod.as_ref()?)))
        else {
            return refused(
                Reason::Unbound,
                "not bound to a pod (mount a projected token)".to_owned(),
            );
        };
        let (namespace, account) = (&binding.namespace, &binding.serviceaccount.name);
        if claims.sub != format!("system:serviceaccount:{namespace}:{account}") {
            let sub = &claims.sub;
            return refused(
                Reason::WrongNamespace,
                format!("sub: {sub:?}, but kubernetes.io says {namespace}/{account}"),
            );
        }
        let name = &pod.name;
        let Some(known) = self.workloads.pod(namespace, name) else {
            return refused(
                Reason::PodGone,
                format!("there is no pod {namespace}/{name}"),
            );
        };
        let Pod {
            uid,
            node,
            workload,
        } = known;
        if uid != pod.uid {
            return refused(
                Reason::PodGone,
                format!("pod {namespace}/{name} is another one than that of the token"),
            );
        }
        let elsewhere = binding
            .node
            .as_ref()
            .is_some_and(|bound| bound.name != node);
        if workload.account != *account || elsewhere {
            return refused(
                Reason::PodDiffers,
                format!("pod {namespace}/{name} has another account or node than the token says"),
            );
        }
        identified(&self.trust_domain, namespace, workload)
    }

    /// Asks the reviewer. A pod that we know has to be the same; one that we don't know has no
    /// labels.
    async fn reviewed(&self, token: &str, undecided: Refusal) -> Result<Attested, Refusal> {
        let Reviewed {
            namespace,
            account,
            pod,
            uid,
        } = self
            .reviewer
            .review(token, &self.audience, undecided)
            .await?;
        let known = self.workloads.pod(&namespace, &pod);
        let workload = match known.filter(|known| known.uid == uid) {
            Some(known) if known.workload.account != account => {
                return Err(Refusal::new(
                    Reason::PodDiffers,
                    format!("pod {namespace}/{pod} has another account than the token says"),
                ));
            }
            Some(known) => known.workload,
            None => Workload {
                kind: Kind::Pod,
                account,
                phase: Phase::Alive,
                labels: WorkloadLabels::unknown(),
            },
        };
        identified(&self.trust_domain, &namespace, workload)
    }
}

/// Whether somebody else may know better.
fn is_undecided(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::UnknownKey | Reason::Unavailable | Reason::ForeignIssuer | Reason::PodGone
    )
}

impl Attestor for ProjectedTokens {
    fn attest<'a>(&'a self, credentials: Credentials<'a>, now: Duration) -> Answer<'a> {
        Box::pin(async move {
            // The dots of a JSON Web Token tell them apart.
            let token = credentials.token.filter(|token| token.contains('.'))?;
            Some(match self.pod(token, now).await {
                Err(refusal) if is_undecided(refusal.reason) => self.reviewed(token, refusal).await,
                decided => decided,
            })
        })
    }
}
