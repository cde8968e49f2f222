//! The ladder of one request: which target is asked next, when, and when to give up. Pure: it
//! reads no clock, sends nothing and knows targets by their numbers only.
//!
//! Rungs are the requested model and its fallback models, in order. After a failed attempt the
//! next one is, if there is room for it: the same target with another key, the next healthy
//! target of the rung, a target of the rung again after a wait, the next rung.

mod plan;
#[cfg(test)]
mod tests;

use tb_core::key_pool::KeyChoice;
use tb_core::{Backoff, Cause};

/// The longest wait before an attempt: whoever asks for more is passed over.
pub(crate) const LONGEST_WAIT_MS: u64 = 5_000;

/// A target at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// When its breaker lets an attempt through; `None` = now.
    pub(crate) closed_until_ms: Option<u64>,
    /// The key that it would be asked with.
    pub(crate) key: KeyChoice,
    /// Whether an attempt after a failed one may go there.
    pub(crate) has_budget: bool,
    /// How long it usually takes to begin to answer; 0 = unknown.
    pub(crate) usual_ms: u64,
}

/// The moment of a decision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now_ms: u64,
    /// Draws the jitter of a wait: a uniform number in 0..1.
    pub(crate) roll: f64,
}

/// The next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Try {
    /// The number of the target.
    pub(crate) target: usize,
    /// The provider's key.
    pub(crate) key: u32,
    pub(crate) cause: Cause,
    pub(crate) wait_ms: u64,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// An attempt.
    Try(Try),
    /// Nothing.
    GiveUp(GiveUp),
}

/// Why no attempt follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GiveUp {
    /// The deadline of the request passed.
    Deadline,
    /// The request itself is at fault: nothing else would answer it.
    Refused,
    /// Every key of every target is refused.
    KeysDead,
    /// Every attempt is spent, or no target is left.
    Spent,
}

/// Why a target is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    BreakerOpen,
    RateLimited,
    KeysDead,
    NoBudget,
    Deadline,
    AttemptsSpent,
    /// Its dialect cannot express the request.
    CannotExpress,
    /// Its provider may not receive the request any more; the word says what it lacks.
    NotCleared(&'static str),
}

impl Reason {
    /// The word for it in `passed_over`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::BreakerOpen => "breaker_open",
            Self::RateLimited => "rate_limited",
            Self::KeysDead => "keys_dead",
            Self::NoBudget => "no_budget",
            Self::Deadline => "deadline",
            Self::AttemptsSpent => "attempts_spent",
            Self::CannotExpress => "cannot_express",
            Self::NotCleared(lack) => lack,
        }
    }
}

/// How an attempt failed, cut by what may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The provider throttled the key.
    Throttled,
    /// The provider refused the key, or it has no credit left.
    KeyRefused,
    /// The target may do better the next time, not before so many milliseconds.
    Passing(u64),
    /// This target will not answer this request; another one may.
    Lasting,
    /// No target of this rung will answer the request; a later rung may.
    OfRung,
    /// The request is at fault.
    Callers,
}

/// Shows a target at this moment, to be asked with another key than those, if there is one.
pub(crate) type Eye<'a> = &'a dyn Fn(usize, &[u32]) -> Look;

/// The ladder of one request, and how far it was climbed down.
#[derive(Debug)]
pub(crate) struct Ladder {
    targets: Vec<Seen>,
    rungs: usize,
    /// Attempts that may be made, but for those with a refused key.
    allowed: u32,
    backoff: Backoff,
    deadline_ms: u64,
    /// Attempts that count.
    counted: u32,
    /// How long was waited since the last attempt.
    waited_ms: u64,
    /// The last attempt and how it failed.
    last: Option<(usize, Fault)>,
    /// No target was healthy, so the state of breakers says nothing for this request.
    all_unhealthy: bool,
    /// What was passed over since the last attempt.
    passed_over: Vec<(usize, Reason)>,
}

/// What this request has seen of a target.
#[derive(Debug, Default)]
struct Seen {
    rung: usize,
    attempts: u32,
    /// The attempts of them that failed by the target's own fault.
    failures: u32,
    /// Keys that the provider refused or throttled here.
    keys: Vec<u32>,
    /// The provider asked not to come before.
    not_before_ms: u64,
    /// It is not asked any more.
    is_out: bool,
    /// How many times it did not let an attempt through after all, since the last one was made.
    refusals: u8,
    /// It was waited for since the last attempt.
    was_waited_for: bool,
}

impl Ladder {
    /// A ladder with one rung of so many targets, at which `allowed` attempts may be made.
    pub(crate) fn new(targets: usize, allowed: u32, backoff: Backoff, deadline_ms: u64) -> Self {
        let mut ladder = Self {
            targets: Vec::with_capacity(targets),
            rungs: 0,
            allowed: allowed.max(1),
            backoff,
            deadline_ms,
            counted: 0,
            waited_ms: 0,
            last: None,
            all_unhealthy: false,
            passed_over: Vec::new(),
        };
        ladder.add_rung(targets);
        ladder
    }

    /// Adds rungs below the others, each with so many targets. There are as many attempts as
    /// rungs in any case: who plans them before the first attempt finds one for each of them,
    /// whatever comes later has what the others left.
    pub(crate) fn add_rungs(&mut self, rungs: &[usize]) {
        rungs.iter().for_each(|targets| self.add_rung(*targets));
        self.allowed = self.allowed.max(u32::try_from(self.rungs).unwrap_or(u32::MAX));
    }

