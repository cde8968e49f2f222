//! From a storage address to the ports.

use std::path::PathBuf;
use std::sync::Arc;

use tb_core::ports::{AnswerStore, KeyStore, ResponseStore, StoreError, UsageStore};

use crate::{Durability, JournalSettings, MemoryStore, MmapJournal, SqliteStore};

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
    /// Usage rows.
    pub usage: Arc<dyn UsageStore>,
    /// Bindings of response ids.
    pub responses: Arc<dyn ResponseStore>,
    /// Kept answers.
    pub answers: Arc<dyn AnswerStore>,
}

impl Stores {
    fn of<S: KeyStore + UsageStore + ResponseStore + AnswerStore + 'static>(store: S) -> Self {
        let store = Arc::new(store);
        Self { keys: store.clone(), usage: store.clone(), responses: store.clone(), answers: store }
    }

    /// Opens the journal in front of these stores.
    ///
    /// # Errors
    /// See [`MmapJournal::open`].
    pub fn journal(&self, settings: JournalSettings) -> Result<MmapJournal, StoreError> {
        MmapJournal::open(settings, Arc::clone(&self.usage), Arc::clone(&self.responses))
    }

    /// Opens a journal that is removed when it closes, for [`StorageAddress::Memory`].
    ///
    /// # Errors
    /// See [`MmapJournal::open_temporary`].
    pub fn temporary_journal(&self) -> Result<MmapJournal, StoreError> {
        MmapJournal::open_temporary(Arc::clone(&self.usage), Arc::clone(&self.responses))
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
