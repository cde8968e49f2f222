//! How long a target usually takes.

use std::time::Duration;

/// Answers that are remembered: enough for a median that one slow answer does not move.
const REMEMBERED: usize = 15;

/// The last times, in milliseconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Usual {
    times: [u32; REMEMBERED],
    /// How many were noted ever; the next one's place is the rest of a division.
    noted: usize,
}

impl Usual {
    /// Takes in how long one answer took.
    pub(super) fn note(&mut self, took: Duration) {
        if let Some(place) = self.times.get_mut(self.noted % REMEMBERED) {
            *place = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
        }
        // Stays in the same place and above `REMEMBERED` when it begins anew.
        self.noted = self.noted.checked_add(1).unwrap_or(REMEMBERED);
    }

    /// The median in milliseconds, the lower one of two; `None` before the first answer.
    pub(super) fn median_ms(&self) -> Option<u64> {
        let mut sorted = self.times;
        let known = sorted.get_mut(..self.noted.min(REMEMBERED))?;
        known.sort_unstable();
        let middle = known.len().checked_sub(1)? / 2;
        known.get(middle).map(|ms| u64::from(*ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(times: &[u64]) -> Option<u64> {
        let mut usual = Usual::default();
        for ms in times {
            usual.note(Duration::from_millis(*ms));
        }
        usual.median_ms()
    }

    #[test]
    fn is_the_median_of_the_last_answers() {
        assert_eq!(after(&[]), None);
        assert_eq!(after(&[700]), Some(700));
        assert_eq!(after(&[100, 60_000, 110]), Some(110));
        let mut times = vec![9_000; 20];
        times.extend([5; REMEMBERED]);
        assert_eq!(after(&times), Some(5));
    }
}
