//! The choice of the next attempt.

use std::time::Duration;

use tb_core::Cause;
use tb_core::key_pool::KeyChoice;

use super::{Eye, Fault, GiveUp, LONGEST_WAIT_MS, Ladder, Look, Moment, Next, Reason, Seen, Try};

impl Ladder {
    /// What comes next. It changes nothing but what was passed over: asked again at the same
    /// moment, it says the same.
    pub(crate) fn next(&mut self, moment: Moment, eye: Eye<'_>) -> Next {
        if moment.now_ms >= self.deadline_ms {
            return Next::GiveUp(GiveUp::Deadline);
        }
        let found = match self.last {
            None => self.first(moment, eye),
            Some((_, Fault::Callers)) => return Next::GiveUp(GiveUp::Refused),
            Some((target, fault)) => self.after(target, fault, moment, eye),
        };
        match found {
            Some(step) => Next::Try(step),
            None => Next::GiveUp(self.why(eye)),
        }
    }

    fn first(&mut self, moment: Moment, eye: Eye<'_>) -> Option<Try> {
        for rung in 0..self.rungs {
            let cause = match rung {
                // What it was waited for was not healthy when the request came.
                _ if self.waited_ms > 0 => Cause::AllUnhealthy,
                0 => Cause::First,
                _ => Cause::FallbackModel,
            };
            if let Some(step) = self.at_once(rung, cause, moment, eye) {
                return Some(step);
            }
        }
        self.soonest_of_all(moment, eye)
    }

    fn after(&mut self, last: usize, fault: Fault, at: Moment, eye: Eye<'_>) -> Option<Try> {
        let rung = self.rung(last);
        if matches!(fault, Fault::Throttled | Fault::KeyRefused)
            && let Some(step) = self.with_next_key(last, fault, at, eye)
        {
            return Some(step);
        }
        if let Some(step) = self.at_once(rung, Cause::NextTarget, at, eye) {
            return Some(step);
        }
        if let Some(step) = self.later(rung, Cause::Retry, at, eye) {
            return Some(step);
        }
        let below = rung.saturating_add(1)..self.rungs;
        let ready =
            below.clone().find_map(|rung| self.at_once(rung, Cause::FallbackModel, at, eye));
        if ready.is_some() {
            return ready;
        }
        below.into_iter().find_map(|rung| self.later(rung, Cause::FallbackModel, at, eye))
    }

    /// The same target with a key that was not tried there.
    fn with_next_key(
        &mut self,
        target: usize,
        fault: Fault,
        moment: Moment,
        eye: Eye<'_>,
    ) -> Option<Try> {
        let seen = self.targets.get(target).filter(|seen| seen.may_be_asked())?;
        let look = eye(target, &seen.keys);
        let KeyChoice::Ready(key) = look.key else { return None };
        if seen.keys.contains(&key) {
            return None;
        }
        // What was refused for its key does not count, so there is room for the next one.
        let spent = fault != Fault::KeyRefused && !self.has_attempt(seen.rung);
        let closed = self.is_closed(&look).then_some(Reason::BreakerOpen);
        if let Some(reason) = closed.or_else(|| self.obstacle(spent, &look, 0, moment)) {
            self.pass_over(target, reason);
            return None;
        }
        Some(Try { target, key, cause: Cause::NextKey, wait_ms: 0 })
    }

    /// The next target of a rung that was not asked yet and is healthy.
    fn at_once(&mut self, rung: usize, cause: Cause, at: Moment, eye: Eye<'_>) -> Option<Try> {
        let spent = !self.has_attempt(rung);
        for target in 0..self.targets.len() {
            let Some(seen) = self.targets.get(target) else { continue };
            if seen.rung != rung || !seen.may_be_asked() || seen.attempts > 0 {
                continue;
            }
            let look = eye(target, &seen.keys);
            let (key, reason) = match look.key {
                KeyChoice::Ready(key) => (key, None),
                KeyChoice::Cooling { index, .. } => (index, Some(Reason::RateLimited)),
                KeyChoice::Dead => (0, Some(Reason::KeysDead)),
            };
            let reason = reason
                .or(self.is_closed(&look).then_some(Reason::BreakerOpen))
                .or_else(|| self.obstacle(spent, &look, 0, at));
            match reason {
                Some(reason) => self.pass_over(target, reason),
                None => return Some(Try { target, key, cause, wait_ms: 0 }),
            }
        }
        None
    }

