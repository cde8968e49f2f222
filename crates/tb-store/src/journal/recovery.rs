//! What a start finds in the journal: segments, and requests without a last word.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};

use tb_core::ports::{JournalRecord, StoreError};
use tb_core::{
    Cause, Cost, EndReason, NanoUsd, RequestId, Rung, TokenCounts, UsageRow, UsageSource,
};

use super::open_attempts::{Change, OpenAttempts};
use super::record::{AttemptKey, Records, decode, subject};
use super::segment::{HEADER_BYTES, Segment, base_of, is_spare};

/// What was found.
pub(super) struct Found {
    /// The segments, oldest first, each sealed where its whole records end.
    pub(super) segments: VecDeque<Segment>,
    /// Requests without a last word.
    pub(super) open: OpenAttempts,
}

/// Reads all segments of `directory`.
pub(super) fn scan(directory: &Path) -> Result<Found, StoreError> {
    let mut found = Found { segments: VecDeque::new(), open: OpenAttempts::default() };
    for path in segment_paths(directory)? {
        let base = base_of(&path).unwrap_or(0);
        let Some(mut segment) = Segment::open(&path, base)? else {
            remove(&path)?;
            continue;
        };
        let end = scan_segment(&segment, &mut found.open)?;
        if end == segment.first() {
            // Without a record it would only pile up over starts that do no work.
            remove(&path)?;
            continue;
        }
        segment.sealed_at = Some(end);
        found.segments.push_back(segment);
    }
    Ok(found)
}

fn remove(path: &Path) -> Result<(), StoreError> {
    std::fs::remove_file(path)
        .map_err(|fault| StoreError::Failed(format!("cannot delete {}: {fault}", path.display())))
}

/// The segment files by rising position. Spares, which nobody wrote to, are deleted.
fn segment_paths(directory: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let fault = |fault: std::io::Error| {
        StoreError::Failed(format!("cannot read the journal {}: {fault}", directory.display()))
    };
    let mut paths = BTreeMap::new();
    for entry in std::fs::read_dir(directory).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        if let Some(base) = base_of(&path) {
            paths.insert(base, path);
        } else if is_spare(&path) {
            remove(&path)?;
        }
    }
    Ok(paths.into_values().collect())
}

/// Notes the beginnings and ends in one segment and gives the position after its last whole
/// record.
fn scan_segment(segment: &Segment, open: &mut OpenAttempts) -> Result<u64, StoreError> {
    let mut records = Records::new(&segment.file, HEADER_BYTES, segment.file_bytes);
    while let Some((offset, payload)) = records.next().map_err(|fault| {
        StoreError::Failed(format!("cannot read {}: {fault}", segment.path.display()))
    })? {
        if let Some(subject) = subject(payload) {
            open.note(Change::new(subject, segment.base + offset));
        }
    }
    Ok(segment.base + records.offset())
}

/// The rows with which open requests are settled: one for each attempt that never ended, as it
/// was known when it began, the last of which counts as what the client saw. Where the last
/// attempt did end, its row stands, and the request gets a row of its own.
pub(super) fn crash_rows(found: &Found) -> Vec<UsageRow> {
    let mut places: Vec<(AttemptKey, u64)> = found.open.iter().collect();
    places.sort_unstable();
    let mut last_attempts: HashMap<RequestId, u32> = HashMap::new();
    for ((request, attempt), _) in &places {
        last_attempts.insert(*request, *attempt);
    }
    let rows = places.into_iter().filter_map(|((request, attempt), position)| {
        let is_last = last_attempts.get(&request) == Some(&attempt);
        match read(&found.segments, position)? {
            JournalRecord::Begun(row) => Some(UsageRow {
                end_reason: EndReason::Crash,
                duration_ms: 0,
                is_final: is_last,
                ..row
            }),
            JournalRecord::Ended(row) if is_last => Some(last_word_after(row)),
            JournalRecord::Ended(_) | JournalRecord::Bound(_) | JournalRecord::Unbound(..) => None,
        }
    });
    rows.collect()
}

/// The last row of a request whose attempt `ended` was followed by none: nothing was sent any
/// more, and the client got no answer.
fn last_word_after(ended: UsageRow) -> UsageRow {
    UsageRow {
        attempt: ended.attempt.saturating_add(1),
        is_final: true,
        started_at: ended.started_at.plus_ms(i64::from(ended.duration_ms)),
        provider: None,
        model_resolved: None,
        model_served: None,
        status: 0,
        error_code: None,
        end_reason: EndReason::Crash,
        usage_source: UsageSource::None,
        tokens: TokenCounts::default(),
        cost: Cost::Free,
        ttft_ms: None,
        duration_ms: 0,
        overhead_us: 0,
        rung: Rung::default(),
        cause: Cause::default(),
        waited_ms: 0,
        key_index: None,
        passed_over: None,
        saved: NanoUsd(0),
        ..ended
    }
}

fn read(segments: &VecDeque<Segment>, position: u64) -> Option<JournalRecord> {
    let segment = segments.iter().find(|segment| position < segment.end())?;
    let offset = position.checked_sub(segment.base)?;
    let mut records = Records::new(&segment.file, offset, segment.file_bytes);
    decode(records.next().ok()??.1)
}
