//! Requests as clients send them, decoded only as far as anybody reads them.
//!
//! Envoy's first message carries 61 KB of extension descriptors; they are skipped, not built.

use prost::Message;

/// A protobuf `Struct`.
#[derive(Clone, PartialEq, Message)]
pub struct Struct {
    /// The members, in the order in which they came.
    #[prost(message, repeated, tag = "1")]
    pub fields: Vec<Field>,
}

/// One member of a [`Struct`] (wire-identical to a map entry).
#[derive(Clone, PartialEq, Message)]
pub struct Field {
    /// The member's name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// The member's value.
    #[prost(message, optional, tag = "2")]
    pub value: Option<Value>,
}

/// A protobuf `Value`.
#[derive(Clone, PartialEq, Message)]
pub struct Value {
    /// What sort of value it is, and the value.
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6")]
    pub kind: Option<Kind>,
}

/// The sorts of [`Value`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Kind {
    /// JSON's `null`.
    #[prost(int32, tag = "1")]
    Null(i32),
    /// A number.
    #[prost(double, tag = "2")]
    Number(f64),
    /// A text.
    #[prost(string, tag = "3")]
    String(String),
    /// True or false.
    #[prost(bool, tag = "4")]
    Bool(bool),
    /// An object.
    #[prost(message, tag = "5")]
    Struct(Struct),
    /// An array.
    #[prost(message, tag = "6")]
    List(List),
}

/// A protobuf `ListValue`.
#[derive(Clone, PartialEq, Message)]
pub struct List {
    /// The elements.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<Value>,
}

impl Struct {
    /// The text under `key`.
    pub fn text(&self, key: &str) -> Option<&str> {
        match &self.get(key)?.kind {
            Some(Kind::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.fields
            .iter()
            .find(|field| field.key == key)?
            .value
            .as_ref()
    }
}

/// The part of `envoy.config.core.v3.Node` that a control plane reads.
#[derive(Clone, PartialEq, Message)]
pub struct Node {
    /// The client's id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// The client's cluster.
    #[prost(string, tag = "2")]
    pub cluster: String,
    /// Free-form metadata.
    #[prost(message, optional, tag = "3")]
    pub metadata: Option<Struct>,
    /// The program's name, such as `envoy`.
    #[prost(string, tag = "6")]
    pub user_agent_name: String,
}

/// The part of `google.rpc.Status` that we read.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(string, tag = "2")]
    message: String,
}

#[derive(Clone, PartialEq, Message)]
struct NameVersion {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct DeltaRequest {
    #[prost(message, optional, tag = "1")]
    node: Option<Node>,
    #[prost(string, tag = "2")]
    type_url: String,
    #[prost(string, repeated, tag = "3")]
    subscribe: Vec<String>,
    #[prost(string, repeated, tag = "4")]
    unsubscribe: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    versions: Vec<NameVersion>,
    #[prost(string, tag = "6")]
    nonce: String,
    #[prost(message, optional, tag = "7")]
    error: Option<Status>,
}

#[derive(Clone, PartialEq, Message)]
struct SotwRequest {
    #[prost(string, tag = "1")]
    version_info: String,
    #[prost(message, optional, tag = "2")]
    node: Option<Node>,
    #[prost(string, repeated, tag = "3")]
    names: Vec<String>,
    #[prost(string, tag = "4")]
    type_url: String,
    #[prost(string, tag = "5")]
    nonce: String,
    #[prost(message, optional, tag = "6")]
    error: Option<Status>,
}

/// A request of either variant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// Who asks; usually in the first request of a stream only.
    pub node: Option<Node>,
    /// The type that this request is about.
    pub type_url: String,
    /// Delta: names to add. State of the world: all names.
    pub subscribe: Vec<String>,
    /// Delta: names to drop.
    pub unsubscribe: Vec<String>,
    /// Delta: what the client has from an earlier stream, as (name, version).
    pub versions: Vec<(String, String)>,
    /// State of the world: the version of the set that the client has.
    pub version_info: String,
    /// The response that this request answers; empty if none.
    pub nonce: String,
    /// Why the client refused that response; `None` if it accepted it.
    pub error: Option<String>,
}

impl Request {
    /// Reads a `DeltaDiscoveryRequest`.
    ///
    /// # Errors
    /// If the bytes are not such a message.
    pub fn decode_delta(bytes: &[u8]) -> Result<Self, prost::DecodeError> {
        let DeltaRequest {
            node,
            type_url,
            subscribe,
            unsubscribe,
            versions,
            nonce,
            error,
        } = DeltaRequest::decode(bytes)?;
        Ok(Self {
            node,
            type_url,
            subscribe,
            unsubscribe,
            versions: versions
                .into_iter()
                .map(|NameVersion { name, version }| (name, version))
                .collect(),
            version_info: String::new(),
            nonce,
            error: error.map(|Status { message }| message),
        })
    }

