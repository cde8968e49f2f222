//! How long a request waits in silence for an identical one before it asks by itself as well.
//!
//! A request that asks by itself goes on listening: it takes whichever answer comes first, its
//! own or one that another keeps. So waiting can only lose time where nobody else answers: where
//! the leader leaves, fails or hangs. The rule keeps that harmless, as far as can be known. Who
//! waits
//!
//! * keeps one and a half times what the model's targets usually take, so that its own answer
//!   still fits into its deadline;
//! * gives up on a leader that has taken three times what is usual, or a quarter of the time that
//!   the waiting request has left where nothing is known yet;
//! * and, when the client streams, is silent for two seconds and a quarter at most, because a
//!   leader's stream is shared at its end while an own one begins at once.
//!
//! Of many that give up on the same leader one asks, and is what the others wait for then, under
//! the same rule; so a slow answer is not asked for by all of them. A leader that fails or leaves
//! before that hands over, which costs only the time it took.

use std::time::{Duration, Instant};

/// The longest silence of a stream.
const LONGEST_SILENCE: Duration = Duration::from_secs(2);

/// The share of the time left that may pass where nothing else bounds the wait: a quarter.
const UNKNOWN_SHARE: u32 = 4;

/// A leader that has taken so many times what is usual counts as hanging.
const HANGS_AFTER: u32 = 3;

/// What bounds the wait of one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Its deadline.
    pub(crate) deadline: Instant,
    /// What an answer usually takes; `None` = unknown.
    pub(crate) usual: Option<Duration>,
    /// The client streams.
    pub(crate) stream: bool,
}

impl Patience {
    /// The wait from `now` on for one that has asked for so long.
    pub(super) fn wait(&self, now: Instant, took: Duration) -> Duration {
        let left = self.deadline.saturating_duration_since(now);
        let quarter = left / UNKNOWN_SHARE;
        let longest = match (self.stream, self.usual) {
            (true, _) => quarter.min(LONGEST_SILENCE),
            (false, None) => quarter.saturating_sub(took),
            (false, Some(usual)) => usual.saturating_mul(HANGS_AFTER).saturating_sub(took),
        };
        let needed = self.usual.map_or(Duration::ZERO, |usual| usual.saturating_add(usual / 2));
        longest.min(left.saturating_sub(needed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a request with `left_s` waits, all in seconds.
    fn wait(stream: bool, usual_s: Option<u64>, (left_s, leader_s): (u64, u64)) -> f64 {
        let now = crate::clock::now();
        let patience = Patience {
            deadline: now + Duration::from_secs(left_s),
            usual: usual_s.map(Duration::from_secs),
            stream,
        };
        patience.wait(now, Duration::from_secs(leader_s)).as_secs_f64()
    }

    #[test]
    fn leaves_what_an_own_answer_takes() {
        let same = |wanted: f64, got: f64| assert!((wanted - got).abs() < 1e-6, "{wanted} {got}");
        same(7.5, wait(false, None, (30, 0)));
        same(2.5, wait(false, None, (30, 5)));
        same(6.0, wait(false, Some(2), (30, 0)));
        same(1.0, wait(false, Some(2), (30, 5)));
        same(0.0, wait(false, Some(2), (30, 7)));
        same(15.0, wait(false, Some(10), (30, 0)));
        same(0.0, wait(false, Some(20), (30, 0)));
        same(0.0, wait(false, None, (0, 0)));
        same(2.0, wait(true, None, (30, 0)));
        same(1.0, wait(true, None, (4, 0)));
        same(2.0, wait(true, Some(10), (30, 29)));
        same(0.0, wait(true, Some(20), (30, 0)));
    }
}
