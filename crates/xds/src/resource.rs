//! Named, versioned, encoded resources.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

/// The kinds of resource that travel on an aggregated stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceType {
    /// `envoy.config.cluster.v3.Cluster` (CDS).
    Cluster,
    /// `envoy.config.endpoint.v3.ClusterLoadAssignment` (EDS).
    Endpoints,
    /// `envoy.config.listener.v3.Listener` (LDS).
    Listener,
    /// `envoy.config.route.v3.RouteConfiguration` (RDS).
    Route,
    /// `envoy.config.route.v3.VirtualHost` (VHDS), named `ROUTE/HOST`.
    VirtualHost,
    /// `envoy.extensions.transport_sockets.tls.v3.Secret` (SDS).
    Secret,
}

impl ResourceType {
    /// Every type.
    pub const ALL: [Self; 6] = [
        Self::Cluster,
        Self::Endpoints,
        Self::Listener,
        Self::Route,
        Self::VirtualHost,
        Self::Secret,
    ];

    /// The type URL in requests, responses and `Any`s.
    pub fn type_url(self) -> &'static str {
        match self {
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoints => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Route => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            Self::VirtualHost => "type.googleapis.com/envoy.config.route.v3.VirtualHost",
            Self::Secret => "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        }
    }

    /// The type with this URL, if it is one of ours.
    pub fn from_type_url(url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| ty.type_url() == url)
    }

    /// The discovery service's customary abbreviation, as used in metric labels.
    pub fn short(self) -> &'static str {
        match self {
            Self::Cluster => "cds",
            Self::Endpoints => "eds",
            Self::Listener => "lds",
            Self::Route => "rds",
            Self::VirtualHost => "vhds",
            Self::Secret => "sds",
        }
    }
}

/// One value for each [`ResourceType`].
#[derive(Clone, Debug, Default)]
pub struct PerType<T>([T; 6]);

impl<T> PerType<T> {
    /// The value of `ty`.
    pub fn get(&self, ty: ResourceType) -> &T {
        let [cluster, endpoints, listener, route, virtual_host, secret] = &self.0;
        match ty {
            ResourceType::Cluster => cluster,
            ResourceType::Endpoints => endpoints,
            ResourceType::Listener => listener,
            ResourceType::Route => route,
            ResourceType::VirtualHost => virtual_host,
            ResourceType::Secret => secret,
        }
    }

    /// The value of `ty`, to be changed.
    pub fn get_mut(&mut self, ty: ResourceType) -> &mut T {
        let [cluster, endpoints, listener, route, virtual_host, secret] = &mut self.0;
        match ty {
            ResourceType::Cluster => cluster,
            ResourceType::Endpoints => endpoints,
            ResourceType::Listener => listener,
            ResourceType::Route => route,
            ResourceType::VirtualHost => virtual_host,
            ResourceType::Secret => secret,
        }
    }

    /// Each type with its value.
    pub fn iter(&self) -> impl Iterator<Item = (ResourceType, &T)> {
        ResourceType::ALL.into_iter().zip(self.0.iter())
    }
}

/// A hash of a resource's content: the same in every process and on every replica, so that a
/// client can resume with a server that it has never met.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version([u8; 16]);

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Version {
    /// The version of something made of these parts; where a part ends counts.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut version = [0; 16];
        hasher.finalize_xof().fill(&mut version);
        Self(version)
    }

    /// The 16 bytes behind the text.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The length of a version's text.
const VERSION_TEXT: usize = 22;

impl Version {
    /// 22 characters of URL-safe base64 without padding.
    fn text(self) -> [u8; VERSION_TEXT] {
        let number = u128::from_be_bytes(self.0);
        let mut text = [0u8; VERSION_TEXT];
        // 128 bits are 21 digits of six bits and one of two, which base64 pads with zeros.
        for (at, slot) in text.iter_mut().enumerate() {
            let digit = if at < 21 {
                (number >> (122 - 6 * at)) & 63
            } else {
                (number & 3) << 4
            };
            *slot = ALPHABET.get(digit as usize).copied().unwrap_or(b'-');
        }
        text
    }

    /// Whether `text` is how this version is written.
    pub fn reads(self, text: &str) -> bool {
        self.text() == *text.as_bytes()
    }
}

/// As it stands on the wire.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({self})")
    }
}

/// The slot of one resource in a [`crate::Snapshot`]. It keeps its number while the content changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId(pub u32);

/// A group of clients that may hold the same names with the same content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AudienceId(pub u32);

