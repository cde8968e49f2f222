//! Graded scores.

use super::Options;
use super::arm::CaseTally;
use super::comparison::Scores;
use super::pairs::{Pairs, Rates};
use crate::stats::bootstrap::{Draws, bca_mean};
use crate::stats::clusters::{Clustered, units};

/// The mean scores and their paired difference; `None` where no case has a score in both runs,
/// or where scores are but another way to say pass and fail.
pub(super) fn compare(pairs: &Pairs<'_>, options: &Options) -> Option<Scores> {
    let rates: Vec<Rates> = pairs.rates(CaseTally::score).collect();
    let is_graded = |score: f64| score != 0.0 && score != 1.0;
    if !rates.iter().any(|pair| is_graded(pair.baseline) || is_graded(pair.candidate)) {
        return None;
    }
    let n = rates.len() as f64;
    let mean = |of: fn(&Rates) -> f64| rates.iter().map(of).sum::<f64>() / n;
    let moved: Vec<Clustered> = rates
        .iter()
        .map(|pair| Clustered { value: pair.candidate - pair.baseline, unit: pair.unit })
        .collect();
    let confidence = 1.0 - options.alpha;
    let draws = Draws { count: options.draws, seed: options.seed, confidence };
    let (baseline, candidate) = (mean(|pair| pair.baseline), mean(|pair| pair.candidate));
    Some(Scores {
        n: rates.len() as u64,
        baseline,
        candidate,
        difference: candidate - baseline,
        interval: bca_mean(&units(&moved), &draws).map(Into::into),
    })
}
