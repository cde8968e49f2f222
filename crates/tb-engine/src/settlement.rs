//! The one account of a request: opened at admission, closed exactly once on every path.

mod row;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tb_core::ports::{JournalEntry, ResponseBinding, StoreError};
use tb_core::{Cost, EndReason, Surface, UsageRow};
use tb_providers::{AnswerFacts, ErrorClass};

use tokio::task::JoinHandle;

use self::row::{Beginning, forget_attempt, is_model_id, ms};
use crate::engine::Shared;
use crate::estimate::Used;
use crate::refusal::Refusal;
use crate::runtime::{Outcome, RunningTarget, Runtime, Series};

/// How an attempt ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttemptEnd {
    pub(crate) reason: EndReason,
    /// The provider's status, 0 when none came.
    pub(crate) status: u16,
    /// `ok` or the label of an error class.
    pub(crate) outcome: &'static str,
}

/// The account of one request. Dropping it unsettled settles it as `client_gone`: nothing
/// but a client that left (or a panic) drops a request in the middle.
pub(crate) struct Settlement {
    shared: Arc<Shared>,
    runtime: Arc<Runtime>,
    row: UsageRow,
    arrived: Instant,
    body_arrived: Instant,
    attempt_began: Instant,
    target: Option<Arc<RunningTarget>>,
    estimated_input_tokens: u64,
    /// What the provider has told so far, of the attempt under way.
    facts: AnswerFacts,
    /// When the first output of a stream was seen.
    first_output: Option<Instant>,
    pieces: u32,
    replied: bool,
    /// The answer tells for the first time what a background response used; so much of it was
    /// accounted as an estimate when the response was made.
    estimated_before: Option<u64>,
    /// The provider's status and the outcome of the attempt that the refusal follows from.
    failure: Option<(u16, &'static str)>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Admitted, nothing sent.
    Open,
    /// Bytes are with a provider.
    Attempting,
    /// An attempt ended and another may follow.
    Between,
    Settled,
}

impl Settlement {
    pub(crate) fn open(
        shared: Arc<Shared>,
        runtime: Arc<Runtime>,
        row: UsageRow,
        arrived: Instant,
    ) -> Self {
        shared.metrics.inflight_requests.inc();
        Self {
            shared,
            runtime,
            row,
            arrived,
            body_arrived: arrived,
            attempt_began: arrived,
            target: None,
            estimated_input_tokens: 0,
            facts: AnswerFacts::default(),
            first_output: None,
            pieces: 0,
            replied: false,
            estimated_before: None,
            failure: None,
            state: State::Open,
        }
    }

    /// The row as far as it is known.
    pub(crate) fn row(&mut self) -> &mut UsageRow {
        &mut self.row
    }

    pub(crate) fn expect_input_tokens(&mut self, tokens: u64) {
        self.estimated_input_tokens = tokens;
    }

    /// Writes down that bytes are about to go to `target`. Nothing may be sent before.
    ///
    /// # Errors
    /// When the journal cannot take the record; then nothing may be sent at all, and the row
    /// is what it was before.
    pub(crate) fn begin_attempt(&mut self, target: &Arc<RunningTarget>) -> Result<(), Refusal> {
        // A first attempt has little to go back to; a copy of the row is only worth it later.
        let before = (self.state == State::Between).then(|| self.row.clone());
        self.attempt_began = Instant::now();
        let beginning = Beginning {
            waited: self.attempt_began.saturating_duration_since(self.arrived),
            overhead: self.overhead(),
            used: Used::before(self.row.surface, self.estimated_input_tokens),
        };
        beginning.write(target, &mut self.row);
        if self.append(JournalEntry::Begun(&self.row)).is_err() {
            match before {
                Some(row) => self.row = row,
                None => forget_attempt(&mut self.row),
            }
            return Err(Refusal::AuditUnavailable);
        }
        if self.row.attempt == 1 {
            self.runtime.count_overhead(self.row.surface, self.overhead());
        }
        self.facts = AnswerFacts::default();
        self.target = Some(Arc::clone(target));
        self.state = State::Attempting;
        Ok(())
    }

    /// Notes the status that the provider gave: whoever leaves from now on leaves it in the row.
    pub(crate) fn head_arrived(&mut self, status: u16) {
        self.row.status = status;
    }

    /// Notes that the client is given an answer, so that it knows a status.
    pub(crate) fn reply_begins(&mut self) {
        self.replied = true;
    }

