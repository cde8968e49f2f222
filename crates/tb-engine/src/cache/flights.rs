//! Identical requests at the same time: one of them asks, the others wait for its answer.
//!
//! Who asks owns a [`Lead`]. It passes from hand to hand by value, also while it travels in a
//! channel: whoever drops it unused makes the next waiting request the leader. So no waiting
//! request is forgotten, however leaders fail or clients leave.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use super::entry::Entry;
use super::key::Key;
use crate::clock;

/// The requests under way, by key, each with those that wait for it.
#[derive(Debug, Default)]
pub(super) struct Flights {
    waiting: Mutex<HashMap<Key, Flight>>,
}

/// A leader under way, and who waits for it.
#[derive(Debug)]
struct Flight {
    /// When the last one that asks began: the leader, or one that lost patience with it.
    began: Instant,
    waiters: VecDeque<oneshot::Sender<Turn>>,
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
    /// It waits for one that began at this moment.
    Waits(oneshot::Receiver<Turn>, Instant),
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
        let Some(Flight { began, waiters }) = waiting.get_mut(&key) else {
            waiting.insert(key, Flight { began: clock::now(), waiters: VecDeque::new() });
            return Place::Leads(Lead { flight: Some((Arc::clone(self), key)) });
        };
        // Those that gave up waiting are not kept for long.
        while waiters.front().is_some_and(oneshot::Sender::is_closed) {
            waiters.pop_front();
        }
        let (sender, receiver) = oneshot::channel();
        waiters.push_back(sender);
        Place::Waits(receiver, *began)
    }

    /// A waiting request lost patience with the one that began at `seen`: `None` when it shall
    /// ask, else when another one began meanwhile.
    pub(super) fn ask_too(&self, key: &Key, seen: Instant) -> Option<Instant> {
        let mut waiting = self.lock();
        let flight = waiting.get_mut(key)?;
        if flight.began == seen {
            flight.began = clock::now();
            return None;
        }
        Some(flight.began)
    }

    /// Gives an answer to all that wait at this moment, from one that does not lead: the leader
    /// goes on, for those who come later.
    pub(super) fn share(&self, key: &Key, entry: &Arc<Entry>) {
        let waiters = self.lock().get_mut(key).map(|flight| std::mem::take(&mut flight.waiters));
        for waiter in waiters.into_iter().flatten() {
            // Who left needs no answer.
            let _ = waiter.send(Turn::Kept(Arc::clone(entry)));
        }
    }

    /// The next in line; without one the flight is over.
    fn next(&self, key: &Key) -> Option<oneshot::Sender<Turn>> {
        let mut waiting = self.lock();
        let next = waiting.get_mut(key).and_then(|flight| {
            flight.began = clock::now();
            flight.waiters.pop_front()
        });
        if next.is_none() {
            waiting.remove(key);
        }
        next
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Flight>> {
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
        let flight = flights.lock().remove(&key);
        for waiter in flight.into_iter().flat_map(|flight| flight.waiters) {
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
