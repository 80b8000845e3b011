//! `grpc.health.v1`: how the kubelet asks an application that speaks gRPC, and the agent in its place.

use bytes::Bytes;
use prost::{DecodeError, Message};

/// The path of the method that asks once.
pub const CHECK: &str = "/grpc.health.v1.Health/Check";

/// `HealthCheckResponse.ServingStatus.SERVING`.
const SERVING: i32 = 1;

/// The question.
#[derive(Clone, PartialEq, Message)]
pub struct HealthCheckRequest {
    /// Whose health; empty for the server's own.
    #[prost(string, tag = "1")]
    pub service: String,
}

/// The answer.
#[derive(Clone, PartialEq, Message)]
pub struct HealthCheckResponse {
    /// 0 unknown, 1 serving, 2 not serving, 3 unknown service.
    #[prost(int32, tag = "1")]
    pub status: i32,
}

impl HealthCheckRequest {
    /// The bytes of the message.
    pub fn render(&self) -> Bytes {
        self.encode_to_vec().into()
    }
}

impl HealthCheckResponse {
    /// Whether a message says that it serves.
    ///
    /// # Errors
    /// If the bytes are no such message.
    pub fn is_serving(message: &[u8]) -> Result<bool, DecodeError> {
        Ok(Self::decode(message)?.status == SERVING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_serving_serves() {
        for (bytes, serves) in [
            (&[8, 1][..], true),
            (&[8, 2], false),
            (&[8, 0], false),
            (&[], false),
        ] {
            assert_eq!(
                HealthCheckResponse::is_serving(bytes),
                Ok(serves),
                "{bytes:?}"
            );
        }
        assert!(HealthCheckResponse::is_serving(&[8]).is_err());
        let request = HealthCheckRequest {
            service: "a".to_owned(),
        };
        assert_eq!(&*request.render(), [10, 1, b'a']);
    }
}
