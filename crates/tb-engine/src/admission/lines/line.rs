//! The line of one service.

use std::collections::VecDeque;
use std::time::Duration;

use tb_core::ServiceName;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Turn;
use crate::admission::departures::Departures;

/// A line whose waiters take longer than this to come in is standing; one that has been standing
/// for [`STANDING`] will not be shorter in a moment, so that who joins it now hears of it soon
/// (the constants of CoDel's use for servers).
pub(super) const SHORT_WAIT: Duration = Duration::from_millis(100);
const STANDING: Duration = Duration::from_secs(1);

/// Those of one service.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) service: ServiceName,
    pub(super) running: usize,
    pub(super) limit: Option<usize>,
    pub(super) waiters: VecDeque<Waiter>,
    pub(super) departures: Departures,
    /// Since when everybody who came in, or left, had waited for long.
    pub(super) standing_since: Option<Instant>,
}

/// Somebody in a line.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) ticket: u64,
    pub(super) since: Instant,
    pub(super) hand: oneshot::Sender<Turn>,
}

impl Line {
    pub(super) fn new(service: ServiceName) -> Self {
        Self {
            service,
            running: 0,
            limit: None,
            waiters: VecDeque::new(),
            departures: Departures::default(),
            standing_since: None,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.limit.is_some_and(|limit| self.running >= limit)
    }

    pub(super) fn is_standing(&self, now: Instant) -> bool {
        self.standing_since.is_some_and(|since| now.saturating_duration_since(since) >= STANDING)
    }
}

impl Waiter {
    /// This moment, when the wait has been long by now.
    pub(super) fn slow(&self, now: Instant) -> Option<Instant> {
        (now.saturating_duration_since(self.since) >= SHORT_WAIT).then_some(now)
    }
}
