//! The lines in front of the gateway: one for each service, first come first served within it;
//! between services each has its turn, so a service that floods waits behind itself.

mod line;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tb_config::{ServerSettings, Service};
use tb_core::ServiceName;
use tokio::sync::oneshot;
use tokio::time::Instant;

use self::line::{Line, SHORT_WAIT, Waiter};
use super::departures::Departures;
use super::reached::{LimitKind, LimitReached, LimitScope};

/// Who is served and who waits. One lock, held for a few steps and never while waiting.
#[derive(Debug, Default)]
pub(super) struct Lines(Mutex<State>);

/// What somebody in a line is told.
type Turn = Result<Place, Box<LimitReached>>;

/// A place among those that are served; given back when dropped.
#[derive(Debug, Default)]
pub(super) struct Place(Option<(Arc<Lines>, usize)>);

/// How an arrival begins.
#[derive(Debug)]
pub(super) enum Arrival {
    In(Place),
    Waits(Waiting),
    Full(Box<LimitReached>),
}

/// A place in a line; left when dropped.
#[derive(Debug)]
pub(super) struct Waiting {
    lines: Arc<Lines>,
    line: usize,
    ticket: u64,
    is_standing: bool,
    /// Dropped after this has left the line: a place that was handed over meanwhile goes back.
    turn: oneshot::Receiver<Turn>,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    /// The limits of the last arrival.
    limit: usize,
    max_queued: usize,
    waiting: usize,
    lines: Vec<Line>,
    by_service: HashMap<ServiceName, usize>,
    /// The lines with somebody in them, in the order of their turns.
    turns: VecDeque<usize>,
    next_ticket: u64,
    departures: Departures,
}

impl Lines {
    /// Gives a place at once, or one in the line of the service. The limits hold for everybody
    /// from now on.
    pub(super) fn arrive(self: &Arc<Self>, limits: &ServerSettings, service: &Service) -> Arrival {
        let mut state = self.lock();
        let at = state.line(&service.name);
        if state.set_limits(limits, at, service.max_concurrent) {
            state.hand_out(self, Instant::now());
        }
        if state.has_room(at) {
            state.begin(at, None);
            return Arrival::In(Place(Some((Arc::clone(self), at))));
        }
        if state.waiting >= state.max_queued && !state.make_room(at) {
            return Arrival::Full(state.reached(at));
        }
        state.line_up(self, at, Instant::now())
    }

    /// Milliseconds until the next departure is likely.
    pub(super) fn next_departure_ms(&self) -> u64 {
        self.lock().departures.wait_ms(Instant::now(), 0)
    }

    /// A panic between two steps leaves counts that are wrong by one at worst.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// The longest wait that makes sense, at most `limit`.
    pub(super) fn longest(&self, limit: Duration) -> Duration {
        if self.is_standing { limit.min(SHORT_WAIT) } else { limit }
    }

    /// The place, when the turn comes before `until`.
    pub(super) async fn turn(mut self, until: Instant) -> Turn {
        if let Ok(Ok(turn)) = tokio::time::timeout_at(until, &mut self.turn).await {
            return turn;
        }
        let mut state = self.lines.lock();
        let reached = state.reached(self.line);
        let left = state.leave(self.line, self.ticket);
        drop(state);
        if left {
            return Err(reached);
        }
        // The turn came in the last moment.
        self.turn.try_recv().unwrap_or(Err(reached))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.lines.lock().leave(self.line, self.ticket);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((lines, at)) = self.0.take() {
            let (mut state, now) = (lines.lock(), Instant::now());
            state.end(at, now);
            state.hand_out(&lines, now);
        }
    }
}

impl State {
    /// The line of a service; made when it is new. Names come from the configuration, so there
    /// are few.
    fn line(&mut self, service: &ServiceName) -> usize {
        if let Some(at) = self.by_service.get(service) {
            return *at;
        }
        let at = self.lines.len();
        self.by_service.insert(service.clone(), at);
        self.lines.push(Line::new(service.clone()));
        at
    }

    /// Takes over the limits; true when they changed, so that somebody may go in now.
    fn set_limits(&mut self, limits: &ServerSettings, at: usize, own: Option<usize>) -> bool {
        let max_queued = if limits.queue_timeout.is_zero() { 0 } else { limits.max_queued };
        let new = (limits.max_concurrent, max_queued);
        let mut changed = (self.limit, self.max_queued) != new;
        (self.limit, self.max_queued) = new;
        if let Some(line) = self.lines.get_mut(at) {
            changed |= line.limit != own;
            line.limit = own;
        }
        changed
    }

    /// Whether somebody who arrives may go in. With room in the gateway only the lines of full
    /// services have waiters, so nobody is overtaken.
    fn has_room(&self, at: usize) -> bool {
        let open = |line: &Line| line.waiters.is_empty() && !line.is_full();
        self.running < self.limit && self.lines.get(at).is_some_and(open)
    }

