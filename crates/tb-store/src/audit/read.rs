//! Reading records: pages for people, all of them for exports.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tb_core::audit::{
    AuditFilter, AuditPage, AuditTrail, InclusionProof, NoteVerifier, Verification,
};
use tb_core::ports::StoreError;
use tb_core::retention::Span;

use super::files::{self, failed};
use super::lines::{Backward, Ending, Forward, offset_of, place};
use super::log::FileAuditLog;

/// The most records that are looked at for one page: half a second of reading.
const MOST_LOOKED_AT: usize = 200_000;

/// A log that is only read; a server may be writing meanwhile.
#[derive(Debug, Clone)]
pub struct AuditReader {
    folder: PathBuf,
    key: NoteVerifier,
}

impl AuditReader {
    /// The log in a folder, whose checkpoints are verified with `key`.
    #[must_use]
    pub const fn new(folder: PathBuf, key: NoteVerifier) -> Self {
        Self { folder, key }
    }

    /// Hands every record that `filter` asks for to `take`, oldest first, as the line it is.
    ///
    /// # Errors
    /// When a file cannot be read, or `take` fails.
    pub fn export(
        &self,
        filter: &AuditFilter,
        take: &mut dyn FnMut(&str, &Value) -> std::io::Result<()>,
    ) -> Result<(), StoreError> {
        let first = filter.since.map(Span::of);
        let spans = files::spans(&self.folder)?.into_iter();
        for span in spans.filter(|span| first.is_none_or(|first| *span >= first)) {
            let path = files::segment(&self.folder, span);
            let fault = |error| failed("read", &path, &error);
            let Some(file) = files::open_segment(&path)? else { continue };
            let mut lines = Forward::new(file, 0).map_err(fault)?;
            let mut line = Vec::new();
            while lines.next(&mut line).map_err(fault)? == Some(Ending::Whole) {
                let Some((record, _)) = wanted(&line, filter) else { continue };
                take(&String::from_utf8_lossy(&line), &record)
                    .map_err(|error| failed("hand on a record of", &path, &error))?;
            }
        }
        Ok(())
    }
}

/// A record with its number, if it is asked for.
fn wanted(line: &[u8], filter: &AuditFilter) -> Option<(Value, u64)> {
    let place = place(line)?;
    if filter.since.is_some_and(|since| place.written_at < since)
        || filter.before.is_some_and(|before| place.seq >= before)
    {
        return None;
    }
    let record = serde_json::from_slice(line).ok()?;
    filter.wants(&record).then_some((record, place.seq))
}

fn page(folder: &Path, filter: &AuditFilter, limit: usize) -> Result<AuditPage, StoreError> {
    let mut found = AuditPage::default();
    let mut looked_at = 0;
    for span in files::spans(folder)?.into_iter().rev() {
        let path = files::segment(folder, span);
        let fault = |error| failed("read", &path, &error);
        let Some(file) = files::open_segment(&path)? else { continue };
        let end = match filter.before {
            Some(before) => offset_of(&file, before).map_err(fault)?,
            None => file.metadata().map_err(fault)?.len(),
        };
        let mut lines = Backward::new(file, end).map_err(fault)?;
        while let Some((_, line)) = lines.next().map_err(fault)? {
            let Some(place) = place(&line) else { continue };
            if filter.since.is_some_and(|since| place.written_at < since) {
                return Ok(AuditPage { next_before: None, ..found });
            }
            looked_at += 1;
            if found.records.len() == limit || looked_at > MOST_LOOKED_AT {
                found.next_before = Some(place.seq + 1);
                return Ok(found);
            }
            found.records.extend(wanted(&line, filter).map(|(record, _)| record));
        }
    }
    Ok(found)
}

impl AuditTrail for AuditReader {
    fn page(&self, filter: &AuditFilter, limit: usize) -> Result<AuditPage, StoreError> {
        page(&self.folder, filter, limit)
    }

    fn verify(&self) -> Result<Verification, StoreError> {
        super::verify(&self.folder, &self.key, &[])
    }

    fn prove(&self, seq: u64) -> Result<Option<InclusionProof>, StoreError> {
        super::prove(&self.folder, &self.key, seq)
    }

    fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        files::newest_note(&self.folder)
    }

    fn public_key(&self) -> String {
        self.key.to_string()
    }
}

impl FileAuditLog {
    /// The log for reading, beside its writing.
    #[must_use]
    pub fn reader(&self) -> AuditReader {
        AuditReader::new(self.folder.clone(), self.signer.verifier().clone())
    }
}

/// The columns of an export as a table: the members of both kinds of records.
#[must_use]
pub const fn csv_columns() -> &'static [&'static str] {
    CSV_COLUMNS
}

const CSV_COLUMNS: &[&str] = &[
    "seq",
    "at",
    "written_at",
    "node",
    "kind",
    "request_id",
    "attempt",
    "is_final",
    "service",
    "key_id",
    "secret_version",
    "workload",
    "subject",
    "network",
    "purpose",
    "route",
    "stream",
    "data_class",
    "own_classes",
    "guard",
    "characters",
    "prompt",
    "model_requested",
    "model_resolved",
    "model_served",
    "system_fingerprint",
    "drift",
    "provider",
    "region",
    "agreement",
    "rung",
    "cause",
    "passed_over",
    "key_index",
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "usage_source",
    "cost_kind",
    "cost_nano_usd",
    "saved_nano_usd",
    "price_version",
    "status",
    "error_code",
    "end_reason",
    "waited_ms",
    "ttft_ms",
    "duration_ms",
    "overhead_us",
    "config_hash",
    "request_hmac",
    "answer_hmac",
    "act_number",
    "act",
    "actor",
    "object",
    "before",
    "after",
];
