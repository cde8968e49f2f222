//! The health of one target: breaker, retry budget, how long it usually takes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tb_core::breaker::{Breaker, Pass, Verdict};
use tb_core::retry_budget::RetryBudget;
use tb_core::{ModelName, ProviderName};

use super::lock;
use super::usual::Usual;
use super::view::{TargetState, TargetView};

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

/// What stood against an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Barred {
    /// The breaker is open.
    Breaker,
    /// The retry budget is spent.
    Budget,
}

/// An attempt that was let through. What it says of the target is reported once; dropped before
/// that it says nothing, and what it took is given back.
#[derive(Debug)]
pub(crate) struct Passage {
    target: Arc<TargetHealth>,
    pass: Option<Pass>,
    fee: Fee,
    is_excused: bool,
}

/// What the retry budget has to do with an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fee {
    /// The first attempt of a request deposits when it begins.
    Deposit,
    /// A token was taken.
    Token,
    /// There is nothing to take or to give back.
    Nothing,
}

impl Passage {
    /// Bytes are about to be sent: the attempt is one.
    pub(crate) fn begins(&mut self, now_ms: u64) {
        if std::mem::replace(&mut self.fee, Fee::Nothing) == Fee::Deposit {
            lock(&self.target.state).budget.deposit(now_ms);
        }
    }

    /// A failure of this attempt is none for the breaker: the same request has failed here
    /// before, and one request is one witness. The retry budget counts it all the same.
    pub(crate) fn excuse(&mut self) {
        self.is_excused = true;
    }

    /// A stream, or a body that is passed on, has begun to give output.
    pub(crate) fn opened(&mut self, now_ms: u64) {
        let Some(pass) = self.pass.as_mut().filter(|pass| !pass.has_opened()) else { return };
        let mut state = lock(&self.target.state);
        state.breaker.opened(now_ms, pass);
        state.budget.record(now_ms, Verdict::Success, false);
    }

    /// Takes in how the attempt ended. `roll` in 0..1 draws the jitter of an open breaker.
    pub(crate) fn ended(mut self, now_ms: u64, verdict: Verdict, roll: f64) {
        if let Some(pass) = self.pass.take() {
            let mut state = lock(&self.target.state);
            state.budget.record(now_ms, verdict, pass.has_opened());
            let is_excused = self.is_excused && verdict == Verdict::Failure;
            let verdict = if is_excused { Verdict::Neutral } else { verdict };
            state.breaker.record(now_ms, pass, verdict, roll);
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        let Some(pass) = self.pass.take() else { return };
        let mut state = lock(&self.target.state);
        if self.fee == Fee::Token {
            state.budget.give_back();
        }
        state.breaker.record(0, pass, Verdict::Neutral, 0.0);
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
            has_budget: state.may_retry(now_ms),
            usual_ms: usual.median_ms().unwrap_or(0),
        }
    }

    /// Lets an attempt through, or not; takes what it costs.
    pub(crate) fn enter(self: &Arc<Self>, now_ms: u64, entry: Entry) -> Result<Passage, Barred> {
        let mut state = lock(&self.state);
        if entry.minds_the_breaker() && !state.breaker.would_pass(now_ms) {
            return Err(Barred::Breaker);
        }
        let fee = if entry.is_first() {
            Fee::Deposit
        } else if state.budget.is_needless(now_ms) {
            Fee::Nothing
        } else if state.budget.withdraw(now_ms) {
            Fee::Token
        } else {
            return Err(Barred::Budget);
        };
        let probe = entry.minds_the_breaker().then(|| state.breaker.try_pass(now_ms)).flatten();
        let pass = Some(probe.unwrap_or_else(|| state.breaker.pass_anyway()));
        Ok(Passage { target: Arc::clone(self), pass, fee, is_excused: false })
    }

