//! Reading the whole log and holding it against hashes and checkpoints. Needs nothing but the
//! folder and the public key.

use std::path::Path;

use tb_core::Timestamp;
use tb_core::audit::{
    Checkpoint, Frontier, Hash, NoteVerifier, Retired, SCHEMA_VERSION, Verification, leaf_hash,
};
use tb_core::ports::StoreError;
use tb_core::retention::Span;

use super::files::{self, CHECKPOINTS, END, failed};
use super::lines::{Ending, Forward, first_seq, place};
use super::retire::retired;

/// The first thing that is wrong: at which record, and what.
type Bad = (u64, String);

/// How a walk ends early: something is wrong with the log, or it cannot be read.
enum Stop {
    Bad(Bad),
    Unreadable(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Unreadable(error)
    }
}

/// Verifies the log in `folder` under `key`; `witnesses` are the texts of second places of its
/// checkpoints.
///
/// # Errors
/// When a file cannot be read. That something is wrong with the log is no error.
pub fn verify(
    folder: &Path,
    key: &NoteVerifier,
    witnesses: &[&str],
) -> Result<Verification, StoreError> {
    // A server may be writing: what vouches is read before what it vouches for.
    let claims = Claims::read(folder, key, witnesses)?;
    let hash_count = files::hash_count(folder)?;
    // Retention may be deleting: it signs before it does.
    let spans = files::spans(folder)?;
    let retired = retired(folder, key)?;
    let hashes = Box::new(files::hashes(folder, 0, u64::MAX)?);
    let (signed, witnessed) = (claims.largest(), claims.witnessed);
    let mut walk = Walk {
        tree: Frontier::default(),
        claims,
        hashes,
        hash_count,
        retired,
        retired_records: 0,
        agreed: 0,
        written_at: Timestamp(0),
    };
    let bad = match walk.run(folder, &spans) {
        Ok(()) => None,
        Err(Stop::Bad(bad)) => Some(bad),
        Err(Stop::Unreadable(error)) => return Err(error),
    };
    let root = Checkpoint { size: walk.tree.size(), root: walk.tree.root() };
    let (first_bad, fault) = bad.unzip();
    Ok(Verification {
        schema_version: SCHEMA_VERSION,
        ok: first_bad.is_none(),
        records: walk.tree.size(),
        tree_head: root.root_base64(),
        first_bad,
        fault,
        signed_records: signed.min(walk.tree.size()),
        witnessed_records: witnessed.map(|size| size.min(walk.tree.size())),
        retired_records: walk.retired_records,
        public_key: key.to_string(),
    })
}

/// The checkpoints of all places and the note of the end, by rising size.
struct Claims<'a> {
    key: &'a NoteVerifier,
    /// Each with its note, for the signature.
    all: Vec<(Checkpoint, String)>,
    /// The first one that was not reached yet.
    next: usize,
    /// What is wrong with one of them as such.
    bad: Option<Bad>,
    /// How many records every second place vouches for, if there is one.
    witnessed: Option<u64>,
    /// Whether the log has checkpoints of its own.
    has_own: bool,
    /// Whether there is a note of the end.
    has_end: bool,
}

impl<'a> Claims<'a> {
    fn read(folder: &Path, key: &'a NoteVerifier, witnesses: &[&str]) -> Result<Self, StoreError> {
        let own = files::text(&folder.join(CHECKPOINTS))?;
        let own: Vec<&str> = Checkpoint::notes(&own).collect();
        let (has_own, all) = (!own.is_empty(), Vec::new());
        let mut claims =
            Self { key, all, next: 0, bad: None, witnessed: None, has_own, has_end: false };
        claims.take_end(&files::text(&folder.join(END))?);
        claims.take(&own, "the checkpoints of the log");
        claims.refuse_old(&own);
        for witness in witnesses {
            let notes: Vec<String> = Checkpoint::notes_among(witness).collect();
            let notes: Vec<&str> = notes.iter().map(String::as_str).collect();
            let largest = claims.take(&notes, "the checkpoints of the second place");
            if notes.is_empty() {
                claims.bad = Some((0, "the second place has no checkpoint".to_owned()));
            }
            claims.witnessed = Some(claims.witnessed.map_or(largest, |size| size.min(largest)));
        }
        claims.all.sort_by_key(|(checkpoint, _)| checkpoint.size);
        Ok(claims)
    }

