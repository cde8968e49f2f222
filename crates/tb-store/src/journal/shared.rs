//! What the appenders and the storer share.
//!
//! Locks are taken in the order `appender`, `catalog`, `status`; the storer never holds one
//! of them while it waits for the store.

use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tb_core::RequestId;
use tb_core::ports::StoreError;

use super::room::Room;
use super::segment::{ActiveSegment, Segment};
use super::{Durability, JournalSettings};

/// Waiting bytes at which the storer is woken before its time: some 2,000 records.
const WAKE_BYTES: u64 = 256 * 1024;

/// A lock that a panic of another thread does not take away: every state behind these locks
/// is whole between two statements.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who asks for room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// New work, whose end needs room as well: refused when the journal or the disk is full.
    Begin(RequestId),
    /// A request for which nothing was sent: must not eat the room that is kept for running ones.
    Refused,
    /// Something about running work: uses the room that was kept for it.
    Running,
    /// The last word about a request: as above, and no more room is kept for it. Where none is
    /// kept, because nothing was sent for it, it is as [`Claim::Refused`].
    Last(RequestId),
    /// The journal's own house-keeping: refused when the disk is full.
    Own,
}

/// The state of writing.
pub(super) struct Appender {
    pub(super) active: ActiveSegment,
    pub(super) room: Room,
    pub(super) closed: Option<String>,
    /// Sealed segments, and the directory, that were not flushed since they changed; filled
    /// with durability `power` only.
    unsynced: Vec<Arc<File>>,
}

/// The state of storing.
#[derive(Default)]
pub(super) struct Status {
    /// Everything before this position is in the store.
    stored: u64,
    /// How many attempts at storing failed, and how the last one did.
    pub(super) failures: u64,
    last_failure: String,
    /// Somebody waits: do not sleep.
    pub(super) urgent: bool,
    stopping: bool,
    pub(super) stopped: bool,
    /// How often the storer stored and released.
    pub(super) rounds: u64,
}

/// See the module.
pub(super) struct Shared {
    pub(super) settings: JournalSettings,
    appender: Mutex<Appender>,
    /// All segments, oldest first; the last one is the active one.
    catalog: Mutex<VecDeque<Segment>>,
    segments: AtomicUsize,
    /// Numbers the names of spare segments.
    pub(super) spares_made: AtomicU64,
    /// The position after the last whole record.
    appended: AtomicU64,
    stored: AtomicU64,
    /// Segments that end before this position are to go also where running requests have their
    /// only trace there.
    pub(super) retire_to: AtomicU64,
    storer_sleeps: AtomicBool,
    pub(super) status: Mutex<Status>,
    pub(super) work: Condvar,
    pub(super) progress: Condvar,
    /// The position up to which the disk has everything.
    synced: Mutex<u64>,
    opened_at: Instant,
    /// Milliseconds after `opened_at` up to which everything appended is stored.
    caught_up_ms: AtomicU64,
}

impl Shared {
    pub(super) fn new(
        settings: JournalSettings,
        sealed: VecDeque<Segment>,
        active: ActiveSegment,
        stored: u64,
    ) -> Result<Self, StoreError> {
        let unsynced = directory_to_sync(&settings)?;
        let appended = active.position();
        let mut catalog = sealed;
        catalog.push_back(active.segment.clone());
        Ok(Self {
            settings,
            segments: AtomicUsize::new(catalog.len()),
            catalog: Mutex::new(catalog),
            appender: Mutex::new(Appender {
                active,
                room: Room::default(),
                closed: None,
                unsynced,
            }),
            spares_made: AtomicU64::new(1),
            appended: AtomicU64::new(appended),
            stored: AtomicU64::new(stored),
            retire_to: AtomicU64::new(0),
            storer_sleeps: AtomicBool::new(false),
            status: Mutex::new(Status { stored, ..Status::default() }),
            work: Condvar::new(),
            progress: Condvar::new(),
            synced: Mutex::new(0),
            opened_at: Instant::now(),
            caught_up_ms: AtomicU64::new(0),
        })
    }

    pub(super) fn appended(&self) -> u64 {
        self.appended.load(Ordering::Acquire)
    }