    /// Reads a `DiscoveryRequest`.
    ///
    /// # Errors
    /// If the bytes are not such a message.
    pub fn decode_sotw(bytes: &[u8]) -> Result<Self, prost::DecodeError> {
        let SotwRequest {
            version_info,
            node,
            names,
            type_url,
            nonce,
            error,
        } = SotwRequest::decode(bytes)?;
        Ok(Self {
            node,
            type_url,
            subscribe: names,
            unsubscribe: Vec::new(),
            versions: Vec::new(),
            version_info,
            nonce,
            error: error.map(|Status { message }| message),
        })
    }

    /// Writes a `DeltaDiscoveryRequest`, for clients (our own tools and tests).
    pub fn encode_delta(&self) -> Vec<u8> {
        let versions = self
            .versions
            .iter()
            .map(|(name, version)| NameVersion {
                name: name.clone(),
                version: version.clone(),
            })
            .collect();
        DeltaRequest {
            node: self.node.clone(),
            type_url: self.type_url.clone(),
            subscribe: self.subscribe.clone(),
            unsubscribe: self.unsubscribe.clone(),
            versions,
            nonce: self.nonce.clone(),
            error: self.error.clone().map(|message| Status { message }),
        }
        .encode_to_vec()
    }

    /// Writes a `DiscoveryRequest`, for clients (our own tools and tests).
    pub fn encode_sotw(&self) -> Vec<u8> {
        SotwRequest {
            version_info: self.version_info.clone(),
            node: self.node.clone(),
            names: self.subscribe.clone(),
            type_url: self.type_url.clone(),
            nonce: self.nonce.clone(),
            error: self.error.clone().map(|message| Status { message }),
        }
        .encode_to_vec()
    }
}

#[derive(Clone, PartialEq, Message)]
struct WireAny {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "bytes", tag = "2")]
    value: bytes::Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct WireResource {
    #[prost(string, tag = "1")]
    version: String,
    #[prost(message, optional, tag = "2")]
    resource: Option<WireAny>,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, repeated, tag = "4")]
    aliases: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct DeltaResponse {
    #[prost(message, repeated, tag = "2")]
    resources: Vec<WireResource>,
    #[prost(string, tag = "4")]
    type_url: String,
    #[prost(string, tag = "5")]
    nonce: String,
    #[prost(string, repeated, tag = "6")]
    removed: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct SotwResponse {
    #[prost(string, tag = "1")]
    version_info: String,
    #[prost(message, repeated, tag = "2")]
    resources: Vec<WireAny>,
    #[prost(string, tag = "4")]
    type_url: String,
    #[prost(string, tag = "5")]
    nonce: String,
}

/// One resource of a [`Response`].
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// Its name; empty in the state-of-the-world variant, where only the body has it.
    pub name: String,
    /// Its version; empty in the state-of-the-world variant.
    pub version: String,
    /// Other names for it.
    pub aliases: Vec<String>,
    /// The message; `None` for a virtual host that does not exist.
    pub value: Option<bytes::Bytes>,
}

/// A response of either variant as a client reads it (our own tools and tests).
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The type of all resources in it.
    pub type_url: String,
    /// To be repeated in the answer.
    pub nonce: String,
    /// State of the world: the version of the set.
    pub version_info: String,
    /// New and changed resources, or all of them.
    pub resources: Vec<Received>,
    /// Delta: names that are gone or do not exist.
    pub removed: Vec<String>,
}

impl Response {
    /// Reads a `DeltaDiscoveryResponse`.
    ///
    /// # Errors
    /// If the bytes are not such a message.
    pub fn decode_delta(bytes: impl bytes::Buf) -> Result<Self, prost::DecodeError> {
        let DeltaResponse {
            resources,
            type_url,
            nonce,
            removed,
        } = DeltaResponse::decode(bytes)?;
        let resources = resources
            .into_iter()
            .map(
                |WireResource {
                     version,
                     resource,
                     name,
                     aliases,
                 }| Received {
                    name,
                    version,
                    aliases,
                    value: resource.map(|WireAny { type_url: _, value }| value),
                },
            )
            .collect();
        Ok(Self {
            type_url,
            nonce,
            version_info: String::new(),
            resources,
            removed,
        })
    }

    /// Reads a `DiscoveryResponse`.
    ///
    /// # Errors
    /// If the bytes are not such a message.
    pub fn decode_sotw(bytes: impl bytes::Buf) -> Result<Self, prost::DecodeError> {
        let SotwResponse {
            version_info,
            resources,
            type_url,
            nonce,
        } = SotwResponse::decode(bytes)?;
        let resources = resources
            .into_iter()
            .map(|WireAny { type_url: _, value }| Received {
                name: String::new(),
                version: String::new(),
                aliases: Vec::new(),
                value: Some(value),
            })
            .collect();
        Ok(Self {
            type_url,
            nonce,
            version_info,
            resources,
            removed: Vec::new(),
        })
    }
}
