//! How a stream ends: complete, broken off, or forbidden.

use std::time::Duration;

use serde_json::Value;
use tb_api::error::ApiError;
use tb_core::EndReason;
use tb_core::breaker::Verdict;
use tb_providers::UpstreamError;

use super::{Running, write_last};
use crate::cache::Made;
use crate::client::UpstreamBody;
use crate::refusal::{Refusal, class_label, error_code, verdict};
use crate::restoration::AnswerBlocked;
use crate::settlement::AttemptEnd;
use crate::stream::error_event::error_event;
use crate::stream::terminal::Terminal;

/// What remains of a finished stream is read for this long, so that its connection can be
/// used again.
const TAIL_TIMEOUT: Duration = Duration::from_secs(1);

impl Running {
    /// Writes what was held back of texts: nothing follows it.
    fn write_held(&mut self) -> Result<(), AnswerBlocked> {
        let Some(restoration) = &mut self.restoration else { return Ok(()) };
        let progress = &mut self.progress;
        let outcome = restoration.finish(&mut progress.restored);
        for event in progress.restored.drain(..) {
            write_last(&event, &mut progress.buffer, &mut progress.last_at);
        }
        outcome
    }

    /// The stream is complete without an event that says so.
    pub(super) fn end_silently(&mut self) {
        if let Err(blocked) = self.write_held() {
            self.block(&blocked);
            return;
        }
        self.progress.last_at = self.progress.buffer.len();
        self.end(&Terminal::Complete);
    }

    /// The rules forbid what the model wrote: the client gets none of it from here on. What it
    /// did cost is known later than that, if at all.
    pub(super) fn block(&mut self, blocked: &AnswerBlocked) {
        self.break_off(&blocked.refusal(), blocked.members(), Verdict::Success);
    }

    pub(super) fn end(&mut self, terminal: &Terminal) {
        let status = self.status;
        match terminal {
            Terminal::Complete => {
                let reason = EndReason::Complete;
                let (outcome, verdict) = ("ok", Verdict::Success);
                self.close(AttemptEnd { reason, status, outcome, verdict }, None);
                if self.progress.on_disk.is_none() {
                    self.keep();
                }
            }
            Terminal::Failed(error) => {
                let reason = EndReason::UpstreamError;
                let (outcome, verdict) = (class_label(error.class), verdict(error.class));
                let end = AttemptEnd { reason, status, outcome, verdict };
                self.close(end, Some(error_code(error)));
            }
        }
        self.read_tail();
    }

    /// The stream is complete and settled, on disk where the operator asks for that: it may be
    /// kept.
    pub(super) fn keep(&mut self) {
        if let Some(mut origin) = self.origin.take() {
            origin.served = self.settlement.served_model().map(str::to_owned);
            self.keeper.keep_stream(Made { origin, cost: self.settlement.cost() });
        }
    }

    pub(super) fn fail_as_told(&mut self, error: UpstreamError) {
        let verdict = verdict(error.class);
        self.fail(&Refusal::Provider(Box::new(error)), verdict);
    }

    /// Ends the stream with an error event. A stream that is too long for its deadline says
    /// nothing of the target's health.
    pub(super) fn fail(&mut self, refusal: &Refusal, verdict: Verdict) {
        match self.write_held() {
            Ok(()) => self.break_off(refusal, Vec::new(), verdict),
            Err(blocked) => self.block(&blocked),
        }
    }

    /// Ends it at once; `members` are more that the error tells.
    fn break_off(
        &mut self,
        refusal: &Refusal,
        members: Vec<(&'static str, Value)>,
        verdict: Verdict,
    ) {
        self.progress.last_at = self.progress.buffer.len();
        let mut error = refusal.api_error();
        error.extra.extend(members);
        self.write_error(&error);
        let reason = match refusal {
            Refusal::Policy { .. } => EndReason::Guard,
            Refusal::Deadline(_) => EndReason::Timeout,
            Refusal::Stopping | Refusal::LimitReached(_) => EndReason::Limit,
            _ => EndReason::UpstreamError,
        };
        let outcome = refusal.error_type();
        let end = AttemptEnd { reason, status: self.status, outcome, verdict };
        self.close(end, Some(refusal.code()));
    }

    fn write_error(&mut self, error: &ApiError) {
        let event = error_event(self.surface, error, &self.request_id);
        event.write(&mut self.progress.buffer);
    }

    /// Settles before the last bytes are given out: an answered request has its row.
    fn close(&mut self, end: AttemptEnd, error_code: Option<String>) {
        if error_code.is_some() {
            self.origin = None;
        }
        self.count_restored();
        self.settlement.note_facts(self.decoder.facts());
        self.settlement.settle(end, error_code);
        self.progress.on_disk = self.settlement.on_disk();
        self.progress.over = true;
    }

    pub(super) fn count_restored(&mut self) {
        if let Some(restoration) = &mut self.restoration {
            restoration.take_tally().count(&self.shared.metrics);
        }
    }

    /// The row is not on disk although the operator asks for that: the client must not take
    /// the stream for complete.
    pub(super) fn replace_last_event(&mut self) {
        self.progress.buffer.truncate(self.progress.last_at);
        self.write_error(&Refusal::AuditUnavailable.api_error());
    }

    /// Reads the end of the upstream body, so that the connection goes back to the pool.
    fn read_tail(&mut self) {
        let ended = UpstreamBody::ended();
        let mut upstream = std::mem::replace(&mut self.upstream, ended);
        if upstream.poll_end_now() {
            return;
        }
        self.shared.tasks.spawn(async move {
            let rest = async { while let Some(Ok(_)) = upstream.data().await {} };
            let _ = tokio::time::timeout(TAIL_TIMEOUT, rest).await;
        });
    }
}
