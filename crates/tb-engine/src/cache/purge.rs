//! What operators do with kept answers: look at them and remove them.

use tb_config::CacheLimits;
use tb_core::ports::{AnswerFilter, StoreError};

use crate::engine::Engine;

/// How full the response cache is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheView {
    /// Answers in memory.
    pub entries: u64,
    /// Their bytes, requests and bookkeeping included.
    pub bytes: u64,
    /// The room there is.
    pub limits: CacheLimits,
}

impl Engine {
    /// Removes kept answers from memory and from the store, gives their number. What is being
    /// answered at that moment is not kept either. Blocking: waits for the store.
    ///
    /// # Errors
    /// When the store fails; memory is purged all the same.
    pub fn purge_answers(&self, filter: &AnswerFilter) -> Result<u64, StoreError> {
        let core = &self.shared.cache.core;
        // What still waits for the store is counted with the rest.
        core.writer.flush();
        core.shelf.purge(filter)
    }

    /// How full the response cache is.
    #[must_use]
    pub fn cache_view(&self) -> CacheView {
        let shelf = &self.shared.cache.core.shelf;
        let (entries, bytes) = shelf.memory.size();
        CacheView { entries, bytes, limits: shelf.limits }
    }
}
