//! What a request takes of the limits of its scopes, over its life.

use std::sync::Arc;
use std::time::Instant;

use http::HeaderMap;
use tb_core::quota::Amount;
use tb_core::{Cost, NanoUsd, Surface, Timestamp, UsageSource};
use tb_providers::AnswerFacts;

use super::Settlement;
use super::row::ms;
use crate::clock;
use crate::estimate::is_charged_by_piece;
use crate::quota::{Claim, Need, Output, Scopes, rate_headers};
use crate::refusal::Refusal;
use crate::runtime::RunningTarget;

impl Settlement {
    /// The present moment as rows have it: since the request arrived, so that a clock that is set
    /// meanwhile does not matter.
    pub(crate) fn now(&self) -> Timestamp {
        let since = clock::elapsed(self.arrived);
        Timestamp(self.row.request_id.unix_ms()).plus_ms(ms(since).into())
    }

    /// Holds what the request takes of its scopes until the account is closed.
    pub(crate) fn take_claim(&mut self, claim: Claim) {
        self.claim = Some(Box::new(claim));
    }

    /// Notes until when the request may take: reservations last longer than that.
    pub(crate) fn expect_end(&mut self, deadline: Instant) {
        if let Some(claim) = &mut self.claim {
            claim.expect_end(ms(deadline.saturating_duration_since(clock::now())).into());
        }
    }

    /// Reserves what the attempt of the present row may use.
    pub(super) fn reserve(&mut self, target: &Arc<RunningTarget>) -> Result<(), Refusal> {
        let Some(claim) = &mut self.claim else { return Ok(()) };
        let row = &self.row;
        let need = Need {
            input_tokens: row.tokens.input(),
            output: output_of(row.surface, row.usage_source),
            at: row.started_at,
        };
        claim.reserve(target, &need).map_err(Refusal::LimitReached)
    }

    /// Gives back what was reserved: nothing was sent.
    pub(super) fn release(&mut self) {
        if let Some(claim) = &mut self.claim {
            claim.release();
        }
    }

    /// Settles what was reserved to what the row says.
    pub(super) fn settle_reserved(&mut self) {
        let Some(claim) = &mut self.claim else { return };
        let row = &self.row;
        let money = match row.cost {
            Cost::Measured(amount) | Cost::Estimated(amount) => amount,
            Cost::Unpriced | Cost::Free => NanoUsd(0),
        };
        let output = row.tokens.output();
        let tokens = row.tokens.input().saturating_add(output);
        let told = (row.usage_source == UsageSource::Provider).then_some(output);
        let at = row.started_at.plus_ms(row.duration_ms.into());
        claim.settle(Amount { tokens, money }, told, at);
    }

    /// Lets the reservation grow where a stream has given more than it was for.
    ///
    /// # Errors
    /// A limit does not allow it: the stream must end.
    pub(crate) fn meter(&mut self, facts: &AnswerFacts) -> Result<(), Refusal> {
        let Some(claim) = &mut self.claim else { return Ok(()) };
        if !claim.is_outgrown(facts) {
            return Ok(());
        }
        let since = clock::elapsed(self.attempt_began);
        let at = self.row.started_at.plus_ms(ms(since).into());
        claim.grow(facts, at).map_err(Refusal::LimitReached)
    }

    /// Writes what is left of the limits of the request.
    pub(crate) fn write_rate_limits(&self, headers: &mut HeaderMap) {
        if let Some(claim) = &self.claim {
            headers.extend(rate_headers(claim.standing(self.now())));
        }
    }

    /// What is left of the limits of a request that is refused, which may have claimed nothing.
    pub(crate) fn rate_limits(&self, service: &Arc<tb_config::Service>) -> Box<HeaderMap> {
        let mut headers = Box::<HeaderMap>::default();
        if self.claim.is_some() {
            self.write_rate_limits(&mut headers);
            return headers;
        }
        let (account, now) = ((&self.runtime, service), self.now());
        if let Some(scopes) = Scopes::of(&self.shared, account, None, (&self.row, now)) {
            headers.extend(rate_headers(scopes.standing(now)));
        }
        headers
    }
}

/// What the answer of an attempt has, for what is known of it before it is sent.
fn output_of(surface: Surface, source: UsageSource) -> Output {
    match (surface, source) {
        (Surface::Embeddings, _) => Output::Nothing,
        (surface, UsageSource::None) if is_charged_by_piece(surface) => Output::Pieces,
        (_, UsageSource::None) => Output::Nothing,
        _ => Output::Text,
    }
}
