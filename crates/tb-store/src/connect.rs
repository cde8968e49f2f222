//! From a storage address to the ports.

use std::path::PathBuf;
use std::sync::Arc;

use tb_core::audit::SubjectKeys;
use tb_core::ports::{
    ActStore, AnswerStore, AuditLog, KeyStore, KeyUseStore, PromptStore, ResponseStore,
    RetentionStore, Shelf, StoreError, UsageStore,
};

use crate::{Destination, Durability, JournalSettings, MemoryStore, MmapJournal, SqliteStore};

/// Where things are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageAddress {
    /// `memory:`: nowhere; everything is gone with the process.
    Memory,
    /// `sqlite:PATH`
    Sqlite(PathBuf),
}

/// The ports of one back end.
#[derive(Clone)]
pub struct Stores {
    /// Virtual keys and admin tokens.
    pub keys: Arc<dyn KeyStore>,
    /// When secrets of keys were used last.
    pub key_uses: Arc<dyn KeyUseStore>,
    /// Prompt versions and labels.
    pub prompts: Arc<dyn PromptStore>,
    /// Usage rows.
    pub usage: Arc<dyn UsageStore>,
    /// Bindings of response ids.
    pub responses: Arc<dyn ResponseStore>,
    /// Kept answers.
    pub answers: Arc<dyn AnswerStore>,
    /// Admin acts on their way into the audit log.
    pub acts: Arc<dyn ActStore>,
    /// The keys of the subjects' pseudonyms.
    pub subjects: Arc<dyn SubjectKeys>,
    /// Legal holds, and what is deleted or erased one by one.
    pub retention: Arc<dyn RetentionStore>,
    /// The files of usage rows, as retention deletes them.
    pub usage_files: Arc<dyn Shelf>,
}

impl Stores {
    fn of<S>(store: S) -> Self
    where
        S: KeyStore
            + KeyUseStore
            + PromptStore
            + UsageStore
            + ResponseStore
            + AnswerStore
            + ActStore
            + SubjectKeys,
        S: RetentionStore + Shelf + 'static,
    {
        let store = Arc::new(store);
        Self {
            keys: store.clone(),
            key_uses: store.clone(),
            prompts: store.clone(),
            usage: store.clone(),
            responses: store.clone(),
            answers: store.clone(),
            acts: store.clone(),
            subjects: store.clone(),
            retention: store.clone(),
            usage_files: store,
        }
    }

    /// Where the journal in front of these stores carries its records, to the audit log first.
    #[must_use]
    pub fn destination(&self, audit: Arc<dyn AuditLog>) -> Destination {
        let (usage, responses) = (Arc::clone(&self.usage), Arc::clone(&self.responses));
        Destination { usage, responses, audit }
    }

    /// Opens the journal in front of these stores and the audit log.
    ///
    /// # Errors
    /// See [`MmapJournal::open`].
    pub fn journal(
        &self,
        settings: JournalSettings,
        audit: Arc<dyn AuditLog>,
    ) -> Result<MmapJournal, StoreError> {
        MmapJournal::open(settings, self.destination(audit))
    }

    /// Opens a journal that is removed when it closes, for [`StorageAddress::Memory`].
    ///
    /// # Errors
    /// See [`MmapJournal::open_temporary`].
    pub fn temporary_journal(&self, audit: Arc<dyn AuditLog>) -> Result<MmapJournal, StoreError> {
        MmapJournal::open_temporary(self.destination(audit))
    }
}

/// Connects to a back end; the database is made when it is missing.
///
/// # Errors
/// See [`SqliteStore::open`].
pub fn connect(address: &StorageAddress, durability: Durability) -> Result<Stores, StoreError> {
    match address {
        StorageAddress::Memory => Ok(Stores::of(MemoryStore::new())),
        StorageAddress::Sqlite(path) => Ok(Stores::of(SqliteStore::open(path, durability)?)),
    }
}