    /// Takes the checkpoints of one place. A signature costs as much as a hundred records, so
    /// only that of the largest is looked at, which vouches for all that the others vouch for.
    /// Gives the size of the largest.
    fn take(&mut self, notes: &[&str], place: &str) -> u64 {
        let mut largest: Option<(u64, &str)> = None;
        for note in notes.iter().copied() {
            match Checkpoint::unverified(note) {
                Ok((_, checkpoint)) => {
                    if largest.is_none_or(|(size, _)| checkpoint.size >= size) {
                        largest = Some((checkpoint.size, note));
                    }
                    self.all.push((checkpoint, note.to_owned()));
                }
                Err(fault) => self.bad = Some((0, format!("{place}: {fault}"))),
            }
        }
        if let Some((_, note)) = largest
            && let Err(fault) = Checkpoint::open(note, self.key)
        {
            self.bad = Some((0, format!("{place}: {fault}")));
        }
        largest.map_or(0, |(size, _)| size)
    }

    /// Takes the note of the end. Checkpoints come every ten seconds; it says of all records.
    fn take_end(&mut self, note: &str) {
        match Checkpoint::open_end(note, self.key) {
            Ok(end) => {
                self.all.push((end, note.to_owned()));
                self.has_end = true;
            }
            Err(_) if note.is_empty() => {}
            Err(fault) => self.bad = Some((0, format!("the note of the log's end: {fault}"))),
        }
    }

    /// The log writes checkpoints of rising sizes: one that is not was put there again.
    fn refuse_old(&mut self, notes: &[&str]) {
        let mut largest = None;
        for note in notes {
            let Ok((_, Checkpoint { size, .. })) = Checkpoint::unverified(note) else { continue };
            if largest.is_some_and(|largest| size <= largest) {
                self.bad = Some((
                    size,
                    format!(
                        "the checkpoint of {size} records stands behind one of more or as many: it was put there again"
                    ),
                ));
                return;
            }
            largest = Some(size);
        }
    }

    fn largest(&self) -> u64 {
        self.all.last().map_or(0, |(checkpoint, _)| checkpoint.size)
    }

    /// Holds the tree against the checkpoints of its size.
    fn hold(&mut self, tree: &Frontier, agreed: &mut u64) -> Result<(), Bad> {
        while let Some((checkpoint, note)) = self.all.get(self.next) {
            if checkpoint.size > tree.size() {
                return Ok(());
            }
            if checkpoint.root != tree.root() {
                let opened = Checkpoint::open(note, self.key);
                let why = match opened.or_else(|_| Checkpoint::open_end(note, self.key)) {
                    Ok(_) => "a signed checkpoint vouches for other records".to_owned(),
                    Err(fault) => format!("a checkpoint: {fault}"),
                };
                let last = checkpoint.size.saturating_sub(1);
                return Err((*agreed, format!("one of the records {agreed} to {last}: {why}")));
            }
            *agreed = checkpoint.size;
            self.next += 1;
        }
        Ok(())
    }
}

/// The way through all records.
struct Walk<'a> {
    tree: Frontier,
    claims: Claims<'a>,
    hashes: Box<dyn Iterator<Item = Result<Hash, StoreError>>>,
    hash_count: u64,
    retired: Vec<Retired>,
    retired_records: u64,
    /// How many records the last checkpoint vouched for that agreed.
    agreed: u64,
    /// When the record before was written.
    written_at: Timestamp,
}

