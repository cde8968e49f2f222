//! The storer: carries records from the journal into the store, in batches.

use std::collections::HashSet;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tb_core::ports::{
    AuditLog, JournalRecord, ResponseBinding, ResponseStore, StoreError, UsageStore,
};
use tb_core::{ServiceName, UsageRow};

use super::open_attempts::{Change, OpenAttempts};
use super::record::{AttemptKey, Records, Subject, decode, subject, with_frame};
use super::segment::Segment;
use super::shared::{Claim, Shared};

/// The longest that a record waits for its batch.
const INTERVAL: Duration = Duration::from_millis(250);

/// Rows in one transaction: few enough that they, their lines in the audit log and the pages that
/// they go to stay in the processor's cache together.
const BATCH_ROWS: usize = 512;

/// The longest pause between two attempts at a store that fails.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Attempts at the store when the process wants to end.
const LAST_ATTEMPTS: u32 = 4;

/// About the bytes that one beginning takes, generously.
const TYPICAL_FRAME: u64 = 512;

/// Where records go.
#[derive(Clone)]
pub struct Destination {
    /// Takes the rows.
    pub usage: Arc<dyn UsageStore>,
    /// Takes the bindings of responses.
    pub responses: Arc<dyn ResponseStore>,
    /// Takes the rows before the store has them, and admin acts at every beat.
    pub audit: Arc<dyn AuditLog>,
}

impl Destination {
    /// Without an audit log: for tests of something else.
    #[must_use]
    pub fn unaudited(usage: Arc<dyn UsageStore>, responses: Arc<dyn ResponseStore>) -> Self {
        Self { usage, responses, audit: Arc::new(NoAudit) }
    }
}

/// Says that there is one: its parts are traits.
impl std::fmt::Debug for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Destination").finish_non_exhaustive()
    }
}

/// An audit log that writes nothing.
#[derive(Debug, Clone, Copy, Default)]
struct NoAudit;

impl AuditLog for NoAudit {
    fn append(&self, _: &[UsageRow]) -> Result<(), StoreError> {
        Ok(())
    }
}

/// What one transaction takes.
#[derive(Default)]
struct Batch {
    rows: Vec<UsageRow>,
    bindings: Vec<ResponseBinding>,
    /// Bindings dissolved. An id is never bound again, so these go last.
    unbound: Vec<(ServiceName, String)>,
    /// What its records change about the open attempts, once it is stored.
    changes: Vec<Change>,
    /// The position after its last record.
    end: u64,
}

impl Batch {
    /// Makes it empty, at `start`. Its memory stays: what a busy gateway asks for and gives back
    /// several times a second comes as pages that the system has to clear first.
    fn begin(&mut self, start: u64) {
        self.rows.clear();
        self.bindings.clear();
        self.unbound.clear();
        self.changes.clear();
        self.end = start;
    }

    fn take(&mut self, record: JournalRecord) {
        match record {
            JournalRecord::Begun(_) => {}
            JournalRecord::Ended(row) => self.rows.push(row),
            JournalRecord::Bound(binding) => self.bindings.push(binding),
            JournalRecord::Unbound(service, id) => self.unbound.push((service, id)),
        }
    }
}

/// The state of the background thread.
pub(super) struct Storer {
    shared: Arc<Shared>,
    destination: Destination,
    /// The position of the next record to store.
    cursor: u64,
    /// Requests whose last word is not stored, with the positions that keep their segments.
    open: OpenAttempts,
    /// Whether the last attempt at making a spare segment failed.
    lacks_spare: bool,
    /// The memory of batches and of what is read, between two of them.
    batch: Batch,
    chunk: Vec<u8>,
}

impl Storer {
    pub(super) fn new(
        shared: Arc<Shared>,
        destination: Destination,
        cursor: u64,
        open: OpenAttempts,
    ) -> Self {
        let (batch, chunk) = (Batch::default(), Vec::new());
        Self { shared, destination, cursor, open, lacks_spare: false, batch, chunk }
    }

