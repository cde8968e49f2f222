//! What a start finds: the tail after the newest checkpoint is read and cut where the note of the
//! end says, hashes are made to fit, and what is missing that a checkpoint vouches for is refused.
//! Nothing is taken over that was not signed, or a start would sign what somebody else wrote.

use std::collections::VecDeque;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use serde_json::json;
use tb_core::audit::{
    Checkpoint, Frontier, Hash, NoteSigner, NoteVerifier, RecordKey, RecordPlace, Subjects, hex,
    leaf_hash, unhex,
};
use tb_core::ports::StoreError;
use tb_core::retention::Span;
use tb_core::{Actor, AdminAct, Timestamp};

use super::files::{self, END, FRONTIER, HASH_BYTES, HASHES, LOCK, PUBLIC_KEY, failed};
use super::lines::{Backward, Ending, Forward, first_seq, last_seq, offset_of, place};
use super::log::{Segment, State, remember};
use super::pseudonyms::Pseudonyms;
use super::recent::REMEMBERED;
use super::retire;

/// Makes the folder when it is missing, takes its lock, and writes down the public key.
pub(super) fn prepare(folder: &Path, signer: &NoteSigner) -> Result<File, StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| failed("make", folder, &error))?;
    let path = folder.join(LOCK);
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|error| failed("open", &path, &error))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::Unavailable(format!(
                "the audit log {} is in use by another process: stop it, or give this one \
                 another audit.path",
                folder.display()
            )));
        }
        Err(TryLockError::Error(error)) => return Err(failed("lock", &path, &error)),
    }
    let path = folder.join(PUBLIC_KEY);
    let known = files::text(&path)?;
    let key = format!("{}\n", signer.verifier());
    if known.is_empty() {
        std::fs::write(&path, key).map_err(|error| failed("write", &path, &error))?;
    } else if known != key {
        return Err(StoreError::Failed(format!(
            "the audit log {} was written with another key ({}), but the key is now {}: restore \
             the key from a backup, or move the folder away to begin a new log",
            folder.display(),
            known.trim(),
            signer.verifier()
        )));
    }
    Ok(lock)
}

/// The tree at the newest checkpoint as text.
pub(super) fn frontier_text(tree: &Frontier) -> String {
    let mut text = format!("{}\n", tree.size());
    for peak in tree.peaks() {
        text.push_str(&hex(peak));
        text.push('\n');
    }
    text
}

fn kept_frontier(text: &str) -> Option<Frontier> {
    let mut lines = text.lines();
    let size = lines.next()?.parse().ok()?;
    let peaks: Option<Vec<Hash>> = lines.map(unhex).collect();
    Frontier::from_peaks(size, peaks?)
}

/// What a start found.
pub(super) struct Found {
    pub(super) state: State,
    /// How many records there were and are, when some were lost that had been vouched for.
    pub(super) cut: Option<(u64, u64)>,
}

/// Says in the log itself that its end was lost.
pub(super) fn cut_act(at: Timestamp, before: u64, after: u64) -> AdminAct {
    AdminAct::new(at, Actor::Gateway, "audit.cut", "end")
        .with(Some(json!({ "records": before })), Some(json!({ "records": after })))
}

/// Reads the state of the log and repairs its end.
pub(super) fn state(
    folder: &Path,
    signer: &NoteSigner,
    subjects: Subjects,
) -> Result<Found, StoreError> {
    let key = signer.verifier();
    retire::finish(folder, key)?;
    let signed = newest_checkpoint(folder, key)?;
    let mut tail = Tail::read(folder, key, signed.size)?;
    let mut tree = signed_tree(folder, &signed)?;
    let end = vouched(folder, key, &tree, &tail.hashes)?;
    if end.kept < tail.hashes.len() {
        tracing::warn!(
            folder = %folder.display(),
            records = tail.hashes.len() - end.kept,
            "the end of the audit log is vouched for by nobody and is cut off"
        );
        cut(folder, signed.size + u64::try_from(end.kept).unwrap_or(u64::MAX))?;
        tail = Tail::read(folder, key, signed.size)?;
    }
    let hashes = files::append_to(&folder.join(HASHES))?;
    let mut bytes = Vec::new();
    for hash in &tail.hashes {
        bytes.extend_from_slice(hash);
    }
    tree.extend(tail.hashes);
    hashes
        .set_len(signed.size * HASH_BYTES)
        .and_then(|()| std::io::Write::write_all(&mut &hashes, &bytes))
        .map_err(|error| failed("write", &folder.join(HASHES), &error))?;
    let cut = end.claimed.map(|claimed| (claimed, tree.size()));
    let state = State {
        tree,
        hashes,
        segment: tail.segment,
        written_at: tail.written_at,
        recent: remember(tail.keys),
        pseudonyms: Pseudonyms::new(subjects),
        signed: signed.size,
        signed_at: Timestamp(0),
        ended: None,
    };
    Ok(Found { state, cut })
}

