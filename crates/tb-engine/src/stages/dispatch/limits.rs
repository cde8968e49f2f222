//! The time-outs of one attempt: to the first byte, between pieces, to the deadline.

use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::timeout_at;

use super::failure::Failure;
use crate::client::{SendFailure, Upstream, UpstreamBody};
use crate::clock;

/// How long an attempt may wait for what. The time-out of the connection is the client's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The request's deadline.
    pub(super) deadline: Instant,
    /// When the first byte must be there; `None` = at the deadline.
    pub(super) first_byte: Option<Instant>,
    /// The longest silence in the middle of an answer.
    pub(super) idle: Duration,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    /// The first bytes of a stream.
    First,
    /// More bytes.
    More,
}

impl Limits {
    /// Waits for the head of the answer.
    pub(super) async fn head(
        &self,
        sending: Pin<&mut impl Future<Output = Result<Upstream, SendFailure>>>,
    ) -> Result<Upstream, Failure> {
        let due = self.first_byte.unwrap_or(self.deadline).min(self.deadline);
        match timeout_at(due.into(), sending).await {
            Ok(outcome) => outcome.map_err(Failure::Send),
            Err(_) if due < self.deadline => Err(Failure::FirstByte(0)),
            Err(_) => Err(Failure::Deadline(0)),
        }
    }

    /// The next bytes of a body; `None` at its end. `status` is that of the answer.
    pub(super) async fn next(
        &self,
        body: &mut UpstreamBody,
        awaited: Awaited,
        status: u16,
    ) -> Result<Option<Bytes>, Failure> {
        // What is there already costs no timer.
        let ready = std::future::poll_fn(|cx| Poll::Ready(body.poll_data(cx))).await;
        let heard = match ready {
            Poll::Ready(heard) => heard,
            Poll::Pending => {
                let due = match (awaited, self.first_byte) {
                    (Awaited::First, Some(first_byte)) => first_byte,
                    (Awaited::First, None) => self.deadline,
                    (Awaited::More, _) => clock::now() + self.idle,
                };
                let due = due.min(self.deadline);
                match timeout_at(due.into(), body.data()).await {
                    Ok(heard) => heard,
                    Err(_) if due >= self.deadline => return Err(Failure::Deadline(status)),
                    Err(_) if awaited == Awaited::First => return Err(Failure::FirstByte(status)),
                    Err(_) => return Err(Failure::Idle(status)),
                }
            }
        };
        heard.transpose().map_err(|_| Failure::BrokeOff(status))
    }
}
