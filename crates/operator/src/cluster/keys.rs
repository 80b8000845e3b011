//! The keys by which the API server signs tokens, and the name by which it does.

use ferromesh_ca::jwt::KeySource;
use ferromesh_ca::jwt::keys::Document;
use http::Request;
use serde::Deserialize;

use super::{Pauses, told};

/// Where every API server describes its tokens.
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Where every API server publishes its keys, wherever else the description says that they are.
const KEYS: &str = "/openid/v1/jwks";

/// The published keys of an API server.
pub struct ApiServerKeys(pub kube::Client);

impl KeySource for ApiServerKeys {
    fn fetch(&self) -> Document<'_> {
        Box::pin(async {
            let text = get(&self.0, KEYS).await.map_err(|error| told(&error))?;
            Ok(text.into_bytes())
        })
    }
}

/// Who signs tokens, asked until there is an answer.
pub async fn issuer(client: &kube::Client) -> String {
    #[derive(Deserialize)]
    struct Description {
        issuer: String,
    }
    let mut pauses = Pauses::default();
    loop {
        let fault = match get(client, DISCOVERY).await {
            Ok(text) => match serde_json::from_str::<Description>(&text) {
                Ok(Description { issuer }) => return issuer,
                Err(error) => error.to_string(),
            },
            Err(error) => told(&error),
        };
        tracing::warn!(
            fault,
            "the API server does not say who signs its tokens (is the ClusterRole system:service-account-issuer-discovery bound?)"
        );
        pauses.wait().await;
    }
}

async fn get(client: &kube::Client, path: &str) -> Result<String, kube::Error> {
    let request = Request::get(path)
        .body(Vec::new())
        .map_err(kube::Error::HttpError)?;
    client.request_text(request).await
}
