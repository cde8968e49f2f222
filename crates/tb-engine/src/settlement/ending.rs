//! How an account is closed: attempts one by one, the request once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tb_core::breaker::Verdict;
use tb_core::ports::JournalEntry;
use tb_core::{EndReason, NanoUsd, Rung};
use tb_providers::ErrorClass;

use super::row::{self, is_model_id, ms};
use super::{AttemptEnd, Settlement, State};
use crate::clock;
use crate::estimate::Used;
use crate::moderation;
use crate::refusal::Refusal;
use crate::runtime::{Outcome, Series};

impl Settlement {
    /// Notes how the attempt failed at `now`. Whether another one follows is open.
    pub(crate) fn attempt_failed(&mut self, end: AttemptEnd, now: Instant) {
        let took = now.saturating_duration_since(self.attempt_began);
        self.row.status = end.status;
        self.failed = Some((end, took));
        self.report(end.verdict, now);
    }

    /// Ends the attempt that failed: another one follows, or an answer of the gateway's own.
    pub(crate) fn end_attempt(&mut self) {
        let Some((end, _)) = self.failed else { return };
        self.row.is_final = false;
        self.row.error_code = Some(end.outcome.to_owned());
        self.close_row(end, clock::now());
        self.state = State::Between;
    }

    /// Ends the attempt under way: an identical request got the answer first.
    pub(crate) fn overtaken(&mut self) {
        if self.state == State::Attempting && self.failed.is_none() {
            let (reason, status) = (EndReason::ClientGone, self.row.status);
            let (outcome, verdict) = ("overtaken", Verdict::Neutral);
            self.attempt_failed(AttemptEnd { reason, status, outcome, verdict }, clock::now());
        }
        self.end_attempt();
    }

    /// Notes what was passed over before the answer of the gateway's own that comes next, or
    /// before the request is refused.
    pub(crate) fn note_passed_over(&mut self, passed_over: Option<String>) {
        self.passed_over = passed_over;
    }

    /// Tells the target's health, once, how the attempt ended.
    fn report(&mut self, verdict: Verdict, now: Instant) {
        if let Some(passage) = self.passage.take() {
            let shared = &self.shared;
            passage.ended(shared.health.ms(now), verdict, shared.roll());
        }
    }

    /// Settles a request that is answered, or whose client left.
    pub(crate) fn settle(&mut self, end: AttemptEnd, error_code: Option<String>) {
        if self.state == State::Settled {
            return;
        }
        // Who left before an answer saw no status; the usual one for that is 499.
        let left_early = end.reason == EndReason::ClientGone && !self.replied;
        let shown_status = if left_early { 499 } else { end.status };
        let now = clock::now();
        self.close(end, error_code, now);
        let error_type = if end.outcome == "ok" { "none" } else { end.outcome };
        self.finish(end.reason, (error_type, shown_status), now);
    }

    /// Settles a request that the gateway answers by itself. Attempts that failed before have
    /// their rows; the answer has one of its own.
    ///
    /// # Errors
    /// When the journal cannot take that row: then the answer may not be given, as nothing was
    /// written down of it before.
    pub(crate) fn settle_local(&mut self, rung: Rung, saved: NanoUsd) -> Result<(), Refusal> {
        if self.state != State::Open {
            self.row.attempt = self.row.attempt.saturating_add(1);
        }
        let passed_over = self.passed_over.take();
        row::write_local(rung, saved, passed_over, &mut self.row);
        self.row.answer_hmac = None;
        self.row.waited_ms = ms(std::mem::take(&mut self.waited_for_another));
        let now = clock::now();
        self.row.duration_ms = ms(now.saturating_duration_since(self.arrived));
        let recorded = self.record(JournalEntry::Ended(&self.row));
        self.target = None;
        if recorded.is_err() {
            let refusal = Refusal::AuditUnavailable;
            self.finish(EndReason::Complete, (refusal.error_type(), 503), now);
            return Err(refusal);
        }
        self.finish(EndReason::Complete, ("none", 200), now);
        Ok(())
    }

    /// Settles a request that was refused.
    pub(crate) fn refuse(&mut self, refusal: &Refusal) {
        if self.state == State::Settled {
            return;
        }
        let reason = match refusal {
            Refusal::Deadline(_) => EndReason::Timeout,
            Refusal::Policy { code, .. } | Refusal::Caller { code, .. } if is_guards(code) => {
                EndReason::Guard
            }
            Refusal::Policy { .. }
            | Refusal::Overloaded(_)
            | Refusal::LimitReached(_)
            | Refusal::Stopping => EndReason::Limit,
            Refusal::Exhausted { .. } | Refusal::CredentialsExhausted => EndReason::UpstreamError,
            // A proper error of the provider is a whole answer.
            Refusal::Provider(error) if error.class != ErrorClass::Malformed => EndReason::Complete,
            Refusal::Provider(_) => EndReason::UpstreamError,
            Refusal::Key(_)
            | Refusal::Caller { .. }
            | Refusal::AuditUnavailable
            | Refusal::Internal(_) => EndReason::Complete,
        };
        let shown = refusal.api_error().status;
        let (outcome, verdict) = (refusal.error_type(), Verdict::Neutral);
        let end = AttemptEnd { reason, status: shown, outcome, verdict };
        let now = clock::now();
        if !self.is_turned_away {
            self.close(end, Some(refusal.code()), now);
        }
        self.finish(reason, (refusal.error_type(), shown), now);
    }

