//! A body passed on byte by byte (audio, transcripts as text).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tb_core::EndReason;
use tb_core::breaker::Verdict;
use tokio::task::JoinHandle;

use super::abort::AbortWatch;
use super::alarm::{Alarm, Ring};
use crate::client::UpstreamBody;
use crate::engine::Shared;
use crate::reply::BodyBroken;
use crate::settlement::{AttemptEnd, Settlement};

/// A body under way, with the request's settlement inside.
#[derive(Debug)]
pub struct PassedBody {
    /// What came before the client was answered.
    first: Option<Bytes>,
    upstream: UpstreamBody,
    settlement: Settlement,
    status: u16,
    shared: Arc<Shared>,
    alarm: Alarm,
    abort: AbortWatch,
    /// The end waits for this.
    on_disk: Option<JoinHandle<bool>>,
    over: bool,
}

type Piece = Option<Result<Bytes, BodyBroken>>;

impl PassedBody {
    pub(crate) fn new(
        (first, upstream, status): (Bytes, UpstreamBody, u16),
        settlement: Settlement,
        shared: Arc<Shared>,
        deadline: Instant,
        idle_timeout: Duration,
    ) -> Self {
        Self {
            first: Some(first).filter(|first| !first.is_empty()),
            upstream,
            settlement,
            status,
            shared,
            alarm: Alarm::new(deadline, idle_timeout),
            abort: AbortWatch::default(),
            on_disk: None,
            over: false,
        }
    }

    pub(crate) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        if self.over {
            return self.poll_end(cx);
        }
        let heard = match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => self.upstream.poll_data(cx),
        };
        match heard {
            Poll::Ready(Some(Ok(bytes))) => {
                self.alarm.heard();
                if self.alarm.is_late() {
                    return self.late();
                }
                self.settlement.note_passed_bytes(bytes.len());
                Poll::Ready(Some(Ok(bytes)))
            }
            Poll::Ready(Some(Err(_))) => {
                self.broken(EndReason::UpstreamError, "reset", "upstream_reset")
            }
            Poll::Ready(None) => {
                self.close(EndReason::Complete, "ok", None);
                self.on_disk = self.settlement.on_disk();
                self.poll_end(cx)
            }
            Poll::Pending => self.poll_silence(cx),
        }
    }

    /// The end of the body: with power durability once the row is on disk. A body whose row
    /// is not there breaks off.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        let Some(on_disk) = &mut self.on_disk else {
            return Poll::Ready(None);
        };
        let recorded = std::task::ready!(Pin::new(on_disk).poll(cx));
        self.on_disk = None;
        Poll::Ready((!matches!(recorded, Ok(true))).then_some(Err(BodyBroken)))
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        if self.abort.poll(&self.shared, cx).is_ready() {
            return self.broken(EndReason::Limit, "gateway_stopping", "gateway_stopping");
        }
        // Nothing can be put between bytes that are not read, so comments are left out.
        while std::task::ready!(self.alarm.poll(cx)) == Ring::KeepAlive {}
        self.late()
    }

    fn late(&mut self) -> Poll<Piece> {
        self.broken(EndReason::Timeout, "gateway_deadline", "deadline_exceeded")
    }

    fn broken(
        &mut self,
        reason: EndReason,
        outcome: &'static str,
        code: &'static str,
    ) -> Poll<Piece> {
        self.close(reason, outcome, Some(code));
        Poll::Ready(Some(Err(BodyBroken)))
    }

    fn close(&mut self, reason: EndReason, outcome: &'static str, code: Option<&str>) {
        let verdict = match reason {
            EndReason::Complete => Verdict::Success,
            EndReason::UpstreamError => Verdict::Failure,
            _ => Verdict::Neutral,
        };
        let end = AttemptEnd { reason, status: self.status, outcome, verdict };
        self.settlement.settle(end, code.map(str::to_owned));
        self.over = true;
    }
}
