//! Tokens that we can't decide about, decided by the API server.

use std::time::Duration;

use ferromesh_ca::{Reason, Refusal, Review, Reviewed, Reviewer};
use k8s_openapi::api::authentication::v1::{
    TokenReview, TokenReviewSpec, TokenReviewStatus, UserInfo,
};
use kube::api::{Api, PostParams};
use tokio::sync::Semaphore;

use super::told;

/// So many questions at a time: whoever invents tokens must not flood the API server by us.
const AT_A_TIME: usize = 8;

/// How long a caller waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the user of a pod's token is called.
const USER: &str = "system:serviceaccount:";

/// What the API server tells of the pod that a token is bound to.
const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
/// The same.
const POD_UID: &str = "authentication.kubernetes.io/pod-uid";

/// Asks by TokenReview.
pub struct TokenReviews {
    api: Api<TokenReview>,
    places: Semaphore,
}

impl TokenReviews {
    /// Asks this API server.
    pub fn new(client: kube::Client) -> Self {
        Self {
            api: Api::all(client),
            places: Semaphore::new(AT_A_TIME),
        }
    }

    async fn ask(&self, token: &str, audience: &str) -> Result<TokenReviewStatus, Refusal> {
        let unavailable = |what: String| {
            let text = format!("token: the API server does not say whose it is: {what}");
            Refusal::new(Reason::Unavailable, text)
        };
        let review = TokenReview {
            metadata: Default::default(),
            spec: TokenReviewSpec {
                audiences: Some(vec![audience.to_owned()]),
                token: Some(token.to_owned()),
            },
            status: None,
        };
        let asked = async {
            let _place = self.places.acquire().await;
            self.api.create(&PostParams::default(), &review).await
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => answer
                .status
                .ok_or_else(|| unavailable("no status".to_owned())),
            Ok(Err(error)) => Err(unavailable(told(&error))),
            Err(_) => Err(unavailable("no answer".to_owned())),
        }
    }
}

impl Reviewer for TokenReviews {
    fn review<'a>(&'a self, token: &'a str, audience: &'a str, undecided: Refusal) -> Review<'a> {
        Box::pin(async move {
            let status = self.ask(token, audience).await?;
            read(status, audience, undecided)
        })
    }
}

/// What an answer says.
fn read(
    status: TokenReviewStatus,
    audience: &str,
    undecided: Refusal,
) -> Result<Reviewed, Refusal> {
    let TokenReviewStatus {
        audiences,
        authenticated,
        error: _,
        user,
    } = status;
    if authenticated != Some(true) {
        return Err(undecided);
    }
    // A server that knows no audiences lets every token pass.
    let audiences = audiences.unwrap_or_default();
    if !audiences.iter().any(|one| one == audience) {
        let text = format!("token: aud: the API server does not say that it is for {audience:?}");
        return Err(Refusal::new(Reason::ForeignAudience, text));
    }
    let UserInfo {
        username, extra, ..
    } = user.unwrap_or_default();
    let username = username.unwrap_or_default();
    let account = username
        .strip_prefix(USER)
        .and_then(|rest| rest.split_once(':'));
    let said = |name: &str| match extra.as_ref().and_then(|extra| extra.get(name)) {
        Some(values) if values.len() == 1 => values.first().cloned(),
        Some(_) | None => None,
    };
    match (account, said(POD_NAME), said(POD_UID)) {
        (Some((namespace, account)), Some(pod), Some(uid)) => Ok(Reviewed {
            namespace: namespace.to_owned(),
            account: account.to_owned(),
            pod,
            uid,
        }),
        _ => Err(Refusal::new(
            Reason::Unbound,
            "not bound to a pod (mount a projected token)",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn review(change: impl FnOnce(&mut Value)) -> Result<Reviewed, Reason> {
        let mut status = json!({
            "authenticated": true,
            "audiences": ["istio-ca"],
            "user": {
                "username": "system:serviceaccount:shop:client",
                "extra": {POD_NAME: ["client-1"], POD_UID: ["u1"]},
            },
        });
        change(&mut status);
        let status = serde_json::from_value(status).expect("a status");
        let undecided = Refusal::new(Reason::UnknownKey, "no such key");
        read(status, "istio-ca", undecided).map_err(|refusal| refusal.reason)
    }

    #[test]
    fn an_answer_counts_only_for_our_audience_and_a_pod() {
        let reviewed = review(|_| {}).expect("a pod");
        assert_eq!(
            (&*reviewed.namespace, &*reviewed.account),
            ("shop", "client")
        );
        assert_eq!((&*reviewed.pod, &*reviewed.uid), ("client-1", "u1"));
        let refused = |pointer: &str, value: Value| {
            let answer = review(|status| *status.pointer_mut(pointer).expect("it") = value);
            answer.expect_err("no pod for us")
        };
        assert_eq!(refused("/authenticated", json!(false)), Reason::UnknownKey);
        assert_eq!(refused("/authenticated", Value::Null), Reason::UnknownKey);
        assert_eq!(refused("/audiences", json!([])), Reason::ForeignAudience);
        assert_eq!(refused("/audiences", Value::Null), Reason::ForeignAudience);
        assert_eq!(refused("/user/username", json!("alice")), Reason::Unbound);
        assert_eq!(refused("/user/extra", json!({})), Reason::Unbound);
        assert_eq!(
            refused("/user/extra", json!({POD_NAME: ["a", "b"], POD_UID: ["u"]})),
            Reason::Unbound
        );
    }
}