    /// Stores until told to stop.
    pub(super) fn run(mut self) {
        let _stopped = ReportStopped(Arc::clone(&self.shared));
        let mut failures: u32 = 0;
        let mut last_attempts = 0;
        loop {
            self.prepare_spares();
            let stopping = self.shared.wait_for_work(pause(failures));
            match self.store_waiting() {
                Ok(()) => {
                    if failures > 0 {
                        tracing::info!(failures, "the store takes usage rows again");
                    }
                    failures = 0;
                    self.release_segments();
                    self.shared.report_round();
                }
                Err(fault) => {
                    if failures == 0 {
                        tracing::warn!(%fault, "usage rows wait in the journal");
                    }
                    failures = failures.saturating_add(1);
                    self.shared.report_failure(&fault);
                }
            }
            if stopping {
                last_attempts += 1;
                if self.shared.is_stored() || last_attempts >= LAST_ATTEMPTS {
                    break;
                }
                std::thread::sleep(pause(failures));
            }
        }
        self.shared.discard_spares();
        if self.shared.is_stored() && self.open.is_empty() {
            self.shared.drop_all();
        }
    }

    /// Without a spare nothing is lost: new work is refused when the room gets short.
    fn prepare_spares(&mut self) {
        match self.shared.prepare_spares() {
            Ok(()) => self.lacks_spare = false,
            Err(_) if self.lacks_spare => {}
            Err(fault) => {
                tracing::warn!(%fault, "the journal has no spare segment");
                self.lacks_spare = true;
            }
        }
    }

    /// Stores everything appended up to now.
    fn store_waiting(&mut self) -> Result<(), StoreError> {
        let began_ms = self.shared.elapsed_ms();
        let target = self.shared.appended();
        while self.cursor < target {
            let mut batch = std::mem::take(&mut self.batch);
            batch.begin(self.cursor);
            self.read_batch(target, &mut batch)?;
            // Both are idempotent, so a crash in between repeats them without harm.
            if !batch.bindings.is_empty() {
                self.destination.responses.bind(&batch.bindings)?;
            }
            for (service, id) in &batch.unbound {
                self.destination.responses.unbind(service, id)?;
            }
            // Before the store has them: a row that comes again is left out there, and one that
            // the log lacks could not be told from one that never was.
            if !batch.rows.is_empty() {
                self.destination.audit.append(&batch.rows)?;
            }
            // Beginnings alone move no checkpoint: reading them again at the next start is
            // cheaper than a transaction.
            if !batch.rows.is_empty() || !batch.bindings.is_empty() || !batch.unbound.is_empty() {
                self.destination.usage.append(&batch.rows, batch.end)?;
            }
            self.cursor = batch.end;
            for change in batch.changes.drain(..) {
                self.open.note(change);
            }
            // Before it is reported: whoever waited for it finds the room that it took.
            self.release_segments();
            self.batch = batch;
            self.shared.report_stored(self.cursor, None);
            self.prepare_spares();
        }
        self.shared.report_stored(self.cursor, Some(began_ms));
        // The beat of the log: admin acts that wait, and checkpoints whose time has come.
        self.destination.audit.append(&[])
    }

    /// Reads up to a batch of rows out of the segment at the cursor.
    fn read_batch(&mut self, target: u64, batch: &mut Batch) -> Result<(), StoreError> {
        while batch.rows.len() < BATCH_ROWS && batch.end < target {
            let Some(segment) = self.shared.segment_at(batch.end) else {
                batch.end = target;
                break;
            };
            // `target` was read before the segment: if the segment is not sealed even now,
            // the target lies inside it.
            let limit = segment.sealed_at.unwrap_or(target);
            let stopped_at = self.read_segment(&segment, limit, batch)?;
            batch.end = match segment.sealed_at {
                Some(sealed_at) if stopped_at >= sealed_at => segment.end(),
                _ => stopped_at,
            };
        }
        Ok(())
    }

    fn read_segment(
        &mut self,
        segment: &Segment,
        limit: u64,
        batch: &mut Batch,
    ) -> Result<u64, StoreError> {
        let from = batch.end.max(segment.first());
        let mut records = Records::new(&segment.file, from - segment.base, limit - segment.base)
            .into_chunk(std::mem::take(&mut self.chunk));
        let mut stopped_at = None;
        while batch.rows.len() < BATCH_ROWS {
            let Some((offset, payload)) = records.next().map_err(unreadable)? else {
                stopped_at = Some(limit);
                break;
            };
            let Some(subject) = subject(payload) else {
                tracing::error!(offset, "a journal record is of an unknown version");
                continue;
            };
            batch.changes.push(Change::new(subject, segment.base + offset));
            match (subject, decode(payload)) {
                // What it says is read when a crash leaves it open.
                (Subject::Begun(_), _) => {}
                (_, Some(record)) => batch.take(record),
                (_, None) => tracing::error!(offset, "a journal record cannot be read"),
            }
        }
        let ended_at = segment.base + records.offset();
        if stopped_at.is_some() && ended_at < limit {
            tracing::error!(
                stopped_at = ended_at,
                limit,
                "journal records are damaged and skipped"
            );
        }
        self.chunk = records.chunk();
        Ok(stopped_at.unwrap_or(ended_at))
    }

