//! What an account writes into its row.

use std::time::Duration;

use tb_core::{Cost, EndReason, Timestamp, TokenCounts, UsageRow, UsageSource};

use crate::estimate::Used;
use crate::runtime::RunningTarget;

/// The beginning of an attempt.
pub(super) struct Beginning {
    /// Since the request's head had arrived.
    pub(super) waited: Duration,
    /// What the gateway itself took of that.
    pub(super) overhead: Duration,
    /// What stands if nothing follows.
    pub(super) used: Used,
}

impl Beginning {
    /// Makes `row` that of the next attempt, at `target`.
    pub(super) fn write(&self, target: &RunningTarget, row: &mut UsageRow) {
        row.attempt = row.attempt.saturating_add(1);
        row.is_final = true;
        row.started_at = arrived_at(row).plus_ms(ms(self.waited).into());
        row.provider = Some(target.provider.name.clone());
        row.model_resolved = Some(target.model.clone());
        row.model_served = None;
        row.status = 0;
        row.error_code = None;
        row.end_reason = EndReason::Crash;
        (row.tokens, row.usage_source) = (self.used.tokens, self.used.source);
        row.cost = self.used.cost(row.surface, target.price.as_ref());
        row.ttft_ms = None;
        row.duration_ms = 0;
        if row.attempt == 1 {
            row.overhead_us = u32::try_from(self.overhead.as_micros()).unwrap_or(u32::MAX);
        }
    }
}

fn arrived_at(row: &UsageRow) -> Timestamp {
    Timestamp::from_unix_ms(row.request_id.unix_ms())
}

/// The longest model id of a provider that is kept, in bytes; the longest known ones (fine
/// tunes) stay below 100.
const MAX_MODEL_ID_BYTES: usize = 200;

/// Whether what a provider calls its model may stand in rows and headers.
pub(super) fn is_model_id(name: &str) -> bool {
    (1..=MAX_MODEL_ID_BYTES).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic())
}

/// The row of a request that was not with a provider, again.
pub(super) fn forget_attempt(row: &mut UsageRow) {
    row.attempt = 0;
    row.started_at = arrived_at(row);
    (row.provider, row.model_resolved) = (None, None);
    (row.tokens, row.usage_source) = (TokenCounts::default(), UsageSource::None);
    row.cost = Cost::Free;
    row.overhead_us = 0;
}

pub(super) fn ms(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