    /// Settles a request whose provider began to answer, but whose answer the client does not
    /// get: the attempt's row keeps the provider's status, the client sees the refusal's.
    pub(crate) fn withhold(&mut self, end: AttemptEnd, refusal: &Refusal) {
        if self.state == State::Settled {
            return;
        }
        let now = clock::now();
        self.close(end, Some(refusal.code()), now);
        self.finish(end.reason, (refusal.error_type(), refusal.api_error().status), now);
    }

    /// Adds a word to what the row says of the guard.
    pub(crate) fn note_judgement(&mut self, word: &str) {
        let words = self.row.guard.get_or_insert_default();
        if !words.is_empty() {
            words.push(',');
        }
        words.push_str(word);
    }

    /// Notes how long a judgement of the request took: that is not the gateway's time.
    pub(crate) fn waited_for_judgement(&mut self, took: Duration) {
        self.body_arrived += took;
    }

    /// Writes the row that is final. After failed attempts the last attempt's row tells the
    /// story already: it only becomes final.
    fn close(&mut self, end: AttemptEnd, error_code: Option<String>, now: Instant) {
        self.row.is_final = true;
        if let Some(passed_over) = self.passed_over.take() {
            let after_attempt = self.state != State::Open;
            row::add_passed_over(&passed_over, after_attempt, &mut self.row);
        }
        match self.state {
            State::Attempting => {
                self.row.error_code = error_code;
                self.close_row(end, now);
            }
            State::Between | State::Settled => self.append_end(),
            State::Open => {
                self.row.error_code = error_code;
                self.row.end_reason = end.reason;
                self.row.duration_ms = ms(now.saturating_duration_since(self.arrived));
                self.row.status = end.status;
                self.append_end();
            }
        }
    }

    /// Closes the row of an attempt. One that had failed before did so in its own way; `end`
    /// says how the request went on from there.
    fn close_row(&mut self, mut end: AttemptEnd, now: Instant) {
        let mut took = now.saturating_duration_since(self.attempt_began);
        if let Some((failed, failed_after)) = self.failed.take() {
            end = AttemptEnd { reason: end.reason, ..failed };
            took = failed_after;
        }
        self.report(end.verdict, now);
        let used = match (self.estimated_before, self.facts.tokens) {
            (Some(estimated), Some(tokens)) => Used::told_late(tokens, estimated),
            _ => Used::after(self.row.surface, self.estimated_input_tokens, &self.facts, end),
        };
        let ttft = self.first_output_after();
        self.write_answer_hash();
        let row = &mut self.row;
        row.end_reason = end.reason;
        row.status = end.status;
        row.duration_ms = ms(took);
        row.ttft_ms = ttft.map(ms);
        row.model_served = self.facts.served_model.take().filter(|name| is_model_id(name));
        row.fingerprint = self.facts.fingerprint.take().filter(|name| is_model_id(name));
        (row.tokens, row.usage_source) = (used.tokens, used.source);
        let price = self.target.as_ref().and_then(|target| target.price.as_ref());
        row.cost = used.cost(row.surface, price);
        if let Some(target) = &self.target {
            target.series.count_attempt(end.outcome);
            target.series.count_tokens(&self.row.tokens);
            target.series.count_cost(self.row.cost);
        }
        self.compare_served();
        self.settle_reserved();
        self.append_end();
    }

    fn finish(
        &mut self,
        reason: EndReason,
        (error_type, shown_status): (&'static str, u16),
        now: Instant,
    ) {
        self.state = State::Settled;
        self.hand_over_content(reason);
        let series = self.series();
        let outcome = Outcome {
            surface: self.row.surface,
            status_class: shown_status / 100,
            error_type,
            stream: self.row.stream,
        };
        let seconds = now.saturating_duration_since(self.arrived).as_secs_f64();
        series.count_request(outcome, seconds);
        if self.row.stream && self.target.is_some() {
            series.count_stream_end(reason);
            self.observe_stream(&series, now);
        }
        // Last, so that a request that is in flight no more is counted everywhere.
        self.shared.metrics.inflight_requests.dec();
    }

    /// How long the first output was awaited.
    fn first_output_after(&self) -> Option<Duration> {
        Some(self.first_output?.saturating_duration_since(self.output_awaited()))
    }

    fn observe_stream(&self, series: &Series, now: Instant) {
        let Some(first) = self.first_output else { return };
        let after = self.first_output_after().unwrap_or_default();
        series.time_to_first_token.observe(after.as_secs_f64());
        if let Some(gaps) = self.pieces.checked_sub(1).filter(|gaps| *gaps > 0) {
            let took = now.saturating_duration_since(first).as_secs_f64();
            series.inter_token.observe(took / f64::from(gaps));
        }
    }

    fn series(&self) -> Arc<Series> {
        self.target.as_ref().map_or_else(
            || Arc::clone(&self.runtime.no_target),
            |target| Arc::clone(&target.series),
        )
    }
}

/// Whether a refusal with this code is the guard's.
fn is_guards(code: &str) -> bool {
    matches!(
        code,
        "pii_blocked"
            | "input_rejected"
            | "input_too_long"
            | "keyword_blocked"
            | "injection_blocked"
            | "attachment_blocked"
            | "guard_failed"
            | moderation::BLOCKED
            | moderation::UNAVAILABLE
    )
}
