//! How fast places become free, to tell clients an honest wait.

use std::time::Duration;

use tokio::time::Instant;

/// The rate is that of this time and what has passed of the next.
const WINDOW: Duration = Duration::from_secs(10);

/// What clients are told at least, and at most: nobody knows more than half a minute ahead.
const SHORTEST_MS: u64 = 1_000;
const LONGEST_MS: u64 = 30_000;

/// Counts departures.
#[derive(Debug, Default)]
pub(super) struct Departures {
    window_began: Option<Instant>,
    current: u32,
    /// Of the window before, once there was one.
    previous: Option<u32>,
}

impl Departures {
    /// One place became free.
    pub(super) fn note(&mut self, now: Instant) {
        self.turn(now);
        self.current = self.current.saturating_add(1);
    }

    /// Milliseconds until somebody behind `ahead` others may expect a place, 1,000 to 30,000.
    pub(super) fn wait_ms(&mut self, now: Instant, ahead: usize) -> u64 {
        let open = self.turn(now);
        let (count, span) = match self.previous {
            Some(previous) => (previous.saturating_add(self.current), WINDOW + open),
            None => (self.current, open),
        };
        if count == 0 {
            return LONGEST_MS;
        }
        let wanted = u128::try_from(ahead).unwrap_or(u128::MAX).saturating_add(1);
        let ms = span.as_millis().saturating_mul(wanted) / u128::from(count);
        u64::try_from(ms).unwrap_or(LONGEST_MS).clamp(SHORTEST_MS, LONGEST_MS)
    }

    /// Begins another window when it is time; gives how much of the present one has passed.
    fn turn(&mut self, now: Instant) -> Duration {
        let began = *self.window_began.get_or_insert(now);
        let open = now.saturating_duration_since(began);
        if open < WINDOW {
            return open;
        }
        let follows = open < WINDOW * 2;
        self.previous = Some(if follows { self.current } else { 0 });
        self.current = 0;
        let next = if follows { began + WINDOW } else { now };
        self.window_began = Some(next);
        now.saturating_duration_since(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(began: Instant, ms: u64) -> Instant {
        began + Duration::from_millis(ms)
    }

    #[test]
    fn the_wait_is_the_line_over_the_rate() {
        let (mut departures, began) = (Departures::default(), Instant::now());
        for second in 0..20 {
            departures.note(at(began, second * 1_000));
        }
        let now = at(began, 20_000);
        assert_eq!(departures.wait_ms(now, 4), 5_000);
        assert_eq!(departures.wait_ms(now, 0), 1_000);
    }

    #[test]
    fn the_wait_has_a_floor_and_a_ceiling() {
        let (mut departures, began) = (Departures::default(), Instant::now());
        assert_eq!(departures.wait_ms(began, 0), 30_000, "nobody knows");
        departures.note(began);
        assert_eq!(departures.wait_ms(at(began, 10), 3), 1_000);
        assert_eq!(departures.wait_ms(at(began, 9_000), 100), 30_000);
    }

    #[test]
    fn old_departures_say_nothing() {
        let (mut departures, began) = (Departures::default(), Instant::now());
        for _ in 0..100 {
            departures.note(began);
        }
        assert_eq!(departures.wait_ms(at(began, 15_000), 0), 1_000);
        assert_eq!(departures.wait_ms(at(began, 60_000), 0), 30_000);
    }
}
