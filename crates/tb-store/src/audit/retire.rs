//! Deleting whole days, as retention asks: signed, so that it can be told from tampering.

use std::fs::File;
use std::path::Path;

use tb_core::Timestamp;
use tb_core::audit::{Checkpoint, NoteVerifier, Retired};
use tb_core::ports::StoreError;

use super::files::{self, RETIRED, failed};
use super::lines::first_seq;
use super::log::FileAuditLog;

/// One day of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSegment {
    /// The UTC day on which its records were written, `2026-11-23`. They may be about moments
    /// before, but never after it.
    pub day: String,
    /// The number of its first record.
    pub first: u64,
    /// The number after its last record.
    pub end: u64,
    /// Its size.
    pub bytes: u64,
}

impl FileAuditLog {
    /// The days that are there, oldest first; the last one is being written.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn segments(&self) -> Result<Vec<AuditSegment>, StoreError> {
        let state = self.state();
        let retired = retired(&self.folder, self.signer.verifier())?;
        let mut segments: Vec<AuditSegment> = Vec::new();
        let mut end = state.tree.size();
        for day in files::days(&self.folder)?.into_iter().rev() {
            let path = files::segment(&self.folder, &day);
            let fault = |error| failed("read", &path, &error);
            let file = File::open(&path).map_err(fault)?;
            let bytes = file.metadata().map_err(fault)?.len();
            let Some(first) = first_seq(&file).map_err(fault)? else { continue };
            // Between two days there may be some that are deleted already.
            while let Some(gap) = retired.iter().find(|gap| gap.end == end && gap.first >= first) {
                end = gap.first;
            }
            segments.push(AuditSegment { day, first, end, bytes });
            end = first;
        }
        segments.reverse();
        Ok(segments)
    }

    /// Deletes a day for good and notes, signed, that it was on purpose. The hashes stay, so
    /// every proof about other days does. Gives what was deleted; `None` when there is no such
    /// day, or it is the one being written.
    ///
    /// # Errors
    /// When the note cannot be written or the segment not be deleted; then the next start does
    /// what is left to do.
    pub fn retire(&self, day: &str) -> Result<Option<AuditSegment>, StoreError> {
        let segments = self.segments()?;
        let today = self.clock.now().utc_day();
        let Some(segment) = segments.into_iter().find(|one| one.day == day) else {
            return Ok(None);
        };
        let mut state = self.state();
        if day >= today.as_str() || segment.end == state.tree.size() && state.signed < segment.end {
            return Ok(None);
        }
        if state.segment.as_ref().is_some_and(|current| current.day == day) {
            state.segment = None;
        }
        let note = Retired {
            day: day.to_owned(),
            first: segment.first,
            end: segment.end,
            at: self.clock.now(),
        };
        let path = self.folder.join(RETIRED);
        let file = files::append_to(&path)?;
        std::io::Write::write_all(&mut &file, note.sign(&self.signer).as_bytes())
            .and_then(|()| file.sync_data())
            .map_err(|error| failed("write", &path, &error))?;
        unlink(&self.folder, day)?;
        drop(state);
        Ok(Some(segment))
    }

    /// When the oldest record was written that is there: the beginning of its day is no later.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn oldest_day(&self) -> Result<Option<String>, StoreError> {
        Ok(files::days(&self.folder)?.into_iter().next())
    }

    /// The present moment of the log's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

fn unlink(folder: &Path, day: &str) -> Result<(), StoreError> {
    let path = files::segment(folder, day);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(failed("delete", &path, &error))
        }
        _ => files::sync_folder(folder),
    }
}

/// The signed notes about deleted days. What is not signed by `key` says nothing.
pub(super) fn retired(folder: &Path, key: &NoteVerifier) -> Result<Vec<Retired>, StoreError> {
    let text = files::text(&folder.join(RETIRED))?;
    Ok(Checkpoint::notes(&text).filter_map(|note| Retired::open(note, key).ok()).collect())
}

/// Deletes what a crash left of retired days, or a restored backup brought back.
pub(super) fn finish(folder: &Path, key: &NoteVerifier) -> Result<(), StoreError> {
    for Retired { day, .. } in retired(folder, key)? {
        if files::segment(folder, &day).exists() {
            tracing::info!(day, "a day of the audit log that was retired is deleted again");
            unlink(folder, &day)?;
        }
    }
    Ok(())
}
