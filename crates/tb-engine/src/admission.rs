//! How many requests are served at the same time, and how much memory they hold.
//!
//! A request takes a place of its service and one of the gateway at once, or waits in the line
//! of its service (`lines.rs`). Nobody waits longer than `queue_timeout`, and not more than
//! `max_queued` wait.

mod departures;
mod lines;
mod memory;
mod reached;

use std::sync::Arc;
use std::time::Duration;

use tb_config::{ServerSettings, Service};
use tokio::time::Instant;

use self::lines::{Arrival, Lines, Place};
pub use self::memory::MemoryHold;
pub use self::reached::{LimitKind, LimitReached, LimitScope};
use crate::refusal::Refusal;

/// What a request holds beside its body, whatever it asks: buffers of two connections, the
/// decoder of a stream, tables.
const REQUEST_BYTES: usize = 64 * 1024;

/// The gates of all requests.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    lines: Arc<Lines>,
    memory: Arc<memory::Used>,
}

/// The right to be served; given back when dropped.
#[derive(Debug, Default)]
pub(crate) struct Permit {
    _place: Place,
    _own: MemoryHold,
    body: MemoryHold,
    answer: MemoryHold,
}

impl Permit {
    /// Keeps what the body holds as long as the permit.
    pub(crate) fn keep(&mut self, body: MemoryHold) {
        self.body = body;
    }

    /// Keeps what the answer holds as long as the permit, or until it is taken.
    pub(crate) fn keep_answer(&mut self, answer: MemoryHold) {
        self.answer = answer;
    }

    /// What the answer holds, to be kept as long as its bytes.
    pub(crate) fn take_answer(&mut self) -> MemoryHold {
        std::mem::take(&mut self.answer)
    }
}

impl Admission {
    /// Waits for a turn, for a short while, and not longer than `patience`.
    ///
    /// # Errors
    /// `overloaded` (503) when the gateway is full, `concurrency_limit_exceeded` (429) when the
    /// service is; `deadline_exceeded` when the patience is at its end first.
    pub(crate) async fn enter(
        &self,
        limits: &ServerSettings,
        service: &Arc<Service>,
        patience: Option<Duration>,
    ) -> Result<Permit, Refusal> {
        let place = match self.lines.arrive(limits, service) {
            Arrival::In(place) => place,
            Arrival::Full(reached) => return Err(Refusal::LimitReached(reached)),
            Arrival::Waits(waiting) => {
                let longest = waiting.longest(limits.queue_timeout);
                let until = Instant::now() + patience.map_or(longest, |own| own.min(longest));
                let impatient = patience.is_some_and(|own| own < longest);
                match waiting.turn(until).await {
                    Ok(place) => place,
                    Err(_) if impatient && Instant::now() >= until => {
                        return Err(Refusal::Deadline(
                            "The deadline of this request passed while it waited for its turn.",
                        ));
                    }
                    Err(reached) => return Err(Refusal::LimitReached(reached)),
                }
            }
        };
        let mut own = self.hold(limits.memory_budget_bytes);
        if !own.grow(REQUEST_BYTES) {
            return Err(Refusal::LimitReached(self.memory_reached(&own)));
        }
        Ok(Permit { _place: place, _own: own, ..Permit::default() })
    }

    /// Holds nothing yet; grows up to `budget` bytes, together with what others hold.
    pub(crate) fn hold(&self, budget: usize) -> MemoryHold {
        MemoryHold::new(&self.memory, budget)
    }

    /// The refusal when `budget` is spent.
    pub(crate) fn memory_spent(&self, budget: usize) -> Refusal {
        Refusal::LimitReached(self.memory_reached(&self.hold(budget)))
    }

    /// What is said when a hold cannot grow. Memory comes back when requests end, so the wait is
    /// that for the next of them.
    pub(crate) fn memory_reached(&self, hold: &MemoryHold) -> Box<LimitReached> {
        Box::new(LimitReached {
            kind: LimitKind::Memory,
            scope: LimitScope::Gateway,
            used: self.memory.bytes() as u64,
            limit: hold.budget() as u64,
            asked: 0,
            retry_after_ms: self.lines.next_departure_ms(),
        })
    }
}

#[cfg(test)]
mod tests;