    fn add_rung(&mut self, targets: usize) {
        let rung = self.rungs;
        self.targets.extend((0..targets).map(|_| Seen { rung, ..Seen::default() }));
        self.rungs += 1;
    }

    fn leave_all(&mut self) {
        self.leave_rungs_through(usize::MAX);
    }

    fn leave_rungs_through(&mut self, last: usize) {
        for seen in self.targets.iter_mut().filter(|seen| seen.rung <= last) {
            seen.is_out = true;
        }
    }

    /// The rung of a target.
    pub(crate) fn rung(&self, target: usize) -> usize {
        self.targets.get(target).map_or(0, |seen| seen.rung)
    }

    /// Notes that an attempt was let through and begins.
    pub(crate) fn began(&mut self, step: &Try) {
        let free = self.last.is_some_and(|(_, fault)| fault == Fault::KeyRefused);
        if !(step.cause == Cause::NextKey && free) {
            self.counted = self.counted.saturating_add(1);
        }
        self.all_unhealthy |= step.cause == Cause::AllUnhealthy;
        if let Some(seen) = self.targets.get_mut(step.target) {
            seen.attempts = seen.attempts.saturating_add(1);
        }
        self.passed_over.clear();
        self.waited_ms = 0;
        for seen in &mut self.targets {
            (seen.refusals, seen.was_waited_for) = (0, false);
        }
    }

    /// Notes that a step was waited for. What comes next is decided again: keys, breakers and
    /// the deadline are others now. All waits before one attempt share [`LONGEST_WAIT_MS`].
    pub(crate) fn waited(&mut self, step: &Try) {
        self.waited_ms = self.waited_ms.saturating_add(step.wait_ms);
        if let Some(seen) = self.targets.get_mut(step.target) {
            seen.was_waited_for = true;
        }
    }

    /// Notes that a target did not let an attempt through after all. It is set aside until
    /// another attempt was made; where all are used rather than none, it has one more chance.
    pub(crate) fn refused(&mut self, target: usize, reason: Reason) {
        if let Some(seen) = self.targets.get_mut(target) {
            seen.refusals = seen.refusals.saturating_add(1);
        }
        self.pass_over(target, reason);
    }

    /// Whether the attempts or a retry budget stopped it: the gateway did what it may.
    pub(crate) fn is_spent(&self) -> bool {
        let spent =
            |(_, why): &(_, Reason)| matches!(why, Reason::NoBudget | Reason::AttemptsSpent);
        self.counted >= self.allowed || self.passed_over.iter().any(spent)
    }

    /// Notes how it failed.
    pub(crate) fn failed(&mut self, step: &Try, now_ms: u64, fault: Fault) {
        self.last = Some((step.target, fault));
        let Some(seen) = self.targets.get_mut(step.target) else { return };
        let rung = seen.rung;
        seen.failures = seen.failures.saturating_add(1);
        match fault {
            Fault::Throttled | Fault::KeyRefused => seen.keys.push(step.key),
            Fault::Passing(wait_ms) => seen.not_before_ms = now_ms.saturating_add(wait_ms),
            Fault::Lasting => seen.is_out = true,
            Fault::OfRung => self.leave_rungs_through(rung),
            Fault::Callers => self.leave_all(),
        }
    }

    /// The rungs that are added now, and no other ones, are left to answer after this step.
    pub(crate) fn go_on_below(&mut self, step: &Try, rungs: &[usize]) {
        self.leave_all();
        self.add_rungs(rungs);
        self.last = Some((step.target, Fault::OfRung));
    }

    /// Whether a step must be let through by its target's breaker.
    pub(crate) fn minds_breakers(&self, step: &Try) -> bool {
        !self.all_unhealthy && step.cause != Cause::AllUnhealthy
    }

    /// A target is not asked any more, without an attempt.
    pub(crate) fn rule_out(&mut self, target: usize, reason: Reason) {
        if let Some(seen) = self.targets.get_mut(target) {
            seen.is_out = true;
        }
        self.pass_over(target, reason);
    }

    /// What was passed over since the last attempt and why, each target once.
    pub(crate) fn passed_over(&self) -> &[(usize, Reason)] {
        &self.passed_over
    }

    /// In how many milliseconds the first target recovers; `None` when one could be asked now,
    /// or none ever.
    pub(crate) fn recovers_in_ms(&self, now_ms: u64, eye: Eye<'_>) -> Option<u64> {
        let recovers = |(target, seen): (usize, &Seen)| {
            let look = eye(target, &seen.keys);
            let gate_ms = match look.key {
                KeyChoice::Ready(_) => 0,
                KeyChoice::Cooling { until_ms, .. } => until_ms,
                KeyChoice::Dead => return None,
            };
            let closed_ms = look.closed_until_ms.unwrap_or(0);
            Some(gate_ms.max(closed_ms).max(seen.not_before_ms).saturating_sub(now_ms))
        };
        let soonest = self.targets.iter().enumerate().filter_map(recovers).min();
        soonest.filter(|wait_ms| *wait_ms > 0)
    }

    fn pass_over(&mut self, target: usize, reason: Reason) {
        match self.passed_over.iter_mut().find(|(known, _)| *known == target) {
            Some((_, known)) if *known != Reason::CannotExpress => *known = reason,
            Some(_) => {}
            None => self.passed_over.push((target, reason)),
        }
    }
}
