//! One kept answer, and how old it is.

use std::time::Duration;

use bytes::Bytes;
use tb_core::{ModelName, NanoUsd, ServiceName, Timestamp};

use super::key::Slot;
use crate::local::Origin;

/// What the bookkeeping of an entry takes in memory, about.
const OVERHEAD_BYTES: usize = 512;

/// A kept answer.
pub(super) struct Entry {
    /// Whose it is and what for: for removal.
    pub(super) label: Label,
    /// What was asked; compared on a hit.
    pub(super) request: Bytes,
    pub(super) slot: Slot,
    /// JSON, or server-sent events as the client got them.
    pub(super) body: Bytes,
    pub(super) origin: Origin,
    /// What it did cost.
    pub(super) cost: NanoUsd,
    pub(super) times: Times,
}

/// What an entry can be removed by.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) service: ServiceName,
    pub(super) model: ModelName,
    pub(super) tags: Vec<String>,
}

/// The life of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) stored_at: Timestamp,
    /// The end of its time to live.
    pub(super) fresh_until: Timestamp,
    /// The end of its use when nothing better can be had.
    pub(super) keep_until: Timestamp,
}

impl Times {
    pub(super) fn starting(now: Timestamp, ttl: Duration, stale_if_error: Duration) -> Self {
        let fresh_until = now.plus_ms(ms(ttl));
        Self { stored_at: now, fresh_until, keep_until: fresh_until.plus_ms(ms(stale_if_error)) }
    }

    /// How old it is.
    pub(super) fn age(&self, now: Timestamp) -> Duration {
        since(self.stored_at, now)
    }

    /// How long it may still be kept.
    pub(super) fn left(&self, now: Timestamp) -> Duration {
        since(now, self.keep_until)
    }

    /// How long it is still fresh, in seconds; negative = past that. The second that began
    /// does not count: what is called fresh is.
    pub(super) fn ttl_seconds(&self, now: Timestamp) -> i64 {
        self.fresh_until.unix_ms().saturating_sub(now.unix_ms()).div_euclid(1_000)
    }

    /// How long it is past its time to live.
    pub(super) fn staleness(&self, now: Timestamp) -> Duration {
        since(self.fresh_until, now)
    }

    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.fresh_until
    }

    pub(super) fn may_be_kept(&self, now: Timestamp) -> bool {
        now < self.keep_until
    }
}

/// From `earlier` to `later`, zero when they are the other way round.
fn since(earlier: Timestamp, later: Timestamp) -> Duration {
    let between = later.unix_ms().saturating_sub(earlier.unix_ms());
    Duration::from_millis(u64::try_from(between).unwrap_or_default())
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Entry {
    /// What it takes, request included.
    pub(super) fn bytes(&self) -> usize {
        let label = self.label.service.as_str().len() + self.label.model.as_str().len();
        let tags: usize = self.label.tags.iter().map(String::len).sum();
        [self.request.len(), self.body.len(), label, tags, OVERHEAD_BYTES]
            .into_iter()
            .fold(0, usize::saturating_add)
    }

    /// Whether it answers exactly this.
    pub(super) fn answers(&self, request: &Bytes, slot: &Slot) -> bool {
        self.slot == *slot && self.request == *request
    }
}

/// Shows sizes only: texts must not reach logs.
impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry")
            .field("bytes", &self.bytes())
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}
