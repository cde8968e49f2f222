//! The append-only journal: what a request leaves behind before anything can be lost.
//!
//! Records go into segments that are mapped into memory and shared with the kernel, so that
//! an append costs a copy and no system call, and what was appended survives the death of the
//! process. A background thread, the storer, carries them into the store.

mod drain;
mod lock;
mod map;
mod open_attempts;
mod record;
mod recovery;
mod retire;
mod room;
mod segment;
mod shared;
mod version_1;
mod version_2;
mod version_3;
mod version_4;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use ring::rand::{SecureRandom, SystemRandom};
use tb_core::ports::{Journal, JournalEntry, StoreError};

pub use self::drain::Destination;
use self::drain::Storer;
use self::lock::DirectoryLock;
use self::record::{MAX_FRAME, with_frame};
use self::recovery::{Found, crash_rows};
use self::segment::{HEADER_BYTES, Spare, allocate_blocks};
use self::shared::{Claim, Shared, locked};

/// What an appended record survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The death of the process.
    Process,
    /// A power cut, once [`Journal::sync`] returned.
    Power,
}

impl Durability {
    /// `PRAGMA synchronous` of databases behind the journal.
    pub(crate) const fn synchronous(self) -> &'static str {
        match self {
            Self::Process => "NORMAL",
            Self::Power => "FULL",
        }
    }
}

/// Reserves the blocks of an empty file, this many bytes.
pub type Allocate = fn(&File, u64) -> std::io::Result<()>;

/// Where a journal lies and how large it may grow.
#[derive(Debug, Clone)]
pub struct JournalSettings {
    /// The directory; made when missing.
    pub path: PathBuf,
    /// What an appended record survives.
    pub durability: Durability,
    /// The size of a segment file; at least 128 KiB.
    pub segment_bytes: u64,
    /// How many segments may wait for the store before new work is refused; at least 1.
    pub max_segments: usize,
    /// How the blocks of a segment are reserved; tests put a full disk here.
    pub allocate: Allocate,
}

impl JournalSettings {
    /// A journal of up to 64 segments of 8 MiB.
    #[must_use]
    pub const fn new(path: PathBuf, durability: Durability) -> Self {
        let segment_bytes = 8 * 1024 * 1024;
        Self { path, durability, segment_bytes, max_segments: 64, allocate: allocate_blocks }
    }

    /// The number of segments above which beginnings of long attempts are carried over.
    const fn crowded_at(&self) -> usize {
        let quarter = self.max_segments / 4;
        if quarter == 0 { 1 } else { quarter }
    }

    fn checked(mut self) -> Self {
        let smallest = HEADER_BYTES + 2 * u64::try_from(MAX_FRAME).unwrap_or(u64::MAX);
        self.segment_bytes = self.segment_bytes.max(smallest).next_multiple_of(4096);
        self.max_segments = self.max_segments.max(1);
        self
    }
}

/// The journal in a directory of memory-mapped segments, with its storer.
pub struct MmapJournal {
    shared: Arc<Shared>,
    storer: Mutex<Option<JoinHandle<()>>>,
    settled: usize,
    /// Removed with everything in it when the journal closes.
    temporary: bool,
    _lock: DirectoryLock,
}

impl MmapJournal {
    /// Opens the journal, settles what a crash left open and starts the storer.
    ///
    /// # Errors
    /// When another process holds it, the directory or a segment cannot be used, or the store
    /// does not tell its checkpoint.
    pub fn open(settings: JournalSettings, destination: Destination) -> Result<Self, StoreError> {
        Self::start(settings, destination, false)
    }