/// What the note of the end says of the records behind the newest checkpoint.
struct Vouched {
    /// How many of them it vouches for.
    kept: usize,
    /// How many records it says there were, when that many are not there.
    claimed: Option<u64>,
}

/// Holds the records behind the newest checkpoint against the note of the end. What stands behind
/// that as well was written by a process that died before it told anybody, and comes again.
fn vouched(
    folder: &Path,
    key: &NoteVerifier,
    signed: &Frontier,
    hashes: &[Hash],
) -> Result<Vouched, StoreError> {
    let note = files::text(&folder.join(END))?;
    let Ok(end) = Checkpoint::open_end(&note, key) else {
        if signed.size() == 0 && !hashes.is_empty() {
            return Err(changed(folder));
        }
        // A power cut may take the note away, and no more than the seconds since a checkpoint.
        return Ok(Vouched { kept: 0, claimed: None });
    };
    let mut tree = signed.clone();
    let more = usize::try_from(end.size.saturating_sub(signed.size())).unwrap_or(usize::MAX);
    let Some(rest) = hashes.get(..more) else {
        return Ok(Vouched { kept: 0, claimed: Some(end.size) });
    };
    tree.extend(rest.iter().copied());
    if tree.size() == end.size && tree.root() != end.root {
        return Err(changed(folder));
    }
    Ok(Vouched { kept: more, claimed: None })
}

/// Cuts the log off behind its first `size` records.
fn cut(folder: &Path, size: u64) -> Result<(), StoreError> {
    for span in files::spans(folder)?.into_iter().rev() {
        let path = files::segment(folder, span);
        let fault = |error| failed("cut", &path, &error);
        let file = files::append_to(&path)?;
        if first_seq(&file).map_err(fault)?.is_some_and(|first| first < size) {
            return offset_of(&file, size).and_then(|bytes| file.set_len(bytes)).map_err(fault);
        }
        std::fs::remove_file(&path).map_err(fault)?;
    }
    Ok(())
}

/// The newest checkpoint; one of an empty tree when there is none.
fn newest_checkpoint(folder: &Path, key: &NoteVerifier) -> Result<Checkpoint, StoreError> {
    let Some(note) = files::newest_note(folder)? else {
        return Ok(Checkpoint { size: 0, root: Frontier::default().root() });
    };
    Checkpoint::open(&note, key).map_err(|fault| {
        StoreError::Failed(format!(
            "the newest checkpoint of the audit log {}: {fault}; run `tollbar audit verify`",
            folder.display()
        ))
    })
}

/// The tree that the newest checkpoint vouches for, out of what was kept with it, or else out of
/// all hashes.
fn signed_tree(folder: &Path, signed: &Checkpoint) -> Result<Frontier, StoreError> {
    let fits = |tree: &Frontier| tree.size() == signed.size && tree.root() == signed.root;
    let found = files::hash_count(folder)?;
    if found >= signed.size {
        let kept = kept_frontier(&files::text(&folder.join(FRONTIER))?).filter(fits);
        if let Some(tree) = kept {
            return Ok(tree);
        }
        let mut tree = Frontier::default();
        for hash in files::hashes(folder, 0, signed.size)? {
            tree.push(hash?);
        }
        if fits(&tree) {
            return Ok(tree);
        }
    }
    Err(StoreError::Failed(format!(
        "the hashes of the audit log {} are not those that its newest checkpoint vouches for ({} \
         records): run `tollbar audit verify`, and restore the folder from a backup or move it \
         away to begin a new log",
        folder.display(),
        signed.size
    )))
}

/// The end of the log.
struct Tail {
    /// The hashes of the records that no checkpoint vouches for.
    hashes: Vec<Hash>,
    /// The last records, oldest first.
    keys: VecDeque<RecordKey>,
    written_at: Timestamp,
    /// The segment that is written on.
    segment: Option<Segment>,
}

impl Tail {
    /// Reads back until what a checkpoint vouches for, and as far as records are remembered.
    fn read(folder: &Path, key: &NoteVerifier, signed: u64) -> Result<Self, StoreError> {
        let mut tail = Self {
            hashes: Vec::new(),
            keys: VecDeque::new(),
            written_at: Timestamp(0),
            segment: None,
        };
        let spans = files::spans(folder)?;
        let next = tail.repair(folder, &spans, signed)?;
        let is_retired = || {
            let retired = retire::retired(folder, key)?;
            Ok(retired.iter().any(|days| days.end >= signed))
        };
        if next < signed && !is_retired()? {
            return Err(damaged(folder, next));
        }
        Ok(tail)
    }

