//! Money as integers: never a float between the price table and the bill.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;

use serde::{Deserialize, Serialize};

/// A thousandth of a micro-dollar. 64 bits hold 9.2 billion dollars.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NanoUsd(pub i64);

impl NanoUsd {
    /// Whole micro-dollars, halves rounded away from zero.
    #[must_use]
    pub const fn micro_usd(self) -> i64 {
        let half = if self.0 < 0 { -500 } else { 500 };
        self.0.saturating_add(half) / 1_000
    }
}

impl Add for NanoUsd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for NanoUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self(0), Add::add)
    }
}

/// Dollars with nine decimals, trailing zeros cut down to two: `0.000075`, `1.50`.
impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let (mut fraction, mut digits) = (magnitude % 1_000_000_000, 9);
        while digits > 2 && fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{fraction:0digits$}", magnitude / 1_000_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_dollars_without_losing_a_digit() {
        assert_eq!(NanoUsd(75_000).to_string(), "0.000075");
        assert_eq!(NanoUsd(1_500_000_000).to_string(), "1.50");
        assert_eq!(NanoUsd(-1).to_string(), "-0.000000001");
        assert_eq!(NanoUsd(0).to_string(), "0.00");
    }

    #[test]
    fn rounds_halves_away_from_zero() {
        assert_eq!(NanoUsd(1_500).micro_usd(), 2);
        assert_eq!(NanoUsd(1_499).micro_usd(), 1);
        assert_eq!(NanoUsd(-1_500).micro_usd(), -2);
    }
}
