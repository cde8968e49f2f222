//! Recall and precision of each label: equal accuracy may hide that one label is found more and
//! another less.

use std::collections::BTreeSet;

use super::comparison::{Difference, Label, Part, Rate, Verdict};
use super::pairs::{Pairs, Rates};
use super::part::{Adjusted, Plan, Tested, test};
use crate::stats::precision::{self, Named, Precisions};
use crate::stats::proportion::wilson;
use crate::stats::special::{normal_quantile, student_quantile};

/// A label, tested.
pub(super) struct Tests {
    name: String,
    changed: u64,
    recall: Option<Tested>,
    precision: Precision,
}

/// Both precisions, and their test where one is possible.
struct Precision {
    baseline: Rate,
    candidate: Rate,
    tested: Option<Precisions>,
    margin: f64,
    sequential: bool,
}

/// Tests every label that both runs know of in some case.
pub(super) fn tests(pairs: &Pairs<'_>, plan: &Plan, margin: f64) -> Vec<Tests> {
    let names: BTreeSet<&str> = pairs.all.iter().flat_map(|pair| pair.candidate.labels()).collect();
    names.into_iter().filter_map(|name| one(name, pairs, plan, margin)).collect()
}

fn one(name: &str, pairs: &Pairs<'_>, plan: &Plan, margin: f64) -> Option<Tests> {
    let known = pairs.all.iter().filter_map(|pair| {
        let (expected, baseline) = pair.baseline.label(name)?;
        let (_, candidate) = pair.candidate.label(name)?;
        Some(Named { expected, baseline, candidate, unit: pair.unit })
    });
    let cases: Vec<Named> = known.collect();
    if cases.is_empty() {
        return None;
    }
    let rate = |found: bool| if found { 1.0 } else { 0.0 };
    let right = cases.iter().filter(|case| case.expected).map(|case| Rates {
        baseline: rate(case.baseline),
        candidate: rate(case.candidate),
        unit: case.unit,
    });
    let recall = test(&right.collect::<Vec<_>>(), plan, margin);
    let changed = cases.iter().filter(|case| case.baseline != case.candidate).count() as u64;
    Some(Tests {
        name: name.to_owned(),
        changed,
        recall,
        precision: Precision {
            baseline: share(&cases, |case| case.baseline, plan),
            candidate: share(&cases, |case| case.candidate, plan),
            tested: precision::compare(&cases),
            margin,
            sequential: plan.sequential,
        },
    })
}

fn share(cases: &[Named], named: impl Fn(&Named) -> bool, plan: &Plan) -> Rate {
    let named: Vec<&Named> = cases.iter().filter(|case| named(case)).collect();
    let passed = named.iter().filter(|case| case.expected).count() as u64;
    let of = named.len() as u64;
    let rate = if of > 0 { passed as f64 / of as f64 } else { 0.0 };
    let z = normal_quantile(1.0 - plan.alpha / 2.0);
    Rate { passed, of, rate, interval: wilson(passed as f64, of as f64, z).into() }
}

impl Tests {
    /// The alarms of recall and precision.
    pub(super) fn alarms(&self) -> [f64; 2] {
        [self.recall.as_ref().map_or(1.0, |recall| recall.mcnemar.p_worse), self.precision.p(0.0).0]
    }

    /// The claims of recall and precision: better, and as good.
    pub(super) fn claims(&self) -> [(f64, f64); 2] {
        let precision = (self.precision.p(0.0).1, self.precision.p(-self.precision.margin).1);
        [self.recall.as_ref().map_or((1.0, 1.0), Tested::claims), precision]
    }

    pub(super) fn into_label(self, recall: &Adjusted, precision: &Adjusted, alpha: f64) -> Label {
        let recall = match self.recall {
            Some(tested) => tested.into_part("recall", recall, alpha),
            None => unknown("recall", (NONE, NONE)),
        };
        let precision = self.precision.into_part(precision, alpha);
        let verdict = worse_of(recall.verdict, precision.verdict);
        Label { name: self.name, verdict, recall, precision, changed: self.changed }
    }
}

const NONE: Rate = Rate { passed: 0, of: 0, rate: 0.0, interval: [0.0, 1.0] };

fn unknown(name: &str, (baseline, candidate): (Rate, Rate)) -> Part {
    Part {
        name: name.to_owned(),
        verdict: Verdict::Inconclusive,
        n: candidate.of,
        baseline,
        candidate,
        difference: None,
        mcnemar: None,
        p_worse_adjusted: 1.0,
        minimum_detectable_effect: None,
    }
}

impl Precision {
    /// The chances of a difference as low, and as high, when it is `at`. There is no test of it
    /// that holds at every look, so an early stop neither accuses nor acquits it.
    fn p(&self, at: f64) -> (f64, f64) {
        match self.tested {
            Some(tested) if !self.sequential => {
                let low = tested.as_low(at);
                (low, if tested.error > 0.0 { 1.0 - low } else { 1.0 })
            }
            _ => (1.0, 1.0),
        }
    }

    fn into_part(self, adjusted: &Adjusted, alpha: f64) -> Part {
        let mut part = unknown("precision", (self.baseline, self.candidate));
        part.p_worse_adjusted = adjusted.worse;
        if let Some(tested) = self.tested {
            part.verdict = adjusted.verdict(alpha);
            let reach = student_quantile(1.0 - alpha, tested.freedom) * tested.error;
            part.difference = Some(Difference {
                value: tested.difference,
                interval: tested.interval(1.0 - alpha).into(),
                lower_bound: (tested.difference - reach).max(-1.0),
            });
        }
        part
    }
}

/// The verdict to be told of two.
fn worse_of(one: Verdict, other: Verdict) -> Verdict {
    let rank = |verdict: Verdict| match verdict {
        Verdict::InfrastructureError => 0,
        Verdict::Regressed => 1,
        Verdict::Inconclusive => 2,
        Verdict::NonInferior => 3,
        Verdict::Improved => 4,
    };
    if rank(one) <= rank(other) { one } else { other }
}
