//! The circuit breaker of one target: a pure state machine over a monotonic clock.
//!
//! The figures are ours, after measured promises of peers: it opens when more than half of at
//! least 20 attempts in 30 s failed, or five in a row; it stays open for 5 s and twice as long
//! each time it opens again before it closed, up to 60 s.

mod window;

use std::time::Duration;

use window::Window;

/// So many failures one after another open it.
const FAILURES_IN_A_ROW: u32 = 5;
/// The window opens it only with as many attempts: one of two is no sign.
const ATTEMPTS_IN_WINDOW: u32 = 20;
/// How long it is open at first, before jitter.
const FIRST_OPEN: Duration = Duration::from_secs(5);
/// How long it is open at most, before jitter.
const LONGEST_OPEN: Duration = Duration::from_mins(1);
/// How many probes a half-open period has: those under way and those that succeeded.
const PROBES: u8 = 3;
/// So many successes close it: one fewer than the probes, so that a slow one holds up nothing.
const SUCCESSES_TO_CLOSE: u8 = 2;
/// When the last probe left as long ago, in milliseconds, all that did not report are given up:
/// one whose end is never recorded must not keep the target out for good.
const PROBE_LIFE_MS: u64 = 10_000;

/// What the breaker is about to do with the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Attempts go through.
    Closed,
    /// A few probes go through.
    HalfOpen,
    /// Nothing goes through before a moment.
    Open,
}

/// How an attempt ended, as the breaker sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The target did its work (errors that are the caller's own fault included).
    Success,
    /// The target failed: no connection, 5xx, overloaded, time-out, malformed.
    Failure,
    /// It says nothing of the target's health: a rate limit, a client that left.
    Neutral,
}

/// One breaker. Times are milliseconds on a monotonic clock of the caller's.
#[derive(Debug, Clone, Default)]
pub struct Breaker {
    phase: Phase,
    /// How many times it opened again since it was last closed for good.
    reopenings: u32,
    failures_in_a_row: u32,
    window: Window,
}

#[derive(Debug, Clone, Copy, Default)]
enum Phase {
    #[default]
    Closed,
    /// Also after `until_ms`, until the first probe leaves.
    Open {
        until_ms: u64,
    },
    HalfOpen(Probing),
}

/// A half-open period.
#[derive(Debug, Clone, Copy, Default)]
struct Probing {
    under_way: u8,
    successes: u8,
    /// When the last probe left.
    last_ms: u64,
}

impl Probing {
    /// This period after one more probe has left, if there is one to be had.
    fn probed(self, now_ms: u64) -> Option<Self> {
        let given_up = now_ms.saturating_sub(self.last_ms) >= PROBE_LIFE_MS;
        let under_way = if given_up { 0 } else { self.under_way };
        let free = under_way.saturating_add(self.successes) < PROBES;
        free.then(|| Self { under_way: under_way.saturating_add(1), last_ms: now_ms, ..self })
    }
}

impl Phase {
    /// The phase after an attempt has been let through; none when it may not be.
    fn passed(self, now_ms: u64) -> Option<Self> {
        match self {
            Self::Closed => Some(self),
            Self::Open { until_ms } if now_ms < until_ms => None,
            Self::Open { .. } => Probing::default().probed(now_ms).map(Self::HalfOpen),
            Self::HalfOpen(probing) => probing.probed(now_ms).map(Self::HalfOpen),
        }
    }
}

impl Breaker {
    /// Whether an attempt may go to the target now; in the half-open state this takes one of
    /// the few probes.
    pub fn try_pass(&mut self, now_ms: u64) -> bool {
        let passed = self.phase.passed(now_ms);
        self.phase = passed.unwrap_or(self.phase);
        passed.is_some()
    }

    /// Whether [`Self::try_pass`] would let an attempt through, without taking anything.
    #[must_use]
    pub fn would_pass(&self, now_ms: u64) -> bool {
        self.phase.passed(now_ms).is_some()
    }

