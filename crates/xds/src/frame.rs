//! One response, put together from shared pieces.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

use crate::resource::ResourceType;

/// Below this size one contiguous buffer is cheaper than a scatter list.
const COPY_BELOW: usize = 4096;

/// The length of gRPC's prefix: a flag for compression and the length of the message.
pub const PREFIX: usize = 5;

/// One encoded `DeltaDiscoveryResponse` or `DiscoveryResponse` behind gRPC's prefix, ready to be
/// written.
///
/// It is a [`Buf`] over pieces that are shared between all streams; only the envelope is its own.
#[derive(Debug)]
pub struct Frame {
    /// The type of the resources in it.
    pub ty: ResourceType,
    /// How many resources it carries.
    pub resources: usize,
    /// How many names it removes.
    pub removed: usize,
    head: Bytes,
    parts: VecDeque<Bytes>,
    len: usize,
}

impl Frame {
    /// A delta response. `bodies` are framed as field 2 already.
    pub(crate) fn delta(
        ty: ResourceType,
        nonce: u64,
        bodies: Vec<Bytes>,
        removed: &[Arc<str>],
    ) -> Self {
        Self::build(ty, nonce, None, bodies, removed)
    }

    /// A state-of-the-world response. `bodies` are framed as field 2 already.
    pub(crate) fn sotw(ty: ResourceType, nonce: u64, version: &str, bodies: Vec<Bytes>) -> Self {
        Self::build(ty, nonce, Some(version), bodies, &[])
    }

    fn build(
        ty: ResourceType,
        nonce: u64,
        version: Option<&str>,
        bodies: Vec<Bytes>,
        removed: &[Arc<str>],
    ) -> Self {
        let nonce = nonce.to_string();
        let names = removed.iter().map(|name| text_len(name)).sum::<usize>();
        let head_len =
            version.map_or(0, text_len) + text_len(ty.type_url()) + text_len(&nonce) + names;
        let body_len: usize = bodies.iter().map(Bytes::len).sum();
        let message = head_len + body_len;
        let copy = message <= COPY_BELOW;
        let mut head = BytesMut::with_capacity(PREFIX + if copy { message } else { head_len });
        head.put_u8(0);
        head.put_u32(u32::try_from(message).unwrap_or(u32::MAX));
        if let Some(version) = version {
            put_text(1, version, &mut head);
        }
        put_text(4, ty.type_url(), &mut head);
        put_text(5, &nonce, &mut head);
        for name in removed {
            put_text(6, name, &mut head);
        }
        let resources = bodies.len();
        let parts = if copy {
            for body in &bodies {
                head.extend_from_slice(body);
            }
            VecDeque::new()
        } else {
            VecDeque::from(bodies)
        };
        let len = PREFIX + message;
        Self {
            ty,
            resources,
            removed: removed.len(),
            head: head.freeze(),
            parts,
            len,
        }
    }
}

fn text_len(value: &str) -> usize {
    1 + encoded_len_varint(value.len() as u64) + value.len()
}

fn put_text(field: u32, value: &str, out: &mut BytesMut) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value.as_bytes());
}

impl Buf for Frame {
    fn remaining(&self) -> usize {
        self.len
    }

    fn chunk(&self) -> &[u8] {
        if self.head.is_empty() {
            return self.parts.front().map_or(&[], |part| part);
        }
        &self.head
    }

    fn chunks_vectored<'a>(&'a self, dst: &mut [IoSlice<'a>]) -> usize {
        let pieces = std::iter::once(&self.head)
            .chain(&self.parts)
            .filter(|part| !part.is_empty());
        let mut filled = 0;
        for (slot, part) in dst.iter_mut().zip(pieces) {
            *slot = IoSlice::new(part);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, count: usize) {
        self.len = self.len.saturating_sub(count);
        let from_head = count.min(self.head.len());
        self.head.advance(from_head);
        let mut count = count - from_head;
        while let Some(part) = self.parts.front_mut() {
            if count < part.len() {
                part.advance(count);
                return;
            }
            count -= part.len();
            self.parts.pop_front();
        }
    }
}