/// One resource, encoded once for all streams.
#[derive(Clone, Debug)]
pub struct Resource {
    /// What kind of resource it is.
    pub ty: ResourceType,
    /// Its name on the stream.
    pub name: Arc<str>,
    /// The hash of its content.
    pub version: Version,
    /// Field 2 of a `DeltaDiscoveryResponse`, tag and length included.
    pub delta: Bytes,
    /// The part of `delta` that is also field 2 of a `DiscoveryResponse`, tag and length included.
    any: Range<usize>,
    /// Where the protobuf message itself starts in `delta`; it ends with `any`.
    value: usize,
    /// The clusters that a listener, route or virtual host sends requests to.
    pub refers_to: Arc<[Arc<str>]>,
    /// For a cluster of type EDS: the name of its `ClusterLoadAssignment`.
    pub eds: Option<Arc<str>>,
}

fn put_bytes(field: u32, value: &[u8], out: &mut BytesMut) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

/// The size of a length-delimited field with a number below 16.
fn field_len(value: usize) -> usize {
    1 + encoded_len_varint(value as u64) + value
}

impl Resource {
    /// Frames a protobuf message (`value`, of type `type_url`) for both variants of the protocol.
    pub fn encode(
        ty: ResourceType,
        name: impl Into<Arc<str>>,
        aliases: &[&str],
        value: &[u8],
        refers_to: impl Into<Arc<[Arc<str>]>>,
        eds: Option<Arc<str>>,
    ) -> Self {
        let name = name.into();
        let url = ty.type_url().as_bytes();
        let version = Version::of([url, name.as_bytes(), value]);
        let text = version.to_string();
        let any_len = field_len(url.len()) + field_len(value.len());
        let alias_len: usize = aliases.iter().map(|alias| field_len(alias.len())).sum();
        let resource_len =
            field_len(text.len()) + field_len(any_len) + field_len(name.len()) + alias_len;
        let mut out = BytesMut::with_capacity(field_len(resource_len));
        encode_key(2, WireType::LengthDelimited, &mut out);
        encode_varint(resource_len as u64, &mut out);
        put_bytes(1, text.as_bytes(), &mut out);
        let any_start = out.len();
        encode_key(2, WireType::LengthDelimited, &mut out);
        encode_varint(any_len as u64, &mut out);
        put_bytes(1, url, &mut out);
        put_bytes(2, value, &mut out);
        let any = any_start..out.len();
        let value = out.len() - value.len();
        put_bytes(3, name.as_bytes(), &mut out);
        for alias in aliases {
            put_bytes(4, alias.as_bytes(), &mut out);
        }
        Self {
            ty,
            name,
            version,
            delta: out.freeze(),
            any,
            value,
            refers_to: refers_to.into(),
            eds,
        }
    }

    /// Field 2 of a `DiscoveryResponse` (an `Any`), tag and length included.
    pub fn sotw(&self) -> Bytes {
        self.delta.slice(self.any.clone())
    }

    /// The protobuf message without any wrapping, for dumps.
    pub fn value(&self) -> Bytes {
        self.delta.slice(self.value..self.any.end)
    }
}

/// A delta `Resource` with a name and no body: how VHDS says that a host does not exist.
pub(crate) fn bodyless(name: &str) -> Bytes {
    let len = 2 * field_len(name.len());
    let mut out = BytesMut::with_capacity(field_len(len));
    encode_key(2, WireType::LengthDelimited, &mut out);
    encode_varint(len as u64, &mut out);
    put_bytes(3, name.as_bytes(), &mut out);
    put_bytes(4, name.as_bytes(), &mut out);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::{Resource, ResourceType, Version};

    #[test]
    fn version_text_is_base64_of_the_hash() {
        let version = Version([255; 16]);
        assert_eq!(version.to_string(), "_____________________w");
        assert_eq!(Version([0; 16]).to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
    }

    #[test]
    fn content_and_name_make_the_version() {
        let make = |name: &str, value: &[u8]| {
            Resource::encode(ResourceType::Cluster, name, &[], value, [], None).version
        };
        assert_eq!(make("a", b"x"), make("a", b"x"));
        assert_ne!(make("a", b"x"), make("a", b"y"));
        assert_ne!(make("a", b"x"), make("b", b"x"));
    }

    #[test]
    fn value_is_what_went_in() {
        for len in [0, 1, 50, 127, 128, 200, 20_000] {
            let value = vec![7u8; len];
            let resource = Resource::encode(ResourceType::Route, "r", &["r"], &value, [], None);
            assert_eq!(resource.value(), value);
        }
    }
}
