//! What an account writes into its row.

use std::borrow::Cow;
use std::time::Duration;

use tb_core::{
    Cause, Cost, EndReason, NanoUsd, Rung, Timestamp, TokenCounts, UsageRow, UsageSource,
};

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
        (row.fingerprint, row.has_drifted) = (None, false);
        row.region.clone_from(&target.region);
        row.agreement = target.agreement_at(row.started_at);
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

/// How an attempt came about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Step {
    pub(crate) cause: Cause,
    pub(crate) rung: Rung,
    /// How long the gateway waited before it.
    pub(crate) waited: Duration,
    /// The provider's key that is used.
    pub(crate) key_index: Option<u32>,
    /// What was passed over before it.
    pub(crate) passed_over: Option<String>,
}

impl Step {
    /// Notes in `row` how its attempt came about.
    pub(super) fn write(self, row: &mut UsageRow) {
        row.cause = self.cause;
        row.rung = self.rung;
        row.waited_ms = ms(self.waited);
        row.key_index = self.key_index;
        row.passed_over =
            self.passed_over.map(|list| shortened(&list, MAX_PASSED_OVER_BYTES).into_owned());
    }
}

/// Makes `row` that of an answer of the gateway's own.
pub(super) fn write_local(
    rung: Rung,
    saved: NanoUsd,
    passed_over: Option<String>,
    row: &mut UsageRow,
) {
    row.is_final = true;
    (row.provider, row.model_resolved, row.model_served) = (None, None, None);
    (row.fingerprint, row.has_drifted) = (None, false);
    (row.region, row.agreement) = (None, None);
    (row.status, row.error_code) = (200, None);
    row.end_reason = EndReason::Complete;
    (row.tokens, row.usage_source) = (TokenCounts::default(), UsageSource::None);
    (row.cost, row.saved) = (Cost::Free, saved);
    row.ttft_ms = None;
    Step { rung, passed_over, ..Step::default() }.write(row);
}

/// The most bytes of `passed_over` before an attempt: a dozen targets with long names.
const MAX_PASSED_OVER_BYTES: usize = 1_000;

/// The most bytes of `passed_over` with what was passed over after the last attempt.
const MAX_ALL_PASSED_OVER_BYTES: usize = 1_500;

/// Parts what was passed over before an attempt from what was after it.
const AFTER: char = '|';

/// What stands for the targets that are left out.
const MORE: &str = ";\u{2026}";

/// Adds what was passed over before the request was refused; `after_attempt` keeps it apart
/// from what was passed over before the attempt of the same row.
pub(super) fn add_passed_over(passed_over: &str, after_attempt: bool, row: &mut UsageRow) {
    let text = row.passed_over.get_or_insert_default();
    if after_attempt {
        text.push(AFTER);
    }
    let room = MAX_ALL_PASSED_OVER_BYTES.saturating_sub(text.len());
    text.push_str(&shortened(passed_over, room));
}

/// The first targets of a list that fit.
fn shortened(list: &str, most_bytes: usize) -> Cow<'_, str> {
    if list.len() <= most_bytes {
        return Cow::Borrowed(list);
    }
    let most_bytes = most_bytes.saturating_sub(MORE.len());
    let ends = list.match_indices(';').map(|(at, _)| at);
    let end = ends.take_while(|at| *at <= most_bytes).last().unwrap_or(0);
    Cow::Owned([list.get(..end).unwrap_or_default(), MORE].concat())
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
    (row.region, row.agreement) = (None, None);
    (row.tokens, row.usage_source) = (TokenCounts::default(), UsageSource::None);
    row.cost = Cost::Free;
    row.overhead_us = 0;
    Step::default().write(row);
}

pub(super) fn ms(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_keeps_its_first_targets_whole() {
        let list = vec!["provider/model=breaker_open"; 100].join(";");
        for most in [0, 3, 4, 27, 100, 1_500] {
            let short = shortened(&list, most);
            assert!(short.len() <= most.max(MORE.len()), "{most}: {}", short.len());
            let known = short.strip_suffix(MORE).unwrap();
            assert!(known.is_empty() || list.starts_with(&format!("{known};")), "{known}");
        }
        assert!(shortened(&list, 1_500).len() > 1_400);
        assert_eq!(shortened("a/b=c", 5), "a/b=c");
    }
}
