//! Writing the log.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tb_core::audit::{
    AuditEvent, AuditRecord, Checkpoint, Frontier, Hash, NoteSigner, RecordKey, Subjects,
    leaf_hash, signed_checkpoint, signed_end,
};
use tb_core::ports::{ActStore, AuditLog, StoreError};
use tb_core::retention::Span;
use tb_core::{AdminAct, Clock, Timestamp, UsageRow};

use super::files::{self, CHECKPOINTS, END, FRONTIER, HASH_BYTES, failed};
use super::pseudonyms::Pseudonyms;
use super::recent::Recent;
use super::witness::{Witness, Witnesses};

/// The longest that a record waits for a checkpoint.
const CHECKPOINT_EVERY_MS: i64 = 10_000;

/// Records written at a time.
const BATCH: usize = 256;

/// Acts taken at a time.
const ACTS: u32 = 256;

/// What a log is made of.
pub struct AuditParts {
    /// Its folder; made when missing.
    pub folder: PathBuf,
    /// The machine's name, for the records.
    pub node: String,
    /// Whether what is appended must be on disk when `append` returns.
    pub is_durable_on_power_loss: bool,
    /// Signs checkpoints, see [`super::open_audit_key`].
    pub signer: NoteSigner,
    /// Admin acts on their way into the log.
    pub acts: Arc<dyn ActStore>,
    /// Makes pseudonyms of end users.
    pub subjects: Subjects,
    /// The time of writing.
    pub clock: Arc<dyn Clock>,
    /// Where checkpoints go beside the log.
    pub witnesses: Vec<Witness>,
}

impl std::fmt::Debug for AuditParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditParts").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// The audit log in a folder, open for writing.
pub struct FileAuditLog {
    pub(super) folder: PathBuf,
    pub(super) signer: NoteSigner,
    node: String,
    is_durable_on_power_loss: bool,
    acts: Arc<dyn ActStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) state: Mutex<State>,
    witnesses: Witnesses,
    /// The memory of what is about to be written, between two times.
    draft: Mutex<Draft>,
    _lock: File,
}

/// The state of writing: what stands in the files, always.
pub(super) struct State {
    pub(super) tree: Frontier,
    pub(super) hashes: File,
    pub(super) segment: Option<Segment>,
    pub(super) written_at: Timestamp,
    pub(super) recent: Recent,
    pub(super) pseudonyms: Pseudonyms,
    /// How many records the newest checkpoint vouches for, and when it was signed.
    pub(super) signed: u64,
    pub(super) signed_at: Timestamp,
    /// How many records the note of the end vouches for; `None` when there is none that fits.
    pub(super) ended: Option<u64>,
}

/// The segment being written.
pub(super) struct Segment {
    pub(super) span: Span,
    pub(super) file: File,
    pub(super) bytes: u64,
}

/// Lines about to be written, with their hashes.
#[derive(Default)]
struct Draft {
    lines: Vec<u8>,
    hashes: Vec<Hash>,
    noted: usize,
}

