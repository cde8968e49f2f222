//! A streamed answer on its way to the client: decoded event by event, never collected, with
//! the request's settlement inside.

mod abort;
mod alarm;
mod binder;
mod error_event;
mod passed;
mod running;
mod terminal;

use std::task::{Context, Poll};

use bytes::Bytes;

pub(crate) use binder::{Binder, is_response_id};
pub(crate) use passed::PassedBody;
pub(crate) use running::{Opened, Progress, Running};
pub(crate) use terminal::{Terminal, is_terminal, of_response, of_response_event};

/// The server-sent events of one answer. Dropping it before the end means that the client
/// left.
#[derive(Debug)]
pub struct StreamBody {
    running: Option<Box<Running>>,
}

impl StreamBody {
    pub(crate) fn new(running: Running) -> Self {
        Self { running: Some(Box::new(running)) }
    }

    /// The next bytes for the client: all events that are ready, in one piece.
    pub(crate) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(running) = &mut self.running else {
            return Poll::Ready(None);
        };
        let next = std::task::ready!(running.poll_bytes(cx));
        if running.is_over() {
            self.running = None;
        }
        if next.is_empty() { Poll::Ready(None) } else { Poll::Ready(Some(next)) }
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.client_left();
        }
    }
}
