//! The ports on SQLite: one file for keys, tokens, acts, holds, bindings and kept answers, with a
//! writer, two readers and one more writer for the answers, and a folder of files with usage
//! rows. Write-ahead logs everywhere.

mod answers;
mod erasure;
mod holds;
mod keys;
mod moving;
mod names;
mod partitions;
mod prompts;
mod responses;
mod row;
mod schema;
mod shelf;
mod subjects;
mod sums;
mod usage;

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use tb_core::ports::StoreError;

use self::partitions::Partitions;
use crate::Durability;

/// How long a statement waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// All ports over one database file and the folder of usage rows beside it.
pub struct SqliteStore {
    path: PathBuf,
    writer: Mutex<Connection>,
    partitions: Partitions,
    /// Held by the one report that runs, which may take long.
    report: Mutex<()>,
    /// For what requests and revocations wait for: it must never stand behind a report.
    key_reader: Reader,
    /// For kept answers, which may be many and long.
    answer_reader: Reader,
    answer_writer: Mutex<Option<Connection>>,
}

/// Opened by the first read: a gateway that nobody asks needs no second page cache.
type Reader = Mutex<Option<Connection>>;

impl SqliteStore {
    /// Opens the database, makes it (mode 0600) when it is missing, and brings its schema up
    /// to date.
    ///
    /// # Errors
    /// `Failed` when the file cannot be opened or its schema is newer than this version,
    /// `Unavailable` when another process holds it for too long.
    pub fn open(path: &Path, durability: Durability) -> Result<Self, StoreError> {
        create_private(path)?;
        let mut connection = connect(path, "open the database")?;
        let synchronous = durability.synchronous();
        connection
            .execute_batch(&format!(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous};
                 PRAGMA journal_size_limit = 16777216; PRAGMA cache_size = -1024;
                 PRAGMA secure_delete = ON;"
            ))
            .map_err(|fault| failed("set up the database", &fault))?;
        schema::migrate(&mut connection)?;
        let partitions = Partitions::beside(path, durability);
        moving::out_of_the_database(&mut connection, &partitions)?;
        Ok(Self {
            path: path.to_owned(),
            writer: Mutex::new(connection),
            partitions,
            report: Mutex::default(),
            key_reader: Reader::default(),
            answer_reader: Reader::default(),
            answer_writer: Mutex::default(),
        })
    }

    /// Runs `work` in one transaction of the writer; nothing of it stays when it fails.
    fn write<T>(
        &self,
        what: &str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut connection = lock(&self.writer);
        let done = connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(
            |transaction| {
                let value = work(&transaction)?;
                transaction.commit()?;
                Ok(value)
            },
        );
        done.map_err(|fault| failed(what, &fault))
    }

    /// Runs `work` on a reader.
    fn read<T>(
        &self,
        reader: &Reader,
        what: &str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut reader = lock(reader);
        let connection = match reader.take() {
            Some(connection) => connection,
            None => connect(&self.path, what)?,
        };
        let done = work(&connection).map_err(|fault| failed(what, &fault));
        *reader = Some(connection);
        done
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the file, and its directory, for their owner alone: SQLite gives its side files the
/// mode of the database.
fn create_private(path: &Path) -> Result<(), StoreError> {
    let fault = |fault: std::io::Error| {
        StoreError::Failed(format!("cannot open the database {}: {fault}", path.display()))
    };
    if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(fault)?;
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(fault)
}

pub(crate) fn connect(path: &Path, what: &str) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|fault| failed(what, &fault))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(|fault| failed(what, &fault))?;
    Ok(connection)
}

/// Brings everything from the write-ahead log into the file and cuts the log to nothing: pages
/// that were overwritten stand in it in their old form. Fails as busy when somebody reads for too
/// long meanwhile.
fn truncate_log(connection: &Connection) -> rusqlite::Result<()> {
    let is_busy: bool =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if is_busy {
        let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        return Err(rusqlite::Error::SqliteFailure(busy, None));
    }
    Ok(())
}

/// Sorts SQLite's errors by what the caller does next. Constraint messages name columns,
/// never values, so the text may be shown.
pub(crate) fn failed(what: &str, fault: &rusqlite::Error) -> StoreError {
    let text = format!("cannot {what}: {fault}");
    match fault.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::SystemIoFailure) => {
            StoreError::Unavailable(text)
        }
        Some(ErrorCode::DiskFull) => StoreError::Full(text),
        _ => StoreError::Failed(text),
    }
}

#[cfg(test)]
mod tests {
    use tb_core::Timestamp;
    use tb_core::ports::{AnswerStore, KeyStore, ResponseStore, UsageStore};

    use super::*;

    /// Runs `work` while `held` is, and says whether it came to its end.
    fn ends_while_held<T>(held: MutexGuard<'_, T>, work: impl FnOnce() + Send) -> bool {
        let (done, ended) = std::sync::mpsc::sync_channel(1);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                work();
                done.send(()).unwrap();
            });
            let answer = ended.recv_timeout(Duration::from_secs(20));
            drop(held);
            answer.is_ok()
        })
    }

    fn open() -> (tempfile::TempDir, SqliteStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("db"), Durability::Process).unwrap();
        (folder, store)
    }

    #[test]
    fn keys_bindings_and_answers_are_read_while_a_report_runs() {
        let (_folder, store) = open();
        // What a sum over a year of usage does for many seconds.
        let report = lock(&store.report);
        let ended = ends_while_held(report, || {
            store.checkpoint().unwrap();
            store.recent(None, 1).unwrap();
            store.change_counter().unwrap();
            store.keys().unwrap();
            store.admin_tokens().unwrap();
            store.binding(&"bot".into(), "resp_1").unwrap();
            store.kept(&[0; 32], Timestamp(0)).unwrap();
        });
        assert!(ended, "the keys waited for the report");
    }

    #[test]
    fn rows_are_stored_and_answers_read_while_answers_are_written() {
        let (_folder, store) = open();
        let writing = lock(&store.answer_writer);
        let ended = ends_while_held(writing, || {
            store.append(&[], 1).unwrap();
            store.kept(&[0; 32], Timestamp(0)).unwrap();
        });
        assert!(ended, "the storer waited for the answers");
    }
}