    /// Notes when the body had arrived: waiting for it is not the gateway's time.
    pub(crate) fn body_arrived(&mut self, at: Instant) {
        self.body_arrived = at;
    }

    /// The time that the gateway itself took before sending.
    fn overhead(&self) -> Duration {
        self.attempt_began.saturating_duration_since(self.body_arrived)
    }

    /// Notes that output was given to the client.
    pub(crate) fn note_output(&mut self, facts: &AnswerFacts) {
        self.pieces = self.pieces.saturating_add(1);
        if self.first_output.is_none() && facts.output_seen {
            self.first_output = Some(Instant::now());
        }
    }

    /// Takes over what the provider has told so far.
    pub(crate) fn note_facts(&mut self, facts: &AnswerFacts) {
        self.facts.clone_from(facts);
    }

    /// Takes over what a whole answer tells.
    pub(crate) fn take_facts(&mut self, facts: AnswerFacts) {
        self.facts = facts;
    }

    /// Notes bytes whose meaning is not read (audio).
    pub(crate) fn note_passed_bytes(&mut self, bytes: usize) {
        self.facts.output_bytes = self.facts.output_bytes.saturating_add(bytes as u64);
    }

    /// Writes down which provider keeps a stored response.
    pub(crate) fn bind_response(&self, binding: &ResponseBinding) {
        self.shared.bindings.remember(binding);
        if self.append(JournalEntry::Bound(binding)).is_err() {
            tracing::error!(request_id = %self.row.request_id, "response binding not recorded");
        }
    }

    /// Writes down that a stored response was deleted: it is unknown from now on.
    pub(crate) fn unbind_response(&self, id: &str) {
        let service = self.row.service.clone();
        self.shared.bindings.forget(&service, id);
        if self.append(JournalEntry::Unbound(&service, id)).is_err() {
            tracing::error!(request_id = %self.row.request_id, "deletion of a response not recorded");
        }
    }

    /// Ends an attempt after which another one follows.
    pub(crate) fn end_attempt(&mut self, end: AttemptEnd, error_code: String) {
        self.row.is_final = false;
        self.row.error_code = Some(error_code);
        self.close_row(end);
        self.state = State::Between;
    }

    /// Notes how the last attempt ended, before the refusal that follows from it.
    pub(crate) fn note_failure(&mut self, status: u16, outcome: &'static str) {
        self.failure = Some((status, outcome));
    }

    /// Settles a request that is answered, or whose client left.
    pub(crate) fn settle(&mut self, end: AttemptEnd, error_code: Option<String>) {
        if self.state == State::Settled {
            return;
        }
        // Who left before an answer saw no status; the usual one for that is 499.
        let left_early = end.reason == EndReason::ClientGone && !self.replied;
        let shown_status = if left_early { 499 } else { end.status };
        self.close(end, error_code);
        let error_type = if end.outcome == "ok" { "none" } else { end.outcome };
        self.finish(end.reason, error_type, shown_status);
    }

