//! The entries in memory, bounded by their bytes.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::Cache;
use tb_core::Timestamp;
use tb_core::ports::AnswerFilter;

use super::entry::{Entry, Label};
use super::key::Key;

/// Kept answers by key. Nothing is allocated before the first one comes.
pub(super) struct Memory {
    answers: OnceLock<Cache<Key, Held>>,
    max_bytes: u64,
}

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
    pub(super) const fn new(max_bytes: u64) -> Self {
        Self { answers: OnceLock::new(), max_bytes }
    }

    fn answers(&self) -> &Cache<Key, Held> {
        self.answers.get_or_init(|| {
            let weight =
                |_: &Key, held: &Held| u32::try_from(held.entry.bytes()).unwrap_or(u32::MAX);
            let builder = Cache::builder().max_capacity(self.max_bytes);
            builder.weigher(weight).expire_after(Leaving).build()
        })
    }

    pub(super) fn get(&self, key: &Key, now: Timestamp) -> Option<Arc<Entry>> {
        let held = self.answers.get()?.get(key)?;
        held.entry.times.may_be_kept(now).then_some(held.entry)
    }

    pub(super) fn insert(&self, key: Key, entry: Arc<Entry>, now: Timestamp) {
        let left = entry.times.left(now);
        self.answers().insert(key, Held { entry, left });
    }

    /// Takes in an entry from the store, unless a newer one came meanwhile.
    pub(super) fn load(&self, key: Key, entry: Arc<Entry>, now: Timestamp) {
        let left = entry.times.left(now);
        self.answers().entry(key).or_insert(Held { entry, left });
    }

    pub(super) fn remove(&self, key: &Key) {
        if let Some(answers) = self.answers.get() {
            answers.invalidate(key);
        }
    }

    /// Removes what fits; gives their number.
    pub(super) fn purge(&self, filter: &AnswerFilter) -> u64 {
        let Some(answers) = self.answers.get() else { return 0 };
        let fitting: Vec<Key> = answers
            .iter()
            .filter(|(_, held)| fits(filter, &held.entry.label))
            .map(|(key, _)| *key)
            .collect();
        fitting.iter().for_each(|key| answers.invalidate(key));
        u64::try_from(fitting.len()).unwrap_or(u64::MAX)
    }

    /// Entries and their bytes.
    pub(super) fn size(&self) -> (u64, u64) {
        let Some(answers) = self.answers.get() else { return (0, 0) };
        answers.run_pending_tasks();
        (answers.entry_count(), answers.weighted_size())
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory")
            .field("entries", &self.answers.get().map_or(0, Cache::entry_count))
            .finish()
    }
}

fn fits(filter: &AnswerFilter, label: &Label) -> bool {
    filter.service.as_ref().is_none_or(|service| *service == label.service)
        && filter.model.as_ref().is_none_or(|model| *model == label.model)
        && filter.tag.as_ref().is_none_or(|tag| label.tags.contains(tag))
}
