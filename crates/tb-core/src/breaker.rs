//! The circuit breaker of one target: a pure state machine over a monotonic clock.
//!
//! The figures are ours, after measured promises of peers: it opens when more than half of at
//! least 20 attempts in 30 s failed, or five in a row; it stays open for 5 s and twice as long
//! each time it opens again before it closed, up to 60 s.

pub(crate) mod window;

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
    /// The target did its work.
    Success,
    /// The target failed: no connection, 5xx, overloaded, time-out, malformed.
    Failure,
    /// The provider throttled the key: no fault of the target's, but no answer either. For the
    /// breaker the same as `Neutral`; retry budgets count it.
    Throttled,
    /// It says nothing of the target's health: a refused key, a client that left, an error that
    /// is the caller's own fault (whoever can bring it about must not vouch for the target).
    Neutral,
}

/// What an attempt was let through with. It goes back with [`Breaker::record`], so that an
/// attempt is judged once and within its own period: one that ends late says nothing of what
/// the target does now.
#[derive(Debug)]
#[must_use = "a probe that is not recorded blocks its place for a while"]
pub struct Pass {
    period: u64,
    /// The set of probes that it is one of.
    probe: Option<u32>,
    has_opened: bool,
}

impl Pass {
    /// Whether [`Breaker::opened`] has heard of the attempt.
    #[must_use]
    pub fn has_opened(&self) -> bool {
        self.has_opened
    }
}

/// One breaker. Times are milliseconds on a monotonic clock of the caller's.
#[derive(Debug, Clone, Default)]
pub struct Breaker {
    phase: Phase,
    /// Counts the phases: a pass of another one is late.
    period: u64,
    /// How many times it opened again since it was last closed for good.
    reopenings: u32,
    /// Attempts that failed without a beginning of an answer.
    failures_in_a_row: u32,
    /// Streams that broke off after they had begun. They have a row of their own: each began
    /// well, which ends the row of the others.
    broken_in_a_row: u32,
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
    /// The number of the present set of probes; those of earlier sets were given up.
    set: u32,
    /// When the last probe left.
    last_ms: u64,
}

impl Probing {
    /// This period after one more probe has left, if there is one to be had.
    fn probed(self, now_ms: u64) -> Option<Self> {
        let given_up = now_ms.saturating_sub(self.last_ms) >= PROBE_LIFE_MS;
        let under_way = if given_up { 0 } else { self.under_way };
        let free = under_way.saturating_add(self.successes) < PROBES;
        free.then(|| Self {
            under_way: under_way.saturating_add(1),
            set: self.set.saturating_add(u32::from(given_up)),
            last_ms: now_ms,
            ..self
        })
    }

    /// A probe of this period reported; the place of one that was given up is free already.
    fn reported(&mut self, probe: Option<u32>) {
        if probe == Some(self.set) {
            self.under_way = self.under_way.saturating_sub(1);
        }
    }
}

impl Phase {
    /// The half-open phase after a probe has left, where the state asks for one; none when
    /// nothing may be let through.
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
    /// Lets an attempt through, if one may go to the target now; in the half-open state this
    /// takes one of the few probes.
    pub fn try_pass(&mut self, now_ms: u64) -> Option<Pass> {
        let passed = self.phase.passed(now_ms)?;
        if matches!((self.phase, passed), (Phase::Open { .. }, Phase::HalfOpen(_))) {
            self.enter(passed);
        } else {
            self.phase = passed;
        }
        let probe = match passed {
            Phase::HalfOpen(probing) => Some(probing.set),
            Phase::Closed | Phase::Open { .. } => None,
        };
        Some(Pass { period: self.period, probe, has_opened: false })
    }

    /// Lets an attempt through that is made because no target is healthy. It is no probe: its
    /// failure must not keep the target out, while a success counts as any other.
    pub fn pass_anyway(&self) -> Pass {
        Pass { period: self.period, probe: None, has_opened: false }
    }

    /// Whether [`Self::try_pass`] would let an attempt through, without taking anything.
    #[must_use]
    pub fn would_pass(&self, now_ms: u64) -> bool {
        self.phase.passed(now_ms).is_some()
    }

