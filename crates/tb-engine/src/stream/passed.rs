//! A body passed on byte by byte (audio, transcripts as text).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tb_core::EndReason;
use tokio::time::Sleep;

use crate::client::UpstreamBody;
use crate::reply::BodyBroken;
use crate::settlement::{AttemptEnd, Settlement};

/// A body under way, with the request's settlement inside.
#[derive(Debug)]
pub struct PassedBody {
    upstream: UpstreamBody,
    settlement: Settlement,
    status: u16,
    idle_timeout: Duration,
    alarm: Pin<Box<Sleep>>,
    heard: Instant,
    over: bool,
}

impl PassedBody {
    pub(crate) fn new(
        upstream: UpstreamBody,
        settlement: Settlement,
        status: u16,
        idle_timeout: Duration,
    ) -> Self {
        let alarm = Box::pin(tokio::time::sleep(idle_timeout));
        let heard = Instant::now();
        Self { upstream, settlement, status, idle_timeout, alarm, heard, over: false }
    }

    pub(crate) fn poll_bytes(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyBroken>>> {
        if self.over {
            return Poll::Ready(None);
        }
        match self.upstream.poll_data(cx) {
            Poll::Ready(Some(Ok(bytes))) => {
                self.heard = Instant::now();
                self.settlement.note_passed_bytes(bytes.len());
                Poll::Ready(Some(Ok(bytes)))
            }
            Poll::Ready(Some(Err(_))) => {
                self.close(EndReason::UpstreamError, "provider_malformed");
                Poll::Ready(Some(Err(BodyBroken)))
            }
            Poll::Ready(None) => {
                self.close(EndReason::Complete, "ok");
                Poll::Ready(None)
            }
            Poll::Pending => self.poll_alarm(cx),
        }
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyBroken>>> {
        loop {
            std::task::ready!(self.alarm.as_mut().poll(cx));
            let due = self.heard + self.idle_timeout;
            if Instant::now() >= due {
                self.close(EndReason::Timeout, "gateway_deadline");
                return Poll::Ready(Some(Err(BodyBroken)));
            }
            self.alarm.as_mut().reset(due.into());
        }
    }

    fn close(&mut self, reason: EndReason, outcome: &'static str) {
        let code = (outcome != "ok").then(|| outcome.to_owned());
        self.settlement.settle(AttemptEnd { reason, status: self.status, outcome }, code);
        self.over = true;
    }
}