    /// Somebody goes in; `slow` is the present moment when that took long.
    fn begin(&mut self, at: usize, slow: Option<Instant>) {
        self.running += 1;
        if let Some(line) = self.lines.get_mut(at) {
            line.running += 1;
            line.standing_since = slow.map(|now| line.standing_since.unwrap_or(now));
        }
    }

    fn end(&mut self, at: usize, now: Instant) {
        self.running = self.running.saturating_sub(1);
        self.departures.note(now);
        if let Some(line) = self.lines.get_mut(at) {
            line.running = line.running.saturating_sub(1);
            line.departures.note(now);
        }
    }

    fn line_up(&mut self, lines: &Arc<Lines>, at: usize, now: Instant) -> Arrival {
        let (hand, turn) = oneshot::channel();
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let Some(line) = self.lines.get_mut(at) else { return Arrival::Full(self.reached(at)) };
        if line.waiters.is_empty() {
            self.turns.push_back(at);
        }
        line.waiters.push_back(Waiter { ticket, since: now, hand });
        self.waiting += 1;
        let is_standing = line.is_standing(now);
        Arrival::Waits(Waiting { lines: Arc::clone(lines), line: at, ticket, is_standing, turn })
    }

    /// Gives free places to those who wait, a service at a time.
    fn hand_out(&mut self, lines: &Arc<Lines>, now: Instant) {
        while self.running < self.limit {
            let Some((at, waiter)) = self.next_waiter() else { return };
            let place = Place(Some((Arc::clone(lines), at)));
            let slow = waiter.slow(now);
            match waiter.hand.send(Ok(place)) {
                Ok(()) => self.begin(at, slow),
                // It left; its place was never taken.
                Err(turn) => turn.into_iter().for_each(|mut place| place.0 = None),
            }
        }
    }

    /// Takes the first waiter of the first line whose service is not full, and puts that line
    /// behind the others.
    fn next_waiter(&mut self) -> Option<(usize, Waiter)> {
        let open = |at: &usize| self.lines.get(*at).is_some_and(|line| !line.is_full());
        let place = self.turns.iter().position(open)?;
        let at = self.turns.remove(place)?;
        let line = self.lines.get_mut(at)?;
        let waiter = line.waiters.pop_front()?;
        self.waiting = self.waiting.saturating_sub(1);
        if !line.waiters.is_empty() {
            self.turns.push_back(at);
        }
        Some((at, waiter))
    }

    /// Takes a waiter out of its line; false when it is not there any more.
    fn leave(&mut self, at: usize, ticket: u64) -> bool {
        let Some(line) = self.lines.get_mut(at) else { return false };
        let Ok(place) = line.waiters.binary_search_by_key(&ticket, |waiter| waiter.ticket) else {
            return false;
        };
        let slow = line.waiters.remove(place).and_then(|waiter| waiter.slow(Instant::now()));
        line.standing_since = line.standing_since.or(slow);
        self.waiting = self.waiting.saturating_sub(1);
        if line.waiters.is_empty() {
            self.turns.retain(|turn| *turn != at);
        }
        true
    }

    /// Turns away the last of the longest line, when that is longer than the line at `at` will
    /// be: whoever fills the room for waiting does not keep others out of it.
    fn make_room(&mut self, at: usize) -> bool {
        let waiters = |at: usize| self.lines.get(at).map_or(0, |line| line.waiters.len());
        let longest = self.turns.iter().copied().max_by_key(|at| waiters(*at));
        let Some(longest) = longest.filter(|longest| waiters(*longest) > waiters(at) + 1) else {
            return false;
        };
        let reached = self.reached(longest);
        let last = self.lines.get_mut(longest).and_then(|line| line.waiters.pop_back());
        let Some(last) = last else { return false };
        self.waiting = self.waiting.saturating_sub(1);
        // Only somebody who is just leaving does not hear it.
        let _ = last.hand.send(Err(reached));
        true
    }

    /// Which limit keeps the line at `at` waiting, and for how long.
    fn reached(&mut self, at: usize) -> Box<LimitReached> {
        let now = Instant::now();
        let kind = LimitKind::Concurrency;
        if let Some(line) = self.lines.get_mut(at)
            && let Some(limit) = line.limit.filter(|limit| line.running >= *limit)
        {
            let retry_after_ms = line.departures.wait_ms(now, line.waiters.len());
            let (used, limit) = (line.running as u64, limit as u64);
            let scope = LimitScope::Service(line.service.clone());
            return Box::new(LimitReached { kind, scope, used, limit, asked: 1, retry_after_ms });
        }
        let retry_after_ms = self.departures.wait_ms(now, self.waiting);
        let (used, limit) = (self.running as u64, self.limit as u64);
        let scope = LimitScope::Gateway;
        Box::new(LimitReached { kind, scope, used, limit, asked: 1, retry_after_ms })
    }
}

#[cfg(test)]
mod tests;
