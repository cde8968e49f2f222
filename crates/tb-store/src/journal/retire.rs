//! Retirement: records leave the journal's files by age, not only when segments are full.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use tb_core::Timestamp;
use tb_core::ports::{JournalRecord, StoreError};

use super::MmapJournal;
use super::record::{Records, Subject, decode, subject};
use super::segment::{HEADER_BYTES, Segment};
use super::shared::{Shared, locked};

/// Rounds of the storer within which a segment is released, or something keeps it.
const ROUNDS: u64 = 4;

impl MmapJournal {
    /// Stores what waits and deletes the segments whose oldest record is of before `before`.
    /// Requests that run keep a copy of their beginning in the newest segment, so that a crash
    /// still settles them.
    ///
    /// # Errors
    /// `Unavailable` when the store fails meanwhile or the storer is gone: what is left goes
    /// with the next call.
    pub fn retire(&self, before: Timestamp) -> Result<(), StoreError> {
        let target = self.shared.seal_before(before)?;
        self.shared.flush()?;
        self.shared.await_release(target)
    }

    /// About when the oldest record in the journal's files was made: its request's arrival.
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub fn oldest_record(&self) -> Result<Option<Timestamp>, StoreError> {
        match self.shared.oldest_segment() {
            Some(oldest) => first_moment(&oldest),
            None => Ok(None),
        }
    }
}

impl Shared {
    /// Seals the active segment when its first record is of before `before`; gives the position
    /// before which nothing is to stay.
    fn seal_before(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut appender = self.appender();
        if appender.closed.is_none()
            && first_moment(&appender.active.segment)?.is_some_and(|moment| moment < before)
        {
            self.roll(&mut appender)?;
        }
        let target = appender.active.segment.base;
        self.retire_to.fetch_max(target, Ordering::Relaxed);
        Ok(target)
    }

    /// Waits until every segment before `target` is deleted.
    fn await_release(&self, target: u64) -> Result<(), StoreError> {
        let failures = locked(&self.status).failures;
        for _ in 0..ROUNDS {
            let round = locked(&self.status).rounds;
            if self.first_base() >= target {
                return Ok(());
            }
            let mut status = locked(&self.status);
            while status.rounds == round && status.failures == failures && !status.stopped {
                status.urgent = true;
                self.work.notify_one();
                status = self.progress.wait(status).unwrap_or_else(PoisonError::into_inner);
            }
        }
        let why = "segments of the journal cannot be released yet".to_owned();
        Err(StoreError::Unavailable(why))
    }

    /// Tells those who wait that a round of storing and releasing is over.
    pub(super) fn report_round(&self) {
        let mut status = locked(&self.status);
        status.rounds = status.rounds.wrapping_add(1);
        drop(status);
        self.progress.notify_all();
    }
}

/// When the first record of a segment was made; `None` while there is none. A record that says
/// no moment is as old as can be.
fn first_moment(segment: &Segment) -> Result<Option<Timestamp>, StoreError> {
    let mut records = Records::new(&segment.file, HEADER_BYTES, segment.file_bytes);
    let first = records
        .next()
        .map_err(|fault| StoreError::Unavailable(format!("the journal cannot be read: {fault}")))?;
    Ok(first.map(|(_, payload)| moment(payload).unwrap_or(Timestamp(i64::MIN))))
}

fn moment(payload: &[u8]) -> Option<Timestamp> {
    match subject(payload)? {
        Subject::Begun((request, _)) | Subject::Ended((request, _), _) => {
            Some(Timestamp(request.unix_ms()))
        }
        Subject::Binding => match decode(payload)? {
            JournalRecord::Bound(binding) => Some(binding.created_at),
            _ => None,
        },
    }
}
