//! Keeps retries from multiplying an outage: they may be a small share of the requests.
//!
//! The figures are ours, after measured promises of peers: a tenth of the requests keeps the
//! load of a failing target at 1.1 times what callers send; 3 per second on top let a target of
//! little traffic be retried at all. What is not used is worth 10 s of both at most, so that a
//! quiet hour does not save up a storm.

use crate::breaker::Verdict;
use crate::breaker::window::Window;

/// A target that left at most this share of its recent attempts without an answer, in
/// thousandths, is healthy: retries there need no budget.
const HEALTHY_FAILURES: u32 = 100;
/// What a request deposits, in thousandths of a token.
const DEPOSIT: u64 = 100;
/// What a retry takes, in thousandths of a token.
const RETRY: u64 = 1_000;
/// What time adds, in thousandths of a token per millisecond, which is tokens per second.
const FLOOR_PER_MS: u64 = 3;
/// For how long what is saved is kept, in milliseconds.
const LIFE_MS: u64 = 10_000;
/// What time adds at most, in thousandths of a token.
const FLOOR_CAP: u64 = FLOOR_PER_MS * LIFE_MS;

/// A token bucket: each request puts in a part of a token, each retry takes a whole one.
///
/// It starts full. It holds at most 30 tokens of the floor and what was deposited in the present
/// and the last period of 10 s, so deposits lose their worth after 10 to 20 s.
#[derive(Debug, Clone)]
pub struct RetryBudget {
    /// Thousandths of a token, as of `counted_ms`.
    balance: u64,
    counted_ms: u64,
    /// Deposits of the period of `counted_ms`, in thousandths of a token.
    deposited: u64,
    /// Deposits of the period before it.
    deposited_before: u64,
    /// How the target answered of late: what tells whether there is anything to protect.
    ends: Window,
}

impl Default for RetryBudget {
    fn default() -> Self {
        let (balance, ends) = (FLOOR_CAP, Window::default());
        Self { balance, counted_ms: 0, deposited: 0, deposited_before: 0, ends }
    }
}

impl RetryBudget {
    /// A request made its first attempt at this target.
    pub fn deposit(&mut self, now_ms: u64) {
        self.advance(now_ms);
        self.deposited = self.deposited.saturating_add(DEPOSIT);
        self.balance = self.balance.saturating_add(DEPOSIT).min(self.cap());
    }

    /// Takes a token for a retry at this target; false when there is none.
    pub fn withdraw(&mut self, now_ms: u64) -> bool {
        self.advance(now_ms);
        let rest = self.balance.checked_sub(RETRY);
        self.balance = rest.unwrap_or(self.balance);
        rest.is_some()
    }

    /// A token was taken for an attempt that was not made after all.
    pub fn give_back(&mut self) {
        self.balance = self.balance.saturating_add(RETRY).min(self.cap());
    }

    /// Takes in how an attempt ended: those without an answer, throttled ones too, are a load
    /// that retries would multiply. `has_opened`: it was recorded as a success when its stream
    /// began; it is no other attempt.
    pub fn record(&mut self, now_ms: u64, verdict: Verdict, has_opened: bool) {
        match (verdict, has_opened) {
            (Verdict::Success, false) => self.ends.count(now_ms, false),
            (Verdict::Failure | Verdict::Throttled, false) => self.ends.count(now_ms, true),
            (Verdict::Failure | Verdict::Throttled, true) => self.ends.fail_one(now_ms),
            (Verdict::Success, true) | (Verdict::Neutral, _) => {}
        }
    }

    /// Whether the target answers so well that retries need no token.
    #[must_use]
    pub fn is_needless(&self, now_ms: u64) -> bool {
        self.ends.failure_share(now_ms).0 <= HEALTHY_FAILURES
    }

    /// Whether [`Self::withdraw`] would succeed.
    #[must_use]
    pub fn has_token(&self, now_ms: u64) -> bool {
        let mut then = self.clone();
        then.advance(now_ms);
        then.balance >= RETRY
    }

    /// Adds what time adds and forgets old deposits. A clock that is behind changes nothing.
    fn advance(&mut self, now_ms: u64) {
        let periods = (now_ms / LIFE_MS).saturating_sub(self.counted_ms / LIFE_MS);
        if periods > 0 {
            self.deposited_before = if periods == 1 { self.deposited } else { 0 };
            self.deposited = 0;
        }
        let accrued = now_ms.saturating_sub(self.counted_ms).saturating_mul(FLOOR_PER_MS);
        self.balance = self.balance.saturating_add(accrued).min(self.cap());
        self.counted_ms = self.counted_ms.max(now_ms);
    }