    /// Settles a request that was refused.
    pub(crate) fn refuse(&mut self, refusal: &Refusal) {
        if self.state == State::Settled {
            return;
        }
        let reason = match refusal {
            Refusal::Deadline(_) => EndReason::Timeout,
            Refusal::Policy { .. } | Refusal::Overloaded(_) | Refusal::Stopping => EndReason::Limit,
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
        let (status, outcome) = self.failure.unwrap_or((shown, refusal.error_type()));
        self.close(AttemptEnd { reason, status, outcome }, Some(refusal.code()));
        self.finish(reason, refusal.error_type(), shown);
    }

    /// Writes the row that is final. After failed attempts the last attempt's row tells the
    /// story already: it only becomes final.
    fn close(&mut self, end: AttemptEnd, error_code: Option<String>) {
        self.row.is_final = true;
        match self.state {
            State::Attempting => {
                self.row.error_code = error_code;
                self.close_row(end);
            }
            State::Between | State::Settled => self.append_end(),
            State::Open => {
                self.row.error_code = error_code;
                self.row.end_reason = end.reason;
                self.row.duration_ms = ms(self.arrived.elapsed());
                self.row.status = end.status;
                self.append_end();
            }
        }
    }

    /// Microseconds that the gateway itself added before sending.
    pub(crate) fn overhead_us(&self) -> u32 {
        self.row.overhead_us
    }

    /// What the provider says it served, once the attempt is closed.
    pub(crate) fn served_model(&self) -> Option<&str> {
        self.row.model_served.as_deref()
    }

    /// A response that goes on in the background tells what it used when it is read later.
    pub(crate) fn note_background(&mut self, path_id: Option<&str>, facts: &AnswerFacts) {
        let (bindings, service) = (&self.shared.bindings, &self.row.service);
        match (self.row.surface, path_id) {
            (Surface::Responses, _) if facts.tokens.is_none() => {
                if let Some(id) = &facts.response_id {
                    bindings.await_usage(service, id, self.estimated_input_tokens);
                }
            }
            (Surface::ResponsesGet | Surface::ResponsesCancel, Some(id))
                if facts.tokens.is_some() =>
            {
                self.estimated_before = bindings.usage_told(service, id);
            }
            _ => {}
        }
    }

    /// The request's cost so far, for the header of a whole answer.
    pub(crate) fn cost(&self) -> Cost {
        self.row.cost
    }

    /// With `durability = "power"`: what must end before the answer may be complete; true
    /// once everything written so far is on disk.
    pub(crate) fn on_disk(&self) -> Option<JoinHandle<bool>> {
        if !self.shared.journal.is_durable_on_power_loss() {
            return None;
        }
        let (journal, request_id) = (Arc::clone(&self.shared.journal), self.row.request_id);
        Some(self.shared.tasks.spawn_blocking(move || {
            let synced = journal.sync();
            if let Err(fault) = &synced {
                tracing::error!(%request_id, %fault, "the journal is not on disk");
            }
            synced.is_ok()
        }))
    }

    fn close_row(&mut self, end: AttemptEnd) {
        let used = match (self.estimated_before, self.facts.tokens) {
            (Some(estimated), Some(tokens)) => Used::told_late(tokens, estimated),
            _ => Used::after(self.row.surface, self.estimated_input_tokens, &self.facts, end),
        };
        let row = &mut self.row;
        row.end_reason = end.reason;
        row.status = end.status;
        row.duration_ms = ms(self.attempt_began.elapsed());
        row.ttft_ms = self.first_output.map(|first| ms(first - self.arrived));
        row.model_served = self.facts.served_model.take().filter(|name| is_model_id(name));
        (row.tokens, row.usage_source) = (used.tokens, used.source);
        let price = self.target.as_ref().and_then(|target| target.price.as_ref());
        row.cost = used.cost(row.surface, price);
        if let Some(target) = &self.target {
            target.series.count_attempt(end.outcome);
            target.series.count_tokens(&self.row.tokens);
            target.series.count_cost(self.row.cost);
        }
        self.append_end();
    }

    fn finish(&mut self, reason: EndReason, error_type: &'static str, shown_status: u16) {
        self.state = State::Settled;
        let series = self.series();
        let outcome = Outcome {
            surface: self.row.surface,
            status_class: shown_status / 100,
            error_type,
            stream: self.row.stream,
        };
        series.count_request(outcome, self.arrived.elapsed().as_secs_f64());
        if self.row.stream && self.target.is_some() {
            series.count_stream_end(reason);
            self.observe_stream(&series);
        }
        // Last, so that a request that is in flight no more is counted everywhere.
        self.shared.metrics.inflight_requests.dec();
    }

    fn observe_stream(&self, series: &Series) {
        let Some(first) = self.first_output else { return };
        series.time_to_first_token.observe((first - self.arrived).as_secs_f64());
        if let Some(gaps) = self.pieces.checked_sub(1).filter(|gaps| *gaps > 0) {
            series.inter_token.observe(first.elapsed().as_secs_f64() / f64::from(gaps));
        }
    }

    fn series(&self) -> Arc<Series> {
        self.target.as_ref().map_or_else(
            || Arc::clone(&self.runtime.no_target),
            |target| Arc::clone(&target.series),
        )
    }

    fn append_end(&self) {
        if self.append(JournalEntry::Ended(&self.row)).is_err() {
            tracing::error!(request_id = %self.row.request_id, "end of request not recorded");
        }
    }

    fn append(&self, entry: JournalEntry<'_>) -> Result<(), StoreError> {
        self.shared.journal.append(entry)
    }
}

impl Drop for Settlement {
    fn drop(&mut self) {
        if self.state == State::Settled {
            return;
        }
        let (reason, outcome, code) = if std::thread::panicking() {
            (EndReason::UpstreamError, "gateway_internal", "internal_error")
        } else {
            (EndReason::ClientGone, "client_gone", "client_gone")
        };
        let status = self.row.status;
        self.settle(AttemptEnd { reason, status, outcome }, Some(code.to_owned()));
    }
}

impl std::fmt::Debug for Settlement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settlement")
            .field("request_id", &self.row.request_id)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
