//! The health of one target: breaker, retry budget, how long it usually takes.

use std::sync::Mutex;
use std::time::Duration;

use tb_core::breaker::{Breaker, Verdict};
use tb_core::retry_budget::RetryBudget;
use tb_core::{ModelName, ProviderName};

use super::lock;
use super::usual::Usual;
use super::view::{TargetState, TargetView};

/// A target that failed at most this share of its recent attempts, in thousandths, is healthy:
/// retries there need no budget.
const HEALTHY_FAILURES: u32 = 100;

/// The health of one target.
#[derive(Debug)]
pub(crate) struct TargetHealth {
    provider: ProviderName,
    model: ModelName,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    breaker: Breaker,
    budget: RetryBudget,
    /// To the first byte of streams.
    streams: Usual,
    /// To the end of whole answers, whose first byte comes when all of them is ready.
    wholes: Usual,
}

/// A target at one moment, without its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sight {
    /// When its breaker lets an attempt through; `None` = now.
    pub(crate) closed_until_ms: Option<u64>,
    /// Whether an attempt after a failed one may go there.
    pub(crate) has_budget: bool,
    /// How long it usually takes to begin to answer; 0 = unknown.
    pub(crate) usual_ms: u64,
}

/// What kind of attempt asks to be let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The first one of a request.
    First,
    /// One after a failed one: it must not multiply an outage.
    Again,
    /// The first one of a request for which no target is healthy.
    FirstNonetheless,
    /// One after that.
    AgainNonetheless,
}

impl Entry {
    const fn is_first(self) -> bool {
        matches!(self, Self::First | Self::FirstNonetheless)
    }

    const fn minds_the_breaker(self) -> bool {
        matches!(self, Self::First | Self::Again)
    }
}

impl TargetHealth {
    pub(super) fn new(provider: ProviderName, model: ModelName) -> Self {
        Self { provider, model, state: Mutex::default() }
    }

    /// What planning asks of it before a first attempt: whether its breaker lets one through.
    pub(crate) fn glance(&self, now_ms: u64) -> Sight {
        let closed_until_ms = lock(&self.state).closed_until_ms(now_ms);
        Sight { closed_until_ms, has_budget: true, usual_ms: 0 }
    }

    /// All that planning asks of it.
    pub(crate) fn sight(&self, now_ms: u64, stream: bool) -> Sight {
        let state = lock(&self.state);
        let usual = if stream { &state.streams } else { &state.wholes };
        Sight {
            closed_until_ms: state.closed_until_ms(now_ms),
            has_budget: state.needs_no_budget(now_ms) || state.budget.has_token(now_ms),
            usual_ms: usual.median_ms().unwrap_or(0),
        }
    }

    /// Lets an attempt through, or not; takes what it costs.
    pub(crate) fn enter(&self, now_ms: u64, entry: Entry) -> bool {
        let mut state = lock(&self.state);
        let passes = !entry.minds_the_breaker() || state.breaker.would_pass(now_ms);
        let is_first = entry.is_first();
        let budgeted = is_first || state.needs_no_budget(now_ms);
        let may = passes && (budgeted || state.budget.withdraw(now_ms));
        if may {
            // Takes a probe where there is one to take.
            state.breaker.try_pass(now_ms);
        }
        if may && is_first {
            state.budget.deposit(now_ms);
        }
        may
    }

    /// Takes in how an attempt ended. `roll` in 0..1 draws the jitter of an open breaker.
    pub(crate) fn record(&self, now_ms: u64, verdict: Verdict, roll: f64) {
        lock(&self.state).breaker.record(now_ms, verdict, roll);
    }

    /// Takes in how long an answer took to begin.
    pub(crate) fn note_time(&self, stream: bool, took: Duration) {
        let mut state = lock(&self.state);
        let usual = if stream { &mut state.streams } else { &mut state.wholes };
        usual.note(took);
    }

    pub(super) fn view(&self, now_ms: u64) -> TargetView {
        let state = lock(&self.state);
        let (failure_permille, attempts_in_window) = state.breaker.failure_share(now_ms);
        let opens_at_ms = state.breaker.opens_at_ms(now_ms);
        TargetView {
            provider: self.provider.to_string(),
            model: self.model.to_string(),
            state: TargetState::of(state.breaker.state(now_ms)),
            opens_again_in_ms: opens_at_ms.map(|at| at.saturating_sub(now_ms)),
            failure_permille,
            attempts_in_window,
            may_retry: state.needs_no_budget(now_ms) || state.budget.has_token(now_ms),
            usual_first_byte_ms: state.streams.median_ms(),
            usual_whole_answer_ms: state.wholes.median_ms(),
        }
    }
}

impl State {
    fn closed_until_ms(&self, now_ms: u64) -> Option<u64> {
        let passes = self.breaker.would_pass(now_ms);
        // Between its probes a half-open breaker names no moment: one of them reports soon.
        (!passes).then(|| self.breaker.opens_at_ms(now_ms).unwrap_or(now_ms))
    }

    fn needs_no_budget(&self, now_ms: u64) -> bool {
        self.breaker.failure_share(now_ms).0 <= HEALTHY_FAILURES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> TargetHealth {
        TargetHealth::new("p".into(), "m".into())
    }

    #[test]
    fn a_failing_target_is_retried_within_its_budget_only() {
        let target = target();
        target.record(0, Verdict::Failure, 0.5);
        let mut let_through = 0;
        while target.enter(0, Entry::Again) {
            let_through += 1;
        }
        assert_eq!(let_through, 30);
        assert!(!target.sight(0, true).has_budget);
        assert!(target.sight(1_000, true).has_budget);
    }

    #[test]
    fn a_healthy_target_needs_no_budget() {
        let target = target();
        for number in 0..10 {
            let verdict = if number == 4 { Verdict::Failure } else { Verdict::Success };
            target.record(0, verdict, 0.5);
        }
        assert!((0..100).all(|_| target.enter(0, Entry::Again)));
    }

    #[test]
    fn an_open_breaker_is_seen_with_its_moment() {
        let target = target();
        for _ in 0..5 {
            target.record(1_000, Verdict::Failure, 0.5);
        }
        assert!(
            !target.enter(1_000, Entry::First) && target.glance(1_000).closed_until_ms.is_some()
        );
        assert!(target.enter(1_000, Entry::FirstNonetheless));
        let until = target.sight(1_000, false).closed_until_ms.unwrap();
        assert!((4_000..=8_000).contains(&until), "{until}");
        assert_eq!(target.sight(until, false).closed_until_ms, None);
        assert_eq!(target.view(1_000).state, TargetState::Open);
    }

    #[test]
    fn streams_and_whole_answers_have_times_of_their_own() {
        let target = target();
        target.note_time(true, Duration::from_millis(300));
        target.note_time(false, Duration::from_secs(9));
        assert_eq!(target.sight(0, true).usual_ms, 300);
        assert_eq!(target.sight(0, false).usual_ms, 9_000);
    }
}
