//! Where entries are: in memory, and behind the port for the next start.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tb_config::CacheLimits;
use tb_core::ports::{AnswerFilter, AnswerStore, StoreError};
use tb_core::{Clock, Timestamp};

use super::entry::Entry;
use super::key::Key;
use super::memory::Memory;
use super::seal::Seal;

/// Both places of the entries.
pub(super) struct Shelf {
    pub(super) memory: Memory,
    pub(super) limits: CacheLimits,
    pub(super) clock: Arc<dyn Clock>,
    store: Arc<dyn AnswerStore>,
    seal: Seal,
    /// How many purges there were: an answer that was asked for before one is not kept after it.
    purges: AtomicU64,
    /// Held while the store is written or loaded, so that a purge is before or after that.
    gate: Mutex<()>,
}

/// About how many bytes of entries are read from the store at once.
const LOADED_AT_ONCE: u64 = 4 * 1024 * 1024;

/// How far the loading has come.
#[derive(Default)]
struct Progress {
    /// The room that is left.
    left: u64,
    /// The last entry that was read.
    after: Option<(Timestamp, Key)>,
    loaded: usize,
}

/// What became of a page.
enum Page {
    Loaded,
    Empty,
    /// There is no room for the next entry.
    Full,
}

/// An entry on its way to the store.
pub(super) struct Waiting {
    pub(super) key: Key,
    pub(super) entry: Arc<Entry>,
    /// [`Shelf::purges`] when it was asked for.
    pub(super) purges: u64,
}

impl Shelf {
    pub(super) fn new(
        limits: CacheLimits,
        store: Arc<dyn AnswerStore>,
        sealing: &[u8; 32],
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            memory: Memory::new(limits.memory_bytes),
            limits,
            clock,
            store,
            seal: Seal::new(sealing),
            purges: AtomicU64::new(0),
            gate: Mutex::new(()),
        }
    }

    /// How many purges there were so far.
    pub(super) fn purges(&self) -> u64 {
        self.purges.load(Ordering::SeqCst)
    }

    /// Keeps an entry in memory; false when there was a purge since it was asked for.
    pub(super) fn insert(&self, waiting: &Waiting) -> bool {
        if self.purges() != waiting.purges {
            return false;
        }
        self.memory.insert(waiting.key, Arc::clone(&waiting.entry), self.clock.now());
        // A purge counts first and removes then: it either sees the entry or is seen here.
        let kept = self.purges() == waiting.purges;
        if !kept {
            self.memory.remove(&waiting.key);
        }
        kept
    }

    /// Writes entries to the store, but for those that a purge would have removed.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) fn write(&self, entries: &[Waiting]) -> Result<(), StoreError> {
        let _gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let purges = self.purges();
        let sealed: Vec<_> = entries
            .iter()
            .filter(|waiting| waiting.purges == purges)
            .filter_map(|waiting| self.seal.close(&waiting.key, &waiting.entry))
            .collect();
        if sealed.is_empty() { Ok(()) } else { self.store.keep(&sealed) }
    }

    /// Fills the memory with the newest entries of the store, until it is full or `stop` says
    /// so; gives their number.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) fn load(&self, stop: impl Fn() -> bool) -> Result<usize, StoreError> {
        let mut progress = Progress { left: self.limits.memory_bytes, ..Progress::default() };
        let mut page_bytes = LOADED_AT_ONCE;
        while !stop() {
            match self.load_page(page_bytes.min(progress.left), &mut progress)? {
                Page::Loaded => {}
                // The next one may be longer than a page.
                Page::Empty if page_bytes < progress.left => {
                    page_bytes = page_bytes.saturating_mul(4);
                }
                Page::Empty | Page::Full => break,
            }
        }
        Ok(progress.loaded)
    }

    /// Loads the entries that follow: a few at once, because each is in memory twice meanwhile.
    fn load_page(&self, max_bytes: u64, progress: &mut Progress) -> Result<Page, StoreError> {
        let _gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let page = self.store.newest(now, progress.after, max_bytes)?;
        let Some(last) = page.last() else { return Ok(Page::Empty) };
        progress.after = Some((last.stored_at, last.key));
        for kept in page {
            let key = kept.key;
            let Some(entry) = self.seal.open(kept).filter(|entry| entry.times.may_be_kept(now))
            else {
                continue;
            };
            let bytes = u64::try_from(entry.bytes()).unwrap_or(u64::MAX);
            let Some(left) = progress.left.checked_sub(bytes) else { return Ok(Page::Full) };
            progress.left = left;
            self.memory.load(key, Arc::new(entry), now);
            progress.loaded += 1;
        }
        Ok(Page::Loaded)
    }

    /// The entry of the store under `key`.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) fn read(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let now = self.clock.now();
        let kept = self.store.kept(key, now)?.filter(|kept| kept.key == *key);
        let entry = kept.and_then(|kept| self.seal.open(kept));
        Ok(entry.filter(|entry| entry.times.may_be_kept(now)))
    }

    /// Removes what fits from both places; gives their number.
    ///
    /// # Errors
    /// When the store fails; memory is purged then.
    pub(super) fn purge(&self, filter: &AnswerFilter) -> Result<u64, StoreError> {
        let _gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        self.purges.fetch_add(1, Ordering::SeqCst);
        let in_memory = self.memory.purge(filter);
        // What memory holds is in the store as well, unless it never got there.
        Ok(self.store.purge(filter)?.max(in_memory))
    }

    /// Removes from the store what may no longer be kept or has no room.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) fn sweep(&self) -> Result<u64, StoreError> {
        self.store.sweep(self.clock.now(), self.limits.disk_bytes)
    }
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf").field("memory", &self.memory).finish_non_exhaustive()
    }
}
