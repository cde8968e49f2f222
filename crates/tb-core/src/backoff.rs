//! Exponential backoff with full jitter: how long to wait before the next attempt.

use std::time::Duration;

/// The two ends of the waiting times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The upper end of the first wait.
    pub base: Duration,
    /// The upper end of every wait.
    pub cap: Duration,
}

impl Backoff {
    /// A uniformly drawn part (`roll` in 0..1) of min(cap, base · 2ⁿ), where n = `failures` − 1
    /// counts the failures before the last one. "Full jitter": clients that failed together do
    /// not come back together.
    #[must_use]
    pub fn delay(self, failures: u32, roll: f64) -> Duration {
        // 2³¹ times any sensible base is above any sensible cap.
        let doublings = failures.saturating_sub(1).min(31);
        let upper = self.base.saturating_mul(1 << doublings).min(self.cap);
        // A float may round above the longest duration there is; then the upper end is meant.
        Duration::try_from_secs_f64(upper.as_secs_f64() * roll.clamp(0.0, 1.0))
            .map_or(upper, |delay| delay.min(upper))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(base: u64, cap: u64) -> Backoff {
        Backoff { base: Duration::from_millis(base), cap: Duration::from_millis(cap) }
    }

    #[test]
    fn doubles_the_upper_end_up_to_the_cap() {
        let backoff = millis(250, 8_000);
        let uppers: Vec<u128> =
            (0..=8).map(|failures| backoff.delay(failures, 1.0).as_millis()).collect();
        assert_eq!(uppers, [250, 250, 500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
    }

    #[test]
    fn draws_from_the_whole_range() {
        let backoff = millis(1_000, 8_000);
        assert_eq!(backoff.delay(3, 0.0), Duration::ZERO);
        assert_eq!(backoff.delay(3, 0.25), Duration::from_secs(1));
        assert_eq!(backoff.delay(3, 0.5), Duration::from_secs(2));
    }

    #[test]
    fn survives_every_extreme() {
        let longest = Backoff { base: Duration::MAX, cap: Duration::MAX };
        assert_eq!(longest.delay(u32::MAX, 1.0), Duration::MAX);
        assert_eq!(millis(250, 8_000).delay(u32::MAX, 1.0), Duration::from_secs(8));
        assert_eq!(millis(250, 8_000).delay(u32::MAX, 7.0), Duration::from_secs(8));
        assert_eq!(millis(250, 8_000).delay(1, -1.0), Duration::ZERO);
        assert!(millis(250, 8_000).delay(1, f64::NAN) <= Duration::from_millis(250));
        assert_eq!(millis(0, 8_000).delay(9, 1.0), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn stays_below_both_ends(
            base in 0_u64..1 << 50,
            cap in 0_u64..1 << 50,
            failures in any::<u32>(),
            roll in 0.0..1.0_f64,
        ) {
            let backoff = Backoff {
                base: Duration::from_nanos(base),
                cap: Duration::from_nanos(cap),
            };
            let doubled = u128::from(base) << failures.saturating_sub(1).min(64);
            let upper = doubled.min(u128::from(cap));
            prop_assert!(backoff.delay(failures, roll).as_nanos() <= upper);
            // Up to the rounding of a float, an upper end of a second half is reached.
            prop_assert!(backoff.delay(failures, 0.5).as_nanos() + 1 >= upper / 2);
        }
    }
}
