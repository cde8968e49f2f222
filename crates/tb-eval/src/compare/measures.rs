//! Speed, tokens and cost, compared.

use super::Options;
use super::comparison::Measured;
use super::pairs::Pairs;
use crate::case::Measure;
use crate::stats::bootstrap::{Draws, Statistic, ratio};

/// All that may be measured.
const ALL: [Measure; 5] = [
    Measure::LatencyMs,
    Measure::TtftMs,
    Measure::InputTokens,
    Measure::OutputTokens,
    Measure::CostMicroUsd,
];

/// One statistic of a measure, with the chance of one as large as seen when the limit is kept.
pub(super) struct Tested {
    pub(super) measured: Measured,
    /// Where there is a limit: the chance that the ratio is at most, and above it.
    pub(super) p: Option<(f64, f64)>,
}

/// Compares what both runs measured.
pub(super) fn compare(pairs: &Pairs<'_>, options: &Options) -> Vec<Tested> {
    let mut tested = Vec::new();
    for measure in ALL {
        let units = units(pairs, measure);
        if units.is_empty() {
            continue;
        }
        for (name, statistic) in statistics(measure) {
            let limit = options.limits.get(&measure).copied().filter(|_| is_limited(name));
            tested.extend(one((measure, name, statistic), &units, limit, options));
        }
    }
    tested
}

/// Waiting is felt at its worst, tokens and money are paid in sum.
fn statistics(measure: Measure) -> Vec<(&'static str, Statistic)> {
    match measure {
        Measure::LatencyMs | Measure::TtftMs => {
            vec![("p50", Statistic::Quantile(0.5)), ("p95", Statistic::Quantile(0.95))]
        }
        Measure::InputTokens | Measure::OutputTokens | Measure::CostMicroUsd => {
            vec![("mean", Statistic::Mean)]
        }
    }
}

fn is_limited(statistic: &str) -> bool {
    statistic != "p50"
}

fn one(
    (measure, name, statistic): (Measure, &str, Statistic),
    units: &[Vec<(f64, f64)>],
    limit: Option<f64>,
    options: &Options,
) -> Option<Tested> {
    let draws = Draws { count: options.draws, seed: options.seed, confidence: 1.0 - options.alpha };
    let found = ratio(units, statistic, limit.unwrap_or(1.0), &draws)?;
    let measured = Measured {
        measure,
        statistic: name.to_owned(),
        n: units.iter().map(|unit| unit.len() as u64).sum(),
        baseline: found.baseline,
        candidate: found.candidate,
        ratio: found.value,
        interval: found.interval.into(),
        limit,
        verdict: None,
    };
    Some(Tested { measured, p: limit.map(|_| (found.at_most_limit, found.at_least_limit)) })
}

/// The values of both runs, by unit.
fn units(pairs: &Pairs<'_>, measure: Measure) -> Vec<Vec<(f64, f64)>> {
    let most = pairs.all.iter().map(|pair| pair.unit + 1).max().unwrap_or_default();
    let mut units = vec![Vec::new(); most];
    for rates in pairs.rates(|case| case.measure(measure)) {
        if let Some(unit) = units.get_mut(rates.unit) {
            unit.push((rates.baseline, rates.candidate));
        }
    }
    units.retain(|unit| !unit.is_empty());
    units
}
