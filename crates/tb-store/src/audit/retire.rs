//! Deleting whole segments, as retention asks: signed, so that it can be told from tampering.

use std::ops::Range;
use std::path::Path;

use tb_core::Timestamp;
use tb_core::audit::{Checkpoint, NoteVerifier, Retired};
use tb_core::ports::StoreError;
use tb_core::retention::Span;

use super::files::{self, RETIRED, failed};
use super::lines::{first_seq, last_seq};
use super::log::FileAuditLog;

/// One segment of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSegment {
    /// The half hour in which its records were written. They may be about moments before, but
    /// never after it.
    pub span: Span,
    /// Its size.
    pub bytes: u64,
}

impl FileAuditLog {
    /// The segments that are there, oldest first; the last one may be being written.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn segments(&self) -> Result<Vec<AuditSegment>, StoreError> {
        let mut segments = Vec::new();
        for span in files::spans(&self.folder)? {
            let path = files::segment(&self.folder, span);
            let length = std::fs::metadata(&path).map_err(|error| failed("read", &path, &error));
            segments.push(AuditSegment { span, bytes: length?.len() });
        }
        Ok(segments)
    }

    /// Deletes a segment for good and notes, signed, that it was on purpose. The hashes stay, so
    /// every proof about other records does. Gives the numbers of the deleted records; `None`
    /// when there is no such segment, or it is being written or not vouched for yet.
    ///
    /// # Errors
    /// When the note cannot be written or the segment not be deleted; then the next start does
    /// what is left to do.
    pub fn retire(&self, span: Span) -> Result<Option<Range<u64>>, StoreError> {
        let mut state = self.state();
        let path = files::segment(&self.folder, span);
        let Some(records) = records(&path)? else { return Ok(None) };
        let at = self.clock.now();
        if span >= Span::of(at) || state.signed < records.end {
            return Ok(None);
        }
        if state.segment.as_ref().is_some_and(|current| current.span == span) {
            state.segment = None;
        }
        let segment = span.to_string();
        self.note_retired(Retired { segment, first: records.start, end: records.end, at })?;
        unlink(&self.folder, span)?;
        drop(state);
        Ok(Some(records))
    }

    /// Adds a note to those that there are. Neighbours become one, so that years of half hours
    /// are a handful of signatures.
    fn note_retired(&self, one: Retired) -> Result<(), StoreError> {
        let mut all = retired(&self.folder, self.signer.verifier())?;
        all.push(one);
        all.sort_by_key(|one| one.first);
        let mut merged: Vec<Retired> = Vec::new();
        for one in all {
            match merged.last_mut() {
                Some(before) if before.end >= one.first => {
                    before.end = before.end.max(one.end);
                    before.at = Timestamp(before.at.unix_ms().max(one.at.unix_ms()));
                    before.segment = one.segment;
                }
                _ => merged.push(one),
            }
        }
        let text: String = merged.iter().map(|one| one.sign(&self.signer)).collect();
        files::replace(&self.folder.join(RETIRED), &text, true)
    }

    /// The present moment of the log's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// The numbers of the records in a segment; `None` when it is not there or has none.
fn records(path: &Path) -> Result<Option<Range<u64>>, StoreError> {
    let Some(file) = files::open_segment(path)? else { return Ok(None) };
    let fault = |error| failed("read", path, &error);
    let ends = first_seq(&file).map_err(fault)?.zip(last_seq(&file).map_err(fault)?);
    Ok(ends.map(|(first, last)| first..last + 1))
}

fn unlink(folder: &Path, span: Span) -> Result<(), StoreError> {
    let path = files::segment(folder, span);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(failed("delete", &path, &error))
        }
        _ => files::sync_folder(folder),
    }
}

/// The signed notes about deleted records. What is not signed by `key` says nothing.
pub(super) fn retired(folder: &Path, key: &NoteVerifier) -> Result<Vec<Retired>, StoreError> {
    let text = files::text(&folder.join(RETIRED))?;
    Ok(Checkpoint::notes(&text).filter_map(|note| Retired::open(note, key).ok()).collect())
}

/// Deletes what a crash left of retired segments, or a restored backup brought back.
pub(super) fn finish(folder: &Path, key: &NoteVerifier) -> Result<(), StoreError> {
    let retired = retired(folder, key)?;
    let newest = retired.iter().filter_map(|one| Span::parse(&one.segment)).max();
    let Some(newest) = newest else { return Ok(()) };
    for span in files::spans(folder)?.into_iter().filter(|span| *span <= newest) {
        let Some(records) = records(&files::segment(folder, span))? else { continue };
        if retired.iter().any(|one| one.first <= records.start && records.end <= one.end) {
            tracing::info!(%span, "a segment of the audit log that was retired is deleted again");
            unlink(folder, span)?;
        }
    }
    Ok(())
}
