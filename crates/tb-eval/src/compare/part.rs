//! The paired test of one part of the cases: the whole, a slice, a label's recall.

use super::Options;
use super::arm::Arm;
use super::comparison::{Difference, Mcnemar, Part, Rate, Verdict};
use super::pairs::{Pairs, Rates};
use crate::stats::clusters::{Clustered, design_effect, swapped_as_low, units};
use crate::stats::power::{USUAL_POWER, smallest_effect};
use crate::stats::proportion::{Discordant, wilson};
use crate::stats::sequential::Watch;
use crate::stats::special::{normal_cdf, normal_quantile, student_above, student_quantile};
use crate::stats::{binomial, holm};

/// How pairs are tested.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) alpha: f64,
    pub(super) repeats: f64,
    /// Cases share groups, or were asked several times: McNemar's test does not hold then.
    pub(super) hangs_together: bool,
    pub(super) has_groups: bool,
    pub(super) sequential: bool,
    pub(super) seed: u64,
}

impl Plan {
    pub(super) fn of(pairs: &Pairs<'_>, options: &Options) -> Self {
        Self {
            alpha: options.alpha,
            repeats: pairs.repeats,
            hangs_together: pairs.has_groups || pairs.repeats > 1.0,
            has_groups: pairs.has_groups,
            sequential: options.sequential,
            seed: options.seed,
        }
    }

    /// The critical value of one side, and the chance to be above a score.
    fn critical(&self, tail: f64, units: f64) -> f64 {
        match self.has_groups {
            true => student_quantile(1.0 - tail, (units - 1.0).max(1.0)),
            false => normal_quantile(1.0 - tail),
        }
    }

    fn above(&self, score: f64, units: f64) -> f64 {
        match self.has_groups {
            true => student_above(score, (units - 1.0).max(1.0)),
            false => normal_cdf(-score),
        }
    }
}

/// What the test of a part found.
#[derive(Debug, Clone)]
pub(super) struct Tested {
    pub(super) n: u64,
    pub(super) baseline: Rate,
    pub(super) candidate: Rate,
    pub(super) difference: Difference,
    pub(super) mcnemar: Mcnemar,
    pub(super) p_non_inferior: f64,
    pub(super) smallest_effect: f64,
}

/// Tests pairs against a margin; `None` where there are none.
pub(super) fn test(pairs: &[Rates], plan: &Plan, margin: f64) -> Option<Tested> {
    if pairs.is_empty() {
        return None;
    }
    let n = pairs.len() as f64;
    let moved: Vec<Clustered> = clustered(pairs, |pair| pair.candidate - pair.baseline);
    let by_unit = units(&moved);
    let table = weighed(&moved, n, plan);
    let units = by_unit.len() as f64;
    let ends = table.interval(plan.critical(plan.alpha / 2.0, units));
    let (lower_bound, _) = table.interval(plan.critical(plan.alpha, units));
    let difference = Difference { value: table.difference(), interval: ends.into(), lower_bound };
    let mut mcnemar = exact(&moved);
    let mut p_non_inferior = plan.above(table.score(-margin), units);
    if plan.hangs_together {
        let losses: Vec<f64> = by_unit.iter().map(|(sum, _)| *sum).collect();
        let gains: Vec<f64> = losses.iter().map(|sum| -sum).collect();
        mcnemar.p_worse = swapped_as_low(&losses, plan.seed);
        mcnemar.p_better = swapped_as_low(&gains, plan.seed);
    }
    if plan.sequential {
        let mut watch = Watch::new(margin, plan.alpha);
        for pair in &moved {
            watch.push(pair.value);
        }
        (mcnemar.p_worse, mcnemar.p_better, p_non_inferior) = watch.p_values();
    }
    let discordance = (table.b + table.c + 1.0) / (table.n + 2.0);
    Some(Tested {
        n: pairs.len() as u64,
        baseline: rate(&clustered(pairs, |pair| pair.baseline), plan),
        candidate: rate(&clustered(pairs, |pair| pair.candidate), plan),
        difference,
        mcnemar,
        p_non_inferior,
        smallest_effect: smallest_effect(table.n, discordance, (plan.alpha, USUAL_POWER)),
    })
}

fn clustered(pairs: &[Rates], value: impl Fn(&Rates) -> f64) -> Vec<Clustered> {
    pairs.iter().map(|pair| Clustered { value: value(pair), unit: pair.unit }).collect()
}