    pub(super) fn appender(&self) -> MutexGuard<'_, Appender> {
        locked(&self.appender)
    }

    /// Appends one frame.
    pub(super) fn append(&self, frame: &[u8], claim: Claim) -> Result<u64, StoreError> {
        let mut appender = self.appender();
        let at = self.append_locked(&mut appender, frame, claim)?;
        drop(appender);
        let waiting = at.saturating_sub(self.stored.load(Ordering::Relaxed));
        if waiting > WAKE_BYTES {
            self.wake_storer();
        }
        Ok(at)
    }

    fn wake_storer(&self) {
        if self.storer_sleeps.swap(false, Ordering::Relaxed) {
            self.work.notify_one();
        }
    }

    /// Appends one frame with the appender in hand, and gives its position.
    pub(super) fn append_locked(
        &self,
        appender: &mut Appender,
        frame: &[u8],
        claim: Claim,
    ) -> Result<u64, StoreError> {
        if let Some(why) = &appender.closed {
            return Err(StoreError::Failed(why.clone()));
        }
        match claim {
            Claim::Begin(_) => {
                self.check_backlog(appender, frame.len())?;
                self.make_room(appender, frame.len(), Room::reserve_for(frame.len()))?;
            }
            Claim::Last(request) if appender.room.is_kept_for(request) => {}
            Claim::Refused | Claim::Last(_) => {
                self.check_backlog(appender, frame.len())?;
                self.make_room(appender, frame.len(), 0)?;
            }
            Claim::Own => self.make_room(appender, frame.len(), 0)?,
            Claim::Running => {}
        }
        if !appender.active.has_room(frame.len()) {
            self.roll(appender)?;
        }
        let at = appender.active.position();
        appender.active.write(frame)?;
        match claim {
            Claim::Begin(request) => {
                appender.room.reserve(request, Room::reserve_for(frame.len()));
            }
            Claim::Last(request) => appender.room.release(request),
            Claim::Refused | Claim::Running | Claim::Own => {}
        }
        self.appended.store(appender.active.position(), Ordering::Release);
        Ok(at)
    }

    /// Refuses when as many segments wait as may.
    fn check_backlog(&self, appender: &Appender, frame: usize) -> Result<(), StoreError> {
        let limit = self.settings.max_segments;
        let in_use = self.segments.load(Ordering::Relaxed);
        if in_use > limit || (in_use == limit && !appender.active.has_room(frame)) {
            return Err(StoreError::Full(format!(
                "{in_use} journal segments wait for the store: is its disk full or slow?"
            )));
        }
        Ok(())
    }

    /// Seals the active segment and goes on in a new one.
    pub(super) fn roll(&self, appender: &mut Appender) -> Result<(), StoreError> {
        let spare = match appender.room.take() {
            Some(spare) => spare,
            None => self.make_spare()?,
        };
        let next = spare.activate(&self.settings.path, appender.active.segment.end())?;
        let sealed_at = appender.active.position();
        let mut catalog = locked(&self.catalog);
        if let Some(last) = catalog.back_mut() {
            last.sealed_at = Some(sealed_at);
        }
        catalog.push_back(next.segment.clone());
        self.segments.store(catalog.len(), Ordering::Relaxed);
        drop(catalog);
        let sealed = std::mem::replace(&mut appender.active, next);
        if self.settings.durability == Durability::Power {
            appender.unsynced.push(Arc::clone(&sealed.segment.file));
            appender.unsynced.extend(directory_to_sync(&self.settings)?);
        }
        self.wake_storer();
        Ok(())
    }

    /// Refuses every later append.
    pub(super) fn refuse_appends(&self, why: &str) {
        self.appender().closed.get_or_insert_with(|| why.to_owned());
    }

    /// Whether a record must be on disk before an answer may be complete.
    pub(super) fn is_durable_on_power_loss(&self) -> bool {
        self.settings.durability == Durability::Power
    }

    /// [`Self::sync`] where the operator asked for it.
    pub(super) fn sync_if_power(&self) -> Result<(), StoreError> {
        match self.settings.durability {
            Durability::Process => Ok(()),
            Durability::Power => self.sync(),
        }
    }

    /// Returns once the disk has everything appended so far. Whoever comes while another
    /// flushes waits for the mutex, and mostly finds its records flushed by the next in line.
    fn sync(&self) -> Result<(), StoreError> {
        let target = self.appended();
        let mut synced = locked(&self.synced);
        if *synced >= target {
            return Ok(());
        }
        let mut appender = self.appender();
        let reached = appender.active.position();
        let mut files = std::mem::take(&mut appender.unsynced);
        files.push(Arc::clone(&appender.active.segment.file));
        drop(appender);
        for file in files {
            if let Err(fault) = rustix::fs::fdatasync(&*file) {
                // After a failed flush the kernel may have dropped the pages: nothing that
                // follows could be promised.
                let why = format!("the journal could not be flushed: {fault}");
                self.refuse_appends(&why);
                return Err(StoreError::Failed(why));
            }
        }
        *synced = reached;
        Ok(())
    }

    pub(super) fn lag_ms(&self) -> u64 {
        if self.stored.load(Ordering::Relaxed) >= self.appended() {
            return 0;
        }
        self.elapsed_ms().saturating_sub(self.caught_up_ms.load(Ordering::Relaxed))
    }

    pub(super) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.opened_at.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The segment that holds `position`, or the first one after it.
    pub(super) fn segment_at(&self, position: u64) -> Option<Segment> {
        locked(&self.catalog).iter().find(|segment| position < segment.end()).cloned()
    }

    pub(super) fn oldest_segment(&self) -> Option<Segment> {
        locked(&self.catalog).front().cloned()
    }

    /// Where the oldest segment begins.
    pub(super) fn first_base(&self) -> u64 {
        self.oldest_segment().map_or(u64::MAX, |oldest| oldest.base)
    }

    pub(super) fn segment_count(&self) -> usize {
        self.segments.load(Ordering::Relaxed)
    }

    /// Deletes the oldest segment. A file that cannot be deleted is read again, harmlessly,
    /// at the next start: storing a row twice keeps one.
    pub(super) fn drop_oldest(&self) {
        let mut catalog = locked(&self.catalog);
        let oldest = catalog.pop_front();
        self.segments.store(catalog.len(), Ordering::Relaxed);
        drop(catalog);
        if let Some(segment) = oldest
            && let Err(fault) = std::fs::remove_file(&segment.path)
        {
            tracing::warn!(path = %segment.path.display(), %fault, "cannot delete a journal segment");
        }
    }

    /// Deletes every segment: only when all is stored and nothing is open.
    pub(super) fn drop_all(&self) {
        while self.segment_count() > 0 {
            self.drop_oldest();
        }
    }

    /// The path of the directory.
    pub(super) const fn path(&self) -> &PathBuf {
        &self.settings.path
    }
}

