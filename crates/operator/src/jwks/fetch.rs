//! Fetching a document from an address that somebody else chose.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ferromesh_mesh::policy::jwt::KeySource;
use http::header::{ACCEPT, HOST, LOCATION, USER_AGENT};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

use super::address::{Blocked, Rules};
use super::keys::{self, KeysFault};
use super::url::{Security, Url, UrlFault};

/// The longest document.
const LONGEST: usize = 1 << 20;

/// So often a document may be elsewhere.
const REDIRECTS: usize = 5;

/// Where an issuer's OpenID configuration is.
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum FetchFault {
    /// The address is none.
    #[error(transparent)]
    Url(#[from] UrlFault),
    /// The name has no address.
    #[error("{host}: {why}")]
    Resolve {
        /// The name.
        host: String,
        /// Why.
        why: String,
    },
    /// No address of the name may be connected to.
    #[error("{host} is {address}, {why}: it is never connected to")]
    Blocked {
        /// The name.
        host: String,
        /// The last of its addresses.
        address: IpAddr,
        /// Why.
        why: Blocked,
    },
    /// Nobody is there, or who is there does not prove who it is.
    #[error("{host}: {why}")]
    Connect {
        /// The name.
        host: String,
        /// Why.
        why: String,
    },
    /// The answer is none.
    #[error("{host}: {why}")]
    Answer {
        /// The name.
        host: String,
        /// Why.
        why: String,
    },
    /// Too many redirects.
    #[error("more than {REDIRECTS} redirects")]
    Redirects,
    /// A redirect would give up what TLS proved.
    #[error("a redirect from https to http is not followed")]
    Downgrade,
    /// The document is longer than anybody needs.
    #[error("the document is longer than {LONGEST} bytes")]
    TooLong,
    /// The issuer's OpenID configuration names no keys.
    #[error("the OpenID configuration has no jwks_uri")]
    Discovery,
    /// The document has no keys.
    #[error(transparent)]
    Keys(#[from] KeysFault),
    /// Nothing that is fetched.
    #[error("these keys are not fetched")]
    NotFetched,
}

/// Fetches.
pub struct Fetcher {
    rules: Rules,
    /// Roots that are trusted besides those of the system.
    roots: Vec<CertificateDer<'static>>,
    tls: OnceCell<Arc<ClientConfig>>,
}

impl Fetcher {
    /// With these rules and further roots.
    pub fn new(rules: Rules, roots: Vec<CertificateDer<'static>>) -> Self {
        Self {
            rules,
            roots,
            tls: OnceCell::new(),
        }
    }

    /// The keys of a source, checked.
    ///
    /// # Errors
    /// If they can't be had.
    pub async fn keys(&self, source: &KeySource) -> Result<Arc<str>, FetchFault> {
        let document = match source {
            KeySource::Uri(uri) => self.document(uri).await?,
            KeySource::Issuer(issuer) => {
                let at = format!("{}{DISCOVERY}", issuer.trim_end_matches('/'));
                let configuration = self.document(&at).await?;
                let found: Option<serde_json::Value> = serde_json::from_slice(&configuration).ok();
                let uri = found
                    .as_ref()
                    .and_then(|found| found.get("jwks_uri")?.as_str());
                let uri = uri.ok_or(FetchFault::Discovery)?;
                if Url::parse(uri)?.security < Url::parse(issuer)?.security {
                    return Err(FetchFault::Downgrade);
                }
                self.document(uri).await?
            }
            KeySource::Inline(_) | KeySource::Nobody => return Err(FetchFault::NotFetched),
        };
        Ok(Arc::from(keys::checked(&document)?))
    }

    /// A document.
    async fn document(&self, url: &str) -> Result<Bytes, FetchFault> {
        let mut url = Url::parse(url)?;
        for _ in 0..=REDIRECTS {
            // The connection ends with the driver.
            let (response, _driver) = self.get(&url).await?;
            let status = response.status();
            if status.is_success() {
                return body(response.into_body(), &url.host).await;
            }
            let answer = |why: String| FetchFault::Answer {
                host: url.host.clone(),
                why,
            };
            if !status.is_redirection() {
                return Err(answer(format!("status {}", status.as_u16())));
            }
            let location = response.headers().get(LOCATION);
            let location = location.and_then(|location| location.to_str().ok());
            let location =
                location.ok_or_else(|| answer("a redirect that leads nowhere".to_owned()))?;
            let next = url.join(location)?;
            if next.security < url.security {
                return Err(FetchFault::Downgrade);
            }
            url = next;
        }
        Err(FetchFault::Redirects)
    }

    async fn get(&self, url: &Url) -> Result<(Response<Incoming>, Driver), FetchFault> {
        let fault = |error: &dyn std::fmt::Display| FetchFault::Connect {
            host: url.host.clone(),
            why: error.to_string(),
        };
        let tcp = self.connect(url).await?;
        match url.security {
            Security::Plain => exchange(tcp, url).await,
            Security::Tls => {
                let name = ServerName::try_from(url.host.clone()).map_err(|error| fault(&error))?;
                let config = self.tls.get_or_try_init(|| configure(self.roots.clone()));
                let config = config.await.map_err(|error| fault(&error))?;
                let connector = TlsConnector::from(Arc::clone(config));
                let tls = connector.connect(name, tcp).await;
                exchange(tls.map_err(|error| fault(&error))?, url).await
            }
        }
    }

    /// Connects to an address that was looked at.
    async fn connect(&self, url: &Url) -> Result<TcpStream, FetchFault> {
        let host = &url.host;
        let found = tokio::net::lookup_host((host.as_str(), url.port)).await;
        let found = found.map_err(|error| FetchFault::Resolve {
            host: host.clone(),
            why: error.to_string(),
        })?;
        let mut fault = FetchFault::Resolve {
            host: host.clone(),
            why: "has no address".to_owned(),
        };
        for address in found {
            match self.connect_to(host, address).await {
                Ok(tcp) => return Ok(tcp),
                Err(next) => fault = next,
            }
        }
        Err(fault)
    }

    async fn connect_to(&self, host: &str, address: SocketAddr) -> Result<TcpStream, FetchFault> {
        self.rules
            .check(address.ip())
            .map_err(|why| FetchFault::Blocked {
                host: host.to_owned(),
                address: address.ip(),
                why,
            })?;
        TcpStream::connect(address)
            .await
            .map_err(|error| FetchFault::Connect {
                host: host.to_owned(),
                why: error.to_string(),
            })
    }
}

/// Ends the connection with the exchange.
struct Driver(tokio::task::JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    url: &Url,
) -> Result<(Response<Incoming>, Driver), FetchFault> {
    let fault = |error: &dyn std::fmt::Display| FetchFault::Answer {
        host: url.host.clone(),
        why: error.to_string(),
    };
    let request = Request::get(&url.target)
        .header(HOST, &url.authority)
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, "ferromesh")
        .body(Empty::<Bytes>::new())
        .map_err(|error| fault(&error))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| fault(&error))?;
    let driver = Driver(tokio::spawn(async move {
        // Why it ended shows in the response.
        let _ = connection.await;
    }));
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| fault(&error))?;
    Ok((response, driver))
}

async fn body(mut body: Incoming, host: &str) -> Result<Bytes, FetchFault> {
    let mut document = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| FetchFault::Answer {
            host: host.to_owned(),
            why: error.to_string(),
        })?;
        if let Ok(data) = frame.into_data() {
            if document.len() + data.len() > LONGEST {
                return Err(FetchFault::TooLong);
            }
            document.extend_from_slice(&data);
        }
    }
    Ok(document.freeze())
}

/// The roots of the system and others.
async fn configure(others: Vec<CertificateDer<'static>>) -> Result<Arc<ClientConfig>, String> {
    // Reads many files.
    let read = || {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots.add_parsable_certificates(others);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let config = builder.with_root_certificates(roots).with_no_client_auth();
        Ok(Arc::new(config))
    };
    let done = tokio::task::spawn_blocking(read).await;
    done.map_err(|error| error.to_string())?
}