/// The discordant pairs, weighed by how much the pairs know of each other.
fn weighed(moved: &[Clustered], n: f64, plan: &Plan) -> Discordant {
    let sum = |sign: f64| moved.iter().map(|pair| (sign * pair.value).max(0.0)).sum::<f64>();
    let table = Discordant { b: sum(-1.0), c: sum(1.0), n };
    if !plan.hangs_together {
        return table;
    }
    let variance = ((table.b + table.c) / n - table.difference().powi(2)) / n;
    let weight = 1.0 / design_effect(moved, variance, plan.repeats);
    Discordant { b: table.b * weight, c: table.c * weight, n: n * weight }
}

fn exact(moved: &[Clustered]) -> Mcnemar {
    let count = |is: fn(f64) -> bool| moved.iter().filter(|pair| is(pair.value)).count() as u64;
    let (b, c) = (count(|value| value < 0.0), count(|value| value > 0.0));
    Mcnemar {
        b,
        c,
        p: binomial::mcnemar(b, c),
        p_worse: binomial::mcnemar_worse(b, c),
        p_better: binomial::mcnemar_worse(c, b),
    }
}

fn rate(values: &[Clustered], plan: &Plan) -> Rate {
    let n = values.len() as f64;
    let mean = values.iter().map(|pair| pair.value).sum::<f64>() / n;
    let weight = match plan.hangs_together {
        true => 1.0 / design_effect(values, mean * (1.0 - mean) / n, plan.repeats),
        false => 1.0,
    };
    let z = normal_quantile(1.0 - plan.alpha / 2.0);
    let interval = wilson(mean * n * weight, n * weight, z).into();
    let passed = values.iter().filter(|pair| pair.value >= 1.0).count() as u64;
    Rate { passed, of: values.len() as u64, rate: mean, interval }
}

/// The pass rate of one run, of all cases or of a slice, with its interval at 95 %.
pub(crate) fn rate_of(run: &Arm, slice: Option<&str>) -> Rate {
    let inside = run.cases().iter().enumerate().filter(|(_, case)| {
        slice.is_none_or(|name| case.slices().iter().any(|slice| slice == name))
    });
    let rates = inside.filter_map(|(unit, case)| Some(Clustered { value: case.rate()?, unit }));
    let plan = Plan {
        alpha: 0.05,
        repeats: run.most_repeats() as f64,
        hangs_together: run.most_repeats() > 1,
        has_groups: false,
        sequential: false,
        seed: 0,
    };
    match rates.collect::<Vec<_>>().as_slice() {
        [] => Rate { passed: 0, of: 0, rate: 0.0, interval: [0.0, 1.0] },
        rates => rate(rates, &plan),
    }
}

/// The p-values of a part after Holm's correction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Adjusted {
    pub(super) worse: f64,
    pub(super) better: f64,
    pub(super) non_inferior: f64,
}

impl Adjusted {
    /// What they come to. Surely within the margin comes first: a loss that is certain and too
    /// small to matter is no alarm.
    pub(super) fn verdict(&self, alpha: f64) -> Verdict {
        match self {
            sure if sure.non_inferior <= alpha && sure.better <= alpha => Verdict::Improved,
            sure if sure.non_inferior <= alpha => Verdict::NonInferior,
            sure if sure.worse <= alpha => Verdict::Regressed,
            _ => Verdict::Inconclusive,
        }
    }
}

/// Corrects the claims that parts are as good, or better, among each other. The alarms come
/// corrected already, over a larger family.
pub(super) fn adjusted(parts: &[(f64, f64)], worse: &[f64]) -> Vec<Adjusted> {
    let column = |of: fn(&(f64, f64)) -> f64| {
        holm::adjusted_alike(&parts.iter().map(of).collect::<Vec<_>>())
    };
    let (better, non_inferior) = (column(|part| part.0), column(|part| part.1));
    let claims = better.into_iter().zip(non_inferior);
    let all = worse.iter().zip(claims);
    all.map(|(worse, (better, non_inferior))| Adjusted { worse: *worse, better, non_inferior })
        .collect()
}

impl Tested {
    /// The two claims that a part may make for the candidate.
    pub(super) const fn claims(&self) -> (f64, f64) {
        (self.mcnemar.p_better, self.p_non_inferior)
    }

    pub(super) fn into_part(self, name: &str, adjusted: &Adjusted, alpha: f64) -> Part {
        Part {
            name: name.to_owned(),
            verdict: adjusted.verdict(alpha),
            n: self.n,
            baseline: self.baseline,
            candidate: self.candidate,
            difference: Some(self.difference),
            mcnemar: Some(self.mcnemar),
            p_worse_adjusted: adjusted.worse,
            minimum_detectable_effect: Some(self.smallest_effect),
        }
    }
}
