//! The difference of two paired precisions: their denominators differ, so McNemar does not fit.

use super::special::{student_above, student_quantile};

/// What two runs made of one case whose label is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// Whether the label is right.
    pub expected: bool,
    /// Whether the baseline named it.
    pub baseline: bool,
    /// Whether the candidate named it.
    pub candidate: bool,
    /// The group, or the case itself.
    pub unit: usize,
}

/// Two precisions and what is known of their difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Precisions {
    /// Right ones and all that the baseline named.
    pub baseline: (u64, u64),
    /// Right ones and all that the candidate named.
    pub candidate: (u64, u64),
    /// Candidate minus baseline.
    pub difference: f64,
    /// The standard error of the difference where both are the same.
    pub error: f64,
    /// Degrees of freedom: units that say anything, less one.
    pub freedom: f64,
}

/// With fewer units that say something the approximation means nothing.
const FEWEST_UNITS: usize = 10;

/// The generalised score statistic of paired predictive values (Leisenring, Alonzo and Pepe 2000;
/// Kosinski 2013) in its linear form, summed within units. `None` where a run never names the
/// label, or too few cases say anything.
#[must_use]
pub fn compare(cases: &[Named]) -> Option<Precisions> {
    let tally = |named: fn(&Named) -> bool| {
        cases
            .iter()
            .filter(|case| named(case))
            .fold((0_u64, 0_u64), |(right, all), case| (right + u64::from(case.expected), all + 1))
    };
    let (baseline, candidate) = (tally(|case| case.baseline), tally(|case| case.candidate));
    let (before, after) = (baseline.1 as f64, candidate.1 as f64);
    if baseline.1 == 0 || candidate.1 == 0 {
        return None;
    }
    let pooled = (baseline.0 + candidate.0) as f64 / (before + after);
    let most = cases.iter().map(|case| case.unit + 1).max().unwrap_or_default();
    let mut units = vec![0.0; most];
    for case in cases {
        let residual = f64::from(u8::from(case.expected)) - pooled;
        let weight = |named: bool, all: f64| if named { residual / all } else { 0.0 };
        if let Some(unit) = units.get_mut(case.unit) {
            *unit += weight(case.candidate, after) - weight(case.baseline, before);
        }
    }
    // Cases that both runs name weigh next to nothing; the others carry the difference.
    let differing = cases.iter().filter(|case| case.baseline != case.candidate).count();
    let telling = units.iter().filter(|value: &&f64| value.abs() > 0.0).count();
    if differing < FEWEST_UNITS || telling < FEWEST_UNITS {
        return None;
    }
    let count = telling as f64;
    let squares: f64 = units.iter().map(|value| value * value).sum();
    Some(Precisions {
        baseline,
        candidate,
        difference: candidate.0 as f64 / after - baseline.0 as f64 / before,
        error: (squares * count / (count - 1.0)).sqrt(),
        freedom: differing as f64 - 1.0,
    })
}

impl Precisions {
    /// The chance of a difference as far below `at`, when it is `at`.
    #[must_use]
    pub fn as_low(&self, at: f64) -> f64 {
        if self.error <= 0.0 {
            return 1.0;
        }
        student_above((at - self.difference) / self.error, self.freedom)
    }

    /// The interval of the difference.
    #[must_use]
    pub fn interval(&self, confidence: f64) -> (f64, f64) {
        let reach = student_quantile(f64::midpoint(1.0, confidence), self.freedom) * self.error;
        ((self.difference - reach).max(-1.0), (self.difference + reach).min(1.0))
    }
}
