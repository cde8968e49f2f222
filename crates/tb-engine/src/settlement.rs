//! The one account of a request: opened at admission, closed exactly once on every path.

mod content;
mod ending;
mod hashes;
mod limits;
mod pin;
pub(crate) mod row;

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;
use tb_config::GuardPolicy;
use tb_core::breaker::Verdict;
use tb_core::ports::{JournalEntry, ResponseBinding, StoreError};
use tb_core::{Cost, EndReason, Surface, UsageRow};
use tb_providers::AnswerFacts;

use tokio::task::JoinHandle;

use self::hashes::AnswerHash;
use self::row::{Beginning, Step, forget_attempt};
use crate::admission::{MemoryHold, Permit};
use crate::clock;
use crate::content::Draft;
use crate::engine::Shared;
use crate::estimate::Used;
use crate::guarded::{Guarded, kept_user};
use crate::health::Passage;
use crate::quota::Claim;
use crate::refusal::{GuardNote, Refusal};
use crate::runtime::{RunningTarget, Runtime};
use crate::stages::compose::PromptNote;

/// How an attempt ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttemptEnd {
    pub(crate) reason: EndReason,
    /// The provider's status, 0 when none came.
    pub(crate) status: u16,
    /// `ok` or the label of an error class.
    pub(crate) outcome: &'static str,
    /// What it says of the target's health.
    pub(crate) verdict: Verdict,
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
    /// The hash of what came of the answer under way.
    answer: AnswerHash,
    /// When the first output of a stream was seen.
    first_output: Option<Instant>,
    pieces: u32,
    replied: bool,
    /// The answer tells for the first time what a background response used; so much of it was
    /// accounted as an estimate when the response was made.
    estimated_before: Option<u64>,
    /// How the last attempt failed and how long it took, while it is open whether another one
    /// follows. Its row is written then, so that a crash in between leaves one that is final.
    failed: Option<(AttemptEnd, Duration)>,
    /// Tells the target's health how the attempt ended.
    passage: Option<Passage>,
    /// What was passed over before the answer that comes next.
    passed_over: Option<String>,
    /// How long the request waited for an identical one before the next row.
    waited_for_another: Duration,
    state: State,
    /// What was found, and what characters nobody sees, for the headers of a refusal.
    guard_note: (Option<HeaderValue>, Option<HeaderValue>),
    /// The prompt that the request was made of.
    prompt: Option<Box<PromptNote>>,
    /// Given back with the account.
    permit: Permit,
    /// What the request takes of the limits that it is under; none where it is under none.
    claim: Option<Box<Claim>>,
    /// Nothing of it is kept.
    is_turned_away: bool,
    /// For the content log; none where the service keeps none.
    content: Option<Box<Draft>>,
    /// Another model than the pinned one answered.
    has_new_fingerprint: bool,
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
        (shared, runtime): (Arc<Shared>, Arc<Runtime>),
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
            answer: AnswerHash::default(),
            first_output: None,
            pieces: 0,
            replied: false,
            estimated_before: None,
            failed: None,
            passage: None,
            passed_over: None,
            waited_for_another: Duration::ZERO,
            state: State::Open,
            guard_note: (None, None),
            prompt: None,
            permit: Permit::default(),
            claim: None,
            is_turned_away: false,
            content: None,
            has_new_fingerprint: false,
        }
    }

    /// The request's turn came; its place is given back with the account.
    pub(crate) fn take_turn(&mut self, permit: Permit) {
        self.permit = permit;
    }

    /// The request's turn did not come: it is refused like others at the door, without a row.
    pub(crate) fn turned_away(&mut self) {
        self.is_turned_away = true;
    }

    /// The row as far as it is known.
    pub(crate) fn row(&mut self) -> &mut UsageRow {
        &mut self.row
    }

    /// Notes on whose behalf the request is, see [`kept_user`].
    pub(crate) fn note_user(&mut self, name: &str, policy: &GuardPolicy) {
        let key = self.shared.guard_keys.of(&self.row.service);
        let guard = &self.runtime.snapshot.guard.guard;
        self.row.user = Some(kept_user(name, &key, (guard, policy)));
    }

    /// Notes the prompt that the request was made of.
    pub(crate) fn note_prompt(&mut self, note: PromptNote) {
        self.row.prompt = note.version.to_str().ok().map(Into::into);
        self.prompt = Some(Box::new(note));
    }

    /// The prompt that the request was made of.
    pub(crate) fn prompt_note(&self) -> Option<&PromptNote> {
        self.prompt.as_deref()
    }

    pub(crate) fn expect_input_tokens(&mut self, tokens: u64) {
        self.estimated_input_tokens = tokens;
    }

    /// Notes what the guard found; `note` is what the rows say of it.
    pub(crate) fn note_guard(&mut self, guarded: &Guarded, note: Option<String>) {
        let header = |text: Option<String>| HeaderValue::try_from(text?).ok();
        self.row.characters = guarded.character_summary();
        self.guard_note = (header(guarded.summary()), header(self.row.characters.clone()));
        self.row.guard = note;
    }

    /// What the headers of a refusal say of what the guard found.
    pub(crate) fn add_guard_note(&mut self, note: &mut GuardNote) {
        (note.found, note.characters) = std::mem::take(&mut self.guard_note);
    }

    /// Writes down that bytes are about to go to `target`. Nothing may be sent before.
    ///
    /// # Errors
    /// When a limit does not allow what the attempt may use, or the journal cannot take the
    /// record; then nothing may be sent at all, and the row is what it was before.
    pub(crate) fn begin_attempt(
        &mut self,
        target: &Arc<RunningTarget>,
        step: Step,
        mut passage: Passage,
    ) -> Result<(), Refusal> {
        // A first attempt has little to go back to; a copy of the row is only worth it later.
        let before = (self.state == State::Between).then(|| self.row.clone());
        self.attempt_began = clock::now();
        let overhead = self.overhead().saturating_sub(step.waited);
        let beginning = Beginning {
            waited: self.attempt_began.saturating_duration_since(self.arrived),
            overhead,
            used: Used::before(self.row.surface, self.estimated_input_tokens),
        };
        beginning.write(target, &mut self.row);
        self.row.answer_hmac = None;
        let waited = step.waited + std::mem::take(&mut self.waited_for_another);
        Step { waited, ..step }.write(&mut self.row);
        if let Err(refusal) = self.reserve(target).and_then(|()| self.append_begin()) {
            self.release();
            match before {
                Some(row) => self.row = row,
                None => forget_attempt(&mut self.row),
            }
            return Err(refusal);
        }
        if self.row.attempt == 1 {
            self.runtime.count_overhead(self.row.surface, overhead);
        }
        self.facts = AnswerFacts::default();
        (self.first_output, self.pieces) = (None, 0);
        self.count_floating(target);
        self.target = Some(Arc::clone(target));
        passage.begins(self.shared.health.ms(self.attempt_began));
        self.passage = Some(passage);
        self.state = State::Attempting;
        Ok(())
    }

    /// When the first output is counted from: what failed attempts took before is not the
    /// target's.
    fn output_awaited(&self) -> Instant {
        if self.row.attempt > 1 { self.attempt_began } else { self.arrived }
    }

    /// When the attempt under way began.
    pub(crate) fn attempt_began(&self) -> Instant {
        self.attempt_began
    }

    /// Notes the status that the provider gave: whoever leaves from now on leaves it in the row.
    pub(crate) fn head_arrived(&mut self, status: u16) {
        self.row.status = status;
    }

    /// Notes that the client is given an answer, so that it knows a status.
    pub(crate) fn reply_begins(&mut self) {
        self.replied = true;
    }

    /// Holds the memory of the body until the account is closed.
    pub(crate) fn hold(&mut self, memory: MemoryHold) {
        self.permit.keep(memory);
    }

    /// For the memory of an answer: holds nothing yet.
    pub(crate) fn memory(&self) -> MemoryHold {
        self.shared.admission.hold(self.runtime.snapshot.server.memory_budget_bytes)
    }

    /// Holds the memory of the answer until the account is closed, or until it is taken.
    pub(crate) fn hold_answer(&mut self, memory: MemoryHold) {
        self.permit.keep_answer(memory);
    }

    /// What the answer holds, to be kept as long as its bytes.
    pub(crate) fn take_answer_memory(&mut self) -> MemoryHold {
        self.permit.take_answer()
    }

    /// Notes when the body had arrived: waiting for it is not the gateway's time.
    pub(crate) fn body_arrived(&mut self, at: Instant) {
        self.body_arrived = at;
    }

    /// Notes how long the request waited for an identical one: that is not the gateway's time.
    pub(crate) fn waited_for_another(&mut self, waited: Duration) {
        self.body_arrived += waited;
        self.waited_for_another = waited;
    }

    /// The time since the body had arrived, which the gateway itself took before sending, or
    /// in which it waited for a target.
    fn overhead(&self) -> Duration {
        self.attempt_began.saturating_duration_since(self.body_arrived)
    }

    /// Notes that output was given to the client.
    pub(crate) fn note_output(&mut self, facts: &AnswerFacts) {
        self.pieces = self.pieces.saturating_add(1);
        if self.first_output.is_none() && facts.output_seen {
            let now = clock::now();
            self.first_output = Some(now);
            self.report_opened(now);
        }
    }

    /// Tells the target's health that output comes.
    fn report_opened(&mut self, now: Instant) {
        if let Some(passage) = &mut self.passage {
            passage.opened(self.shared.health.ms(now));
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
        if self.facts.output_bytes == 0 {
            self.report_opened(clock::now());
        }
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

    fn append_begin(&self) -> Result<(), Refusal> {
        self.record(JournalEntry::Begun(&self.row))
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
        let verdict = Verdict::Neutral;
        self.settle(AttemptEnd { reason, status, outcome, verdict }, Some(code.to_owned()));
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
