//! What proxies of the other replicas have taken: asked of each of them, by mutual TLS, when there
//! is something to decide.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use ferromesh_identity::SpiffeId;
use ferromesh_proto::progress::{self, AskRequest, AskResponse, MOST_VERSIONS, State};
use futures_util::future::join_all;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Client;
use kube::api::{Api, ListParams};
use rustls::ClientConfig;
use tokio::sync::watch;
use tokio::time::{Duration, Instant, timeout};

use super::call::Connection;
use super::world::{Others, Refusal, Version, Word};
use crate::cluster::{Cluster, told};

/// The Service of the replicas.
const SERVICE: &str = "ferromesh";

/// The port by which they serve each other.
const PORT: &str = "grpc-xds";

/// How long the list of replicas is used.
const FRESH: Duration = Duration::from_secs(5);

/// How long a replica may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How replicas know each other.
#[derive(Clone)]
pub struct Mutual {
    /// The identity that all of them have.
    pub identity: SpiffeId,
    /// What is shown to the others, and whom one believes.
    pub tls: watch::Receiver<Arc<ClientConfig>>,
}

/// The other replicas.
pub struct Peers {
    client: Client,
    namespace: String,
    replica: String,
    mutual: Mutual,
    found: Mutex<Option<(Instant, Vec<SocketAddr>)>>,
}

impl Peers {
    /// Nobody is known yet.
    pub fn new(cluster: &Cluster, mutual: Mutual) -> Self {
        let Cluster {
            client,
            namespace,
            replica,
        } = cluster.clone();
        Self {
            client,
            namespace,
            replica,
            mutual,
            found: Mutex::new(None),
        }
    }

    /// Asks all of them. Of whoever does not answer nothing is known.
    pub async fn ask(&self, versions: &[Version]) -> Others {
        let addresses = match self.addresses().await {
            Ok(addresses) if addresses.is_empty() => return Others::Nobody,
            Ok(addresses) => addresses,
            Err(fault) => {
                tracing::debug!(fault, "nobody knows which replicas there are");
                return Others::Words(HashMap::new());
            }
        };
        let answers = join_all(addresses.iter().map(|address| async move {
            let answer = timeout(PATIENCE, self.ask_one(*address, versions)).await;
            let answer = answer.unwrap_or_else(|_| Err("there is no answer in time".to_owned()));
            answer.unwrap_or_else(|fault| {
                tracing::debug!(%address, fault, "a replica does not say what its proxies have");
                Vec::new()
            })
        }));
        Others::Words(together(versions, &answers.await))
    }

    async fn ask_one(
        &self,
        address: SocketAddr,
        versions: &[Version],
    ) -> Result<Vec<Word>, String> {
        let Mutual { identity, tls } = &self.mutual;
        let config = Arc::clone(&tls.borrow());
        let mut connection = Connection::open(address, identity, config).await?;
        let mut words = Vec::with_capacity(versions.len());
        for some in versions.chunks(MOST_VERSIONS) {
            let versions = some.iter().map(|version| progress::Version {
                uid: version.uid.to_string(),
                generation: version.generation,
            });
            let request = AskRequest {
                versions: versions.collect(),
            };
            let answer = connection.call(progress::ASK, &request.render()).await?;
            let AskResponse { words: said } =
                AskResponse::parse(&answer).map_err(|error| error.to_string())?;
            if said.len() != some.len() {
                return Err("there is not one word for each version".to_owned());
            }
            words.extend(said.iter().map(word));
        }
        Ok(words)
    }

    /// Where the others are.
    async fn addresses(&self) -> Result<Vec<SocketAddr>, String> {
        let known = self
            .found
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some((when, addresses)) = known
            && when.elapsed() < FRESH
        {
            return Ok(addresses);
        }
        let slices: Api<EndpointSlice> = Api::namespaced(self.client.clone(), &self.namespace);
        let of_service = format!("kubernetes.io/service-name={SERVICE}");
        let params = ListParams::default().labels(&of_service);
        let list = timeout(PATIENCE, slices.list(&params)).await;
        let list = list.map_err(|_| "no answer in time".to_owned())?;
        let list = list.map_err(|error| told(&error))?;
        let addresses = others(&list.items, &self.replica);
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), addresses.clone()));
        Ok(addresses)
    }
}

