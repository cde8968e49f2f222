//! A sliding window as a ring of steps.

use super::{Limit, Span};

/// What was counted in the last window, a step at a time. Beside the steps of one window the ring
/// holds the one that has partly left it, so that no real window ever holds more than what is
/// counted here.
#[derive(Debug, Clone)]
pub(super) struct Window {
    pub(super) limit: Limit,
    span: Span,
    /// The number of the latest step since the epoch.
    head: i64,
    /// By step number modulo its length.
    counts: Vec<u64>,
    total: u64,
    /// From when on it counts.
    since_ms: i64,
}

impl Window {
    pub(super) fn new(limit: Limit, span: Span, now_ms: i64) -> Self {
        let head = now_ms.div_euclid(span.step_ms());
        let counts = vec![0; span.steps() + 1];
        Self { limit, span, head, counts, total: 0, since_ms: now_ms }
    }

    /// What is in it at `now_ms`.
    pub(super) fn used(&mut self, now_ms: i64) -> u64 {
        self.advance(now_ms);
        self.total
    }

    pub(super) fn add(&mut self, now_ms: i64, amount: u64) {
        self.advance(now_ms);
        self.put(self.head, amount);
    }

    /// Counts what was used before this window began to count.
    pub(super) fn restore(&mut self, at_ms: i64, amount: u64) {
        let step = at_ms.div_euclid(self.span.step_ms());
        if step <= self.head && self.holds(step) {
            self.put(step, amount);
        }
    }

    /// Takes back what was counted at `at_ms` and was not used after all. Of what has left the
    /// window nothing is there to be taken.
    pub(super) fn take_back(&mut self, at_ms: i64, amount: u64) {
        let step = at_ms.div_euclid(self.span.step_ms());
        if at_ms < self.since_ms || !self.holds(step) {
            return;
        }
        let place = self.place(step);
        if let Some(count) = self.counts.get_mut(place) {
            let taken = amount.min(*count);
            *count -= taken;
            self.total = self.total.saturating_sub(taken);
        }
    }

    /// The present is earlier than what it holds: all of that counts as of now.
    pub(super) fn turn_back(&mut self, now_ms: i64) {
        let total = self.total;
        self.counts.fill(0);
        (self.total, self.head) = (0, now_ms.div_euclid(self.span.step_ms()));
        // What was reserved at later moments is not to be found by them any more.
        self.since_ms = now_ms;
        self.put(self.head, total);
    }

    /// Milliseconds until `amount` of it has left; until all has where it holds less.
    pub(super) fn leaves_in_ms(&self, now_ms: i64, amount: u64) -> u64 {
        let (mut left, mut last) = (0_u64, self.head);
        let oldest = self.head - self.length() + 1;
        for step in oldest..=self.head {
            let count = self.counts.get(self.place(step)).copied().unwrap_or(0);
            left = left.saturating_add(count);
            if count > 0 {
                last = step;
            }
            if left >= amount && count > 0 {
                break;
            }
        }
        let leaves_at = last.saturating_add(self.length()).saturating_mul(self.span.step_ms());
        u64::try_from(leaves_at.saturating_sub(now_ms)).unwrap_or(0)
    }

    fn put(&mut self, step: i64, amount: u64) {
        let place = self.place(step);
        if let Some(count) = self.counts.get_mut(place) {
            *count = count.saturating_add(amount);
            self.total = self.total.saturating_add(amount);
        }
    }

    fn advance(&mut self, now_ms: i64) {
        let now = now_ms.div_euclid(self.span.step_ms());
        if now <= self.head {
            return;
        }
        if now - self.head >= self.length() {
            self.counts.fill(0);
            self.total = 0;
        } else {
            for step in self.head + 1..=now {
                let place = self.place(step);
                if let Some(count) = self.counts.get_mut(place) {
                    self.total = self.total.saturating_sub(*count);
                    *count = 0;
                }
            }
        }
        self.head = now;
    }

    fn holds(&self, step: i64) -> bool {
        step > self.head.saturating_sub(self.length()) && step <= self.head
    }

    fn length(&self) -> i64 {
        i64::try_from(self.counts.len()).unwrap_or(1)
    }

    fn place(&self, step: i64) -> usize {
        usize::try_from(step.rem_euclid(self.length())).unwrap_or(0)
    }
}