/// The directory, whose entry of a new segment must reach the disk with the segment.
fn directory_to_sync(settings: &JournalSettings) -> Result<Vec<Arc<File>>, StoreError> {
    if settings.durability == Durability::Process {
        return Ok(Vec::new());
    }
    let directory = File::open(&settings.path).map_err(|fault| {
        StoreError::Failed(format!("cannot open {}: {fault}", settings.path.display()))
    })?;
    Ok(vec![Arc::new(directory)])
}

/// The storer's side and those who wait for it.
impl Shared {
    /// Sleeps until it is time to store; `true` when it is the last time.
    pub(super) fn wait_for_work(&self, at_most: Duration) -> bool {
        let mut status = locked(&self.status);
        if !status.urgent && !status.stopping {
            self.storer_sleeps.store(true, Ordering::Relaxed);
            status = match self.work.wait_timeout(status, at_most) {
                Ok((status, _)) => status,
                Err(poisoned) => poisoned.into_inner().0,
            };
            self.storer_sleeps.store(false, Ordering::Relaxed);
        }
        status.urgent = false;
        status.stopping
    }

    /// Says that everything before `position` is stored; what was appended before
    /// `since_ms` is among it when `caught_up`.
    pub(super) fn report_stored(&self, position: u64, caught_up_since_ms: Option<u64>) {
        self.stored.store(position, Ordering::Relaxed);
        if let Some(since_ms) = caught_up_since_ms {
            self.caught_up_ms.store(since_ms, Ordering::Relaxed);
        }
        locked(&self.status).stored = position;
        self.progress.notify_all();
    }

    pub(super) fn report_failure(&self, fault: &StoreError) {
        let mut status = locked(&self.status);
        status.failures += 1;
        status.last_failure = fault.to_string();
        drop(status);
        self.progress.notify_all();
    }

    pub(super) fn report_stopped(&self) {
        locked(&self.status).stopped = true;
        self.progress.notify_all();
    }

    pub(super) fn stop_storer(&self) {
        locked(&self.status).stopping = true;
        self.work.notify_one();
    }

    /// Whether everything appended is stored.
    pub(super) fn is_stored(&self) -> bool {
        locked(&self.status).stored >= self.appended()
    }

    /// Waits until everything appended so far is stored, or until storing fails.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        let target = self.appended();
        let mut status = locked(&self.status);
        let failures_before = status.failures;
        loop {
            if status.stored >= target {
                return Ok(());
            }
            if status.stopped || status.failures > failures_before {
                return Err(StoreError::Unavailable(status.last_failure.clone()));
            }
            status.urgent = true;
            self.work.notify_one();
            status = self.progress.wait(status).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
