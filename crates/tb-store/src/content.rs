//! The content log in a folder: masked requests and answers, encrypted.
//!
//! | file | what |
//! |---|---|
//! | `2026-11-23T1430.personal.content` | sealed entries of half an hour of UTC and one class, appended |
//! | `keys.db` | the keys of subjects and days, wrapped by the master key |
//! | `lock` | held by the process that writes |
//!
//! A thread of its own writes; what it cannot take in time is given up and never waited for.
//! Everybody with the master key may read meanwhile, see [`ContentReader`].

mod frames;
mod keys;
mod queue;
mod read;
mod retire;
mod writer;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rustix::fs::{FlockOperation, flock};
use tb_core::content::{ContentEntry, MasterKey};
use tb_core::ports::StoreError;

use self::keys::KeyFile;
use self::writer::Writer;

pub use self::read::ContentReader;
pub use self::retire::Shredded;

/// The most that waits to be written, in bytes.
const QUEUE_BYTES: usize = 32 * 1024 * 1024;

/// Is told how many entries were given up.
pub type NoteLost = dyn Fn(u64) + Send + Sync;

/// What a content log is opened with.
pub struct ContentParts {
    /// Its folder; made (mode 0700) when it is missing.
    pub folder: PathBuf,
    /// Wraps the keys of subjects and days.
    pub master: Arc<MasterKey>,
    /// Is told of entries that do not fit or cannot be written.
    pub note_lost: Box<NoteLost>,
}

/// The content log of this process, which writes it.
pub struct ContentFiles {
    folder: PathBuf,
    writer: Arc<Writer>,
    reader: ContentReader,
    thread: Mutex<Option<JoinHandle<()>>>,
    _lock: File,
}

impl ContentFiles {
    /// Opens the log and starts the thread that writes it.
    ///
    /// # Errors
    /// `Failed` when the folder cannot be made or used, or the keys in it are wrapped by another
    /// master key; `Unavailable` when another process writes it.
    pub fn open(parts: ContentParts) -> Result<Self, StoreError> {
        let ContentParts { folder, master, note_lost } = parts;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|error| failed("make", &folder, &error))?;
        let lock = take_lock(&folder)?;
        let mut keys = KeyFile::make(&folder, &master)?;
        // Keys whose files a crash left no time to follow, or somebody deleted by hand.
        keys.forget_days_without(&frames::days(&folder)?)?;
        let reader = ContentReader::open(&folder, &master)?;
        let writer = Arc::new(Writer::new(folder.clone(), keys, note_lost));
        let thread = std::thread::Builder::new()
            .name("tollbar-content".to_owned())
            .spawn({
                let writer = Arc::clone(&writer);
                move || writer.run()
            })
            .map_err(|error| failed("write", &folder, &error))?;
        Ok(Self { folder, writer, reader, thread: Mutex::new(Some(thread)), _lock: lock })
    }

    /// Takes an entry to be written, without waiting. One that finds no room is given up, and
    /// counted.
    pub fn offer(&self, entry: ContentEntry) {
        self.writer.offer(entry);
    }

    /// Returns once everything that was offered before is written or given up.
    pub fn flush(&self) {
        self.writer.flush();
    }

    /// For reading what is written.
    #[must_use]
    pub fn reader(&self) -> &ContentReader {
        &self.reader
    }

    /// Writes what waits and ends the thread; what is offered from now on is given up.
    pub fn close(&self) {
        self.writer.close();
        if let Some(thread) = lock(&self.thread).take()
            && thread.join().is_err()
        {
            tracing::error!("the content log's thread panicked");
        }
    }
}

impl Drop for ContentFiles {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for ContentFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContentFiles").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// One process writes a folder; the kernel lets go of the lock when it dies.
fn take_lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|error| failed("open", &path, &error))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        StoreError::Unavailable(format!(
            "the content log {} is written by another process: stop it, or give this one another \
             content_log.path",
            folder.display()
        ))
    })?;
    Ok(file)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What failed and where.
fn failed(what: &str, path: &Path, error: &io::Error) -> StoreError {
    let text = format!("the content log: cannot {what} {}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full(text),
        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => StoreError::Unavailable(text),
        _ => StoreError::Failed(text),
    }
}
