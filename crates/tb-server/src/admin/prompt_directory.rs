//! Prompts: the store's, and the book in memory that requests are served with.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tb_config::Snapshot;
use tb_core::Actor;
use tb_core::ports::{PromptStore, StoreError};
use tb_core::prompt::{NoGate, PromotionGate, PromptBook, PromptDesk};
use tb_engine::Engine;

/// Carries changes of the prompt store into the engine.
pub struct PromptDirectory {
    store: Arc<dyn PromptStore>,
    engine: Engine,
    gate: Box<dyn PromotionGate>,
    /// The store's change counter as of the last reading. Held for as long as a reading takes: of
    /// two that overlap, the one with the older labels could put them in place last.
    seen: Mutex<u64>,
}

impl PromptDirectory {
    /// Reads the store once and hands its prompts to the engine.
    ///
    /// # Errors
    /// When the store fails.
    pub fn open(store: Arc<dyn PromptStore>, engine: Engine) -> Result<Self, StoreError> {
        let directory = Self { store, engine, gate: Box::new(NoGate), seen: Mutex::new(0) };
        directory.reload()?;
        Ok(directory)
    }

    /// Asks this gate before a protected label moves.
    #[must_use]
    pub fn with_gate(self, gate: Box<dyn PromotionGate>) -> Self {
        Self { gate, ..self }
    }

    /// Registers the files of a configuration as versions, where they are new, and serves them.
    /// No label moves by it.
    ///
    /// # Errors
    /// When the store fails; some files may be registered then.
    pub fn register_files(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let registered = self.at_desk(Actor::Gateway, |desk| {
            for source in &snapshot.prompts.sources {
                let (record, is_new) = desk.register(source)?;
                if is_new {
                    tracing::info!(
                        prompt = record.name,
                        version = record.number,
                        hash = record.hash,
                        "a prompt has a new version"
                    );
                }
            }
            Ok(())
        });
        registered.and_then(|()| self.reload())
    }

    /// Changes prompts as `actor`.
    pub fn at_desk<T>(&self, actor: Actor, work: impl FnOnce(&PromptDesk<'_>) -> T) -> T {
        work(&PromptDesk {
            store: &*self.store,
            protected: &self.engine.snapshot().prompts.protected,
            gate: &*self.gate,
            actor,
            now: self.engine.clock().now(),
        })
    }

    /// Reads everything again, if the store was changed since the last reading. Cheap enough to
    /// call four times a second.
    ///
    /// # Errors
    /// When the store fails; the prompts in memory stay as they are.
    pub fn reload_if_changed(&self) -> Result<(), StoreError> {
        let mut seen = self.seen();
        if self.store.prompt_changes()? == *seen {
            return Ok(());
        }
        self.read(&mut seen)
    }

    /// Reads everything again.
    ///
    /// # Errors
    /// When the store fails; the prompts in memory stay as they are.
    pub fn reload(&self) -> Result<(), StoreError> {
        self.read(&mut self.seen())
    }

    fn seen(&self) -> MutexGuard<'_, u64> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, seen: &mut u64) -> Result<(), StoreError> {
        // The counter is read first: a change in between is then read once more, never missed.
        let counter = self.store.prompt_changes()?;
        let (versions, labels) = (self.store.prompts()?, self.store.prompt_labels()?);
        let (book, faulty) = PromptBook::new(versions, &labels, &self.engine.prompts());
        for (record, fault) in faulty {
            tracing::error!(
                prompt = record.name,
                version = record.number,
                fault,
                "a version of a prompt cannot be used"
            );
        }
        self.engine.set_prompts(Arc::new(book));
        *seen = counter;
        Ok(())
    }

    /// The store behind.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn PromptStore> {
        &self.store
    }
}

impl std::fmt::Debug for PromptDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PromptDirectory").finish_non_exhaustive()
    }
}
