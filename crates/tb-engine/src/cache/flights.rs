//! Identical requests at the same time: one of them asks, the others wait for its answer.
//!
//! Who asks owns a [`Lead`]. It passes from hand to hand by value, also while it travels in a
//! channel: whoever drops it unused makes the next waiting request the leader. So no waiting
//! request is forgotten, however leaders fail or clients leave.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::entry::Entry;
use super::key::Key;

/// The requests under way, by key, each with those that wait for it.
#[derive(Debug, Default)]
pub(super) struct Flights {
    waiting: Mutex<HashMap<Key, VecDeque<oneshot::Sender<Turn>>>>,
}

/// What a waiting request is told.
#[derive(Debug)]
pub(super) enum Turn {
    /// The leader failed or left: ask.
    Lead(Lead),
    /// The answer.
    Kept(Arc<Entry>),
    /// There was an answer that cannot be shared: ask, as the others do.
    Alone,
}

/// The place of a request among identical ones.
#[derive(Debug)]
pub(super) enum Place {
    /// It is the first.
    Leads(Lead),
    /// It waits.
    Waits(oneshot::Receiver<Turn>),
}

/// The duty to ask for all that wait.
#[derive(Debug)]
pub(super) struct Lead {
    /// `None` once the flight has ended.
    flight: Option<(Arc<Flights>, Key)>,
}

impl Flights {
    /// Takes a place among the requests for `key`.
    pub(super) fn join(self: &Arc<Self>, key: Key) -> Place {
        let mut waiting = self.lock();
        let Some(waiters) = waiting.get_mut(&key) else {
            waiting.insert(key, VecDeque::new());
            return Place::Leads(Lead { flight: Some((Arc::clone(self), key)) });
        };
        // Those that gave up waiting are not kept for long.
        while waiters.front().is_some_and(oneshot::Sender::is_closed) {
            waiters.pop_front();
        }
        let (sender, receiver) = oneshot::channel();
        waiters.push_back(sender);
        Place::Waits(receiver)
    }

    /// The next in line; without one the flight is over.
    fn next(&self, key: &Key) -> Option<oneshot::Sender<Turn>> {
        let mut waiting = self.lock();
        let next = waiting.get_mut(key).and_then(VecDeque::pop_front);
        if next.is_none() {
            waiting.remove(key);
        }
        next
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, VecDeque<oneshot::Sender<Turn>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }
}

impl Lead {
    /// Gives the answer to all that wait.
    pub(super) fn share(self, entry: &Arc<Entry>) {
        self.end(|| Turn::Kept(Arc::clone(entry)));
    }

    /// Lets all that wait ask for themselves.
    pub(super) fn release(self) {
        self.end(|| Turn::Alone);
    }

    fn end(mut self, turn: impl Fn() -> Turn) {
        let Some((flights, key)) = self.flight.take() else { return };
        let waiters = flights.lock().remove(&key);
        for waiter in waiters.into_iter().flatten() {
            // Who left needs no answer.
            let _ = waiter.send(turn());
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        while let Some((flights, key)) = self.flight.take() {
            let Some(next) = flights.next(&key) else { return };
            let lead = Self { flight: Some((flights, key)) };
            if let Err(Turn::Lead(mut refused)) = next.send(Turn::Lead(lead)) {
                self.flight = refused.flight.take();
            }
        }
    }
}
