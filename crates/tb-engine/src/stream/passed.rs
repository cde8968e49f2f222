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
use crate::restoration::{AnswerBlocked, Restoration};
use crate::settlement::{AttemptEnd, Settlement};

/// A body under way, with the request's settlement inside.
#[derive(Debug)]
pub struct PassedBody {
    /// What came before the client was answered.
    first: Option<Bytes>,
    upstream: UpstreamBody,
    settlement: Box<Settlement>,
    /// There where the bytes are text that must be restored.
    restoration: Option<Restoration>,
    /// What of the text was held back until its end.
    rest: Option<Bytes>,
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
        settlement: Box<Settlement>,
        restoration: Option<Restoration>,
        shared: Arc<Shared>,
        (deadline, idle_timeout): (Instant, Duration),
    ) -> Self {
        Self {
            first: Some(first).filter(|first| !first.is_empty()),
            upstream,
            settlement,
            restoration,
            rest: None,
            status,
            shared,
            alarm: Alarm::new(deadline, idle_timeout),
            abort: AbortWatch::default(),
            on_disk: None,
            over: false,
        }
    }

    pub(crate) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        loop {
            if self.over {
                let rest = self.rest.take();
                return rest.map_or_else(|| self.poll_end(cx), |rest| Poll::Ready(Some(Ok(rest))));
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
                    self.settlement.keep_passed(&bytes);
                    self.settlement.note_answer(&bytes);
                    match self.restored(bytes) {
                        Ok(bytes) if bytes.is_empty() => {}
                        Ok(bytes) => return Poll::Ready(Some(Ok(bytes))),
                        Err(blocked) => return self.blocked(&blocked),
                    }
                }
                Poll::Ready(Some(Err(_))) => {
                    return self.broken(EndReason::UpstreamError, "reset", "upstream_reset");
                }
                Poll::Ready(None) => match self.restored_end() {
                    Ok(rest) => {
                        self.rest = rest;
                        self.close(EndReason::Complete, "ok", None);
                        self.on_disk = self.settlement.on_disk();
                    }
                    Err(blocked) => return self.blocked(&blocked),
                },
                Poll::Pending => return self.poll_silence(cx),
            }
        }
    }

    fn restored(&mut self, bytes: Bytes) -> Result<Bytes, AnswerBlocked> {
        match &mut self.restoration {
            None => Ok(bytes),
            Some(restoration) => restoration.text(&bytes),
        }
    }

    fn restored_end(&mut self) -> Result<Option<Bytes>, AnswerBlocked> {
        let Some(restoration) = &mut self.restoration else { return Ok(None) };
        Ok(Some(restoration.text_end()?).filter(|rest| !rest.is_empty()))
    }

    /// The rules forbid the text, or the guard itself failed on it.
    fn blocked(&mut self, blocked: &AnswerBlocked) -> Poll<Piece> {
        let (outcome, code) = told(blocked);
        self.broken(EndReason::Guard, outcome, &code)
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

    fn broken(&mut self, reason: EndReason, outcome: &'static str, code: &str) -> Poll<Piece> {
        self.close(reason, outcome, Some(code));
        Poll::Ready(Some(Err(BodyBroken)))
    }

    fn close(&mut self, reason: EndReason, outcome: &'static str, code: Option<&str>) {
        let verdict = match reason {
            EndReason::Complete | EndReason::Guard => Verdict::Success,
            EndReason::UpstreamError => Verdict::Failure,
            _ => Verdict::Neutral,
        };
        if let Some(restoration) = &mut self.restoration {
            restoration.take_tally().count(&self.shared.metrics);
        }
        let end = AttemptEnd { reason, status: self.status, outcome, verdict };
        self.settlement.settle(end, code.map(str::to_owned));
        self.over = true;
    }
}

/// What rows say of a text that is not given: the attempt's outcome and the code.
fn told(blocked: &AnswerBlocked) -> (&'static str, String) {
    let refusal = blocked.refusal();
    (refusal.error_type(), refusal.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_the_guard_is_told_from_what_it_found() {
        let told = |found: &str| told(&AnswerBlocked { found: found.to_owned() });
        assert_eq!(told("us_ssn=1"), ("policy", "pii_blocked".to_owned()));
        assert_eq!(told(""), ("policy", "guard_failed".to_owned()));
    }
}
