//! What goes back to the client.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use crate::admission::MemoryHold;
use crate::stream::{PassedBody, StreamBody};

/// An answer for the client. Its settlement travels inside the body.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: ReplyBody,
}

/// A body broke off and its length is unknown: the connection must be closed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the provider broke off in the middle of the body")]
pub struct BodyBroken;

/// The body of a reply.
#[derive(Debug)]
pub enum ReplyBody {
    /// All of it.
    Whole(Option<Bytes>),
    /// Server-sent events.
    Events(Box<StreamBody>),
    /// Bytes passed on as they come (audio).
    Passed(Box<PassedBody>),
}

impl ReplyBody {
    /// A whole body.
    #[must_use]
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Some(bytes.into()))
    }

    /// Keeps the memory of a whole body accounted until its bytes are dropped.
    pub(crate) fn hold(&mut self, memory: MemoryHold) {
        if let Self::Whole(Some(bytes)) = self
            && memory.bytes() > LITTLE_BYTES
        {
            *bytes = Bytes::from_owner(Held { bytes: bytes.clone(), _memory: memory });
        }
    }
}

/// So much stays in the buffers of a connection in any case.
const LITTLE_BYTES: usize = 64 * 1024;

/// Bytes with what they hold of the memory budget.
struct Held {
    bytes: Bytes,
    _memory: MemoryHold,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BodyBroken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyBroken>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Events(stream) => {
                stream.poll_bytes(cx).map(|next| next.map(|b| Ok(Frame::data(b))))
            }
            Self::Passed(body) => {
                body.poll_bytes(cx).map(|next| next.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Events(_) | Self::Passed(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::Admission;

    #[test]
    fn the_memory_of_a_whole_body_is_held_until_its_last_byte_is_dropped() {
        let admission = Admission::default();
        let budget = 1 << 20;
        let mut memory = admission.hold(budget);
        assert!(memory.grow(budget));
        let mut body = ReplyBody::whole(vec![b'x'; 100]);
        body.hold(memory);
        let is_free = || admission.hold(budget).fits(budget);
        let ReplyBody::Whole(bytes) = &mut body else { unreachable!() };
        let mut bytes = bytes.take().unwrap();
        assert_eq!(bytes.split_off(90).len(), 10);
        assert!(!is_free(), "90 bytes are on their way");
        drop(bytes);
        assert!(is_free());
    }
}
