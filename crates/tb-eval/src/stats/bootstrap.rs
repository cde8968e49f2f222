//! The bootstrap: intervals without a formula, by drawing the units again.

use super::quantile::quantile;
use super::random::Random;
use super::special::{normal_cdf, normal_quantile};

/// How often is drawn, from which seed, and how sure the interval is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draws {
    /// How often.
    pub count: u32,
    /// The seed.
    pub seed: u64,
    /// 0.95 for an interval that leaves out 2.5 % at each end.
    pub confidence: f64,
}

/// The interval of a mean of paired differences, bias-corrected and accelerated (BCa; Efron 1987).
/// A unit is a sum with its number of pairs; whole units are drawn, so this is the cluster
/// bootstrap where units hold several pairs.
#[must_use]
pub fn bca_mean(units: &[(f64, f64)], draws: &Draws) -> Option<(f64, f64)> {
    let total: (f64, f64) = units.iter().fold((0.0, 0.0), |(s, n), (a, b)| (s + a, n + b));
    let count = units.len();
    if count < 2 || total.1 <= 0.0 {
        return None;
    }
    let estimate = total.0 / total.1;
    let mut random = Random::new(draws.seed);
    let mut drawn: Vec<f64> = (0..draws.count)
        .map(|_| {
            let (mut sum, mut size) = (0.0, 0.0);
            for _ in 0..count {
                let (a, b) = units.get(random.below(count)).copied().unwrap_or_default();
                sum += a;
                size += b;
            }
            sum / size
        })
        .collect();
    let left_out: Vec<f64> =
        units.iter().map(|(sum, size)| (total.0 - sum) / (total.1 - size)).collect();
    Some(accelerated(&mut drawn, estimate, &left_out, draws.confidence))
}

/// The BCa end points from the drawn estimates and the jackknife.
fn accelerated(drawn: &mut [f64], estimate: f64, left_out: &[f64], confidence: f64) -> (f64, f64) {
    let ties = 1e-12 * estimate.abs().max(1.0);
    let below: f64 = drawn
        .iter()
        .map(|value| match value - estimate {
            difference if difference < -ties => 1.0,
            difference if difference <= ties => 0.5,
            _ => 0.0,
        })
        .sum();
    let share = below / drawn.len() as f64;
    if share <= 0.0 || share >= 1.0 {
        return (estimate, estimate);
    }
    let bias = normal_quantile(share);
    let mean = left_out.iter().sum::<f64>() / left_out.len() as f64;
    let squares: f64 = left_out.iter().map(|value| (mean - value).powi(2)).sum();
    let cubes: f64 = left_out.iter().map(|value| (mean - value).powi(3)).sum();
    let acceleration = if squares > 0.0 { cubes / (6.0 * squares.powf(1.5)) } else { 0.0 };
    let place = |z: f64| {
        let moved = bias + z;
        normal_cdf(bias + moved / (1.0 - acceleration * moved))
    };
    let tail = (1.0 - confidence) / 2.0;
    let z = normal_quantile(tail);
    let mut end = |share: f64| quantile(drawn, share).unwrap_or(estimate);
    (end(place(z)), end(place(-z)))
}

/// What is compared of a measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// The mean.
    Mean,
    /// The value below which this share of the cases lies.
    Quantile(f64),
}

impl Statistic {
    fn of(self, values: &mut [f64]) -> Option<f64> {
        match self {
            Self::Mean if values.is_empty() => None,
            Self::Mean => Some(values.iter().sum::<f64>() / values.len() as f64),
            Self::Quantile(share) => quantile(values, share),
        }
    }
}

/// A ratio of one statistic of two paired measures, with its percentile interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Of the baseline.
    pub baseline: f64,
    /// Of the candidate.
    pub candidate: f64,
    /// Candidate by baseline.
    pub value: f64,
    /// Where it lies.
    pub interval: (f64, f64),
    /// The share of drawn ratios at or below the limit: small where it is surely exceeded.
    pub at_most_limit: f64,
    /// The share at or above it: small where it is surely kept.
    pub at_least_limit: f64,
}

/// Compares a statistic of paired measures; whole units are drawn. `None` without pairs, or where
/// the baseline's is zero.
#[must_use]
pub fn ratio(
    units: &[Vec<(f64, f64)>],
    statistic: Statistic,
    limit: f64,
    draws: &Draws,
) -> Option<Ratio> {
    let both = |pairs: &mut dyn Iterator<Item = (f64, f64)>| {
        let (mut before, mut after): (Vec<f64>, Vec<f64>) = pairs.unzip();
        let (baseline, candidate) = (statistic.of(&mut before)?, statistic.of(&mut after)?);
        (baseline > 0.0).then_some((baseline, candidate))
    };
    let (baseline, candidate) = both(&mut units.iter().flatten().copied())?;
    let mut random = Random::new(draws.seed);
    let mut drawn = Vec::new();
    for _ in 0..draws.count {
        let chosen: Vec<&Vec<(f64, f64)>> =
            (0..units.len()).filter_map(|_| units.get(random.below(units.len()))).collect();
        if let Some((before, after)) = both(&mut chosen.into_iter().flatten().copied()) {
            drawn.push(after / before);
        }
    }
    let count = |is: &dyn Fn(f64) -> bool| {
        let count = drawn.iter().filter(|ratio| is(**ratio)).count() as f64;
        (count + 1.0) / (drawn.len() as f64 + 1.0)
    };
    let (at_most_limit, at_least_limit) =
        (count(&|ratio| ratio <= limit), count(&|ratio| ratio >= limit));
    let tail = (1.0 - draws.confidence) / 2.0;
    let low = quantile(&mut drawn, tail)?;
    let high = quantile(&mut drawn, 1.0 - tail)?;
    Some(Ratio {
        baseline,
        candidate,
        value: candidate / baseline,
        interval: (low, high),
        at_most_limit,
        at_least_limit,
    })
}
