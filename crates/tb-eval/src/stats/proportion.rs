//! Intervals of a rate, and of the difference of two paired rates.

use super::special::bisect;

/// Wilson's score interval (1927) of `passed` of `n`, `z` the normal quantile of one side.
#[must_use]
pub fn wilson(passed: f64, n: f64, z: f64) -> (f64, f64) {
    if n <= 0.0 {
        return (0.0, 1.0);
    }
    let (p, square) = (passed / n, z * z);
    let center = (p + square / (2.0 * n)) / (1.0 + square / n);
    let half = z / (1.0 + square / n) * (p * (1.0 - p) / n + square / (4.0 * n * n)).sqrt();
    let low = if passed <= 0.0 { 0.0 } else { (center - half).max(0.0) };
    let high = if passed >= n { 1.0 } else { (center + half).min(1.0) };
    (low, high)
}

/// The counts of a paired table; not whole where repeats or clusters weigh them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Discordant {
    /// Only the baseline passed.
    pub b: f64,
    /// Only the candidate passed.
    pub c: f64,
    /// All pairs.
    pub n: f64,
}

impl Discordant {
    /// Candidate minus baseline.
    #[must_use]
    pub fn difference(&self) -> f64 {
        if self.n > 0.0 { (self.c - self.b) / self.n } else { 0.0 }
    }

    /// The score statistic of Tango (Statistics in Medicine 17, 1998) for a true difference of
    /// `at`: standard normal there, negative where the observed difference is below it.
    #[must_use]
    pub fn score(&self, at: f64) -> f64 {
        let Self { b, c, n } = *self;
        // The chance of a loss, as likely as can be made when the difference is `at`.
        let quadratic = 2.0 * n;
        let linear = -b - c + (2.0 * n - c + b) * at;
        let constant = -b * at * (1.0 - at);
        let root = (linear * linear - 4.0 * quadratic * constant).max(0.0).sqrt();
        let loss = (root - linear) / (2.0 * quadratic);
        let variance = n * (2.0 * loss + at * (1.0 - at));
        let distance = c - b - n * at;
        if distance == 0.0 { 0.0 } else { distance / variance.max(f64::MIN_POSITIVE).sqrt() }
    }

    /// Tango's score interval; `critical` is the quantile of one side.
    #[must_use]
    pub fn interval(&self, critical: f64) -> (f64, f64) {
        if self.n <= 0.0 {
            return (-1.0, 1.0);
        }
        let estimate = self.difference();
        // The statistic falls as the assumed difference rises.
        let low = bisect((-1.0, estimate), |at| critical - self.score(at));
        let high = bisect((estimate, 1.0), |at| -critical - self.score(at));
        (low, high)
    }
}

/// Newcombe's interval of a paired difference (method 10, Statistics in Medicine 17, 1998), from
/// the whole table: it checks Tango's. `both` passed both, `neither` none.
#[must_use]
pub fn newcombe(table: &Discordant, both: f64, z: f64) -> (f64, f64) {
    let Discordant { b, c, n } = *table;
    let neither = n - both - b - c;
    let (candidate, baseline) = (both + c, both + b);
    let (p, q) = (candidate / n, baseline / n);
    let (p_low, p_high) = wilson(candidate, n, z);
    let (q_low, q_high) = wilson(baseline, n, z);
    let spread = (candidate * (n - candidate) * baseline * (n - baseline)).sqrt();
    let excess = both * neither - b * c;
    let corrected = if excess > 0.0 { (excess - n / 2.0).max(0.0) } else { excess };
    let phi = if spread > 0.0 { corrected / spread } else { 0.0 };
    let reach = |one: f64, other: f64| {
        (one * one - 2.0 * phi * one * other + other * other).max(0.0).sqrt()
    };
    let difference = p - q;
    (difference - reach(p - p_low, q_high - q), difference + reach(p_high - p, q - q_low))
}