    /// A journal in a private directory that is removed when it closes: for the in-memory
    /// store, which forgets everything then as well.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open_temporary(destination: Destination) -> Result<Self, StoreError> {
        let path = temporary_directory()?;
        let mut settings = JournalSettings::new(path, Durability::Process);
        settings.segment_bytes = 1024 * 1024;
        Self::start(settings, destination, true)
    }

    fn start(
        settings: JournalSettings,
        destination: Destination,
        temporary: bool,
    ) -> Result<Self, StoreError> {
        let settings = settings.checked();
        let lock = DirectoryLock::take(&settings.path)?;
        let found = recovery::scan(&settings.path)?;
        let crashed = crash_rows(&found);
        let checkpoint = destination.usage.checkpoint()?;
        let (cursor, base) = resume(&found, checkpoint)?;
        let first = Spare::create(&settings.path, 0, settings.segment_bytes, settings.allocate)?;
        let active = first.activate(&settings.path, base)?;
        let Found { segments, open } = found;
        let shared = Arc::new(Shared::new(settings, segments, active, cursor)?);
        for row in &crashed {
            with_frame(JournalEntry::Ended(row), |frame| shared.append(frame, Claim::Own))?;
        }
        shared.sync_if_power()?;
        let storer = spawn(Storer::new(Arc::clone(&shared), destination, cursor, open))?;
        Ok(Self {
            shared,
            storer: Mutex::new(Some(storer)),
            settled: crashed.len(),
            temporary,
            _lock: lock,
        })
    }

    /// How many rows with `crash` the start added: for attempts that were open, and for requests
    /// between two attempts.
    #[must_use]
    pub const fn settled_as_crash(&self) -> usize {
        self.settled
    }

    /// How many segment files there are.
    #[must_use]
    pub fn segment_count(&self) -> usize {
        self.shared.segment_count()
    }

    /// Waits until everything appended before is in the store.
    ///
    /// # Errors
    /// `Unavailable` when the store fails meanwhile; the records stay in the journal.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.shared.flush()
    }

    /// Refuses further records, stores what waits and ends the storer. Later calls do
    /// nothing.
    ///
    /// # Errors
    /// `Unavailable` when the store did not take everything: the next start does it.
    pub fn close(&self) -> Result<(), StoreError> {
        self.shared.refuse_appends("the journal is closed");
        let Some(storer) = locked(&self.storer).take() else {
            return Ok(());
        };
        self.shared.stop_storer();
        let panicked = storer.join().is_err();
        let whole = !panicked && self.shared.is_stored();
        if self.temporary {
            remove_directory(self.shared.path());
        }
        if whole {
            return Ok(());
        }
        Err(StoreError::Unavailable("records wait in the journal for the next start".to_owned()))
    }
}

impl Drop for MmapJournal {
    fn drop(&mut self) {
        if let Err(fault) = self.close() {
            tracing::warn!(%fault, "the journal closed early");
        }
    }
}

impl Journal for MmapJournal {
    fn append(&self, entry: JournalEntry<'_>) -> Result<(), StoreError> {
        let claim = match entry {
            JournalEntry::Begun(row) => Claim::Begin(row.request_id),
            JournalEntry::Ended(row) if row.attempt == 0 => Claim::Refused,
            JournalEntry::Ended(row) if row.is_final => Claim::Last(row.request_id),
            JournalEntry::Ended(_) | JournalEntry::Bound(_) | JournalEntry::Unbound(..) => {
                Claim::Running
            }
        };
        with_frame(entry, |frame| self.shared.append(frame, claim).map(|_| ()))
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.shared.sync_if_power()
    }

    fn is_durable_on_power_loss(&self) -> bool {
        self.shared.is_durable_on_power_loss()
    }

    fn lag_ms(&self) -> u64 {
        self.shared.lag_ms()
    }
}

/// Where the storer goes on, and where the new segment starts.
///
/// Positions of different journals never meet: each begins at a random place. So a checkpoint
/// outside of what the journal holds was left by another journal on the same store, or this
/// one was moved or cut; then everything found is stored again, which keeps one row of each.
fn resume(found: &Found, checkpoint: u64) -> Result<(u64, u64), StoreError> {
    let random = random_number()?;
    let (Some(first), Some(last)) = (found.segments.front(), found.segments.back()) else {
        let base = random & RANDOM_START;
        return Ok((base, base));
    };
    if checkpoint >= first.base && checkpoint <= last.end() {
        return Ok((checkpoint, last.end()));
    }
    Ok((first.base, last.end().saturating_add(random & RANDOM_GAP)))
}

/// The bits of a first position: page-aligned, and far from the end of the range.
const RANDOM_START: u64 = 0x3FFF_FFFF_FFFF_F000;

/// The bits of the gap behind segments whose checkpoint is unknown.
const RANDOM_GAP: u64 = 0x00FF_FFFF_FFFF_F000;

fn random_number() -> Result<u64, StoreError> {
    let mut bytes = [0; 8];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| StoreError::Failed("the system gives no random bytes".to_owned()))?;
    Ok(u64::from_le_bytes(bytes))
}

fn spawn(storer: Storer) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name("storer".to_owned())
        .spawn(move || storer.run())
        .map_err(|fault| StoreError::Failed(format!("cannot start the storer: {fault}")))
}

fn temporary_directory() -> Result<PathBuf, StoreError> {
    Ok(std::env::temp_dir().join(format!("tollbar-{:016x}", random_number()?)))
}

fn remove_directory(path: &Path) {
    if let Err(fault) = std::fs::remove_dir_all(path) {
        tracing::warn!(path = %path.display(), %fault, "a temporary directory stays behind");
    }
}
