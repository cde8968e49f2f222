//! Counts of what was there and what was found, and the shares that follow from them.
//!
//! The workspace's chores compile this file too: it uses nothing of the crate.

use std::ops::AddAssign;

use serde::Serialize;

/// The 97.5th percentile of the standard normal distribution: an interval of 95 %.
const Z: f64 = 1.959_964;

/// Counts of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// What was there.
    pub gold: u32,
    /// What was found.
    pub found: u32,
    /// What was found rightly.
    pub right: u32,
}

/// Shares of one kind, 0 to 1; `None` where there is nothing to divide by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shares {
    /// What was there.
    pub gold: u32,
    /// What was found.
    pub found: u32,
    /// What was found rightly.
    pub right: u32,
    /// Of what was found, so much was right.
    pub precision: Option<f64>,
    /// Of what was there, so much was found.
    pub recall: Option<f64>,
    /// Where the recall of all such texts lies, by Wilson's score interval of 95 %.
    pub recall_interval: Option<[f64; 2]>,
    /// The harmonic mean of precision and recall.
    pub f1: Option<f64>,
    /// The same with recall counting twice.
    pub f2: Option<f64>,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.gold = self.gold.saturating_add(other.gold);
        self.found = self.found.saturating_add(other.found);
        self.right = self.right.saturating_add(other.right);
    }
}

impl Tally {
    /// Its shares.
    #[must_use]
    pub fn shares(&self) -> Shares {
        Shares {
            gold: self.gold,
            found: self.found,
            right: self.right,
            precision: share(self.right, self.found),
            recall: share(self.right, self.gold),
            recall_interval: interval(self.right, self.gold),
            f1: self.f(1.0),
            f2: self.f(2.0),
        }
    }

    /// Van Rijsbergen's F: `beta` is how much more recall counts than precision.
    fn f(&self, beta: f64) -> Option<f64> {
        let weight = beta * beta;
        let all = weight * f64::from(self.gold) + f64::from(self.found);
        (all > 0.0).then(|| (1.0 + weight) * f64::from(self.right) / all)
    }
}

/// A part of a whole; `None` of nothing.
#[must_use]
pub fn share(part: u32, whole: u32) -> Option<f64> {
    (whole > 0).then(|| f64::from(part) / f64::from(whole))
}

/// Wilson's score interval of a share, with 95 % (E. B. Wilson, 1927).
#[must_use]
pub fn interval(part: u32, whole: u32) -> Option<[f64; 2]> {
    let p = share(part, whole)?;
    let n = f64::from(whole);
    let z2 = Z * Z;
    let middle = p + z2 / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    Some([((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 5e-4)
    }

    #[test]
    fn shares_are_those_of_the_textbook() {
        let shares = Tally { gold: 10, found: 8, right: 6 }.shares();
        assert!(near(shares.precision, 0.75) && near(shares.recall, 0.6), "{shares:?}");
        assert!(near(shares.f1, 0.6667) && near(shares.f2, 0.625), "{shares:?}");
    }

    #[test]
    fn nothing_has_no_shares() {
        let shares = Tally::default().shares();
        assert_eq!((shares.precision, shares.recall, shares.f1), (None, None, None));
        assert_eq!(shares.recall_interval, None);
        let missed = Tally { gold: 3, found: 0, right: 0 }.shares();
        assert_eq!((missed.precision, missed.recall, missed.f2), (None, Some(0.0), Some(0.0)));
    }

    /// Values of R's `prop.test(x, n, correct = FALSE)`.
    #[test]
    fn intervals_are_wilsons() {
        let [low, high] = interval(81, 263).unwrap();
        assert!(near(Some(low), 0.2553) && near(Some(high), 0.3662), "{low} {high}");
        let [low, high] = interval(20, 20).unwrap();
        assert!(near(Some(low), 0.8389) && near(Some(high), 1.0), "{low} {high}");
    }
}
