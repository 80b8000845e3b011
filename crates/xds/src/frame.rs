//! One response, put together from shared pieces.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::encoding::{WireType, encode_key, encode_varint};

use crate::resource::{Resource, ResourceType};

/// Below this size one contiguous buffer is cheaper than a scatter list.
const COPY_BELOW: usize = 4096;

/// One encoded `DeltaDiscoveryResponse` or `DiscoveryResponse`, ready to be written.
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
    parts: VecDeque<Bytes>,
    len: usize,
}

impl Frame {
    fn new(ty: ResourceType) -> Self {
        Self {
            ty,
            resources: 0,
            removed: 0,
            parts: VecDeque::new(),
            len: 0,
        }
    }

    fn push(&mut self, part: Bytes) {
        self.len += part.len();
        self.parts.push_back(part);
    }

    /// A delta response. `bodies` are framed as field 2 already.
    pub(crate) fn delta(
        ty: ResourceType,
        nonce: u64,
        bodies: Vec<Bytes>,
        removed: &[std::sync::Arc<str>],
    ) -> Self {
        let mut frame = Self::new(ty);
        frame.resources = bodies.len();
        frame.removed = removed.len();
        let mut head = BytesMut::with_capacity(96);
        put_str(4, ty.type_url(), &mut head);
        put_str(5, &nonce.to_string(), &mut head);
        for name in removed {
            put_str(6, name, &mut head);
        }
        frame.push(head.freeze());
        for body in bodies {
            frame.push(body);
        }
        frame.finish()
    }

    /// A state-of-the-world response.
    pub(crate) fn sotw(ty: ResourceType, nonce: u64, version: &str, anys: Vec<Bytes>) -> Self {
        let mut frame = Self::new(ty);
        frame.resources = anys.len();
        let mut head = BytesMut::with_capacity(128);
        put_str(1, version, &mut head);
        put_str(4, ty.type_url(), &mut head);
        put_str(5, &nonce.to_string(), &mut head);
        frame.push(head.freeze());
        for any in anys {
            frame.push(any);
        }
        frame.finish()
    }

    fn finish(mut self) -> Self {
        if self.len <= COPY_BELOW && self.parts.len() > 1 {
            let all = self.copy_to_bytes(self.len);
            self.len = all.len();
            self.parts = VecDeque::from([all]);
        }
        self
    }

    /// The frame with gRPC's five-byte prefix (uncompressed) in front.
    pub fn into_grpc(mut self) -> Self {
        let mut prefix = BytesMut::with_capacity(5 + COPY_BELOW.min(self.len));
        prefix.put_u8(0);
        prefix.put_u32(u32::try_from(self.len).unwrap_or(u32::MAX));
        if self.len <= COPY_BELOW {
            prefix.put(&mut self);
        }
        self.len += prefix.len();
        self.parts.push_front(prefix.freeze());
        self
    }
}

fn put_str(field: u32, value: &str, out: &mut BytesMut) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value.as_bytes());
}

/// What one resource adds to a delta response.
pub(crate) fn size(resource: &Resource) -> usize {
    resource.delta.len()
}

impl Buf for Frame {
    fn remaining(&self) -> usize {
        self.len
    }

    fn chunk(&self) -> &[u8] {
        self.parts.front().map_or(&[], |part| part)
    }

    fn chunks_vectored<'a>(&'a self, dst: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        for (slot, part) in dst.iter_mut().zip(&self.parts) {
            *slot = IoSlice::new(part);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, mut count: usize) {
        self.len = self.len.saturating_sub(count);
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