    fn cap(&self) -> u64 {
        FLOOR_CAP.saturating_add(self.deposited).saturating_add(self.deposited_before)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn withdraw_all(budget: &mut RetryBudget, now_ms: u64) -> u32 {
        let mut taken = 0;
        while budget.withdraw(now_ms) {
            taken += 1;
        }
        taken
    }

    #[test]
    fn lets_a_quiet_target_be_retried_three_times_a_second() {
        let mut budget = RetryBudget::default();
        assert_eq!(withdraw_all(&mut budget, 0), 30);
        assert!(!budget.withdraw(333));
        assert!(budget.withdraw(334));
        assert_eq!(withdraw_all(&mut budget, 2_000), 5);
    }

    #[test]
    fn allows_one_retry_for_ten_requests() {
        let mut budget = RetryBudget::default();
        withdraw_all(&mut budget, 0);
        for _ in 0..9 {
            budget.deposit(0);
        }
        assert!(!budget.has_token(0));
        budget.deposit(0);
        assert!(budget.has_token(0));
        assert_eq!(withdraw_all(&mut budget, 0), 1);
    }

    #[test]
    fn saves_no_more_than_ten_seconds_of_the_floor() {
        let mut budget = RetryBudget::default();
        assert_eq!(withdraw_all(&mut budget, 3_600_000), 30);
    }

    #[test]
    fn a_target_that_throttles_is_protected() {
        let mut budget = RetryBudget::default();
        assert!(budget.is_needless(0));
        for _ in 0..9 {
            budget.record(0, Verdict::Success, false);
        }
        budget.record(0, Verdict::Throttled, false);
        assert!(budget.is_needless(0));
        budget.record(0, Verdict::Neutral, false);
        budget.record(0, Verdict::Throttled, false);
        assert!(!budget.is_needless(0), "two of eleven");
        assert!(budget.is_needless(30_000));
    }

    #[test]
    fn a_stream_that_breaks_is_one_attempt() {
        let mut budget = RetryBudget::default();
        for _ in 0..20 {
            budget.record(0, Verdict::Success, false);
        }
        budget.record(0, Verdict::Failure, true);
        budget.record(0, Verdict::Success, true);
        budget.record(0, Verdict::Failure, true);
        assert!(budget.is_needless(0), "two of twenty");
        budget.record(0, Verdict::Failure, true);
        assert!(!budget.is_needless(0));
    }

    #[test]
    fn a_token_that_was_not_used_comes_back() {
        let mut budget = RetryBudget::default();
        withdraw_all(&mut budget, 0);
        budget.give_back();
        assert_eq!(withdraw_all(&mut budget, 0), 1);
        (0..99).for_each(|_| budget.give_back());
        assert_eq!(withdraw_all(&mut budget, 0), 30);
    }

    #[test]
    fn forgets_old_deposits() {
        let mut budget = RetryBudget::default();
        for _ in 0..1_000 {
            budget.deposit(5_000);
        }
        assert_eq!(withdraw_all(&mut budget.clone(), 5_000), 130);
        assert_eq!(withdraw_all(&mut budget.clone(), 19_999), 130);
        assert_eq!(withdraw_all(&mut budget, 20_000), 30);
    }

    #[test]
    fn gains_nothing_by_a_clock_that_goes_back() {
        let mut budget = RetryBudget::default();
        withdraw_all(&mut budget, 10_000);
        assert!(!budget.withdraw(0));
        assert!(!budget.withdraw(10_000));
        assert_eq!(withdraw_all(&mut budget, u64::MAX), 30);
    }

    proptest! {
        #[test]
        fn bounds_the_retries_of_every_history(
            steps in prop::collection::vec((0_u64..3_000, 0_u8..30, 0_u8..60), 1..200),
        ) {
            let mut budget = RetryBudget::default();
            let (mut now_ms, mut requests, mut retries) = (0_u64, 0_u64, 0_u64);
            for (pause_ms, deposits, wishes) in steps {
                now_ms += pause_ms;
                for _ in 0..deposits {
                    budget.deposit(now_ms);
                    requests += 1;
                }
                for _ in 0..wishes {
                    let promised = budget.has_token(now_ms);
                    let taken = budget.withdraw(now_ms);
                    prop_assert_eq!(promised, taken);
                    retries += u64::from(taken);
                }
                // In thousandths: a tenth of the requests, 3 a second, and 10 s of those before.
                prop_assert!(retries * 1_000 <= requests * 100 + 3 * (now_ms + 10_000));
            }
        }
    }
}