    /// The target of a rung that may be asked soonest after a wait.
    fn later(&mut self, rung: usize, cause: Cause, at: Moment, eye: Eye<'_>) -> Option<Try> {
        let spent = !self.has_attempt(rung);
        let mut soonest: Option<Try> = None;
        for target in 0..self.targets.len() {
            let Some(seen) = self.targets.get(target) else { continue };
            if seen.rung != rung || !seen.may_be_asked() {
                continue;
            }
            let look = eye(target, &seen.keys);
            let (key, gate_ms) = match look.key {
                KeyChoice::Ready(key) => (key, 0),
                KeyChoice::Cooling { index, until_ms } => (index, until_ms),
                KeyChoice::Dead => {
                    self.pass_over(target, Reason::KeysDead);
                    continue;
                }
            };
            let asked_ms = gate_ms.max(seen.not_before_ms).saturating_sub(at.now_ms);
            let wait_ms = match asked_ms {
                0 if seen.was_waited_for => 0,
                ms => ms.saturating_add(millis(self.backoff.delay(seen.failures.max(1), at.roll))),
            };
            let reason = if look.closed_until_ms.is_some() {
                Some(Reason::BreakerOpen)
            } else if !self.may_wait(wait_ms) {
                Some(Reason::RateLimited)
            } else {
                self.obstacle(spent, &look, wait_ms, at)
            };
            match reason {
                Some(reason) => self.pass_over(target, reason),
                None if soonest.is_none_or(|known| wait_ms < known.wait_ms) => {
                    soonest = Some(Try { target, key, cause, wait_ms });
                }
                None => {}
            }
        }
        soonest
    }

    /// No target is healthy: all are used rather than none, the one that recovers first before
    /// the others. A rate gate is the provider's word, so its end is waited for; an open breaker
    /// is only our own verdict, which must not slow an outage down.
    fn soonest_of_all(&self, moment: Moment, eye: Eye<'_>) -> Option<Try> {
        let mut soonest: Option<(u64, u64, Try)> = None;
        for (target, seen) in self.targets.iter().enumerate() {
            if seen.is_out || seen.refusals > 1 {
                continue;
            }
            let look = eye(target, &seen.keys);
            let (key, gate_ms) = match look.key {
                KeyChoice::Ready(key) => (key, 0),
                KeyChoice::Cooling { index, until_ms } => (index, until_ms),
                KeyChoice::Dead => continue,
            };
            let recovers_ms = gate_ms.max(look.closed_until_ms.unwrap_or(0));
            if soonest.is_none_or(|(known_ms, ..)| recovers_ms < known_ms) {
                let wait_ms = self.wait_for_gate(gate_ms, moment);
                let step = Try { target, key, cause: Cause::AllUnhealthy, wait_ms };
                soonest = Some((recovers_ms, look.usual_ms, step));
            }
        }
        let (_, usual_ms, step) = soonest?;
        let suffices = self.may_wait(step.wait_ms) && self.has_time(step.wait_ms, usual_ms, moment);
        Some(Try { wait_ms: if suffices { step.wait_ms } else { 0 }, ..step })
    }

    /// The wait for a rate gate to open, with jitter: all that wait for it come at once else.
    fn wait_for_gate(&self, gate_ms: u64, moment: Moment) -> u64 {
        match gate_ms.saturating_sub(moment.now_ms) {
            0 => 0,
            wait_ms => wait_ms.saturating_add(millis(self.backoff.delay(1, moment.roll))),
        }
    }

    /// What stands against an attempt that follows a failed one. A first attempt has nothing
    /// against it: what usually takes longer may be quicker this time.
    fn obstacle(&self, spent: bool, look: &Look, wait_ms: u64, moment: Moment) -> Option<Reason> {
        if spent {
            Some(Reason::AttemptsSpent)
        } else if self.last.is_none() {
            None
        } else if !look.has_budget {
            Some(Reason::NoBudget)
        } else if !self.has_time(wait_ms, look.usual_ms, moment) {
            Some(Reason::Deadline)
        } else {
            None
        }
    }

    /// Whether its breaker lets no attempt of this request through.
    fn is_closed(&self, look: &Look) -> bool {
        look.closed_until_ms.is_some() && !self.all_unhealthy
    }

    /// Whether there is patience left for such a wait.
    fn may_wait(&self, wait_ms: u64) -> bool {
        self.waited_ms.saturating_add(wait_ms) <= LONGEST_WAIT_MS
    }

    /// Whether an attempt after such a wait can still be answered.
    fn has_time(&self, wait_ms: u64, usual_ms: u64, moment: Moment) -> bool {
        let left_ms = self.deadline_ms.saturating_sub(moment.now_ms);
        left_ms > wait_ms.saturating_add(usual_ms)
    }

    /// Whether a rung may have another attempt: one is kept for each rung below it, but each
    /// rung has one.
    fn has_attempt(&self, rung: usize) -> bool {
        let left = self.allowed.saturating_sub(self.counted);
        let below = self.rungs.saturating_sub(rung.saturating_add(1));
        let below = u32::try_from(below).unwrap_or(u32::MAX);
        let is_new = self.targets.iter().all(|seen| seen.rung != rung || seen.attempts == 0);
        left > if is_new { 0 } else { below }
    }

    fn why(&self, eye: Eye<'_>) -> GiveUp {
        let mut asked = self.targets.iter().enumerate().filter(|(_, seen)| !seen.is_out);
        let dead =
            |(target, seen): (usize, &Seen)| matches!(eye(target, &seen.keys).key, KeyChoice::Dead);
        let some = self.targets.iter().any(|seen| !seen.is_out);
        if some && asked.all(dead) { GiveUp::KeysDead } else { GiveUp::Spent }
    }
}

impl Seen {
    fn may_be_asked(&self) -> bool {
        !self.is_out && self.refusals == 0
    }
}

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}