    /// How long answers usually take to begin; `None` before the first one.
    pub(crate) fn usual(&self, stream: bool) -> Option<Duration> {
        let state = lock(&self.state);
        let usual = if stream { &state.streams } else { &state.wholes };
        usual.median_ms().map(Duration::from_millis)
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
            may_retry: state.may_retry(now_ms),
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

    fn may_retry(&self, now_ms: u64) -> bool {
        self.budget.is_needless(now_ms) || self.budget.has_token(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Arc<TargetHealth> {
        Arc::new(TargetHealth::new("p".into(), "m".into()))
    }

    /// An attempt that begins and ends at once.
    fn attempt(target: &Arc<TargetHealth>, now_ms: u64, verdict: Verdict) {
        let mut passage = target.enter(now_ms, Entry::FirstNonetheless).unwrap();
        passage.begins(now_ms);
        passage.ended(now_ms, verdict, 0.5);
    }

    /// How many attempts after a first one are let through and begin.
    fn let_through(target: &Arc<TargetHealth>) -> usize {
        let again = || target.enter(0, Entry::AgainNonetheless);
        let begun = std::iter::from_fn(|| again().ok().map(|mut passage| passage.begins(0)));
        begun.take(1_000).count()
    }

    #[test]
    fn a_target_that_does_not_answer_is_retried_within_its_budget_only() {
        for verdict in [Verdict::Failure, Verdict::Throttled] {
            let target = target();
            attempt(&target, 0, verdict);
            assert_eq!(let_through(&target), 30, "{verdict:?}");
            assert_eq!(target.enter(0, Entry::Again).unwrap_err(), Barred::Budget);
            assert!(!target.sight(0, true).has_budget);
            assert!(target.sight(1_000, true).has_budget);
        }
    }

    #[test]
    fn a_healthy_target_needs_no_budget() {
        let target = target();
        for number in 0..10 {
            let verdict = if number == 4 { Verdict::Failure } else { Verdict::Success };
            attempt(&target, 0, verdict);
        }
        assert_eq!(let_through(&target), 1_000);
    }

    #[test]
    fn an_open_breaker_is_seen_with_its_moment() {
        let target = target();
        (0..5).for_each(|_| attempt(&target, 1_000, Verdict::Failure));
        assert_eq!(target.enter(1_000, Entry::First).unwrap_err(), Barred::Breaker);
        assert!(target.glance(1_000).closed_until_ms.is_some());
        assert!(target.enter(1_000, Entry::FirstNonetheless).is_ok());
        let until = target.sight(1_000, false).closed_until_ms.unwrap();
        assert!((4_000..=8_000).contains(&until), "{until}");
        assert_eq!(target.sight(until, false).closed_until_ms, None);
        assert_eq!(target.view(1_000).state, TargetState::Open);
    }

    #[test]
    fn a_request_is_one_witness_against_a_target_and_still_a_load() {
        let target = target();
        for _ in 0..20 {
            let mut passage = target.enter(0, Entry::FirstNonetheless).unwrap();
            passage.begins(0);
            passage.excuse();
            passage.ended(0, Verdict::Failure, 0.5);
        }
        assert_eq!(target.view(0).state, TargetState::Closed);
        assert_eq!(target.view(0).attempts_in_window, 0);
        assert!(!lock(&target.state).budget.is_needless(0));
    }

    #[test]
    fn what_is_sent_nonetheless_is_no_probe() {
        let target = target();
        (0..5).for_each(|_| attempt(&target, 0, Verdict::Failure));
        let until = target.sight(0, false).closed_until_ms.unwrap();
        for now_ms in [1, until - 1, until] {
            (0..5).for_each(|_| attempt(&target, now_ms, Verdict::Failure));
            assert_eq!(target.sight(until, false).closed_until_ms, None, "after {now_ms}");
        }
        let probes: Vec<_> = (0..3).map(|_| target.enter(until, Entry::First).unwrap()).collect();
        attempt(&target, until, Verdict::Failure);
        drop(probes);
        assert_eq!(target.view(until).state, TargetState::HalfOpen);
    }

    #[test]
    fn what_never_began_costs_nothing() {
        let target = target();
        (0..5).for_each(|_| attempt(&target, 0, Verdict::Failure));
        let tokens = |target: &TargetHealth| {
            let mut budget = lock(&target.state).budget.clone();
            std::iter::from_fn(|| budget.withdraw(6_500).then_some(())).count()
        };
        let before = tokens(&target);
        let taken: Vec<_> = (0..3).map(|_| target.enter(6_500, Entry::Again).unwrap()).collect();
        assert_eq!(target.enter(6_500, Entry::Again).unwrap_err(), Barred::Breaker);
        assert_eq!(tokens(&target), before - 3);
        drop(taken);
        assert_eq!(tokens(&target), before);
        assert!(target.enter(6_500, Entry::Again).is_ok(), "the probes are there again");
    }

    #[test]
    fn what_began_keeps_its_token() {
        let target = target();
        attempt(&target, 0, Verdict::Failure);
        target.enter(0, Entry::Again).unwrap().begins(0);
        assert_eq!(let_through(&target), 29);
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
