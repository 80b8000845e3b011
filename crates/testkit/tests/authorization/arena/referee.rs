//! What the referee makes of a case.

use ferromesh_testkit::oracle::{self, Verdict};
use serde_json::Value;

use super::{Arena, FRIENDS, HTTP, Outcome};
use crate::requests::{Case, Client, Tokens};

impl Arena {
    /// What the documentation says of a case, under these policies. Which of them are in force where is not its part.
    pub fn referee(&self, objects: &[Value], case: &Case) -> Outcome {
        let of = |kind: &'static str| objects.iter().filter(move |object| object["kind"] == kind);
        let strict =
            of("PeerAuthentication").any(|object| object["spec"]["mtls"]["mode"] == "STRICT");
        match case.client {
            // Who says that they are of the mesh has to prove it.
            Client::Pretender => return Outcome::Reset,
            Client::Plaintext | Client::Anonymous if strict => return Outcome::Reset,
            // Whom an authority of ours certifies for another trust domain is not of the mesh, unless that is an alias.
            Client::Friend(index)
                if !self.trust_domains.iter().any(|it| it == FRIENDS[index].0) =>
            {
                return Outcome::Reset;
            }
            // Who speaks TLS of their own wants to speak it with the application, which doesn't at the port of HTTP.
            Client::Anonymous if case.port == HTTP => return Outcome::Reset,
            Client::Plaintext | Client::Anonymous | Client::Mesh(_) | Client::Friend(_) => {}
        }
        let policies: Vec<Value> = of("AuthorizationPolicy").cloned().collect();
        let mesh = oracle::Mesh {
            trust_domains: self.trust_domains.clone(),
            normalization: self.normalization,
        };
        let asked = case.asked(self.address(case.port));
        match oracle::verdict(&policies, &asked, &mesh) {
            Verdict::BadRequest => Outcome::BadRequest,
            Verdict::Allowed | Verdict::Denied(_) if case.tokens == Tokens::Bad => {
                Outcome::Challenged
            }
            Verdict::Allowed => Outcome::Allowed,
            Verdict::Denied(_) if case.http.is_some() => Outcome::Denied,
            Verdict::Denied(_) => Outcome::Reset,
        }
    }
}
