//! Keys and admin tokens: the store's, and the copies in memory that requests are checked
//! against.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tb_core::ports::{KeyStore, KeyUseStore, StoreError};
use tb_core::{AdminRing, KeyId, KeyRing, KeyUse, Pepper, Role};
use tb_engine::Engine;

use super::key_ages::AgeWarnings;
use super::last_uses::LastUses;
use super::live::Live;

/// Carries changes of the key store into the engine and the admin API.
pub struct KeyDirectory {
    store: Arc<dyn KeyStore>,
    pepper: Pepper,
    engine: Engine,
    tokens: Live<AdminRing>,
    ring: Live<Arc<KeyRing>>,
    uses: Option<LastUses>,
    warned: Mutex<AgeWarnings>,
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
        let ring = Live::new(Arc::new(KeyRing::new(Vec::new(), pepper.clone())));
        let (uses, warned, seen) = (None, Mutex::default(), Mutex::new(0));
        let directory = Self { store, pepper, engine, tokens, ring, uses, warned, seen };
        directory.reload()?;
        Ok(directory)
    }

    /// Remembers the last uses of secrets over restarts.
    ///
    /// # Errors
    /// When the store fails.
    pub fn with_uses(self, store: Arc<dyn KeyUseStore>) -> Result<Self, StoreError> {
        self.ring.get().restore_uses(&store.key_uses()?);
        Ok(Self { uses: Some(LastUses::new(store)), ..self })
    }

    /// When each secret was used last, to a minute.
    #[must_use]
    pub fn uses(&self) -> Vec<KeyUse> {
        self.ring.get().uses().collect()
    }

    /// What is done once a minute: last uses are stored, and secrets that become too old soon
    /// are named in the log.
    ///
    /// # Errors
    /// When the store fails; the next call stores what this one could not.
    pub fn keep_up(&self) -> Result<(), StoreError> {
        let snapshot = self.engine.snapshot();
        if let Some(max_age) = snapshot.keys.max_age {
            let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
            warned.warn(self.ring.get().records(), max_age, self.engine.clock().now());
        }
        self.uses.as_ref().map_or(Ok(()), |uses| uses.store(self.uses()))
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
        let keys = self.ring.get().replaced(self.store.keys()?);
        let tokens = AdminRing::new(self.store.admin_tokens()?, self.pepper.clone());
        let keys = Arc::new(keys);
        self.engine.set_keys(Arc::clone(&keys));
        self.ring.set(keys);
        self.tokens.set(tokens);
        *seen = counter;
        Ok(())
    }

    /// The store behind.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn KeyStore> {
        &self.store
    }

    /// The key of the hashes of keys.
    #[must_use]
    pub fn pepper(&self) -> &Pepper {
        &self.pepper
    }

    /// Whose admin token this is, and what it may do.
    #[must_use]
    pub fn admin(&self, presented: &str) -> Option<(KeyId, Role)> {
        let now = self.engine.clock().now();
        self.tokens.get().authenticate(presented, now).map(|token| (token.id, token.role))
    }
}

impl std::fmt::Debug for KeyDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyDirectory").finish_non_exhaustive()
    }
}
