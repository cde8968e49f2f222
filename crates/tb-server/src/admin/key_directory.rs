//! Keys and admin tokens: the store's, and the copies in memory that requests are checked
//! against.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tb_core::ports::{KeyStore, StoreError};
use tb_core::{AdminRing, KeyRing, Pepper};
use tb_engine::Engine;

use super::live::Live;

/// Carries changes of the key store into the engine and the admin API.
pub struct KeyDirectory {
    store: Arc<dyn KeyStore>,
    pepper: Pepper,
    engine: Engine,
    tokens: Live<AdminRing>,
    /// The store's change counter as of the last reading. Held for as long as a reading takes:
    /// of two that overlap, the one with the older keys could put them in place last, and a
    /// revoked key would work again.
    seen: Mutex<u64>,
}

impl KeyDirectory {
    /// Reads the store once and hands its keys to the engine.
    ///
    /// # Errors
    /// When the store fails.
    pub fn open(
        store: Arc<dyn KeyStore>,
        pepper: Pepper,
        engine: Engine,
    ) -> Result<Self, StoreError> {
        let tokens = Live::new(AdminRing::new(Vec::new(), pepper.clone()));
        let directory = Self { store, pepper, engine, tokens, seen: Mutex::new(0) };
        directory.reload()?;
        Ok(directory)
    }

    /// Reads everything again, if the store was changed since the last reading. Cheap enough
    /// to call four times a second.
    ///
    /// # Errors
    /// When the store fails; the keys in memory stay as they are.
    pub fn reload_if_changed(&self) -> Result<(), StoreError> {
        let mut seen = self.seen();
        if self.store.change_counter()? == *seen {
            return Ok(());
        }
        self.read(&mut seen)
    }

    /// Reads everything again.
    ///
    /// # Errors
    /// When the store fails; the keys in memory stay as they are.
    pub fn reload(&self) -> Result<(), StoreError> {
        self.read(&mut self.seen())
    }

    fn seen(&self) -> MutexGuard<'_, u64> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, seen: &mut u64) -> Result<(), StoreError> {
        // The counter is read first: a change in between is then read once more, never missed.
        let counter = self.store.change_counter()?;
        let keys = KeyRing::new(self.store.keys()?, self.pepper.clone());
        let tokens = AdminRing::new(self.store.admin_tokens()?, self.pepper.clone());
        self.engine.set_keys(Arc::new(keys));
        self.tokens.set(tokens);
        *seen = counter;
        Ok(())
    }

    /// The store behind.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn KeyStore> {
        &self.store
    }

    /// Whether this is one of the admin tokens.
    #[must_use]
    pub fn is_admin(&self, presented: &str) -> bool {
        self.tokens.get().authenticate(presented).is_some()
    }
}

impl std::fmt::Debug for KeyDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyDirectory").finish_non_exhaustive()
    }
}