impl Walk<'_> {
    fn run(&mut self, folder: &Path, spans: &[Span]) -> Result<(), Stop> {
        self.claims.hold(&self.tree, &mut self.agreed).map_err(Stop::Bad)?;
        for span in spans {
            let is_last = spans.last() == Some(span);
            self.segment(folder, *span, is_last)?;
        }
        self.skip_retired(None)?;
        self.end().map_err(Stop::Bad)
    }

    /// What must hold when all records are read.
    fn end(&mut self) -> Result<(), Bad> {
        let size = self.tree.size();
        let largest = self.claims.largest();
        if largest > size {
            let why = "the end is missing, or the log is an old copy";
            let last = largest - 1;
            return Err((size, format!("records {size} to {last} are vouched for: {why}")));
        }
        if self.hash_count > size {
            let last = self.hash_count - 1;
            return Err((
                size,
                format!("records {size} to {last} are missing, their hashes are not"),
            ));
        }
        if let Some(bad) = self.claims.bad.take() {
            return Err(bad);
        }
        if size > 0 && !self.claims.has_own {
            return Err((0, "no checkpoint vouches for any record".to_owned()));
        }
        if size > 0 && !self.claims.has_end {
            let why = "the note of the log's end is missing: nobody knows whether more was there";
            return Err((largest, why.to_owned()));
        }
        Ok(())
    }

    fn segment(&mut self, folder: &Path, span: Span, is_last: bool) -> Result<(), Stop> {
        let path = files::segment(folder, span);
        let fault = |error| Stop::Unreadable(failed("read", &path, &error));
        let Some(file) = files::open_segment(&path)? else {
            // Retention deleted it just now, if anybody may.
            self.retired = retired(folder, self.claims.key)?;
            return Ok(());
        };
        if let Some(first) = first_seq(&file).map_err(fault)? {
            self.skip_retired(Some(first))?;
        }
        let mut lines = Forward::new(file, 0).map_err(fault)?;
        let mut line = Vec::new();
        while let Some(ending) = lines.next(&mut line).map_err(fault)? {
            // A server may be in the middle of writing it, or have died there.
            if ending == Ending::Torn && is_last && self.hash_count <= self.tree.size() {
                return Ok(());
            }
            self.record(&line, ending, span)?;
        }
        Ok(())
    }

    fn record(&mut self, line: &[u8], ending: Ending, span: Span) -> Result<(), Stop> {
        let seq = self.tree.size();
        let bad = |why: String| Err(Stop::Bad((seq, why)));
        let hash = leaf_hash(line);
        let kept = self.hashes.next().transpose()?;
        let fits = kept.is_none_or(|kept| kept == hash);
        let Some(place) = place(line).filter(|_| ending == Ending::Whole) else {
            return bad(format!("what stands at record {seq} is no record"));
        };
        if place.seq != seq {
            return bad(format!("record {} stands where record {seq} should", place.seq));
        }
        if !fits {
            return bad(format!("record {seq} does not have its hash"));
        }
        if place.written_at < self.written_at {
            return bad(format!("record {seq} was written before the record before it"));
        }
        if Span::of(place.written_at) != span {
            return bad(format!("record {seq} stands under another half hour than its own"));
        }
        self.written_at = place.written_at;
        self.push(hash)
    }

    fn push(&mut self, hash: Hash) -> Result<(), Stop> {
        self.tree.push(hash);
        self.claims.hold(&self.tree, &mut self.agreed).map_err(Stop::Bad)
    }

    /// Goes over records that were deleted on purpose, up to record `next`; their hashes are
    /// still held against the checkpoints.
    fn skip_retired(&mut self, next: Option<u64>) -> Result<(), Stop> {
        loop {
            let seq = self.tree.size();
            if next.is_some_and(|next| next <= seq) {
                return Ok(());
            }
            let Some(gap) = self.retired.iter().find(|gap| gap.contains(seq)) else {
                // A gap that nobody signed is found by the number of the record behind it.
                return Ok(());
            };
            let end = next.map_or(gap.end, |next| next.min(gap.end));
            for seq in seq..end {
                let missing = || Stop::Bad((seq, format!("the hash of record {seq} is missing")));
                let hash = self.hashes.next().transpose()?.ok_or_else(missing)?;
                self.retired_records += 1;
                self.push(hash)?;
            }
        }
    }
}
