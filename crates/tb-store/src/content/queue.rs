//! What waits to be written, bounded by its bytes.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tb_core::content::ContentEntry;

use super::lock;

/// See the module.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Something waits, or nothing more comes.
    filled: Condvar,
    /// Something was written.
    emptied: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<ContentEntry>,
    /// Of what waits and what is being written.
    bytes: usize,
    /// How many were taken in, and how many of them are written or given up.
    offered: u64,
    done: u64,
    is_closed: bool,
}

impl Queue {
    /// Takes an entry in; false when there is no room for it in `most` bytes.
    pub(super) fn push(&self, entry: ContentEntry, most: usize) -> bool {
        let mut state = lock(&self.state);
        let bytes = entry.bytes();
        if state.is_closed || state.bytes.saturating_add(bytes) > most {
            return false;
        }
        state.bytes += bytes;
        state.offered += 1;
        state.waiting.push(entry);
        drop(state);
        self.filled.notify_one();
        true
    }

    /// Everything that waits, once there is something; nothing when it is closed and empty.
    pub(super) fn take(&self) -> Vec<ContentEntry> {
        let mut state = lock(&self.state);
        while state.waiting.is_empty() && !state.is_closed {
            state = wait(&self.filled, state);
        }
        std::mem::take(&mut state.waiting)
    }

    /// So many entries of so many bytes are written or given up.
    pub(super) fn done(&self, count: u64, bytes: usize) {
        let mut state = lock(&self.state);
        state.done += count;
        state.bytes = state.bytes.saturating_sub(bytes);
        drop(state);
        self.emptied.notify_all();
    }

    /// Waits until everything is done that was pushed before.
    pub(super) fn flush(&self) {
        let mut state = lock(&self.state);
        let offered = state.offered;
        while state.done < offered {
            state = wait(&self.emptied, state);
        }
    }

    /// Takes nothing more in.
    pub(super) fn close(&self) {
        lock(&self.state).is_closed = true;
        self.filled.notify_all();
    }
}

fn wait<'a>(on: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    on.wait(state).unwrap_or_else(PoisonError::into_inner)
}
