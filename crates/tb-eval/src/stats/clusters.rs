//! Pairs that are not independent: several cases of one document, several answers to one case.

use super::random::Random;

/// One pair: candidate minus baseline, and the unit (a group, or the case itself) within which
/// pairs may hang together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clustered {
    /// Candidate minus baseline, or a rate.
    pub value: f64,
    /// The number of the unit.
    pub unit: usize,
}

/// Sums and sizes of the units that occur.
#[must_use]
pub fn units(pairs: &[Clustered]) -> Vec<(f64, f64)> {
    let most = pairs.iter().map(|pair| pair.unit + 1).max().unwrap_or_default();
    let mut units = vec![(0.0, 0.0); most];
    for pair in pairs {
        if let Some((sum, size)) = units.get_mut(pair.unit) {
            *sum += pair.value;
            *size += 1.0;
        }
    }
    units.retain(|(_, size)| *size > 0.0);
    units
}

/// The variance of the mean, robust to anything that happens within units (the sandwich
/// estimator with `G/(G−1)`).
#[must_use]
pub fn robust_variance(pairs: &[Clustered]) -> f64 {
    let n = pairs.len() as f64;
    let units = units(pairs);
    let count = units.len() as f64;
    if count < 2.0 {
        return 0.0;
    }
    let mean = pairs.iter().map(|pair| pair.value).sum::<f64>() / n;
    let squares: f64 = units.iter().map(|(sum, size)| (sum - size * mean).powi(2)).sum();
    count / (count - 1.0) * squares / (n * n)
}

/// By how much the variance differs from that of independent yes-or-no pairs of the same mean
/// absolute size (the design effect). Groups make it larger than 1, repeats smaller; it is held
/// between `1 / repeats` and the largest that the sizes of the units allow.
#[must_use]
pub fn design_effect(pairs: &[Clustered], simple_variance: f64, repeats: f64) -> f64 {
    let units = units(pairs);
    let mean_size = pairs.len() as f64 / (units.len() as f64).max(1.0);
    let robust = robust_variance(pairs);
    if simple_variance <= 0.0 || robust <= 0.0 {
        // Nothing varies, so nothing is known of how the pairs hang together: fully, then.
        return mean_size.max(1.0);
    }
    let least = if mean_size > 1.0 { 1.0 } else { 1.0 / repeats.max(1.0) };
    (robust / simple_variance).max(least)
}

/// How often arms are swapped at random.
const SWAPS: u32 = 9_999;

/// The chance of a sum as low as the one seen, when baseline and candidate are exchangeable
/// within each unit: a randomisation test that swaps the arms of whole units.
#[must_use]
pub fn swapped_as_low(sums: &[f64], seed: u64) -> f64 {
    let moved: Vec<f64> = sums.iter().copied().filter(|sum| *sum != 0.0).collect();
    let seen: f64 = moved.iter().sum();
    let mut random = Random::new(seed);
    let tolerance = 1e-9 * moved.iter().map(|sum| sum.abs()).sum::<f64>();
    let mut as_low = 1_u32;
    for _ in 0..SWAPS {
        let mut sum = 0.0;
        for block in moved.chunks(64) {
            let mut bits = random.bits();
            for value in block {
                sum += if bits & 1 == 0 { *value } else { -*value };
                bits >>= 1;
            }
        }
        if sum <= seen + tolerance {
            as_low += 1;
        }
    }
    f64::from(as_low) / f64::from(SWAPS + 1)
}