impl std::fmt::Debug for FileAuditLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileAuditLog").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl FileAuditLog {
    /// Opens the log, or makes it; cuts off what a crash left half written.
    ///
    /// # Errors
    /// `Unavailable` when another process writes to it; `Failed` when the folder cannot be used,
    /// or when records are missing that a checkpoint vouches for.
    pub fn open(parts: AuditParts) -> Result<Self, StoreError> {
        let lock = super::open::prepare(&parts.folder, &parts.signer)?;
        let mut found = super::open::state(&parts.folder, &parts.signer, parts.subjects)?;
        if let Some((before, after)) = found.cut {
            let act = super::open::cut_act(parts.clock.now(), before, after);
            parts.acts.note_act(&act)?;
        }
        let durable = parts.is_durable_on_power_loss;
        note_end(&parts.folder, &parts.signer, &mut found.state, durable)?;
        Ok(Self {
            folder: parts.folder,
            signer: parts.signer,
            node: parts.node,
            is_durable_on_power_loss: parts.is_durable_on_power_loss,
            acts: parts.acts,
            clock: parts.clock,
            state: Mutex::new(found.state),
            witnesses: Witnesses::start(parts.witnesses)?,
            draft: Mutex::default(),
            _lock: lock,
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many records there are.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.state().tree.size()
    }

    /// Signs what is not signed yet and ends the thread that tells it to second places. What is
    /// appended later is signed by the next start.
    ///
    /// # Errors
    /// When the checkpoint cannot be written.
    pub fn close(&self) -> Result<(), StoreError> {
        let mut state = self.state();
        let signed = self.take_acts(&mut state).and_then(|()| self.sign(&mut state));
        drop(state);
        self.witnesses.stop();
        signed
    }

    /// Writes what waits in the act store, and tells it so.
    fn take_acts(&self, state: &mut State) -> Result<(), StoreError> {
        loop {
            let waiting = self.acts.waiting_acts(ACTS)?;
            let Some((last, _)) = waiting.last() else { return Ok(()) };
            let events = waiting.iter().map(|(number, act)| {
                (act_key(*number, act), AuditEvent::Act { number: *number, act })
            });
            self.write(state, &events.collect::<Vec<_>>())?;
            self.note_end(state)?;
            self.acts.acts_recorded(*last)?;
        }
    }

    fn take_rows(&self, state: &mut State, rows: &[UsageRow]) -> Result<(), StoreError> {
        for rows in rows.chunks(BATCH) {
            let ids = state.pseudonyms.learn(rows)?;
            let names: Vec<Option<String>> = ids
                .iter()
                .map(|id| id.and_then(|id| state.pseudonyms.get(&id)).map(str::to_owned))
                .collect();
            let events = rows.iter().zip(&names).map(|(row, subject)| {
                let subject = subject.as_deref();
                (RecordKey::of_row(row), AuditEvent::Access { row, subject })
            });
            self.write(state, &events.collect::<Vec<_>>())?;
        }
        self.note_end(state)
    }

    /// Vouches for what was written before the journal or the act store is told that it was:
    /// a start takes nothing that is not vouched for, and what was not told comes again.
    fn note_end(&self, state: &mut State) -> Result<(), StoreError> {
        note_end(&self.folder, &self.signer, state, self.is_durable_on_power_loss)
    }

    /// Writes records, those left out that are there already.
    fn write(
        &self,
        state: &mut State,
        events: &[(RecordKey, AuditEvent<'_>)],
    ) -> Result<(), StoreError> {
        // A clock that was set back must not tear segments apart.
        let now = self.clock.now().max(state.written_at);
        let mut draft = self.draft.lock().unwrap_or_else(PoisonError::into_inner);
        self.fill(&mut draft, state, (events, now));
        if draft.hashes.is_empty() {
            return Ok(());
        }
        if let Err(fault) = self.write_draft(state, &draft, now) {
            state.recent.forget_newest(draft.noted);
            return Err(fault);
        }
        state.written_at = now;
        state.tree.extend(draft.hashes.drain(..));
        Ok(())
    }

    fn fill(
        &self,
        draft: &mut Draft,
        state: &mut State,
        (events, now): (&[(RecordKey, AuditEvent<'_>)], Timestamp),
    ) {
        let written_at = now.to_rfc3339();
        draft.lines.clear();
        draft.hashes.clear();
        draft.noted = 0;
        let mut seq = state.tree.size();
        for (key, event) in events {
            if !state.recent.note(*key) {
                continue;
            }
            draft.noted += 1;
            let begins = draft.lines.len();
            let record =
                AuditRecord { seq, written_at: &written_at, node: &self.node, event: *event };
            record.line(&mut draft.lines);
            draft.hashes.push(leaf_hash(draft.lines.get(begins..).unwrap_or_default()));
            draft.lines.push(b'\n');
            seq += 1;
        }
    }

    /// Writes lines and then hashes; after a failure the files are as they were.
    fn write_draft(
        &self,
        state: &mut State,
        draft: &Draft,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let hash_bytes = state.tree.size() * HASH_BYTES;
        let State { hashes, segment, .. } = state;
        let segment = open_segment(&self.folder, segment, now)?;
        let before = segment.bytes;
        let durable = self.is_durable_on_power_loss;
        let written = cut_to(&segment.file, before)
            .and_then(|()| cut_to(hashes, hash_bytes))
            .and_then(|()| write_whole(&mut segment.file, &draft.lines, durable))
            .and_then(|()| write_whole(hashes, draft.hashes.as_flattened(), durable));
        if let Err(error) = written {
            // Where not even that works, the next attempt or the next start cuts it off.
            let _ = segment.file.set_len(before);
            let _ = hashes.set_len(hash_bytes);
            return Err(failed("write", &files::segment(&self.folder, segment.span), &error));
        }
        segment.bytes = before + u64::try_from(draft.lines.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Signs a checkpoint if its time has come. The first records of a log get one at once: a log
    /// without any could be anybody's.
    fn sign_in_time(&self, state: &mut State) -> Result<(), StoreError> {
        let waited = self.clock.now().unix_ms().saturating_sub(state.signed_at.unix_ms());
        // A clock that was set back must not keep checkpoints away.
        if state.signed == 0 || !(0..CHECKPOINT_EVERY_MS).contains(&waited) {
            return self.sign(state);
        }
        Ok(())
    }

    /// Signs a checkpoint if something was added.
    fn sign(&self, state: &mut State) -> Result<(), StoreError> {
        let size = state.tree.size();
        if size == state.signed {
            return Ok(());
        }
        // What a checkpoint vouches for must outlive a power cut, or an honest log would look
        // like a cut one.
        if let Some(segment) = &state.segment {
            segment.file.sync_data().map_err(|e| failed("flush", &self.folder, &e))?;
        }
        state.hashes.sync_data().map_err(|e| failed("flush", &self.folder, &e))?;
        let checkpoint = Checkpoint { size, root: state.tree.root() };
        let note = signed_checkpoint(&self.signer, &checkpoint);
        let path = self.folder.join(CHECKPOINTS);
        let mut file = files::append_to(&path)?;
        write_whole(&mut file, note.as_bytes(), true).map_err(|e| failed("write", &path, &e))?;
        self.keep_frontier(&state.tree)?;
        (state.signed, state.signed_at) = (size, self.clock.now());
        self.witnesses.tell(&note);
        Ok(())
    }

    /// Keeps the tree for the next start; it is held against the checkpoint then.
    fn keep_frontier(&self, tree: &Frontier) -> Result<(), StoreError> {
        let text = super::open::frontier_text(tree);
        files::replace(&self.folder.join(FRONTIER), &text, false)
    }
}

impl AuditLog for FileAuditLog {
    fn append(&self, rows: &[UsageRow]) -> Result<(), StoreError> {
        let mut state = self.state();
        if rows.is_empty() {
            self.take_acts(&mut state)?;
        } else {
            self.take_rows(&mut state, rows)?;
        }
        self.sign_in_time(&mut state)
    }
}

impl Drop for FileAuditLog {
    fn drop(&mut self) {
        if let Err(fault) = self.sign(&mut self.state()) {
            tracing::warn!(%fault, "the audit log closed without a checkpoint");
        }
        self.witnesses.stop();
    }
}

pub(super) fn act_key(number: u64, act: &AdminAct) -> RecordKey {
    RecordKey::Act(number, act.at)
}

/// Signs how far the log goes, in the place of what was signed before.
fn note_end(
    folder: &std::path::Path,
    signer: &NoteSigner,
    state: &mut State,
    durable: bool,
) -> Result<(), StoreError> {
    let size = state.tree.size();
    if state.ended == Some(size) {
        return Ok(());
    }
    let note = signed_end(signer, &Checkpoint { size, root: state.tree.root() });
    files::replace(&folder.join(END), &note, durable)?;
    state.ended = Some(size);
    Ok(())
}

/// Takes away what a write that failed left behind the whole records.
fn cut_to(file: &File, bytes: u64) -> std::io::Result<()> {
    if file.metadata()?.len() > bytes { file.set_len(bytes) } else { Ok(()) }
}

/// The segment of the present half hour, or the one that is written already if that is later.
fn open_segment<'a>(
    folder: &std::path::Path,
    current: &'a mut Option<Segment>,
    now: Timestamp,
) -> Result<&'a mut Segment, StoreError> {
    let span = Span::of(now);
    let is_current = current.as_ref().is_some_and(|segment| segment.span >= span);
    if !is_current {
        if let Some(before) = current.take() {
            let flushed = before.file.sync_data();
            flushed.map_err(|error| failed("flush", folder, &error))?;
        }
        let path = files::segment(folder, span);
        let file = files::append_to(&path)?;
        let bytes = file.metadata().map_err(|error| failed("open", &path, &error))?.len();
        files::sync_folder(folder)?;
        return Ok(current.insert(Segment { span, file, bytes }));
    }
    current.as_mut().ok_or_else(|| StoreError::Failed("the audit log has no segment".to_owned()))
}

fn write_whole(file: &mut File, bytes: &[u8], durable: bool) -> std::io::Result<()> {
    file.write_all(bytes)?;
    if durable { file.sync_data() } else { Ok(()) }
}

/// The newest keys of records, oldest first.
pub(super) fn remember(keys: VecDeque<RecordKey>) -> Recent {
    let mut recent = Recent::default();
    for key in keys {
        recent.note(key);
    }
    recent
}