    /// A stream has begun to give output. That is a success at once: streams may last for
    /// minutes, and a target must not be judged by its failures alone meanwhile, nor a half-open
    /// breaker wait for their ends.
    pub fn opened(&mut self, now_ms: u64, pass: &mut Pass) {
        if std::mem::replace(&mut pass.has_opened, true) {
            return;
        }
        self.record_success(now_ms, pass);
    }

    /// Takes in how an attempt ended. `roll` in 0..1 draws the jitter of an open time. The end
    /// of a stream that [`Self::opened`] knows counts as no attempt more; as a failure it may.
    #[expect(clippy::needless_pass_by_value, reason = "a pass is used up: one end, one verdict")]
    pub fn record(&mut self, now_ms: u64, pass: Pass, verdict: Verdict, roll: f64) {
        match verdict {
            Verdict::Success if pass.has_opened => {
                if self.is_present(&pass) {
                    self.broken_in_a_row = 0;
                }
            }
            Verdict::Success => self.record_success(now_ms, &pass),
            Verdict::Failure => self.record_failure(now_ms, &pass, roll),
            Verdict::Throttled | Verdict::Neutral => self.give_back(&pass),
        }
    }

    fn is_present(&self, pass: &Pass) -> bool {
        pass.period == self.period
    }

    /// Begins a phase, and with it a period.
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.period = self.period.saturating_add(1);
    }

    fn give_back(&mut self, pass: &Pass) {
        if self.is_present(pass)
            && !pass.has_opened
            && let Phase::HalfOpen(probing) = &mut self.phase
        {
            probing.reported(pass.probe);
        }
    }

    /// Counts an end in the window. While the breaker is closed, what began before it closed
    /// is left out: it must not open it again.
    fn count(&mut self, now_ms: u64, pass: &Pass, failed: bool) {
        if matches!(self.phase, Phase::Closed) && !self.is_present(pass) {
            return;
        }
        if failed && pass.has_opened {
            self.window.fail_one(now_ms);
        } else {
            self.window.count(now_ms, failed);
        }
    }

    fn record_success(&mut self, now_ms: u64, pass: &Pass) {
        self.count(now_ms, pass, false);
        if !self.is_present(pass) {
            return;
        }
        self.failures_in_a_row = 0;
        if !pass.has_opened {
            self.broken_in_a_row = 0;
        }
        match self.phase {
            Phase::Closed => {}
            // The target works again before its time: probes may go at once.
            Phase::Open { .. } => {
                self.enter(Phase::HalfOpen(Probing { successes: 1, ..Probing::default() }));
            }
            Phase::HalfOpen(mut probing) => {
                probing.reported(pass.probe);
                probing.successes = probing.successes.saturating_add(1);
                self.phase = Phase::HalfOpen(probing);
                if probing.successes >= SUCCESSES_TO_CLOSE {
                    // The old failures go too, or the next one would open it again.
                    let period = self.period.saturating_add(1);
                    *self = Self { period, ..Self::default() };
                }
            }
        }
    }

    fn record_failure(&mut self, now_ms: u64, pass: &Pass, roll: f64) {
        self.count(now_ms, pass, true);
        if !self.is_present(pass) {
            return;
        }
        let row =
            if pass.has_opened { &mut self.broken_in_a_row } else { &mut self.failures_in_a_row };
        *row = row.saturating_add(1);
        match self.phase {
            Phase::Closed if self.fails_too_often(now_ms) => self.open(now_ms, roll),
            Phase::HalfOpen(_) if pass.probe.is_some() => {
                self.reopenings = self.reopenings.saturating_add(1);
                self.open(now_ms, roll);
            }
            // An open breaker has been told already, and half-open it is the probes' word that
            // counts: attempts that were made nonetheless must not keep the target out.
            Phase::Closed | Phase::Open { .. } | Phase::HalfOpen(_) => {}
        }
    }

    fn fails_too_often(&self, now_ms: u64) -> bool {
        let (attempts, failures) = self.window.totals(now_ms);
        let most = failures > attempts / 2;
        let row = self.failures_in_a_row.max(self.broken_in_a_row);
        row >= FAILURES_IN_A_ROW || (attempts >= ATTEMPTS_IN_WINDOW && most)
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
        self.enter(Phase::Open { until_ms: now_ms.saturating_add(open_ms) });
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
        self.window.failure_share(now_ms)
    }
}

#[cfg(test)]
mod tests;