    /// Finds the segments with records that no checkpoint vouches for, reads them, and cuts the
    /// last one at the first line that is not the next record. Gives the number of the next one.
    fn repair(&mut self, folder: &Path, spans: &[Span], signed: u64) -> Result<u64, StoreError> {
        self.remember(folder, spans, signed)?;
        let (spans, mut next) = unsigned_part(folder, spans, signed)?;
        for span in spans {
            let path = files::segment(folder, *span);
            let fault = |error| failed("read", &path, &error);
            let file = files::append_to(&path)?;
            let is_last = spans.last() == Some(span);
            let whole = self.read_on(&file, &mut next, signed).map_err(fault)?;
            if whole < end(&file).map_err(fault)? {
                if !is_last || next.is_some_and(|next| next < signed) {
                    return Err(damaged(folder, next.unwrap_or(0)));
                }
                tracing::warn!(path = %path.display(), "the end of the audit log is not whole and is cut off");
                file.set_len(whole).map_err(fault)?;
            }
            if whole > 0 {
                self.segment = Some(Segment { span: *span, file, bytes: whole });
            } else if is_last && next.unwrap_or(0) >= signed {
                std::fs::remove_file(&path).map_err(fault)?;
            }
        }
        Ok(next.unwrap_or(0))
    }

    /// Reads the records of a segment that no checkpoint vouches for, and gives where the last
    /// whole one ends.
    fn read_on(
        &mut self,
        file: &File,
        next: &mut Option<u64>,
        signed: u64,
    ) -> std::io::Result<u64> {
        let from = offset_of(file, signed)?;
        if from > 0 {
            let before = Backward::new(file.try_clone()?, from)?.next()?;
            if let Some(before) = before.and_then(|(_, line)| place(&line)) {
                *next = Some(before.seq + 1);
                self.note_time(&before);
            }
        }
        let mut lines = Forward::new(file.try_clone()?, from)?;
        let mut line = Vec::new();
        let mut whole = from;
        while lines.next(&mut line)? == Some(Ending::Whole) {
            let Some(place) = place(&line) else { break };
            if place.seq != next.unwrap_or(signed) {
                break;
            }
            *next = Some(place.seq + 1);
            self.hashes.push(leaf_hash(&line));
            self.note_time(&place);
            self.keys.push_back(place.key);
            if self.keys.len() > REMEMBERED {
                self.keys.pop_front();
            }
            whole = lines.offset;
        }
        Ok(whole)
    }

    /// Reads back the last records that a checkpoint vouches for.
    fn remember(&mut self, folder: &Path, spans: &[Span], signed: u64) -> Result<(), StoreError> {
        for span in spans.iter().rev() {
            let path = files::segment(folder, *span);
            let fault = |error| failed("read", &path, &error);
            let file = File::open(&path).map_err(fault)?;
            let from = offset_of(&file, signed).map_err(fault)?;
            let mut lines = Backward::new(file, from).map_err(fault)?;
            while let Some((_, line)) = lines.next().map_err(fault)? {
                if self.keys.len() >= REMEMBERED {
                    return Ok(());
                }
                if let Some(place) = place(&line) {
                    self.keys.push_front(place.key);
                }
            }
        }
        Ok(())
    }

    fn note_time(&mut self, place: &RecordPlace) {
        self.written_at = self.written_at.max(place.written_at);
    }
}

fn end(file: &File) -> std::io::Result<u64> {
    Ok(file.metadata()?.len())
}

/// The segments from the first on that has records which no checkpoint vouches for, always the
/// last one, and the number of the record behind those before, if there are any.
fn unsigned_part<'s>(
    folder: &Path,
    spans: &'s [Span],
    signed: u64,
) -> Result<(&'s [Span], Option<u64>), StoreError> {
    for (place, span) in spans.iter().enumerate().rev().skip(1) {
        let path = files::segment(folder, *span);
        let file = File::open(&path).map_err(|error| failed("read", &path, &error))?;
        let last = last_seq(&file).map_err(|error| failed("read", &path, &error))?;
        if let Some(last) = last.filter(|last| *last < signed) {
            return Ok((spans.get(place + 1..).unwrap_or_default(), Some(last + 1)));
        }
    }
    Ok((spans, None))
}

/// What a start refuses to sign.
fn changed(folder: &Path) -> StoreError {
    StoreError::Failed(format!(
        "the end of the audit log {} is not what this gateway wrote: run `tollbar audit verify`, \
         and restore the folder from a backup or move it away, with the audit key, to begin a new \
         log",
        folder.display()
    ))
}

fn damaged(folder: &Path, next: u64) -> StoreError {
    StoreError::Failed(format!(
        "the audit log {} has lost record {next} or has something else in its place, and records \
         after it were written: run `tollbar audit verify`, and restore the folder from a backup \
         or move it away to begin a new log",
        folder.display()
    ))
}
