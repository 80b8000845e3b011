//! Application protocols of ports.

/// What is spoken on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// HTTP/1.1.
    Http,
    /// HTTP/2 in the clear.
    Http2,
    /// gRPC (HTTP/2).
    Grpc,
    /// gRPC-Web over HTTP/1.1.
    GrpcWeb,
    /// TLS by the application, carrying HTTP; opaque to the mesh.
    Https,
    /// TLS by the application; opaque to the mesh.
    Tls,
    /// Bytes.
    Tcp,
    /// Bytes, where the server speaks first or the protocol is known never to be HTTP
    /// (`mongo`, `mysql`, `redis` as port names): no detection.
    Opaque,
    /// Not captured.
    Udp,
    /// Not declared: HTTP and TCP are told apart per connection.
    Detect,
}

impl Protocol {
    /// Whether requests are routed one by one.
    pub const fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Http2 | Self::Grpc | Self::GrpcWeb)
    }

    /// Whether HTTP/2 is spoken.
    pub const fn is_http2(self) -> bool {
        matches!(self, Self::Http2 | Self::Grpc)
    }

    /// Whether connections are forwarded as bytes.
    pub const fn is_tcp(self) -> bool {
        matches!(self, Self::Https | Self::Tls | Self::Tcp | Self::Opaque)
    }
}
