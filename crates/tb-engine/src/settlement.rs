//! The one account of a request: opened at admission, closed exactly once on every path.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tb_core::ports::{JournalEntry, ResponseBinding, StoreError};
use tb_core::{Cost, EndReason, Surface, TokenCounts, UsageRow, UsageSource};
use tb_providers::{AnswerFacts, ErrorClass};

use tokio::task::JoinHandle;

use crate::engine::Shared;
use crate::estimate;
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
    /// When the journal cannot take the record; then nothing may be sent at all.
    pub(crate) fn begin_attempt(&mut self, target: &Arc<RunningTarget>) -> Result<(), Refusal> {
        self.attempt_began = Instant::now();
        let waited = ms(self.attempt_began.saturating_duration_since(self.arrived));
        self.row.attempt = self.row.attempt.saturating_add(1);
        self.row.is_final = true;
        let arrived_at = tb_core::RequestId::unix_ms(self.row.request_id);
        self.row.started_at = tb_core::Timestamp::from_unix_ms(arrived_at).plus_ms(waited.into());
        self.row.provider = Some(target.provider.name.clone());
        self.row.model_resolved = Some(target.model.clone());
        self.row.model_served = None;
        self.row.status = 0;
        self.row.error_code = None;
        self.row.end_reason = EndReason::Crash;
        (self.row.tokens, self.row.usage_source) = if charges_text(self.row.surface) {
            (estimate::counts(self.estimated_input_tokens, 0), UsageSource::Estimate)
        } else {
            (TokenCounts::default(), UsageSource::None)
        };
        self.row.ttft_ms = None;
        self.row.duration_ms = 0;
        self.target = Some(Arc::clone(target));
        if self.row.attempt == 1 {
            self.note_overhead();
        }
        self.facts = AnswerFacts::default();
        self.price();
        self.append(JournalEntry::Begun(&self.row)).map_err(|_| Refusal::AuditUnavailable)?;
        self.state = State::Attempting;
        Ok(())
    }

    /// Notes when the body had arrived: waiting for it is not the gateway's time.
    pub(crate) fn body_arrived(&mut self, at: Instant) {
        self.body_arrived = at;
    }

    /// Notes the time that the gateway itself took before sending.
    fn note_overhead(&mut self) {
        let overhead = self.attempt_began.saturating_duration_since(self.body_arrived);
        self.row.overhead_us = u32::try_from(overhead.as_micros()).unwrap_or(u32::MAX);
        self.runtime.count_overhead(self.row.surface, overhead);
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

    /// Notes bytes whose meaning is not read (audio).
    pub(crate) fn note_passed_bytes(&mut self, bytes: usize) {
        self.facts.output_bytes = self.facts.output_bytes.saturating_add(bytes as u64);
    }

    /// Writes down which provider keeps a stored response.
    pub(crate) fn bind_response(&self, binding: ResponseBinding) {
        self.shared.bindings.remember(&binding);
        if self.append(JournalEntry::Bound(&binding)).is_err() {
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

    /// Settles a request that is answered.
    pub(crate) fn settle(&mut self, end: AttemptEnd, error_code: Option<String>) {
        if self.state == State::Settled {
            return;
        }
        self.row.is_final = true;
        self.row.error_code = error_code;
        if self.state == State::Attempting {
            self.close_row(end);
        } else {
            self.close_without_attempt(end);
        }
        let error_type = if end.outcome == "ok" { "none" } else { end.outcome };
        self.finish(end.reason, error_type, end.status);
    }

    /// Settles a request that was refused.
    pub(crate) fn refuse(&mut self, refusal: &Refusal) {
        if self.state == State::Settled {
            return;
        }
        let reason = match refusal {
            Refusal::Deadline(_) => EndReason::Timeout,
            Refusal::Policy { .. } | Refusal::Overloaded(_) => EndReason::Limit,
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
        self.row.error_code = Some(refusal.code());
        self.row.is_final = true;
        let end = AttemptEnd { reason, status, outcome };
        if self.state == State::Attempting {
            self.close_row(end);
        } else {
            self.close_without_attempt(end);
        }
        self.finish(reason, refusal.error_type(), shown);
    }

    /// Microseconds that the gateway itself added before sending.
    pub(crate) fn overhead_us(&self) -> u32 {
        self.row.overhead_us
    }

    /// The request's cost so far, for the header of a whole answer.
    pub(crate) fn cost(&self) -> Cost {
        self.row.cost
    }

    /// With `durability = "power"`: what must end before the answer may be complete.
    pub(crate) fn on_disk(&self) -> Option<JoinHandle<()>> {
        if !self.runtime.snapshot.journal.durable_on_power_loss {
            return None;
        }
        let (journal, request_id) = (Arc::clone(&self.shared.journal), self.row.request_id);
        Some(self.shared.tasks.spawn_blocking(move || {
            if journal.sync().is_err() {
                tracing::error!(%request_id, "the journal is not on disk");
            }
        }))
    }

    fn close_row(&mut self, end: AttemptEnd) {
        self.row.end_reason = end.reason;
        self.row.status = end.status;
        self.row.duration_ms = ms(self.attempt_began.elapsed());
        self.row.ttft_ms = self.first_output.map(|first| ms(first - self.arrived));
        self.row.model_served.clone_from(&self.facts.served_model);
        (self.row.tokens, self.row.usage_source) = self.count_tokens(end);
        self.price();
        if let Some(target) = &self.target {
            target.series.count_attempt(end.outcome);
            target.series.count_tokens(&self.row.tokens);
            target.series.count_cost(self.row.cost);
        }
        self.append_end();
    }

    /// A row of its own for a request that was not with a provider when it ended. After
    /// failed attempts the last attempt's row already tells the story; it becomes final.
    fn close_without_attempt(&mut self, end: AttemptEnd) {
        self.row.end_reason = end.reason;
        self.row.duration_ms = ms(self.arrived.elapsed());
        if self.state == State::Open {
            self.row.attempt = 0;
            self.row.status = end.status;
            self.row.tokens = TokenCounts::default();
            self.row.usage_source = UsageSource::None;
            self.price();
        }
        self.append_end();
    }

    /// The provider's counts where there are any; otherwise estimates, if the provider
    /// accepted the request (2xx) and so may charge for it.
    fn count_tokens(&self, end: AttemptEnd) -> (TokenCounts, UsageSource) {
        let facts = &self.facts;
        let estimated = estimate::counts(self.estimated_input_tokens, facts.output_bytes);
        if repeats_an_account(self.row.surface) {
            return (TokenCounts::default(), UsageSource::None);
        }
        match facts.tokens {
            Some(tokens) if facts.tokens_final => (tokens, UsageSource::Provider),
            Some(mut tokens) => {
                // A running total may lag behind what was already delivered.
                let hidden = tokens.reasoning;
                let seen = estimated.output_visible.saturating_sub(hidden);
                tokens.output_visible = tokens.output_visible.max(seen);
                (tokens, UsageSource::ProviderPartial)
            }
            None if !charges_text(self.row.surface) => (TokenCounts::default(), UsageSource::None),
            None if (200..300).contains(&end.status) => (estimated, UsageSource::Estimate),
            // No status came back: the provider may have taken the request or not. The
            // bytes were sent, so the input is counted.
            None if end.status == 0 && end.outcome != "connect" => {
                (estimated, UsageSource::Estimate)
            }
            None => (TokenCounts::default(), UsageSource::None),
        }
    }

    fn price(&mut self) {
        let price = self.target.as_ref().and_then(|target| target.price.as_ref());
        self.row.cost = Cost::of(price, &self.row.tokens, self.row.usage_source);
    }

    fn finish(&mut self, reason: EndReason, error_type: &'static str, shown_status: u16) {
        self.state = State::Settled;
        self.shared.metrics.inflight_requests.dec();
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
        let (reason, outcome) = if std::thread::panicking() {
            (EndReason::UpstreamError, "gateway_internal")
        } else {
            (EndReason::ClientGone, "client_gone")
        };
        let status = self.row.status;
        self.settle(AttemptEnd { reason, status, outcome }, Some(outcome.to_owned()));
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

/// Routes on which providers charge tokens of text, so that an estimate makes sense where no
/// count came. The others are free or charged by the piece, unless the answer says otherwise.
const fn charges_text(surface: Surface) -> bool {
    matches!(
        surface,
        Surface::ChatCompletions
            | Surface::Completions
            | Surface::Responses
            | Surface::Embeddings
            | Surface::Messages
    )
}

/// Routes whose answers show the counts of an earlier request, or of none.
const fn repeats_an_account(surface: Surface) -> bool {
    matches!(
        surface,
        Surface::ResponsesGet
            | Surface::ResponsesDelete
            | Surface::ResponsesCancel
            | Surface::CountTokens
    )
}

fn ms(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
