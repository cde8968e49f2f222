//! What becomes of the answer to one request in the cache.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tb_api::sse::SseEvent;
use tb_core::{Cost, NanoUsd, Surface};
use tb_providers::local::{EndingWatch, is_whole};

use super::control::Control;
use super::entry::{Entry, Label, Times};
use super::flights::Lead;
use super::key::{Key, Slot};
use super::shelf::Waiting;
use super::{CacheNote, Core, Made};
use crate::admission::MemoryHold;

/// Keeps the answer to one request once it is complete, and lets identical requests that wait
/// for it go on. Dropped before: the next of them takes over.
#[derive(Default)]
pub(crate) struct Keeper {
    note: CacheNote,
    /// `None` when the cache has nothing to do with the request.
    asked: Option<Box<Asked>>,
    /// What the recording holds; `None` where nobody accounts it.
    memory: Option<MemoryHold>,
}

/// A request that the cache takes part in.
pub(super) struct Asked {
    pub(super) core: Arc<Core>,
    pub(super) surface: Surface,
    pub(super) stream_usage: bool,
    pub(super) control: Control,
    pub(super) request: Bytes,
    pub(super) slot: Slot,
    pub(super) key: Key,
    pub(super) label: Label,
    /// The time to live of the answer, drawn for it.
    pub(super) ttl: Duration,
    pub(super) stale_if_error: Duration,
    /// How many purges there were when it came.
    pub(super) purges: u64,
    /// Identical requests wait for this one.
    pub(super) lead: Option<Lead>,
    /// Its answer may be kept.
    pub(super) keeps: bool,
    pub(super) recording: Option<Recording>,
}

/// A stream as the client gets it, so far.
pub(super) struct Recording {
    bytes: BytesMut,
    ending: EndingWatch,
}

impl Keeper {
    pub(super) fn new(note: CacheNote, asked: Asked) -> Self {
        Self { note, asked: Some(Box::new(asked)), memory: None }
    }

    /// One that keeps nothing.
    pub(super) fn bypassing(note: CacheNote) -> Self {
        Self { note, asked: None, memory: None }
    }

    pub(super) fn asked(&self) -> Option<&Asked> {
        self.asked.as_deref()
    }

    /// Whether the answer may be kept, as far as is known.
    pub(crate) fn keeps(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.keeps)
    }

    /// What the headers of the answer say.
    pub(crate) fn note(&self) -> &CacheNote {
        &self.note
    }

    /// The answer is not of the requested model: it is not kept.
    pub(crate) fn forget(&mut self) {
        if let Some(asked) = &mut self.asked {
            asked.give_up();
        }
    }

    /// A recording takes its memory from here, and ends when there is none left.
    pub(crate) fn account(&mut self, memory: MemoryHold) {
        self.memory = self.keeps().then_some(memory);
    }

    /// Takes in an event that goes to the client.
    pub(crate) fn record(&mut self, event: &SseEvent) {
        let Self { asked, memory, .. } = self;
        let Some(asked) = asked.as_mut().filter(|asked| asked.keeps) else { return };
        let more = asked.record(event);
        if memory.as_mut().is_some_and(|memory| !memory.grow(more)) {
            asked.give_up();
        }
        if !asked.keeps {
            *memory = None;
        }
    }

    /// A whole answer is complete.
    pub(crate) fn keep_whole(&mut self, body: &Bytes, made: Made) {
        let Some(asked) = self.asked.as_mut().filter(|asked| asked.keeps) else { return };
        if asked.slot.is_stream() || !is_whole(asked.surface, body) {
            asked.give_up();
        } else {
            self.note.stored = asked.keep(body, made);
        }
    }

    /// A stream reached its proper end.
    pub(crate) fn keep_stream(&mut self, made: Made) {
        let Some(asked) = self.asked.as_mut().filter(|asked| asked.keeps) else { return };
        match asked.recording.take().filter(|recording| recording.ending.is_whole()) {
            Some(recording) => self.note.stored = asked.keep(&recording.bytes, made),
            None => asked.give_up(),
        }
    }
}

impl Asked {
    /// There is an answer, but not one to share.
    fn give_up(&mut self) {
        self.keeps = false;
        self.recording = None;
        if let Some(lead) = self.lead.take() {
            lead.release();
        }
    }

    /// Adds an event to the recording; by how many bytes that grew.
    fn record(&mut self, event: &SseEvent) -> usize {
        if !self.slot.is_stream() {
            return 0;
        }
        let recording = self.recording.get_or_insert_with(|| Recording {
            bytes: BytesMut::new(),
            ending: EndingWatch::new(self.surface),
        });
        recording.ending.see(event);
        let before = recording.bytes.len();
        event.write(&mut recording.bytes);
        let after = recording.bytes.len();
        if after > self.core.shelf.limits.entry_bytes {
            self.give_up();
        }
        after - before
    }

    /// Keeps an answer that is complete; false when it is too large or was purged meanwhile.
    fn keep(&mut self, body: &[u8], made: Made) -> bool {
        self.keeps = false;
        let shelf = &self.core.shelf;
        let entry = Arc::new(Entry {
            label: self.label.clone(),
            request: self.request.clone(),
            slot: self.slot.clone(),
            // A copy holds no more than its bytes, whatever buffer these lie in.
            body: Bytes::copy_from_slice(body),
            origin: made.origin,
            cost: amount(made.cost),
            times: Times::starting(shelf.clock.now(), self.ttl, self.stale_if_error),
        });
        let waiting = Waiting { key: self.key, entry: Arc::clone(&entry), purges: self.purges };
        if entry.bytes() > shelf.limits.entry_bytes || !shelf.insert(&waiting) {
            self.give_up();
            return false;
        }
        match self.lead.take() {
            Some(lead) => lead.share(&entry),
            None => self.core.flights.share(&self.key, &entry),
        }
        self.core.writer.write(waiting);
        true
    }
}

fn amount(cost: Cost) -> NanoUsd {
    match cost {
        Cost::Measured(amount) | Cost::Estimated(amount) => amount,
        Cost::Unpriced | Cost::Free => NanoUsd(0),
    }
}

/// Shows no text of the request.
impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("note", &self.note).field("keeps", &self.keeps()).finish()
    }
}