    /// Takes in how an attempt ended, be it one that passed or one that was made because all
    /// targets were unhealthy. `roll` in 0..1 draws the jitter of an open time.
    pub fn record(&mut self, now_ms: u64, verdict: Verdict, roll: f64) {
        match verdict {
            Verdict::Success => self.record_success(now_ms),
            Verdict::Failure => self.record_failure(now_ms, roll),
            Verdict::Neutral => {
                if let Phase::HalfOpen(probing) = &mut self.phase {
                    probing.under_way = probing.under_way.saturating_sub(1);
                }
            }
        }
    }

    fn record_success(&mut self, now_ms: u64) {
        self.window.count(now_ms, false);
        self.failures_in_a_row = 0;
        let mut probing = match self.phase {
            Phase::Closed => return,
            // The target works again before its time: probes may go at once.
            Phase::Open { .. } => Probing::default(),
            Phase::HalfOpen(probing) => probing,
        };
        probing.under_way = probing.under_way.saturating_sub(1);
        probing.successes = probing.successes.saturating_add(1);
        if probing.successes < SUCCESSES_TO_CLOSE {
            self.phase = Phase::HalfOpen(probing);
        } else {
            // The old failures go too, or the next one would open it again.
            *self = Self::default();
        }
    }

    fn record_failure(&mut self, now_ms: u64, roll: f64) {
        self.window.count(now_ms, true);
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        match self.phase {
            Phase::Closed if self.fails_too_often(now_ms) => self.open(now_ms, roll),
            Phase::HalfOpen(probing) if probing.under_way > 0 => {
                self.reopenings = self.reopenings.saturating_add(1);
                self.open(now_ms, roll);
            }
            // Without a probe under way it is the end of an attempt from before, and an open
            // breaker has been told already: late time-outs must not keep the target out.
            Phase::Closed | Phase::Open { .. } | Phase::HalfOpen(_) => {}
        }
    }

    fn fails_too_often(&self, now_ms: u64) -> bool {
        let (attempts, failures) = self.window.totals(now_ms);
        let most = failures > attempts / 2;
        self.failures_in_a_row >= FAILURES_IN_A_ROW || (attempts >= ATTEMPTS_IN_WINDOW && most)
    }

    /// Opens for 75 to 125 % of the nominal time, so that the gateways of one company, which saw
    /// the same outage, do not send their probes together.
    fn open(&mut self, now_ms: u64, roll: f64) {
        // 2¹⁶ times the first time is far above the longest.
        let doubled = FIRST_OPEN.saturating_mul(1 << self.reopenings.min(16));
        let nominal = doubled.min(LONGEST_OPEN);
        let jittered = nominal.as_secs_f64() * (0.75 + 0.5 * roll.clamp(0.0, 1.0));
        let open = Duration::try_from_secs_f64(jittered).unwrap_or(nominal);
        let open_ms = u64::try_from(open.as_millis()).unwrap_or(u64::MAX);
        self.phase = Phase::Open { until_ms: now_ms.saturating_add(open_ms) };
    }

    /// The state at `now_ms`.
    #[must_use]
    pub fn state(&self, now_ms: u64) -> BreakerState {
        match self.phase {
            Phase::Closed => BreakerState::Closed,
            Phase::Open { until_ms } if now_ms < until_ms => BreakerState::Open,
            Phase::Open { .. } | Phase::HalfOpen(_) => BreakerState::HalfOpen,
        }
    }

    /// When an open breaker lets probes through; `None` when it is not open.
    #[must_use]
    pub fn opens_at_ms(&self, now_ms: u64) -> Option<u64> {
        match self.phase {
            Phase::Open { until_ms } if now_ms < until_ms => Some(until_ms),
            Phase::Closed | Phase::Open { .. } | Phase::HalfOpen(_) => None,
        }
    }

    /// The share of failures in the window, in thousandths rounded down, and how many attempts it has.
    #[must_use]
    pub fn failure_share(&self, now_ms: u64) -> (u32, u32) {
        let (attempts, failures) = self.window.totals(now_ms);
        let share = u64::from(failures) * 1_000 / u64::from(attempts.max(1));
        (u32::try_from(share).unwrap_or(1_000), attempts)
    }
}

#[cfg(test)]
mod tests;
