//! Whole answers: restored, settled, kept.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use tb_config::OnTrouble;
use tb_core::breaker::Verdict;
use tb_core::{EndReason, Surface};
use tb_providers::AnswerFacts;

use super::headers::cost_header;
use super::origin;
use crate::cache::{Keeper, Made};
use crate::engine::{Engine, Shared};
use crate::headers as names;
use crate::local::Origin;
use crate::refusal::{Refusal, class_label, error_code, verdict};
use crate::request::RequestHead;
use crate::restoration::{AnswerBlocked, Restoration};
use crate::runtime::RunningTarget;
use crate::settlement::{AttemptEnd, Settlement};
use crate::stream::{Binder, Terminal, of_response};

/// A longer answer is looked at on a thread that may be busy for a while.
const LONG_BYTES: usize = 32 * 1024;

/// A body with its placeholders restored, or why it may not be given.
pub(super) async fn restored(
    engine: &Engine,
    restoration: Option<Restoration>,
    body: &Bytes,
    is_stream: bool,
) -> Result<Bytes, AnswerBlocked> {
    let Some(mut restoration) = restoration else { return Ok(body.clone()) };
    let shared: Arc<Shared> = Arc::clone(&engine.shared);
    let is_long = body.len() > LONG_BYTES && restoration.looks();
    let on_error = restoration.on_error();
    let whole = body.clone();
    let restore = move || {
        // Nothing of what it may have left half done is used again.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            if is_stream { restoration.kept_stream(&whole) } else { restoration.whole(whole) }
        }));
        restoration.take_tally().count(&shared.metrics);
        outcome.ok()
    };
    let outcome = if is_long {
        engine.shared.tasks.spawn_blocking(restore).await.ok().flatten()
    } else {
        restore()
    };
    outcome.unwrap_or_else(|| failed(on_error, body))
}

/// What becomes of an answer where looking at it or restoring it failed.
fn failed(on_error: OnTrouble, body: &Bytes) -> Result<Bytes, AnswerBlocked> {
    tracing::error!("the guard failed on an answer");
    match on_error {
        OnTrouble::Block => Err(AnswerBlocked { found: String::new() }),
        OnTrouble::Allow => Ok(body.clone()),
    }
}

/// The end of an attempt whose answer the rules forbid: the provider did what it was asked.
pub(super) fn blocked_end(status: u16) -> AttemptEnd {
    let (reason, verdict) = (EndReason::Guard, Verdict::Success);
    AttemptEnd { reason, status, outcome: "ok", verdict }
}

/// What a whole answer is settled with.
pub(super) struct Account {
    pub(super) binder: Option<Binder>,
    pub(super) settlement: Box<Settlement>,
    pub(super) keeper: Keeper,
    pub(super) target: Arc<RunningTarget>,
    /// The provider's.
    pub(super) status: u16,
}

impl Account {
    /// Settles a whole answer and completes its headers; gives the body.
    pub(super) async fn settle(
        mut self,
        surface: Surface,
        body: &Bytes,
        restored: Result<Bytes, AnswerBlocked>,
        headers: &mut HeaderMap,
    ) -> Result<Bytes, Refusal> {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let terminal = match surface {
            Surface::Responses => of_response(body),
            _ => Terminal::Complete,
        };
        let refusal = restored.as_ref().err().map(AnswerBlocked::refusal);
        self.close(&terminal, refusal.as_ref());
        self.settlement.write_rate_limits(headers);
        if let Some(on_disk) = self.settlement.on_disk()
            && !matches!(on_disk.await, Ok(true))
        {
            return Err(Refusal::AuditUnavailable);
        }
        let restored = restored.map_err(|blocked| blocked.refusal())?;
        if matches!(terminal, Terminal::Complete) && self.keeper.keeps() {
            self.keep(body, headers);
        }
        if let Some(served) = self.settlement.served_model()
            && let Ok(value) = HeaderValue::from_str(served)
        {
            headers.insert(names::MODEL_SERVED, value);
        }
        if let Some(note) = self.settlement.served_note() {
            headers.insert(names::PIN, HeaderValue::from_static(note));
        }
        if let Some(cost) = cost_header(self.settlement.cost()) {
            headers.insert(names::COST_USD, cost);
        }
        Ok(restored)
    }

    /// Takes over what the answer tells of what it used and of where it is stored.
    pub(super) fn take_facts(&mut self, head: &RequestHead, facts: AnswerFacts) {
        if let (Some(binder), Some(id)) = (&self.binder, &facts.response_id) {
            binder.bind(id, &mut self.settlement);
        }
        self.settlement.note_background(head.path_id.as_deref(), &facts);
        self.settlement.take_facts(facts);
        if let (Surface::ResponsesDelete, Some(id)) = (head.surface, &head.path_id) {
            self.settlement.unbind_response(id);
        }
    }

    fn close(&mut self, terminal: &Terminal, refusal: Option<&Refusal>) {
        let status = self.status;
        match (terminal, refusal) {
            (Terminal::Failed(error), _) => {
                let reason = EndReason::UpstreamError;
                let (outcome, verdict) = (class_label(error.class), verdict(error.class));
                let end = AttemptEnd { reason, status, outcome, verdict };
                self.settlement.settle(end, Some(error_code(error)));
            }
            (Terminal::Complete, Some(refusal)) => {
                self.settlement.withhold(blocked_end(status), refusal);
            }
            (Terminal::Complete, None) => {
                let (reason, outcome) = (EndReason::Complete, "ok");
                let end = AttemptEnd { reason, status, outcome, verdict: Verdict::Success };
                self.settlement.settle(end, None);
            }
        }
    }

    /// Keeps the answer as the provider gave it, with its placeholders.
    fn keep(&mut self, body: &Bytes, headers: &mut HeaderMap) {
        let served = self.settlement.served_model().map(str::to_owned);
        let origin = Origin { served, ..origin(&self.target) };
        self.keeper.keep_whole(body, Made { origin, cost: self.settlement.cost() });
        if self.keeper.note().stored {
            self.keeper.note().write(headers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_cannot_be_looked_at_follows_the_policy() {
        let body = Bytes::from_static(b"{}");
        let blocked = failed(OnTrouble::Block, &body).unwrap_err();
        assert_eq!(blocked.refusal().code(), "guard_failed");
        assert_eq!(failed(OnTrouble::Allow, &body), Ok(body));
    }
}
