//! Questions to an API server.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::timeout;

use super::kinds::{Form, Kind};
use super::trouble::Trouble;

/// So many objects are asked for at once where they can't be streamed.
const PAGE: &str = "500";
/// The server ends watches after this at least, and twice of it at most, so that they spread over
/// its replicas.
const WATCH_SECONDS: u64 = 240;
/// Who is silent for so long is taken for dead: API servers send bookmarks every minute.
const SILENCE: Duration = Duration::from_secs(150);
/// How long an answer may take to begin.
const ANSWER: Duration = Duration::from_secs(60);
/// The longest line: ten times of what an API server takes as one object.
const MAX_LINE_BYTES: usize = 32 << 20;
/// The longest page.
const MAX_PAGE_BYTES: usize = 1 << 30;

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Which kind.
    pub kind: &'static Kind,
    /// In which version.
    pub version: String,
    /// Which objects.
    pub extent: Extent,
}

/// Which objects of a kind.
#[derive(Clone, Debug)]
pub(super) enum Extent {
    /// All in the cluster.
    All,
    /// The one of this namespace and name.
    One {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
}

impl Target {
    /// The group and version, as objects have them.
    pub fn api_version(&self) -> String {
        match self.kind.group {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// A page of a list.
    pub async fn list(&self, client: &Client, page: &str) -> Result<Bytes, Trouble> {
        let mut query = vec![("limit", PAGE.to_owned())];
        if !page.is_empty() {
            query.push(("continue", page.to_owned()));
        }
        let answer = send(client, self.request("List", query)?).await?;
        collect(answer.into_body(), MAX_PAGE_BYTES).await
    }

    /// A watch that begins with all that there is.
    pub async fn stream(&self, client: &Client) -> Result<Lines, Trouble> {
        let more = [
            ("sendInitialEvents", "true"),
            ("resourceVersionMatch", "NotOlderThan"),
        ];
        self.watch(client, &more).await
    }

    /// A watch that goes on where another ended.
    pub async fn resume(&self, client: &Client, position: &str) -> Result<Lines, Trouble> {
        self.watch(client, &[("resourceVersion", position)]).await
    }

    async fn watch(&self, client: &Client, more: &[(&str, &str)]) -> Result<Lines, Trouble> {
        let seconds = WATCH_SECONDS + fastrand::u64(..WATCH_SECONDS);
        let mut query = vec![
            ("watch", "true".to_owned()),
            ("allowWatchBookmarks", "true".to_owned()),
            ("timeoutSeconds", seconds.to_string()),
        ];
        query.extend(more.iter().map(|(key, value)| (*key, (*value).to_owned())));
        let answer = send(client, self.request("", query)?).await?;
        Ok(Lines {
            body: answer.into_body(),
            buffer: BytesMut::new(),
            searched: 0,
        })
    }

    fn request(
        &self,
        form: &str,
        mut query: Vec<(&str, String)>,
    ) -> Result<Request<Body>, Trouble> {
        let Self {
            kind,
            version,
            extent,
        } = self;
        let mut path = match kind.group {
            "" => format!("/api/{version}"),
            group => format!("/apis/{group}/{version}"),
        };
        if let Extent::One { namespace, name } = extent {
            path += &format!("/namespaces/{namespace}");
            query.push(("fieldSelector", format!("metadata.name={name}")));
        }
        let query: Vec<_> = query
            .iter()
            .map(|(key, value)| format!("{key}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .collect();
        let accept = match kind.form {
            Form::Whole => "application/json".to_owned(),
            Form::Metadata => {
                format!("application/json;as=PartialObjectMetadata{form};g=meta.k8s.io;v=v1")
            }
        };
        get(
            &format!("{path}/{}?{}", kind.plural, query.join("&")),
            &accept,
        )
    }
}

/// One object, whole.
pub(super) async fn read(client: &Client, path: &str) -> Result<Bytes, Trouble> {
    let answer = send(client, get(path, "application/json")?).await?;
    collect(answer.into_body(), MAX_LINE_BYTES).await
}

fn get(uri: &str, accept: &str) -> Result<Request<Body>, Trouble> {
    Request::get(uri)
        .header(header::ACCEPT, accept)
        // Compressed watches are not understood.
        .header(header::ACCEPT_ENCODING, "identity")
        .body(Body::empty())
        .map_err(|error| Trouble::NotUnderstood(error.to_string()))
}

async fn send(client: &Client, request: Request<Body>) -> Result<Response<Body>, Trouble> {
    let answer = match timeout(ANSWER, client.send(request)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(Trouble::unreachable(&error)),
        Err(_) => return Err(Trouble::Unreachable("no answer".to_owned())),
    };
    let (parts, body) = answer.into_parts();
    if parts.status == StatusCode::OK {
        return Ok(Response::from_parts(parts, body));
    }
    let body = collect(body, MAX_LINE_BYTES).await.unwrap_or_default();
    Err(Trouble::of_answer(parts.status, &body))
}

async fn collect(mut body: Body, most: usize) -> Result<Bytes, Trouble> {
    let mut all = BytesMut::new();
    while let Some(data) = frame(&mut body).await? {
        all.extend_from_slice(&data);
        if all.len() > most {
            return Err(Trouble::Unreadable("it is too large".to_owned()));
        }
    }
    Ok(all.freeze())
}

/// The next bytes; `None` at the end.
async fn frame(body: &mut Body) -> Result<Option<Bytes>, Trouble> {
    loop {
        let next = timeout(SILENCE, body.frame()).await;
        match next.map_err(|_| Trouble::Unreachable("no answer".to_owned()))? {
            None => return Ok(None),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Some(Err(error)) => return Err(Trouble::unreachable(&error)),
        }
    }
}

/// The lines of a watch.
pub(super) struct Lines {
    body: Body,
    buffer: BytesMut,
    /// So much of the buffer has no line end in it.
    searched: usize,
}

impl Lines {
    /// All lines that have arrived, at least one; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Trouble> {
        loop {
            let fresh = &self.buffer[self.searched..];
            if let Some(end) = fresh.iter().rposition(|byte| *byte == b'\n') {
                let lines = self.buffer.split_to(self.searched + end + 1);
                self.searched = self.buffer.len();
                return Ok(Some(lines.freeze()));
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > MAX_LINE_BYTES {
                return Err(Trouble::Unreadable("an event is too large".to_owned()));
            }
            match frame(&mut self.body).await? {
                Some(data) => self.buffer.extend_from_slice(&data),
                None => return Ok(None),
            }
        }
    }
}