/// The replicas but this, each once.
fn others(slices: &[EndpointSlice], replica: &str) -> Vec<SocketAddr> {
    let mut found = BTreeMap::new();
    for slice in slices {
        let mut ports = slice.ports.iter().flatten();
        let port = ports
            .find(|port| port.name.as_deref() == Some(PORT))
            .and_then(|port| u16::try_from(port.port?).ok());
        for endpoint in &slice.endpoints {
            let conditions = endpoint.conditions.as_ref();
            let serves = conditions
                .and_then(|it| it.serving.or(it.ready))
                .unwrap_or(true);
            let name = endpoint
                .target_ref
                .as_ref()
                .and_then(|target| target.name.as_deref());
            let address = endpoint.addresses.first();
            let address = address.and_then(|address| address.parse::<IpAddr>().ok());
            if let (true, Some(name), Some(address), Some(port)) = (serves, name, address, port)
                && name != replica
            {
                found.insert(name, SocketAddr::new(address, port));
            }
        }
    }
    found.into_values().collect()
}

fn word(said: &progress::Word) -> Word {
    match said.state() {
        State::Pending => Word::Pending,
        State::Taken => Word::Taken,
        State::NoProxies => Word::NoProxies,
        State::Refused => Word::Refused(Refusal {
            path: Arc::from(&*said.path),
            words: said.refusal.clone(),
        }),
    }
}

/// What holds of all of them together. Who has not answered has no words, and may have proxies.
fn together(versions: &[Version], answers: &[Vec<Word>]) -> HashMap<Version, Word> {
    let of = |(index, version): (usize, &Version)| {
        let words = answers.iter().map(|words| words.get(index).cloned());
        let word = words.map(|word| word.unwrap_or(Word::Pending)).max()?;
        Some((version.clone(), word))
    };
    versions.iter().enumerate().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_others_are_those_that_serve() {
        let endpoint = |name: &str, address: &str, serving: bool| {
            json!({"addresses": [address], "conditions": {"ready": false, "serving": serving},
                   "targetRef": {"kind": "Pod", "name": name}})
        };
        let slice = |port: &str, endpoints: Vec<serde_json::Value>| {
            let slice = json!({"addressType": "IPv4", "metadata": {}, "endpoints": endpoints,
                               "ports": [{"name": port, "port": 15012}]});
            serde_json::from_value(slice).expect("a slice")
        };
        let slices = [
            slice(
                PORT,
                vec![
                    endpoint("me", "10.0.0.1", true),
                    endpoint("b", "10.0.0.2", true),
                    endpoint("gone", "10.0.0.3", false),
                    endpoint("odd", "nowhere", true),
                ],
            ),
            slice(PORT, vec![endpoint("b", "fd00::2", true)]),
            slice("another", vec![endpoint("c", "10.0.0.4", true)]),
        ];
        assert_eq!(
            others(&slices, "me"),
            ["[fd00::2]:15012".parse().expect("an address")]
        );
    }

    #[test]
    fn the_worst_word_counts_and_silence_is_no_consent() {
        let version = |uid: &str| Version {
            uid: Arc::from(uid),
            generation: 1,
        };
        let refused = Word::Refused(Refusal {
            path: Arc::from("spec"),
            words: "no".to_owned(),
        });
        let versions = ["a", "b", "c", "d"].map(version);
        let first = vec![Word::NoProxies, Word::Taken, Word::Taken, Word::Pending];
        let second = vec![
            Word::NoProxies,
            Word::NoProxies,
            Word::Pending,
            refused.clone(),
        ];
        let words = together(&versions, &[first.clone(), second]);
        let expected = [Word::NoProxies, Word::Taken, Word::Pending, refused];
        for (version, word) in versions.iter().zip(&expected) {
            assert_eq!(words.get(version), Some(word));
        }
        let words = together(&versions, &[first, Vec::new()]);
        assert!(words.values().all(|word| *word == Word::Pending));
    }
}
