//! Messages in Envoy's JSON form, as its configuration dump shows them: names of fields as in
//! the `.proto` files, every `Any` expanded, durations as `"1.5s"`.

use std::fmt;
use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::{Map, Value};

static POOL: LazyLock<Result<DescriptorPool, String>> = LazyLock::new(|| {
    DescriptorPool::decode(include_bytes!("../descriptors.bin").as_slice())
        .map_err(|error| error.to_string())
});

/// Why a message has no JSON form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The type, or that of an `Any` inside, is not among those that this crate knows.
    UnknownType(String),
    /// The bytes are no such message.
    Malformed(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownType(name) => write!(f, "unknown message type {name:?}"),
            Self::Malformed(reason) => write!(f, "malformed message: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

/// The JSON form of an encoded message, without an `@type` of its own. `type_url` is
/// `type.googleapis.com/NAME`.
///
/// Equal bytes give equal text: `@type` and `name` come first, the other keys in alphabetical
/// order.
///
/// # Errors
///
/// When the type is unknown or the bytes are malformed, here or in an `Any` inside.
pub fn to_json(type_url: &str, body: &[u8]) -> Result<Value, Error> {
    let name = type_url.rsplit('/').next().unwrap_or(type_url);
    let pool = POOL.as_ref().map_err(|e| Error::Malformed(e.clone()))?;
    let descriptor = pool
        .get_message_by_name(name)
        .ok_or_else(|| Error::UnknownType(name.to_owned()))?;
    let message = DynamicMessage::decode(descriptor, body)
        .map_err(|error| Error::Malformed(error.to_string()))?;
    let options = SerializeOptions::new().use_proto_field_name(true);
    message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .map(sorted)
        .map_err(|error| Error::Malformed(error.to_string()))
}

/// The reflection library keeps maps in hash order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().collect();
            fields.sort_by(|(a, _), (b, _)| (rank(a), a).cmp(&(rank(b), b)));
            let sorted = fields.into_iter().map(|(key, value)| (key, sorted(value)));
            Value::Object(sorted.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        scalar => scalar,
    }
}

fn rank(key: &str) -> u8 {
    match key {
        "@type" => 0,
        "name" => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, Name, any, listener, tcp_proxy};

    #[test]
    fn expands_any_and_keeps_proto_names() {
        let proxy = tcp_proxy::TcpProxy {
            stat_prefix: "a".into(),
            ..Default::default()
        };
        let filter = listener::Filter {
            name: "f".into(),
            config_type: Some(listener::filter::ConfigType::TypedConfig(any(&proxy))),
        };
        let json = to_json(&listener::Filter::type_url(), &filter.encode_to_vec());
        let expected = serde_json::json!({
            "name": "f",
            "typed_config": {
                "@type": tcp_proxy::TcpProxy::type_url(),
                "stat_prefix": "a",
            },
        });
        assert_eq!(json, Ok(expected));
        assert_eq!(to_json("x/y.Z", b""), Err(Error::UnknownType("y.Z".into())));
        assert!(matches!(
            to_json(&listener::Filter::type_url(), b"\xff"),
            Err(Error::Malformed(_))
        ));
    }
}
