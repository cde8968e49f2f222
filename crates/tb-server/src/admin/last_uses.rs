//! The last uses of secrets on their way into the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tb_core::ports::{KeyUseStore, StoreError};
use tb_core::{KeyId, KeyUse, Timestamp};

/// Writes what is new.
pub(super) struct LastUses {
    to: Arc<dyn KeyUseStore>,
    stored: Mutex<HashMap<(KeyId, u32), Timestamp>>,
}

impl LastUses {
    /// Nothing is stored yet.
    pub(super) fn new(to: Arc<dyn KeyUseStore>) -> Self {
        Self { to, stored: Mutex::default() }
    }

    /// Stores those of `uses` that it did not store before.
    pub(super) fn store(&self, uses: Vec<KeyUse>) -> Result<(), StoreError> {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new =
            |used: &KeyUse| stored.get(&(used.id, used.version)).is_none_or(|at| *at < used.at);
        let fresh: Vec<_> = uses.into_iter().filter(is_new).collect();
        if fresh.is_empty() {
            return Ok(());
        }
        self.to.note_key_uses(&fresh)?;
        stored.extend(fresh.into_iter().map(|used| ((used.id, used.version), used.at)));
        Ok(())
    }
}
