//! The entries in memory, bounded by their bytes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::Cache;
use tb_core::Timestamp;
use tb_core::ports::AnswerFilter;

use super::entry::{Entry, Label};
use super::key::Key;

/// Kept answers by key.
pub(super) struct Memory(Cache<Key, Held>);

#[derive(Clone)]
struct Held {
    entry: Arc<Entry>,
    /// How long it may stay, from when it came in.
    left: Duration,
}

/// Frees the memory of entries that may no longer be kept. Whether one may be served is
/// decided by the clock of the gateway, not by this one.
struct Leaving;

impl Expiry<Key, Held> for Leaving {
    fn expire_after_create(&self, _: &Key, held: &Held, _: Instant) -> Option<Duration> {
        Some(held.left)
    }

    fn expire_after_update(
        &self,
        _: &Key,
        held: &Held,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(held.left)
    }
}

impl Memory {
    /// Room for `max_bytes` of entries.
    pub(super) fn new(max_bytes: u64) -> Self {
        let weight = |_: &Key, held: &Held| u32::try_from(held.entry.bytes()).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(max_bytes).weigher(weight).expire_after(Leaving).build())
    }

    pub(super) fn get(&self, key: &Key, now: Timestamp) -> Option<Arc<Entry>> {
        self.0.get(key).map(|held| held.entry).filter(|entry| entry.times.may_be_kept(now))
    }

    pub(super) fn insert(&self, key: Key, entry: Arc<Entry>, now: Timestamp) {
        let left = entry.times.left(now);
        self.0.insert(key, Held { entry, left });
    }

    /// Takes in an entry from the store, unless a newer one came meanwhile.
    pub(super) fn load(&self, key: Key, entry: Arc<Entry>, now: Timestamp) {
        let left = entry.times.left(now);
        self.0.entry(key).or_insert(Held { entry, left });
    }

    pub(super) fn remove(&self, key: &Key) {
        self.0.invalidate(key);
    }

    /// Removes what fits; gives their number.
    pub(super) fn purge(&self, filter: &AnswerFilter) -> u64 {
        let fitting: Vec<Key> = self
            .0
            .iter()
            .filter(|(_, held)| fits(filter, &held.entry.label))
            .map(|(key, _)| *key)
            .collect();
        fitting.iter().for_each(|key| self.0.invalidate(key));
        u64::try_from(fitting.len()).unwrap_or(u64::MAX)
    }

    /// Entries and their bytes.
    pub(super) fn size(&self) -> (u64, u64) {
        self.0.run_pending_tasks();
        (self.0.entry_count(), self.0.weighted_size())
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("entries", &self.0.entry_count()).finish()
    }
}

fn fits(filter: &AnswerFilter, label: &Label) -> bool {
    filter.service.as_ref().is_none_or(|service| *service == label.service)
        && filter.model.as_ref().is_none_or(|model| *model == label.model)
        && filter.tag.as_ref().is_none_or(|tag| label.tags.contains(tag))
}