    /// Deletes the segments whose records are all stored and none of which holds the only
    /// trace of an open attempt.
    fn release_segments(&mut self) {
        while let Some(oldest) = self.shared.oldest_segment() {
            let Some(sealed_at) = oldest.sealed_at else { return };
            if self.cursor < sealed_at {
                return;
            }
            let held_by = self.open.held_by(&oldest);
            if held_by > 0 {
                let is_retired = oldest.end() <= self.shared.retire_to.load(Ordering::Relaxed);
                if !is_retired && !self.is_worth_carrying(held_by) {
                    return;
                }
                if let Err(fault) = self.carry_over(&oldest) {
                    tracing::warn!(%fault, "a journal segment cannot be released");
                    return;
                }
                if self.open.held_by(&oldest) > 0 {
                    return;
                }
            }
            self.shared.drop_oldest();
        }
    }

    /// Whether room is short and the copies would take little of what they free.
    fn is_worth_carrying(&self, attempts: usize) -> bool {
        let settings = &self.shared.settings;
        let copies = u64::try_from(attempts).unwrap_or(u64::MAX).saturating_mul(TYPICAL_FRAME);
        self.shared.segment_count() > settings.crowded_at() && copies <= settings.segment_bytes / 4
    }

    /// Writes the records that tell of requests that still run once more, into the newest
    /// segment. Nothing can be appended meanwhile, so a beginning never comes to stand behind
    /// its end, nor an end behind the attempt that followed.
    fn carry_over(&mut self, oldest: &Segment) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let mut appender = shared.appender();
        let outdated = self.outdated_since_cursor(shared.appended())?;
        for (key, position) in self.open.iter_mut() {
            if *position >= oldest.end() || outdated.contains(key) {
                continue;
            }
            let Some(record) = read_at(&oldest.file, *position - oldest.base, oldest.file_bytes)?
            else {
                continue;
            };
            *position = with_frame((&record).into(), |frame| {
                shared.append_locked(&mut appender, frame, Claim::Own)
            })?;
        }
        Ok(())
    }

    /// The attempts about which there is something newer between the cursor and `target`.
    fn outdated_since_cursor(&self, target: u64) -> Result<HashSet<AttemptKey>, StoreError> {
        let mut outdated = HashSet::new();
        let mut position = self.cursor;
        while position < target {
            let Some(segment) = self.shared.segment_at(position) else { break };
            let limit = segment.sealed_at.unwrap_or(target);
            let from = position.max(segment.first());
            let mut records =
                Records::new(&segment.file, from - segment.base, limit - segment.base);
            while let Some((_, payload)) = records.next().map_err(unreadable)? {
                if let Some(
                    Subject::Begun((request, attempt)) | Subject::Ended((request, attempt), _),
                ) = subject(payload)
                {
                    outdated.insert((request, attempt));
                    outdated.insert((request, attempt.saturating_sub(1)));
                }
            }
            position = segment.end();
        }
        Ok(outdated)
    }
}

fn read_at(file: &File, offset: u64, limit: u64) -> Result<Option<JournalRecord>, StoreError> {
    let mut records = Records::new(file, offset, limit);
    let payload = records.next().map_err(unreadable)?;
    Ok(payload.and_then(|(_, payload)| decode(payload)))
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err wants")]
fn unreadable(fault: std::io::Error) -> StoreError {
    StoreError::Unavailable(format!("the journal cannot be read: {fault}"))
}

/// The time until the next attempt: the interval, doubled with every failure.
fn pause(failures: u32) -> Duration {
    INTERVAL.saturating_mul(1 << failures.min(5)).min(LONGEST_PAUSE)
}

/// Tells those who wait that the thread is gone, also when it panicked.
struct ReportStopped(Arc<Shared>);

impl Drop for ReportStopped {
    fn drop(&mut self) {
        self.0.report_stopped();
    }
}
