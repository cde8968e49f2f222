//! When a stream that gives nothing must do something: its deadline, the provider's silence,
//! and the comments that keep the client's connection open.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// A comment is sent after this silence, so that middle boxes keep the connection open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Why the alarm rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ring {
    /// The request's deadline passed.
    Deadline,
    /// The provider was silent for the idle time-out.
    Silence,
    /// The client has got nothing for a while.
    KeepAlive,
}

/// The moments of a stream, and the one timer behind them.
#[derive(Debug)]
pub(super) struct Alarm {
    deadline: Instant,
    idle_timeout: Duration,
    /// When the provider last sent something.
    heard: Instant,
    /// When the client was last given something.
    sent: Instant,
    /// Made when there is something to wait for.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    pub(super) fn new(deadline: std::time::Instant, idle_timeout: Duration) -> Self {
        let now = Instant::now();
        let deadline = Instant::from_std(deadline);
        Self { deadline, idle_timeout, heard: now, sent: now, sleep: None }
    }

    /// The provider last sent something at that moment, before the client was answered.
    pub(super) fn last_heard(&mut self, at: std::time::Instant) {
        self.heard = Instant::from_std(at);
    }

    /// The provider sent something.
    pub(super) fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// Whether what was last heard came after the deadline. A provider that always has more to
    /// say leaves no moment to wait in, so the alarm alone would not end it.
    pub(super) fn is_late(&self) -> bool {
        self.heard >= self.deadline
    }

    /// The client is given what was heard, or what the alarm rang for. Reads no clock: what
    /// was just heard is given on at once.
    pub(super) fn delivered(&mut self) {
        self.sent = self.sent.max(self.heard);
    }

    /// Waits for the next ring.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ring> {
        loop {
            let due = self.due();
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(due)));
            std::task::ready!(sleep.as_mut().poll(cx));
            let ring = self.ring(Instant::now());
            let due = self.due();
            if let Some(sleep) = &mut self.sleep {
                sleep.as_mut().reset(due);
            }
            if let Some(ring) = ring {
                return Poll::Ready(ring);
            }
        }
    }

    fn ring(&mut self, now: Instant) -> Option<Ring> {
        if now >= self.deadline {
            return Some(Ring::Deadline);
        }
        if now >= self.heard + self.idle_timeout {
            return Some(Ring::Silence);
        }
        if now >= self.sent + KEEP_ALIVE {
            self.sent = now;
            return Some(Ring::KeepAlive);
        }
        None
    }

    fn due(&self) -> Instant {
        let idle = self.heard + self.idle_timeout;
        self.deadline.min(idle).min(self.sent + KEEP_ALIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(deadline: u64, idle: u64) -> Alarm {
        let deadline = Instant::now() + Duration::from_secs(deadline);
        Alarm::new(deadline.into_std(), Duration::from_secs(idle))
    }

    /// The next ring and the seconds since `start`; the client is given what it rang for.
    async fn next(alarm: &mut Alarm, start: Instant) -> (Ring, u64) {
        let ring = std::future::poll_fn(|cx| alarm.poll(cx)).await;
        alarm.delivered();
        (ring, start.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_gets_one_comment_in_fifteen_seconds() {
        let start = Instant::now();
        let mut alarm = alarm(600, 40);
        assert_eq!(next(&mut alarm, start).await, (Ring::KeepAlive, 15));
        assert_eq!(next(&mut alarm, start).await, (Ring::KeepAlive, 30));
        assert_eq!(next(&mut alarm, start).await, (Ring::Silence, 40));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_delivered_postpones_the_comment_and_the_time_out() {
        let start = Instant::now();
        let mut alarm = alarm(600, 20);
        tokio::time::advance(Duration::from_secs(10)).await;
        alarm.heard();
        alarm.delivered();
        assert_eq!(next(&mut alarm, start).await, (Ring::KeepAlive, 25));
        assert_eq!(next(&mut alarm, start).await, (Ring::Silence, 30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_sends_nothing_for_the_client_does_not_silence_the_comments() {
        let start = Instant::now();
        let mut alarm = alarm(600, 20);
        tokio::time::advance(Duration::from_secs(14)).await;
        alarm.heard();
        assert_eq!(next(&mut alarm, start).await, (Ring::KeepAlive, 15));
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_after_the_deadline_is_late() {
        let mut alarm = alarm(5, 60);
        alarm.heard();
        assert!(!alarm.is_late());
        tokio::time::advance(Duration::from_secs(5)).await;
        alarm.heard();
        assert!(alarm.is_late());
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_comes_first() {
        let start = Instant::now();
        let mut alarm = alarm(5, 60);
        assert_eq!(next(&mut alarm, start).await, (Ring::Deadline, 5));
    }
}
