//! Proofs that single records are in the log.

use std::path::Path;

use tb_core::audit::{Checkpoint, Frontier, Hash, InclusionProof, NoteVerifier, inclusion_path};
use tb_core::ports::StoreError;
use tb_core::retention::Span;

use super::files::{self, failed};
use super::lines::{Ending, Forward, first_seq, offset_of, place};

/// The proof that record `seq` is in the log, up to the newest checkpoint; `None` where there is
/// no such record, or no checkpoint with it yet. Reads the hashes of all records, and one record.
///
/// # Errors
/// When a file cannot be read, the newest checkpoint is not by `key`, or hashes are missing.
pub fn prove(
    folder: &Path,
    key: &NoteVerifier,
    seq: u64,
) -> Result<Option<InclusionProof>, StoreError> {
    let Some(note) = files::newest_note(folder)? else { return Ok(None) };
    let checkpoint = Checkpoint::open(&note, key)
        .map_err(|fault| StoreError::Failed(format!("the newest checkpoint: {fault}")))?;
    let Some(ranges) = inclusion_path(seq, checkpoint.size) else { return Ok(None) };
    let leaf = subtree(folder, seq, seq + 1)?;
    let path: Result<Vec<Hash>, _> =
        ranges.into_iter().map(|range| subtree(folder, range.start, range.end)).collect();
    let mut proof = InclusionProof::new(seq, &leaf, &path?, note);
    proof.record = record(folder, seq)?;
    proof.public_key = key.to_string();
    Ok(Some(proof))
}

/// The root of the subtree over the records `first` to `end`.
fn subtree(folder: &Path, first: u64, end: u64) -> Result<Hash, StoreError> {
    let mut tree = Frontier::default();
    for hash in files::hashes(folder, first, end - first)? {
        tree.push(hash?);
    }
    if tree.size() == end - first {
        return Ok(tree.root());
    }
    let at = first + tree.size();
    Err(StoreError::Failed(format!("the audit log: the hash of record {at} is missing")))
}

/// The line of a record, if it is there.
fn record(folder: &Path, seq: u64) -> Result<Option<String>, StoreError> {
    let spans = files::spans(folder)?;
    // Half of the segments that are left are ruled out by each look.
    let (mut low, mut high) = (0, spans.len());
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let first = spans.get(middle).map(|span| begins(folder, *span)).transpose()?.flatten();
        if first.is_some_and(|first| first <= seq) { low = middle } else { high = middle }
    }
    let Some(span) = spans.get(low) else { return Ok(None) };
    let path = files::segment(folder, *span);
    let fault = |error| failed("read", &path, &error);
    let Some(file) = files::open_segment(&path)? else { return Ok(None) };
    let from = offset_of(&file, seq).map_err(fault)?;
    let mut line = Vec::new();
    let ending =
        Forward::new(file, from).and_then(|mut lines| lines.next(&mut line)).map_err(fault)?;
    let found = place(&line).is_some_and(|place| place.seq == seq);
    Ok((found && ending == Some(Ending::Whole))
        .then(|| String::from_utf8_lossy(&line).into_owned()))
}

/// The number of the first record of a segment.
fn begins(folder: &Path, span: Span) -> Result<Option<u64>, StoreError> {
    let path = files::segment(folder, span);
    let Some(file) = files::open_segment(&path)? else { return Ok(None) };
    first_seq(&file).map_err(|error| failed("read", &path, &error))
}
