//! The statistics, held to figures of scipy and statsmodels (`tests/stats` computes them).

use serde_json::Value;
use tb_eval::stats::bootstrap::{Draws, Statistic, bca_mean, ratio};
use tb_eval::stats::clusters::{Clustered, design_effect, robust_variance, swapped_as_low};
use tb_eval::stats::power::{of_mcnemar, of_non_inferiority, pairs_needed, smallest_effect};
use tb_eval::stats::precision::{self, Named};
use tb_eval::stats::proportion::{Discordant, newcombe, wilson};
use tb_eval::stats::random::Random;
use tb_eval::stats::sequential::{Look, Watch, ln_evidence_of_loss};
use tb_eval::stats::special::{ln_gamma, normal_quantile, student_quantile};
use tb_eval::stats::{binomial, holm, quantile};

fn golden() -> Value {
    serde_json::from_str(include_str!("../fixtures/statistics.json")).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn rows(golden: &Value, name: &str) -> Vec<Vec<f64>> {
    let rows = golden[name].as_array().unwrap();
    rows.iter().map(|row| row.as_array().unwrap().iter().map(number).collect()).collect()
}

#[track_caller]
fn near(ours: f64, theirs: f64) {
    // Relative, so that the digits of a tiny p-value count as well.
    let tolerance = 1e-9 * theirs.abs().max(1e-290);
    let is_zero = theirs == 0.0 && ours.abs() < 1e-12;
    assert!((ours - theirs).abs() <= tolerance || is_zero, "{ours:e} and {theirs:e}");
}

#[track_caller]
fn near_interval(ours: (f64, f64), theirs: &Value) {
    for (one, other) in [(ours.0, number(&theirs[0])), (ours.1, number(&theirs[1]))] {
        assert!((one - other).abs() <= 1e-9, "{ours:?} and {theirs}");
    }
}

#[test]
fn exact_tests_and_intervals_are_those_of_others() {
    let golden = golden();
    for row in golden["tables"].as_array().unwrap() {
        let count = |name: &str| row[name].as_u64().unwrap();
        let (b, c, n, both) = (count("b"), count("c"), count("n"), count("both"));
        near(binomial::mcnemar(b, c), number(&row["p"]));
        near(binomial::mcnemar_worse(b, c), number(&row["p_worse"]));
        let table = Discordant { b: b as f64, c: c as f64, n: n as f64 };
        for (place, alpha) in golden["alphas"].as_array().unwrap().iter().enumerate() {
            let z = normal_quantile(1.0 - number(alpha) / 2.0);
            near_interval(wilson((both + c) as f64, n as f64, z), &row["wilson"][place]);
            near_interval(table.interval(z), &row["tango"][place]);
            near_interval(newcombe(&table, both as f64, z), &row["newcombe"][place]);
        }
    }
}

#[test]
fn distributions_are_those_of_others() {
    let golden = golden();
    for row in rows(&golden, "normal") {
        assert!((normal_quantile(row[0]) - row[1]).abs() < 1e-9, "{row:?}");
    }
    for row in rows(&golden, "student") {
        near(student_quantile(row[0], row[1]), row[2]);
    }
    for row in rows(&golden, "ln_gamma") {
        near(ln_gamma(row[0]), row[1]);
    }
    for row in rows(&golden, "power") {
        let n = format!("{}", row[0]).parse().unwrap();
        near(of_mcnemar(n, row[1], row[2], 0.05), row[3]);
    }
    for row in rows(&golden, "evidence") {
        assert!((ln_evidence_of_loss(row[0], row[1]) - row[2]).abs() < 1e-9, "{row:?}");
    }
    for row in rows(&golden, "quantiles") {
        let mut values = [3.0, 1.0, 4.0, 1.5, 9.0, 2.6];
        near(quantile::quantile(&mut values, row[0]).unwrap(), row[1]);
    }
    let holm_rows = rows(&golden, "holm");
    for (ours, theirs) in holm::adjusted_alike(&holm_rows[0]).into_iter().zip(&holm_rows[1]) {
        near(ours, *theirs);
    }
}

#[test]
fn a_heavy_hypothesis_is_corrected_less() {
    let adjusted = holm::adjusted(&[(0.02, 2.0), (0.02, 1.0), (0.5, 1.0)]);
    assert_eq!(adjusted, [0.04, 0.04, 0.5]);
    assert_eq!(holm::adjusted(&[(0.03, 5.0)]), [0.03], "alone it has all of alpha");
}

#[test]
fn the_smallest_effect_is_the_one_that_the_size_was_planned_for() {
    // The figures of the research notes: margin, cases, at 10 % discordance.
    for (margin, cases) in [(0.05, 248.0), (0.03, 687.0), (0.02, 1546.0), (0.01, 6183.0)] {
        assert_eq!(pairs_needed(margin, 0.1, (0.05, 0.8)), cases);
        assert!((smallest_effect(cases, 0.1, (0.05, 0.8)) - margin).abs() < 1e-4);
        assert!((of_non_inferiority(cases, 0.1, 0.0, (margin, 0.05)) - 0.8).abs() < 1e-3);
    }
}

#[test]
fn the_bootstrap_agrees_with_the_formula_and_with_itself() {
    let mut random = Random::new(7);
    let units: Vec<(f64, f64)> = (0..400).map(|_| (random.unit() - 0.4, 1.0)).collect();
    let draws = Draws { count: 2_000, seed: 1, confidence: 0.95 };
    let (low, high) = bca_mean(&units, &draws).unwrap();
    assert_eq!(bca_mean(&units, &draws), Some((low, high)), "the same seed, the same interval");
    let mean = units.iter().map(|unit| unit.0).sum::<f64>() / 400.0;
    let variance = units.iter().map(|unit| (unit.0 - mean).powi(2)).sum::<f64>() / 399.0;
    let reach = 1.96 * (variance / 400.0).sqrt();
    assert!((low - (mean - reach)).abs() < 0.1 * reach, "{low} and {}", mean - reach);
    assert!((high - (mean + reach)).abs() < 0.1 * reach, "{high} and {}", mean + reach);
    assert_eq!(bca_mean(&units[..1], &draws), None);
}

#[test]
fn whole_groups_are_drawn_so_copies_add_nothing() {
    let mut random = Random::new(3);
    let values: Vec<f64> = (0..60).map(|_| random.unit() - 0.5).collect();
    let once: Vec<(f64, f64)> = values.iter().map(|value| (*value, 1.0)).collect();
    let ten: Vec<(f64, f64)> = values.iter().map(|value| (10.0 * value, 10.0)).collect();
    let draws = Draws { count: 500, seed: 1, confidence: 0.95 };
    let (one, other) = (bca_mean(&once, &draws).unwrap(), bca_mean(&ten, &draws).unwrap());
    assert!((one.0 - other.0).abs() < 1e-12 && (one.1 - other.1).abs() < 1e-12);
    let copies = values.iter().enumerate();
    let pairs: Vec<Clustered> =
        copies.flat_map(|(unit, value)| vec![Clustered { value: *value, unit }; 10]).collect();
    let mean = values.iter().sum::<f64>() / 60.0;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 59.0 / 60.0;
    assert!((robust_variance(&pairs) - variance).abs() < 1e-12);
    assert!((design_effect(&pairs, variance / 10.0, 1.0) - 10.0).abs() < 1e-9);
}

#[test]
fn swapping_arms_agrees_with_the_exact_test() {
    let sums: Vec<f64> = [vec![-1.0; 25], vec![1.0; 14], vec![0.0; 161]].concat();
    let p = swapped_as_low(&sums, 1);
    assert!((p - binomial::mcnemar_worse(25, 14)).abs() < 0.01, "{p}");
}

#[test]
fn a_ratio_of_quantiles_sees_a_slower_candidate() {
    let mut random = Random::new(5);
    let units: Vec<Vec<(f64, f64)>> =
        (0..200).map(|_| random.unit() + 1.0).map(|value| vec![(value, 1.5 * value)]).collect();
    let draws = Draws { count: 200, seed: 1, confidence: 0.95 };
    let found = ratio(&units, Statistic::Quantile(0.95), 1.2, &draws).unwrap();
    assert!((found.value - 1.5).abs() < 1e-9 && found.at_most_limit < 0.01);
    let kept = ratio(&units, Statistic::Mean, 2.0, &draws).unwrap();
    assert!(kept.at_least_limit < 0.01 && kept.at_most_limit > 0.99);
    assert_eq!(ratio(&[], Statistic::Mean, 1.0, &draws), None);
}

#[test]
fn a_difference_of_precisions_is_tested_on_the_cases_that_differ() {
    let named = |expected, baseline, candidate, times: usize| {
        std::iter::repeat_n((expected, baseline, candidate), times)
    };
    let table = [
        named(true, true, true, 80),
        named(false, false, true, 40),
        named(false, true, false, 10),
        named(false, false, false, 300),
    ];
    let cases: Vec<Named> = table
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(unit, (expected, baseline, candidate))| Named {
            expected,
            baseline,
            candidate,
            unit,
        })
        .collect();
    let found = precision::compare(&cases).unwrap();
    assert_eq!((found.baseline, found.candidate), ((80, 90), (80, 120)));
    assert!(found.as_low(0.0) < 0.001, "{}", found.as_low(0.0));
    let (low, high) = found.interval(0.95);
    assert!(low < found.difference && found.difference < high && high < 0.0);
    assert_eq!(precision::compare(&cases[..80]), None, "nothing differs");
}

#[test]
fn a_look_after_every_case_stops_on_a_loss_and_never_takes_it_back() {
    let mut watch = Watch::new(0.02, 0.05);
    let mut looks = (0..60).map(|at| watch.push(if at % 3 == 0 { -1.0 } else { 0.0 }));
    let first = looks.position(|look| look == Look::Regressed);
    assert!(first.is_some_and(|first| first < 40), "{first:?}");
    drop(looks);
    for _ in 0..20 {
        assert_eq!(watch.push(1.0), Look::Regressed);
    }
}
