//! The files of usage rows: one for each half hour (UTC, of the request's arrival) and data
//! class, in a folder beside the database. Deleting a file is how rows go.
//!
//! Writers stay open for a while, a few at most. Whoever reads opens a file for as long as that
//! takes: that is some tenths of a millisecond, and most files are read by reports only.

mod writers;

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rusqlite::Connection;
use tb_core::ports::StoreError;
use tb_core::retention::Span;
use tb_core::{DataClass, RequestId, Timestamp, UsageRow};

use self::writers::Writers;
use super::{connect, failed, lock};
use crate::Durability;

/// `PRAGMA user_version` of a file whose tables are there.
const VERSION: i64 = 2;

/// Of a file that lacks the columns of [`ADDED`].
const VERSION_1: i64 = 1;

/// What makes a file of [`VERSION_1`] one of [`VERSION`].
const ADDED: &str = include_str!("../../migrations/sqlite/usage_partition_2.sql");

/// What the files are called after their span and class.
const EXTENSION: &str = "db";

/// What SQLite puts beside a database file.
const SIDE_FILES: [&str; 2] = ["-wal", "-shm"];

/// Which file a row is in. Ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) span: Span,
    pub(super) class: DataClass,
}

impl Place {
    /// The place of a row: its request's arrival counts, so that all attempts are in one span.
    pub(super) fn of(row: &UsageRow) -> Self {
        Self { span: span_of(row.request_id), class: row.data_class }
    }

    /// `2026-11-23T1430.internal.db`
    pub(super) fn file_name(self) -> String {
        format!("{}.{}.{EXTENSION}", self.span, self.class.as_str())
    }

    /// Reads what [`Self::file_name`] gives.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (span, rest) = name.split_once('.')?;
        let (class, extension) = rest.split_once('.')?;
        if extension != EXTENSION {
            return None;
        }
        Some(Self { span: Span::parse(span)?, class: class.parse().ok()? })
    }
}

/// The span in which a request arrived.
pub(super) fn span_of(id: RequestId) -> Span {
    Span::of(Timestamp(id.unix_ms()))
}

/// The folder of files.
pub(super) struct Partitions {
    folder: PathBuf,
    writers: Mutex<Writers>,
}

impl Partitions {
    /// The files that belong to the database at `database`: nothing is opened or made yet.
    pub(super) fn beside(database: &Path, durability: Durability) -> Self {
        let folder = database.with_extension("usage");
        Self { writers: Mutex::new(Writers::new(folder.clone(), durability)), folder }
    }

    /// Adds rows. When it fails, rows of some places may be there and those of others not; the
    /// rows of one place are there or not.
    pub(super) fn append<'r>(
        &self,
        rows: impl IntoIterator<Item = &'r UsageRow>,
    ) -> Result<(), StoreError> {
        lock(&self.writers).append(rows)
    }

    /// The places with a file, oldest first.
    pub(super) fn places(&self) -> Result<Vec<Place>, StoreError> {
        let mut places: Vec<Place> =
            self.names()?.iter().filter_map(|name| Place::parse(name)).collect();
        places.sort_unstable();
        Ok(places)
    }

    /// The names of all files in the folder; none while there is no folder.
    fn names(&self) -> Result<Vec<String>, StoreError> {
        let fault = |fault: std::io::Error| {
            StoreError::Failed(format!("cannot read {}: {fault}", self.folder.display()))
        };
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(fault(error)),
        };
        let names = entries.map(|entry| entry.map(|entry| entry.file_name().into_string()));
        // Names that are not UTF-8 are nobody's.
        Ok(names.collect::<Result<Vec<_>, _>>().map_err(fault)?.into_iter().flatten().collect())
    }

    /// Reads one file, all of it as of one moment; `None` when there is none, or none any more.
    pub(super) fn read<T>(
        &self,
        place: Place,
        what: &str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let path = self.path(place);
        if !path.exists() {
            return Ok(None);
        }
        let mut connection = match connect(&path, what) {
            Ok(connection) => connection,
            Err(_) if !path.exists() => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let read = || {
            upgrade(&mut connection)?;
            let transaction = connection.unchecked_transaction()?;
            // Its maker died, or has not come to the tables yet.
            if version(&transaction)? != VERSION {
                return Ok(None);
            }
            work(&transaction).map(Some)
        };
        read().map_err(|fault| failed(what, &fault))
    }

    /// Changes one file through a connection of its own, in one transaction, so that nothing of
    /// what it removes stays in it or beside it; `None` when there is no file.
    pub(super) fn rewrite<T>(
        &self,
        place: Place,
        what: &str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        // Nothing is written meanwhile: what the writer remembers of the file gets outdated.
        let mut writers = lock(&self.writers);
        writers.close(place);
        let path = self.path(place);
        if !path.exists() {
            return Ok(None);
        }
        let mut connection = connect(&path, what)?;
        let rewrite = || {
            connection.execute_batch("PRAGMA secure_delete = ON")?;
            upgrade(&mut connection)?;
            if version(&connection)? != VERSION {
                return Ok(None);
            }
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            super::truncate_log(&connection)?;
            Ok(Some(value))
        };
        rewrite().map_err(|fault| failed(what, &fault))
    }

    /// Deletes one file and what SQLite put beside it.
    pub(super) fn unlink(&self, place: Place) -> Result<(), StoreError> {
        let mut writers = lock(&self.writers);
        writers.close(place);
        // The file first: side files alone are found by `sweep`, a file without its log is not
        // whole.
        remove(&self.path(place))?;
        for suffix in SIDE_FILES {
            remove(&with_suffix(&self.path(place), suffix))?;
        }
        self.sync_folder()
    }

    /// Deletes side files whose database is gone: a process that died in [`Self::unlink`] left
    /// them.
    pub(super) fn sweep(&self) -> Result<(), StoreError> {
        let _writers = lock(&self.writers);
        for name in self.names()? {
            let owner = SIDE_FILES.iter().find_map(|suffix| name.strip_suffix(suffix));
            if let Some(place) = owner.and_then(Place::parse)
                && !self.path(place).exists()
            {
                remove(&self.folder.join(&name))?;
            }
        }
        Ok(())
    }

    /// The bytes of a file and of what is beside it.
    pub(super) fn bytes(&self, place: Place) -> u64 {
        let path = self.path(place);
        let side = SIDE_FILES.map(|suffix| with_suffix(&path, suffix));
        let length = |path: &PathBuf| path.metadata().map_or(0, |metadata| metadata.len());
        side.iter().chain([&path]).map(length).sum()
    }

    fn path(&self, place: Place) -> PathBuf {
        self.folder.join(place.file_name())
    }

    fn sync_folder(&self) -> Result<(), StoreError> {
        sync(&self.folder)
    }
}

/// Makes names that were made or removed in a folder last over a power cut.
fn sync(folder: &Path) -> Result<(), StoreError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|fault| StoreError::Failed(format!("cannot sync {}: {fault}", folder.display())))
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Adds the columns that a file of an earlier version lacks.
fn upgrade(connection: &mut Connection) -> rusqlite::Result<()> {
    if version(connection)? != VERSION_1 {
        return Ok(());
    }
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    // Another connection may have been first.
    if version(&transaction)? == VERSION_1 {
        transaction.execute_batch(ADDED)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(fault) if fault.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::Failed(format!("cannot delete {}: {fault}", path.display())))
        }
        _ => Ok(()),
    }
}
