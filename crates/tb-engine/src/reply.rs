//! What goes back to the client.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

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
