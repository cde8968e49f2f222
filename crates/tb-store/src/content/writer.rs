//! The thread that seals and writes.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use ring::rand::SystemRandom;
use tb_core::content::ContentEntry;
use tb_core::ports::StoreError;

use super::frames::{self, Frame, Place};
use super::keys::KeyFile;
use super::queue::Queue;
use super::{NoteLost, QUEUE_BYTES, lock};

/// What the thread works with. Keys are made, used and destroyed under one lock.
pub(super) struct Writer {
    folder: PathBuf,
    queue: Queue,
    state: Mutex<Writing>,
    random: SystemRandom,
    note_lost: Box<NoteLost>,
}

/// What is written to.
pub(super) struct Writing {
    pub(super) keys: KeyFile,
    /// The files that end with a whole entry, as far as this process knows.
    pub(super) whole: HashSet<Place>,
}

impl Writer {
    pub(super) fn new(folder: PathBuf, keys: KeyFile, note_lost: Box<NoteLost>) -> Self {
        let state = Mutex::new(Writing { keys, whole: HashSet::new() });
        Self { folder, queue: Queue::default(), state, random: SystemRandom::new(), note_lost }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, Writing> {
        lock(&self.state)
    }

    pub(super) fn offer(&self, entry: ContentEntry) {
        if !self.queue.push(entry, QUEUE_BYTES) {
            (self.note_lost)(1);
        }
    }

    pub(super) fn flush(&self) {
        self.queue.flush();
    }

    pub(super) fn close(&self) {
        self.queue.close();
    }

    /// Writes until the queue is closed and empty.
    pub(super) fn run(&self) {
        loop {
            let batch = self.queue.take();
            if batch.is_empty() {
                return;
            }
            let bytes = batch.iter().map(ContentEntry::bytes).sum();
            let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
            let lost = self.write(batch).unwrap_or_else(|fault| {
                tracing::error!(%fault, "content is not written");
                count
            });
            if lost > 0 {
                (self.note_lost)(lost);
            }
            self.queue.done(count, bytes);
        }
    }

    /// Writes a batch; gives how many entries were lost on the way.
    fn write(&self, batch: Vec<ContentEntry>) -> Result<u64, StoreError> {
        let mut state = self.state();
        let keys = state.keys.of(&batch)?;
        let mut lost = 0;
        let mut files: BTreeMap<Place, (Vec<u8>, u64)> = BTreeMap::new();
        for (entry, (number, key)) in batch.into_iter().zip(keys) {
            let sealed = key.seal(&self.random, &entry);
            let frame = sealed.and_then(|sealed| Frame::bytes(number, entry.request_id, &sealed));
            let Some(frame) = frame else {
                lost += 1;
                continue;
            };
            let place = Place::of(entry.request_id, entry.data_class);
            let (bytes, count) = files.entry(place).or_default();
            bytes.extend_from_slice(&frame);
            *count += 1;
        }
        for (place, (bytes, count)) in files {
            let is_first = !state.whole.contains(&place);
            match frames::append(&place.path(&self.folder), &bytes, is_first) {
                Ok(()) => {
                    state.whole.insert(place);
                }
                Err(fault) => {
                    state.whole.remove(&place);
                    tracing::error!(%fault, "content is not written");
                    lost += count;
                }
            }
        }
        Ok(lost)
    }
}
