//! When secrets of keys were used last.

use tb_core::KeyUse;
use tb_core::ports::{KeyUseStore, StoreError};

use super::MemoryStore;

impl KeyUseStore for MemoryStore {
    fn key_uses(&self) -> Result<Vec<KeyUse>, StoreError> {
        let state = self.state();
        let uses = state.key_uses.iter();
        Ok(uses.map(|((id, version), at)| KeyUse { id: *id, version: *version, at: *at }).collect())
    }

    fn note_key_uses(&self, uses: &[KeyUse]) -> Result<(), StoreError> {
        let mut state = self.state();
        for used in uses {
            let at = state.key_uses.entry((used.id, used.version)).or_default();
            *at = used.at.max(*at);
        }
        Ok(())
    }
}
