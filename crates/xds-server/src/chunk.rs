//! What is written on a connection.

use std::io::IoSlice;

use bytes::{Buf, Bytes};
use ferromesh_xds::Frame;

/// A piece of a response.
#[derive(Debug)]
pub(crate) enum Chunk {
    /// A response of an aggregated stream.
    Frame(Frame),
    /// The answer to a call.
    Answer(Bytes),
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        match self {
            Self::Frame(frame) => frame.remaining(),
            Self::Answer(bytes) => bytes.remaining(),
        }
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Frame(frame) => frame.chunk(),
            Self::Answer(bytes) => bytes.chunk(),
        }
    }

    fn chunks_vectored<'a>(&'a self, dst: &mut [IoSlice<'a>]) -> usize {
        match self {
            Self::Frame(frame) => frame.chunks_vectored(dst),
            Self::Answer(bytes) => bytes.chunks_vectored(dst),
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Frame(frame) => frame.advance(count),
            Self::Answer(bytes) => bytes.advance(count),
        }
    }
}
